//! The sources on a runtime: what wakes them, and that a dropped wait loses nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use haproxy_autoscale::log::source::{Item, LogSource, POLL_INTERVAL, Source, SourceState};
use haproxy_autoscale::words::time::Timestamp;

const LIMIT: Duration = Duration::from_secs(20);

fn run(test: impl Future<Output = ()>) {
    crate::support::run_within(LIMIT, test);
}

fn open(path: &Path) -> Source {
    Source::open(&LogSource::File(path.to_owned()), 16 * 1024, None)
}

fn turn(source: &mut Source) -> Vec<String> {
    let mut lines = Vec::new();
    source.turn(Timestamp::from_ms(0), &mut |item| match item {
        Item::Line(line) => lines.push(String::from_utf8_lossy(line).into_owned()),
        Item::TooLong => lines.push("TOO LONG".to_owned()),
    });
    lines
}

async fn next(source: &mut Source) -> Vec<String> {
    loop {
        source.wait().await;
        let lines = turn(source);
        if !lines.is_empty() || source.state() == &SourceState::Ended {
            return lines;
        }
    }
}

#[test]
fn a_line_is_seen_without_waiting_for_the_poll() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haproxy.log");
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .unwrap();
    run(async {
        let mut source = open(&path);
        source.wait().await;
        turn(&mut source);
        let mut fastest = LIMIT;
        for _ in 0..20 {
            let started = Instant::now();
            file.write_all(b"line\n").unwrap();
            assert_eq!(next(&mut source).await, ["line"]);
            fastest = fastest.min(started.elapsed());
        }
        assert!(fastest < POLL_INTERVAL / 5, "{fastest:?}");
        assert_eq!(source.lag(Timestamp::from_ms(1)), Duration::ZERO);
    });
}

/// How long a line takes from its write to its reader.
async fn timed_line(source: &mut Source, file: &mut File) -> Duration {
    let started = Instant::now();
    file.write_all(b"line\n").unwrap();
    assert_eq!(next(source).await, ["line"]);
    started.elapsed()
}

/// Writes with `write`, which says how long a line took, until the file is taken for busy; returns
/// how often.
async fn until_busy(mut write: impl AsyncFnMut() -> Duration) -> u32 {
    const MOST: u32 = 20_000;
    let (mut written, mut slow_in_a_row) = (0, 0);
    while slow_in_a_row < 5 {
        let is_slow = write().await > Duration::from_millis(15);
        slow_in_a_row = if is_slow { slow_in_a_row + 1 } else { 0 };
        written += 1;
        assert!(written < MOST, "never taken for busy");
    }
    written
}

async fn none_comes_for(pause: Duration, source: &mut Source) {
    assert!(tokio::time::timeout(pause, next(source)).await.is_err());
}

#[test]
fn a_busy_file_is_read_fifty_times_a_second_and_a_quiet_one_at_once_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haproxy.log");
    let mut file = File::create(&path).unwrap();
    run(async {
        let mut source = open(&path);
        source.wait().await;
        turn(&mut source);
        let written = until_busy(async || timed_line(&mut source, &mut file).await).await;
        assert!(written > 50, "a short burst is no busy file: {written}");
        let mut fastest = LIMIT;
        for _ in 0..20 {
            // Nothing comes, and the watch wakes.
            none_comes_for(Duration::from_millis(60), &mut source).await;
            fastest = fastest.min(timed_line(&mut source, &mut file).await);
        }
        assert!(fastest < Duration::from_millis(5), "{fastest:?}");
    });
}

/// One turn reads several lines, and the hint of the last one leads to nothing.
#[test]
fn a_file_that_is_written_to_in_bursts_of_single_lines_is_busy_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haproxy.log");
    let mut file = File::create(&path).unwrap();
    run(async {
        let mut source = open(&path);
        source.wait().await;
        turn(&mut source);
        until_busy(async || {
            let started = Instant::now();
            file.write_all(b"one\n").unwrap();
            source.wait().await;
            let took = started.elapsed();
            file.write_all(b"two\n").unwrap();
            std::thread::sleep(Duration::from_micros(100)); // For the hint.
            assert_eq!(turn(&mut source), ["one", "two"]);
            let _ = tokio::time::timeout(Duration::ZERO, source.wait()).await;
            assert_eq!(turn(&mut source), [""; 0]);
            took
        })
        .await;
    });
}

