//! One log line → [`Record`] or a named [`Reject`]. Neither I/O nor configuration lives here.
//!
//! The safety of the whole product hangs on one rule: a line is read from its first byte to the
//! right, and never past the bytes field, because everything further right can hold bytes that a
//! client chose. Only two literal `-` in place of the captured cookies, which no client can
//! produce, open the way to the termination flags, connections and queues.

use std::cell::RefCell;
use std::sync::LazyLock;

use regex::bytes::{CaptureLocations, Regex, RegexBuilder};

use super::bytes::{Body, is_client, plain_server};
use super::format::{LogFormat, Reader};
use super::head;
use super::number::{status, timer, unsigned, without_plus};
use super::record::ended_ms;
use super::reject::{classify, server_change};
use super::scan::{self, Front, LastHead, LastSecond};
use crate::words::request::{Request, Tail};

pub use super::number::{TIMER_MAX_MS, TOTAL_MAX_MS};
pub use super::record::{Brief, Logged, Record};
pub use super::reject::Reject;
pub use crate::words::calendar::{format_local_ms, parse_local_ms};

/// `%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B`, the stock httplog format (1.5 to 3.5-dev)
/// up to the bytes field. Anchored, and at every byte there is one way on only, so that the
/// one-pass engine of `regex` fills in the groups. `scan` finds the same in plain lines, faster.
const HTTPLOG: &str = r"(?x) \A
    ([^\ ]+) \ \[ ([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}) \]
    \  ([A-Za-z0-9_.:-]+|<[A-Za-z0-9_.:-]+>) ~?
    \  ([A-Za-z0-9_.:-]+|<[A-Za-z0-9_.:-]+>)
    /   ([A-Za-z0-9_.:-]+|<[A-Za-z0-9_.:-]+>|\\u003c[A-Za-z0-9_.:-]+\\u003e)
    \  (-?[0-9]+) / (-?[0-9]+) / (-?[0-9]+) / (-?[0-9]+) / (-[0-9]+|\+?[0-9]+)
    \  (-?[0-9]+) \  \+?([0-9]+)";

/// ` - - %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq`, from the bytes field on.
const TAIL: &str = r"(?x) \A
    \ -\ - \  ([A-Za-z-]{4})
    \  [0-9]+ / [0-9]+ / [0-9]+ / ([0-9]+) / \+?([0-9]+)
    \  ([0-9]+) / ([0-9]+)";

/// What two cookies that were not captured look like; a client can produce no lone `-` there.
const TAIL_START: &[u8] = b" - - ";

static HTTPLOG_REGEX: LazyLock<Regex> = LazyLock::new(|| compile(HTTPLOG));
static TAIL_REGEX: LazyLock<Regex> = LazyLock::new(|| compile(TAIL));

/// Why a line without a moment is no use where time matters, and what to do.
pub const NO_DATE: &str = "the log format has no date, and its lines have no syslog head with one; write \
    %tr into the log-format, or keep the head that the syslog daemon writes";

/// Reads lines of one format behind the heads of one program. One belongs to one thread.
#[derive(Clone, Debug)]
pub struct Parser {
    tag: Vec<u8>,
    format: LogFormat,
    /// Reads another format than httplog.
    other: Option<Reader>,
    httplog: Finder,
    tail: Finder,
    last_head: LastHead,
    last_second: LastSecond,
}

impl Parser {
    /// A parser of the stock httplog format; see [`Self::new`].
    pub fn httplog(tag: &str) -> Self {
        Self::new(&LogFormat::httplog(), tag)
    }

    /// A parser of lines in `format`. `tag` is the program name that a syslog head must carry;
    /// heads without a program name are not affected by it.
    pub fn new(format: &LogFormat, tag: &str) -> Self {
        Self {
            tag: tag.as_bytes().to_vec(),
            format: format.clone(),
            other: format.reader(),
            httplog: Finder::of(&HTTPLOG_REGEX),
            tail: Finder::of(&TAIL_REGEX),
            last_head: LastHead::default(),
            last_second: LastSecond::default(),
        }
    }

    /// The program name that a syslog head must carry.
    pub fn tag(&self) -> &str {
        std::str::from_utf8(&self.tag).unwrap_or_default()
    }

