//! A duration's text in the file → [`Duration`], with humantime's own words and a way out.

use std::time::Duration;

use humantime::DurationError;

use super::diagnostic::{Code, Diagnostic, Label, quoted};
use super::key::nearest;
use super::reader::Reader;
use super::values::Entry;
use crate::words::duration::{self, Unreadable};

const DAY_S: u64 = 86_400;
/// Above this a duration is probably not meant, but possible.
const LONG: Duration = Duration::from_secs(DAY_S);
/// From here on a duration is taken for a mistake (`"5M"` is five months).
const MONTHS: Duration = Duration::from_secs(30 * DAY_S);

/// The units that we teach; humantime knows more spellings.
const UNITS: &[&str] = &[
    "ms", "millis", "msec", "s", "sec", "secs", "seconds", "second", "m", "min", "mins", "minutes",
    "minute", "h", "hr", "hours", "hour", "d", "days", "day",
];

/// Reads `text`, which must be at least `least`. `None` when it was refused.
pub(super) fn read(
    given: &Entry<'_>,
    text: &str,
    least: Duration,
    reader: &mut Reader<'_>,
) -> Option<Duration> {
    let duration = match duration::parse(text) {
        Ok(duration) => duration,
        Err(error) => {
            let mistake = unreadable(given, text, &error, reader);
            reader.add(mistake);
            return None;
        }
    };
    if duration::says_months(text) {
        let minutes = quoted(&text.replace('M', "m"));
        let help = format!("write {minutes} for minutes");
        reader.add(given.bad(Code::Months, "capital M means months", help));
        return None;
    }
    if duration >= MONTHS {
        let help = "write milliseconds to hours: units ms, s, m, h, d";
        reader.add(given.bad(Code::Months, "30 days or more", help));
        return None;
    }
    if duration < least {
        let help = format!("write at least \"{}\"", humantime::format_duration(least));
        reader.add(given.bad(Code::OutOfRange, "too short", help));
        return None;
    }
    if duration > LONG {
        let help = "if it is, ignore this warning; the units are ms, s, m, h and d";
        let mut warning = given.bad(Code::LongDuration, "is this intended?", help);
        warning.title.push_str(", longer than a day");
        reader.add(warning);
    }
    Some(duration)
}

/// humantime's error in its own words, with a way out.
fn unreadable(
    given: &Entry<'_>,
    text: &str,
    error: &Unreadable,
    reader: &Reader<'_>,
) -> Diagnostic {
    let mut range = None;
    let (label, help) = match error {
        Unreadable::TooLong => (
            "too many digits or units",
            "write a number and a unit, for example \"500ms\", \"30s\", \"5m\"".to_owned(),
        ),
        Unreadable::Form(DurationError::UnknownUnit { unit, value, .. }) if unit.is_empty() => (
            "no time unit",
            format!("write \"{value}ms\", \"{value}s\" or \"{value}m\""),
        ),
        Unreadable::Form(DurationError::UnknownUnit {
            start, end, unit, ..
        }) => {
            range = Some(*start..*end);
            let known = "units: ms, s, m, h, d (capital M is months)";
            let help = nearest(unit, UNITS.iter().copied()).map_or_else(
                || known.to_owned(),
                |unit| {
                    let before = text.get(..*start).unwrap_or_default();
                    let after = text.get(*end..).unwrap_or_default();
                    let meant = quoted(&format!("{before}{unit}{after}"));
                    format!("did you mean {meant}? {known}")
                },
            );
            ("not a time unit", help)
        }
        Unreadable::Form(DurationError::Empty) => (
            "nothing here",
            "write a number and a unit, for example \"30s\"".to_owned(),
        ),
        Unreadable::Form(
            DurationError::InvalidCharacter(_) | DurationError::NumberExpected(_),
        ) => (
            "not a duration",
            "write a number and a unit, without a sign, for example \"500ms\", \"1.5s\", \"1m 30s\""
                .to_owned(),
        ),
        Unreadable::Form(DurationError::NumberOverflow) => (
            "cannot be represented",
            "write a smaller number, or one with fewer decimals, for example \"500ms\"".to_owned(),
        ),
    };
    // The list of units is in the help, in the spellings that we teach.
    let words = match error {
        Unreadable::TooLong => "the text is too long".to_owned(),
        Unreadable::Form(error) => error.to_string(),
    };
    let words = words.split(", supported units").next().unwrap_or_default();
    let title = format!("`{}`: not a duration: {words}", given.key.name);
    let place = reader.within(&given.span(), text, range);
    Diagnostic::new(Code::BadDuration, title, Label::new(place, label), help)
}
