//! Why no spare comes, and what is the matter with each server, as data. Nothing here decides.

use std::time::Duration;

use super::{FailingWarmUp, MachineNote, NoHelp, Standing, Standings};
use crate::measure::agreement::Compared;
use crate::scaler::decision::{Cause, Failed, NoStart};
use crate::scaler::member::Stage;

/// Why no server may be brought in.
#[derive(Clone, Debug, PartialEq)]
pub enum Blocked {
    /// So many servers are in, and that is `max`.
    Max(u32),
    /// A spare came in on lines that HAProxy's counters do not confirm.
    InDoubt(Compared),
    /// Those are ready and get no requests; why.
    Idle(Vec<String>, Cause),
    /// The server that was missing is back.
    Back,
}

/// Why no spare comes.
#[derive(Clone, Debug, PartialEq)]
pub enum Nobody {
    /// An operator's pause; of that backend, or of everything.
    Paused(Box<Standing>, Option<String>),
    /// No server may be brought in.
    Blocked(Blocked),
    /// There is no spare.
    NoSpares,
    /// All of them, so many, serve.
    AllIn(usize),
    /// None of them can be had: why, of each.
    Each(Vec<(String, WhyNot)>),
}

/// Why one spare is not brought in.
#[derive(Clone, Debug, PartialEq)]
pub enum WhyNot {
    Serves,
    Noted(Box<ServerNote>),
    Spent(Duration),
    WarmUpFails(Box<FailingWarmUp>),
    /// Its machine cannot be started now.
    Machine(NoStart),
    Is(Stage),
}

/// What an operator should know about a server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerNote {
    /// What is the matter with it.
    pub condition: Option<Condition>,
    /// What an operator has set for it.
    pub set: Standings,
    /// It is ready.
    pub is_in: bool,
}

/// What is the matter with a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Held {
        left: Duration,
        may_be_agent: bool,
    },
    Quarantined {
        left: Duration,
        failed: Failed,
    },
    Tracked,
    Down,
    DrainedByAgent,
    NoWeight,
    Backup,
    Idle,
    Failing,
    Slow,
    Lingering,
    /// Its share grows (`weight_ramp`).
    Ramping {
        weight: u32,
        whole: u32,
        is_held: bool,
    },
    BeyondUs,
    /// It rests, and what its machine does.
    Machine(MachineNote),
}

impl Nobody {
    /// In one word.
    pub const fn kind(&self) -> NoHelp {
        match self {
            Self::Paused(..) => NoHelp::Paused,
            Self::Blocked(Blocked::Max(_)) => NoHelp::MaxReached,
            Self::AllIn(_) => NoHelp::AllIn,
            Self::Blocked(Blocked::InDoubt(_) | Blocked::Idle(..) | Blocked::Back)
            | Self::NoSpares
            | Self::Each(_) => NoHelp::NoSpare,
        }
    }
}
