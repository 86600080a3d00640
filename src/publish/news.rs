//! What the daemon tells beside the scaler's decisions, with the closed list of codes. Data alone; the
//! sentence is made in `text`.

use std::path::PathBuf;
use std::time::Duration;

use crate::log::source::SourceNews;
use crate::scaler::Remembered;
use crate::words::level::Level;

/// What the daemon itself notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It begins, or goes on by another configuration.
    Started {
        /// Of this program.
        version: &'static str,
        socket: String,
        /// The backends that are looked after.
        backends: Vec<String>,
        /// It decides, and writes nothing.
        is_observing: bool,
    },
    Stopping,
    /// HAProxy answered and said what it is.
    Connected {
        version: String,
        socket: String,
    },
    /// The admin socket allows no change.
    SocketLevel {
        /// Its level: `user`, `operator`.
        level: String,
    },
    /// HAProxy has no such backend.
    UnknownBackend {
        /// The backend of our configuration.
        backend: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// Others can change what the daemon relies on.
    Untrusted(Untrusted),
    /// Whether another daemon runs cannot be found out.
    LockUnknown {
        error: String,
    },
    /// `status` and orders cannot reach the daemon.
    ControlSocket {
        path: PathBuf,
        error: String,
    },
    /// The service manager cannot be told something.
    ServiceManager {
        /// Its address, or what it should have been told.
        what: String,
        error: String,
    },
    /// How the log can be read.
    Log {
        source: String,
        /// What is new about it.
        news: LogNews,
    },
    /// What an earlier daemon kept cannot be used; what was found.
    StateLost(String),
    /// The state cannot be kept on disk; what was tried.
    StateNotKept(String),
    /// The state is kept on disk again.
    StateKept,
    /// An order that an earlier daemon was given still stands.
    Remembered {
        order: Box<Remembered>,
        /// It forbids every change.
        is_pause: bool,
    },
    /// A new configuration is used.
    ConfigApplied,
    /// The configuration was read again, and is what it was.
    ConfigUnchanged,
    /// A new configuration is not used; why, and what to do.
    ConfigNotApplied(String),
    /// Users suffer, nothing can help, and that lasts.
    ProblemLasts {
        backend: Option<String>,
        lasted: Duration,
        text: String,
    },
    /// … and is over.
    ProblemOver {
        backend: Option<String>,
        /// The problem in one word.
        code: &'static str,
        /// How long it had lasted.
        lasted: Duration,
    },
}

/// What is new about the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogNews {
    Read,
    /// It is not there; what was tried, and what is done.
    Missing(String),
    /// It cannot be read; what was tried, and what is done.
    Unreadable(String),
    /// Standard input has ended.
    Ended,
    /// It was away for a moment, as it is when it is rotated.
    Rotated,
    /// So many bytes were unread at once: the oldest of them were passed over.
    Skipped(u64),
    /// Lines were sent and never arrived.
    Lost {
        lines: u64,
        advice: &'static str,
    },
    /// Hardly a line can be read; why, and what to do.
    Rejected(String),
    /// The source itself noticed something.
    Source(SourceNews),
}

/// What others can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// Everybody may write to the admin socket.
    Socket { path: PathBuf },
    /// Everybody may replace something.
    Directory {
        /// Where everybody may write.
        directory: PathBuf,
        /// What stands there: `the admin socket`, `the log`.
        what: &'static str,
        path: PathBuf,
    },
}

impl News {
    /// What the log's source noticed.
    pub const fn of_source(source: String, news: SourceNews) -> Self {
        let news = LogNews::Source(news);
        Self::Log { source, news }
    }

    /// How much it matters.
    pub const fn level(&self) -> Level {
        match self {
            Self::Started { .. }
            | Self::Stopping
            | Self::Connected { .. }
            | Self::StateKept
            | Self::Remembered {
                is_pause: false, ..
            }
            | Self::ConfigApplied
            | Self::ConfigUnchanged
            | Self::ProblemOver { .. } => Level::Info,
            Self::SocketLevel { .. }
            | Self::UnknownBackend { .. }
            | Self::Untrusted(_)
            | Self::LockUnknown { .. }
            | Self::ControlSocket { .. }
            | Self::ServiceManager { .. }
            | Self::StateLost(_)
            | Self::StateNotKept(_)
            | Self::Remembered { is_pause: true, .. }
            | Self::ConfigNotApplied(_)
            | Self::ProblemLasts { .. } => Level::Warning,
            Self::Log { news, .. } => news.level(),
        }
    }

    /// In one word of a closed list.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopping => "stopping",
            Self::Connected { .. } => "connected",
            Self::SocketLevel { .. } => "socket_level",
            Self::UnknownBackend { .. } => "unknown_backend",
            Self::Untrusted(_) => "untrusted",
            Self::LockUnknown { .. } => "lock_unknown",
            Self::ControlSocket { .. } => "control_socket",
            Self::ServiceManager { .. } => "service_manager",
            Self::Log { news, .. } => news.code(),
            Self::StateLost(_) => "state_lost",
            Self::StateNotKept(_) => "state_not_kept",
            Self::StateKept => "state_kept",
            Self::Remembered { .. } => "remembered",
            Self::ConfigApplied => "config_applied",
            Self::ConfigUnchanged => "config_unchanged",
            Self::ConfigNotApplied(_) => "config_not_applied",
            Self::ProblemLasts { .. } => "problem_lasts",
            Self::ProblemOver { .. } => "problem_over",
        }
    }
}

impl LogNews {
    pub fn text(self, source: &str) -> String {
        let source = source.to_owned();
        News::Log { source, news: self }.to_string()
    }

    const fn level(&self) -> Level {
        match self {
            Self::Read | Self::Ended | Self::Rotated => Level::Info,
            Self::Missing(_)
            | Self::Unreadable(_)
            | Self::Skipped(_)
            | Self::Lost { .. }
            | Self::Rejected(_) => Level::Warning,
            Self::Source(news) => news.level(),
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Read => "log_read",
            Self::Missing(_) => "log_missing",
            Self::Unreadable(_) => "log_unreadable",
            Self::Ended => "log_ended",
            Self::Rotated => "log_rotated",
            Self::Skipped(_) => "lines_skipped",
            Self::Lost { .. } => "lines_lost",
            Self::Rejected(_) => "lines_rejected",
            Self::Source(news) => news.code(),
        }
    }
}

/// All codes that a record can have, besides those of `Change`.
pub const NEWS_CODES: [&str; 38] = [
    "started",
    "stopping",
    "connected",
    "socket_level",
    "unknown_backend",
    "untrusted",
    "lock_unknown",
    "control_socket",
    "service_manager",
    "log_read",
    "log_missing",
    "log_unreadable",
    "log_ended",
    "log_rotated",
    "lines_skipped",
    "lines_lost",
    "lines_rejected",
    "log_resumed",
    "log_from_end",
    "log_end_not_kept",
    "log_no_reader",
    "log_read_failed",
    "log_socket_removed",
    "log_accept_failed",
    "log_sender_refused",
    "log_sender_closed",
    "log_program",
    "log_unwatched",
    "log_news_missed",
    "state_lost",
    "state_not_kept",
    "state_kept",
    "remembered",
    "config_applied",
    "config_unchanged",
    "config_not_applied",
    "problem_lasts",
    "problem_over",
];
