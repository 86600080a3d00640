//! One backend's last hour: a ring of points that owns its numbers. Of which moment a point is, by a clock
//! on the wall, is said in `wire`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{POINTS_MAX, STEP};
use crate::measure::policy::PolicyView;
use crate::measure::settings::Unit;
use crate::metrics::Totals;
use crate::scaler::BackendView;
use crate::words::time::Timestamp;

/// Ten seconds of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// How much of them was looked at, milliseconds.
    pub(super) span_ms: u32,
    pub(super) requests: u32,
    /// Those that ended with a status of 500 or above.
    pub(super) failed: u32,
    /// Those that have a response time.
    timed: u32,
    timed_ms: f32,
    /// The highest rate between two looks, requests a second.
    pub(super) peak_per_s: f32,
    /// The highest mean between two looks, milliseconds.
    pub(super) peak_ms: Option<f32>,
    /// The highest value that was judged by the goal.
    pub(super) level: Option<f32>,
    /// The most requests in servers and queues.
    pub(super) in_flight: Option<u32>,
    /// Servers that took requests at the last look.
    pub(super) serving: Option<u16>,
    /// The most that were wanted.
    pub(super) wanted: Option<u16>,
}

impl Point {
    /// Requests a second.
    pub(super) fn per_s(&self) -> Option<f32> {
        let seconds = self.span_ms as f32 / 1000.0;
        (self.span_ms > 0).then(|| self.requests as f32 / seconds)
    }

    /// The mean response time, milliseconds.
    pub(super) fn mean_ms(&self) -> Option<f32> {
        (self.timed > 0).then(|| self.timed_ms / self.timed as f32)
    }
}

/// What had been counted at a look.
#[derive(Clone, Copy, Debug)]
struct Counted {
    at: Timestamp,
    requests: u64,
    failed: u64,
    timed: u64,
    timed_s: f64,
}

impl Counted {
    fn of(at: Timestamp, totals: Totals<'_>) -> Self {
        Self {
            at,
            requests: totals.requests(),
            failed: totals.failed(),
            timed: totals.timed(),
            timed_s: totals.timed_s(),
        }
    }
}

/// The last hour of one backend.
#[derive(Debug, Default)]
pub(super) struct Hour {
    /// Oldest first; the last one is not over.
    points: VecDeque<Point>,
    /// The number of the last one since the start of the daemon.
    number: u64,
    last: Option<Counted>,
    /// What each server had answered when the last point began.
    servers: BTreeMap<String, u64>,
    /// The part of the requests that each server answered, in the last point that is over.
    shares: BTreeMap<String, f32>,
    /// What is judged, and its threshold.
    pub(super) goal: Option<GoalSeen>,
}

/// What the backend's policy compares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GoalSeen {
    pub(super) signal: &'static str,
    pub(super) statistic: String,
    pub(super) unit: &'static str,
    pub(super) threshold: f64,
}

impl GoalSeen {
    fn of(policy: &PolicyView) -> Self {
        Self {
            signal: policy.settings.signal.as_str(),
            statistic: policy.settings.statistic.name(),
            unit: policy.settings.signal.unit().as_str(),
            threshold: policy.settings.above,
        }
    }
}

impl Hour {
    pub(super) fn see(&mut self, now: Timestamp, view: &BackendView, totals: Totals<'_>) {
        self.pass(now, totals);
        let counted = Counted::of(now, totals);
        let before = self.last.replace(counted);
        let judged = view.policy.as_ref().filter(|it| self.is_goal(it));
        if let Some(policy) = judged {
            self.aim(GoalSeen::of(policy));
        }
        let Some(point) = self.points.back_mut() else {
            return;
        };
        if let Some(before) = before {
            point.add(&before, &counted);
        }
        let level = judged.and_then(|it| it.value).map(small);
        point.level = highest(point.level, level);
        let in_flight = view
            .in_flight
            .map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        point.in_flight = point.in_flight.max(in_flight);
        let count = |it: u32| u16::try_from(it).unwrap_or(u16::MAX);
        point.serving = view.serving.map(count).or(point.serving);
        point.wanted = point.wanted.max(view.wanted.map(count));
    }

