//! Servers that went and were needed again soon: the next one goes later. How many are needed is in
//! `need`.

use std::time::Duration;

use crate::words::time::Timestamp;

/// A server went too soon when one is asked for again within so many times the time that servers are
/// watched before one goes.
const SOON: u32 = 6;
/// Each time doubles how long the next one stays, so often at most.
const DOUBLED_MAX: u32 = 4;

/// Remembers the newest server that went.
#[derive(Debug, Default)]
pub(super) struct Regret {
    left_at: Option<Timestamp>,
    /// So many in a row went too soon.
    too_soon: u32,
    until: Timestamp,
}

impl Regret {
    /// A server went.
    pub(super) const fn left(&mut self, now: Timestamp) {
        self.left_at = Some(now);
    }

    /// One more look; `is_asked`: more servers are asked for than there are. Servers are watched for
    /// `down_after` before one goes.
    pub(super) fn look(&mut self, now: Timestamp, is_asked: bool, down_after: Duration) {
        let Some(left_at) = self.left_at else {
            return;
        };
        if now.since(left_at) > down_after.saturating_mul(SOON) {
            self.left_at = None;
            self.too_soon = self.too_soon.saturating_sub(1);
        } else if is_asked {
            self.left_at = None;
            self.too_soon = (self.too_soon + 1).min(DOUBLED_MAX);
            self.until = now.after(down_after.saturating_mul(1 << self.too_soon));
        }
    }

    /// Until then no server goes for its being one too many.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.until).filter(|until| now < *until)
    }

    /// Nothing of what was seen holds any more.
    pub(super) fn start_over(&mut self) {
        *self = Self::default();
    }
}
