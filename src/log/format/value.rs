//! The bytes of a field → its value, as strictly as for httplog.

use super::super::date::parse_local_ms;
use super::super::line::TIMER_MAX_MS;
use super::super::reject::Reject;

/// More digits than this are never a number.
const DIGITS_MAX: usize = 19;
/// The last second that four digits of a year can write.
const SECONDS_MAX: u64 = 253_402_300_799;
const MS_PER_MINUTE: i64 = 60_000;

/// `-1` is no time. `+` in front (`option logasap`) is left to the caller.
pub(super) fn timer(field: &[u8]) -> Result<Option<u32>, Reject> {
    if field == b"-1" {
        return Ok(None);
    }
    unsigned(field)
        .and_then(|ms| u32::try_from(ms).ok())
        .filter(|&ms| ms <= TIMER_MAX_MS)
        .map(Some)
        .ok_or(Reject::BadNumber)
}

/// `+` in front means: so far.
pub(super) fn without_plus(field: &[u8]) -> &[u8] {
    field.strip_prefix(b"+").unwrap_or(field)
}

/// `%ST`: three digits; `-1` and `0` stand for requests that were never answered.
pub(super) fn status(field: &[u8]) -> Result<Option<u16>, Reject> {
    match field {
        b"-1" | b"0" | b"000" => Ok(None),
        [b'1'..=b'9', _, _] => unsigned(field)
            .and_then(|status| u16::try_from(status).ok())
            .map(Some)
            .ok_or(Reject::BadNumber),
        _ => Err(Reject::BadNumber),
    }
}

/// Up to 19 digits, no sign, no leading zero.
pub(super) fn unsigned(digits: &[u8]) -> Option<u64> {
    let has_leading_zero = digits.len() > 1 && digits.starts_with(b"0");
    if digits.is_empty() || digits.len() > DIGITS_MAX || has_leading_zero {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u64::from(byte - b'0'))
    })
}

/// One to three digits, with leading zeros.
pub(super) fn millis(digits: &[u8]) -> Option<u64> {
    let is_short = (1..=3).contains(&digits.len());
    let is_number = digits.iter().all(u8::is_ascii_digit);
    (is_short && is_number).then(|| {
        digits
            .iter()
            .fold(0, |value, byte| value * 10 + u64::from(byte - b'0'))
    })
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
