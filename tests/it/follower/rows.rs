//! What happens to a log file, one thing at a time.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use haproxy_autoscale::log::file::{
    Follower, Item, Limits, ROTATE_GRACE, SourceState, Start, TURN_BYTES_MAX,
};
use haproxy_autoscale::words::time::Timestamp;
use tempfile::TempDir;

/// A log in a folder of its own and who follows it.
pub(super) struct Fixture {
    pub(super) dir: TempDir,
    pub(super) path: PathBuf,
    pub(super) follower: Follower,
    pub(super) now: Timestamp,
}

/// At least as long as a line that tells one file from another.
pub(super) fn long(name: &str) -> String {
    format!("{name:.<70}")
}

pub(super) fn append(file: &mut File, names: &[&str]) {
    for name in names {
        writeln!(file, "{}", long(name)).unwrap();
    }
}

impl Fixture {
    pub(super) fn new(content: Option<&str>, limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("haproxy.log");
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let follower = Follower::new(path.clone(), limits);
        Self {
            dir,
            path,
            follower,
            now: Timestamp::from_ms(0),
        }
    }

    pub(super) fn with_empty_file() -> Self {
        Self::new(Some(""), Limits::default())
    }

    pub(super) fn file(&self) -> File {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)
            .unwrap()
    }

    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// All that can be read now; a line that is too long as `TOO LONG`.
    pub(super) fn read(&mut self) -> Vec<String> {
        self.now = self.now.after(Duration::from_millis(250));
        let mut lines = Vec::new();
        loop {
            let turn = self.follower.turn(self.now, &mut |item| match item {
                Item::Line(line) => lines.push(
                    String::from_utf8_lossy(line)
                        .trim_end_matches('.')
                        .to_owned(),
                ),
                Item::TooLong => lines.push("TOO LONG".to_owned()),
            });
            if !turn.more {
                return lines;
            }
        }
    }

    pub(super) fn refusal(&mut self) -> String {
        self.read();
        match self.follower.state() {
            SourceState::Waiting(text) | SourceState::Refused(text) => text.to_string(),
            SourceState::Reading | SourceState::Ended => String::new(),
        }
    }
}

#[test]
fn a_file_that_is_there_is_read_from_its_end() {
    let mut fixture = Fixture::new(Some("old\nhalf "), Limits::default());
    fixture.file().write_all(b"whole\nnew\n").unwrap();
    assert_eq!(fixture.read(), ["half whole", "new"]);
}

#[test]
fn a_file_that_is_there_is_read_from_its_beginning_if_asked_for() {
    let limits = Limits {
        start: Start::Beginning,
        ..Limits::default()
    };
    let mut fixture = Fixture::new(Some("old\n"), limits);
    assert_eq!(fixture.read(), ["old"]);
}

#[test]
fn a_file_that_appears_is_read_from_its_first_line() {
    let mut fixture = Fixture::new(None, Limits::default());
    let text = fixture.refusal();
    assert!(
        text.contains("haproxy.log does not exist; waiting"),
        "{text}"
    );
    assert!(text.contains("rsyslog"), "{text}");
    append(&mut fixture.file(), &["a"]);
    assert_eq!(fixture.read(), ["a"]);
    assert_eq!(fixture.follower.state(), &SourceState::Reading);
}

#[test]
fn a_directory_that_appears_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log/haproxy.log");
    let mut fixture = Fixture::with_empty_file();
    fixture.follower = Follower::new(path.clone(), Limits::default());
    assert!(fixture.refusal().contains("nor does its directory"));
    fs::create_dir(dir.path().join("log")).unwrap();
    fs::write(&path, "a\n").unwrap();
    assert_eq!(fixture.read(), ["a"]);
}

#[test]
fn a_half_line_is_never_emitted() {
    let mut fixture = Fixture::with_empty_file();
    let mut file = fixture.file();
    file.write_all(b"par").unwrap();
    assert!(fixture.read().is_empty());
    file.write_all(b"tial\r\n\r\n").unwrap();
    assert_eq!(fixture.read(), ["partial", ""]);
}

