//! The whole boundary of the scaler: what goes in ([`Event`]) and what comes out ([`Action`]).
//!
//! Plain data with a doc comment each; behaviour does not belong here.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::decision::Decision;
use super::hand::Order;
use super::memory::Memory;
use super::settings::BackendSettings;

pub use super::picture::{
    BackendRead, Balance, CheckRead, Crowded, Generation, ServerCounters, ServerRead,
};

/// An instant in whole milliseconds since an arbitrary start.
///
/// Live it is monotonic time since the daemon's start; in `replay` it is the log's own local time
/// since 1970. The scaler compares and subtracts, and never asks for the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `ms` milliseconds after the start.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds after the start.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// This instant moved forward; stays at the end of time instead of wrapping. Parts of a
    /// millisecond are rounded up, so that a deadline is never early.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let ms = span.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(ms).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A server by HAProxy's own notation, `web/web3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    /// The backend, `web`.
    pub backend: String,
    /// The server in it, `web3`.
    pub server: String,
}

impl ServerName {
    /// `backend`/`server`.
    pub fn new(backend: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            backend: backend.into(),
            server: server.into(),
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.backend, self.server)
    }
}

/// Tells an outcome which action it belongs to. Never used twice by one scaler, so that a late
/// outcome of an action that was given up cannot be taken for that of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionId(pub u64);

/// Everything that can happen to the scaler.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Time passed. Changes nothing that would not have happened anyway at its own instant.
    Tick,
    /// HAProxy finished a request and logged it.
    Request(Request<'a>),
    /// What became of the log since the last such event.
    Log(LogState),
    /// A line says that a server of this backend went up or down. Anybody may have written it, so
    /// nothing of it is believed: the next look at HAProxy comes at once, at most one a second.
    Hint {
        /// The backend that the line names, which may not exist.
        backend: &'a str,
    },
    /// The outcome of [`Action::Read`]: what HAProxy says, or why it could not be read.
    ServersRead {
        /// The action that this answers.
        id: ActionId,
        /// The backend that was asked for.
        backend: &'a str,
        /// HAProxy's answer.
        outcome: Result<BackendRead, ReadFailure>,
    },
    /// The outcome of [`Action::WarmUp`].
    WarmUpEnded {
        /// The action that this answers.
        id: ActionId,
        /// The server that was warmed up.
        server: ServerName,
        /// Proof of its health, or why there is none.
        outcome: Result<WarmUpEvidence, WarmUpFailure>,
    },
    /// The outcome of [`Action::SetState`].
    StateSet {
        /// The action that this answers.
        id: ActionId,
        /// The server whose state was to be set.
        server: ServerName,
        /// Accepted, or why not. An accepted write is still read back.
        outcome: Result<(), WriteFailure>,
    },
    /// The outcome of [`Action::SetMaxconn`].
    MaxconnSet {
        /// The action that this answers.
        id: ActionId,
        /// The server whose limit was to be set.
        server: ServerName,
        /// Accepted, or why not. What it did shows in the server's requests.
        outcome: Result<(), WriteFailure>,
    },
    /// An operator's order; one [`super::decision::Change::Operator`] for each backend that it is
    /// about answers it.
    Operator(&'a Order),
    /// What an earlier daemon knew; comes before anything else.
    Remembered(&'a Memory),
    /// A new configuration: backends that go are left as they are once nothing is half-way,
    /// backends that come begin fresh, the others keep what they know.
    Settings {
        /// All backends of the new configuration.
        backends: &'a [BackendSettings],
        /// Another HAProxy, or observing instead of acting: what is known of servers is void.
        is_elsewhere: bool,
    },
    /// The daemon or the machine stood still for that long.
    Gap {
        /// Longer than the pictures and lines that one decides on may be apart.
        lasted: Duration,
    },
    /// The daemon is about to end: what is between two stages goes back to maint.
    Stop,
}

/// Everything that the scaler may ask for. Each but [`Action::Report`] is answered by exactly one
/// event with the same id, or is given up when its time is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read HAProxy's servers and counters of one backend, on a fresh connection.
    Read {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The backend to ask for.
        backend: String,
    },
    /// Send requests straight to a server until enough in a row pass. Never enables it.
    WarmUp {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The server, for its per-server settings and for messages.
        server: ServerName,
        /// Where HAProxy would connect to; `None` when HAProxy gave no usable address.
        address: Option<SocketAddr>,
        /// HAProxy speaks TLS to this server (`srv_use_ssl`).
        is_tls: bool,
        /// Give up after this long in total.
        deadline: Duration,
        /// Give up when no attempt got a connection for this long. Shorter than `deadline` when
        /// another spare is waiting to be tried.
        refusals_for: Duration,
    },
    /// Set a server's admin state, on a fresh connection.
    SetState {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The server.
        server: ServerName,
        /// The state wanted.
        state: AdminState,
    },
    /// Set a server's `maxconn`, on a fresh connection: the kick that makes it take from the
    /// backend's queue, or its end.
    SetMaxconn {
        /// To be repeated in the outcome.
        id: ActionId,
        /// The server.
        server: ServerName,
        /// The limit, connections; 0 for none.
        maxconn: u32,
        /// Before that, the server is to take all that waits in the backend's queue: without a limit
        /// it would get nothing of it any more.
        takes_queue: bool,
    },
    /// Something for people: the daemon's log, `replay`, `status`. Needs no answer.
    Report(Decision),
}

/// HAProxy's three admin states that a `set server B/S state` command can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminState {
    /// Takes balanced traffic.
    Ready,
    /// Is checked, keeps its sessions and persistence, gets no balanced traffic.
    Drain,
    /// Is not checked and gets nothing new.
    Maint,
}

