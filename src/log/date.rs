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
    const DAY_MS: u64 = MS_PER_DAY;
    let &[m1, m2, m3, _, d1, d2, _, ref time @ ..] = text.get(..15)? else {
        return None;
    };
    let day = if d1 == b' ' { b'0' } else { d1 };
    let fraction = text.get(15..).and_then(|rest| rest.strip_prefix(b"."));
    let latest = today_ms.saturating_add(DAY_MS);
    // Without a clock all years are the same; one of them must have a 29th of February.
    let year = if today_ms == u64::MAX {
        1972
    } else {
        year_of(latest)
    };
    [year, year.saturating_sub(1)]
        .into_iter()
        .filter_map(|year| {
            let year = format!("{year:04}");
            let written = [
                &[day, d2, b'/', m1, m2, m3, b'/'],
                year.as_bytes(),
                b":",
                time,
            ];
            parse_local_ms(&[&written.concat()[..], b".", &millis_of(fraction)].concat())
        })
        .find(|&ms| ms <= latest)
}

fn year_of(ms: u64) -> u64 {
    format_local_ms(ms)
        .get(..4)
        .and_then(|year| year.parse().ok())
        .unwrap_or(1970)
}

/// `2026-11-21T23:36:31`, or with a space for the `T`; with or without a fraction.
fn iso_ms(text: &[u8]) -> Option<u64> {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let (year, rest) = text.split_at_checked(4)?;
    let (month, rest) = rest.strip_prefix(b"-")?.split_at_checked(2)?;
    let (day, rest) = rest.strip_prefix(b"-")?.split_at_checked(2)?;
    let (time, rest) = rest.get(1..)?.split_at_checked(8)?;
    let month = usize::try_from(number(month)?.checked_sub(1)?).ok()?;
    let fraction = rest.strip_prefix(b".");
    let written = [day, b"/", MONTHS.get(month)?, b"/", year, b":", time, b"."].concat();
    parse_local_ms(&[&written[..], &millis_of(fraction)].concat())
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

/// The first three digits of a fraction of a second.
fn millis_of(fraction: Option<&[u8]>) -> [u8; 3] {
    let mut millis = *b"000";
    let digits = fraction.unwrap_or_default().iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    for (place, digit) in millis.iter_mut().zip(digits) {
        *place = *digit;
    }
    millis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str, today: &str) -> Option<String> {
        let today_ms = parse_local_ms(today.as_bytes()).expect("a date");
        match head_date(text.as_bytes(), today_ms)? {
            HeadDate::Local(ms) => Some(format_local_ms(ms)),
            HeadDate::Zoned(utc_ms, offset_ms) => {
                u64::try_from(utc_ms + offset_ms).ok().map(format_local_ms)
            }
        }
    }

    #[test]
    fn a_date_without_a_year_is_of_the_last_twelve_months() {
        let new_year = "05/Jan/2027:12:00:00.000";
        for (text, wanted) in [
            ("Dec 31 23:59:59 lb1 ", "2026-12-31T23:59:59.000"),
            ("Jan  1 00:00:01 lb1 ", "2027-01-01T00:00:01.000"),
            // The log's clock may be some hours ahead of ours.
            ("Jan  6 03:00:00.250123 lb1 ", "2027-01-06T03:00:00.250"),
            ("Jan  7 03:00:00 lb1 ", "2026-01-07T03:00:00.000"),
        ] {
            let found = local(text, new_year);
            assert_eq!(found.as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(local("Feb 29 03:00:00 lb1 ", new_year), None, "no such day");
    }

    #[test]
    fn dates_with_a_year_are_what_they_say() {
        for (text, wanted) in [
            (
                "2026-11-18T13:18:41.7775+01:00 lb1 ",
                "2026-11-18T13:18:41.777",
            ),
            ("2026-11-18T13:18:41-0730 lb1 ", "2026-11-18T13:18:41.000"),
            ("2026-11-18T13:18:41Z lb1 ", "2026-11-18T13:18:41.000"),
            (
                "Wed 2026-11-18 13:18:41 CET lb1 ",
                "2026-11-18T13:18:41.000",
            ),
        ] {
            let found = local(text, "01/Jan/2020:00:00:00.000");
            assert_eq!(found.as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(
            local("2026-13-18T13:18:41Z lb1 ", "01/Jan/2020:00:00:00.000"),
            None
        );
    }
}
