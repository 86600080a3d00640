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

/// The samples of one policy.
#[repr(C)] // In this order: see `Policy`.
pub(crate) struct Window {
    size: WindowSize,
    statistic: Statistic,
    every: Option<Duration>,
    min_span: Duration,
    min_samples: u32,
    /// The newest requests; all of them while they fit.
    entries: LocalRb<Heap<Entry>>,
    scratch: Vec<u32>,
    /// How long a window lasts at least that does not slide.
    lasts: Duration,
    // What every request touches comes last.
    /// It is the mean of a window that does not slide: that of the sums.
    needs_sums_alone: bool,
    /// Requests that a window has at least that does not slide.
    needs: u32,
    /// Of all requests of the window, also of those that no longer fit into `entries`.
    requests: u32,
    errors: u32,
    sum: u64,
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
        let (needs, lasts) = match policy.window {
            WindowSize::Requests(requests) => (requests, policy.min_span),
            WindowSize::Span(span) => (policy.min_samples.max(1), span),
        };
        Self {
            needs_sums_alone: policy.every.is_none() && policy.statistic == Statistic::Mean,
            needs,
            lasts,
            size: policy.window,
            statistic: policy.statistic,
            every: policy.every,
            min_span: policy.min_span,
            min_samples: policy.min_samples.max(1),
            entries: LocalRb::new(capacity.clamp(SAMPLES_MIN, SAMPLES_MAX)),
            opened: None,
            requests: 0,
            errors: 0,
            sum: 0,
            next: None,
            scratch: Vec::new(),
        }
    }

    /// Takes one reading, in steps of the unit; `None` for a request that failed.
    pub(crate) fn push(&mut self, now: Timestamp, reading: Option<u32>) {
        let opened = *self.opened.get_or_insert(now);
        self.requests = self.requests.saturating_add(1);
        match reading {
            Some(ms) => self.sum = self.sum.saturating_add(u64::from(ms)),
            None => self.errors = self.errors.saturating_add(1),
        }
        if !self.needs_sums_alone {
            self.keep(now, reading);
        }
        if self.next.is_none() {
            self.next = match self.every {
                Some(every) => Some(now.after(every)),
                None => (self.requests >= self.needs).then(|| opened.after(self.lasts)),
            };
        }
    }

    fn keep(&mut self, now: Timestamp, reading: Option<u32>) {
        if let (Some(_), WindowSize::Requests(requests)) = (self.every, self.size) {
            while self.entries.occupied_len() >= requests.max(1) as usize {
                self.pop();
            }
        }
        if self.entries.is_full() {
            self.make_room();
        }
        let evicted = self.entries.push_overwrite(Entry { at: now, reading });
        if self.every.is_some() {
            self.forget(evicted);
        }
    }

    /// Empties the window: what it held is about another situation.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.opened = None;
        self.requests = 0;
        self.errors = 0;
        self.sum = 0;
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
        let Some(every) = self.every else {
            let evaluation = self.look(now);
            self.clear();
            return evaluation;
        };
        if let WindowSize::Span(span) = self.size {
            while self
                .entries
                .first()
                .is_some_and(|entry| now.since(entry.at) > span)
            {
                self.pop();
            }
        }
        self.opened = self.entries.first().map(|entry| entry.at);
        let is_enough = match self.size {
            WindowSize::Requests(requests) => {
                self.requests >= requests
                    && self
                        .opened
                        .is_some_and(|opened| now >= opened.after(self.min_span))
            }
            WindowSize::Span(_) => self.requests >= self.min_samples,
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
            requests: self.requests,
            errors: self.errors,
            span: now.since(opened),
        })
    }

    fn value(&mut self) -> Option<f64> {
        if self.statistic == Statistic::Mean {
            let samples = self
                .requests
                .checked_sub(self.errors)
                .filter(|&samples| samples > 0)?;
            return Some(self.sum as f64 / f64::from(samples));
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
        let Some(entry) = entry else { return };
        match entry.reading {
            Some(ms) => self.sum = self.sum.saturating_sub(u64::from(ms)),
            None => self.errors = self.errors.saturating_sub(1),
        }
        self.requests = self.requests.saturating_sub(1);
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
