//! What one line costs the parser: plain ones behind each head, and the odd ones. The lines are made
//! up by `tests/it/support/generated_log`.

#![allow(missing_docs)]

#[path = "../tests/it/support/generated_log/mod.rs"]
mod generated_log;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use generated_log::{Generator, Head, Kind, Line, Options};
use haproxy_autoscale::log::line::Parser;

/// Different lines that are read in turn; together larger than the first level of caches.
const LINES: usize = 2000;

/// So many lines of those that `is_wanted`.
fn lines(options: Options, is_wanted: impl Fn(&Line<'_>) -> bool) -> Vec<Vec<u8>> {
    let mut generator = Generator::new(options);
    let mut lines = Vec::with_capacity(LINES);
    while lines.len() < LINES
        && let Some(line) = generator.next_line()
    {
        if is_wanted(&line) {
            lines.push(line.text.to_vec());
        }
    }
    assert_eq!(lines.len(), LINES, "there are enough lines");
    lines
}

fn each(bencher: &mut Bencher<'_>, lines: &[Vec<u8>], mut read: impl FnMut(&[u8]) -> bool) {
    let mut at = 0;
    bencher.iter(|| {
        at = (at + 1) % lines.len();
        read(black_box(&lines[at]))
    });
}

fn line(criterion: &mut Criterion) {
    let parser = Parser::httplog("haproxy");
    let everything = || Options::new(u64::MAX, 1.0);
    let mut group = criterion.benchmark_group("line");
    for (name, head) in Head::ALL {
        let mut options = Options::new(u64::MAX, 0.0);
        options.head = head;
        let lines = lines(options, |_| true);
        group.bench_function(format!("plain, {name}"), |bencher| {
            each(bencher, &lines, |line| {
                black_box(parser.parse(line)).is_ok()
            });
        });
    }
    let plain = lines(Options::new(u64::MAX, 0.0), |_| true);
    group.bench_function("plain, rsyslog, as stats reads it", |bencher| {
        each(bencher, &plain, |line| {
            black_box(parser.parse_brief(line, false)).is_ok()
        });
    });
    let odd = lines(everything(), |line| line.request.is_some());
    group.bench_function("odd requests", |bencher| {
        each(bencher, &odd, |line| black_box(parser.parse(line)).is_ok());
    });
    let rejected = lines(everything(), |line| line.request.is_none());
    group.bench_function("rejected", |bencher| {
        each(bencher, &rejected, |line| {
            black_box(parser.parse(line)).is_err()
        });
    });
    for kind in [
        Kind::OwnMessage,
        Kind::OtherProgram,
        Kind::Tcplog,
        Kind::Garbage,
    ] {
        let rejected = lines(everything(), |line| line.kind == kind);
        group.bench_function(format!("rejected, {kind:?}"), |bencher| {
            each(bencher, &rejected, |line| {
                black_box(parser.parse(line)).is_err()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = line
}
criterion_main!(benches);
