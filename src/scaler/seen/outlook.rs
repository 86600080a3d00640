//! What a backend does next and why, with its numbers. Nothing here decides.

use std::time::Duration;

use super::{Keeps, Needed, NoHelp, Nobody, ReasonCode};
use crate::measure::load::TooSlow;
use crate::measure::need::Need;
use crate::measure::settings::Signal;
use crate::scaler::member::Stage;
use crate::words::closed::closed;
use crate::words::picture::ReadFailure;

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
    /// Nothing for so long: more servers do not help.
    NotHelping(Duration),
    /// Nothing: no spare comes.
    Nobody(Nobody),
    /// Nothing at all until the log can be read.
    Blind,
    /// No spare goes while the log is late or not believed.
    HalfBlind,
    /// All is well, and so many servers serve the demand.
    Enough { need: Box<Need>, serving: u32 },
    /// All is well.
    Nothing,
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
            Self::Changing(_) => NextCode::Change,
            Self::Comes { .. } => NextCode::Enable,
            Self::Leaves { .. } => NextCode::Disable,
            Self::Settling(_)
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Cooldown(_)
            | Self::NotHelping(_)
            | Self::Nobody(_)
            | Self::Blind
            | Self::HalfBlind
            | Self::Enough { .. }
            | Self::Nothing => NextCode::Nothing,
        }
    }

    /// The server that it is done with.
    pub fn server(&self) -> Option<&str> {
        match self {
            Self::Changing(transitions) => transitions.first().map(|it| it.server.as_str()),
            Self::Comes { spare, .. } => Some(spare),
            Self::Leaves { server, .. } => Some(server),
            Self::Read { .. }
            | Self::Settling(_)
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Cooldown(_)
            | Self::NotHelping(_)
            | Self::Nobody(_)
            | Self::Blind
            | Self::HalfBlind
            | Self::Enough { .. }
            | Self::Nothing => None,
        }
    }

    /// Something keeps the backend from what it would do otherwise.
    pub fn is_blocked(&self) -> bool {
        match self {
            Self::Leaves { later, .. } => later.is_some(),
            Self::Read { failure, .. } => failure.is_some(),
            Self::Changing(_) | Self::Comes { .. } | Self::Enough { .. } | Self::Nothing => false,
            Self::Settling(_)
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Cooldown(_)
            | Self::NotHelping(_)
            | Self::Nobody(_)
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
            | Self::Paused(_)
            | Self::Stays(_)
            | Self::Kept(_)
            | Self::Comes { .. }
            | Self::Nobody(_)
            | Self::Blind
            | Self::HalfBlind
            | Self::Enough { .. }
            | Self::Nothing => None,
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
            Self::Cooldown(_) => ReasonCode::Cooldown,
            Self::NotHelping(_) => ReasonCode::NotHelping,
            Self::Nobody(why) => why.kind().into(),
            Self::Blind | Self::HalfBlind => ReasonCode::Blind,
            Self::Enough { .. } | Self::Nothing => ReasonCode::NothingToDo,
        }
    }
}
