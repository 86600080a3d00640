//! The bytes of a field → a number as HAProxy writes it, for every format. Where fields begin and end
//! is not known here.

use super::reject::Reject;

/// The longest TR, Tw, Tc or Tr that is believed, one day, milliseconds.
pub const TIMER_MAX_MS: u32 = 86_400_000;
/// The longest Ta that is believed, 49 days, milliseconds: a websocket may be open for weeks, and
/// its line has a response time like any other.
pub const TOTAL_MAX_MS: u32 = u32::MAX;
/// More digits than this are never a number.
const DIGITS_MAX: usize = 19;

/// Milliseconds; `-1` is none, more than `max_ms` is no timer.
pub(super) fn timer(field: &[u8], max_ms: u32) -> Result<Option<u32>, Reject> {
    if field == b"-1" {
        return Ok(None);
    }
    unsigned(field)
        .and_then(|ms| u32::try_from(ms).ok())
        .filter(|&ms| ms <= max_ms)
        .map(Some)
        .ok_or(Reject::BadNumber)
}

/// `+` in front means: so far (`option logasap`), or a redispatch.
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
