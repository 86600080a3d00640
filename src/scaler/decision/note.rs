//! What is told beside scaling: what was noticed, expired, called off, or is in the way, as data.
//! Nothing here decides.

use std::time::Duration;

use super::{Change, Ordered, Refusal, StateRefused};
use crate::measure::agreement::Doubt;
use crate::measure::dropped::Share;
use crate::scaler::hand::Kept;
use crate::scaler::seen::{Blocked, Standing};
use crate::words::names::ServerName;
use crate::words::picture::{AdminState, Crowded, ReadFailure};

/// Something that an operator should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    Expired(Expired),
    Would {
        what: Would,
        pause: Box<Standing>,
    },
    Unread(ReadFailure),
    Answers,
    HasBackend,
    Reloaded,
    Doubted(Doubt),
    Agrees,
    HardlyDrops(Share),
    DrainedByAgent,
    MaxconnRefused {
        server: ServerName,
        words: String,
    },
    UsedInMaint,
    Resumed(AdminState),
    Left(Vec<String>),
    StoodStill(Duration),
    NotDisabled(Refusal),
    StateRefused(StateRefused),
    Vanished(String),
    LateReady,
    CalledOff(CalledOff),
    Crowded(Crowded),
    CrowdStuck {
        what: Crowded,
        before_per_s: f64,
        since_per_s: f64,
        pause: Duration,
    },
    Advice(Advice),
}

/// What is over by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    Pause,
    Pin,
    Kept(Kept),
}

/// What a pause keeps from being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Would {
    FinishDrain,
    Enable,
    Drain,
}

/// Why a spare that was coming in goes back.
#[derive(Clone, Debug, PartialEq)]
pub enum CalledOff {
    Blocked(Blocked),
    Ordered(Ordered),
    Stale,
    Replaced,
}

/// What keeps a spare from helping, and an operator can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    UnknownServer(NameList, ServerName),
    NoSpare,
    Backup(ServerName),
    NoWeight(ServerName),
    NoCheck(ServerName),
    CheckStopped(ServerName),
    InTurn,
}

/// Where our configuration lists servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameList {
    AlwaysUp,
    Spares,
}

impl NameList {
    /// The key of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlwaysUp => "always_up",
            Self::Spares => "spares",
        }
    }
}

impl Advice {
    /// How urgent it is.
    pub(in crate::scaler) const fn change(&self) -> Change {
        match self {
            Self::UnknownServer(..)
            | Self::NoSpare
            | Self::Backup(_)
            | Self::NoWeight(_)
            | Self::CheckStopped(_) => Change::Warning,
            Self::NoCheck(_) | Self::InTurn => Change::Note,
        }
    }
}
