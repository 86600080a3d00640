//! What `doctor` can find, as data: a closed list of codes with their levels, and the line that mends it.
//! How a finding is noticed, and how it is shown, belongs to others.

use std::path::{Path, PathBuf};

use crate::haproxy_cfg::{At, Cfg, Line};
use crate::words::closed::closed;

closed! {
    /// How much a finding matters.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Level {
        /// It cannot work so.
        Error = "error",
        /// It works, and worse than one thinks.
        Warning = "warning",
        /// It works; this would be better, or is worth knowing.
        Advice = "advice",
    }
}

/// Makes the list of codes of `VARIANT: LEVEL "WORD"` rows.
macro_rules! codes {
    ($($variant:ident: $level:ident $word:literal,)*) => {
        /// What was found, in one word of a closed list; `docs/doctor.md` has it too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($variant,)*
        }

        impl Code {
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            pub const fn level(self) -> Level {
                match self {
                    $(Self::$variant => Level::$level,)*
                }
            }
        }
    };
}

codes! {
    CfgUnreadable: Error "cfg_unreadable",
    CfgMissing: Advice "cfg_missing",
    CfgIncomplete: Advice "cfg_incomplete",
    CfgNotInForce: Warning "cfg_not_in_force",
    NothingToScale: Advice "nothing_to_scale",
    NoSocket: Error "no_socket",
    SocketLevel: Error "socket_level",
    SocketGroup: Warning "socket_group",
    SocketOpen: Warning "socket_open",
    StatsMaxconn: Warning "stats_maxconn",
    SocketDiffers: Error "socket_differs",
    SocketMissing: Error "socket_missing",
    SocketForbidden: Error "socket_forbidden",
    SocketSilent: Error "socket_silent",
    SudoNeeded: Advice "sudo_needed",
    HaproxyAway: Advice "haproxy_away",
    NoLog: Error "no_log",
    LogNotUsed: Error "log_not_used",
    LogLevel: Error "log_level",
    LogRemote: Error "log_remote",
    LogSampled: Warning "log_sampled",
    LogCut: Warning "log_cut",
    NoHttplog: Error "no_httplog",
    FormatRefused: Error "format_refused",
    FormatDiffers: Error "format_differs",
    TagDiffers: Error "tag_differs",
    SourceDiffers: Error "source_differs",
    DontlogNormal: Warning "dontlog_normal",
    LogThreads: Advice "log_threads",
    LogMissing: Error "log_missing",
    LogUnreadable: Error "log_unreadable",
    LogUnread: Error "log_unread",
    LogStale: Warning "log_stale",
    LogDropped: Warning "log_dropped",
    LogClock: Warning "log_clock",
    NoSpare: Warning "no_spare",
    TemplateSpare: Warning "template_spare",
    SpareNotMarked: Warning "spare_not_marked",
    SpareUnknown: Error "spare_unknown",
    SpareBackup: Error "spare_backup",
    SpareWeight: Error "spare_weight",
    SpareProxy: Warning "spare_proxy",
    SpareUnix: Warning "spare_unix",
    SpareDead: Warning "spare_dead",
    SpareAnswer: Warning "spare_answer",
    SpareQuarantined: Warning "spare_quarantined",
    MachineProgram: Error "machine_program",
    MachineOpen: Error "machine_open",
    MachineAnswer: Warning "machine_answer",
    NoCheck: Warning "no_check",
    FallOne: Warning "fall_one",
    AgentWeight: Warning "agent_weight",
    AlwaysUpUnknown: Error "always_up_unknown",
    AlwaysUpDisabled: Error "always_up_disabled",
    AlwaysUpWeight: Error "always_up_weight",
    BackendUnknown: Error "backend_unknown",
    BackendTcp: Error "backend_tcp",
    NoMaxconn: Advice "no_maxconn",
    QueueTrap: Advice "queue_trap",
    Slowstart: Advice "slowstart",
    ShutdownSessions: Advice "shutdown_sessions",
    OptionPersist: Warning "option_persist",
    BalanceHash: Advice "balance_hash",
    UseServer: Advice "use_server",
    SmallMaxconn: Advice "small_maxconn",
    WarmUpPath: Advice "warm_up_path",
    ConfigMissing: Advice "config_missing",
    ConfigBroken: Error "config_broken",
    Observing: Advice "observing",
    DaemonAway: Advice "daemon_away",
    DaemonProblem: Warning "daemon_problem",
    UnitGroups: Warning "unit_groups",
    GroupMissing: Error "group_missing",
    RsyslogRate: Warning "rsyslog_rate",
    JournaldRate: Warning "journald_rate",
    JournaldOff: Error "journald_off",
    DatagramQueue: Warning "datagram_queue",
    Selinux: Advice "selinux",
    Copytruncate: Advice "copytruncate",
}