#[test]
fn a_half_line_is_dropped_and_counted_when_its_file_is_gone() {
    let mut fixture = Fixture::with_empty_file();
    fixture.file().write_all(b"half").unwrap();
    fixture.read();
    fs::rename(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    append(&mut fixture.file(), &["new"]);
    assert_eq!(fixture.read(), ["new"]);
    assert_eq!(fixture.follower.open_files(), 2);
    fixture.now = fixture.now.after(ROTATE_GRACE);
    fixture.read();
    assert_eq!(fixture.follower.open_files(), 1);
    assert_eq!(fixture.follower.counters().dropped_partial, 1);
}

#[test]
fn a_renamed_file_is_held_until_its_successor_grows() {
    let mut fixture = Fixture::with_empty_file();
    let mut file = fixture.file();
    append(&mut file, &["a"]);
    fixture.read();
    fs::rename(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    fixture.file();
    for _ in 0..3 {
        fixture.read();
        fixture.now = fixture.now.after(ROTATE_GRACE);
    }
    append(&mut file, &["late"]);
    assert_eq!(fixture.read(), ["late"]);
}

#[test]
fn a_file_that_came_and_went_is_held_while_it_has_no_successor() {
    let mut fixture = Fixture::with_empty_file();
    append(&mut fixture.file(), &["a"]);
    assert_eq!(fixture.read(), ["a"]);
    fs::rename(&fixture.path, fixture.beside("haproxy.log.2")).unwrap();
    let mut file = fixture.file();
    append(&mut file, &["b"]);
    fs::rename(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    // Under the name there is nothing now; the file read before this one is no successor of it.
    assert_eq!(fixture.read(), ["b"]);
    for _ in 0..3 {
        fixture.now = fixture.now.after(ROTATE_GRACE);
        fixture.read();
    }
    append(&mut file, &["late"]);
    append(&mut fixture.file(), &["c"]);
    assert_eq!(fixture.read(), ["late", "c"]);
}

#[test]
fn rotated_files_from_before_the_start_are_never_read() {
    let mut fixture = Fixture::with_empty_file();
    fs::write(
        fixture.beside("haproxy.log.1"),
        format!("{}\n", long("old")),
    )
    .unwrap();
    fixture.follower = Follower::new(fixture.path.clone(), Limits::default());
    append(&mut fixture.file(), &["a"]);
    fs::rename(
        fixture.beside("haproxy.log.1"),
        fixture.beside("haproxy.log.2"),
    )
    .unwrap();
    fs::rename(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    append(&mut fixture.file(), &["b"]);
    assert_eq!(fixture.read(), ["a", "b"]);
}

#[test]
fn files_that_came_and_went_between_two_looks_are_read_in_order_but_not_compressed_ones() {
    let mut fixture = Fixture::with_empty_file();
    for (day, name) in ["a", "b", "c", "d", "e", "f", "g"].iter().enumerate() {
        append(&mut fixture.file(), &[name]);
        let rotated = fixture.beside(&format!("haproxy.log-2026112{day}"));
        fs::rename(&fixture.path, rotated).unwrap();
    }
    fs::write(
        fixture.beside("haproxy.log.9.gz"),
        format!("{}\n", long("zipped")),
    )
    .unwrap();
    append(&mut fixture.file(), &["h"]);
    assert_eq!(fixture.read(), ["a", "b", "c", "d", "e", "f", "g", "h"]);
    assert!(fixture.follower.open_files() <= 5);
}

#[test]
fn an_old_log_that_somebody_unpacks_is_never_read() {
    let mut fixture = Fixture::with_empty_file();
    append(&mut fixture.file(), &["a"]);
    fixture.read();
    fs::write(
        fixture.beside("haproxy.log.3"),
        format!("{}\n", long("unpacked")),
    )
    .unwrap();
    fixture.read();
    fs::rename(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    append(&mut fixture.file(), &["b"]);
    assert_eq!(fixture.read(), ["b"]);
}

#[test]
fn a_file_that_gets_its_name_back_is_not_read_again() {
    let mut fixture = Fixture::with_empty_file();
    let aside = fixture.beside("aside");
    append(&mut fixture.file(), &["a"]);
    fixture.read();
    fs::rename(&fixture.path, &aside).unwrap();
    append(&mut fixture.file(), &["b"]);
    assert_eq!(fixture.read(), ["b"]);
    fixture.now = fixture.now.after(ROTATE_GRACE);
    fixture.read();
    assert_eq!(fixture.follower.open_files(), 1);
    append(
        &mut OpenOptions::new().append(true).open(&aside).unwrap(),
        &["c"],
    );
    fs::rename(&aside, &fixture.path).unwrap();
    assert_eq!(fixture.read(), ["c"]);
    append(&mut fixture.file(), &["d"]);
    assert_eq!(fixture.read(), ["d"]);
}

#[test]
fn a_rotated_file_from_before_the_start_that_gets_the_name_is_not_read() {
    let mut fixture = Fixture::new(None, Limits::default());
    let aside = fixture.beside("haproxy.log.1");
    fs::write(&aside, format!("{}\n", long("old")).repeat(9)).unwrap();
    fixture.follower = Follower::new(fixture.path.clone(), Limits::default());
    fs::rename(&aside, &fixture.path).unwrap();
    append(&mut fixture.file(), &["a"]);
    assert_eq!(fixture.read(), ["a"]);
}

#[test]
fn a_new_file_may_begin_with_the_line_that_the_one_before_began_with() {
    let mut fixture = Fixture::with_empty_file();
    append(&mut fixture.file(), &["a", "a", "a"]);
    assert_eq!(fixture.read(), ["a", "a", "a"]);
    fs::rename(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    append(&mut fixture.file(), &["a", "a"]);
    assert_eq!(fixture.read(), ["a", "a"]);
}

#[test]
fn a_copied_and_truncated_file_goes_on_without_doubles() {
    let mut fixture = Fixture::with_empty_file();
    let mut file = fixture.file();
    append(&mut file, &["a", "b"]);
    assert_eq!(fixture.read(), ["a", "b"]);
    fs::copy(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    file.set_len(0).unwrap();
    append(&mut file, &["c"]);
    assert_eq!(fixture.read(), ["c"]);
    assert_eq!(fixture.follower.counters().truncations, 1);
}

#[test]
fn truncate_and_regrow_is_seen_whatever_the_new_size() {
    for names in [&["c"][..], &["c", "d"], &["c", "d", "e"]] {
        let mut fixture = Fixture::with_empty_file();
        let mut file = fixture.file();
        append(&mut file, &["a", "b"]);
        file.write_all(b"half").unwrap();
        fixture.read();
        file.set_len(0).unwrap();
        append(&mut file, names);
        assert_eq!(fixture.read(), names);
        assert_eq!(fixture.follower.counters().dropped_partial, 1);
    }
}

#[test]
fn a_file_cut_in_the_middle_of_a_line_gives_no_joined_line() {
    let mut fixture = Fixture::with_empty_file();
    let mut file = fixture.file();
    append(&mut file, &["a", "b", "c"]);
    fixture.read();
    file.set_len(100).unwrap();
    fixture.read();
    append(&mut file, &["d", "e"]);
    assert_eq!(fixture.read(), ["e"]);
}

#[test]
fn a_deleted_file_is_read_to_its_end_and_its_successor_from_its_beginning() {
    let mut fixture = Fixture::with_empty_file();
    let mut file = fixture.file();
    append(&mut file, &["a"]);
    fs::remove_file(&fixture.path).unwrap();
    append(&mut file, &["b"]);
    assert_eq!(fixture.read(), ["a", "b"]);
    append(&mut file, &["c"]);
    append(&mut fixture.file(), &["d"]);
    assert_eq!(fixture.read(), ["c", "d"]);
    assert_eq!(fixture.follower.counters().rotations, 1);
}

#[test]
fn a_swapped_symlink_is_a_rotation() {
    let mut fixture = Fixture::new(None, Limits::default());
    let (one, two) = (
        fixture.beside("2026-11-20.log"),
        fixture.beside("2026-11-21.log"),
    );
    fs::write(&one, "old\n").unwrap();
    symlink(&one, &fixture.path).unwrap();
    fixture.follower = Follower::new(fixture.path.clone(), Limits::default());
    append(&mut fixture.file(), &["a"]);
    fs::write(&two, format!("{}\n", long("b"))).unwrap();
    symlink(&two, fixture.beside("link")).unwrap();
    fs::rename(fixture.beside("link"), &fixture.path).unwrap();
    assert_eq!(fixture.read(), ["a", "b"]);
}

#[test]
fn what_is_no_regular_file_is_refused_with_its_kind() {
    let mut fixture = Fixture::new(None, Limits::default());
    fs::create_dir(&fixture.path).unwrap();
    let text = fixture.refusal();
    assert!(
        text.contains("it is a directory, not a regular file"),
        "{text}"
    );
    fs::remove_dir(&fixture.path).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&fixture.path)
        .status();
    if made.is_ok_and(|status| status.success()) {
        assert!(fixture.refusal().contains("it is a FIFO"));
        fs::remove_file(&fixture.path).unwrap();
    }
    symlink("/dev/null", &fixture.path).unwrap();
    assert!(fixture.refusal().contains("it is a device"));
    fs::remove_file(&fixture.path).unwrap();
    append(&mut fixture.file(), &["a"]);
    assert_eq!(fixture.read(), ["a"]);
}

#[test]
fn a_forbidden_file_is_read_from_its_end_once_it_is_allowed() {
    let mut fixture = Fixture::new(Some("old\n"), Limits::default());
    let mode = |mode| fs::set_permissions(&fixture.path, fs::Permissions::from_mode(mode)).unwrap();
    mode(0);
    if File::open(&fixture.path).is_ok() {
        return; // Root may read everything.
    }
    fixture.follower = Follower::new(fixture.path.clone(), Limits::default());
    mode(0o600);
    let mode_zero = fixture.follower.state().clone();
    assert!(matches!(mode_zero, SourceState::Refused(text) if text.contains("group adm")));
    assert!(fixture.read().is_empty());
    append(&mut fixture.file(), &["a"]);
    assert_eq!(fixture.read(), ["a"]);
}

#[test]
fn a_hole_is_passed_over() {
    for hole in [10, 5_000, 300_000, 1 << 40] {
        let mut fixture = Fixture::with_empty_file();
        let file = OpenOptions::new().write(true).open(&fixture.path).unwrap();
        file.write_all_at(b"a\n", 0).unwrap();
        assert_eq!(fixture.read(), ["a"]);
        file.set_len(0).unwrap();
        file.write_all_at(b"b\nc\n", hole).unwrap();
        assert_eq!(fixture.read(), ["b", "c"], "{hole}");
        let read = fixture.follower.counters().bytes;
        assert!(read < 1 << 20, "{read} bytes read for a hole of {hole}");
    }
}

#[test]
fn a_line_that_is_too_long_is_counted_and_the_next_one_is_intact() {
    let limits = Limits {
        max_line_bytes: 100,
        ..Limits::default()
    };
    let mut fixture = Fixture::new(Some(""), limits);
    let mut file = fixture.file();
    let text = format!(
        "{}\r\n{}\n{}\nb\n",
        "x".repeat(100),
        "y".repeat(101),
        "z".repeat(1 << 20)
    );
    file.write_all(text.as_bytes()).unwrap();
    assert_eq!(
        fixture.read(),
        [&"x".repeat(100), "TOO LONG", "TOO LONG", "b"]
    );
    assert_eq!(fixture.follower.counters().too_long, 2);
}

#[test]
fn one_turn_reads_a_bounded_number_of_bytes() {
    let mut fixture = Fixture::with_empty_file();
    fixture
        .file()
        .write_all(&b"0123456789abcde\n".repeat(100_000))
        .unwrap();
    let mut lines = 0;
    let turn = fixture.follower.turn(fixture.now, &mut |_| lines += 1);
    assert!(turn.more);
    assert_eq!(lines * 16, TURN_BYTES_MAX);
    assert_eq!(
        fixture.follower.behind_bytes(),
        1_600_000 - TURN_BYTES_MAX as u64
    );
    assert_eq!(fixture.read().len(), 100_000 - lines);
    assert_eq!(fixture.follower.behind_bytes(), 0);
}

#[test]
fn far_behind_the_newest_part_is_read_from_the_beginning_of_a_line() {
    let limits = Limits {
        skip_when_behind: Some(100_000),
        ..Limits::default()
    };
    let mut fixture = Fixture::new(Some(""), limits);
    let mut file = fixture.file();
    for number in 0..100_000 {
        writeln!(file, "{number:015}").unwrap();
    }
    let lines = fixture.read();
    assert!(lines.iter().all(|line| line.len() == 15));
    assert_eq!(lines.last().unwrap(), "000000000099999");
    let counters = fixture.follower.counters();
    assert_eq!(counters.bytes + counters.skipped_bytes, 1_600_000);
    assert!(lines.len() < 20_000, "{}", lines.len());
}

#[test]
fn a_writer_that_never_waits_loses_nothing_when_its_files_are_renamed() {
    const LINES: usize = 6_000;
    const LINES_PER_FILE: usize = 300;
    let mut fixture = Fixture::with_empty_file();
    let path = fixture.path.clone();
    let writer = std::thread::spawn(move || {
        let open = || {
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .unwrap()
        };
        let mut file = open();
        for number in 0..LINES {
            if number % LINES_PER_FILE == LINES_PER_FILE - 3 {
                // The last lines of each file are written late, to the renamed file.
                // Dated, as the times of files written within one tick of the clock are the same,
                // and of two such numbers the smaller would be the newer file.
                let name = format!("haproxy.log-{}", 20_260_000 + number);
                fs::rename(&path, path.with_file_name(name)).unwrap();
            } else if number % LINES_PER_FILE == 0 {
                file = open();
            }
            append(&mut file, &[&number.to_string()]);
        }
    });
    let until = Instant::now() + Duration::from_secs(30);
    let mut lines = Vec::new();
    while lines.len() < LINES && Instant::now() < until {
        lines.extend(fixture.read());
    }
    writer.join().unwrap();
    let expected: Vec<_> = (0..LINES).map(|number| number.to_string()).collect();
    lines.sort_by_key(|line| line.parse::<usize>().unwrap());
    assert_eq!(lines, expected);
}

#[test]
fn many_rotations_leave_no_files_open() {
    let mut fixture = Fixture::with_empty_file();
    let block = format!("{}\n", long("x")).repeat(10_000);
    let mut count = 0;
    for number in 0..20 {
        fixture.file().write_all(block.as_bytes()).unwrap();
        fs::rename(
            &fixture.path,
            fixture.beside(&format!("haproxy.log.{number}")),
        )
        .unwrap();
        fixture
            .file()
            .write_all(b"first line of the next file\n")
            .unwrap();
        count += fixture.read().len();
        fixture.now = fixture.now.after(ROTATE_GRACE);
    }
    fixture.read();
    assert_eq!(count, 20 * 10_001);
    assert!(fixture.follower.open_files() <= 5);
}
