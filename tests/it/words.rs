//! The ground floor: what every room needs.

use std::io;

use haproxy_autoscale::words::calendar::{format_local_ms, format_logged_ms, parse_local_ms};
use haproxy_autoscale::words::os_words::plain;
use proptest::prelude::*;

#[test]
fn numbers_and_a_large_first_letter_go() {
    let missing = io::Error::from_raw_os_error(2);
    assert_eq!(plain(&missing), "no such file or directory");
    assert_eq!(plain(&io::Error::other("TLS failed")), "TLS failed");
    assert_eq!(plain(&io::Error::other("")), "");
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