    /// How the lines are written.
    pub fn format(&self) -> &LogFormat {
        &self.format
    }

    /// About now, in milliseconds since 1970: dates of syslog heads have no year, and are of the last
    /// twelve months before then. Only formats without a date of their own ask for it.
    #[must_use]
    pub fn with_today(mut self, today_ms: u64) -> Self {
        if let Some(other) = &mut self.other {
            other.set_today(today_ms);
        }
        self
    }

    /// What one line says; `line` is without its newline and may end in one carriage return.
    ///
    /// Total: any bytes give a record or a named reason, in time linear in the line. Two lines that
    /// are equal up to the bytes field (if both cookies are `-`: up to the queues) give the same.
    pub fn parse<'a>(&self, line: &'a [u8]) -> Result<Record<'a>, Reject> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let scanned = self.scan(line);
        let (mut record, rest) = match scanned.and_then(|it| Some((it.record()?, it.rest))) {
            Some(found) => found,
            None => match self.read_slowly(line)? {
                (record, Some(rest)) => (record, rest),
                (record, None) => return Ok(record),
            },
        };
        record.request.tail = scan::tail(rest).or_else(|| self.read_tail(rest));
        Ok(record)
    }

    /// The numbers of a line, or the same reason as [`Parser::parse`] gives. `wants_tail`: what
    /// stands behind the bytes field, too.
    pub fn parse_brief<'a>(&self, line: &'a [u8], wants_tail: bool) -> Result<Brief<'a>, Reject> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (mut brief, rest) = match self.scan(line) {
            Some(front) => (front.brief(), front.rest),
            None => match self.read_slowly(line)? {
                (record, Some(rest)) => (Brief::of(&record), rest),
                (record, None) => return Ok(Brief::of(&record)),
            },
        };
        if wants_tail {
            brief.request.tail = scan::tail(rest).or_else(|| self.read_tail(rest));
        }
        Ok(brief)
    }

    /// A plain line of httplog, quickly; `None` is no verdict.
    #[inline]
    fn scan<'a>(&self, line: &'a [u8]) -> Option<Front<'a>> {
        if self.other.is_some() {
            return None;
        }
        // What is no head behind another head is none behind the same one in the next line either:
        // no head begins like a client's address.
        if let Some(text) = self.last_head.strip(line)
            && let Some(front) = scan::httplog(text, &self.last_second)
        {
            return Some(front);
        }
        let body = head::strip(line, &self.tag).ok()?;
        let front = scan::httplog(body.text, &self.last_second)?;
        self.last_head.keep(line, body);
        Some(front)
    }

    /// By the pattern: the record, without its tail where that may stand in what follows.
    #[cold]
    fn read_slowly<'a>(&self, line: &'a [u8]) -> Result<(Record<'a>, Option<&'a [u8]>), Reject> {
        let body = head::strip(line, &self.tag)?;
        match &self.other {
            Some(other) => other.read(body).map(|record| (record, None)),
            None => self.read(body).map(|(record, rest)| (record, Some(rest))),
        }
    }

    /// The same by the pattern.
    fn read<'a>(&self, body: Body<'a>) -> Result<(Record<'a>, &'a [u8]), Reject> {
        let Some(groups) = self.httplog.find(body.text) else {
            return Err(classify(body));
        };
        let rest = groups.rest();
        if !is_client(groups.bytes(1)) || !ends_field(rest) {
            return Err(classify(body));
        }
        Ok((read_httplog(&groups)?, rest))
    }

    /// The backend of which a refused line says, in HAProxy's own words, that a server of it went up
    /// or down. Never proof of anything: a reason to look at HAProxy, and no more.
    pub fn server_change<'a>(&self, line: &'a [u8]) -> Option<&'a str> {
        let body = head::strip(line, &self.tag).ok()?;
        server_change(body.text)
    }

    /// The fields behind the bytes field, if no client can have written them.
    #[cold]
    fn read_tail(&self, rest: &[u8]) -> Option<Tail> {
        if !rest.starts_with(TAIL_START) {
            return None;
        }
        let groups = self.tail.find(rest)?;
        if !ends_field(groups.rest()) {
            return None;
        }
        let count = |group| u32::try_from(unsigned(groups.bytes(group))?).ok();
        Some(Tail {
            termination: groups.bytes(1).try_into().ok()?,
            server_connections: count(2)?,
            retries: count(3)?,
            server_queue: count(4)?,
            backend_queue: count(5)?,
        })
    }
}

