//! Tells the scaler the hours of each `[[schedule]]`, again and again: the wall clock may step, and the scaler
//! knows none. Reckoning them is `schedule`'s business, and what they mean the scaler's.

use std::time::{Duration, SystemTime};

use super::Daemon;
use crate::scaler::event::Event;
use crate::schedule::{ClockOf, Moment, shifts};
use crate::words::shift::Shift;
use crate::words::time::{Timestamp, ms_since_1970};

/// How often: so late at most is the clock followed when somebody sets it.
const EVERY: Duration = Duration::from_secs(60);
/// How far ahead: long enough for every week to show.
const AHEAD: Duration = Duration::from_secs(8 * 86_400);

impl Daemon {
    /// When the hours are told next; `None` without a schedule.
    pub(super) fn calendar_due(&self) -> Option<Timestamp> {
        let mut backends = self.config.backends.values();
        let has_one = backends.any(|backend| !backend.schedules.is_empty());
        has_one.then_some(self.calendar_due)
    }

    /// Tells the hours of all backends, also that there are none.
    pub(super) fn tell_hours(&mut self) {
        let at = self.clock.now();
        self.calendar_due = at.after(EVERY);
        let now = Moment {
            clock: ClockOf::World,
            ms: ms_since_1970(SystemTime::now()),
            at,
        };
        let backends = self.config.backends.iter();
        let hours: Vec<(String, Vec<Shift>)> = backends
            .map(|(name, backend)| (name.clone(), shifts(&backend.schedules, now, AHEAD)))
            .collect();
        for (backend, shifts) in &hours {
            self.event(at, Event::Shifts { backend, shifts });
        }
    }
}
