//! What became of the requests of the last minute, by the log: how many came to an end, how long they
//! waited for an answer, how many failed, how many HAProxy answered without a server. How many arrive
//! is in `demand`.

use super::sample::{self, Sample};
use super::settings::Signal;
use crate::words::request::Request;
use crate::words::time::Timestamp;

/// Seconds that are kept: a minute of whole ones, and those that are filling or late.
const SECONDS: usize = 64;

/// One request counts as waiting for so long at most: what is looked back on is a minute, and one line
/// must not explain all that is open.
const WAITED_MAX_MS: u32 = 60_000;

/// Sums of requests that came to an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that servers had to do with.
    pub requests: u64,
    /// Requests that HAProxy answered itself, or refused: they cost no server anything.
    pub without_server: u64,
    /// Requests that failed fast.
    pub errors: u64,
    /// Requests that have a reading of the goal's signal, and those readings together, milliseconds.
    pub measured: u64,
    /// See [`Tally::measured`].
    pub measured_ms: u64,
    /// Tw + Tc + Tr of all of them: how long they were in flight and waited for an answer.
    pub waited_ms: u64,
    /// Tw of all of them, milliseconds.
    pub queue_ms: u64,
}

impl Tally {
    const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            without_server: self.without_server.saturating_add(other.without_server),
            errors: self.errors.saturating_add(other.errors),
            measured: self.measured.saturating_add(other.measured),
            measured_ms: self.measured_ms.saturating_add(other.measured_ms),
            waited_ms: self.waited_ms.saturating_add(other.waited_ms),
            queue_ms: self.queue_ms.saturating_add(other.queue_ms),
        }
    }

    /// The mean of the goal's signal, milliseconds.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.measured > 0).then(|| self.measured_ms as f64 / self.measured as f64)
    }

    /// The mean of Tw, milliseconds.
    pub fn mean_queue_ms(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.queue_ms as f64 / self.requests as f64)
    }
}

/// What the goal is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// A time that servers answer in.
    pub signal: Signal,
    /// It is to stay below this, milliseconds.
    pub ms: f64,
}

/// The last minute, second by second.
#[derive(Debug)]
pub struct Served {
    goal: Goal,
    /// By the number of the second, with that number.
    seconds: [(u64, Tally); SECONDS],
}

impl Served {
    /// Nothing came to an end yet.
    pub fn new(goal: Goal) -> Self {
        Self {
            goal,
            seconds: [(0, Tally::default()); SECONDS],
        }
    }

    /// One more request came to an end.
    pub fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        let second = now.as_ms() / 1000;
        let goal = self.goal;
        let at = usize::try_from(second % SECONDS as u64).unwrap_or(0);
        let Some((number, tally)) = self.seconds.get_mut(at) else {
            return;
        };
        if *number != second {
            (*number, *tally) = (second, Tally::default());
        }
        if sample::is_without_server(request) {
            tally.without_server = tally.without_server.saturating_add(1);
            return;
        }
        tally.requests = tally.requests.saturating_add(1);
        tally.queue_ms += u64::from(request.queue_ms.unwrap_or(0));
        let response = Sample::of(request, Signal::ResponseTime);
        match response {
            Sample::Took(ms) | Sample::AtLeast(ms) => {
                tally.waited_ms += u64::from(ms.min(WAITED_MAX_MS));
            }
            Sample::Error => tally.errors += 1,
            Sample::Nothing => {}
        }
        let of_goal = match goal.signal {
            Signal::ResponseTime => response,
            Signal::ServerTime
            | Signal::QueueTime
            | Signal::ConnectTime
            | Signal::QueueLength
            | Signal::Concurrency
            | Signal::RequestRate => Sample::of(request, goal.signal),
        };
        match of_goal {
            Sample::AtLeast(ms) if f64::from(ms) <= goal.ms => {}
            Sample::Took(ms) | Sample::AtLeast(ms) => {
                tally.measured += 1;
                tally.measured_ms += u64::from(ms);
            }
            Sample::Error | Sample::Nothing => {}
        }
    }

    /// The last `seconds` whole ones, at most a minute.
    pub fn last(&self, now: Timestamp, seconds: u64) -> Tally {
        let until = now.as_ms() / 1000;
        let from = until.saturating_sub(seconds);
        let of_span = self.seconds.iter();
        of_span
            .filter(|(number, _)| (from..until).contains(number))
            .fold(Tally::default(), |sum, (_, tally)| sum.plus(*tally))
    }

    /// What was seen is about another situation.
    pub fn start_over(&mut self) {
        *self = Self::new(self.goal);
    }
}
