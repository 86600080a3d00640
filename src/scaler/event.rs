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

/// One HAProxy process's lifetime: (`Pid`, `Start_time_sec`) of `show info`. A reload or restart
/// gives another one, and with it every runtime state back to haproxy.cfg's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    /// `Pid`.
    pub pid: u32,
    /// `Start_time_sec`, seconds since 1970.
    pub start_time_s: u64,
}

/// What HAProxy says about one backend: `show info`, `show servers state` and `show stat` in one
/// transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendRead {
    /// Whose answer this is.
    pub generation: Generation,
    /// `DroppedLogs`: lines that HAProxy could give to none of its log targets, because the other
    /// side did not take them. Of the whole process.
    pub dropped_logs: u64,
    /// `CumReq`: requests of the whole process; 0 where it is not said.
    pub requests: u64,
    /// Sum of `hrsp_*` of the BACKEND row: responses sent to clients, whoever made them. The only
    /// counter that neither counts retries nor misses persistence, timeouts and refusals.
    pub responses: u64,
    /// `scur` of the BACKEND row: sessions open now.
    pub sessions: u32,
    /// `qcur` of the BACKEND row: requests waiting now.
    pub queued: u32,
    /// `stot` of the BACKEND row: requests that have arrived, each counted once.
    pub arrived: u64,
    /// `algo` of the BACKEND row.
    pub balance: Balance,
    /// `cookie` of the BACKEND row: clients come back to the server that they had.
    pub has_cookie: bool,
    /// Where users wait before HAProxy lets them in.
    pub crowded: Vec<Crowded>,
    /// Its servers, in the order of haproxy.cfg.
    pub servers: Vec<ServerRead>,
}

/// How HAProxy chooses a server, as far as it matters to a newcomer (`balance` in
/// `configuration.txt`; measured on 2.6, 3.0 and 3.2 what each does with one).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Not told, or an algorithm that is not known here.
    #[default]
    Unknown,
    /// `roundrobin`, `static-rr`: each in turn; new requests queue behind those that wait.
    InTurn,
    /// `leastconn`, `random`: a newcomer gets its share at once.
    ByLoad,
    /// `first`: the first server that is not full.
    First,
    /// `source`, `uri`, `url_param`, `hdr`, `rdp-cookie`, `hash`: by what the request says.
    ByHash,
}

/// A limit of HAProxy's that is reached: whoever comes next waits in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// FRONTEND `scur` is at `slim` (`maxconn` of the frontend).
    Frontend {
        /// Its name.
        name: String,
        /// The limit, connections.
        limit: u32,
    },
    /// `CurrConns` is at `Maxconn` of `show info` (`maxconn` in `global`).
    Process {
        /// The limit, connections.
        limit: u32,
    },
}

/// What HAProxy says about one server.
#[allow(clippy::struct_excessive_bools)] // Independent facts about one server, each with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRead {
    /// The name in haproxy.cfg.
    pub name: String,
    /// Where HAProxy connects to; `None` for a Unix socket, an unresolved name or no port.
    pub address: Option<SocketAddr>,
    /// `srv_use_ssl`: HAProxy speaks TLS to it.
    pub is_tls: bool,
    /// `srv_admin_state`, a bit mask (see [`ServerRead::is_maint`]).
    pub admin: u32,
    /// `srv_op_state`: 0 stopped, 1 starting (slowstart), 2 running, 3 stopping.
    pub operational: u32,
    /// Its health checks; `None` without `check`.
    pub check: Option<CheckRead>,
    /// `scur`: sessions open on it now.
    pub sessions: u32,
    /// `qcur`: requests waiting for it now.
    pub queued: u32,
    /// Another server follows this one's state (`track`).
    pub is_tracked: bool,
    /// It follows another server's state (`track`): it has no check of its own and cannot have one.
    pub tracks_another: bool,
    /// `weight` of its row: what it gets balanced traffic by. 0 by hand, in haproxy.cfg, or because
    /// an agent said so (a share below 100 % of weight 1 is rounded to 0); HAProxy calls it UP all
    /// the same.
    pub weight: u32,
    /// `bck` of its row: marked `backup`.
    pub is_backup: bool,
    /// It gets nothing, whatever its own row says: a backup beside an active server or behind
    /// another backup, or its backend is DOWN.
    pub is_passed_over: bool,
    /// `throttle` of its row: the share of its weight that `slowstart` allows, percent.
    pub throttle: Option<u32>,
    /// `slim` of its row: its `maxconn`; `None` without one.
    pub maxconn: Option<u32>,
    /// Its agent, and no operator, made it what it is (HAProxy writes `(agent)` behind the status).
    pub is_by_agent: bool,
    /// It has an agent, which may change its weight and state at any time.
    pub has_agent: bool,
    /// What it has done; `None` where nobody counts (observing, `replay`).
    pub counters: Option<ServerCounters>,
}

