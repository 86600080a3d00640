//! Recorded logs, whole and damaged, become whole lines.

use std::io::{Cursor, Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use haproxy_autoscale::log::input::{Input, Line, from_reader, open};
use proptest::prelude::*;

/// A length limit that tests can reach.
const MAX_LINE_BYTES: usize = 20;

/// Every line as text; over-long ones with an exclamation mark in front.
fn all_lines(mut input: Input) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    while let Some(line) = input.next_line().map_err(|error| error.to_string())? {
        lines.push(match line {
            Line::Whole(text) => String::from_utf8_lossy(text).into_owned(),
            Line::TooLong(start) => format!("!{}", String::from_utf8_lossy(start)),
        });
    }
    Ok(lines)
}

fn lines_of(bytes: impl Into<Vec<u8>>) -> Result<Vec<String>, String> {
    all_lines(from_reader("test.log", Cursor::new(bytes.into()), MAX_LINE_BYTES).unwrap())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

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
    let slow = from_reader("slow", OneByOne(Cursor::new(two)), MAX_LINE_BYTES).unwrap();
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
    let error = open(missing, MAX_LINE_BYTES).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read {missing}: No such file or directory")
    );
    let directory = dir.path().to_str().unwrap();
    let error = open(directory, MAX_LINE_BYTES).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read {directory}: it is a directory; name the log files in it")
    );
    std::fs::write(missing, gzip("a\nb\n")).unwrap();
    assert_eq!(
        all_lines(open(missing, MAX_LINE_BYTES).unwrap()).unwrap(),
        ["a", "b"]
    );
}

proptest! {
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
        prop_assert_eq!(lines_of(bytes.clone()).unwrap(), expected);
    }
}
