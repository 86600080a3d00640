//! Why a server is left alone, and until when: an operator changed it, or it failed not long ago.

use std::time::Duration;

use super::decision::Failed;
use crate::words::time::Timestamp;

/// The first quarantine of a spare that failed; it doubles up to [`QUARANTINE_MAX`].
const QUARANTINE_MIN: Duration = Duration::from_secs(60);
/// The longest quarantine.
pub(super) const QUARANTINE_MAX: Duration = Duration::from_secs(60 * 60);

/// Why a server is left alone, and until when.
#[derive(Clone, Debug)]
pub(super) struct Apart {
    /// An operator changed it.
    pub(super) hold_until: Option<Timestamp>,
    /// It failed.
    pub(super) quarantined_until: Option<Timestamp>,
    /// Why it is no candidate until then.
    pub(super) failed: Failed,
    /// Failures in a row.
    pub(super) failures: u32,
    /// When it failed last.
    pub(super) failed_at: Option<Timestamp>,
}

impl Default for Apart {
    fn default() -> Self {
        Self {
            hold_until: None,
            quarantined_until: None,
            failed: Failed::Before,
            failures: 0,
            failed_at: None,
        }
    }
}

impl Apart {
    /// An operator changed it by hand not long ago.
    pub(super) fn is_held(&self, now: Timestamp) -> bool {
        self.hold_until.is_some_and(|until| now < until)
    }

    /// It failed not long ago.
    pub(super) fn is_quarantined(&self, now: Timestamp) -> bool {
        self.quarantined_until.is_some_and(|until| now < until)
    }

    /// It has done well for long enough: earlier failures are forgotten.
    pub(super) const fn forgive(&mut self) {
        self.failures = 0;
    }

    /// Leaves it alone for a while.
    pub(super) fn hold(&mut self, now: Timestamp, hold: Duration) {
        self.hold_until = Some(now.after(hold));
    }

    /// No candidate for a minute, doubling with each failure in a row to an hour.
    pub(super) fn quarantine(&mut self, now: Timestamp, failed: Failed) -> Duration {
        let doublings = self.failures.min(6);
        let span = (QUARANTINE_MIN * 2_u32.pow(doublings)).min(QUARANTINE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.quarantined_until = Some(now.after(span));
        self.failed_at = Some(now);
        self.failed = failed;
        span
    }

    /// No candidate for an hour: trying again sooner changes nothing.
    pub(super) fn quarantine_long(&mut self, now: Timestamp, failed: Failed) -> Duration {
        self.quarantine(now, failed);
        self.quarantined_until = Some(now.after(QUARANTINE_MAX));
        QUARANTINE_MAX
    }

    /// Ends a hold: it is ours again.
    pub(super) const fn end_hold(&mut self) {
        self.hold_until = None;
    }

    /// Ends a quarantine: an operator wants it tried now.
    pub(super) const fn end_quarantine(&mut self) {
        self.quarantined_until = None;
        self.failures = 0;
    }

    /// Takes a quarantine from before a restart.
    pub(super) const fn restore_quarantine(&mut self, until: Option<Timestamp>, failures: u32) {
        self.quarantined_until = until;
        self.failures = failures;
    }
}