impl AdminState {
    /// The word of the Runtime API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

impl fmt::Display for AdminState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One finished request as HAProxy logged it, in the words of its httplog format
/// (`configuration.txt` §8.2.3). Timers are milliseconds, `None` where HAProxy wrote `-1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// `%b`: the backend, or the frontend when none was chosen.
    pub backend: &'a str,
    /// `%s`: the server; a name in `<>` is not a server.
    pub server: &'a str,
    /// `%TR`: until the whole request had arrived.
    pub request_ms: Option<u32>,
    /// `%Tw`: in the queues.
    pub queue_ms: Option<u32>,
    /// `%Tc`: until the server had accepted the connection.
    pub connect_ms: Option<u32>,
    /// `%Tr`: until the server's response headers.
    pub response_ms: Option<u32>,
    /// `%Ta`: from the request's first byte to the end of the response; includes `%TR`.
    pub total_ms: Option<u32>,
    /// `%ST`: the status sent to the client; `None` where HAProxy wrote `-1` or `0`.
    pub status: Option<u16>,
    /// What stands right of the cookies; `None` where a captured cookie makes it untrusted.
    pub tail: Option<Tail>,
}

/// The fields right of the cookies. They are read only when both cookies are literally `-`, which
/// no client can forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// `%tsc`: the four termination flags.
    pub termination: [u8; 4],
    /// `%sc`: connections on the server.
    pub server_connections: u32,
    /// `%rc`: retries, without the `+` of a redispatch.
    pub retries: u32,
    /// `%sq`: requests ahead in the server's queue.
    pub server_queue: u32,
    /// `%bq`: requests ahead in the backend's queue.
    pub backend_queue: u32,
}

/// How well the log is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogState {
    /// Lines are read as they are written.
    Flowing,
    /// There is no log to read: missing, unreadable, not yet there.
    Absent,
    /// Lines are read later than they are written.
    Lagging,
    /// Lines were lost on their way to us a moment ago: what is measured is a sample.
    Incomplete,
}

/// Why a read of HAProxy gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// No HAProxy could be asked: no socket, refused, no answer in time, half an answer. The text
    /// says what was tried and what came back.
    Unreachable(String),
    /// HAProxy answered that it has no such backend.
    UnknownBackend,
    /// An old process that is about to end answered (`Stopping: 1`, `Proxy is disabled.`): its
    /// word counts for nothing, ask again.
    Stopping,
}

/// Why a write was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFailure {
    /// HAProxy refused; its own words.
    Refused(String),
    /// The command's fate is unknown: HAProxy could not be reached or did not answer in time.
    Unknown(String),
    /// An old process that is about to end answered (`Proxy is disabled.`).
    Stopping,
}

/// Proof that a server was warm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WarmUpEvidence {
    /// Successes in a row; 0 when only a TCP connection was asked for.
    pub passed: u32,
    /// Requests or connections that failed before.
    pub failed: u32,
    /// The first attempt that was answered, milliseconds.
    pub first_ms: u32,
    /// The last one, milliseconds.
    pub last_ms: u32,
    /// All of it, milliseconds.
    pub took_ms: u32,
    /// Nobody tried: `replay` and observe mode assume that it passes.
    pub is_assumed: bool,
}

/// Why a warm-up gave up, by the last thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarmUpFailure {
    /// HAProxy gave no address to send a request to.
    NoAddress,
    /// Nothing listens there.
    Refused {
        /// How often it was tried.
        attempts: u32,
    },
    /// No answer within the time of one request.
    TimedOut {
        /// How often it was tried.
        attempts: u32,
    },
    /// It answered with a status that is not expected.
    Status {
        /// The status that came.
        status: u16,
        /// `expect_status`.
        expected: String,
    },
    /// Something else: a reset, not HTTP, TLS. The text says what.
    Broken(String),
    /// The scaler gave it up: no outcome came in time.
    NoOutcome,
}

impl fmt::Display for WarmUpFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => formatter.write_str(
                "HAProxy reports no address to send a request to; set warm_up_url for this server",
            ),
            Self::Refused { attempts } => {
                write!(formatter, "connection refused ({attempts} attempts)")
            }
            Self::TimedOut { attempts } => {
                write!(formatter, "no answer in time ({attempts} attempts)")
            }
            Self::Status { status, expected } => {
                write!(formatter, "answered {status}, expected {expected}")
            }
            Self::Broken(text) => formatter.write_str(text),
            Self::NoOutcome => formatter.write_str("no outcome within the deadline"),
        }
    }
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(text) => formatter.write_str(text),
            Self::UnknownBackend => formatter.write_str("HAProxy has no such backend"),
            Self::Stopping => formatter.write_str("an old HAProxy process that is ending answered"),
        }
    }
}

impl fmt::Display for WriteFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) => write!(formatter, "HAProxy refused: {text}"),
            Self::Unknown(text) => formatter.write_str(text),
            Self::Stopping => formatter.write_str("an old HAProxy process that is ending answered"),
        }
    }
}
