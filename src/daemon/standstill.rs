//! Notices that this process, or the machine, stood still. What that makes worthless is `scaler`'s
//! business.

use std::time::Duration;

use super::{Daemon, STANDSTILL_MIN, STANDSTILL_POLLS};
use crate::scaler::event::Event;
use crate::words::time::Timestamp;

impl Daemon {
    /// Notices that this process, or the machine, stood still: the loop should have been awake at
    /// `deadline`.
    pub(super) fn notice_standstill(&mut self, deadline: Option<Timestamp>) {
        let now = self.clock.now();
        let late = deadline.map_or(Duration::ZERO, |deadline| now.since(deadline));
        let lasted = late + self.standstill.suspended();
        let poll = self.config.haproxy.poll_interval;
        if lasted > (poll * STANDSTILL_POLLS).max(STANDSTILL_MIN) {
            self.event(now, Event::Gap { lasted });
        }
    }
}
