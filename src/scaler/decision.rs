//! What the scaler tells people: each [`Decision`] with everything that led to it.
//!
//! One text serves the daemon's log, `replay` and `status`. Nothing here decides.

use std::fmt;

use super::event::Timestamp;

/// Something that was decided, done, or found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The backend that it is about.
    pub backend: String,
    /// The server, where there is one.
    pub server: Option<String>,
    /// What.
    pub change: Change,
    /// Why, with the numbers.
    pub reason: Reason,
}

impl fmt::Display for Decision {
    /// `enable web/web3: …`, one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.change, self.backend)?;
        if let Some(server) = &self.server {
            write!(formatter, "/{server}")?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

/// What was decided. The first seven are the words of `replay --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A complete window was above its threshold.
    Breach,
    /// A spare is being warmed up.
    WarmUp,
    /// A spare takes traffic.
    Enable,
    /// A spare could not be enabled; it is back in maint.
    EnableFailed,
    /// A spare gets no balanced traffic any more.
    Drain,
    /// A spare is back in maint.
    Disable,
    /// A server is wanted and there is none to bring in.
    NoSpare,
    /// An operator changed a server: it is left alone.
    Hold,
    /// HAProxy was reloaded or restarted: its states are learnt anew.
    Reload,
    /// Scaling down is frozen.
    Freeze,
    /// Scaling down is possible again.
    Thaw,
    /// HAProxy cannot be read.
    Unreachable,
    /// HAProxy can be read again.
    Reachable,
    /// Something that an operator should know.
    Note,
}

impl Change {
    /// The word of the contract (`change` of `replay --json`), or of the daemon's log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breach => "breach",
            Self::WarmUp => "warm_up",
            Self::Enable => "enable",
            Self::EnableFailed => "enable_failed",
            Self::Drain => "drain",
            Self::Disable => "disable",
            Self::NoSpare => "no_spare",
            Self::Hold => "hold",
            Self::Reload => "reload",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Unreachable => "unreachable",
            Self::Reachable => "reachable",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why something was decided, with the numbers that led to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Anything else, in words.
    Text(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
        }
    }
}
