//! Is a signal well below its threshold? Judged over the last minute in a dozen slices and their sum,
//! so that a request costs two additions and an answer no more, at any load.
//!
//! A percentile lies below a limit exactly when enough of the samples do: counting those replaces
//! keeping them.

use std::time::Duration;

use super::meter::steps;
use super::settings::{PolicySettings, Statistic};
use crate::words::time::Timestamp;

/// Slices that the span is cut into.
const SLICES: usize = 12;
/// The longest span that quiet is judged on.
const SPAN_MAX: Duration = Duration::from_secs(60);
/// The shortest, so that the slices stay instants apart.
const SPAN_MIN: Duration = Duration::from_millis(600);
/// A signal without a sample for this long is empty: no load, if HAProxy's counters agree.
pub(crate) const EMPTY_AFTER: Duration = Duration::from_secs(10);

/// The length of one slice: a twelfth of a minute, or of a fifth of `idle_timeout` when that is
/// shorter, so that one slow request does not postpone quiet for ever.
pub(crate) fn slice_of(idle_timeout: Duration) -> Duration {
    let span = (idle_timeout / 5).clamp(SPAN_MIN, SPAN_MAX);
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX) / SLICES as u64)
}

/// With so many errors, and one request in so many, a backend is not quiet: whoever is in is needed.
const ERRORS_MIN: u64 = 5;
const ERRORS_PART: u64 = 10;

/// What the last span says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Well below the threshold; its share of the threshold, for people.
    Quiet(f64),
    /// No sample for [`EMPTY_AFTER`].
    Empty,
    /// Neither samples nor silence for long enough: what was said before still holds.
    Unchanged,
    /// Not well below the threshold, or many of the requests failed.
    Busy,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    samples: u64,
    /// Samples at or above the limit.
    slow: u64,
    errors: u64,
    sum: u64,
}

impl Slice {
    const fn plus(self, other: Self) -> Self {
        Self {
            samples: self.samples + other.samples,
            slow: self.slow + other.slow,
            errors: self.errors + other.errors,
            sum: self.sum.saturating_add(other.sum),
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_sub(other.samples),
            slow: self.slow.saturating_sub(other.slow),
            errors: self.errors.saturating_sub(other.errors),
            sum: self.sum.saturating_sub(other.sum),
        }
    }
}

/// The recent past of one policy.
#[derive(Debug)]
#[repr(C)] // In this order: see `Policy`.
pub(crate) struct Recent {
    // What every request touches comes first.
    last_sample: Option<Timestamp>,
    limit: f64,
    /// When the newest slice ends.
    ends_at: Timestamp,
    /// The newest slice.
    filling: Slice,
    /// Its number, counted from the start of time.
    newest: u64,
    slice_ms: u64,
    /// All full slices together.
    full: Slice,
    statistic: Statistic,
    above: f64,
    /// By their numbers; the place of the newest one is empty.
    slices: [Slice; SLICES],
}

impl Recent {
    /// Nothing seen so far.
    pub(crate) fn new(policy: &PolicySettings, scale_down_ratio: f64, slice: Duration) -> Self {
        let slice_ms = u64::try_from(slice.as_millis()).unwrap_or(u64::MAX).max(1);
        Self {
            statistic: policy.statistic,
            above: policy.above * steps(policy.signal.unit()),
            limit: policy.above * steps(policy.signal.unit()) * scale_down_ratio,
            slice_ms,
            slices: [Slice::default(); SLICES],
            filling: Slice::default(),
            full: Slice::default(),
            newest: 0,
            ends_at: Timestamp::from_ms(slice_ms),
            last_sample: None,
        }
    }

    /// Takes one reading, in steps of the unit; `None` for a request that failed.
    pub(crate) fn push(&mut self, now: Timestamp, reading: Option<u32>) {
        self.last_sample = Some(now);
        if now >= self.ends_at {
            self.turn_to(now);
        }
        let slice = &mut self.filling;
        match reading {
            Some(ms) => {
                slice.samples += 1;
                slice.slow += u64::from(f64::from(ms) >= self.limit);
                slice.sum += u64::from(ms);
            }
            None => slice.errors += 1,
        }
    }

    /// When the last sample came.
    pub(crate) fn last_sample(&self) -> Option<Timestamp> {
        self.last_sample
    }

    /// Judges the span that ends now; `started` is when watching began.
    pub(crate) fn judge(&mut self, now: Timestamp, started: Timestamp) -> Verdict {
        self.turn_to(now);
        let sum = self.full.plus(self.filling);
        let is_many = sum.errors * ERRORS_PART > sum.samples + sum.errors;
        if sum.errors > sum.samples || sum.errors >= ERRORS_MIN && is_many {
            return Verdict::Busy;
        }
        if sum.samples == 0 {
            let silent_since = self.last_sample.unwrap_or(started);
            let is_empty = now.since(silent_since) >= EMPTY_AFTER;
            return if is_empty {
                Verdict::Empty
            } else {
                Verdict::Unchanged
            };
        }
        let mean = sum.sum as f64 / sum.samples as f64;
        let fast = sum.samples - sum.slow;
        let is_quiet = match self.statistic {
            Statistic::Mean => mean < self.limit,
            Statistic::Median => fast >= sum.samples.div_ceil(2),
            Statistic::Percentile(percent) => {
                fast >= (sum.samples * u64::from(percent)).div_ceil(100)
            }
            Statistic::Max => sum.slow == 0,
        };
        if is_quiet {
            Verdict::Quiet(mean / self.above)
        } else {
            Verdict::Busy
        }
    }

    /// Requests of the last span that failed, and all of them.
    pub(crate) fn failures(&self, now: Timestamp) -> (u64, u64) {
        let number = now.as_ms() / self.slice_ms;
        if number.saturating_sub(self.newest) >= SLICES as u64 {
            return (0, 0);
        }
        let sum = self.full.plus(self.filling);
        (sum.errors, sum.errors + sum.samples)
    }

    /// Empties the slices that lie between the newest one and now.
    fn turn_to(&mut self, now: Timestamp) {
        if now < self.ends_at {
            return;
        }
        let number = now.as_ms() / self.slice_ms;
        let filled = std::mem::take(&mut self.filling);
        let newest = self.newest;
        if let Some(slice) = self.slice_mut(newest) {
            *slice = filled;
            self.full = self.full.plus(filled);
        }
        let passed = number.saturating_sub(newest).min(SLICES as u64);
        for back in 0..passed {
            if let Some(slice) = self.slice_mut(number - back) {
                let emptied = std::mem::take(slice);
                self.full = self.full.minus(emptied);
            }
        }
        self.newest = newest.max(number);
        let ends_at = self.newest.saturating_add(1).saturating_mul(self.slice_ms);
        self.ends_at = Timestamp::from_ms(ends_at);
    }

    fn slice_mut(&mut self, number: u64) -> Option<&mut Slice> {
        let index = usize::try_from(number % SLICES as u64).unwrap_or(0);
        self.slices.get_mut(index)
    }
}
