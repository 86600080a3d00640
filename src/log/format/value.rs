//! The bytes of a field → its value, beside those that every format has.

use super::super::number::unsigned;
use crate::words::calendar::{number, parse_local_ms};

/// The last second that four digits of a year can write.
const SECONDS_MAX: u64 = 253_402_300_799;
const MS_PER_MINUTE: i64 = 60_000;

/// One to three digits, with leading zeros.
pub(super) fn millis(digits: &[u8]) -> Option<u64> {
    let is_short = (1..=3).contains(&digits.len());
    number(digits).filter(|_| is_short)
}

/// `%Ts` as milliseconds since 1970.
pub(super) fn seconds_ms(digits: &[u8]) -> Option<u64> {
    unsigned(digits)
        .filter(|&seconds| seconds <= SECONDS_MAX)
        .map(|seconds| seconds * 1000)
}

/// `21/Nov/2026:23:36:31 +0100` as milliseconds since 1970 UTC, and what the zone adds to it.
pub(super) fn zoned_ms(field: &[u8]) -> Option<(i64, i64)> {
    let (date, zone) = field.split_at_checked(20)?;
    let &[b' ', sign @ (b'+' | b'-'), h1, h2, m1, m2] = zone else {
        return None;
    };
    let (hours, minutes) = (millis(&[h1, h2])?, millis(&[m1, m2])?);
    if hours > 15 || minutes > 59 {
        return None;
    }
    let offset = i64::try_from(hours * 60 + minutes).ok()? * MS_PER_MINUTE;
    let offset = if sign == b'-' { -offset } else { offset };
    let local = parse_local_ms(&[date, b".000"].concat())?;
    let utc = i64::try_from(local).ok()? - offset;
    Some((utc, offset))
}
