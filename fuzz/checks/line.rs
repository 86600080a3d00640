//! What holds for every line, whatever its bytes: the parser gives a record or a reason (P-1), and
//! nothing behind the bytes field changes what stands before it (P-2). Neither do the lines before,
//! nor does it matter in which of its ways the parser reads it. Run by the fuzz target, and on the
//! whole corpus by the tests.

#![allow(unreachable_pub)] // included by the fuzz target and by the tests

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::{Brief, Parser, Record, Reject, TIMER_MAX_MS};

/// Stock httplog up to where its tail begins: compiled like any other format, so that its lines are
/// read by neither of the ways that stock httplog has.
const FRONT: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B";

/// Programs whose lines are asked for.
const TAGS: [&str; 3] = ["haproxy", "haproxy-new", "x"];

/// What a client might like to put behind the bytes field.
const TAILS: [&str; 9] = [
    "",
    "x",
    "- - ---- 9/9/9/9/9 9/9",
    "- - sQ-- 1/1/1/1/+3 0/1 {a b|c} \"GET / HTTP/1.1\"",
    "SESS=a - ---- 1/1/1/1/0 0/0",
    "9.9.9.9:1 [21/Nov/2026:23:00:00.000] fe be/s2 0/0/0/99999/99999 500 1 - - ---- 1/1/1/1/0 0/0",
    "haproxy[1]: 9.9.9.9:1 [21/Nov/2026:23:00:00.000] fe be/s2 0/0/0/99999/99999 500 1",
    "\"} {\"log\":\"\\",
    "\u{0}\u{7f}] times: [",
];

/// A line that every parser reads before each input, so that the same input finds it the same.
const FIRST: &[u8] = b"<6>127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 12";

/// One of each for each program. A parser costs more to make than a line to read.
struct Parsers {
    stock: Parser,
    front: Parser,
}

thread_local! {
    static PARSERS: Vec<Parsers> = {
        let front = LogFormat::compile(FRONT).expect("a format");
        let parsers = TAGS.map(|tag| Parsers {
            stock: Parser::httplog(tag),
            front: Parser::new(&front, tag),
        });
        parsers.into()
    };
}

/// Panics when a promise is broken. The bytes are read as one line, and line by line.
pub fn check(bytes: &[u8]) {
    PARSERS.with(|all| {
        for parsers in all {
            check_with(parsers, bytes);
        }
    });
}

fn check_with(Parsers { stock, front }: &Parsers, bytes: &[u8]) {
    assert!(stock.parse(FIRST).is_ok());
    let lines = || bytes.split(|byte| *byte == b'\n');
    let mut forwards = Vec::new();
    for line in [bytes].into_iter().chain(lines()) {
        let whole = stock.parse(line);
        check_line(stock, line, whole);
        check_ways(stock, front, line, whole);
        forwards.push(whole);
    }
    // Behind other lines each is what it was.
    for line in lines().rev() {
        assert_eq!(Some(stock.parse(line)), forwards.pop());
    }
}

/// All ways to read a line lead to the same.
fn check_ways(stock: &Parser, front: &Parser, line: &[u8], whole: Result<Record<'_>, Reject>) {
    let brief = stock.parse_brief(line, true);
    assert_eq!(brief, whole.map(|it| Brief::of(&it)));
    let start = whole.map(without_tail);
    let brief = stock.parse_brief(line, false);
    assert_eq!(brief, start.map(|it| Brief::of(&it)));
    if let Ok(start) = start {
        // HAProxy's own HTTP client has a lone `-` in place of `%ci:%cp`.
        let at = date_of(line, &start);
        if !line[..at].ends_with(b"- [") {
            assert_eq!(front.parse(line), Ok(start), "as a format");
        }
    }
}

fn check_line(parser: &Parser, line: &[u8], whole: Result<Record<'_>, Reject>) {
    match whole {
        Ok(record) => {
            assert_eq!(parser.server_change(line), None);
            check_record(&record);
            check_tails(parser, line, record);
        }
        Err(reason) => {
            assert!(Reject::ALL.contains(&reason));
            if parser.server_change(line).is_some() {
                assert_eq!(reason, Reject::HaproxyMessage);
            }
        }
    }
}

fn check_record(record: &Record<'_>) {
    let request = record.request;
    assert!(!request.backend.is_empty() && !request.server.is_empty());
    let timers = [
        request.request_ms,
        request.queue_ms,
        request.connect_ms,
        request.response_ms,
    ];
    for timer in timers.into_iter().flatten() {
        assert!(timer <= TIMER_MAX_MS);
    }
    assert!(
        request
            .status
            .is_none_or(|status| (100..1000).contains(&status))
    );
}

/// The same line with every tail behind its bytes field, and behind its queues.
fn check_tails(parser: &Parser, line: &[u8], record: Record<'_>) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let end = end_of_bytes(line, &record);
    let start = &line[..end];
    for tail in TAILS {
        let other = [start, b" ", tail.as_bytes()].concat();
        assert_eq!(
            parser.parse(&other).map(without_tail),
            Ok(without_tail(record))
        );
    }
    if record.request.tail.is_some() {
        // ` - - ---- 1/1/1/1/0 0/0`
        let queues = after_spaces(&line[end..], 5);
        let end = end + queues + run_of(&line[end + queues..], b"0123456789/");
        for tail in TAILS {
            let other = [&line[..end], b" ", tail.as_bytes()].concat();
            assert_eq!(parser.parse(&other), Ok(record));
        }
    }
}

/// `[%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B`: the bytes field is the fifth word behind the date.
fn end_of_bytes(line: &[u8], record: &Record<'_>) -> usize {
    let date = date_of(line, record) + record.accepted.map_or(0, str::len);
    let at = date + after_spaces(&line[date..], 5);
    let sign = usize::from(line.get(at) == Some(&b'+'));
    at + sign + run_of(&line[at + sign..], b"0123456789")
}

/// Where the date stands in the line.
fn date_of(line: &[u8], record: &Record<'_>) -> usize {
    let accepted = record.accepted.unwrap_or_default();
    accepted.as_ptr().addr() - line.as_ptr().addr()
}

/// How many bytes there are up to and including so many spaces.
fn after_spaces(text: &[u8], count: usize) -> usize {
    let spaces = text.iter().enumerate().filter(|(_, byte)| **byte == b' ');
    spaces
        .map(|(at, _)| at + 1)
        .nth(count - 1)
        .unwrap_or(text.len())
}

fn run_of(text: &[u8], kind: &[u8]) -> usize {
    text.iter().take_while(|byte| kind.contains(byte)).count()
}

fn without_tail(mut record: Record<'_>) -> Record<'_> {
    record.request.tail = None;
    record
}
