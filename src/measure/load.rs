//! How many requests a second a backend gets, and at which load how many servers were too slow.
//!
//! A spare that makes its backend fast looks superfluous: it would go, the backend would be slow
//! again, and so on for ever. So a spare that had to come back soon after it went is remembered
//! with the load of that moment, and the next one has to be quiet for longer while the servers
//! that would be left had about as much to do. Time ends that, and so does a load that has clearly
//! fallen. (Azure's rule against flapping projects the signal itself onto fewer servers; a response
//! time does not show how near its knee it is, a rate does.)

use std::time::Duration;

use crate::words::time::Timestamp;

/// Slices that the request rate is taken over; each is as long as those of `quiet`.
const SLICES: usize = 12;
/// Each server left would have about as much to do as then: this share of it, or more.
const SHARE: f64 = 0.8;
/// The first time it has to be quiet for twice `idle_timeout`, then for four times as long again …
const WAIT_SPANS: u32 = 2;
/// … and again …
const WAIT_FACTOR: u32 = 4;
/// … up to so many `idle_timeout`s: four hours with the default of five minutes …
const WAIT_SPANS_MAX: u32 = 48;
/// … and never more than this, unless `idle_timeout` is longer.
const WAIT_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// A spare that is needed again within so many times the quiet that it went after went too early.
const REGRET_SPANS: u32 = 4;

/// The windows of a breach contradict the mean of a minute when so many standard deviations of their
/// count of requests lie between them. That they were slow selects those with many requests: taken
/// for themselves they would say too much.
const DEVIATIONS: f64 = 2.0;

/// Spans of [`SLICES`] whose busiest one counts as the present load: together as long as
/// `idle_timeout`, as long as quiet has to last anyway.
const SPANS: usize = 5;

/// Requests a second over the last minute, or over as much of it as there was.
#[derive(Debug)]
#[repr(C)] // In this order: see `Backend`.
pub(crate) struct Rate {
    slice: Duration,
    /// All requests up to the slice that is filling.
    turned_at: u64,
    /// The latest slices by the number of their turn, and their sum.
    slices: [u64; SLICES],
    sum: u64,
    filled: usize,
    per_second: Option<f64>,
    /// The latest complete spans, oldest first.
    spans: [f64; SPANS],
    turns: usize,
    /// When the number of servers changed last, and the requests by then.
    since: Timestamp,
    total_then: u64,
    // What every request touches comes last.
    /// All requests so far.
    total: u64,
}

impl Rate {
    /// Nothing counted so far.
    pub(crate) const fn new(now: Timestamp, slice: Duration) -> Self {
        Self {
            slice,
            slices: [0; SLICES],
            sum: 0,
            filled: 0,
            turned_at: 0,
            per_second: None,
            spans: [0.0; SPANS],
            turns: 0,
            total: 0,
            since: now,
            total_then: 0,
        }
    }

    /// One more request ended.
    pub(crate) const fn request(&mut self) {
        self.total = self.total.saturating_add(1);
    }

    /// All requests so far.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The number of servers changed.
    pub(crate) const fn servers_changed(&mut self, now: Timestamp) {
        self.since = now;
        self.total_then = self.total;
    }

    /// Requests a second with the present servers; `None` when that is too short to tell.
    pub(crate) fn with_these_servers(&self, now: Timestamp) -> Option<f64> {
        let span = now.since(self.since);
        if span >= self.slice * u32::try_from(SLICES).unwrap_or(u32::MAX) {
            return self.per_second;
        }
        let seconds = span.as_secs_f64();
        let requests = self.total.saturating_sub(self.total_then);
        (span >= self.slice).then(|| requests as f64 / seconds)
    }

    /// A slice ends.
    pub(crate) fn turn(&mut self) {
        let requests = self.total.saturating_sub(self.turned_at);
        self.turned_at = self.total;
        if let Some(oldest) = self.slices.get_mut(self.turns % SLICES) {
            self.sum = self.sum.saturating_sub(*oldest).saturating_add(requests);
            *oldest = requests;
        }
        self.filled = (self.filled + 1).min(SLICES);
        let seconds = self.slice.as_secs_f64() * self.filled as f64;
        self.per_second = (seconds > 0.0).then(|| self.sum as f64 / seconds);
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(SLICES) {
            self.spans.rotate_left(1);
            if let (Some(last), Some(rate)) = (self.spans.last_mut(), self.per_second) {
                *last = rate;
            }
        }
    }

    /// The busiest span of the last `idle_timeout`: one that is calmer by chance proves nothing.
    pub(crate) fn busiest(&self) -> Option<f64> {
        let now = self.per_second?;
        Some(self.spans.iter().copied().fold(now, f64::max))
    }

