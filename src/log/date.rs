//! HAProxy's log dates as milliseconds of the log's own local time, and back.
//!
//! The log names no zone, so none is known here: the numbers are comparable with each other and
//! with nothing else. Neither the clock nor a time zone database is asked.

/// Days from 0001-01-01 to 1970-01-01 in the Gregorian calendar.
const DAYS_TO_1970: u64 = 719_162;
/// Days in 400 Gregorian years.
const DAYS_IN_400_YEARS: u64 = 146_097;
const MS_PER_DAY: u64 = 86_400_000;
/// Days of a common year before each month.
const DAYS_BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Reads `21/Nov/2026:23:36:31.172`, the fixed shape of `%t` and `%tr`, as milliseconds since
/// 1970 of the same local time. `None` for any other shape, a day that does not exist, and years
/// before 1970. A second is 0 to 59: HAProxy's clock has no leap seconds.
pub fn parse_local_ms(text: &[u8]) -> Option<u64> {
    let &[
        d1,
        d2,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        y1,
        y2,
        y3,
        y4,
        b':', //
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b'.',
        f1,
        f2,
        f3,
    ] = text
    else {
        return None;
    };
    let day = number(&[d1, d2])?;
    let month = month_index([m1, m2, m3])?;
    let year = number(&[y1, y2, y3, y4])?;
    let (hour, minute) = (number(&[h1, h2])?, number(&[n1, n2])?);
    let (second, ms) = (number(&[s1, s2])?, number(&[f1, f2, f3])?);
    let days_in_month = days_before_month(year, month + 1) - days_before_month(year, month);
    if year < 1970 || day == 0 || day > days_in_month || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_before_year(year) + days_before_month(year, month) + day - 1 - DAYS_TO_1970;
    Some(days * MS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

/// Milliseconds since 1970 as RFC 3339 without a zone, `2026-11-21T23:36:31.172`.
pub fn format_local_ms(ms: u64) -> String {
    let (days, in_day) = (ms / MS_PER_DAY + DAYS_TO_1970, ms % MS_PER_DAY);
    // The mean length of a year gives the right year or one beside it.
    let mut year = days * 400 / DAYS_IN_400_YEARS + 1;
    while days_before_year(year) > days {
        year -= 1;
    }
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    let day_of_year = days - days_before_year(year);
    let mut month = 11;
    while days_before_month(year, month) > day_of_year {
        month -= 1;
    }
    let day = day_of_year - days_before_month(year, month) + 1;
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1000 % 60, in_day % 1000);
    let month = month + 1;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}")
}

/// Days from 0001-01-01 to the first day of `year`, which is at least 1.
fn days_before_year(year: u64) -> u64 {
    let past = year.saturating_sub(1);
    past * 365 + past / 4 - past / 100 + past / 400
}

/// Days of `year` before the month with this index; index 12 gives the whole year.
fn days_before_month(year: u64, index: usize) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u64::from(is_leap && index > 1);
    DAYS_BEFORE_MONTH.get(index).copied().unwrap_or(365) + leap_day
}

fn month_index(name: [u8; 3]) -> Option<usize> {
    Some(match &name {
        b"Jan" => 0,
        b"Feb" => 1,
        b"Mar" => 2,
        b"Apr" => 3,
        b"May" => 4,
        b"Jun" => 5,
        b"Jul" => 6,
        b"Aug" => 7,
        b"Sep" => 8,
        b"Oct" => 9,
        b"Nov" => 10,
        b"Dec" => 11,
        _ => return None,
    })
}

/// A few decimal digits; `None` if one is not a digit.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u64::from(byte - b'0'))
    })
}

/// Strips a syslog date, `Nov 21 23:36:31 ` or `Nov  1 23:36:31 ` (RFC 3164 §4.1.2); with
/// microseconds behind a dot in `journalctl -o short-precise`.
pub(super) fn strip_bsd(line: &[u8]) -> Option<&[u8]> {
    let (date, rest) = line.split_at_checked(15)?;
    let &[
        m1,
        m2,
        m3,
        b' ',
        d1,
        d2,
        b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = date
    else {
        return None;
    };
    month_index([m1, m2, m3])?;
    let is_day = (d1 == b' ' || d1.is_ascii_digit()) && d2.is_ascii_digit();
    let is_time = [h1, h2, n1, n2, s1, s2].iter().all(u8::is_ascii_digit);
    if !is_day || !is_time {
        return None;
    }
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

/// What follows a text of that shape: `d` is a digit, every other byte is itself.
fn strip_shape<'a>(text: &'a [u8], shape: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(shape.len())?;
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        literal => byte == literal,
    };
    start.iter().zip(shape).all(fits).then_some(rest)
}

/// What follows the leading digits, if there are as many as `count` allows.
pub(super) fn skip_digits(text: &[u8], count: std::ops::RangeInclusive<usize>) -> Option<&[u8]> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    count.contains(&digits).then(|| text.get(digits..))?
}