/// What mends it, ready to be pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Nothing that could be pasted.
    None,
    /// This in the place of that line of haproxy.cfg.
    Replace {
        file: PathBuf,
        line: usize,
        text: String,
    },
    /// This below that line of haproxy.cfg.
    Below {
        file: PathBuf,
        line: usize,
        /// The section, in words.
        section: String,
        text: String,
    },
    /// This key in that table of our configuration, in the place of the one that is there.
    Key {
        /// `log`, `backend.web`; empty for the top.
        table: String,
        /// `tag = "edge"`.
        text: String,
    },
    /// A file with that text.
    Write { path: PathBuf, text: String },
    /// A command.
    Run(String),
}

impl Fix {
    /// In the place of that line.
    pub fn replace(cfg: &Cfg, at: At, text: String) -> Self {
        Self::Replace {
            file: cfg.file(at).to_owned(),
            line: at.line,
            text,
        }
    }

    /// Below the last line of a section.
    pub fn below(cfg: &Cfg, at: At, section: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Below {
            file: cfg.file(at).to_owned(),
            line: at.line,
            section: section.into(),
            text: text.into(),
        }
    }

    pub fn key(table: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Key {
            table: table.into(),
            text: text.into(),
        }
    }

    pub fn run(command: impl Into<String>) -> Self {
        Self::Run(command.into())
    }

    /// The lines or the command.
    pub fn text(&self) -> &str {
        match self {
            Self::None => "",
            Self::Replace { text, .. }
            | Self::Below { text, .. }
            | Self::Key { text, .. }
            | Self::Write { text, .. }
            | Self::Run(text) => text,
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    /// That of its code, or a graver one.
    pub level: Level,
    /// `/etc/haproxy/haproxy.cfg:24 (backend web)`, a path, a unit.
    pub place: String,
    /// What, and why it matters.
    pub text: String,
    pub fix: Fix,
}

impl Finding {
    pub fn new(code: Code, place: impl Into<String>, text: impl Into<String>, fix: Fix) -> Self {
        Self {
            code,
            level: code.level(),
            place: place.into(),
            text: text.into(),
            fix,
        }
    }

    /// The same at a level that goes by more than its code.
    #[must_use]
    pub fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// About a line of haproxy.cfg, which is replaced.
    pub fn of_line(
        code: Code,
        (cfg, line, of): (&Cfg, &Line, &str),
        text: impl Into<String>,
        mended: String,
    ) -> Self {
        let place = place(cfg, line.at, of);
        Self::new(code, place, text, Fix::replace(cfg, line.at, mended))
    }
}

/// `PATH:LINE (SECTION)`.
pub fn place(cfg: &Cfg, at: At, section: &str) -> String {
    let path = cfg.file(at).display();
    if section.is_empty() {
        format!("{path}:{}", at.line)
    } else {
        format!("{path}:{} ({section})", at.line)
    }
}

/// A path as a place.
pub fn place_of(path: &Path) -> String {
    path.display().to_string()
}
