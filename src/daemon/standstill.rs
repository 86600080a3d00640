//! Notices that this process, or the machine, stood still. What that makes worthless is `scaler`'s
//! business.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Daemon;
use crate::scaler::event::Event;
use crate::words::time::Timestamp;

/// Standing still for so many poll intervals …
const STANDSTILL_POLLS: u32 = 3;
/// … and at least for this long makes what was measured worthless. A busy machine is late, too.
const STANDSTILL_MIN: Duration = Duration::from_secs(5);

impl Daemon {
    /// The loop should have been awake at `deadline`.
    pub(super) fn notice_standstill(&mut self, deadline: Option<Timestamp>) {
        let now = self.clock.now();
        let late = deadline.map_or(Duration::ZERO, |deadline| now.since(deadline));
        let lasted = late + self.suspension.since_last();
        let poll = self.config.haproxy.poll_interval;
        if lasted > (poll * STANDSTILL_POLLS).max(STANDSTILL_MIN) {
            self.event(now, Event::Gap { lasted });
        }
    }
}

/// How long the machine was suspended: monotonic time does not pass then, boot time does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspension {
    since_boot: Duration,
}

impl Suspension {
    /// Counts from now on.
    pub(super) fn watch() -> Self {
        Self {
            since_boot: suspended_since_boot(),
        }
    }

    fn since_last(&mut self) -> Duration {
        let before = std::mem::replace(&mut self.since_boot, suspended_since_boot());
        self.since_boot.saturating_sub(before)
    }
}

fn suspended_since_boot() -> Duration {
    let [monotonic, boot] = [ClockId::Monotonic, ClockId::Boottime].map(|clock| {
        let time = clock_gettime(clock);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
    });
    boot.saturating_sub(monotonic)
}
