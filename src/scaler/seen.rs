//! What people see of a backend, in closed lists: why it does what it does, and what keeps it from
//! working. Scripts rely on these words. Nothing here decides.

#![allow(missing_docs)] // Where a name says it all; `publish::text` has the sentences.

mod capacity;
mod keeps;
mod machine;
mod outlook;
mod problem;
mod why_not;

use std::time::Duration;

use crate::words::by::By;
use crate::words::closed::closed;

pub use self::capacity::{CapacitySource, CapacityView, Needed};
pub use self::keeps::{Evaluations, Keeps, VotesView};
pub use self::machine::{Booting, MachineNote, MachineView};
pub use self::outlook::{FailingWarmUp, Later, Measured, NextCode, Outlook, Transition};
pub use self::problem::Problem;
pub use self::why_not::{Blocked, Condition, Nobody, ServerNote, WhyNot};

closed! {
    /// How a backend is, in one word.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum BackendState {
        /// All is well.
        Ok = "ok",
        /// Above a threshold.
        Slow = "slow",
        /// Slow, and more servers do not help.
        NotHelping = "not_helping",
        /// More than half of the requests fail.
        Broken = "broken",
        /// Servers are missing.
        Short = "short",
        /// Scaling down is frozen: the log is not read or not believed.
        Blind = "blind",
        /// HAProxy does not answer.
        Unreachable = "unreachable",
        /// Not seen yet, or HAProxy has no such backend.
        Unknown = "unknown",
    }
}

closed! {
    /// Why a backend does what it does now, in one word.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum ReasonCode {
        /// HAProxy has not been read yet.
        Starting = "starting",
        /// HAProxy cannot be read.
        Unreachable = "unreachable",
        /// HAProxy has no such backend.
        UnknownBackend = "unknown_backend",
        /// A server is on its way in or out.
        Changing = "changing",
        /// The daemon stood still, and measures anew.
        Settling = "settling",
        /// An operator's pause.
        Paused = "paused",
        /// The log cannot be read, is late, or is not believed.
        Blind = "blind",
        /// Quiet: a spare goes if it stays so.
        Quiet = "quiet",
        /// Quiet, and the load needs all servers.
        Needed = "needed",
        /// Quiet, and a policy with a target wants all servers.
        Target = "target",
        /// Quiet, and no fewer than `min` may serve.
        AtMin = "at_min",
        /// Quiet, and the schedule wants all servers.
        Scheduled = "scheduled",
        /// Quiet, and a spare stands in for an always-up server.
        StandIn = "stand_in",
        /// Quiet, and not watched for long enough to let a spare go.
        Watching = "watching",
        /// Quiet, and so few servers were too slow at such a load not long ago.
        WouldFlap = "would_flap",
        /// Quiet, and the spare has been changed too often lately.
        Budget = "budget",
        /// The spares that serve are pinned or paused.
        Pin = "pin",
        /// An operator wants the spares in that serve.
        Order = "order",
        /// The spares that serve are left alone.
        Hold = "hold",
        /// Requests wait in the queue, so no spare goes.
        Queued = "queued",
        /// Users wait in front of HAProxy, so no spare goes.
        Crowded = "crowded",
        /// Neither slow nor quiet.
        Busy = "busy",
        /// Something else than the load ended quiet a moment ago.
        NotQuiet = "not_quiet",
        /// Most requests fail, which more servers do not mend.
        Broken = "broken",
        /// Slow, and a spare comes if it stays so.
        Slow = "slow",
        /// Slow, and a spare came not long ago.
        Cooldown = "cooldown",
        /// Slow, and more servers do not help.
        NotHelping = "not_helping",
        /// As many servers serve as may.
        MaxReached = "max_reached",
        /// Slow, or more servers are needed, and all spares serve.
        AllIn = "all_in",
        /// Slow, or more servers are needed, and no spare can be had.
        NoSpare = "no_spare",
        /// All is well.
        NothingToDo = "nothing_to_do",
    }
}

/// What keeps a backend from working, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemCode {
    /// HAProxy cannot be read.
    Unreachable,
    /// HAProxy has no such backend.
    UnknownBackend,
    /// The configuration names a server that HAProxy does not have.
    UnknownServer,
    /// There is no spare at all.
    NoSpare,
    /// More servers do not help.
    NotHelping,
    /// HAProxy counts more answers than the log shows.
    LogIncomplete,
    /// The log shows more than HAProxy counts.
    LogInflated,
    /// HAProxy itself drops lines.
    LogDropped,
    /// There is no log to read.
    LogAbsent,
    /// The log is read late.
    LogLate,
    /// Lines of the log were lost on their way.
    LogLost,
    /// What was remembered of an earlier daemon could not be read.
    MemoryLost,
    /// A spare is ready and gets no requests.
    NotServing,
    /// A spare answers worse than the others do.
    Failing,
    /// An always-up server takes no traffic.
    AlwaysUpMissing,
    /// Users wait in front of HAProxy.
    Crowded,
    /// HAProxy sends requests to a spare in maint.
    UsedInMaint,
    /// Many of the requests fail.
    Errors,
    /// The warm-up of a spare fails and goes on.
    WarmUpFails,
    /// A machine did not start, did not stop, or went off.
    MachineFailed,
    /// A machine runs in no use.
    MachineUnused,
    /// Nobody can tell what a machine does.
    MachineMute,
    /// Slow, and nothing can help.
    Slow(NoHelp),
    /// A server is missing, and nothing can help.
    Short(NoHelp),
}