    /// Of several policies those of times come first, whichever is nearest to a breach: a picture has one
    /// unit.
    fn is_goal(&self, policy: &PolicyView) -> bool {
        let is_time = |unit: &str| unit == Unit::Ms.as_str();
        let has_time = self.goal.as_ref().is_some_and(|goal| is_time(goal.unit));
        !has_time || policy.settings.signal.unit() == Unit::Ms
    }

    /// What was judged by another goal is none of this one's.
    fn aim(&mut self, goal: GoalSeen) {
        let is_like =
            |old: &GoalSeen| (old.signal, &old.statistic) == (goal.signal, &goal.statistic);
        if !self.goal.as_ref().is_some_and(is_like) {
            for point in &mut self.points {
                point.level = None;
            }
        }
        self.goal = Some(goal);
    }

    /// The configuration is another one: so may the policies be.
    pub(super) fn forget_goal(&mut self) {
        self.goal = None;
    }

    /// Begins the point of now, and leaves those empty in which nobody looked.
    fn pass(&mut self, now: Timestamp, totals: Totals<'_>) {
        let number = now.as_ms() / u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX);
        if !self.points.is_empty() && number <= self.number {
            return;
        }
        self.share_out(totals);
        let passed = number.saturating_sub(self.number);
        let passed = if self.points.is_empty() { 1 } else { passed };
        for _ in 0..passed.min(POINTS_MAX as u64) {
            if self.points.len() >= POINTS_MAX {
                self.points.pop_front();
            }
            self.points.push_back(Point::default());
        }
        self.number = number;
    }

    fn share_out(&mut self, totals: Totals<'_>) {
        let before = std::mem::take(&mut self.servers);
        self.servers = totals
            .servers()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        if self.points.is_empty() {
            return; // What came before the first look came at no time that is known.
        }
        let took = |name: &str, count: u64| {
            let before = before.get(name).copied().unwrap_or(count);
            count.saturating_sub(before)
        };
        let all: u64 = self.servers.iter().map(|(name, it)| took(name, *it)).sum();
        let servers = self.servers.iter();
        self.shares = servers
            .filter(|_| all > 0)
            .map(|(name, it)| (name.clone(), took(name, *it) as f32 / all as f32))
            .collect();
    }

    /// Oldest first; the last one is not over.
    pub(super) fn points(&self) -> impl Iterator<Item = &Point> {
        self.points.iter()
    }

    pub(super) const fn shares(&self) -> &BTreeMap<String, f32> {
        &self.shares
    }

    /// How long before `now` the oldest point began.
    pub(super) fn reaches_back(&self, now: Timestamp) -> Duration {
        let step_ms = u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX);
        let before = self.points.len().saturating_sub(1) as u64;
        let first = self.number.saturating_sub(before);
        now.since(Timestamp::from_ms(first.saturating_mul(step_ms)))
    }
}

impl Point {
    /// Adds what was counted from one look to the next.
    fn add(&mut self, before: &Counted, now: &Counted) {
        let span = now.at.since(before.at);
        let span_ms = u32::try_from(span.as_millis()).unwrap_or(u32::MAX);
        // A backend with another threshold is counted anew.
        let count =
            |now: u64, before: u64| u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX);
        let requests = count(now.requests, before.requests);
        let timed = count(now.timed, before.timed);
        let timed_ms = small((now.timed_s - before.timed_s).max(0.0) * 1000.0);
        self.span_ms = self.span_ms.saturating_add(span_ms);
        self.requests = self.requests.saturating_add(requests);
        self.failed = self.failed.saturating_add(count(now.failed, before.failed));
        self.timed = self.timed.saturating_add(timed);
        self.timed_ms += timed_ms;
        let per_s = requests as f32 * 1000.0 / (span_ms as f32).max(1.0);
        self.peak_per_s = self.peak_per_s.max(per_s);
        let mean_ms = (timed > 0).then(|| timed_ms / timed as f32);
        self.peak_ms = highest(self.peak_ms, mean_ms);
    }
}

pub(super) fn highest(one: Option<f32>, other: Option<f32>) -> Option<f32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

#[allow(clippy::cast_possible_truncation)] // Six digits are more than a picture shows.
const fn small(value: f64) -> f32 {
    value as f32
}
