//! Live time for the scaler: monotonic milliseconds since the daemon's start; and how long the machine
//! was suspended meanwhile. `scaler/` never sees
//! this; `replay` has the log's own time.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::words::time::Timestamp;

/// A start, and how long ago it is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts now, at [`Timestamp`] 0.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Whole milliseconds since the start.
    pub fn now(&self) -> Timestamp {
        let ms = self.started.elapsed().as_millis();
        Timestamp::from_ms(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    /// Returns at that instant, or never without one.
    pub async fn sleep_until(&self, deadline: Option<Timestamp>) {
        match deadline {
            Some(deadline) => {
                let instant = self.started + Duration::from_millis(deadline.as_ms());
                tokio::time::sleep_until(instant).await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Tells how long the machine was suspended: monotonic time does not pass then, boot time does.
#[derive(Clone, Copy, Debug)]
pub struct Standstill {
    suspended: Duration,
}

impl Standstill {
    /// From now on.
    pub fn start() -> Self {
        Self {
            suspended: suspended_since_boot(),
        }
    }

    /// How long the machine was suspended since the last call.
    pub fn suspended(&mut self) -> Duration {
        let before = std::mem::replace(&mut self.suspended, suspended_since_boot());
        self.suspended.saturating_sub(before)
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
