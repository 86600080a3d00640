//! Rolling samples of one policy, and the statistic over them. Thresholds do not belong here.
//!
//! Each request costs the same whatever the size of the window: sums are kept up to date, and a
//! percentile is looked for once per evaluation, which is at most once per window.

use std::time::Duration;

use ringbuf::LocalRb;
use ringbuf::storage::Heap;
use ringbuf::traits::{Consumer, Observer, RingBuffer};

use super::meter::steps;
use super::settings::{PolicySettings, Statistic, Unit, WindowSize};
use crate::words::time::Timestamp;

/// Samples kept at most; of a fuller window the newest so many are looked at.
const SAMPLES_MAX: usize = 65_536;
/// Room to begin with; it doubles when a busy backend needs more.
const SAMPLES_MIN: usize = 32;

/// One request in a window.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Timestamp,
    /// `None`: it failed.
    reading: Option<u32>,
}

/// What a complete window showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Evaluation {
    /// The statistic, in steps of the unit; `None` when every request failed.
    pub(crate) value: Option<f64>,
    /// Requests in it, failed ones included.
    pub(crate) requests: u32,
    /// Failed ones.
    pub(crate) errors: u32,
    /// From its first request to its evaluation.
    pub(crate) span: Duration,
}

impl Evaluation {
    /// The same with the statistic in that unit instead of its steps.
    pub(crate) fn in_unit(self, unit: Unit) -> Self {
        Self {
            value: self.value.map(|value| value / steps(unit)),
            ..self
        }
    }
}

/// When a window is looked at, and what becomes of its samples then.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// Once it has so many requests and has lasted so long; the next one begins empty.
    Whole { needs: u32, lasts: Duration },
    /// Every so often, while something arrives; the oldest samples leave one by one.
    Sliding { every: Duration, holds: Extent },
}

/// What a sliding window holds, and from when on it tells.
#[derive(Clone, Copy, Debug)]
enum Extent {
    /// The newest so many requests, once they lie so far apart.
    Requests { newest: u32, min_span: Duration },
    /// Those of the last so long, once there are so many.
    Span { last: Duration, min_samples: u32 },
}

impl Course {
    fn of(policy: &PolicySettings) -> Self {
        let min_samples = policy.min_samples.max(1);
        let min_span = policy.min_span;
        match (policy.every, policy.window) {
            (None, WindowSize::Requests(needs)) => Self::Whole {
                needs,
                lasts: min_span,
            },
            (None, WindowSize::Span(lasts)) => Self::Whole {
                needs: min_samples,
                lasts,
            },
            (Some(every), WindowSize::Requests(newest)) => Self::Sliding {
                every,
                holds: Extent::Requests { newest, min_span },
            },
            (Some(every), WindowSize::Span(last)) => Self::Sliding {
                every,
                holds: Extent::Span { last, min_samples },
            },
        }
    }
}

/// All requests of a window, also those that no longer fit into its entries.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    requests: u32,
    errors: u32,
    /// Of all readings, in steps of the unit.
    sum: u64,
}

impl Tally {
    const fn add(&mut self, reading: Option<u32>) {
        self.requests = self.requests.saturating_add(1);
        match reading {
            Some(steps) => self.sum = self.sum.saturating_add(steps as u64),
            None => self.errors = self.errors.saturating_add(1),
        }
    }

    const fn remove(&mut self, reading: Option<u32>) {
        self.requests = self.requests.saturating_sub(1);
        match reading {
            Some(steps) => self.sum = self.sum.saturating_sub(steps as u64),
            None => self.errors = self.errors.saturating_sub(1),
        }
    }

    fn mean(self) -> Option<f64> {
        let samples = self.requests.checked_sub(self.errors);
        let samples = samples.filter(|&samples| samples > 0)?;
        Some(self.sum as f64 / f64::from(samples))
    }
}

/// The samples of one policy.
#[repr(C)] // In this order: see `Policy`.
pub(crate) struct Window {
    /// The newest requests; all of them while they fit.
    entries: LocalRb<Heap<Entry>>,
    scratch: Vec<u32>,
    statistic: Statistic,
    // What every request touches comes last.
    /// It is the mean of a window that does not slide: that of the sums.
    needs_sums_alone: bool,
    course: Course,
    tally: Tally,
    /// The first request, of a window that is not sliding.
    opened: Option<Timestamp>,
    /// When an evaluation is due: of a window that slides `every` so often while something arrives,
    /// of another one once it has all its requests.
    next: Option<Timestamp>,
}

impl Window {
    /// An empty window as the policy wants it.
    pub(crate) fn new(policy: &PolicySettings) -> Self {
        let capacity = match policy.window {
            WindowSize::Requests(requests) => requests as usize,
            WindowSize::Span(_) => SAMPLES_MIN,
        };
        Self {
            needs_sums_alone: policy.every.is_none() && policy.statistic == Statistic::Mean,
            course: Course::of(policy),
            statistic: policy.statistic,
            entries: LocalRb::new(capacity.clamp(SAMPLES_MIN, SAMPLES_MAX)),
            opened: None,
            tally: Tally::default(),
            next: None,
            scratch: Vec::new(),
        }
    }

