//! The last hour of each backend, for those who look: its load, its response time and its servers, a
//! point for every ten seconds, with the worst of those seconds kept. Made from what `status` and
//! `/metrics` show of a backend, about once a second; nothing is decided by it. How it is written is
//! said in `wire`, who serves it is `control` and `http`.

mod hour;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use self::hour::Hour;
use crate::metrics::Counters;
use crate::scaler::BackendView;
use crate::words::time::Timestamp;

/// One point is of so long.
pub const STEP: Duration = Duration::from_secs(10);
/// Points of a backend: an hour.
pub const POINTS_MAX: usize = 360;
/// Points that are one where all backends' hours stand side by side: a minute.
const BRIEF_POINTS: usize = 6;
/// Backends that have a curve, the first ones by name. All of them together take at most 5 MB.
pub const BACKENDS_MAX: usize = 256;
/// Looks that follow each other faster are one: a mean of three requests is no peak.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The last hour of all backends. Cheap to clone: the loop adds to it, others read.
#[derive(Clone, Debug, Default)]
pub struct Curves(Arc<Mutex<All>>);

#[derive(Debug, Default)]
struct All {
    hours: BTreeMap<String, Hour>,
    /// The last look, by both clocks.
    seen_at: Option<(Timestamp, SystemTime)>,
}

impl Curves {
    /// Takes one look at all backends; `wall` is `now` by the wall clock.
    pub fn see(
        &self,
        now: Timestamp,
        wall: SystemTime,
        views: &[BackendView],
        counters: &Counters,
    ) {
        let mut all = self.all();
        let is_soon = |(at, _): &(Timestamp, SystemTime)| now.since(*at) < LOOK_EVERY;
        if all.seen_at.as_ref().is_some_and(is_soon) {
            return;
        }
        all.seen_at = Some((now, wall));
        let is_there = |name: &String| views.iter().any(|view| view.name == *name);
        all.hours.retain(|name, _| is_there(name));
        for view in views {
            if all.hours.len() >= BACKENDS_MAX && !all.hours.contains_key(&view.name) {
                continue;
            }
            let hour = all.hours.entry(view.name.clone()).or_default();
            if let Some(totals) = counters.totals(&view.name) {
                hour.see(now, view, totals);
            }
        }
    }

    /// The configuration is another one.
    pub fn reconfigured(&self) {
        let mut all = self.all();
        for hour in all.hours.values_mut() {
            hour.forget_goal();
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
