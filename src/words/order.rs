//! What an operator may ask of a running daemon, and what is answered. Reading an order lives in
//! `control`, what it does in `scaler`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::by::By;
use super::closed::closed;
use super::names::ServerName;

/// One order of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub verb: Verb,
    pub place: Place,
    /// For how long it stands; `None`: until it is taken back, or for `hold` with
    /// [`Verb::Enable`] and [`Verb::Disable`].
    pub lasts: Option<Duration>,
    /// It is obeyed although nobody can stand in ([`Verb::Evacuate`]).
    pub is_forced: bool,
    /// Who gave it, when the kernel told, and why.
    pub by: Option<By>,
    /// Why HAProxy would take no command now. The daemon knows, not who gave the order.
    pub barred: Option<String>,
}

closed! {
    /// What an operator can ask for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Verb {
        /// No writes to HAProxy: for one server, one backend, or all of them. What would be done is
        /// still decided and said. A change under way is first taken to where it may stay.
        Pause = "pause",
        /// Ends pauses, holds, and what `enable` and `disable` left behind. Pins stay.
        Resume = "resume",
        /// That server stays as it is: we neither bring it in nor send it away.
        Pin = "pin",
        /// Ends a pin.
        Unpin = "unpin",
        /// Brings that spare in now, by the full warm path, and keeps it in.
        Enable = "enable",
        /// Drains that spare, puts it into maint, and keeps it out.
        Disable = "disable",
        /// Brings another server in, then drains that one and keeps it out: its machine will be gone.
        Evacuate = "evacuate",
        /// Disables every spare that is in, as far as that may be.
        Release = "release",
    }
}

impl Verb {
    /// What an operator has done with it, before `by uid 0`.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Enable | Self::Disable | Self::Evacuate | Self::Release => "asked for",
            Self::Pause => "paused",
            Self::Pin => "pinned",
            Self::Resume | Self::Unpin => "resumed",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What an order is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Every backend, also those that a later configuration adds.
    Everything,
    Backend(String),
    Server(ServerName),
}

/// What became of an order; the daemon hands it back to who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub verdict: Verdict,
    /// In a sentence: what will happen, or why not.
    pub text: String,
}

/// What became of an order, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It stands, or stood already.
    #[default]
    Accepted,
    /// It would break a promise, or makes no sense now.
    Refused,
    /// No such backend or server.
    Unknown,
}