/// Why no spare can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoHelp {
    /// An operator's pause.
    Paused,
    /// As many servers serve as may.
    MaxReached,
    /// All spares serve.
    AllIn,
    /// There is none, or none that can be had.
    NoSpare,
}

impl NoHelp {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Paused, Self::MaxReached, Self::AllIn, Self::NoSpare];
}

impl ProblemCode {
    /// All of them, but for [`Self::Slow`] and [`Self::Short`] with each of [`NoHelp::ALL`].
    pub const OTHERS: [Self; 22] = [
        Self::Unreachable,
        Self::UnknownBackend,
        Self::UnknownServer,
        Self::NoSpare,
        Self::NotHelping,
        Self::LogIncomplete,
        Self::LogInflated,
        Self::LogDropped,
        Self::LogAbsent,
        Self::LogLate,
        Self::LogLost,
        Self::MemoryLost,
        Self::NotServing,
        Self::Failing,
        Self::AlwaysUpMissing,
        Self::Crowded,
        Self::UsedInMaint,
        Self::Errors,
        Self::WarmUpFails,
        Self::MachineFailed,
        Self::MachineUnused,
        Self::MachineMute,
    ];

    /// The word of `status --json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::UnknownBackend => "unknown_backend",
            Self::UnknownServer => "unknown_server",
            Self::NoSpare => "no_spare",
            Self::NotHelping => "not_helping",
            Self::LogIncomplete => "log_incomplete",
            Self::LogInflated => "log_inflated",
            Self::LogDropped => "log_dropped",
            Self::LogAbsent => "log_absent",
            Self::LogLate => "log_late",
            Self::LogLost => "log_lost",
            Self::MemoryLost => "memory_lost",
            Self::NotServing => "not_serving",
            Self::Failing => "probation_failed",
            Self::AlwaysUpMissing => "always_up_missing",
            Self::Crowded => "crowded",
            Self::UsedInMaint => "used_in_maint",
            Self::Errors => "errors",
            Self::WarmUpFails => "warm_up_fails",
            Self::MachineFailed => "machine_failed",
            Self::MachineUnused => "machine_unused",
            Self::MachineMute => "machine_mute",
            Self::Slow(NoHelp::Paused) => "slow_paused",
            Self::Slow(NoHelp::MaxReached) => "slow_max_reached",
            Self::Slow(NoHelp::AllIn) => "slow_all_in",
            Self::Slow(NoHelp::NoSpare) => "slow_no_spare",
            Self::Short(NoHelp::Paused) => "short_paused",
            Self::Short(NoHelp::MaxReached) => "short_max_reached",
            Self::Short(NoHelp::AllIn) => "short_all_in",
            Self::Short(NoHelp::NoSpare) => "short_no_spare",
        }
    }

    /// Only those who have machines can have it.
    pub const fn is_of_machine(self) -> bool {
        matches!(
            self,
            Self::MachineFailed | Self::MachineUnused | Self::MachineMute
        )
    }

    /// Users suffer and no spare can come: worth saying over and over.
    pub const fn is_helpless(self) -> bool {
        matches!(self, Self::Slow(_) | Self::Short(_))
    }
}

/// Something that stands until it ends: a pause, a pin, an order, a hold, a quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How long it has stood, where that is known.
    pub lasted: Option<Duration>,
    /// How long it will; `None`: until it is taken back.
    pub left: Option<Duration>,
    /// Who set it, when the kernel told, and why.
    pub by: Option<By>,
    pub reason: Option<StandingReason>,
}

/// Why something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingReason {
    /// An operator's `enable`.
    Enable,
    /// An operator's `disable`.
    Disable,
    /// An operator's `evacuate`.
    Evacuate,
    Changed,
    Failed,
}

/// What stands for a backend or a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    pub pause: Option<Standing>,
    pub pin: Option<Standing>,
    /// Changed outside this daemon: left alone.
    pub hold: Option<Standing>,
    pub quarantine: Option<Standing>,
    /// An operator wants it in or out.
    pub order: Option<Standing>,
}
