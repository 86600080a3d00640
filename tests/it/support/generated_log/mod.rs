//! A log as a real HAProxy would have written it, made up line by line, always the same one.
//!
//! Each line comes with what it says, known before it was written down, so that a test needs no
//! parser to know what is right; and with what HAProxy's own `halog -srv` makes of it where that is
//! something else. The shapes are those of HAProxy 2.6 and 3.x behind the heads that a syslog daemon
//! puts before them. Nothing here uses the product: `examples/make_log.rs` and `benches/` include
//! this folder alone.

#![allow(dead_code, unreachable_pub, unused_imports)]

mod http;
mod names;
mod odd;
mod prng;

use self::http::{Http, Marks, push_head, push_http};
use self::prng::Prng;

pub use self::http::Head;
pub use self::names::BUSIEST_BACKEND;
pub use self::odd::Kind;

/// The clock starts here, milliseconds into the 31st of October 2026: soon it is `Nov  1`.
const START_MS: u64 = ((23 * 60) + 55) * 60 * 1000;
/// Requests a second.
const RATE: u64 = 500;

/// What log to make.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many lines.
    pub lines: u64,
    /// The share of lines that are out of the ordinary, 0 to 1.
    pub odd: f64,
    /// What stands before HAProxy's own text.
    pub head: Head,
    /// Another seed is another log.
    pub seed: u64,
}

impl Options {
    /// Behind rsyslog's traditional head, the only one that halog reads.
    pub fn new(lines: u64, odd: f64) -> Self {
        Self {
            lines,
            odd,
            head: Head::Rsyslog,
            seed: 1,
        }
    }
}

/// What an HTTP line says, in HAProxy's numbers: `-1` for a timer or status that it had not.
#[allow(clippy::struct_field_names)] // `request_ms` is HAProxy's request time among its timers
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// `%b`.
    pub backend: &'static str,
    /// `%s`.
    pub server: &'static str,
    /// `%TR`, milliseconds, as the other timers.
    pub request_ms: i32,
    /// `%Tw`.
    pub queue_ms: i32,
    /// `%Tc`.
    pub connect_ms: i32,
    /// `%Tr`.
    pub response_ms: i32,
    /// `%Ta`.
    pub total_ms: i32,
    /// `%ST`.
    pub status: i16,
}

/// What `halog -srv` makes of a line. It trusts the order of words alone: neither the program's name
/// nor the date nor the end of the line is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halog<'a> {
    /// The request that it is, or nothing.
    Right,
    /// Nothing, though it is a request.
    Missed,
    /// A request, though HAProxy logged none there, or not a whole one.
    Request(Request),
    /// Tc and Tr go into the averages, but no request is counted.
    Timers(Request),
    /// A row of zeros, if there was none of that name: the word where a server should stand.
    Name(&'a str),
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Without its newline; a carriage return before that is part of it.
    pub text: &'a [u8],
    /// What it was made to show.
    pub kind: Kind,
    /// What it says, if HAProxy's HTTP log line it is, whole up to the bytes field.
    pub request: Option<Request>,
    /// What halog counts.
    pub halog: Halog<'a>,
}

/// What was made, before it can be borrowed.
struct Made {
    request: Option<Request>,
    halog: MadeHalog,
}

enum MadeHalog {
    Right,
    Missed,
    Request(Request),
    Timers(Request),
    /// From here to there in the text.
    Name(usize, usize),
}

impl Made {
    fn request(request: Request) -> Self {
        Self {
            request: Some(request),
            halog: MadeHalog::Right,
        }
    }

    fn nothing() -> Self {
        Self {
            request: None,
            halog: MadeHalog::Right,
        }
    }

    fn only_halog(halog: MadeHalog) -> Self {
        Self {
            request: None,
            halog,
        }
    }
}

/// Makes one line after the other.
pub struct Generator {
    options: Options,
    made: u64,
    now_ms: u64,
    prng: Prng,
    text: Vec<u8>,
}

impl Generator {
    /// The same options give the same lines.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            made: 0,
            now_ms: START_MS,
            prng: Prng::new(options.seed),
            text: Vec::with_capacity(1024),
        }
    }

    /// The next line; `None` after the last.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        if self.made == self.options.lines {
            return None;
        }
        self.made += 1;
        self.now_ms += self.prng.below(2 * 1000 / RATE + 1);
        self.text.clear();
        let kind = if self.prng.chance(self.options.odd) {
            Kind::ODD[self.prng.index(Kind::ODD.len())]
        } else {
            Kind::Plain
        };
        let made = self.make(kind);
        let halog = match made.halog {
            MadeHalog::Right => Halog::Right,
            MadeHalog::Missed => Halog::Missed,
            MadeHalog::Request(request) => Halog::Request(request),
            MadeHalog::Timers(request) => Halog::Timers(request),
            MadeHalog::Name(start, end) => {
                Halog::Name(std::str::from_utf8(&self.text[start..end]).unwrap_or_default())
            }
        };
        Some(Line {
            text: &self.text,
            kind,
            request: made.request,
            halog,
        })
    }

    /// All lines, each with its newline, and nothing else.
    pub fn write_all(&mut self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        while let Some(line) = self.next_line() {
            out.write_all(line.text)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// The head, and an HTTP line behind it.
    fn write_http(&mut self, http: &Http) -> Marks {
        push_head(&mut self.text, self.options.head, self.now_ms);
        push_http(&mut self.text, &mut self.prng, self.now_ms, http)
    }

    /// The head, and some other text behind it.
    fn write_text(&mut self, parts: &[&str]) {
        push_head(&mut self.text, self.options.head, self.now_ms);
        for part in parts {
            self.text.extend_from_slice(part.as_bytes());
        }
    }
}
