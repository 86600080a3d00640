//! What must not be in a log, and what must not be in its place: clear words, and the next good line
//! is read. Through the program, and a soak of the follower itself.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use haproxy_autoscale::log::file::{Follower, Item, Limits, ROTATE_GRACE};
use haproxy_autoscale::words::time::Timestamp;
use rustix::process::Signal;

use crate::support::program::{Running, SOON, program};
use crate::support::wait_for;

/// Between two lines of which one is to be read.
const POLL: Duration = Duration::from_millis(20);

/// A request that took so many milliseconds.
fn good(ms: usize) -> Vec<u8> {
    format!(
        "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/{ms}/{ms} 200 161 - - ---- \
         1/1/0/0/0 0/0 \"GET / HTTP/1.1\"\n"
    )
    .into_bytes()
}

fn append(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.unwrap().write_all(bytes).unwrap();
}

fn follow(path: &Path, arguments: &[&str]) -> Running {
    let all = [&["parse", "--follow"], arguments, &[path.to_str().unwrap()]].concat();
    Running::start(&mut program(&all))
}

fn has(running: &Running, ms: usize) -> bool {
    running.out.text().contains(&format!("\"Tr\":{ms},"))
}

#[test]
fn behind_anything_that_is_no_line_the_next_good_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let mut running = follow(&path, &[]);
    running.err.wait_for("waiting for it");
    let garbage: Vec<u8> = (0..1_u32 << 20)
        .map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let rows: [&[u8]; 8] = [
        &vec![b'x'; 10 << 20],
        &garbage,
        &vec![0; 100_000],
        b"a\0b\0c",
        b"\xff\xfe\xc0\xaf invalid",
        b"\r\r\r",
        b"\x1b[31m\x07\x08",
        b"",
    ];
    for (row, bytes) in rows.iter().enumerate() {
        append(&path, bytes);
        append(&path, b"\n");
        append(&path, &good(row + 1));
        wait_for("the good line", SOON, || has(&running, row + 1));
    }
    assert_eq!(running.out.text().lines().count(), rows.len());
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
    assert!(
        !running.err.text().contains("panicked"),
        "{}",
        running.err.text()
    );
}

/// Each stands in the log's place for a while, is said, and makes way for a log.
#[test]
fn whatever_stands_in_the_place_of_the_log_is_said_until_the_log_is_there() {
    type Put = fn(&Path);
    let rows: [(&str, Put, &str); 6] = [
        (
            "a directory",
            |path| fs::create_dir(path).unwrap(),
            "it is a directory",
        ),
        ("a FIFO", make_fifo, "it is a FIFO"),
        (
            "a device",
            |path| symlink("/dev/zero", path).unwrap(),
            "it is a device",
        ),
        (
            "a socket",
            |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
            "it is a socket",
        ),
        (
            "a dangling link",
            |path| symlink("nowhere", path).unwrap(),
            "does not exist",
        ),
        (
            "a link to itself",
            |path| symlink(path, path).unwrap(),
            "cannot read log file",
        ),
    ];
    for (name, put, words) in rows {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        put(&path);
        let mut running = follow(&path, &[]);
        running.err.wait_for(words);
        assert!(
            running.err.text().contains(path.to_str().unwrap()),
            "{name}"
        );
        fs::remove_file(&path)
            .or_else(|_| fs::remove_dir(&path))
            .unwrap();
        // What could not be looked at when following began is read from its end.
        wait_for(name, SOON, || {
            append(&path, &good(7));
            std::thread::sleep(POLL);
            has(&running, 7)
        });
        assert_eq!(running.stop(Signal::TERM).0, Some(0), "{name}");
    }
}

fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn a_directory_that_vanishes_with_its_log_is_said_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let path = disk.join("x.log");
    fs::create_dir(&disk).unwrap();
    append(&path, b"");
    let mut running = follow(&path, &[]);
    wait_for("the first line", SOON, || {
        append(&path, &good(1));
        std::thread::sleep(POLL);
        has(&running, 1)
    });
    fs::remove_dir_all(&disk).unwrap();
    running.err.wait_for("nor does its directory");
    fs::create_dir(&disk).unwrap();
    append(&path, &good(2));
    wait_for("the line of the new log", SOON, || has(&running, 2));
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
}

/// Kilobytes of this process that are in memory.
fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Of what lies in that directory.
fn open_files(dir: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
    links
        .filter_map(|link| fs::read_link(link.path()).ok())
        .filter(|target| target.starts_with(dir))
        .count()
}

#[test]
fn a_million_lines_over_fifty_rotations_leave_neither_memory_nor_files() {
    const FILES: usize = 50;
    const LINES: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    append(&path, b"");
    let mut follower = Follower::new(path.clone(), Limits::default());
    let (mut lines, mut now) = (0, Timestamp::from_ms(0));
    let mut before_kb = 0;
    for file in 0..FILES {
        let mut block = String::new();
        for number in 0..LINES {
            writeln!(block, "{file:03} {number:06} {:=<80}", "").unwrap();
        }
        append(&path, block.as_bytes());
        fs::rename(&path, folder.path().join(format!("x.log.{file}"))).unwrap();
        append(&path, b"");
        now = now.after(2 * ROTATE_GRACE);
        while follower
            .turn(now, &mut |item| {
                lines += usize::from(matches!(item, Item::Line(_)));
            })
            .more
        {}
        if file == 5 {
            before_kb = resident_kb();
        }
        let _ = fs::remove_file(
            folder
                .path()
                .join(format!("x.log.{}", file.wrapping_sub(3))),
        );
    }
    assert_eq!(lines, FILES * LINES);
    assert!(
        open_files(folder.path()) <= 5,
        "{}",
        open_files(folder.path())
    );
    assert_eq!(follower.behind_bytes(), 0);
    // Other tests run in this process too: only a leak of what was read would be as large as this.
    let grown_kb = resident_kb().saturating_sub(before_kb);
    assert!(grown_kb < 64 * 1024, "grown by {grown_kb} KiB");
}
