//! Whether what a breach taught is still true, and when more is tried again: the database may have been
//! slow for a moment, chance may have made a queue, requests may be light again. Without it one slow minute
//! would cost servers for days. What was learned is in `capacity`.

use std::time::Duration;

use crate::words::time::Timestamp;

/// So much more is tried at a time …
const MORE: f64 = 0.1;
/// … so often …
const EVERY: Duration = Duration::from_secs(2 * 60);
/// … and so long after a breach that contradicts what was proved, …
const CONTRADICTED: Duration = Duration::from_secs(5 * 60);
/// … after so many times the time when it broke again …
const AGAIN: u32 = 2;
/// … and in the end once in so long.
const PATIENCE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Where nothing more was ever proved and what was tried broke, the first breach was right: for so long
/// nothing is tried. As long after a breach more is tried even if nothing says that it would be carried …
const LONG_AGO: Duration = Duration::from_secs(6 * 60 * 60);
/// … in minutes in which servers had at least this share of what they are thought to carry.
const SHARE_MIN: f64 = 0.5;
/// So long after a start, for nobody knows how often it broke before.
const OLD: Duration = Duration::from_secs(60 * 60);
/// Earlier it is tried only where answers take no more than so many times S₀: nothing queues. Then no
/// more is planned for than [`MORE`] above what the servers just had.
const UNQUEUED: f64 = 1.5;

/// A sum of steps is as good as what it should be.
const LAST_BIT: f64 = 1e-9;

/// A minute that was carried well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    /// What servers would be planned for, as a share of what they are thought to carry.
    pub(super) share: f64,
    /// How long answers took, milliseconds.
    pub(super) mean_ms: Option<f64>,
    /// S₀, milliseconds.
    pub(super) service_ms: Option<f64>,
    /// Requests a second that one unit is thought to carry.
    pub(super) carries: f64,
}

impl Carried {
    /// Nothing waits: answers take about as long as one alone, or as `service_ms` where that is less.
    fn is_unqueued(&self, service_ms: Option<f64>) -> bool {
        let least = service_ms.into_iter().chain(self.service_ms);
        let least = least.reduce(f64::min);
        let both = self.mean_ms.zip(least);
        both.is_some_and(|(mean_ms, least_ms)| mean_ms <= UNQUEUED * least_ms)
    }
}

/// When more is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    /// Up to so many requests a second, where that was proved before.
    to: Option<f64>,
    broke_at: Timestamp,
    /// From a breach to the first try.
    patience: Duration,
    /// Not before.
    next: Timestamp,
    /// More was tried since it broke.
    was_tried: bool,
    /// S₀ when more was proved, milliseconds: requests are as light again when they take no longer.
    service_ms: Option<f64>,
}

impl Retry {
    /// What an earlier daemon or an old log has taught; how often it broke then is not known.
    pub(super) fn of_old_lesson(now: Timestamp) -> Self {
        Self {
            to: None,
            broke_at: now,
            patience: OLD,
            next: now.after(OLD),
            was_tried: false,
            service_ms: None,
        }
    }

    /// It broke: `proved` is what was proved and is contradicted by that, with requests that took
    /// `service_ms` alone. `before` is what was to be tried till now.
    pub(super) fn after(
        now: Timestamp,
        proved: Option<f64>,
        service_ms: Option<f64>,
        before: Option<Self>,
    ) -> Self {
        let known = before.and_then(|it| it.to);
        let to = known.into_iter().chain(proved).reduce(f64::max);
        let patience = match (to, before) {
            (Some(_), Some(before)) if before.to.is_some() && !before.is_over(now) => {
                before.patience.saturating_mul(AGAIN)
            }
            // What contradicts for the first time says nothing of earlier patience.
            (Some(_), Some(_) | None) => CONTRADICTED,
            (None, None) => EVERY,
            (None, Some(before)) if before.was_tried => {
                before.patience.saturating_mul(AGAIN).max(LONG_AGO)
            }
            // The same episode, or chance.
            (None, Some(before)) => before.patience,
        };
        let patience = patience.min(PATIENCE_MAX);
        Self {
            to,
            broke_at: now,
            patience,
            next: now.after(patience),
            was_tried: false,
            service_ms: (before.and_then(|it| it.service_ms))
                .or(service_ms.filter(|_| to.is_some())),
        }
    }

    /// It has not broken for so long that the next breach is another story.
    fn is_over(&self, now: Timestamp) -> bool {
        let long = self.patience.saturating_mul(AGAIN).max(LONG_AGO);
        now.since(self.broke_at) >= long
    }

    /// Requests a second that were proved before, if `carries` is as much: that is so again.
    pub(super) fn is_back(&self, carries: f64) -> Option<f64> {
        self.to.filter(|to| carries >= *to * (1.0 - LAST_BIT))
    }

    /// By what to multiply what is reckoned with after that minute, and what is to be tried afterwards.
    pub(super) fn step(self, now: Timestamp, minute: &Carried) -> Option<(f64, Self)> {
        let is_long_ago = now.since(self.broke_at) >= LONG_AGO.max(self.patience);
        let back_to = self.to.filter(|to| minute.carries < *to);
        let is_believed = is_long_ago || back_to.is_some();
        let seen = (1.0 + MORE) * minute.share;
        // Requests that are as light again as they were show that with little to do, too.
        let is_light_again = back_to.is_some() && minute.is_unqueued(self.service_ms);
        let most = if is_light_again || is_believed && minute.share >= SHARE_MIN {
            1.0 + MORE
        } else if minute.is_unqueued(None) && seen > 1.0 {
            seen.min(1.0 + MORE)
        } else {
            return None;
        };
        if now < self.next {
            return None;
        }
        let most = back_to.map_or(most, |to| most.min(to / minute.carries));
        let next = Self {
            next: now.after(EVERY),
            was_tried: true,
            ..self
        };
        Some((most, next))
    }
}
