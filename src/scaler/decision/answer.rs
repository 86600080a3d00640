//! What became of an operator's order, as data. Which orders are refused is decided in
//! `backend::orders`.

use std::time::Duration;

use crate::measure::breach::Breach;
use crate::measure::need::Need;
use crate::scaler::decision::NoStart;
use crate::scaler::hand::Kept;
use crate::scaler::member::Stage;
use crate::scaler::seen::Nobody;
use crate::words::names::ServerName;
use crate::words::order::Verdict;

/// What will happen now that an order is accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum Promise {
    /// Nothing is changed (`pause`), or a server stays as it is (`pin`).
    Fixed {
        /// It expires after this; `None`: it stands until it is taken back.
        lasts: Option<Duration>,
        /// The server in transition that goes to a stable state first.
        in_transition: Option<String>,
        /// The server is no spare and never changed anyway.
        is_no_spare: bool,
        /// What the load would have instead.
        load: Option<Box<Load>>,
    },
    /// An end of a pin.
    Unpinned,
    /// An end of pauses, holds and orders.
    Resumed,
    /// `enable` or `disable`.
    Kept {
        /// Where it is kept.
        kept: Kept,
        /// How it gets there.
        way: Way,
        /// For how long it is kept there.
        length: Duration,
        /// Its machine is stopped after it has gone.
        stops: bool,
        /// What the load would have instead.
        load: Option<Box<Load>>,
    },
    /// The same of a server that is kept out as long as it is evacuated, or always in.
    KeptOn {
        kept: Kept,
        way: Way,
        stops: bool,
        load: Option<Box<Load>>,
    },
    /// `evacuate`.
    Evacuated {
        /// Who comes in its place.
        stand_in: Option<String>,
        /// Whose machine has to be started first.
        is_off: bool,
        /// How long its last boot took.
        boot: Option<Duration>,
        /// Nobody else serves: it stays until somebody does.
        is_last: bool,
        /// It serves nobody, or is out already.
        is_out: bool,
        /// It is drained after this long at the latest, unless it is the last one that serves.
        within: Duration,
    },
    /// `release`.
    Released {
        leaving: Vec<String>,
        /// Those that are evacuated: kept out until an operator says otherwise.
        evacuated: Vec<String>,
        /// Those that may not go, and why.
        stays: Vec<(String, Refusal)>,
        /// For how long those that leave are kept out.
        length: Duration,
        /// Machines of theirs are stopped after they have gone.
        stops: bool,
        /// What the load would have instead.
        load: Option<Box<Load>>,
    },
}

/// A load that an order goes against.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// The last window was above its threshold.
    pub breach: Option<Breach>,
    /// The demand needs more servers than serve then.
    pub need: Option<Need>,
    /// Servers that serve then.
    pub left: u32,
}

/// How a spare gets where an operator wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Coming,
    /// Its machine has to be started first.
    Starting,
    Leaving,
    Already(Stage),
    /// Its evacuation has ended before it left.
    Stays,
    Settling,
    Soon,
}

/// Why an order is not obeyed.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    UnknownBackend {
        name: String,
        known: Vec<String>,
    },
    UnknownServer {
        name: ServerName,
        known: Vec<String>,
    },
    AllPaused,
    BackendPaused,
    NeedsServer,
    NeedsBackend,
    NotSeenYet,
    NotShown,
    AlwaysUp,
    NoSpare,
    Paused,
    Pinned,
    Unreachable,
    Reconfiguring,
    BeyondUs,
    Full(u32),
    LastServing,
    /// Its machine cannot be started.
    NoStart(NoStart),
    /// HAProxy has it no more, and its machine runs because of us.
    Homeless,
    /// Nobody can stand in for it.
    NoStandIn(Box<Nobody>),
    AtMin {
        serving: u32,
        min: u32,
    },
    Barred(String),
}

impl Refusal {
    /// In one word.
    pub const fn verdict(&self) -> Verdict {
        if matches!(
            self,
            Self::UnknownBackend { .. } | Self::UnknownServer { .. }
        ) {
            Verdict::Unknown
        } else {
            Verdict::Refused
        }
    }
}
