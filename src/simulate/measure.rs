//! What a run is judged by: what users got, and what the servers cost. Counts; decides nothing.

use super::engine::{Answer, MS_NS, SECOND_NS};
use crate::stats::Histogram;

/// A change that undoes the one before it within this long is a flap.
pub const FLAP_WITHIN_NS: u64 = 5 * 60 * SECOND_NS;
/// Moves of servers that are kept; after these the drawing and the elasticity stand still.
const MOVES_MAX: usize = 1_000_000;
const US_NS: u64 = 1_000;

/// What happened to a server, as a run is judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Asked for.
    Asked,
    /// Takes traffic.
    Serves,
    /// Gets nothing new any more.
    Leaves,
    /// In maint; or it is not waited for any more.
    Gone,
}

/// A [`Move`] with its time.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    /// Nanoseconds since the start.
    pub at_ns: u64,
    pub server: u16,
    pub what: Move,
    /// Servers that take traffic after it.
    pub serving: u16,
}

/// One second of a run, by when its requests came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Second {
    pub requests: u32,
    /// Answers slower than the goal, and failed ones.
    pub slow: u32,
    /// Sum of the response times, nanoseconds.
    pub response_ns: u64,
}

/// What one server is paid for.
#[derive(Clone, Copy, Debug, Default)]
struct Paid {
    ns: u128,
    since_ns: Option<u64>,
    until_ns: u64,
}

impl Paid {
    /// It is asked for; the time in which it still stops is not paid for twice.
    fn begin(&mut self, at_ns: u64) {
        self.since_ns.get_or_insert(at_ns.max(self.until_ns));
    }

    fn end(&mut self, at_ns: u64) {
        if let Some(since_ns) = self.since_ns.take() {
            self.ns += u128::from(at_ns.saturating_sub(since_ns));
            self.until_ns = self.until_ns.max(at_ns);
        }
    }
}

/// Counts one run.
#[derive(Clone, Debug)]
pub struct Tally {
    goal_ns: u64,
    end_ns: u64,
    pub requests: u64,
    pub failed: u64,
    pub slow: u64,
    /// Response times; counts microseconds where its names say milliseconds.
    responses: Histogram,
    /// Sums, nanoseconds.
    pub response_ns: u128,
    pub wait_ns: u128,
    pub max_ns: u64,
    pub seconds: Vec<Second>,
    /// When each server was asked for, while it is used.
    used_since: Vec<Option<u64>>,
    /// Servers that take traffic.
    serving: Vec<bool>,
    /// Those that did and end what they have.
    leaving: Vec<bool>,
    server_ns: u128,
    /// For so long each server is paid for after it has gone; `None`: until it is told that it is off.
    stop_delays_ns: Vec<Option<u64>>,
    /// What each server is paid for, and until when that has been counted.
    paid: Vec<Paid>,
    pub changes: u64,
    pub flaps: u64,
    last_change: Option<(u64, bool)>,
    pub moves: Vec<Moved>,
}

impl Tally {
    /// Nothing so far. `servers` take traffic from the start where they say so.
    pub fn new(goal_ns: u64, seconds: usize, serving: Vec<bool>) -> Self {
        let paid = |is_serving: &bool| Paid {
            since_ns: is_serving.then_some(0),
            ..Paid::default()
        };
        Self {
            goal_ns,
            end_ns: seconds as u64 * SECOND_NS,
            requests: 0,
            failed: 0,
            slow: 0,
            responses: Histogram::default(),
            response_ns: 0,
            wait_ns: 0,
            max_ns: 0,
            seconds: vec![Second::default(); seconds],
            used_since: serving.iter().map(|is| is.then_some(0)).collect(),
            leaving: vec![false; serving.len()],
            stop_delays_ns: Vec::new(),
            paid: serving.iter().map(paid).collect(),
            serving,
            server_ns: 0,
            changes: 0,
            flaps: 0,
            last_change: None,
            moves: Vec::new(),
        }
    }

    /// The same for servers that are paid for so much longer after they have gone; those that are missing
    /// are not, and those without a number are until [`Self::stopped`].
    #[must_use]
    pub fn with_stop_delays(mut self, delays_ns: Vec<Option<u64>>) -> Self {
        self.stop_delays_ns = delays_ns;
        self
    }

    /// One request has ended.
    #[allow(clippy::cast_possible_truncation)] // An index, and saturated values.
    pub fn answered(&mut self, answer: &Answer) {
        let response_ns = answer.response_ns();
        let is_slow = response_ns > self.goal_ns || answer.is_failed();
        self.requests += 1;
        self.failed += u64::from(answer.is_failed());
        self.slow += u64::from(is_slow);
        self.responses
            .add(u32::try_from(response_ns / US_NS).unwrap_or(u32::MAX));
        self.response_ns += u128::from(response_ns);
        self.wait_ns += u128::from(answer.wait_ns());
        self.max_ns = self.max_ns.max(response_ns);
        let second = (answer.arrived_ns / SECOND_NS) as usize;
        if let Some(second) = self.seconds.get_mut(second) {
            second.requests += 1;
            second.slow += u32::from(is_slow);
            second.response_ns = second.response_ns.saturating_add(response_ns);
        }
    }

