//! Recorded logs, whole and damaged, become whole lines.

use std::io::{Cursor, Read, Write as _};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use haproxy_autoscale::log::recorded::{Block, Line, Logs};
use proptest::prelude::*;

/// A length limit that tests can reach.
const MAX_LINE_BYTES: usize = 20;

/// Every line as text; over-long ones with an exclamation mark in front.
fn all_lines(mut logs: Logs) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    let mut block = Block::new();
    while logs
        .next_block(&mut block)
        .map_err(|error| error.to_string())?
    {
        lines.extend(block.lines().map(|line| match line {
            Line::Whole(text) => String::from_utf8_lossy(text).into_owned(),
            Line::TooLong(start) => format!("!{}", String::from_utf8_lossy(start)),
        }));
    }
    Ok(lines)
}

fn lines_of(bytes: impl Into<Vec<u8>>) -> Result<Vec<String>, String> {
    all_lines(Logs::from_reader("test.log", Cursor::new(bytes.into()), MAX_LINE_BYTES).unwrap())
}

/// That many lines, each with its number from 0.
fn numbers(count: u32) -> String {
    let numbers: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    numbers.join("\n") + "\n"
}

/// The lines of a file.
fn lines_in(path: &str) -> Result<Vec<String>, String> {
    all_lines(Logs::open(&[path.to_owned()], MAX_LINE_BYTES))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// One frame with a checksum, made by the `zstd` program: what we unpack is not packed by us.
fn zstd(text: &str) -> Option<Vec<u8>> {
    let mut child = Command::new("zstd")
        .args(["-q", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let packed = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    packed.status.success().then_some(packed.stdout)
}

/// `a\nb` and `c\r\nd\n` as zstd frames with checksums, and a frame that carries no text.
const ZSTD_AB: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x19\x00\x00\x61\x0a\x62\x8e\x4e\x6c\x77";
const ZSTD_CD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x29\x00\x00\x63\x0d\x0a\x64\x0a\xde\x30\x8b\xc7";
const ZSTD_SKIPPED: &[u8] = b"\x5a\x2a\x4d\x18\x03\0\0\0\n\n\n";

/// Gives one byte at a time, as a slow pipe may.
struct OneByOne(Cursor<Vec<u8>>);

impl Read for OneByOne {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let end = buffer.len().min(1);
        self.0.read(&mut buffer[..end])
    }
}

#[test]
fn an_unterminated_last_line_counts_and_an_empty_log_has_none() {
    assert_eq!(lines_of("a\nb\n").unwrap(), ["a", "b"]);
    assert_eq!(lines_of("a\n\nb").unwrap(), ["a", "", "b"]);
    assert_eq!(lines_of("\n").unwrap(), [""]);
    assert!(lines_of("").unwrap().is_empty());
    assert_eq!(lines_of("x").unwrap(), ["x"]);
}

#[test]
fn one_carriage_return_before_the_newline_goes() {
    assert_eq!(
        lines_of("a\r\nb\r\r\nc\rd\ne\r").unwrap(),
        ["a", "b\r", "c\rd", "e"]
    );
}

#[test]
fn an_over_long_line_is_cut_and_the_next_one_is_intact() {
    let fits = "x".repeat(MAX_LINE_BYTES);
    for end in ["\n", "\r\n"] {
        assert_eq!(
            lines_of(format!("{fits}{end}next{end}")).unwrap(),
            [&*fits, "next"]
        );
        for more in [1, 2, 3, 4, 1_000_000] {
            let long = format!("{fits}{}", "y".repeat(more));
            let lines = lines_of(format!("{long}{end}next{end}")).unwrap();
            assert_eq!(lines, [&*format!("!{fits}"), "next"], "{more}");
        }
    }
    let inner_return = lines_of(format!("{fits}\ry\nnext")).unwrap();
    assert_eq!(inner_return, [&*format!("!{fits}"), "next"]);
    assert_eq!(lines_of(format!("{fits}yy")).unwrap(), [format!("!{fits}")]);
    assert_eq!(lines_of(format!("{fits}\r")).unwrap(), [fits]);
}

#[test]
fn gzip_is_known_by_its_first_bytes_in_one_member_or_several() {
    assert_eq!(lines_of(gzip("a\nb")).unwrap(), ["a", "b"]);
    // A line may begin in one member and end in the next.
    let two = [gzip("a\nb"), gzip("c\r\nd\n"), gzip(""), gzip("e")].concat();
    assert_eq!(lines_of(two.clone()).unwrap(), ["a", "bc", "d", "e"]);
    let slow = Logs::from_reader("slow", OneByOne(Cursor::new(two)), MAX_LINE_BYTES).unwrap();
    assert_eq!(all_lines(slow).unwrap(), ["a", "bc", "d", "e"]);
    assert_eq!(lines_of([0x1f]).unwrap().len(), 1);
}

#[test]
fn a_damaged_gzip_file_is_an_error_with_its_name() {
    let whole = gzip(&"some line\n".repeat(1000));
    let half = whole[..whole.len() / 2].to_vec();
    let error = lines_of(half).unwrap_err();
    assert!(error.starts_with("cannot read test.log: "), "{error}");
    assert!(lines_of([whole, b"garbage".to_vec()].concat()).is_err());
}

#[test]
fn binary_garbage_is_lines_like_any_other() {
    assert_eq!(
        lines_of(*b"\0\xff\n\xfe\n").unwrap(),
        ["\0\u{fffd}", "\u{fffd}"]
    );
}

#[test]
fn a_log_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("y.log");
    let missing = missing.to_str().unwrap();
    let error = lines_in(missing).unwrap_err();
    assert_eq!(
        error,
        format!("cannot read {missing}: no such file or directory")
    );
    let directory = dir.path().to_str().unwrap();
    let error = lines_in(directory).unwrap_err();
    assert_eq!(
        error,
        format!("cannot read {directory}: it is a directory; name the log files in it")
    );
    std::fs::write(missing, gzip("a\nb\n")).unwrap();
    assert_eq!(lines_in(missing).unwrap(), ["a", "b"]);
}

#[test]
fn a_log_of_many_blocks_gives_the_lines_of_a_plain_split() {
    let text = numbers(60_000);
    let lines: Vec<&str> = text.lines().collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.log");
    for bytes in [text.clone().into_bytes(), gzip(&text)] {
        std::fs::write(&path, bytes).unwrap();
        assert!(lines_in(path.to_str().unwrap()).unwrap() == lines);
    }
    assert!(lines_of(text.clone()).unwrap() == lines);
}

#[test]
fn a_block_never_holds_lines_of_two_logs_and_says_which_it_is_from() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["a", "", "c"].map(|text| {
        let path = dir.path().join(format!("{text}.log"));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let mut logs = Logs::open(&names, MAX_LINE_BYTES);
    let mut block = Block::new();
    let mut seen = Vec::new();
    while logs.next_block(&mut block).unwrap() {
        seen.push((block.log(), block.bytes().to_vec()));
    }
    assert_eq!(seen, [(0, b"a".to_vec()), (2, b"c".to_vec())]);
    assert_eq!(logs.names(), names);
    assert_eq!(logs.bytes_read(), 2);
}

#[test]
fn a_long_line_that_is_allowed_makes_a_block_grow_and_a_longer_one_does_not() {
    let allowed = 1_000_000;
    for (length, is_whole) in [(allowed, true), (allowed + 1, false), (9 * allowed, false)] {
        let text = format!("a\n{}\nb\n", "x".repeat(length));
        let mut logs =
            Logs::from_reader("test.log", Cursor::new(text.into_bytes()), allowed).unwrap();
        let mut block = Block::new();
        let mut seen = Vec::new();
        while logs.next_block(&mut block).unwrap() {
            assert!(block.bytes().len() < 2 * allowed);
            seen.extend(block.lines().map(|line| match line {
                Line::Whole(text) => (true, text.len()),
                Line::TooLong(start) => (false, start.len()),
            }));
        }
        assert_eq!(seen, [(true, 1), (is_whole, allowed), (true, 1)]);
    }
}

#[test]
fn whole_lines_before_damage_are_handed_out_first_and_half_a_line_never() {
    let text = numbers(200_000);
    let mut damaged = gzip(&text);
    damaged.truncate(damaged.len() * 3 / 4);
    let mut logs = Logs::from_reader("x.gz", Cursor::new(damaged), MAX_LINE_BYTES).unwrap();
    let mut block = Block::new();
    let mut count = 0;
    let error = loop {
        match logs.next_block(&mut block) {
            Ok(true) => {
                for line in block.lines() {
                    assert_eq!(line, Line::Whole(count.to_string().as_bytes()));
                    count += 1;
                }
            }
            Ok(false) => panic!("damage was not seen"),
            Err(error) => break error.to_string(),
        }
    };
    assert!((100_000..200_000).contains(&count), "{count}");
    assert!(error.starts_with("cannot read x.gz: "), "{error}");
    assert!(!logs.next_block(&mut block).unwrap());
}

#[test]
fn zstd_is_known_by_its_first_bytes_in_one_frame_or_several() {
    assert_eq!(lines_of(ZSTD_AB).unwrap(), ["a", "b"]);
    let all = [ZSTD_SKIPPED, ZSTD_AB, ZSTD_CD, ZSTD_SKIPPED, ZSTD_AB].concat();
    assert_eq!(lines_of(all.clone()).unwrap(), ["a", "bc", "d", "a", "b"]);
    let slow = Logs::from_reader("slow", OneByOne(Cursor::new(all)), MAX_LINE_BYTES).unwrap();
    assert_eq!(all_lines(slow).unwrap(), ["a", "bc", "d", "a", "b"]);
    let text = numbers(100_000);
    if let Some(packed) = zstd(&text) {
        assert!(lines_of(packed).unwrap() == text.lines().collect::<Vec<_>>());
    }
}

#[test]
fn damaged_zstd_is_an_error_with_its_name_wherever_it_is_cut() {
    for end in 4..ZSTD_CD.len() {
        let error = lines_of([ZSTD_AB, &ZSTD_CD[..end]].concat()).unwrap_err();
        assert!(
            error.starts_with("cannot read test.log: zstd data that is damaged or cut off"),
            "{end}: {error}"
        );
    }
    for garbage in [&b"garbage"[..], b"x", b"\n", &ZSTD_SKIPPED[..9]] {
        let error = lines_of([ZSTD_AB, garbage].concat()).unwrap_err();
        assert!(error.starts_with("cannot read test.log: "), "{error}");
    }
    let mut wrong = ZSTD_AB.to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(
        lines_of(wrong).unwrap_err(),
        "cannot read test.log: damaged zstd data: its checksum is wrong"
    );
}

#[test]
fn other_compressions_are_refused_with_what_to_do() {
    for (start, name, tool) in [
        (&b"\xfd7zXZ\0\0\x04"[..], "xz", "xz -dc"),
        (b"BZh91AY&SY", "bzip2", "bzip2 -dc"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        std::fs::write(&path, start).unwrap();
        let path = path.to_str().unwrap();
        let error = lines_in(path).unwrap_err();
        assert_eq!(
            error,
            format!(
                "cannot read {path}: it is packed by {name}, which is not unpacked here; write \
                 `{tool} FILE | haproxy-autoscale stats -`, or another command with `-` for the log"
            )
        );
    }
    assert_eq!(lines_of(*b"BZh91\nP*M\n").unwrap(), ["BZh91", "P*M"]);
}

proptest! {
    #[test]
    fn zstd_data_with_any_damage_gives_lines_or_an_error(
        at in 4..ZSTD_CD.len(), byte in any::<u8>(),
    ) {
        let mut damaged = ZSTD_CD.to_vec();
        damaged[at] = byte;
        if let Ok(lines) = lines_of(damaged) {
            prop_assert_eq!(lines, ["c", "d"]);
        }
    }

    #[test]
    fn lines_are_those_of_a_plain_split(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), b'a'..=b'f'], 0..200),
    ) {
        let mut expected: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
        if expected.last().is_some_and(|last| last.is_empty()) {
            expected.pop();
        }
        let expected: Vec<_> = expected
            .into_iter()
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .map(|line| match line.get(..=MAX_LINE_BYTES) {
                Some(_) => format!("!{}", String::from_utf8_lossy(&line[..MAX_LINE_BYTES])),
                None => String::from_utf8_lossy(line).into_owned(),
            })
            .collect();
        prop_assert_eq!(&lines_of(bytes.clone()).unwrap(), &expected);
        let slow = OneByOne(Cursor::new(bytes));
        let slow = Logs::from_reader("slow", slow, MAX_LINE_BYTES).unwrap();
        prop_assert_eq!(&all_lines(slow).unwrap(), &expected);
    }
}
