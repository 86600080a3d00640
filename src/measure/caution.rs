//! How much more than the margin is kept ready because the goal was missed of late. Where a spare needs
//! minutes, what comes in the meantime is more than the square-root margin, which is there for chance
//! alone. The margin is in `need`.

use std::time::Duration;

use crate::words::time::Timestamp;

/// Each episode of breaches makes the margin so many times larger …
const FACTOR: f64 = 2.0;
/// … up to so many times together …
const TIMES_MAX: f64 = 4.0;
/// … and half of what is more than the margin is forgotten in this time.
const HALF_LIFE: Duration = Duration::from_secs(6 * 60 * 60);
/// A breach after so long without one begins another episode.
const EPISODE_AFTER: Duration = Duration::from_secs(60);
/// Spares that come within this time come soon enough …
const SOON: Duration = Duration::from_secs(10);
/// … and all of it is kept ready where they need this long.
const LATE: Duration = Duration::from_secs(60);

/// Remembers how often the goal was missed by load, and how long spares take.
#[derive(Debug)]
pub(super) struct Caution {
    /// As it was then.
    times: f64,
    raised_at: Timestamp,
    breached_at: Option<Timestamp>,
    /// How long the newest server needed.
    boot: Duration,
}

impl Default for Caution {
    fn default() -> Self {
        Self {
            times: 1.0,
            raised_at: Timestamp::from_ms(0),
            breached_at: None,
            boot: Duration::ZERO,
        }
    }
}

impl Caution {
    /// A server takes traffic, so long after it was asked for.
    pub(super) const fn arrived(&mut self, took: Duration) {
        self.boot = took;
    }

    /// As many windows in a row missed the goal as ask for a server, and servers have much to do.
    pub(super) fn breach(&mut self, now: Timestamp) {
        let newest = self.breached_at.replace(now);
        if newest.is_none_or(|at| now.since(at) >= EPISODE_AFTER) {
            self.times = (self.kept(now) * FACTOR).min(TIMES_MAX);
            self.raised_at = now;
        }
    }

    /// So many times the margin is kept ready, 1 to [`TIMES_MAX`].
    pub(super) fn times(&self, now: Timestamp) -> f64 {
        let late = self.boot.saturating_sub(SOON).as_secs_f64();
        let share = late / LATE.saturating_sub(SOON).as_secs_f64();
        1.0 + (self.kept(now) - 1.0) * share.min(1.0)
    }

    fn kept(&self, now: Timestamp) -> f64 {
        let age = now.since(self.raised_at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        1.0 + (self.times - 1.0) * 0.5_f64.powf(age)
    }
}
