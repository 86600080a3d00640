//! The hours of schedules in a replay, by the log's own clock, which names no zone: it is taken for that of each
//! schedule.

use std::time::Duration;

use super::world::World;
use crate::config::Config;
use crate::log::local_time::LocalTime;
use crate::scaler::decision::Decision;
use crate::schedule::{ClockOf, Moment, shifts};
use crate::words::time::Timestamp;

/// Hours are told for so long at once …
const AHEAD: Duration = Duration::from_secs(8 * 86_400);
/// … and so often, so that a clock that is set back in autumn is followed within a day.
const EVERY: Duration = Duration::from_secs(86_400);

/// What was told so far.
pub(super) struct Calendar<'a> {
    config: &'a Config,
    /// When the hours are told next; `None` without a schedule.
    due: Option<Timestamp>,
}

impl<'a> Calendar<'a> {
    pub(super) fn of(config: &'a Config) -> Self {
        let mut backends = config.backends.values();
        let has_one = backends.any(|backend| !backend.schedules.is_empty());
        Self {
            config,
            due: has_one.then_some(Timestamp::default()),
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Tells all hours that have to be told until `now`, each time at its own instant.
    pub(super) fn tell(
        &mut self,
        now: Timestamp,
        time: &LocalTime,
        world: &mut World,
        decisions: &mut dyn FnMut(&Decision),
    ) {
        while let Some(due) = self.due.filter(|due| *due <= now) {
            // The first time it is the log's beginning that counts.
            let at = if due == Timestamp::default() {
                now
            } else {
                due
            };
            let moment = Moment {
                clock: ClockOf::Log,
                ms: time.as_logged(at.as_ms()),
                at,
            };
            for (name, backend) in &self.config.backends {
                let shifts = shifts(&backend.schedules, moment, AHEAD);
                world.shifts(at, name, &shifts, decisions);
            }
            self.due = Some(at.after(EVERY));
        }
    }
}