#[test]
fn one_look_at_a_busy_file_that_finds_nothing_does_not_make_it_quiet() {
    const ROUNDS: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haproxy.log");
    let mut file = File::create(&path).unwrap();
    run(async {
        let mut source = open(&path);
        source.wait().await;
        turn(&mut source);
        let mut after_pause = Vec::new();
        for _ in 0..ROUNDS {
            until_busy(async || timed_line(&mut source, &mut file).await).await;
            none_comes_for(Duration::from_millis(25), &mut source).await;
            after_pause.push(timed_line(&mut source, &mut file).await);
        }
        // On a busy machine the pause may have been a longer one.
        let is_slow = |took: &&Duration| **took > Duration::from_millis(8);
        let slow = after_pause.iter().filter(is_slow).count();
        assert!(slow >= ROUNDS / 2, "{after_pause:?}");
    });
}

#[test]
fn a_file_whose_directory_appears_later_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log/haproxy.log");
    run(async {
        let mut source = open(&path);
        source.wait().await;
        turn(&mut source);
        assert!(matches!(source.state(), SourceState::Waiting(_)));
        fs::create_dir(dir.path().join("log")).unwrap();
        fs::write(&path, "line\n").unwrap();
        assert_eq!(next(&mut source).await, ["line"]);
        assert_eq!(source.state(), &SourceState::Reading);
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haproxy.log");
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .unwrap();
    run(async {
        let mut source = open(&path);
        let mut lines = Vec::new();
        for part in ["ha", "lf", "\nwhole\n", "ano", "ther\n"] {
            file.write_all(part.as_bytes()).unwrap();
            let _ = tokio::time::timeout(Duration::ZERO, source.wait()).await;
            lines.extend(turn(&mut source));
        }
        assert_eq!(lines, ["half", "whole", "another"]);
    });
}

#[test]
fn what_is_left_unread_shows_as_lag() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haproxy.log");
    fs::write(&path, "").unwrap();
    run(async {
        let mut source = open(&path);
        fs::write(&path, "0123456789abcde\n".repeat(100_000)).unwrap();
        turn(&mut source);
        assert!(source.behind_bytes() > 0);
        assert_eq!(
            source.lag(Timestamp::from_ms(70)),
            Duration::from_millis(70)
        );
        while source.behind_bytes() > 0 {
            source.wait().await;
            turn(&mut source);
        }
        assert_eq!(source.lag(Timestamp::from_ms(70)), Duration::ZERO);
        assert_eq!(source.counters().lines, 100_000);
    });
}

#[test]
fn a_reader_gives_its_last_line_unterminated_and_ends() {
    run(async {
        let input = std::io::Cursor::new("a\r\n\0\0b\nlast").chain(std::io::empty());
        let mut source = Source::reading(input, "standard input", 100);
        let mut lines = Vec::new();
        while source.state() != &SourceState::Ended {
            lines.extend(next(&mut source).await);
        }
        assert_eq!(lines, ["a", "b", "last"]);
        assert_eq!(source.describe(), "standard input");
        let waited = tokio::time::timeout(Duration::from_millis(20), source.wait()).await;
        assert!(
            waited.is_err(),
            "an ended source has nothing to wake up for"
        );
    });
}

#[test]
fn a_reader_with_more_than_is_read_ahead_loses_nothing() {
    run(async {
        let text = format!(
            "{}\n{}",
            "x".repeat(200),
            "0123456789abcde\n".repeat(100_000)
        );
        let input = std::io::Cursor::new(text);
        let mut source = Source::reading(input, "standard input", 100);
        let mut lines = Vec::new();
        while source.state() != &SourceState::Ended {
            lines.extend(next(&mut source).await);
        }
        assert_eq!(lines.len(), 100_001);
        assert_eq!(lines.first().unwrap(), "TOO LONG");
    });
}
