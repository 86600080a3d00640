//! The calendar of HAProxy's log: local dates as milliseconds since 1970 of the same local time, and back.
//!
//! The log names no zone, so none is known here: the numbers are comparable with each other and
//! with nothing else. Neither the clock nor a time zone database is asked.

/// Days from 0001-01-01 to 1970-01-01 in the Gregorian calendar.
const DAYS_TO_1970: u64 = 719_162;
/// Days in 400 Gregorian years.
const DAYS_IN_400_YEARS: u64 = 146_097;
pub const MS_PER_DAY: u64 = 86_400_000;
/// Days of a common year before each month.
const DAYS_BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/// As logs write them.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads `21/Nov/2026:23:36:31.172`, the fixed shape of `%t` and `%tr`, as milliseconds since
/// 1970 of the same local time. `None` for any other shape, and as [`moment_ms`].
pub fn parse_local_ms(text: &[u8]) -> Option<u64> {
    strip_shape(text, b"dd/aaa/dddd:dd:dd:dd.ddd").filter(|rest| rest.is_empty())?;
    let month = month_index(text.get(3..6)?)?;
    let day = (number(text.get(7..11)?)?, month, number(text.get(..2)?)?);
    moment_ms(day, text.get(12..20)?, number(text.get(21..)?)?)
}

/// Milliseconds since 1970 of a day (the year, the month from 0, the day from 1) and a time `23:36:31`.
/// `None` for a day that does not exist, and for years before 1970. A second is 0 to 59: HAProxy's clock
/// has no leap seconds.
pub fn moment_ms((year, month, day): (u64, usize, u64), time: &[u8], ms: u64) -> Option<u64> {
    let &[h1, h2, b':', n1, n2, b':', s1, s2] = time else {
        return None;
    };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    if year < 1970 || month >= MONTHS.len() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days_in_month = days_before_month(year, month + 1) - days_before_month(year, month);
    if !(1..=days_in_month).contains(&day) {
        return None;
    }
    let days = days_before_year(year) + days_before_month(year, month) + day - 1 - DAYS_TO_1970;
    Some(days * MS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

/// Milliseconds since 1970 as RFC 3339 without a zone, `2026-11-21T23:36:31.172`.
pub fn format_local_ms(ms: u64) -> String {
    let (year, month, day) = day_of(ms);
    format!("{year:04}-{:02}-{day:02}T{}", month + 1, time_of(ms))
}

/// The same as httplog has it, `21/Nov/2026:23:36:31.172`.
pub fn format_logged_ms(ms: u64) -> String {
    let (year, month, day) = day_of(ms);
    let month = MONTHS.get(month).copied().unwrap_or_default();
    format!("{day:02}/{month}/{year:04}:{}", time_of(ms))
}

/// The year, the month from 0, and the day from 1.
pub fn day_of(ms: u64) -> (u64, usize, u64) {
    let days = ms / MS_PER_DAY + DAYS_TO_1970;
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
    (year, month, day)
}

fn time_of(ms: u64) -> String {
    let (hour, minute) = (ms / 3_600_000 % 24, ms / 60_000 % 60);
    let (second, milli) = (ms / 1000 % 60, ms % 1000);
    format!("{hour:02}:{minute:02}:{second:02}.{milli:03}")
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

/// `Jan` is 0.
pub fn month_index(name: &[u8]) -> Option<usize> {
    MONTHS.iter().position(|month| month.as_bytes() == name)
}

/// A few decimal digits; `None` if one is not a digit.
pub fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u64::from(byte - b'0'))
    })
}

/// What follows a text of that shape: `d` is a digit, `b` a digit or a blank, `a` a letter, every other
/// byte itself.
pub fn strip_shape<'a>(text: &'a [u8], shape: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(shape.len())?;
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        b'b' => *byte == b' ' || byte.is_ascii_digit(),
        b'a' => byte.is_ascii_alphabetic(),
        literal => byte == literal,
    };
    start.iter().zip(shape).all(fits).then_some(rest)
}
