//! What keeps a backend from working, with its numbers. Nothing here decides.

use std::time::Duration;

use super::{FailingWarmUp, Nobody, ProblemCode};
use crate::measure::settings::{Signal, Statistic};
use crate::measure::trial::NotHelping;
use crate::scaler::decision::{Cause, Doubt, Fault, MachineTrouble, NameList, Shown, Wanted};
use crate::words::machine::MachineVerb;
use crate::words::picture::{Crowded, ReadFailure};

/// One thing that keeps a backend from working.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    Unread(ReadFailure),
    UnknownServer(NameList, String),
    NoSpare,
    NotHelping(Signal, Statistic, NotHelping),
    Doubt(Doubt),
    LogAbsent,
    LogLate,
    LogLost,
    MemoryLost,
    NotServing(String, Cause),
    Failing(String, Fault),
    AlwaysUpMissing(String, Shown),
    Crowded(Crowded),
    UsedInMaint(String),
    Errors {
        failed: u64,
        all: u64,
    },
    WarmUpFails {
        server: String,
        failing: FailingWarmUp,
        /// Spares that are brought in meanwhile.
        beside: Vec<String>,
    },
    MachineFailed {
        server: String,
        /// What it was asked for; `status` where it went off by itself.
        verb: MachineVerb,
        trouble: MachineTrouble,
        /// When it is asked again, where it is.
        again_in: Option<Duration>,
    },
    MachineUnused {
        server: String,
        /// We started it, and HAProxy has no such server any more; otherwise somebody else did.
        is_ours: bool,
        /// How long it has run.
        lasted: Duration,
    },
    /// A server, and the last words of its machine's provider.
    MachineMute(String, String),
    /// The provider of that spare's machine says off, and HAProxy has its server up.
    MachineContradicts(String),
    Slow {
        signal: Signal,
        statistic: Statistic,
        value: Option<f64>,
        above: f64,
        why: Nobody,
    },
    Short {
        wanted: Wanted,
        why: Nobody,
    },
}

impl Problem {
    /// The server that it is about.
    pub fn server(&self) -> Option<&str> {
        match self {
            Self::UnknownServer(_, name)
            | Self::NotServing(name, _)
            | Self::Failing(name, _)
            | Self::AlwaysUpMissing(name, _)
            | Self::UsedInMaint(name)
            | Self::WarmUpFails { server: name, .. }
            | Self::MachineFailed { server: name, .. }
            | Self::MachineUnused { server: name, .. }
            | Self::MachineContradicts(name)
            | Self::MachineMute(name, _) => Some(name),
            Self::Unread(_)
            | Self::NoSpare
            | Self::NotHelping(..)
            | Self::Doubt(_)
            | Self::LogAbsent
            | Self::LogLate
            | Self::LogLost
            | Self::MemoryLost
            | Self::Crowded(_)
            | Self::Errors { .. }
            | Self::Slow { .. }
            | Self::Short { .. } => None,
        }
    }

    /// In one word.
    pub const fn code(&self) -> ProblemCode {
        match self {
            Self::Unread(failure) if failure.is_unknown_backend() => ProblemCode::UnknownBackend,
            Self::Unread(_) => ProblemCode::Unreachable,
            Self::UnknownServer(..) => ProblemCode::UnknownServer,
            Self::NoSpare => ProblemCode::NoSpare,
            Self::NotHelping(..) => ProblemCode::NotHelping,
            Self::Doubt(Doubt::Incomplete(_)) => ProblemCode::LogIncomplete,
            Self::Doubt(Doubt::Inflated(_)) => ProblemCode::LogInflated,
            Self::Doubt(Doubt::Dropped(_)) => ProblemCode::LogDropped,
            Self::LogAbsent => ProblemCode::LogAbsent,
            Self::LogLate => ProblemCode::LogLate,
            Self::LogLost => ProblemCode::LogLost,
            Self::MemoryLost => ProblemCode::MemoryLost,
            Self::NotServing(..) => ProblemCode::NotServing,
            Self::Failing(..) => ProblemCode::Failing,
            Self::AlwaysUpMissing(..) => ProblemCode::AlwaysUpMissing,
            Self::Crowded(_) => ProblemCode::Crowded,
            Self::UsedInMaint(_) => ProblemCode::UsedInMaint,
            Self::Errors { .. } => ProblemCode::Errors,
            Self::WarmUpFails { .. } => ProblemCode::WarmUpFails,
            Self::MachineFailed { .. } => ProblemCode::MachineFailed,
            Self::MachineUnused { .. } => ProblemCode::MachineUnused,
            Self::MachineMute(..) | Self::MachineContradicts(_) => ProblemCode::MachineMute,
            Self::Slow { why, .. } => ProblemCode::Slow(why.kind()),
            Self::Short { why, .. } => ProblemCode::Short(why.kind()),
        }
    }
}
