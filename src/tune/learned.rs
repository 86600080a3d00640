//! What was learned as a piece of configuration: for the daemon's key `capacity`, and for
//! `simulate --learned`. How it is read again belongs to `config`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::TuneError;
use super::study::Study;
use crate::measure::capacity::{Bracket, Lesson};
use crate::words::calendar::format_local_ms;

/// The first line: a file without it is somebody else's.
const HEADER: &str =
    "# Written by `haproxy-autoscale tune`: what one server carries within its goal.";
/// Digits of a number that say something.
const DIGITS: i32 = 3;

/// Writes the capacities of the backends of which something is known.
pub(super) fn write(path: &Path, studies: &[Study]) -> Result<(), TuneError> {
    let name = path.display().to_string();
    let failed = |source: io::Error| TuneError::Learned {
        path: path.display().to_string(),
        source,
    };
    match fs::read(path) {
        Ok(there) if !there.is_empty() && !there.starts_with(HEADER.as_bytes()) => {
            return Err(TuneError::NotOurs(name));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(_) | Err(_) => {}
    }
    fs::write(path, file(studies)).map_err(failed)
}

fn file(studies: &[Study]) -> String {
    let mut text = format!(
        "{HEADER}\n# Copy `capacity` into your configuration, or give this file to `simulate --learned`.\n"
    );
    for study in studies {
        let Some(bracket) = study.carries.to_start_from() else {
            continue;
        };
        let (from_ms, to_ms) = study.period_ms;
        let second = |ms: u64| {
            format_local_ms(ms)
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let _ = write!(
            text,
            "\n# {} requests from {} to {}, goal {} ms, confidence {}\n[backend.{}]\ncapacity = {}\n",
            study.requests,
            second(from_ms),
            second(to_ms),
            study.carries.goal.ms,
            study.carries.confidence.as_str(),
            key(&study.name),
            capacity(&bracket),
        );
    }
    text
}

/// `{ proved = "36/s", broken = "40/s", in_flight = 8 }`.
pub(super) fn capacity(bracket: &Bracket) -> String {
    let mut parts = Vec::new();
    if let Some(proved) = rounded(bracket.proved) {
        parts.push(format!("proved = \"{proved}/s\""));
    }
    if let Some(broken) = rounded(bracket.broken) {
        parts.push(format!("broken = \"{broken}/s\""));
    }
    if let Some(held) = rounded(bracket.held) {
        parts.push(format!("in_flight = {held}"));
    }
    format!("{{ {} }}", parts.join(", "))
}

/// With as many digits as say something; `None` of nothing, and of so little that no key may hold it.
pub(super) fn rounded(lesson: Option<Lesson>) -> Option<f64> {
    let value = lesson?.value;
    #[allow(clippy::cast_possible_truncation)] // Of a logarithm.
    let digits = DIGITS - 1 - value.max(1e-9).log10().floor() as i32;
    let unit = 10_f64.powi(digits.clamp(-9, 9));
    let rounded = (value * unit).round() / unit;
    (rounded >= 0.01).then_some(rounded)
}

/// As a key of TOML: bare where that is possible. A name of HAProxy's has no quote and no backslash.
fn key(name: &str) -> String {
    let is_bare = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        return name.to_owned();
    }
    let clean: String = name
        .chars()
        .filter(|it| !"\"\\".contains(*it) && !it.is_control())
        .collect();
    format!("\"{clean}\"")
}
