//! What the daemon tells beside the scaler's decisions, with the closed list of codes. Data alone; the
//! sentence is made in `text`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::log::source::SourceNews;
use crate::measure::account::Usage;
use crate::scaler::Remembered;
use crate::words::closed::told;
use crate::words::names::ServerName;

/// What the daemon itself notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It begins.
    Started {
        /// Of this program.
        version: &'static str,
        looks_after: LooksAfter,
    },
    /// The daemon before this one said nothing of its end.
    UncleanEnd {
        /// Its last event.
        last_id: u64,
        at: SystemTime,
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
    /// Events cannot be kept on disk; what was tried.
    EventsNotKept(String),
    /// Events are kept on disk again.
    EventsKept,
    /// Events are kept in another file from the next one on; `None`: in none.
    EventsMoved(Option<PathBuf>),
    /// Numbers of events were given, and the events are nowhere.
    EventsLost {
        events: u64,
        /// Nobody knows how many; no more than so many.
        is_at_most: bool,
    },
    /// An order that an earlier daemon was given still stands, and forbids every change.
    Paused(Box<Remembered>),
    /// … and is another one.
    Remembered(Box<Remembered>),
    /// A new configuration is used; by the backends of these servers as soon as their changes have been taken
    /// back.
    ConfigApplied(LooksAfter, Vec<ServerName>),
    /// The configuration was read again, and is what it was.
    ConfigUnchanged,
    /// A new configuration is not used; why, and what to do.
    ConfigNotApplied(String),
    /// HTTP is served there.
    HttpListening(String),
    /// HTTP is not served where it should be; why, and what is done.
    HttpNotListening(String),
    /// The file with the tokens for HTTP cannot be used; why, and what to do.
    HttpToken(String),
    /// Of alerts, probes and the heartbeat.
    Alerts(AlertNews),
    /// A program that starts and stops machines complains, or has something to say.
    MachineSaid {
        /// `None`: it was asked for its list.
        server: Option<ServerName>,
        verb: &'static str,
        text: String,
    },
    /// A machine runs that is listed as ours and belongs to no server.
    MachineStray {
        machine: String,
        /// Who listed it.
        command: String,
    },
    /// A backend does something else than before, or nothing for another reason.
    Reason {
        backend: String,
        /// Of [`ReasonCode`](crate::scaler::seen::ReasonCode).
        reason: &'static str,
        text: String,
    },
    /// What became of a backend's requests for a while, and what that took.
    Usage {
        backend: String,
        usage: Usage,
        /// Observing: it is what would have been.
        is_pretended: bool,
    },
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

/// What a daemon does by its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooksAfter {
    pub socket: String,
    pub backends: Vec<String>,
    /// It decides, and writes nothing.
    pub is_observing: bool,
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

/// What is new about those who are told, and about what is watched for them alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertNews {
    /// Alerts do not reach a channel; what was tried, and what came back.
    NotSent { channel: String, text: String },
    /// … and reach it again.
    Sent { channel: String },
    /// Alerts were given up, or came too fast.
    Lost { channel: String, alerts: u64 },
    /// No alerts are sent while everything is paused, in these words.
    Muted(String),
    /// That is over.
    Unmuted,
    /// The heartbeat is not taken; what was tried, and what came back.
    HeartbeatNotSent(String),
    /// … and is taken again.
    HeartbeatSent,
    /// A URL that is watched does not answer as it should.
    ProbeDown {
        /// Of it no more than may be shown.
        site: String,
        text: String,
    },
    /// … and does so again.
    ProbeUp { site: String, lasted: Duration },
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

impl Untrusted {
    /// What strangers could change: the socket or the log.
    pub fn path(&self) -> &Path {
        match self {
            Self::Socket { path } | Self::Directory { path, .. } => path,
        }
    }
}

impl News {
    /// What the log's source noticed.
    pub const fn of_source(source: String, news: SourceNews) -> Self {
        let news = LogNews::Source(news);
        Self::Log { source, news }
    }
}

told! {
    News {
        Started: Info "started",
        UncleanEnd: Warning "unclean_end",
        Stopping: Info "stopping",
        Connected: Info "connected",
        SocketLevel: Warning "socket_level",
        UnknownBackend: Warning "unknown_backend",
        Untrusted: Warning "untrusted",
        LockUnknown: Warning "lock_unknown",
        ControlSocket: Warning "control_socket",
        ServiceManager: Warning "service_manager",
        StateLost: Warning "state_lost",
        StateNotKept: Warning "state_not_kept",
        StateKept: Info "state_kept",
        EventsNotKept: Warning "events_not_kept",
        EventsKept: Info "events_kept",
        EventsMoved: Info "events_moved",
        EventsLost: Warning "events_lost",
        Paused: Warning "remembered",
        Remembered: Info "remembered",
        ConfigApplied: Info "config_applied",
        ConfigUnchanged: Info "config_unchanged",
        ConfigNotApplied: Warning "config_not_applied",
        HttpListening: Info "http_listening",
        HttpNotListening: Warning "http_not_listening",
        HttpToken: Warning "http_token",
        MachineSaid: Info "machine_said",
        MachineStray: Warning "machine_stray",
        Reason: Info "reason",
        Usage: Info "usage",
        ProblemLasts: Warning "problem_lasts",
        ProblemOver: Info "problem_over",
        @ Self::Log { news, .. } => news,
        @ Self::Alerts(news) => news,
    }
}

impl LogNews {
    pub fn text(self, source: &str) -> String {
        let source = source.to_owned();
        News::Log { source, news: self }.to_string()
    }
}

told! {
    LogNews {
        Read: Info "log_read",
        Missing: Warning "log_missing",
        Unreadable: Warning "log_unreadable",
        Ended: Info "log_ended",
        Rotated: Info "log_rotated",
        Skipped: Warning "lines_skipped",
        Lost: Warning "lines_lost",
        Rejected: Warning "lines_rejected",
        @ Self::Source(news) => news,
    }
}

told! {
    AlertNews {
        NotSent: Warning "alert_not_sent",
        Sent: Info "alert_sent",
        Lost: Warning "alerts_lost",
        Muted: Info "alerts_muted",
        Unmuted: Info "alerts_unmuted",
        HeartbeatNotSent: Warning "heartbeat_not_sent",
        HeartbeatSent: Info "heartbeat_sent",
        ProbeDown: Warning "probe_down",
        ProbeUp: Info "probe_up",
    }
}

impl From<AlertNews> for News {
    fn from(news: AlertNews) -> Self {
        Self::Alerts(news)
    }
}