/// Groups of the larger pattern, the whole match included.
const GROUPS: usize = 13;

/// Where each group begins and ends; group 0 is the whole match.
type Spans = [(usize, usize); GROUPS];

/// A pattern, and where the groups of its last match were: kept, so that a line costs no allocation.
#[derive(Clone, Debug)]
struct Finder {
    pattern: Regex,
    places: RefCell<CaptureLocations>,
}

impl Finder {
    fn of(pattern: &Regex) -> Self {
        Self {
            pattern: pattern.clone(),
            places: RefCell::new(pattern.capture_locations()),
        }
    }

    /// What the pattern finds at the beginning of the text.
    fn find<'a>(&self, text: &'a [u8]) -> Option<Groups<'a>> {
        let mut places = self.places.borrow_mut();
        self.pattern.captures_read(&mut places, text)?;
        let mut spans = Spans::default();
        for (group, span) in spans.iter_mut().enumerate() {
            *span = places.get(group).unwrap_or_default();
        }
        Some(Groups { text, spans })
    }
}

/// The groups of one match.
struct Groups<'a> {
    text: &'a [u8],
    spans: Spans,
}

impl<'a> Groups<'a> {
    /// The bytes of a group; nothing if it took no part in the match.
    fn bytes(&self, group: usize) -> &'a [u8] {
        self.spans
            .get(group)
            .and_then(|&(start, end)| self.text.get(start..end))
            .unwrap_or_default()
    }

    /// What follows the match.
    fn rest(&self) -> &'a [u8] {
        let [(_, end), ..] = self.spans;
        self.text.get(end..).unwrap_or_default()
    }

    /// A group whose bytes the pattern limits to ASCII.
    fn text(&self, group: usize) -> Result<&'a str, Reject> {
        std::str::from_utf8(self.bytes(group)).map_err(|_| Reject::NotHttplog)
    }

    /// The server, with `<` and `>` back in their places where a container's runtime escaped them.
    fn server(&self, group: usize) -> Result<&'a str, Reject> {
        plain_server(self.bytes(group)).ok_or(Reject::NotHttplog)
    }

    /// `-1` is none; more than `max_ms` is no timer.
    fn timer(&self, group: usize, max_ms: u32) -> Result<Option<u32>, Reject> {
        timer(without_plus(self.bytes(group)), max_ms)
    }
}

/// The values of a line whose shape matched; the tail is left out.
fn read_httplog<'a>(groups: &Groups<'a>) -> Result<Record<'a>, Reject> {
    let accepted_ms = parse_local_ms(groups.bytes(2)).ok_or(Reject::BadDate)?;
    let total_ms = groups.timer(10, TOTAL_MAX_MS)?;
    Ok(Record {
        frontend: Some(groups.text(3)?),
        accepted: Some(groups.text(2)?),
        accepted_ms: Some(accepted_ms),
        ended_ms: Some(ended_ms(accepted_ms, total_ms)),
        bytes: Some(unsigned(groups.bytes(12)).ok_or(Reject::BadNumber)?),
        logged: Logged::ALL,
        request: Request {
            backend: groups.text(4)?,
            server: groups.server(5)?,
            request_ms: groups.timer(6, TIMER_MAX_MS)?,
            queue_ms: groups.timer(7, TIMER_MAX_MS)?,
            connect_ms: groups.timer(8, TIMER_MAX_MS)?,
            response_ms: groups.timer(9, TIMER_MAX_MS)?,
            total_ms,
            status: status(groups.bytes(11))?,
            tail: None,
        },
    })
}

/// A field ends at a space or with the line.
fn ends_field(rest: &[u8]) -> bool {
    matches!(rest, [] | [b' ', ..])
}

#[expect(
    clippy::expect_used,
    reason = "both patterns are constants of this file"
)]
fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .expect("a valid pattern")
}
