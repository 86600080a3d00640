//! The ground floor: what every room needs.

use std::io;

use haproxy_autoscale::words::calendar::{format_local_ms, format_logged_ms, parse_local_ms};
use haproxy_autoscale::words::one_line::{escaped, one_line};
use haproxy_autoscale::words::os_words::plain;
use proptest::prelude::*;

#[test]
fn numbers_and_a_large_first_letter_go() {
    let missing = io::Error::from_raw_os_error(2);
    assert_eq!(plain(&missing), "no such file or directory");
    assert_eq!(plain(&io::Error::other("TLS failed")), "TLS failed");
    assert_eq!(plain(&io::Error::other("")), "");
}

#[test]
fn a_text_of_others_is_one_line_of_letters_that_can_be_seen() {
    for (text, shown) in [
        ("wéb 3: \"it's\" \\", "wéb 3: \"it's\" \\"),
        ("a\r\nb\tc\u{85}", "a  b c "),
        ("\u{1b}]0;x\u{7}\0", "\\u{1b}]0;x\\u{7}\\u{0}"),
        ("\u{9b}2J", "\\u{9b}2J"),
        ("\u{202e}\u{2066}\u{200f}", "\\u{202e}\\u{2066}\\u{200f}"),
        ("\u{2028}\u{feff}\u{e0041}", "\\u{2028}\\u{feff}\\u{e0041}"),
    ] {
        assert_eq!(escaped(text), shown);
    }
    assert_eq!(one_line("abc", 3), "abc");
    assert_eq!(one_line("abcd", 3), "abc…");
    assert_eq!(one_line("ab\n\u{1b}", 4), "ab \\…");
}

proptest! {
    #[test]
    fn a_date_that_is_written_as_haproxy_does_is_read_back(ms in 0..253_402_300_800_000_u64) {
        let (logged, local) = (format_logged_ms(ms), format_local_ms(ms));
        prop_assert_eq!(parse_local_ms(logged.as_bytes()), Some(ms));
        prop_assert_eq!(&logged[7..11], &local[..4]);
        prop_assert_eq!(&logged[12..], &local[11..]);
    }
}
