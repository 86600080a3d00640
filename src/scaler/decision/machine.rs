//! What is told of machines that spares run on, as data.

use std::time::Duration;

use super::Wanted;
use crate::words::machine::{MachineKey, MachineVerb};

/// Something that happened to a machine.
#[derive(Clone, Debug, PartialEq)]
pub enum MachineNews {
    /// It is asked to start.
    Start {
        key: MachineKey,
        /// Which repetition it is, from 1.
        attempt: u32,
        /// How long its last boot took.
        usual: Option<Duration>,
        wanted: Wanted,
    },
    /// It takes longer to start than the last time: the next one is tried beside it.
    Slow {
        /// Since it was asked.
        lasted: Duration,
        /// How long its last boot took.
        usual: Duration,
    },
    /// Its server answers.
    Started {
        /// From the first time that it was asked.
        boot: Duration,
    },
    /// It did not do what it was asked for.
    Failed {
        verb: MachineVerb,
        trouble: MachineTrouble,
        /// It is asked again after this time, if it is by us.
        again_in: Option<Duration>,
    },
    /// It is asked to stop.
    Stop,
    /// It is off, as wished.
    Stopped {
        /// How long it ran.
        ran: Duration,
    },
    /// It runs in no use, and was not started by us: it is left as it is.
    Runs,
    /// Its provider says that it is off, and HAProxy has its server up.
    Contradicts,
    /// A start that was given up took effect after all.
    RunsLate,
    /// HAProxy has no such server any more, and it runs because of us.
    Homeless,
    /// The configuration does not name it any more, and it runs because of us.
    Forgotten,
    /// It runs because of us, and we look after another HAProxy from now on, or only observe.
    LeftOn,
}

/// Why a machine did not do what it was asked for. Texts are its provider's last words, and may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineTrouble {
    Failed(String),
    /// Trying again changes nothing: rights, or configuration.
    Refused(String),
    /// Nobody knows what became of it.
    Unknown(String),
    /// It was accepted, and the machine is off.
    Off,
    /// It was accepted, and the machine still runs.
    StillOn,
    /// Its server did not answer within this time.
    Late(Duration),
    /// Its provider did not answer within this time, and is ended.
    Hangs(Duration),
    /// It went off while it was in use.
    Died,
}

impl MachineTrouble {
    /// In one word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
            Self::Off => "off",
            Self::StillOn => "still_on",
            Self::Late(_) => "late",
            Self::Hangs(_) => "hangs",
            Self::Died => "died",
        }
    }

    /// It was not done: nothing of it takes effect later.
    pub const fn is_certain(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Refused(_))
    }

    /// The provider's last words.
    pub fn words(&self) -> &str {
        match self {
            Self::Failed(words) | Self::Refused(words) | Self::Unknown(words) => words,
            Self::Off | Self::StillOn | Self::Late(_) | Self::Hangs(_) | Self::Died => "",
        }
    }
}

/// Why a machine cannot be started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStart {
    /// It is being stopped.
    Stopping,
    /// `starts_per_hour` is used up.
    StartsSpent { starts: u32, left: Duration },
    /// `machines_at_once` run.
    AtOnce(u32),
    /// It does not exist.
    Gone,
}
