//! A file of rates: one number a second, requests a second.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Seconds that are read, at most: a month.
pub const SECONDS_MAX: u32 = 31 * 24 * 3600;
/// The largest rate.
pub const RATE_MAX: f64 = 1e6;
/// The longest line.
const LINE_BYTES_MAX: usize = 256;

/// Why rates could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RatesError {
    /// The file is not there, or cannot be read.
    #[error("cannot read the rates of {path}: {source}")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
    /// A line holds something else than a number that could be a rate.
    #[error(
        "{path}, line {line}: `{text}` is no rate; write one number a line, requests a second, one line \
         for each second"
    )]
    NoRate {
        path: String,
        line: usize,
        text: String,
    },
    /// There is no rate in it.
    #[error("{0} has no rates; write one number a line, requests a second")]
    Empty(String),
    /// More than [`SECONDS_MAX`].
    #[error("{0} has more than {SECONDS_MAX} rates, which is a month")]
    TooLong(String),
}

/// Reads them. Empty lines, and what stands behind `#`, are left out.
///
/// # Errors
/// [`RatesError`].
pub fn read(path: &Path) -> Result<Vec<f64>, RatesError> {
    let name = path.display().to_string();
    let failed = |source: io::Error| RatesError::Read {
        path: path.display().to_string(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut rates_per_s = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(failed)?;
        let text = line.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let rate: Option<f64> = text.parse().ok();
        let Some(rate) = rate.filter(|it| (0.0..=RATE_MAX).contains(it)) else {
            let text = text.chars().take(LINE_BYTES_MAX).collect();
            return Err(RatesError::NoRate {
                path: name,
                line: index + 1,
                text,
            });
        };
        if rates_per_s.len() >= SECONDS_MAX as usize {
            return Err(RatesError::TooLong(name));
        }
        rates_per_s.push(rate);
    }
    if rates_per_s.is_empty() {
        return Err(RatesError::Empty(name));
    }
    Ok(rates_per_s)
}
