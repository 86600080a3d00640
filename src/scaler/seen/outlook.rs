//! What a backend does next and why, with its numbers. Nothing here decides.

use std::time::Duration;

use super::{Booting, Keeps, Needed, NoHelp, Nobody, ReasonCode};
use crate::measure::load::TooSlow;
use crate::measure::need::Need;
use crate::measure::settings::{Signal, Statistic};
use crate::scaler::decision::Wanted;
use crate::scaler::member::Stage;
use crate::words::closed::closed;
use crate::words::picture::ReadFailure;
use crate::words::proof::WarmUpFailure;

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum Outlook {
    /// HAProxy is read, for the first time or again after a failure.
    Read {
        due: Duration,
        /// Why it could not be read the last time.
        failure: Option<ReadFailure>,
    },
    /// Servers are in transition.
    Changing(Vec<Transition>),
    /// The daemon stood still and waits this long for lines and checks to catch up.
    Settling(Duration),
    /// Nothing, because of a pause; what would be done without it.
    Paused(Option<Box<Self>>),
    /// A spare goes if it stays quiet.
    Leaves {
        server: String,
        left: Duration,
        later: Option<Later>,
    },
    /// A spare stays because the load needs it.
    Stays(Box<Needed>),
    /// No spare goes, for another reason.
    Kept(Keeps),
    /// A spare comes if it stays slow.
    Comes {
        spare: String,
        /// The threshold, milliseconds.
        signal: Signal,
        above: f64,
        /// Windows in a row above it.
        streak: u32,
        /// How many are needed.
        needed: u32,
    },
    /// Nothing for so long: a spare came not long ago.
    Cooldown(Duration),
    /// Nothing before the share of a newcomer has grown (`weight_ramp`).
    Growing {
        server: String,
        weight: u32,
        whole: u32,
    },
    /// Nothing for so long: more servers do not help.
    NotHelping(Duration),
    /// Nothing: no spare comes.
    Nobody(Nobody),
    /// Servers are missing whether or not it is slow, of so many that there are, and no spare comes.
    Short {
        wanted: Box<Wanted>,
        exist: u32,
        why: Nobody,
    },
    /// Nothing at all until the log can be read.
    Blind,
    /// No spare goes while the log is late or not believed.
    HalfBlind,
    /// All is well, and so many servers serve the demand.
    Enough {
        need: Box<Need>,
        serving: u32,
        measured: Option<Measured>,
    },
    /// All is well: so many requests a second on so many servers.
    Well {
        measured: Option<Measured>,
        per_second: Option<f64>,
        serving: u32,
    },
}

/// What a policy shows, against its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub signal: Signal,
    pub statistic: Statistic,
    pub value: f64,
    pub above: f64,
}

/// A warm-up that fails and goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingWarmUp {
    /// What went wrong last.
    pub why: WarmUpFailure,
    /// Requests or connections so far …
    pub attempts: u32,
    /// … in this time.
    pub lasted: Duration,
    /// When it is given up.
    pub left: Duration,
}

/// A server on its way in or out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub server: String,
    pub stage: Stage,
    /// It is on its way in.
    pub is_inbound: bool,
    /// HAProxy checks it, and whether that has passed.
    pub checks: Option<bool>,
    pub sessions: u32,
    /// Its warm-up fails.
    pub failing: Option<FailingWarmUp>,
    /// Its machine boots.
    pub booting: Option<Booting>,
}

/// Why a spare goes later than `idle_timeout` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Later {
    /// So few servers were too slow at such a load, not long ago; requests a second now.
    TooSlow(TooSlow, f64),
    /// It has been changed too often lately.
    Budget,
    /// Another one went not long ago.
    Cooldown,
}

impl From<NoHelp> for ReasonCode {
    fn from(why: NoHelp) -> Self {
        match why {
            NoHelp::Paused => Self::Paused,
            NoHelp::MaxReached => Self::MaxReached,
            NoHelp::AllIn => Self::AllIn,
            NoHelp::NoSpare => Self::NoSpare,
        }
    }
}

