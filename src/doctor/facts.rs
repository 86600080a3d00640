//! What was gathered, as data: haproxy.cfg, our configuration, what the admin socket answered, how the log
//! looks, the rest of the host. The checks look at this and at nothing else.

use std::path::PathBuf;
use std::time::Duration;

use super::host::{Host, Rights, Somebody};
use crate::config::{BackendConfig, Config, LogSource};
use crate::haproxy_cfg::{Cfg, Proxy};
use crate::log::advice::Advice;
use crate::machines::Trouble;
use crate::machines::settings::Provider;
use crate::runtime_api::Address;
use crate::scaler::settings::Spares;
use crate::warm_up::Once;
use crate::words::machine::{MachineFailure, PowerState};
use crate::words::names::ServerName;
use crate::words::picture::{BackendRead, Picture};

/// Everything that is known.
#[derive(Clone, Debug)]
pub struct Facts {
    pub host: Host,
    pub cfg: Option<Cfg>,
    /// Why there is none.
    pub cfg_trouble: Option<CfgTrouble>,
    pub config: OurConfig,
    pub socket: SocketFacts,
    pub log: LogFacts,
    /// Spares that were asked as a warm-up asks them.
    pub spares: Vec<SpareFacts>,
    /// What spares run on, where we start and stop it.
    pub machines: Vec<MachineFacts>,
    pub system: SystemFacts,
    /// Who has to open the socket and the log: the unit's user, or whoever asks. Rights are judged for it.
    pub reader: Somebody,
    /// Who looks now. What this one may not open says nothing of the daemon.
    pub asker: Somebody,
}

/// haproxy.cfg could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CfgTrouble {
    /// It is in none of the usual places.
    NotFound,
    Unreadable {
        path: PathBuf,
        why: String,
    },
}

/// Our own configuration.
#[derive(Clone, Debug)]
pub struct OurConfig {
    pub path: PathBuf,
    /// It was named, and not only looked for in its usual place.
    pub is_named: bool,
    pub state: ConfigState,
}

#[derive(Clone, Debug)]
pub enum ConfigState {
    Missing,
    /// With how many mistakes.
    Broken(String),
    Loaded(Box<Config>),
}

impl OurConfig {
    pub fn loaded(&self) -> Option<&Config> {
        match &self.state {
            ConfigState::Loaded(config) => Some(config),
            ConfigState::Missing | ConfigState::Broken(_) => None,
        }
    }
}

/// The admin socket.
#[derive(Clone, Debug, Default)]
pub struct SocketFacts {
    /// The one that was asked: ours, or that of haproxy.cfg.
    pub address: Option<Address>,
    /// Of its file, if it is there.
    pub rights: Option<Rights>,
    pub answer: Answer,
}

/// What became of asking it.
#[derive(Clone, Debug, Default)]
pub enum Answer {
    /// Nobody knows a socket.
    #[default]
    NotAsked,
    /// There is no such file, or nobody behind it.
    Away(String),
    /// We may not open it.
    Forbidden(String),
    /// It did not answer, or not as HAProxy does.
    Silent(String),
    Said(Box<Said>),
}

/// HAProxy's answers.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub version: String,
    pub level: String,
    pub backends: Vec<String>,
    pub picture: Picture,
}

impl SocketFacts {
    pub fn said(&self) -> Option<&Said> {
        match &self.answer {
            Answer::Said(said) => Some(said),
            Answer::NotAsked | Answer::Away(_) | Answer::Forbidden(_) | Answer::Silent(_) => None,
        }
    }
}

/// The log.
#[derive(Clone, Debug)]
pub struct LogFacts {
    /// Ours, or where haproxy.cfg lets one expect it; with why it is that.
    pub source: LogSource,
    pub why: String,
    /// Only of a file.
    pub file: LogFile,
}

#[derive(Clone, Debug)]
pub enum LogFile {
    /// It is no file, or nothing says that there should be one.
    NotLooked,
    Missing,
    Unreadable(Option<Rights>),
    Read(Box<LogRead>),
}

