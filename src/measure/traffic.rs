//! A backend's load by two witnesses: HAProxy's counters see what is open, the log sees what was waited
//! for. Each sees what the other does not: websockets, downloads and slow readers are open and wait for
//! nobody; what HAProxy answers itself arrives and costs no server; lines can be forged, and counters
//! cannot. What follows is in `need`.

use std::time::Duration;

use super::demand::{Demand, Reading};
use super::extreme::{End, Extreme};
use super::learning::Witnesses;
use super::need::Load;
use super::sample::{self, Sample};
use super::served::{Goal, Served, Tally};
use super::service_time::ServiceTime;
use super::settings::Signal;
use crate::words::request::Request;
use crate::words::time::Timestamp;

/// Arrivals are the larger of two rates: this one sees a rush at once …
pub(super) const FAST: Duration = Duration::from_secs(6);
/// … less so many standard deviations of a count in that time …
const DEVIATIONS: f64 = 1.0;
/// … and this one does not believe a lull.
const SLOW: Duration = Duration::from_secs(30);
/// So much is seen of a rush when it breaks a server.
const RUSH: Duration = Duration::from_secs(3);
/// Requests in flight are a mean over this long.
const IN_FLIGHT: Duration = Duration::from_secs(15);
/// Sessions are open for long if the log does not explain them for this long.
const LONG: Duration = Duration::from_secs(2 * 60);
/// The log is behind at the start: it explains nothing before so long.
const EXPLAINS_AFTER: Duration = Duration::from_secs(10);
/// What piles up makes requests slow: it is believed when the mean is above this share of the goal.
const PILED_SHARE: f64 = 0.5;
/// … or when so many wait in HAProxy's queues.
const QUEUED_MIN: f64 = 1.0;
/// Servers are full when this share of their slots is taken.
const FULL_SHARE: f64 = 0.9;

/// What is asked of a backend, and what became of it.
#[derive(Debug)]
pub(super) struct Traffic {
    goal: Goal,
    demand: Demand,
    served: Served,
    service: ServiceTime,
    /// Sessions that wait for nobody: what is open beyond what the log explains.
    long: Extreme,
    started: Timestamp,
    /// The log and the counters tell the same story.
    is_log_trusted: bool,
    /// The share of arrivals that cost no server anything, when the log was trusted last.
    free_share: f64,
}

impl Traffic {
    /// Nothing seen so far; `service_ms` is what was known before.
    pub(super) fn new(now: Timestamp, goal: Goal, service_ms: Option<f64>) -> Self {
        Self {
            goal,
            demand: Demand::default(),
            served: Served::new(goal),
            service: ServiceTime::new(service_ms),
            long: Extreme::new(End::Lowest, LONG),
            started: now,
            is_log_trusted: false,
            free_share: 0.0,
        }
    }

