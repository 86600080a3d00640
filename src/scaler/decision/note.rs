//! What is told beside scaling: what was noticed, expired, called off, or is in the way, as data.
//! Nothing here decides.

use std::time::Duration;

use super::{Change, Ordered, Refusal, StateRefused};
use crate::measure::agreement::Doubt;
use crate::measure::dropped::Share;
use crate::scaler::hand::Kept;
use crate::scaler::seen::{Blocked, FailingWarmUp, Standing};
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
    /// The share of a newcomer grows, or does so no more.
    Ramp(RampNews),
    WeightRefused {
        server: ServerName,
        weight: u32,
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
    /// The machine of an evacuated server may be gone by now, and it serves still.
    Overdue,
    CalledOff(CalledOff),
    /// The warm-up of a spare has failed for so long that nobody counts on it any more.
    WarmUpFails(Box<FailingWarmUp>),
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
    /// `weight_ramp` does nothing for these.
    NoRamp(Vec<String>, NoRamp),
}

/// Why the share of a server does not grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRamp {
    /// HAProxy's `slowstart` does it.
    Slowstart,
    /// `balance first` does not look at weights.
    First,
    /// There is hardly a smaller weight than that.
    SmallWeight(u32),
    /// Somebody has set another weight than haproxy.cfg's: the present one.
    SetByHand(u32),
    /// Its agent sets its weight.
    Agent,
    /// HAProxy does not take another weight; its words.
    Refused(String),
    /// HAProxy accepted another weight and did not show it.
    NotFollowed,
}

/// What is told of a share that grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RampNews {
    /// It begins with that weight.
    Begins {
        weight: u32,
        whole: u32,
        over: Duration,
    },
    /// It waits: its requests take longer than those of the others.
    Held {
        mean_ms: f64,
        others_ms: f64,
        requests: u32,
        weight: u32,
        whole: u32,
    },
    /// It has its whole share: that part of the requests, where it was counted.
    Done {
        took: Duration,
        whole: u32,
        share: Option<f64>,
    },
    /// It ends early, at that weight, and gets its whole share.
    Cut { weight: u32, whole: u32 },
    /// Somebody else has set its weight.
    Anothers { weight: u32 },
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
            Self::NoCheck(_) | Self::InTurn | Self::NoRamp(..) => Change::Note,
        }
    }
}
