//! What a machine means to others: what a spare waits for, and what an answer of its provider amounts to.
//! What is wrong with it, for people. What follows is in `backend::machines`.

use std::time::Duration;

use super::Machine;
use crate::scaler::decision::MachineTrouble;
use crate::scaler::seen::Booting;
use crate::words::machine::MachineVerb;
use crate::words::time::Timestamp;

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

/// What is wrong with a machine, for people.
#[derive(Debug)]
pub(in crate::scaler) struct Troubles {
    /// Its provider does not say what it does, and that was told: its last words.
    pub(in crate::scaler) mute: Option<String>,
    /// It says off, and HAProxy has its server up; that was told.
    pub(in crate::scaler) contradicts: bool,
    /// What it was asked for last and has not done since.
    pub(in crate::scaler) failed: Option<Failing>,
}

/// Something that a machine did not do.
#[derive(Debug)]
pub(in crate::scaler) struct Failing {
    pub(in crate::scaler) at: Timestamp,
    /// What it was asked for; `status` where it went off by itself.
    pub(in crate::scaler) verb: MachineVerb,
    pub(in crate::scaler) trouble: MachineTrouble,
    /// Then it is asked again, where that is certain.
    pub(in crate::scaler) again_at: Option<Timestamp>,
}

impl Troubles {
    pub(in crate::scaler) const NONE: Self = Self {
        mute: None,
        contradicts: false,
        failed: None,
    };

    /// It was stopped: whatever its stops met is over.
    pub(in crate::scaler) fn stopped(&mut self) {
        self.failed
            .take_if(|failing| failing.verb == MachineVerb::Stop);
    }

    /// It did not do that.
    pub(in crate::scaler) fn note(
        &mut self,
        at: Timestamp,
        verb: MachineVerb,
        trouble: &MachineTrouble,
        again_at: Option<Timestamp>,
    ) {
        self.failed = Some(Failing {
            at,
            verb,
            trouble: trouble.clone(),
            again_at,
        });
    }
}

impl Machine {
    /// It was asked to run so long ago, and its server has not answered yet.
    pub(in crate::scaler) fn booting(&self, now: Timestamp) -> Option<Booting> {
        let start = self.start.as_ref()?;
        Some(Booting {
            lasted: now.since(start.asked_at),
            usual: self.starts.boot,
        })
    }
}