/// What one server has done since HAProxy started or its counters were cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCounters {
    /// `stot`: requests given to it, each try counted.
    pub taken: u64,
    /// Tries that have ended: `hrsp_*`, `econ` and `eresp`.
    pub ended: u64,
    /// … in an error: `hrsp_5xx`, `econ` and `eresp`. A server that does not answer until HAProxy's
    /// timeout is in `eresp`.
    pub failed: u64,
}

impl Default for ServerRead {
    /// A server without a check, of weight 1 as HAProxy makes it when haproxy.cfg says nothing.
    fn default() -> Self {
        Self {
            name: String::new(),
            address: None,
            is_tls: false,
            admin: 0,
            operational: 0,
            check: None,
            sessions: 0,
            queued: 0,
            is_tracked: false,
            tracks_another: false,
            weight: 1,
            is_backup: false,
            is_passed_over: false,
            throttle: None,
            maxconn: None,
            is_by_agent: false,
            has_agent: false,
            counters: None,
        }
    }
}

/// A server's health checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckRead {
    /// `srv_check_result`: 3 = passed, the last one that ended.
    pub result: u32,
    /// `srv_check_health`: below `rise` it is DOWN; full at `rise + fall - 1`.
    pub health: u32,
    /// Passes in a row to be UP.
    pub rise: u32,
    /// Failures in a row to be DOWN.
    pub fall: u32,
    /// `srv_check_state` says that they run: `add server` only configures them, `disable health`
    /// stops them.
    pub is_enabled: bool,
}

/// `srv_check_result` of a check that failed, and of one that passed (`CHK_RES_*`).
const CHECK_FAILED: u32 = 2;
const CHECK_PASSED: u32 = 3;

impl CheckRead {
    /// The last check passed and health is at its maximum. After leaving maint, where health is
    /// set to `rise`, this takes `fall - 1` fresh passed checks; none at all with `fall 1`.
    pub fn is_full(&self) -> bool {
        self.result == CHECK_PASSED && self.health >= (self.rise + self.fall).saturating_sub(1)
    }

    /// A check has failed and health is at its end: HAProxy's verdict, and no matter of waiting.
    pub const fn is_verdict_against(&self) -> bool {
        self.result == CHECK_FAILED && self.health == 0
    }
}

impl ServerRead {
    /// In maintenance, for whatever reason: FMAINT 1, IMAINT 2, RMAINT 0x20.
    pub fn is_maint(&self) -> bool {
        self.admin & 0x23 != 0
    }

    /// Draining: FDRAIN 8, IDRAIN 0x10.
    pub fn is_drain(&self) -> bool {
        self.admin & 0x18 != 0 && !self.is_maint()
    }

    /// Marked `disabled` in haproxy.cfg (CMAINT 4); the mark stays on a running server.
    pub fn is_disabled_in_cfg(&self) -> bool {
        self.admin & 0x4 != 0
    }

    /// In maintenance for a reason that `set server … state ready` cannot end: tracked (IMAINT 2),
    /// unresolved (RMAINT 0x20), address name set by hand (HMAINT 0x40).
    pub fn is_beyond_us(&self) -> bool {
        self.admin & 0x62 != 0
    }

    /// What HAProxy calls UP: running or starting, neither maint nor drain. That it gets requests
    /// is another matter: see [`ServerRead::is_in_balance`].
    pub fn is_up(&self) -> bool {
        matches!(self.operational, 1 | 2) && self.admin & 0x3b == 0
    }

    /// HAProxy may send it balanced traffic: UP, of a weight, and not passed over.
    pub fn is_in_balance(&self) -> bool {
        self.is_up() && self.weight > 0 && !self.is_passed_over
    }

    /// The checks that HAProxy runs on it. One that is only configured will never pass.
    pub fn running_check(&self) -> Option<CheckRead> {
        self.check.filter(|check| check.is_enabled)
    }

    /// The state that somebody forced over the Runtime API: FMAINT 1, FDRAIN 8. Tracking and name
    /// resolution, which come and go by themselves, do not show here.
    pub fn forced_state(&self) -> AdminState {
        if self.admin & 0x1 != 0 {
            AdminState::Maint
        } else if self.admin & 0x8 != 0 {
            AdminState::Drain
        } else {
            AdminState::Ready
        }
    }

    /// Its admin state in the three words of the Runtime API.
    pub fn admin_state(&self) -> AdminState {
        if self.is_maint() {
            AdminState::Maint
        } else if self.is_drain() {
            AdminState::Drain
        } else {
            AdminState::Ready
        }
    }
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
