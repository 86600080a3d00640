//! `--since` and `--until`: which lines of a log are looked at, by their moments.

use super::Progress;

/// A part of a log. Both ends are milliseconds since 1970 of the log's own local time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first moment that belongs to it; `None`: from the beginning.
    pub since_ms: Option<u64>,
    /// The first moment that does not; `None`: to the end.
    pub until_ms: Option<u64>,
}

impl Period {
    /// Whether a moment, [`crate::log::line::Record::ended_ms`], belongs to it.
    pub fn contains(&self, ended_ms: u64) -> bool {
        self.since_ms.is_none_or(|since| since <= ended_ms)
            && self.until_ms.is_none_or(|until| ended_ms < until)
    }

    /// Which lines of a piece of a log belong to it, of which the first moments are given.
    ///
    /// A line that could not be read has no moment. It belongs where the one before it belongs, and
    /// at the beginning of the piece where the next one does. In a piece without any moment it does
    /// belong, so that the reasons of a log that is hard to read are never hidden.
    pub fn sieve(&self, mut moments: impl Iterator<Item = Option<u64>>) -> Sieve {
        let is_whole = self.since_ms.is_none() && self.until_ms.is_none();
        let first = if is_whole {
            None
        } else {
            moments.find_map(|moment| moment)
        };
        Sieve {
            period: *self,
            is_inside: first.is_none_or(|ended_ms| self.contains(ended_ms)),
        }
    }
}

/// Goes through the lines of a piece of a log in their order, see [`Period::sieve`].
#[derive(Clone, Debug)]
pub struct Sieve {
    period: Period,
    is_inside: bool,
}

impl Sieve {
    /// Whether the next line belongs to the period; `None` for a line without a moment.
    pub fn takes(&mut self, ended_ms: Option<u64>) -> bool {
        if let Some(ended_ms) = ended_ms {
            self.is_inside = self.period.contains(ended_ms);
        }
        self.is_inside
    }
}

/// How logs are to be read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The longest line that is looked at, in bytes without its end.
    pub max_line_bytes: usize,
    /// The part of the logs that is wanted.
    pub period: Period,
    /// Is told how far it is.
    pub progress: Progress,
}

impl Reading {
    /// Everything, unwatched.
    pub fn all(max_line_bytes: usize) -> Self {
        Self {
            max_line_bytes,
            period: Period::default(),
            progress: Progress::default(),
        }
    }
}
