//! Who brings servers in and takes them away: our own scaler, and the others that it is compared with.

mod fleet;
mod hpa;
mod in_flight;
mod kpa;
mod log_line;
mod oracle;
pub mod ours;
mod plant;
pub mod rule;
pub mod schedule;
mod script;

use self::ours::Ours;
use self::rule::Ruled;
use self::schedule::Schedule;
use super::engine::{Answer, Backend, NEVER_NS};
use super::measure::Tally;

/// One of those who decide.
pub enum Control {
    /// Nobody: the servers stay as they are.
    Nobody,
    /// Our scaler, as the daemon runs it.
    Ours(Box<Ours>),
    /// Somebody else's rule.
    Ruled(Box<Ruled>),
    /// Servers come and go as it is known before.
    Schedule(Schedule),
}

impl Control {
    /// When it wants to act next.
    #[inline]
    pub fn due_ns(&self) -> u64 {
        match self {
            Self::Nobody => NEVER_NS,
            Self::Ours(ours) => ours.due_ns(),
            Self::Ruled(ruled) => ruled.due_ns(),
            Self::Schedule(schedule) => schedule.due_ns(),
        }
    }

    /// Acts at [`Self::due_ns`].
    pub fn act(&mut self, backend: &mut Backend, tally: &mut Tally) {
        match self {
            Self::Nobody => {}
            Self::Ours(ours) => ours.act(backend, tally),
            Self::Ruled(ruled) => ruled.act(backend, tally),
            Self::Schedule(schedule) => schedule.act(backend, tally),
        }
    }

    /// Hears of a request that has ended, as HAProxy logs it.
    #[inline]
    pub fn answered(&mut self, answer: &Answer, backend: &mut Backend, tally: &mut Tally) {
        match self {
            Self::Nobody | Self::Schedule(_) => {}
            Self::Ours(ours) => ours.answered(answer, backend, tally),
            Self::Ruled(ruled) => ruled.answered(answer, backend, tally),
        }
    }
}
