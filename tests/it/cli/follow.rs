//! `parse --follow`: from the end on, through everything that happens to a log, until SIGTERM.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::program::{Collected, Running, SOON, lines_within, objects, program};
use crate::support::{LogFile, wait_for};

/// A line whose number can be read in every field that holds one.
fn line(number: usize) -> String {
    format!(
        "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/{number}/{number} 200 161 - - ---- \
         1/1/0/0/0 0/0 \"GET / HTTP/1.1\""
    )
}

fn follow(path: &Path) -> Running {
    Running::start(&mut program(&["parse", "--follow", path.to_str().unwrap()]))
}

/// The numbers of the lines that came out, in order.
fn numbers(running: &Running, count: usize) -> Vec<u64> {
    let lines = lines_within(&running.out, count);
    let objects = objects(&lines.join("\n"));
    objects
        .iter()
        .map(|it| it["Tr"].as_u64().unwrap())
        .collect()
}

/// Appends lines of no request until one has come through: then it reads the file's end.
fn wait_until_it_reads(running: &Running, log: &LogFile) {
    wait_for("the follower at the end of the file", SOON, || {
        log.append(line(0).as_bytes());
        std::thread::sleep(Duration::from_millis(20));
        !running.out.text().is_empty()
    });
}

#[test]
fn it_starts_at_the_end_and_gives_each_line_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let log = LogFile::open(&path);
    log.append(line(999).as_bytes());
    let mut running = follow(&path);
    wait_until_it_reads(&running, &log);
    let before = lines_within(&running.out, 1).len();
    assert!(
        !running.out.text().contains("\"Tr\":999"),
        "before it started"
    );
    // However late the last of the lines above come out, these come after them and each at once.
    for number in 1..=3 {
        log.append(line(number).as_bytes());
        let wanted = format!("\"Tr\":{number},");
        wait_for("the line", Duration::from_secs(2), || {
            running.out.text().contains(&wanted)
        });
    }
    assert!(numbers(&running, before + 3).ends_with(&[1, 2, 3]));
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
    assert_eq!(running.err.text(), "");
}

#[test]
fn a_missing_file_is_said_waited_for_and_read_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let mut running = follow(&path);
    running.err.wait_for("waiting for it");
    assert!(running.err.text().contains(path.to_str().unwrap()));
    let log = LogFile::open(&path);
    log.append(line(1).as_bytes());
    log.append(line(2).as_bytes());
    assert_eq!(numbers(&running, 2), [1, 2]);
    assert_eq!(running.stop(Signal::INT).0, Some(0), "SIGINT like SIGTERM");
}

#[test]
fn a_rename_rotation_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let log = LogFile::open(&path);
    let mut running = follow(&path);
    wait_until_it_reads(&running, &log);
    let before = log.lines();
    for number in 1..=300 {
        if number % 100 == 50 {
            running.out.wait_for(&format!("\"Tr\":{},", number - 10));
            // As logrotate does: the others move on by one first.
            for older in (1..3).rev() {
                let name = |number| folder.path().join(format!("x.log.{number}"));
                let _ = std::fs::rename(name(older), name(older + 1));
            }
            log.rotate(&folder.path().join("x.log.1"));
        }
        log.append(line(number).as_bytes());
    }
    running.out.wait_for("\"Tr\":300,");
    let read = numbers(&running, 300);
    let read: Vec<u64> = read.into_iter().filter(|&number| number > 0).collect();
    assert_eq!(read, (1..=300).collect::<Vec<_>>(), "{before} lines before");
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
}

#[test]
fn every_line_is_given_however_far_behind_its_reader_is() {
    const LINES: usize = 90_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let log = LogFile::open(&path);
    let mut child = program(&["parse", "--follow", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody reads its output now: the pipe fills, and it falls behind by more than 8 MiB.
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    log.append(line(0).as_bytes());
    let mut first = String::new();
    let appender = std::thread::scope(|scope| {
        let poke = scope.spawn(|| {
            for _ in 0..200 {
                log.append(line(0).as_bytes());
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        std::io::BufRead::read_line(&mut out, &mut first).unwrap();
        poke.join()
    });
    appender.unwrap();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    let many: String = (1..=LINES).map(|number| line(number) + "\n").collect();
    assert!(many.len() > 8 * 1024 * 1024, "{}", many.len());
    file.write_all(many.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let mut expected = 1;
    for text in std::io::BufRead::lines(out) {
        let text = text.unwrap();
        if text.contains("\"Tr\":0,") {
            continue;
        }
        assert!(
            text.contains(&format!("\"Tr\":{expected},")),
            "{expected}: {text}"
        );
        expected += 1;
        if expected > LINES {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn sigterm_ends_it_even_while_its_reader_sleeps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let log = LogFile::open(&path);
    let mut child = program(&["parse", "--follow", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let many: String = (0..2000).map(|number| line(number) + "\n").collect();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    for _ in 0..10 {
        file.write_all(many.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut running = Running {
        child,
        out: Collected::nothing(),
        err: Collected::nothing(),
    };
    let (code, took) = running.stop(Signal::TERM);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop((out, log));
}

#[test]
fn standard_input_is_followed_to_its_end() {
    let mut command = program(&["parse", "--follow", "-"]);
    let mut running = Running::start(command.stdin(Stdio::piped()));
    let mut stdin = running.child.stdin.take().unwrap();
    writeln!(stdin, "{}", line(1)).unwrap();
    assert_eq!(numbers(&running, 1), [1], "before its end");
    write!(stdin, "{}\n{}", line(2), line(3)).unwrap();
    drop(stdin);
    assert_eq!(running.ended(SOON).code(), Some(0));
    assert_eq!(numbers(&running, 3), [1, 2, 3], "the unterminated one too");
}

#[test]
fn a_directory_is_said_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = follow(folder.path());
    running.err.wait_for("it is a directory");
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
    assert_eq!(running.out.text(), "");
}

#[test]
fn rejects_are_followed_too() {
    let mut command = program(&["parse", "--follow", "--rejects", "-"]);
    let mut running = Running::start(command.stdin(Stdio::piped()));
    let mut stdin = running.child.stdin.take().unwrap();
    write!(stdin, "{}\nhello\n", line(1)).unwrap();
    running
        .out
        .wait_for("{\"line\":2,\"reason\":\"unknown_head\",\"text\":\"hello\"}\n");
    drop(stdin);
    assert_eq!(running.ended(SOON).code(), Some(0));
}
