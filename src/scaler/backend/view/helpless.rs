//! Users suffer and no spare can come: why, for `status` and for the daemon's log. What is done about a
//! backend that is slow or short of servers is decided in `need`.

use super::Backend;
use crate::scaler::policy::PolicyView;
use crate::scaler::seen::{Nobody, Problem};
use crate::words::time::Timestamp;

impl Backend {
    /// A server is missing or the backend has been slow for as long as a spare needs to be asked for,
    /// and none comes.
    pub(super) fn helpless(&self, now: Timestamp, policy: Option<&PolicyView>) -> Option<Problem> {
        if self.travel.journey.is_some() || self.is_settling(now) {
            return None;
        }
        if let Some(wanted) = self.capacity_wanted() {
            let why = self.nobody_comes(now)?;
            return Some(Problem::Short { wanted, why });
        }
        let slow = policy.filter(|view| {
            self.signals.quiet.since.is_none() && view.streak >= view.settings.breaches.max(1)
        })?;
        Some(Problem::Slow {
            signal: slow.settings.signal,
            statistic: slow.settings.statistic,
            value: slow.value,
            above: slow.settings.above,
            why: self.nobody_comes(now)?,
        })
    }

    /// Why no spare would come if one was wanted; `None` if one would.
    pub(super) fn nobody_comes(&self, now: Timestamp) -> Option<Nobody> {
        if let Some(mark) = self.hand.pause() {
            let backend = self.hand.everything.is_none();
            let backend = backend.then(|| self.settings.name.clone());
            return Some(Nobody::Paused(mark.standing(now), backend));
        }
        if let Some(blocked) = self.forbids_for_load() {
            return Some(Nobody::Blocked(blocked));
        }
        let can_come = !self
            .facts
            .candidates_for_load(now, &self.settings)
            .is_empty();
        (!can_come).then(|| self.facts.why_no_spare(now, &self.settings))
    }
}
