//! A backend's last hour as JSON, the same over the control socket and over HTTP; and all backends' hours in brief.

use std::collections::BTreeMap;

use serde::Serialize;

use super::hour::{Hour, Point, highest};
use super::{BRIEF_POINTS, Curves, STEP};
use crate::publish::event::Event;
use crate::publish::events::Events;
use crate::words::time::rfc3339_ms;

/// Events that are shown beside it.
const EVENTS_MAX: usize = 100;

/// One backend's; a name ends with its unit. A list has a value for each point, `null` where nothing was
/// seen.
#[derive(Debug, Serialize)]
struct Curve<'a> {
    backend: &'a str,
    /// When the first point began, RFC 3339.
    first_at: String,
    step_s: u64,
    signal: Option<&'a str>,
    statistic: Option<&'a str>,
    unit: Option<&'a str>,
    threshold: Option<f64>,
    mean_ms: Vec<Option<f32>>,
    peak_ms: Vec<Option<f32>>,
    level: Vec<Option<f32>>,
    per_s: Vec<Option<f32>>,
    peak_per_s: Vec<Option<f32>>,
    failed: Vec<u32>,
    in_flight: Vec<Option<u32>>,
    serving: Vec<Option<u16>>,
    wanted: Vec<Option<u16>>,
    /// By server, the part of the requests of the last point that is over.
    shares: &'a BTreeMap<String, f32>,
    /// What happened meanwhile, oldest first.
    events: Vec<&'a Event>,
}

/// All backends' hours, for lists: how high what is judged was, and its goal.
#[derive(Debug, Serialize)]
struct Briefs {
    step_s: u64,
    backends: BTreeMap<String, Brief>,
}

#[derive(Debug, Serialize)]
struct Brief {
    unit: Option<&'static str>,
    threshold: Option<f64>,
    /// The highest value of each step, oldest first; the last one is not over, the first may be shorter.
    level: Vec<Option<f32>>,
}

impl Brief {
    fn of(hour: &Hour) -> Self {
        let levels: Vec<_> = hour.points().map(|point| point.level).collect();
        // From the newest on: all backends' last steps are of the same time.
        let steps = levels.rchunks(BRIEF_POINTS).rev();
        let most = |step: &[Option<f32>]| step.iter().copied().fold(None, highest);
        Self {
            unit: hour.goal.as_ref().map(|goal| goal.unit),
            threshold: hour.goal.as_ref().map(|goal| goal.threshold),
            level: steps.map(|step| most(step).map(rounded)).collect(),
        }
    }
}

/// What happens to HAProxy or the daemon as a whole and shows in every curve.
const OF_ALL: [&str; 6] = [
    "started",
    "stopping",
    "reload",
    "unreachable",
    "reachable",
    "config_applied",
];

/// Whether that event stands beside the curve of that backend.
fn is_shown(backend: &str, event: &Event) -> bool {
    match event.backend.as_deref() {
        Some(of) => of == backend && !event.is_minor(),
        None => OF_ALL.contains(&event.code.as_str()),
    }
}

impl Curves {
    /// One JSON object on one line, with the events of that hour; `None`: there is no curve of that
    /// backend.
    pub fn json(&self, backend: &str, events: &Events) -> Option<String> {
        let remembered = events.remembered(0);
        let all = self.all();
        let hour = all.hours.get(backend)?;
        let (now, wall) = all.seen_at?;
        let first_at = wall.checked_sub(hour.reaches_back(now)).unwrap_or(wall);
        let first_at = rfc3339_ms(first_at);
        // Both are UTC and of the same length.
        let shown = remembered.iter().map(|entry| &entry.event);
        let shown = shown.filter(|event| event.at >= first_at && is_shown(backend, event));
        let mut shown: Vec<&Event> = shown.collect();
        shown.drain(..shown.len().saturating_sub(EVENTS_MAX));
        serde_json::to_string(&curve(backend, hour, first_at, shown)).ok()
    }

    /// One JSON object with the hours of all backends in brief; `None` cannot be.
    pub fn brief_json(&self) -> Option<String> {
        let all = self.all();
        let hours = all.hours.iter();
        let backends = hours.map(|(name, hour)| (name.clone(), Brief::of(hour)));
        let briefs = Briefs {
            step_s: STEP.as_secs() * BRIEF_POINTS as u64,
            backends: backends.collect(),
        };
        // The loop waits for this lock: numbers are written after it.
        drop(all);
        serde_json::to_string(&briefs).ok()
    }
}

fn curve<'a>(
    backend: &'a str,
    hour: &'a Hour,
    first_at: String,
    events: Vec<&'a Event>,
) -> Curve<'a> {
    let goal = hour.goal.as_ref();
    Curve {
        backend,
        first_at,
        step_s: STEP.as_secs(),
        signal: goal.map(|goal| goal.signal),
        statistic: goal.map(|goal| goal.statistic.as_str()),
        unit: goal.map(|goal| goal.unit),
        threshold: goal.map(|goal| goal.threshold),
        mean_ms: numbers(hour, Point::mean_ms),
        peak_ms: numbers(hour, |it| it.peak_ms),
        level: numbers(hour, |it| it.level),
        per_s: numbers(hour, Point::per_s),
        peak_per_s: numbers(hour, |it| (it.span_ms > 0).then_some(it.peak_per_s)),
        failed: hour.points().map(|it| it.failed).collect(),
        in_flight: hour.points().map(|it| it.in_flight).collect(),
        serving: hour.points().map(|it| it.serving).collect(),
        wanted: hour.points().map(|it| it.wanted).collect(),
        shares: hour.shares(),
        events,
    }
}

/// To one digit behind the point.
fn numbers(hour: &Hour, pick: impl Fn(&Point) -> Option<f32>) -> Vec<Option<f32>> {
    hour.points().map(|it| pick(it).map(rounded)).collect()
}

fn rounded(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}