closed! {
    /// What is done next, in one word.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum NextCode {
        /// HAProxy is read.
        Read = "read",
        /// A change goes on.
        Change = "change",
        /// A spare comes, if what it is for lasts.
        Enable = "enable",
        /// A spare goes, if it stays quiet.
        Disable = "disable",
        /// Nothing, as things are.
        Nothing = "nothing",
    }
}

impl Outlook {
    /// What is done next.
    pub const fn next(&self) -> NextCode {
        match self {
            Self::Read { .. } => NextCode::Read,
            Self::Changing(_) | Self::Growing { .. } => NextCode::Change,
            Self::Comes { .. } => NextCode::Enable,
            Self::Leaves { .. } => NextCode::Disable,
            Self::Settling(_)
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Cooldown(_)
            | Self::NotHelping(_)
            | Self::Nobody(_)
            | Self::Short { .. }
            | Self::Blind
            | Self::HalfBlind
            | Self::Enough { .. }
            | Self::Well { .. } => NextCode::Nothing,
        }
    }

    /// The server that it is done with.
    pub fn server(&self) -> Option<&str> {
        match self {
            Self::Changing(transitions) => transitions.first().map(|it| it.server.as_str()),
            Self::Comes { spare, .. } => Some(spare),
            Self::Leaves { server, .. } | Self::Growing { server, .. } => Some(server),
            Self::Read { .. }
            | Self::Settling(_)
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Cooldown(_)
            | Self::NotHelping(_)
            | Self::Nobody(_)
            | Self::Short { .. }
            | Self::Blind
            | Self::HalfBlind
            | Self::Enough { .. }
            | Self::Well { .. } => None,
        }
    }

    /// Something keeps the backend from what it would do otherwise.
    pub fn is_blocked(&self) -> bool {
        match self {
            Self::Leaves { later, .. } => later.is_some(),
            Self::Read { failure, .. } => failure.is_some(),
            Self::Changing(_) | Self::Comes { .. } | Self::Enough { .. } | Self::Well { .. } => {
                false
            }
            Self::Settling(_)
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Cooldown(_)
            | Self::NotHelping(_)
            | Self::Growing { .. }
            | Self::Nobody(_)
            | Self::Short { .. }
            | Self::Blind
            | Self::HalfBlind => true,
        }
    }

    /// How long that lasts at most, where something ends it by itself.
    pub const fn left(&self) -> Option<Duration> {
        match self {
            Self::Settling(left)
            | Self::Cooldown(left)
            | Self::NotHelping(left)
            | Self::Leaves { left, .. } => Some(*left),
            Self::Read { .. }
            | Self::Changing(_)
            | Self::Growing { .. }
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Comes { .. }
            | Self::Nobody(_)
            | Self::Short { .. }
            | Self::Blind
            | Self::HalfBlind
            | Self::Enough { .. }
            | Self::Well { .. } => None,
        }
    }

    /// Why that and nothing else, in one word.
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::Read { failure: None, .. } => ReasonCode::Starting,
            Self::Read {
                failure: Some(failure),
                ..
            } if failure.is_unknown_backend() => ReasonCode::UnknownBackend,
            Self::Read {
                failure: Some(_), ..
            } => ReasonCode::Unreachable,
            Self::Changing(_) => ReasonCode::Changing,
            Self::Settling(_) => ReasonCode::Settling,
            Self::Paused(_) => ReasonCode::Paused,
            Self::Leaves { later, .. } => match later {
                None | Some(Later::Cooldown) => ReasonCode::Quiet,
                Some(Later::TooSlow(..)) => ReasonCode::WouldFlap,
                Some(Later::Budget) => ReasonCode::Budget,
            },
            Self::Stays(_) => ReasonCode::Needed,
            Self::Kept(keeps) => keeps.code(),
            Self::Comes { .. } => ReasonCode::Slow,
            Self::Cooldown(_) | Self::Growing { .. } => ReasonCode::Cooldown,
            Self::NotHelping(_) => ReasonCode::NotHelping,
            Self::Nobody(why) | Self::Short { why, .. } => why.kind().into(),
            Self::Blind | Self::HalfBlind => ReasonCode::Blind,
            Self::Enough { .. } | Self::Well { .. } => ReasonCode::NothingToDo,
        }
    }
}
