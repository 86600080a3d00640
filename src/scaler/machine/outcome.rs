//! What a machine means to others: what a spare waits for, and what an answer of its provider amounts to.
//! Data alone; what follows is in `backend::machines`.

use std::time::Duration;

use crate::scaler::decision::MachineTrouble;

/// What a spare that is wanted waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scaler) enum ToStart {
    /// Nothing: its server can be asked.
    GoOn,
    /// It may run already.
    Ask,
    /// It is to be started.
    Start,
}

/// What an answer means to others.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scaler) enum Outcome {
    /// Nothing new.
    Nothing,
    /// It starts, or runs: its server can be asked.
    Accepted,
    StartFailed(MachineTrouble),
    /// It was to be stopped and is off.
    Stopped {
        ran: Duration,
    },
    StopFailed {
        trouble: MachineTrouble,
        again_in: Duration,
    },
    /// It runs, and a start that nobody waits for any more did that.
    RunsLate,
    /// It does not run any more, and nobody of us stopped it.
    WentOff,
    /// Its provider does not say what it does: told once.
    Mute(MachineTrouble),
}