/// The end of a log file.
#[derive(Clone, Debug)]
pub struct LogRead {
    pub rights: Rights,
    pub bytes: u64,
    pub requests: u64,
    /// Lines that should have been requests and could not be read.
    pub refused: u64,
    /// Why nothing, or nearly nothing, can be read.
    pub advice: Option<Advice>,
    /// Since the last line, of the file before it where this one is empty; `None`: there was none.
    pub age: Option<Duration>,
    /// How far the last request's own time is from the time of the file, seconds; of a file that was
    /// written within the last minutes.
    pub off_s: Option<i64>,
    /// Name, mean of Tr in milliseconds and requests of each backend, the slowest first.
    pub backends: Vec<(String, u64, u64)>,
}

/// A spare that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpareFacts {
    pub backend: String,
    pub server: String,
    pub once: Once,
    /// A path that it answers as expected, where the configured one is not.
    pub better_path: Option<String>,
}

/// A machine of a spare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineFacts {
    pub server: ServerName,
    pub provider: Provider,
    /// Why its provider's program is not run.
    pub trouble: Option<Trouble>,
    /// What its provider says of it; `None`: it was not asked.
    pub answer: Option<Result<PowerState, MachineFailure>>,
    /// Why its program does not say which machines there are, where it was asked.
    pub list: Option<MachineFailure>,
}

/// The rest of the host.
#[derive(Clone, Debug, Default)]
pub struct SystemFacts {
    /// Our unit's `User=`, `SupplementaryGroups=`.
    pub unit: Option<Unit>,
    /// Settings of rsyslog that leave lines out, each with its file, its line and what to write instead.
    pub rsyslog_limits: Vec<(PathBuf, usize, String)>,
    pub journald: Journald,
    /// The kernel forbids what no rule of its policy allows.
    pub is_selinux: bool,
    /// `copytruncate` lines of logrotate's files that name HAProxy, with what to write instead.
    pub copytruncate: Vec<(PathBuf, usize, String)>,
    /// `net.unix.max_dgram_qlen`.
    pub datagram_queue: Option<u32>,
    /// Whether a daemon of ours answers, and what it reports.
    pub daemon: Daemon,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Daemon {
    #[default]
    Away,
    /// We may not talk to it.
    Forbidden,
    Answers(Report),
}

/// What a daemon reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub problems: Vec<Reported>,
    /// Spares that it does not try for a while.
    pub quarantines: Vec<Quarantine>,
}

/// A problem, as `status --json` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// `None`: it concerns all of it.
    pub backend: Option<String>,
    pub code: String,
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    pub backend: String,
    pub server: String,
    /// RFC 3339.
    pub until: String,
    /// What NOTE in `status` says of it.
    pub note: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    pub user: String,
    pub groups: Vec<String>,
}

/// What journald.conf and its drop-ins say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journald {
    pub storage: Option<String>,
    /// `RateLimitIntervalSec`, as written.
    pub interval: Option<String>,
    /// `RateLimitBurst`.
    pub burst: Option<u32>,
}

/// A backend that is, or could be, ours.
pub struct Subject<'a> {
    pub proxy: &'a Proxy,
    pub frontends: Vec<&'a Proxy>,
    pub config: Option<&'a BackendConfig>,
    pub read: Option<&'a BackendRead>,
}

impl Subject<'_> {
    /// `backend web`.
    pub fn section(&self) -> String {
        format!("{} {}", self.proxy.kind.as_str(), self.proxy.name)
    }

    pub fn is_always_up(&self, server: &str) -> bool {
        self.config
            .is_some_and(|it| it.scaler.always_up.iter().any(|name| name == server))
    }

    /// Named as a spare, or marked as one in haproxy.cfg.
    pub fn is_spare(&self, server: &str) -> bool {
        let list = self.config.and_then(|it| match &it.scaler.spares {
            Spares::Auto => None,
            Spares::Named(names) => Some(names),
        });
        match list {
            Some(list) => list.iter().any(|name| name == server),
            None => {
                !self.is_always_up(server)
                    && self
                        .proxy
                        .server(server)
                        .is_some_and(|it| it.has("disabled"))
            }
        }
    }
}