    /// Takes one reading, in steps of the unit; `None` for a request that failed.
    pub(crate) fn push(&mut self, now: Timestamp, reading: Option<u32>) {
        let opened = *self.opened.get_or_insert(now);
        self.tally.add(reading);
        if !self.needs_sums_alone {
            self.keep(now, reading);
        }
        if self.next.is_none() {
            self.next = match self.course {
                Course::Sliding { every, .. } => Some(now.after(every)),
                Course::Whole { needs, lasts } => {
                    (self.tally.requests >= needs).then(|| opened.after(lasts))
                }
            };
        }
    }

    fn keep(&mut self, now: Timestamp, reading: Option<u32>) {
        if let Course::Sliding {
            holds: Extent::Requests { newest, .. },
            ..
        } = self.course
        {
            while self.entries.occupied_len() >= newest.max(1) as usize {
                self.pop();
            }
        }
        if self.entries.is_full() {
            self.make_room();
        }
        let evicted = self.entries.push_overwrite(Entry { at: now, reading });
        match self.course {
            Course::Sliding { .. } => self.forget(evicted),
            Course::Whole { .. } => {}
        }
    }

    /// Empties the window: what it held is about another situation.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.opened = None;
        self.tally = Tally::default();
        self.next = None;
    }

    /// Nothing has come in since it was opened.
    pub(crate) const fn is_empty(&self) -> bool {
        self.opened.is_none()
    }

    /// Samples that there is room for.
    pub(crate) fn held(&self) -> usize {
        self.entries.capacity().get() + self.scratch.capacity()
    }

    /// The instant at which the window is complete; `None` while only another request can make
    /// it so.
    pub(crate) const fn due(&self) -> Option<Timestamp> {
        self.next
    }

    /// Looks at the window at the instant that [`Window::due`] gave. `None` when a sliding window
    /// does not hold enough yet.
    pub(crate) fn evaluate(&mut self, now: Timestamp) -> Option<Evaluation> {
        match self.course {
            Course::Whole { .. } => {
                let evaluation = self.look(now);
                self.clear();
                evaluation
            }
            Course::Sliding { every, holds } => self.slide(now, every, holds),
        }
    }

    fn slide(&mut self, now: Timestamp, every: Duration, holds: Extent) -> Option<Evaluation> {
        if let Extent::Span { last, .. } = holds {
            let is_past = |entry: &Entry| now.since(entry.at) > last;
            while self.entries.first().is_some_and(is_past) {
                self.pop();
            }
        }
        self.opened = self.entries.first().map(|entry| entry.at);
        let is_enough = match holds {
            Extent::Requests { newest, min_span } => {
                let spans = |opened: Timestamp| now >= opened.after(min_span);
                self.tally.requests >= newest && self.opened.is_some_and(spans)
            }
            Extent::Span { min_samples, .. } => self.tally.requests >= min_samples,
        };
        // Nothing that arrives later may be judged together with nothing: without a request since
        // this evaluation there is no next one.
        let newest = self.entries.last().map(|entry| entry.at);
        let waits = !is_enough && newest.is_some_and(|newest| now.since(newest) <= every);
        self.next = waits.then(|| now.after(every));
        if is_enough { self.look(now) } else { None }
    }

    /// The statistic of what is held, complete or not; for people.
    pub(crate) fn peek(&mut self, now: Timestamp) -> Option<Evaluation> {
        self.look(now)
    }

    fn look(&mut self, now: Timestamp) -> Option<Evaluation> {
        let opened = self.opened?;
        Some(Evaluation {
            value: self.value(),
            requests: self.tally.requests,
            errors: self.tally.errors,
            span: now.since(opened),
        })
    }

    fn value(&mut self) -> Option<f64> {
        if self.statistic == Statistic::Mean {
            return self.tally.mean();
        }
        self.scratch.clear();
        self.scratch
            .extend(self.entries.iter().filter_map(|entry| entry.reading));
        let samples = self.scratch.len();
        let rank = match self.statistic {
            // Nearest rank: the smallest value that at least so many percent do not exceed.
            Statistic::Percentile(percent) => (samples * usize::from(percent)).div_ceil(100),
            Statistic::Median => samples / 2 + 1,
            Statistic::Mean | Statistic::Max => samples,
        };
        let index = rank.max(1).min(samples).checked_sub(1)?;
        let (below, &mut value, _) = self.scratch.select_nth_unstable(index);
        if self.statistic == Statistic::Median && samples.is_multiple_of(2) {
            let lower = below.iter().copied().max().unwrap_or(value);
            return Some(f64::midpoint(f64::from(lower), f64::from(value)));
        }
        Some(f64::from(value))
    }

    fn pop(&mut self) {
        let popped = self.entries.try_pop();
        self.forget(popped);
    }

    fn forget(&mut self, entry: Option<Entry>) {
        if let Some(entry) = entry {
            self.tally.remove(entry.reading);
        }
    }

    fn make_room(&mut self) {
        let capacity = self.entries.capacity().get();
        if capacity >= SAMPLES_MAX {
            return;
        }
        let mut larger = LocalRb::new((capacity * 2).min(SAMPLES_MAX));
        while let Some(entry) = self.entries.try_pop() {
            larger.push_overwrite(entry);
        }
        self.entries = larger;
    }
}
