//! Why a server was brought in or sent away, in one word.

use crate::scaler::decision::{Reason, Wanted};
use crate::words::closed::closed;

closed! {
    /// What asked for a server to come or to go.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Trigger {
        /// Windows above the threshold.
        Breach = "breach",
        /// What the servers carry is less than what is asked of them.
        Demand = "demand",
        /// A policy with a target.
        Target = "target",
        /// A server that does not serve.
        DeadServer = "dead_server",
        /// Users wait in front of HAProxy, or in a queue.
        Queue = "queue",
        /// Fewer serve than `min`.
        Min = "min",
        /// HAProxy was reloaded or restarted.
        Reload = "reload",
        /// An operator's order.
        Order = "order",
        /// The load does not need it.
        Idle = "idle",
        /// It answers worse than the others.
        Fault = "fault",
        /// Anything else.
        Other = "other",
    }
}

impl Trigger {
    /// That of a decision to warm up, to enable or to drain.
    pub(super) const fn of(reason: &Reason) -> Self {
        if let Reason::Warmed { wanted, .. } | Reason::GivenBack(wanted) | Reason::Wanted(wanted) =
            reason
        {
            Self::of_wish(wanted)
        } else if matches!(reason, Reason::Quiet { .. }) {
            Self::Idle
        } else if matches!(reason, Reason::Fault { .. }) {
            Self::Fault
        } else {
            Self::Other
        }
    }

    /// It can ask for a server to come.
    pub(super) const fn is_to_come(self) -> bool {
        !matches!(self, Self::Idle | Self::Fault)
    }

    /// It can ask for a server to go.
    pub(super) const fn is_to_leave(self) -> bool {
        matches!(self, Self::Idle | Self::Fault | Self::Order | Self::Other)
    }

    const fn of_wish(wanted: &Wanted) -> Self {
        match wanted {
            Wanted::Slow(_) => Self::Breach,
            Wanted::Demand { .. } => Self::Demand,
            Wanted::Target { .. } => Self::Target,
            Wanted::DeadServer { .. } | Wanted::DeadSpare { .. } | Wanted::Evacuation { .. } => {
                Self::DeadServer
            }
            Wanted::Crowded(_) | Wanted::Waiting { .. } => Self::Queue,
            Wanted::BelowMin { .. } => Self::Min,
            Wanted::Reloaded => Self::Reload,
            Wanted::Ordered(_) => Self::Order,
        }
    }
}