impl Facts {
    /// The backends that the checks look at: those of our configuration; without one, every http backend
    /// of two servers or more.
    pub fn subjects(&self) -> Vec<Subject<'_>> {
        let Some(cfg) = &self.cfg else {
            return Vec::new();
        };
        let config = self.config.loaded();
        let said = self.socket.said();
        let wanted = |proxy: &&Proxy| match config {
            Some(config) => config.backends.contains_key(&proxy.name),
            None => proxy.is_http() && can_be_ours(proxy) > 1,
        };
        let subject = |proxy| Subject {
            proxy,
            frontends: cfg.frontends_of(proxy),
            config: config.and_then(|it| it.backends.get(&proxy.name)),
            read: said.and_then(|it| it.picture.backends.get(&proxy.name)),
        };
        cfg.backends().filter(wanted).map(subject).collect()
    }

    /// The group that the admin socket had best be for: Debian's and Red Hat's own, one that our unit is in,
    /// or that of HAProxy itself.
    pub fn socket_group(&self) -> String {
        let known = self.host.numbers("/etc/group");
        let usual = "haproxy".to_owned();
        let of_unit = self.system.unit.iter().flat_map(|unit| &unit.groups);
        let of_unit = of_unit.filter(|it| *it != "adm" && known.contains_key(*it));
        let own = self.cfg.as_ref().and_then(|it| it.global.group.as_ref());
        let own = own.filter(|it| *it != "root" && *it != "nogroup");
        let is_usual = |it: &&String| **it == usual;
        let best = known.keys().find(is_usual);
        best.or(of_unit.into_iter().next())
            .or(own)
            .unwrap_or(&usual)
            .clone()
    }

    /// Backends with servers that HAProxy has and the files that were read do not.
    pub fn not_in_files(&self) -> Vec<&str> {
        let (Some(cfg), Some(said)) = (&self.cfg, self.socket.said()) else {
            return Vec::new();
        };
        // A name with a variable may be any.
        if cfg.backends().any(|it| it.name.contains('$')) {
            return Vec::new();
        }
        let read = said.picture.backends.iter();
        let with_servers = read.filter(|(_, it)| !it.servers.is_empty());
        let names = with_servers.map(|(name, _)| name.as_str());
        names
            .filter(|name| !cfg.proxies.iter().any(|it| it.name == *name))
            .collect()
    }

    /// Whoever looks is somebody else than the daemon's user.
    pub fn is_asked_by_another(&self) -> bool {
        self.asker.uid != self.reader.uid
    }

    /// Only files are looked at: a haproxy.cfg that is not, or not yet, at work here.
    pub fn is_review(&self) -> bool {
        let has_config = !matches!(self.config.state, ConfigState::Missing);
        !has_config && matches!(self.socket.answer, Answer::Away(_) | Answer::NotAsked)
    }
}

/// Servers that could share the load: a backup alone stands by with a page that says sorry.
fn can_be_ours(proxy: &Proxy) -> usize {
    let servers = proxy.servers.iter();
    servers
        .filter(|it| !it.has("backup") || it.has("disabled"))
        .count()
}

/// A source as `[log] source` has it.
pub fn source_text(source: &LogSource) -> String {
    match source {
        LogSource::File(path) => path.display().to_string(),
        LogSource::Stdin => "-".to_owned(),
        LogSource::Udp(address) => format!("udp:{address}"),
        LogSource::Tcp(address) => format!("tcp:{address}"),
        LogSource::Unix(path) => format!("unix:{}", path.display()),
        LogSource::Journal(unit) => format!("journal:{unit}"),
    }
}