    /// Requests a second, up to the end of the last slice.
    pub(crate) const fn per_second(&self) -> Option<f64> {
        self.per_second
    }
}

/// The load of windows that were too slow, of so many requests in such a time: the mean of the
/// `minute` as far as they do not contradict it. A rush is more than the quiet before it, and what is
/// left after a step down is less.
pub(crate) fn rate_of((requests, span): (u64, Duration), minute: Option<f64>) -> Option<f64> {
    let seconds = span.as_secs_f64();
    if seconds <= 0.0 {
        return minute;
    }
    let requests = requests as f64;
    let doubt = DEVIATIONS * requests.sqrt();
    let (least, most) = ((requests - doubt).max(0.0), requests + doubt);
    Some(minute.map_or(requests / seconds, |minute| {
        minute.clamp(least / seconds, most / seconds)
    }))
}

/// So many UP servers were too slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TooSlow {
    /// UP servers.
    pub servers: u32,
    /// Requests a second then.
    pub rate: f64,
    /// How often in a row a spare went too early.
    pub times: u32,
}

impl TooSlow {
    /// With so few servers each has about as much to do at `rate` as each had then.
    fn is_like(&self, servers: u32, rate: f64) -> bool {
        let then = self.rate / f64::from(self.servers.max(1));
        rate / f64::from(servers.max(1)) >= then * SHARE
    }
}

#[derive(Clone, Copy, Debug)]
struct Left {
    at: Timestamp,
    servers: u32,
    /// It is needed again before this: it went too early.
    regret_until: Timestamp,
}

/// What is remembered about numbers of servers that were too slow.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    too_slow: Option<TooSlow>,
    /// The last spare that went, until it is known whether it went too early.
    left: Option<Left>,
}

impl Memory {
    /// A spare went, and left `servers` UP ones; `waited`: how long it had to be quiet for that.
    pub(crate) fn left(&mut self, now: Timestamp, servers: u32, waited: Duration) {
        self.left = Some(Left {
            at: now,
            servers,
            regret_until: now.after(waited.saturating_mul(REGRET_SPANS)),
        });
    }

    /// A spare joined because `servers` UP ones were too slow at `rate`; true when another one
    /// had gone too early.
    pub(crate) fn needed(&mut self, now: Timestamp, servers: u32, rate: Option<f64>) -> bool {
        let Some(left) = self.left else { return false };
        if servers < left.servers {
            return false; // Another server went away meanwhile: that proves nothing.
        }
        self.left = None;
        let (true, Some(rate)) = (now <= left.regret_until, rate) else {
            return false;
        };
        let times = self.too_slow.map_or(0, |entry| entry.times);
        self.too_slow = Some(TooSlow {
            servers,
            rate,
            times: times.saturating_add(1),
        });
        true
    }

    /// Once a spare has gone too early, each step down is given `idle_timeout` before the next.
    pub(crate) fn next_step_at(&self, idle_timeout: Duration) -> Option<(TooSlow, Timestamp)> {
        Some((self.too_slow?, self.left?.at.after(idle_timeout)))
    }

    /// What speaks against going down to `servers` at `rate` as soon as `idle_timeout` is over,
    /// and for how long it has to be quiet instead.
    pub(crate) fn objection(
        &self,
        servers: u32,
        rate: Option<f64>,
        idle_timeout: Duration,
    ) -> Option<(TooSlow, Duration)> {
        let entry = self.too_slow?;
        let is_like = entry.is_like(servers, rate?);
        is_like.then(|| (entry, wait(entry.times, idle_timeout)))
    }

    /// Believes less in what time has disproved: the spare went, and nobody missed it.
    pub(crate) fn fade(&mut self, now: Timestamp, rate: Option<f64>) {
        let Some(left) = self.left.filter(|left| now > left.regret_until) else {
            return;
        };
        self.left = None;
        let is_disproved = match (self.too_slow, rate) {
            (Some(entry), Some(rate)) => entry.is_like(left.servers, rate),
            (None, Some(_) | None) | (Some(_), None) => false,
        };
        if let (true, Some(entry)) = (is_disproved, &mut self.too_slow) {
            entry.times /= 2;
        }
        self.too_slow = self.too_slow.filter(|entry| entry.times > 0);
    }
}

/// `idle_timeout` times two, eight, thirty-two: to [`WAIT_SPANS_MAX`] times, or [`WAIT_MAX`].
fn wait(times: u32, idle_timeout: Duration) -> Duration {
    let more = WAIT_FACTOR.saturating_pow(times.saturating_sub(1));
    let spans = WAIT_SPANS.saturating_mul(more).min(WAIT_SPANS_MAX);
    let wait = idle_timeout.saturating_mul(spans);
    wait.min(WAIT_MAX.max(idle_timeout))
}
