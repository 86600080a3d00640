//! A duration's text → [`Duration`], with humantime's own words and a way out.
//!
//! What range a key allows belongs to the reader of its table.

use std::ops::Range;
use std::time::Duration;

use humantime::DurationError;

use super::diagnostic::quoted;
use super::keys::nearest;
use crate::words::duration::{self, Unreadable};

/// Above this a duration is surely not meant, but possible.
pub(super) const LONG: Duration = Duration::from_secs(86_400);

/// From this on a duration is taken for a mistake (`"5M"` is five months).
pub(super) const MONTHS: Duration = Duration::from_secs(30 * 86_400);

/// The units that we teach; humantime knows more spellings.
const UNITS: &[&str] = &[
    "ms", "millis", "msec", "s", "sec", "secs", "seconds", "second", "m", "min", "mins", "minutes",
    "minute", "h", "hr", "hours", "hour", "d", "days", "day",
];

/// Why a text is no usable duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Months or years, rather than unreadable.
    pub is_months: bool,
    /// What is wrong; for months, how long it is.
    pub title: String,
    /// A few words for the place.
    pub label: &'static str,
    /// The way out.
    pub help: String,
    /// Where in the text; `None`: all of it.
    pub range: Option<Range<usize>>,
}

/// Reads `text`.
pub(super) fn parse(text: &str) -> Result<Duration, Problem> {
    let duration = duration::parse(text).map_err(|error| match error {
        Unreadable::TooLong => Problem {
            is_months: false,
            title: "not a duration: the text is too long".to_owned(),
            label: "too many digits or units",
            help: "write a number and a unit, for example \"500ms\", \"30s\", \"5m\"".to_owned(),
            range: None,
        },
        Unreadable::Form(error) => explain(text, &error),
    })?;
    let has_capital_m = duration::says_months(text);
    if duration >= MONTHS || has_capital_m {
        return Err(months(text, duration, has_capital_m));
    }
    Ok(duration)
}

fn months(text: &str, duration: Duration, has_capital_m: bool) -> Problem {
    let label = if has_capital_m {
        "capital M means months"
    } else {
        "30 days or more"
    };
    let help = if has_capital_m {
        format!("write {} for minutes", quoted(&text.replace('M', "m")))
    } else {
        "durations here are milliseconds to hours: units ms, s, m, h, d".to_owned()
    };
    Problem {
        is_months: true,
        title: rough(duration),
        label,
        help,
        range: None,
    }
}

/// `duration` in its largest sensible unit, for messages.
pub(super) fn rough(duration: Duration) -> String {
    const MONTH_S: u64 = 2_630_016; // humantime's month, 30.44 days
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0..=86_400 => return humantime::format_duration(duration).to_string(),
        86_401..MONTH_S => (seconds / 86_400, "day"),
        MONTH_S..31_557_600 => (seconds / MONTH_S, "month"),
        31_557_600.. => (seconds / 31_557_600, "year"),
    };
    if count == 1 {
        format!("1 {unit}")
    } else {
        format!("{count} {unit}s")
    }
}

/// humantime's error, kept in its own words, with a way out.
fn explain(text: &str, error: &DurationError) -> Problem {
    let mut range = None;
    let (label, help) = match error {
        DurationError::UnknownUnit { unit, value, .. } if unit.is_empty() => (
            "no time unit",
            format!("write \"{value}ms\", \"{value}s\" or \"{value}m\""),
        ),
        DurationError::UnknownUnit {
            start, end, unit, ..
        } => {
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
        DurationError::Empty => (
            "nothing here",
            "write a number and a unit, for example \"30s\"".to_owned(),
        ),
        DurationError::InvalidCharacter(_) | DurationError::NumberExpected(_) => (
            "not a duration",
            "write a number and a unit without sign, for example \"500ms\", \"1.5s\", \"1m 30s\""
                .to_owned(),
        ),
        DurationError::NumberOverflow => (
            "cannot be represented",
            "write a smaller number, or one with fewer decimals, for example \"500ms\"".to_owned(),
        ),
    };
    // The list of units is in the help, in the spellings that we teach.
    let words = error.to_string();
    let words = words.split(", supported units").next().unwrap_or_default();
    let title = format!("not a duration: {words}");
    Problem {
        is_months: false,
        title,
        label,
        help,
        range,
    }
}
