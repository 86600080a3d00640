//! The sources that listen, and that all sources give the same lines. Here is what their tests
//! share, and no test.

mod datagram;
mod haproxy;
mod journal;
mod live;
mod same;
mod stream;

use std::path::Path;
use std::time::Duration;

use haproxy_autoscale::log::source::{Item, LogSource, Source, SourceState};
use haproxy_autoscale::words::time::Timestamp;

/// A condition that has not come by then never will.
const LIMIT: Duration = Duration::from_secs(30);
const MAX_LINE_BYTES: usize = 16 * 1024;

fn run(test: impl Future<Output = ()>) {
    crate::support::run_within(LIMIT, test);
}

/// What the text of `[log] source` names.
fn open(source: &str) -> Source {
    Source::open(&LogSource::parse(source).unwrap(), MAX_LINE_BYTES, None)
}

/// ADDR:PORT of a source that listens on a port of the kernel's choice.
fn address(source: &Source) -> String {
    let text = source.describe();
    let (_, address) = text.split_once(':').unwrap();
    assert!(!address.ends_with(":0"), "{text}");
    address.to_owned()
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// One turn, with `TOO LONG` for a line that was.
fn turn(source: &mut Source) -> Vec<String> {
    let mut lines = Vec::new();
    source.turn(Timestamp::from_ms(0), &mut |item| match item {
        Item::Line(line) => lines.push(String::from_utf8_lossy(line).into_owned()),
        Item::TooLong => lines.push("TOO LONG".to_owned()),
    });
    lines
}

/// Reads until there are `count` lines.
async fn read(source: &mut Source, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        source.wait().await;
        lines.extend(turn(source));
    }
    lines
}

/// Goes on until that holds.
async fn until(source: &mut Source, condition: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    while !condition(source) {
        source.wait().await;
        lines.extend(turn(source));
    }
    lines
}

/// Why nothing can be read.
fn trouble(source: &Source) -> &str {
    match source.state() {
        SourceState::Waiting(text) | SourceState::Refused(text) => text,
        SourceState::Reading | SourceState::Ended => "",
    }
}

/// A line of HAProxy whose number can be found again.
fn line(number: usize) -> String {
    format!(
        "<142>Nov 22 02:14:50 haproxy[42]: 127.0.0.1:{} [22/Nov/2026:02:14:49.{:03}] fe web/web1 \
         0/0/0/{number}/{number} 200 {} - - ---- 1/1/0/0/0 0/0 {{a \"b\\}} \"GET /{number} HTTP/1.1\"",
        1024 + number,
        number % 1000,
        100 + number * 7,
    )
}
