//! Users suffer and no spare can come: why, for `status` and for the daemon's log. What is done about a
//! backend that is slow or short of servers is decided in `need`.

use super::Sight;
use crate::scaler::policy::PolicyView;
use crate::scaler::seen::Problem;
use crate::words::time::Timestamp;

impl Sight<'_> {
    /// A server is missing or the backend has been slow for as long as a spare needs to be asked for,
    /// and none comes.
    pub(super) fn helpless(&self, now: Timestamp, policy: Option<&PolicyView>) -> Option<Problem> {
        if self.journeys.only.is_some() || self.is_settling(now) {
            return None;
        }
        if let Some(wanted) = self.needs().capacity_wanted() {
            let why = self.needs().nobody_comes(now)?;
            return Some(Problem::Short { wanted, why });
        }
        let slow = policy.filter(|view| {
            self.signals.quiet.since.is_none() && view.streak >= view.settings.breaches.max(1)
        })?;
        Some(Problem::Slow {
            statistic: slow.settings.statistic,
            value_ms: slow.value_ms,
            above_ms: slow.settings.above_ms,
            why: self.needs().nobody_comes(now)?,
        })
    }
}
