//! What one look at HAProxy showed: the process, its backends, their servers, marks and counters.
//! Plain data, and what HAProxy's numbers mean in words; what follows from them does not belong here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use super::closed::closed;

/// One HAProxy process's lifetime: (`Pid`, `Start_time_sec`) of `show info`. A reload or restart
/// gives another one, and with it every runtime state back to haproxy.cfg's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    /// `Pid`.
    pub pid: u32,
    /// `Start_time_sec`, seconds since 1970.
    pub start_time_s: u64,
}

/// One look at one HAProxy: `show info`, `show servers state` and `show stat` in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Whose answer this is.
    pub generation: Generation,
    /// `DroppedLogs`: lines that HAProxy could give to none of its log targets, because the other
    /// side did not take them.
    pub dropped_logs: u64,
    /// `CumReq`: requests of all backends; 0 where it is not said.
    pub requests: u64,
    /// Where users wait before HAProxy lets them in.
    pub crowded: Vec<Crowded>,
    /// By name, those that were asked for and that HAProxy has.
    pub backends: BTreeMap<String, BackendRead>,
    /// Those of them whose rows do not fit together, and in what way.
    pub odd: BTreeMap<String, String>,
}

/// What HAProxy says about one backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendRead {
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
        name: String,
        /// The limit, connections.
        limit: u32,
    },
    /// FRONTEND `rate` is at `rate_lim` (`rate-limit sessions`).
    Rate {
        name: String,
        /// The limit, sessions a second.
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
    /// `srv_uweight`: what `set server … weight` or an agent made of it, whatever its state is.
    pub user_weight: u32,
    /// `srv_iweight`: what haproxy.cfg says.
    pub initial_weight: u32,
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
            user_weight: 1,
            initial_weight: 1,
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
    /// The last check passed and health is at its maximum. Leaving maint sets health to `rise`, and
    /// the first check that passes then brings it to the maximum (measured on 2.6 with `rise 2
    /// fall 6`: 2, then 7); with `fall 1` it is there without any.
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

    /// `slowstart` holds it back: its weight is not what it will be.
    pub fn is_throttled(&self) -> bool {
        self.throttle.is_some_and(|percent| percent < 100)
    }

    /// Its `slowstart` runs: it shows in drain, too (`srv_op_state` 1; measured on 2.6 and 3.2).
    pub fn is_starting_slowly(&self) -> bool {
        self.operational == 1 || self.is_throttled()
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

closed! {
    /// HAProxy's three admin states that a `set server B/S state` command can set, in its words.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AdminState {
        /// Takes balanced traffic.
        Ready = "ready",
        /// Is checked, keeps its sessions and persistence, gets no balanced traffic.
        Drain = "drain",
        /// Is not checked and gets nothing new.
        Maint = "maint",
    }
}

impl fmt::Display for AdminState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a read of HAProxy gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// No HAProxy could be asked: no socket, refused, no answer in time, half an answer. The text
    /// says what was tried and what came back.
    Unreachable(String),
    /// The same: nothing came of the read for so long that it was given up.
    NoAnswer,
    /// What HAProxy says about that backend does not fit together; the text says in what way.
    Odd(String),
    /// HAProxy answered that it has no such backend.
    UnknownBackend,
    /// An old process that is about to end answered (`Stopping: 1`, `Proxy is disabled.`): its
    /// word counts for nothing, ask again.
    Stopping,
}

impl ReadFailure {
    /// HAProxy answers, and has no such backend; otherwise nothing was learned of it.
    pub const fn is_unknown_backend(&self) -> bool {
        match self {
            Self::UnknownBackend => true,
            Self::Unreachable(_) | Self::NoAnswer | Self::Odd(_) | Self::Stopping => false,
        }
    }
}

/// HAProxy's words to a command that the level of its socket does not allow.
pub const PERMISSION_DENIED: &str = "Permission denied";

/// What our own words begin with where no command was sent.
pub const NOT_SENT: &str = "not sent";

/// Why a write was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFailure {
    /// HAProxy refused; its own words. Ours, which begin with [`NOT_SENT`], where it was not asked.
    Refused(String),
    /// The command's fate is unknown: HAProxy could not be reached or did not answer in time.
    Unknown(String),
    /// An old process that is about to end answered (`Proxy is disabled.`).
    Stopping,
}