    /// One more request came to an end.
    pub(super) fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        self.served.request(now, request);
        if sample::is_without_server(request) {
            self.demand.answered_without_server();
        }
        match Sample::of(request, Signal::ServerTime) {
            Sample::Took(ms) if self.is_log_trusted => self.service.push(now, ms),
            Sample::Took(_) | Sample::AtLeast(_) | Sample::Error | Sample::Nothing => {}
        }
    }

    /// One more look at the counters.
    pub(super) fn read(&mut self, now: Timestamp, reading: Reading, is_log_trusted: bool) {
        if self.is_log_trusted && !is_log_trusted {
            self.service.doubt(now);
        }
        self.is_log_trusted = is_log_trusted;
        self.demand.read(now, reading);
        let free = self.demand.without_server_per_second(SLOW);
        let arrivals = self.demand.per_second(SLOW).filter(|it| *it > 0.0);
        if let Some((free, arrivals)) = free.zip(arrivals).filter(|_| is_log_trusted) {
            self.free_share = (free / arrivals).clamp(0.0, 1.0);
        }
        let has_explained = is_log_trusted && now.since(self.started) >= EXPLAINS_AFTER;
        if let Some(open) = self.demand.open(FAST).filter(|_| has_explained) {
            self.long.say(now, (open - self.waited(now, FAST)).max(0.0));
        }
    }

    /// Another process of HAProxy counts from 0.
    pub(super) const fn next_process(&mut self) {
        self.demand.next_process();
    }

    /// What was seen is about another situation; what a request costs a server stays known.
    pub(super) fn start_over(&mut self, now: Timestamp) {
        self.demand.start_over();
        self.served.start_over();
        self.long.start_over();
        self.started = now;
    }

    /// Numbers that are held.
    pub(super) fn held(&self) -> usize {
        self.demand.held()
    }

    /// S₀, milliseconds.
    pub(super) fn service_ms(&self, now: Timestamp) -> Option<f64> {
        self.service.lowest_ms(now)
    }

    /// What came to an end within the last `span`.
    pub(super) fn tally(&self, now: Timestamp, span: Duration) -> Tally {
        self.served.last(now, span.as_secs())
    }

    /// Requests in flight on the average, by Little's law, of those that came to an end.
    fn waited(&self, now: Timestamp, span: Duration) -> f64 {
        self.tally(now, span).waited_ms as f64 / 1000.0 / span.as_secs_f64()
    }

    /// Open sessions without those that wait for nobody.
    fn busy(&self, now: Timestamp, open: f64) -> f64 {
        (open - self.long.of_period(now).unwrap_or(0.0)).max(0.0)
    }

    /// Requests in flight by the counters alone: now, or on the average of the last seconds.
    pub(super) fn counted(&self, now: Timestamp) -> f64 {
        let open = self.demand.open(FAST).unwrap_or(0.0);
        self.busy(now, open.max(f64::from(self.demand.open_now())))
    }

    /// Requests that wait in HAProxy's queues on the average.
    pub(super) fn queued(&self) -> f64 {
        self.demand.queued(FAST).unwrap_or(0.0)
    }

    /// Of `slots` slots nearly all were taken on the average: what waits in HAProxy's queues is not
    /// there by chance, or for one server alone.
    pub(super) fn is_full(&self, slots: f64) -> bool {
        let open = self.demand.open(FAST).unwrap_or(0.0);
        open - self.queued() >= FULL_SHARE * slots
    }

    /// Requests in flight that wait for an answer, on the average: the smaller one of what both
    /// witnesses say. Without the log nobody knows how many of them are websockets.
    pub(super) fn in_flight(&self, now: Timestamp, span: Duration) -> Option<f64> {
        let open = self.demand.open(span).filter(|_| self.is_log_trusted)?;
        Some(self.busy(now, open).min(self.waited(now, span)))
    }

    /// Arrivals a second that cost servers something.
    pub(super) fn per_second(&self, span: Duration) -> Option<f64> {
        let arrivals = self.demand.per_second(span)?;
        if !self.is_log_trusted {
            // Cache hits are no demand because lines are missing.
            return Some(arrivals * (1.0 - self.free_share));
        }
        let free = self.demand.without_server_per_second(span).unwrap_or(0.0);
        Some((arrivals - free).max(0.0))
    }

    /// λ: the larger of the rates over 6 s and over 30 s, the former without what chance alone makes of
    /// it: the square-root margin is there for chance.
    pub(super) fn demand(&self) -> Option<f64> {
        let fast = self.per_second(FAST);
        let fast = fast.map(|fast| {
            let deviation = (fast / FAST.as_secs_f64()).sqrt();
            (fast - DEVIATIONS * deviation).max(0.0)
        });
        let slow = self.per_second(SLOW);
        fast.into_iter().chain(slow).reduce(f64::max)
    }

    /// What servers carry when they break: arrivals, or what came to an end where that is less, because
    /// there was more than they carry from the beginning. A rush is younger than the times that
    /// arrivals are counted over: what arrives and ends now is carried, too.
    pub(super) fn carried(&self, now: Timestamp) -> Option<f64> {
        let demand = self.demand()?;
        let watched = now.since(self.started).as_secs();
        let ended = |span: u64| self.served.last(now, span).requests as f64 / span as f64;
        if watched == 0 || now.since(self.started) > SLOW {
            let arrives = self.per_second(RUSH).unwrap_or(0.0);
            return Some(demand.max(arrives.min(ended(RUSH.as_secs()))));
        }
        Some(demand.min(ended(watched.min(FAST.as_secs()))))
    }

    /// Lines and arrivals of the last `span`.
    pub(super) fn witnesses(&self, now: Timestamp, span: Duration) -> Option<Witnesses> {
        let tally = self.tally(now, span);
        Some(Witnesses {
            arrived: self.demand.per_second(span)? * span.as_secs_f64(),
            lines: tally.requests.saturating_add(tally.without_server),
            errors: tally.errors,
        })
    }

    /// What is asked of the backend now. `slots`: `maxconn` of one unit, of which `units` serve.
    pub(super) fn load(&self, now: Timestamp, slots: Option<f64>, units: f64) -> Option<Load> {
        let queued = self.queued();
        let mean_ms = self.tally(now, FAST).mean_ms();
        let is_slow = mean_ms.is_some_and(|mean_ms| mean_ms > PILED_SHARE * self.goal.ms);
        let is_explained = self.long.of_period(now).is_some();
        let piles = queued >= QUEUED_MIN || self.is_log_trusted && is_explained && is_slow;
        let open = f64::from(self.demand.open_now());
        Some(Load {
            per_second: self.demand()?,
            piled: if piles { self.busy(now, open) } else { 0.0 },
            in_flight: self.in_flight(now, IN_FLIGHT).unwrap_or(0.0),
            queued: match slots {
                Some(slots) if self.is_full(slots * units) => queued,
                Some(_) | None => 0.0,
            },
            service_ms: self.service_ms(now),
            slots,
        })
    }
}
