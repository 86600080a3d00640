//! What `status` shows: the daemon's report, which `wire` makes JSON of (the contract's names). The
//! command's half, which asks a running daemon, lives in `ask`.

mod ask;
mod explained;
mod text;
mod wire;

use std::time::{Duration, SystemTime};

use crate::config::Mode;
use crate::scaler::BackendView;
use crate::words::closed::closed;

pub use self::ask::{Shown, StatusError, look, status};
pub use self::explained::{Explained, blocked_by, explain};
pub use self::wire::{
    BackendStatus, MachineStatus, MeasureStatus, ServerStatus, StandingStatus, Status, seconds,
};

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

impl Report {
    /// Why it cannot do what it is there for: what `/healthz` answers, and what keeps the heartbeat from
    /// beating. `socket` is HAProxy's.
    pub fn ailments(&self, socket: &str) -> Vec<String> {
        let mut reasons = Vec::new();
        if !self.backends.iter().any(BackendView::is_answered) {
            reasons.push(format!("HAProxy cannot be reached on {socket}"));
        }
        // A file that is away for a moment, while it is rotated, is no problem.
        let is_lost = |code: &str| {
            [DaemonProblem::LogMissing, DaemonProblem::LogUnreadable]
                .iter()
                .any(|it| it.as_str() == code)
        };
        let lost = self.problems.iter().filter(|it| is_lost(it.code));
        reasons.extend(lost.map(|it| it.text.clone()));
        match self.log {
            LogCondition::Silent => reasons.push(format!(
                "HAProxy counts answers, and no line comes from {}",
                self.source
            )),
            LogCondition::Ended => reasons.push("standard input has ended".to_owned()),
            LogCondition::Read | LogCondition::Missing | LogCondition::Unreadable => {}
        }
        reasons
    }
}

closed! {
    /// Whether there is a log to be late with.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum LogCondition {
        Read = "read",
        /// It is not there.
        Missing = "missing",
        /// It is there, and cannot be read.
        Unreadable = "unreadable",
        /// Standard input has ended.
        Ended = "ended",
        /// HAProxy counts answers, and no line comes.
        Silent = "silent",
    }
}

closed! {
    /// What keeps the daemon itself from working, in one word.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum DaemonProblem {
        /// The log is not there.
        LogMissing = "log_missing",
        /// It is there, and cannot be read.
        LogUnreadable = "log_unreadable",
        /// Lines were lost on their way.
        LinesLost = "lines_lost",
        /// HAProxy's socket allows no change.
        SocketLevel = "socket_level",
        /// Hardly a line is understood.
        LinesRejected = "lines_rejected",
        /// Somebody else could change what it relies on.
        Untrusted = "untrusted",
        /// The state cannot be kept on disk.
        StateNotKept = "state_not_kept",
        /// Events cannot be kept on disk.
        EventsNotKept = "events_not_kept",
        /// A new configuration does not hold.
        ConfigNotApplied = "config_not_applied",
        /// HTTP is not served where it should be.
        HttpNotListening = "http_not_listening",
        /// The file with the tokens for HTTP cannot be used.
        HttpToken = "http_token",
        /// Alerts do not reach a channel.
        AlertNotSent = "alert_not_sent",
        /// The heartbeat is not taken.
        HeartbeatNotSent = "heartbeat_not_sent",
    }
}

/// Something that keeps it from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The backend that it is about; `None`: all of it.
    pub backend: Option<String>,
    /// The server, or the channel of alerts, that it is about.
    pub about: Option<String>,
    /// In one word of a closed list.
    pub code: &'static str,
    pub text: String,
    /// Since when, by the wall clock.
    pub since: SystemTime,
}
