//! Section `global` of haproxy.cfg: its sockets, its log targets, whose process it is.

use super::line::{At, Line};
use super::log_target::LogTarget;
use super::sections::{Kind, Section};

/// A `stats socket` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsSocket {
    /// The path, or the address of a TCP socket.
    pub address: String,
    pub is_tcp: bool,
    /// As written; none is HAProxy's `operator`.
    pub level: Option<String>,
    /// As written, octal.
    pub mode: Option<String>,
    /// `group` or `gid`.
    pub group: Option<String>,
    /// `user` or `uid`.
    pub user: Option<String>,
    pub line: Line,
}

impl StatsSocket {
    fn of(line: &Line) -> Self {
        let written = line.word(2);
        let address = written.strip_prefix("unix@").unwrap_or(written);
        let behind = |word: &str| {
            let at = line.position(word, 3)?;
            Some(line.word(at + 1).to_owned())
        };
        Self {
            is_tcp: !address.starts_with('/'),
            address: address
                .trim_start_matches("ipv4@")
                .trim_start_matches("ipv6@")
                .to_owned(),
            level: behind("level"),
            mode: behind("mode"),
            group: behind("group").or_else(|| behind("gid")),
            user: behind("user").or_else(|| behind("uid")),
            line: line.clone(),
        }
    }

    pub fn is_admin(&self) -> bool {
        self.level.as_deref() == Some("admin")
    }

    /// The bits of `mode`; HAProxy leaves those of the umask where there is none, so nobody's are sure.
    pub fn mode_bits(&self) -> Option<u32> {
        u32::from_str_radix(self.mode.as_deref()?, 8).ok()
    }
}

/// What all `global` sections say together.
#[derive(Clone, Debug, Default)]
pub struct Global {
    pub sockets: Vec<StatsSocket>,
    pub logs: Vec<LogTarget>,
    /// `log-tag`.
    pub tag: Option<(String, At)>,
    pub nbthread: Option<u32>,
    pub maxconn: Option<(u32, Line)>,
    /// `stats maxconn`.
    pub stats_maxconn: Option<(u32, Line)>,
    pub chroot: Option<String>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub is_daemon: bool,
    /// Where lines of ours go: below the last of the first `global`; none where there is no such section.
    pub end: Option<At>,
}

impl Global {
    pub(super) fn of(sections: &[Section]) -> Self {
        let mut global = Self::default();
        for section in sections.iter().filter(|it| it.kind == Kind::Global) {
            global.end.get_or_insert(section.end());
            section.lines.iter().for_each(|line| global.take(line));
        }
        global
    }

    fn take(&mut self, line: &Line) {
        let value = || Some(line.word(1).to_owned());
        match (line.word(0), line.word(1)) {
            ("stats", "socket") => self.sockets.push(StatsSocket::of(line)),
            ("stats", "maxconn") => {
                let limit = line.word(2).parse().ok();
                self.stats_maxconn = limit.map(|it| (it, line.clone()));
            }
            ("log", _) => self.logs.push(LogTarget::of(line)),
            ("log-tag", tag) => self.tag = Some((tag.to_owned(), line.at)),
            ("nbthread", count) => self.nbthread = count.parse().ok(),
            ("maxconn", count) => {
                self.maxconn = count.parse().ok().map(|it| (it, line.clone()));
            }
            ("chroot", _) => self.chroot = value(),
            ("user" | "uid", _) => self.user = value(),
            ("group" | "gid", _) => self.group = value(),
            ("daemon", _) => self.is_daemon = true,
            _ => {}
        }
    }

    /// The one that a daemon on this host had best use: of level admin and a file, if there is one.
    pub fn best_socket(&self) -> Option<&StatsSocket> {
        let rank = |it: &&StatsSocket| (!it.is_admin(), it.is_tcp);
        self.sockets.iter().min_by_key(rank)
    }

    /// It runs as a service of the system and not by itself in a container.
    pub fn is_service(&self) -> bool {
        self.user.is_some() || self.chroot.is_some() || self.is_daemon
    }
}
