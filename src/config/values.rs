//! Single values: where they stand, numbers and durations within their range, what a value is called.
//!
//! Which table and key a value belongs to is known to [`super::reader`].

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::diagnostic::{Code, Diagnostic, Label, Span, quoted};
use super::duration;
use super::reader::Reader;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Span,
}

/// Values that may be missing.
pub(super) trait Given<T> {
    /// This one, or else the other.
    fn over(&self, fallback: &Self) -> Self;
    /// The value, or a default.
    fn settled(&self, default: T) -> T;
}

impl<T: Clone> Given<T> for Option<At<T>> {
    fn over(&self, fallback: &Self) -> Self {
        self.as_ref().or(fallback.as_ref()).cloned()
    }

    fn settled(&self, default: T) -> T {
        self.as_ref().map_or(default, |at| at.value.clone())
    }
}

/// The duration that `text` says, at least `least`.
pub(super) fn duration_of(
    key: &str,
    text: &str,
    span: Span,
    least: Duration,
    reader: &mut Reader<'_>,
) -> Option<At<Duration>> {
    let duration = match duration::parse(text) {
        Ok(duration) => duration,
        Err(problem) => {
            let place = reader.within(&span, text, problem.range);
            let (code, title) = if problem.is_months {
                (Code::Months, format!("`{key}` is {}", problem.title))
            } else {
                (Code::BadDuration, format!("`{key}`: {}", problem.title))
            };
            let label = Label::new(place, problem.label);
            reader.add(Diagnostic::new(code, title, label, problem.help));
            return None;
        }
    };
    if duration < least {
        let least = humantime::format_duration(least);
        reader.add(Diagnostic::new(
            Code::OutOfRange,
            format!("`{key}` is {}", quoted(text)),
            Label::new(span, "too short"),
            format!("write at least \"{least}\""),
        ));
        return None;
    }
    if duration > duration::LONG {
        reader.add(Diagnostic::new(
            Code::LongDuration,
            format!("`{key}` is {}, longer than a day", quoted(text)),
            Label::new(span.clone(), "is this meant?"),
            "units: ms, s, m, h, d",
        ));
    }
    Some(At {
        value: duration,
        span,
    })
}

/// What [`Table::whole_or_text`] found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum WholeOrText {
    Whole(u32),
    Text(String),
}

pub(super) fn in_range(
    key: &str,
    number: i128,
    range: &RangeInclusive<u32>,
    span: Span,
    reader: &mut Reader<'_>,
) -> Option<At<u32>> {
    let fitting = u32::try_from(number).ok().filter(|fit| range.contains(fit));
    if let Some(value) = fitting {
        return Some(At { value, span });
    }
    let (least, most) = (*range.start(), *range.end());
    let label = if number < i128::from(least) {
        "too small"
    } else {
        "too large"
    };
    reader.add(Diagnostic::new(
        Code::OutOfRange,
        format!("`{key}` is {number}"),
        Label::new(span, label),
        format!("write a whole number from {least} to {most}"),
    ));
    None
}

/// A TOML integer; one that no `i128` holds is taken for the largest, which no range allows.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    let parsed = i128::from_str_radix(integer.as_str(), integer.radix());
    Some(parsed.unwrap_or(i128::MAX))
}

#[allow(clippy::cast_precision_loss)] // compared with small ranges only
pub(super) fn float(value: &DeValue<'_>) -> Option<f64> {
    value
        .as_float()
        .map(|float| float.as_str().parse().unwrap_or(f64::NAN))
        .or_else(|| integer(value).map(|integer| integer as f64))
}

/// What a value is, in words.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value.type_str() {
        "string" => "a text",
        "integer" => "a whole number",
        "float" => "a number with decimals",
        "boolean" => "true or false",
        "datetime" => "a date or time",
        "array" => "a list",
        "table" => "a table",
        _ => "something else",
    }
}
