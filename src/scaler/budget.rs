//! How often one server may change within an hour, or within less where `idle_timeout` says that
//! servers come and go faster. Capacity comes first: what stands in for a dead
//! server, undoes a race or meets load that returns does not ask here.

use std::collections::VecDeque;
use std::time::Duration;

use crate::words::time::Timestamp;

/// Changes of one server, in or out, within the time that [`period`] gives.
pub(super) const CHANGES_MAX: usize = 6;
/// The longest time that they are counted in.
const PERIOD_MAX: Duration = Duration::from_secs(60 * 60);
/// That time in `idle_timeout`s: an hour with the default of five minutes.
const PERIOD_SPANS: u32 = 12;
/// A server goes only while this many are left: its way out and the way back. So a spent budget
/// leaves a server in traffic and never outside of it.
const LEFT_TO_GO: usize = 2;

/// The latest changes of one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    changes: VecDeque<Timestamp>,
}

impl Budget {
    /// It took traffic, or stopped taking it.
    pub(super) fn spend(&mut self, now: Timestamp) {
        while self.changes.len() >= CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(now);
    }

    /// The first instant at which it may come in for load.
    pub(super) fn may_come_at(&self, idle_timeout: Duration) -> Option<Timestamp> {
        self.free_at(1, period(idle_timeout))
    }

    /// The first instant at which it may go.
    pub(super) fn may_go_at(&self, idle_timeout: Duration) -> Option<Timestamp> {
        self.free_at(LEFT_TO_GO, period(idle_timeout))
    }

    /// When so many changes are left; `None`: since ever.
    fn free_at(&self, left: usize, period: Duration) -> Option<Timestamp> {
        let too_many = (self.changes.len() + left).checked_sub(CHANGES_MAX + 1)?;
        let oldest = self.changes.get(too_many)?;
        Some(oldest.after(period))
    }

    /// Changes within the last `period`.
    pub(super) fn spent(&self, now: Timestamp, period: Duration) -> usize {
        let recent = self.changes.iter().filter(|at| now.since(**at) < period);
        recent.count()
    }

    /// Instants that are held.
    pub(super) fn held(&self) -> usize {
        self.changes.len()
    }
}

/// The time that changes are counted in.
pub(super) fn period(idle_timeout: Duration) -> Duration {
    idle_timeout.saturating_mul(PERIOD_SPANS).min(PERIOD_MAX)
}
