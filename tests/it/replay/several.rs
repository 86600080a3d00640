//! Several logs in any order, parts of a log, and the hour that comes twice.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::made::{at, decisions, ended, replay, summary};
use crate::support::program::{file, objects, run};

/// Ten in the morning.
const T0: u64 = 36_000_000;
const HOUR: u64 = 3_600_000;
const BACKEND: &str = "always_up = [\"web1\"]\nspares = [\"web2\"]\nresponse_time = \"500ms\"\n\
                       window = 15\nmin_span = \"0s\"\nidle_timeout = \"30s\"";

/// Five spikes of 45 slow requests, each followed by fast ones; 1250 lines in 350 s.
fn spikes() -> Vec<(u64, u64)> {
    let mut lines = Vec::new();
    for spike in 0..5 {
        let start = T0 + spike * 70_000;
        lines.extend((1..=45).map(|number| (start + number * 100, 800)));
        lines.extend((1..=205).map(|number| (start + 4500 + number * 300, 10)));
    }
    lines
}

fn text(lines: &[(u64, u64)]) -> String {
    let lines = lines.iter();
    lines
        .map(|(end, took)| ended(*end, "web/web1", [0, 0, 0, *took]))
        .collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn rotated_logs_are_replayed_in_the_order_of_time_however_they_are_named() {
    let lines = spikes();
    let whole = replay(BACKEND, &text(&lines), &["--json"]).succeeded();
    let folder = tempfile::tempdir().unwrap();
    let config = file(
        folder.path(),
        "x.toml",
        format!("[backend.web]\n{BACKEND}\n"),
    );
    let oldest = file(folder.path(), "x.log.2.gz", gzip(&text(&lines[..400])));
    let older = file(folder.path(), "x.log.1", text(&lines[400..900]));
    let newest = file(folder.path(), "x.log", text(&lines[900..]));
    let empty = file(folder.path(), "empty.log", "");
    for order in [
        [&newest, &older, &oldest, &empty],
        [&empty, &oldest, &older, &newest],
        [&older, &empty, &newest, &oldest],
    ] {
        let [a, b, c, d] = order;
        let ran = run(&["replay", "--json", "-c", &config, a, b, c, d]);
        assert!(!ran.err.contains("overlap"), "{ran:?}");
        assert_eq!(ran.succeeded(), whole);
    }
    let twice = run(&["replay", "--json", "-c", &config, &older, &older]);
    assert_eq!(
        twice.err.matches("overlap by 2m").count(),
        1,
        "{}",
        twice.err
    );
    let numbers = |logs: &[&str]| run(&[&["stats", "--json"], logs].concat()).succeeded();
    let all = file(folder.path(), "all.log", text(&lines));
    assert_eq!(numbers(&[&newest, &oldest, &older]), numbers(&[&all]));
}

#[test]
fn since_and_until_replay_a_part_of_the_log_as_if_it_were_all() {
    let lines = spikes();
    let (since, until) = (T0 + 70_000, T0 + 140_000);
    let part: Vec<_> = lines
        .iter()
        .copied()
        .filter(|(end, _)| (since..until).contains(end))
        .collect();
    assert!(part.len() > 200 && part.len() < 300);
    // Lines that are no requests belong to those around them.
    let other = "not a request\n";
    let of_part = format!("{}{other}{}{other}", text(&part[..9]), text(&part[9..]));
    let before: Vec<_> = lines.iter().copied().filter(|it| it.0 < since).collect();
    let after: Vec<_> = lines.iter().copied().filter(|it| it.0 >= until).collect();
    let (before, after) = (text(&before), text(&after));
    let log = format!("{other}{before}{other}{of_part}{after}{other}");
    let (from, to) = (at(since), at(until));
    let options = ["--json", "--since", &from, "--until", &to];
    assert_eq!(
        replay(BACKEND, &log, &options).succeeded(),
        replay(BACKEND, &of_part, &["--json"]).succeeded()
    );
    let nothing = replay(BACKEND, &log, &["--since", "2027-01-01"]).succeeded();
    assert!(
        nothing.contains("the part of the log between --since and --until has no request of"),
        "{nothing}"
    );
    let folder = tempfile::tempdir().unwrap();
    let log = file(folder.path(), "x.log", &log);
    let stats = run(&["stats", "--json", "--since", &from, "--until", &to, &log]).succeeded();
    assert_eq!(objects(&stats)[0]["requests"], part.len());
    assert_eq!(objects(&stats)[0]["lines"], part.len() + 2);
    let parsed = run(&["parse", "--since", &from, "--until", &to, &log]).succeeded();
    assert_eq!(parsed.lines().count(), part.len());
    let parse = ["parse", "--rejects", "--since", &from, "--until", &to, &log];
    assert_eq!(objects(&run(&parse).succeeded()).len(), 2);
}

#[test]
fn a_moment_that_is_none_is_refused_with_what_is_accepted() {
    let refused = |options: &[&str]| run(&[&["stats", "x.log"], options].concat()).failed(2);
    let error = refused(&["--since", "23:60"]);
    assert!(error.contains("2026-11-21T23:00"), "{error}");
    let error = refused(&["--since", "2026-11-21", "--until", "2026-11-21T00:00"]);
    assert!(
        error.contains("--since must be earlier than --until"),
        "{error}"
    );
}

#[test]
fn through_the_hour_that_comes_twice_the_decisions_are_the_same() {
    let lines = spikes();
    let plain = replay(BACKEND, &text(&lines), &["--json"]).succeeded();
    for fold in [T0 + 1000, T0 + 72_000, T0 + 170_000] {
        let shown: Vec<_> = lines
            .iter()
            .map(|&(end, took)| (if end < fold { end } else { end - HOUR }, took))
            .collect();
        let folded = replay(BACKEND, &text(&shown), &["--json"]).succeeded();
        assert_eq!(summary(&folded), summary(&plain));
        // `at` is what the log's clock showed.
        let fold = super::made::stamp(fold);
        let expected: Vec<_> = decisions(&plain)
            .into_iter()
            .map(|decision| match decision.split_at(12) {
                (time, rest) if time >= fold.as_str() => {
                    format!("{}{rest}", time.replacen("10:", "09:", 1))
                }
                _ => decision,
            })
            .collect();
        assert_eq!(decisions(&folded), expected);
    }
}
