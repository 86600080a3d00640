//! What holds for every log format and every line in it, whatever their bytes: a refusal with a place
//! in the text, or a parser whose verdicts do not depend on the lines before. Run by the fuzz target,
//! and on the whole corpus by the tests.

#![allow(unreachable_pub)] // included by the fuzz target and by the tests

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::{Brief, Parser, Record, Reject, TIMER_MAX_MS};

/// What became of one input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The first line is a format that can be read.
    pub is_format: bool,
    /// Lines behind it that were read.
    pub records: usize,
}

/// Panics when a promise is broken. The first line is the format, the rest are lines in it; `None`
/// when the format is no text, which a configuration file cannot hold.
pub fn check(data: &[u8]) -> Option<Seen> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let given = std::str::from_utf8(lines.next()?).ok()?;
    let mut seen = Seen::default();
    match LogFormat::compile(given) {
        Ok(format) => {
            seen.is_format = true;
            assert_eq!(format.as_str(), given);
            let parser = Parser::new(&format, "haproxy");
            for line in lines {
                seen.records += usize::from(check_line(&parser, line));
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(given.get(error.range.clone()).is_some(), "{error:?}");
                assert!(!error.to_string().is_empty(), "{error:?}");
            }
        }
    }
    Some(seen)
}

/// Whether the line was read.
fn check_line(parser: &Parser, line: &[u8]) -> bool {
    let first = parser.parse(line);
    // The zone of the first line may change the second reading, never the verdict.
    let again = parser.parse(line);
    assert_eq!(first.is_ok(), again.is_ok());
    // Who reads a million lines is told the same in fewer words.
    assert_eq!(
        parser.parse_brief(line, true),
        again.map(|it| Brief::of(&it))
    );
    match first {
        Ok(record) => check_record(&record),
        Err(reason) => assert!(Reject::ALL.contains(&reason)),
    }
    first.is_ok()
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
    let is_status = |status| (100..1000).contains(&status);
    assert!(request.status.is_none_or(is_status));
}