    /// A server comes, or goes.
    pub fn moved(&mut self, server: usize, what: Move, now_ns: u64) {
        let now_ns = now_ns.min(self.end_ns);
        let (Some(since), Some(serving), Some(leaving), Some(paid)) = (
            self.used_since.get_mut(server),
            self.serving.get_mut(server),
            self.leaving.get_mut(server),
            self.paid.get_mut(server),
        ) else {
            return;
        };
        let change = match what {
            Move::Asked if since.is_none() => {
                *since = Some(now_ns);
                paid.begin(now_ns);
                Some(true)
            }
            Move::Serves if !*serving => {
                // Made ready again while it drained, or never asked for before.
                let is_new = std::mem::take(leaving) || since.is_none();
                since.get_or_insert(now_ns);
                paid.begin(now_ns);
                *serving = true;
                is_new.then_some(true)
            }
            Move::Leaves if *serving => {
                (*serving, *leaving) = (false, true);
                Some(false)
            }
            Move::Gone if since.is_some() => {
                let from = since.take().unwrap_or(now_ns);
                self.server_ns += u128::from(now_ns.saturating_sub(from));
                let delay_ns = self.stop_delays_ns.get(server).copied();
                if let Some(delay_ns) = delay_ns.unwrap_or(Some(0)) {
                    paid.end(now_ns.saturating_add(delay_ns).min(self.end_ns));
                }
                // Without a drain before it, or while it was still waited for.
                let is_sudden = !std::mem::take(leaving);
                *serving = false;
                is_sudden.then_some(false)
            }
            Move::Asked | Move::Serves | Move::Leaves | Move::Gone => return,
        };
        if let Some(is_up) = change {
            self.changed(now_ns, is_up);
        }
        self.note(server, what, now_ns);
    }

    /// A server that has gone is off from then on, and not paid for.
    pub fn stopped(&mut self, server: usize, at_ns: u64) {
        if let Some(paid) = self.paid.get_mut(server) {
            paid.end(at_ns.min(self.end_ns));
        }
    }

    fn note(&mut self, server: usize, what: Move, at_ns: u64) {
        let serving = self.serving.iter().filter(|is| **is).count();
        if self.moves.len() < MOVES_MAX {
            self.moves.push(Moved {
                at_ns,
                server: u16::try_from(server).unwrap_or(u16::MAX),
                what,
                serving: u16::try_from(serving).unwrap_or(u16::MAX),
            });
        }
    }

    fn changed(&mut self, now_ns: u64, is_up: bool) {
        self.changes += 1;
        if let Some((last_ns, was_up)) = self.last_change
            && was_up != is_up
            && now_ns - last_ns < FLAP_WITHIN_NS
        {
            self.flaps += 1;
        }
        self.last_change = Some((now_ns, is_up));
    }

    /// Nobody comes any more: what serves now is paid for until then.
    pub fn close(&mut self) {
        for paid in &mut self.paid {
            paid.end(self.end_ns);
        }
        for since in &mut self.used_since {
            if let Some(from) = since.take() {
                self.server_ns += u128::from(self.end_ns.saturating_sub(from));
            }
        }
    }

    /// Keeps the sums alone.
    pub fn forget_details(&mut self) {
        self.seconds = Vec::new();
        self.moves = Vec::new();
    }

    /// Seconds of servers, each from when it was asked for until it was in maint.
    pub fn server_seconds(&self) -> f64 {
        self.server_ns as f64 / SECOND_NS as f64
    }

    /// Seconds that all servers are paid for: the same, and what they took to stop.
    pub fn paid_server_seconds(&self) -> f64 {
        self.paid.iter().map(|it| it.ns).sum::<u128>() as f64 / SECOND_NS as f64
    }

    /// The same of each server.
    pub fn paid_seconds(&self) -> Vec<f64> {
        let paid = self.paid.iter();
        paid.map(|it| it.ns as f64 / SECOND_NS as f64).collect()
    }

    /// The response time that so many percent did not exceed, ms; within 0.4 %.
    pub fn percentiles_ms(&self) -> [f64; 4] {
        let summary = self.responses.summary();
        summary.map_or([0.0; 4], |it| {
            let most_ms = self.max_ns as f64 / MS_NS as f64;
            [it.p50, it.p90, it.p95, it.p99].map(|us| (f64::from(us) / 1000.0).min(most_ms))
        })
    }

    /// The longest time without a break in which the mean of those who came in a second was above the
    /// goal, seconds. A second in which nobody came ends nothing and counts for nothing.
    pub fn longest_above_goal_s(&self) -> u32 {
        let (mut longest, mut run) = (0_u32, 0_u32);
        for second in self.seconds.iter().filter(|it| it.requests > 0) {
            let is_above = second.response_ns > self.goal_ns.saturating_mul(second.requests.into());
            run = if is_above { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    }

    /// Servers that take traffic in the middle of each second, of those that did so from the start.
    pub fn serving_by_second(&self, at_start: u16) -> Vec<u16> {
        let mut moves = self.moves.iter().peekable();
        let mut serving = at_start;
        let of_second = |second: usize| {
            let middle_ns = second as u64 * SECOND_NS + SECOND_NS / 2;
            while let Some(moved) = moves.next_if(|it| it.at_ns <= middle_ns) {
                serving = moved.serving;
            }
            serving
        };
        (0..self.seconds.len()).map(of_second).collect()
    }
}

/// Milliseconds of a sum over so many requests, the mean.
pub fn mean_ms(sum_ns: u128, count: u64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    sum_ns as f64 / count as f64 / MS_NS as f64
}
