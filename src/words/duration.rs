//! The one place where a text becomes a length of time: of the configuration, of the control socket
//! and of the command line. What range is allowed belongs to whoever asks.

use std::time::Duration;

use humantime::DurationError;

/// Longest text that is read.
const TEXT_BYTES_MAX: usize = 64;

/// Most digits in all of a text. Keeps humantime away from the end of [`Duration`], where it panics
/// (`18446744073709551615s 1000ms`): 11 digits are at most 3.2e18 s.
const DIGITS_MAX: usize = 11;

/// Why a text is no length of time.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unreadable {
    /// Too much text to be meant.
    #[error("too many digits or units; write a number and a unit, such as 90s or 2h")]
    TooLong,
    /// Not of the form number and unit.
    #[error("{0}")]
    Form(#[from] DurationError),
}

/// Reads `500ms`, `90s`, `1h 30m`. Never panics, whatever the text.
///
/// # Errors
/// [`Unreadable`].
pub fn parse(text: &str) -> Result<Duration, Unreadable> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if text.len() > TEXT_BYTES_MAX || digits > DIGITS_MAX {
        return Err(Unreadable::TooLong);
    }
    Ok(humantime::parse_duration(text)?)
}

/// It says `M`, which means months and was surely meant as minutes.
pub fn says_months(text: &str) -> bool {
    let mut units = text.split(|letter: char| !letter.is_alphabetic());
    units.any(|unit| unit == "M")
}
