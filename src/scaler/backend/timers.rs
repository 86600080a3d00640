//! Every instant at which something happens by itself in a backend, in one table. What happens then
//! is said where the timer rings, in `run_due`.

use crate::words::time::Timestamp;

/// What there is to wait for, in the order in which it happens when the instants are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Something that an operator set for some time ends.
    Expiry,
    /// The hours begin or end in which more servers are to serve.
    Shift,
    /// Lines and HAProxy's checks have caught up after a standstill.
    Settled,
    /// A window is complete.
    Window,
    /// A slice of quiet ends.
    Slice,
    /// The command under way is given up.
    Write,
    /// A machine is to be asked for something.
    Machine,
    /// A warm-up has failed for longer than one waits for it.
    Stall,
    /// Quiet has lasted long enough for the spare that goes next.
    PutAway,
    /// What a change did can be told.
    Effect,
}

impl Timer {
    /// All of them, in that order.
    pub(super) const ALL: [Self; 10] = [
        Self::Expiry,
        Self::Shift,
        Self::Settled,
        Self::Window,
        Self::Slice,
        Self::Write,
        Self::Machine,
        Self::Stall,
        Self::PutAway,
        Self::Effect,
    ];
}

/// When each timer rings, if it runs.
#[derive(Debug, Default)]
pub(super) struct Timers {
    at: [Option<Timestamp>; Timer::ALL.len()],
}

impl Timers {
    /// Lets it ring at that instant, or not at all.
    pub(super) fn set(&mut self, timer: Timer, at: Option<Timestamp>) {
        if let Some(slot) = self.at.get_mut(timer as usize) {
            *slot = at;
        }
    }

    /// When it rings.
    pub(super) fn get(&self, timer: Timer) -> Option<Timestamp> {
        self.at.get(timer as usize).copied().flatten()
    }

    /// Lines and checks are catching up after a standstill.
    pub(super) fn is_settling(&self, now: Timestamp) -> bool {
        self.get(Timer::Settled).is_some_and(|at| now < at)
    }

    /// Its instant has come: it does not run any more.
    pub(super) fn rings(&mut self, timer: Timer, now: Timestamp) -> bool {
        let is_due = self.get(timer).is_some_and(|at| at <= now);
        if is_due {
            self.set(timer, None);
        }
        is_due
    }

    /// The instant of the first one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.at.iter().flatten().min().copied()
    }
}
