//! Live time for the scaler: monotonic milliseconds since the daemon's start. `scaler/` never sees
//! this; `replay` has the log's own time.

use std::time::Duration;

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
