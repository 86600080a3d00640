//! The lowest or the highest number of the last while, in slices, so that it holds as much after a day
//! as after a minute. What the number means is its owner's business.

use std::time::Duration;

use crate::words::time::Timestamp;

/// Slices that the period is cut into: the answer is about a period that is up to one longer.
const SLICES: usize = 24;

/// Which end is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Lowest,
    Highest,
}

impl End {
    const fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Lowest => one.min(other),
            Self::Highest => one.max(other),
        }
    }
}

/// One number as it was of late.
#[derive(Debug)]
pub(super) struct Extreme {
    end: End,
    slice_ms: u64,
    /// The number was said first then, or anew.
    since: Option<Timestamp>,
    /// By the number of the slice, with that number.
    slices: [Option<(u64, f64)>; SLICES + 1],
}

impl Extreme {
    /// Nothing said so far.
    pub(super) fn new(end: End, period: Duration) -> Self {
        let period_ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        Self {
            end,
            slice_ms: (period_ms / SLICES as u64).max(1),
            since: None,
            slices: [None; SLICES + 1],
        }
    }

    /// The number is this one now.
    pub(super) fn say(&mut self, now: Timestamp, value: f64) {
        self.since.get_or_insert(now);
        let number = now.as_ms() / self.slice_ms;
        let at = usize::try_from(number % (SLICES as u64 + 1)).unwrap_or(0);
        if let Some(slot) = self.slices.get_mut(at) {
            let same = slot.filter(|(of, _)| *of == number);
            let value = same.map_or(value, |(_, before)| self.end.of(before, value));
            *slot = Some((number, value));
        }
    }

    /// The lowest or highest one of the last period; `None` if nothing was said in it.
    pub(super) fn of_period(&self, now: Timestamp) -> Option<f64> {
        let number = now.as_ms() / self.slice_ms;
        let is_recent = |of: u64| number.saturating_sub(of) <= SLICES as u64;
        let recent = self.slices.iter().flatten();
        let recent = recent.filter(|(of, _)| is_recent(*of));
        let end = self.end;
        recent.map(|(_, value)| *value).reduce(|a, b| end.of(a, b))
    }

    /// The same, once the whole period was watched.
    pub(super) fn of_whole_period(&self, now: Timestamp) -> Option<f64> {
        let period = Duration::from_millis(self.slice_ms.saturating_mul(SLICES as u64));
        let is_whole = self.since.is_some_and(|since| now.since(since) >= period);
        self.of_period(now).filter(|_| is_whole)
    }

    /// Nothing of what was said holds any more.
    pub(super) const fn start_over(&mut self) {
        self.since = None;
        self.slices = [None; SLICES + 1];
    }
}
