//! What `status` shows: the daemon's report as JSON (the contract's names) and as text for people.

mod text;
mod wire;

use std::path::Path;
use std::time::{Duration, SystemTime};

use self::wire::Status;
use crate::config::Mode;
use crate::control;
use crate::scaler::BackendView;

/// What the daemon knows when it is asked.
#[derive(Clone, Debug)]
pub struct Report {
    pub mode: Mode,
    /// HAProxy's version, once it has answered.
    pub version: Option<String>,
    /// The log source in words.
    pub source: String,
    /// Lines read, rejected ones included.
    pub lines: u64,
    pub rejected: u64,
    /// Lines that are known to have been lost on their way to us, half ones included.
    pub lost: u64,
    /// Connections and datagrams that were turned away.
    pub refused: u64,
    /// Whether there is a log at all.
    pub log: LogCondition,
    /// How late the log is read.
    pub lag: Duration,
    /// What keeps it from working, of the daemon and of all backends.
    pub problems: Vec<Told>,
    pub backends: Vec<BackendView>,
}

/// Whether there is a log to be late with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogCondition {
    Read,
    /// It is not there.
    Missing,
    /// It is there, and cannot be read.
    Unreadable,
    /// Standard input has ended.
    Ended,
    /// HAProxy counts answers, and no line comes.
    Silent,
}

impl LogCondition {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Ended => "ended",
            Self::Silent => "silent",
        }
    }
}

/// What keeps the daemon itself from working, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DaemonProblem {
    /// The log is not there.
    LogMissing,
    /// It is there, and cannot be read.
    LogUnreadable,
    /// Lines were lost on their way.
    LinesLost,
    /// HAProxy's socket allows no change.
    SocketLevel,
    /// Hardly a line is understood.
    LinesRejected,
    /// Somebody else could change what it relies on.
    Untrusted,
    /// The state cannot be kept on disk.
    StateNotKept,
    /// A new configuration does not hold.
    ConfigNotApplied,
}

impl DaemonProblem {
    pub const ALL: [Self; 8] = [
        Self::LogMissing,
        Self::LogUnreadable,
        Self::LinesLost,
        Self::SocketLevel,
        Self::LinesRejected,
        Self::Untrusted,
        Self::StateNotKept,
        Self::ConfigNotApplied,
    ];

    /// The word of `status --json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LogMissing => "log_missing",
            Self::LogUnreadable => "log_unreadable",
            Self::LinesLost => "lines_lost",
            Self::SocketLevel => "socket_level",
            Self::LinesRejected => "lines_rejected",
            Self::Untrusted => "untrusted",
            Self::StateNotKept => "state_not_kept",
            Self::ConfigNotApplied => "config_not_applied",
        }
    }
}

/// Something that keeps it from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The backend that it is about; `None`: all of it.
    pub backend: Option<String>,
    /// In one word of a closed list.
    pub code: &'static str,
    pub text: String,
    /// Since when, by the wall clock.
    pub since: SystemTime,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nobody answers on the control socket.
    #[error(
        "no daemon answers on {path}: {error}; start one with `haproxy-autoscale run`, or check \
         that the configuration names the same [control] socket"
    )]
    NotRunning { path: String, error: std::io::Error },
    /// Only its owner and group may ask.
    #[error(
        "you may not talk to the daemon on {path}: use sudo, or join group haproxy-autoscale \
         (`usermod -aG haproxy-autoscale NAME`, then log in again)"
    )]
    Forbidden { path: String },
    /// Something answered that is not our daemon.
    #[error("what answers on {path} is not this program's daemon: {error}")]
    NotOurs {
        path: String,
        /// What is wrong with the answer.
        error: serde_json::Error,
    },
}

impl StatusError {
    /// What that failure to ask on `path` means.
    pub fn unanswered(path: &Path, error: std::io::Error) -> Self {
        let path = path.display().to_string();
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            Self::Forbidden { path }
        } else {
            Self::NotRunning { path, error }
        }
    }
}

/// What `status` has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// JSON with the contract's names, or text for people.
    pub text: String,
    /// Nothing keeps it from working.
    pub is_well: bool,
}

/// The running daemon's status: JSON with the contract's names, or text for people.
///
/// # Errors
/// No daemon runs there, or the caller may not ask it.
pub fn status(control_socket: &Path, as_json: bool) -> Result<Shown, StatusError> {
    let answer = control::ask_status(control_socket)
        .map_err(|error| StatusError::unanswered(control_socket, error))?;
    let read = || {
        let status: Status = serde_json::from_str(&answer)?;
        let is_well = status.count_problems() == 0;
        let text = if as_json {
            serde_json::to_string(&status.promised())? + "\n"
        } else {
            text::text(&status)
        };
        Ok(Shown { text, is_well })
    };
    let path = control_socket.display().to_string();
    read().map_err(|error| StatusError::NotOurs { path, error })
}
