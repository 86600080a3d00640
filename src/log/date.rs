//! The dates of heads: recognised, stripped, and as milliseconds since 1970. What a date means is the
//! calendar's.

use crate::words::calendar::{MS_PER_DAY, day_of, moment_ms, month_index, number, strip_shape};

/// Strips a syslog date, `Nov 21 23:36:31 ` or `Nov  1 23:36:31 ` (RFC 3164 §4.1.2); with
/// microseconds behind a dot in `journalctl -o short-precise`.
pub(super) fn strip_bsd(line: &[u8]) -> Option<&[u8]> {
    let rest = strip_shape(line, b"aaa bd dd:dd:dd")?;
    month_index(line.get(..3)?)?;
    match rest {
        [b' ', rest @ ..] => Some(rest),
        [b'.', fraction @ ..] => skip_digits(fraction, 1..=9)?.strip_prefix(b" "),
        _ => None,
    }
}

/// Strips `Sat 2026-11-21 23:36:31 UTC `, as `journalctl` writes it with `-o short-full` and
/// `-o with-unit`.
pub(super) fn strip_weekday(line: &[u8]) -> Option<&[u8]> {
    const DAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    /// A zone's letters (`CEST`) or its offset (`+0330`).
    const ZONE_BYTES_MAX: usize = 6;
    let (day, rest) = line.split_at_checked(3)?;
    if !DAYS.iter().any(|name| day == *name) {
        return None;
    }
    let rest = strip_shape(rest, b" dddd-dd-dd dd:dd:dd ")?;
    let zone = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'))
        .count();
    if !(1..=ZONE_BYTES_MAX).contains(&zone) {
        return None;
    }
    rest.get(zone..)?.strip_prefix(b" ")
}

/// Strips `2026-11-21T23:36:31.172726+00:00 ` (RFC 3339; the fraction may be absent, the zone may
/// be `Z` or lack its colon).
pub(super) fn strip_iso(line: &[u8]) -> Option<&[u8]> {
    let rest = strip_shape(line, b"dddd-dd-ddTdd:dd:dd")?;
    let rest = match rest.strip_prefix(b".") {
        Some(fraction) => skip_digits(fraction, 1..=9)?,
        None => rest,
    };
    let rest = match rest {
        [b'Z', rest @ ..] => rest,
        [b'+' | b'-', zone @ ..] => {
            let zone = skip_digits(zone, 2..=4)?;
            match zone.strip_prefix(b":") {
                Some(minutes) => skip_digits(minutes, 2..=2)?,
                None => zone,
            }
        }
        _ => return None,
    };
    rest.strip_prefix(b" ")
}

/// What follows the leading digits, if there are as many as `count` allows.
pub(super) fn skip_digits(text: &[u8], count: std::ops::RangeInclusive<usize>) -> Option<&[u8]> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    count.contains(&digits).then(|| text.get(digits..))?
}

/// The date of a syslog head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadDate {
    /// Milliseconds since 1970 of a local time that names no zone.
    Local(u64),
    /// Milliseconds since 1970 UTC, and what the zone adds to it.
    Zoned(i64, i64),
}

/// Reads the date that a head begins with: `Nov 21 23:36:31 `, `2026-11-21T23:36:31.172+00:00 ` or
/// `Sat 2026-11-21 23:36:31 UTC `. The first has no year: it is the last one that is not after
/// `today_ms`, a day allowed for zones.
pub(super) fn head_date(text: &[u8], today_ms: u64) -> Option<HeadDate> {
    if strip_bsd(text).is_some() {
        return bsd_ms(text, today_ms).map(HeadDate::Local);
    }
    if let Some(rest) = strip_iso(text) {
        let date = text.get(..text.len() - rest.len() - 1)?;
        let local_ms = iso_ms(date)?;
        let offset = zone_ms(date)?;
        return Some(HeadDate::Zoned(
            i64::try_from(local_ms).ok()? - offset,
            offset,
        ));
    }
    strip_weekday(text)?;
    iso_ms(text.get(4..)?).map(HeadDate::Local)
}

/// `Nov 21 23:36:31`, with or without a fraction.
fn bsd_ms(text: &[u8], today_ms: u64) -> Option<u64> {
    let month = month_index(text.get(..3)?)?;
    let day = number(text.get(4..6)?.trim_ascii_start())?;
    let latest = today_ms.saturating_add(MS_PER_DAY);
    // Without a clock all years are the same; one of them must have a 29th of February.
    let year = if today_ms == u64::MAX {
        1972
    } else {
        day_of(latest).0
    };
    let time = text.get(7..15)?;
    let of_year = |year| moment_ms((year, month, day), time, millis_of(text.get(15..)));
    let moments = [year, year.saturating_sub(1)]
        .into_iter()
        .filter_map(of_year);
    moments.into_iter().find(|&ms| ms <= latest)
}

/// `2026-11-21T23:36:31`, or with a space for the `T`; with or without a fraction.
fn iso_ms(text: &[u8]) -> Option<u64> {
    let month = number(text.get(5..7)?)?.checked_sub(1)?;
    let month = usize::try_from(month).ok()?;
    let day = (number(text.get(..4)?)?, month, number(text.get(8..10)?)?);
    moment_ms(day, text.get(11..19)?, millis_of(text.get(19..)))
}

/// `+01:00`, `-0730`, `+01` or `Z` at the end of a date.
fn zone_ms(date: &[u8]) -> Option<i64> {
    if date.ends_with(b"Z") {
        return Some(0);
    }
    let sign = date.iter().rposition(|byte| b"+-".contains(byte))?;
    let digits: Vec<u8> = date
        .get(sign + 1..)?
        .iter()
        .copied()
        .filter(u8::is_ascii_digit)
        .collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = number(hours)? * 60 + number(minutes)?;
    let ms = i64::try_from(minutes * 60_000).ok()?;
    Some(if date.get(sign) == Some(&b'-') {
        -ms
    } else {
        ms
    })
}

/// Milliseconds of what follows a second: three digits of a fraction, or none.
fn millis_of(rest: Option<&[u8]>) -> u64 {
    let fraction = rest.and_then(|rest| rest.strip_prefix(b"."));
    let digits = fraction.unwrap_or_default().iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    let digits = digits.map(|byte| u64::from(byte - b'0'));
    let digits = digits.chain(std::iter::repeat(0)).take(3);
    digits.fold(0, |ms, digit| ms * 10 + digit)
}
