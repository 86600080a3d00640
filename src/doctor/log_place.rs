//! Where HAProxy's log is to be found, in which format and under which name, by haproxy.cfg and the host;
//! and the `log` line that fits the host where there is none.

use std::net::{Ipv4Addr, SocketAddr};

use super::host::Host;
use crate::haproxy_cfg::{Cfg, Destination, LogFormatSaid, LogTarget, Proxy};
use crate::log::format::LogFormat;
use crate::log::source::LogSource;

/// Where Debian's rsyslog writes HAProxy's lines.
pub const FILE: &str = "/var/log/haproxy.log";
/// What a daemon of ours listens at, where lines come straight to it.
pub const UDP_PORT: u16 = 5514;

/// A source, and why it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub source: LogSource,
    pub why: String,
}

/// The lines that a host of that kind wants in haproxy.cfg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Debian, Ubuntu and whatever else has a syslog daemon behind `/dev/log`.
    Debian,
    /// Red Hat, Rocky, Alma, Fedora.
    RedHat,
    /// HAProxy alone in a container.
    Container,
}

impl Layout {
    /// Which one a file and a host look like.
    pub fn of(cfg: Option<&Cfg>, host: &Host) -> Self {
        let sockets = cfg.map_or(&[][..], |it| &it.global.sockets);
        if host.is_red_hat()
            || sockets
                .iter()
                .any(|it| it.address == "/var/lib/haproxy/stats")
        {
            Self::RedHat
        } else if cfg.is_some_and(|it| !it.global.is_service() && it.global.logs.is_empty()) {
            Self::Container
        } else {
            Self::Debian
        }
    }

    /// The path of the admin socket.
    pub const fn socket(self) -> &'static str {
        match self {
            Self::Debian | Self::Container => "/run/haproxy/admin.sock",
            Self::RedHat => "/var/lib/haproxy/stats",
        }
    }

    /// The whole `stats socket` line.
    pub fn socket_line(self, host: &Host, group: &str) -> String {
        let path = match self {
            // Where a host is a directory, so is its /run.
            Self::Debian => host.at(self.socket()).display().to_string(),
            Self::RedHat | Self::Container => self.socket().to_owned(),
        };
        format!("    stats socket {path} mode 660 group {group} level admin")
    }

    /// The `log` line.
    pub fn log_line(self, host: &Host) -> String {
        match self {
            Self::Debian => format!("    log {} local0", host.at("/dev/log").display()),
            Self::RedHat => udp_line("local2"),
            Self::Container => udp_line("local0"),
        }
    }
}

/// Lines straight to the daemon.
pub fn udp_line(facility: &str) -> String {
    format!("    log 127.0.0.1:{UDP_PORT} len 8192 format rfc5424 {facility}")
}

fn udp(port: u16) -> LogSource {
    LogSource::Udp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Where the log of the backends that could be ours is.
pub fn expected(cfg: Option<&Cfg>, host: &Host) -> Expected {
    let layout = Layout::of(cfg, host);
    let targets = cfg.map(targets).unwrap_or_default();
    let found = targets.iter().filter(|it| it.takes_requests());
    let found = found.filter_map(|target| of_target(target, cfg, host));
    found.min_by_key(|(rank, _)| *rank).map_or_else(
        || match layout {
            Layout::Debian => of_file(host, "the usual place"),
            Layout::RedHat | Layout::Container => Expected {
                source: udp(UDP_PORT),
                why: "with the line for haproxy.cfg".to_owned(),
            },
        },
        |(_, expected)| expected,
    )
}

/// Every target of every frontend that leads to a backend.
fn targets(cfg: &Cfg) -> Vec<&LogTarget> {
    let mut found: Vec<&LogTarget> = Vec::new();
    for frontend in cfg.proxies.iter().filter(|it| it.is_frontend()) {
        for target in cfg.targets(frontend) {
            if !found.contains(&target) {
                found.push(target);
            }
        }
    }
    if found.is_empty() {
        found.extend(&cfg.global.logs);
    }
    found
}

/// What a target leads to, the best with the lowest rank.
fn of_target(target: &LogTarget, cfg: Option<&Cfg>, host: &Host) -> Option<(u8, Expected)> {
    let line = format!("`log {}` in haproxy.cfg", target.address);
    let expected = |source| Expected {
        source,
        why: line.clone(),
    };
    Some(match target.destination() {
        Destination::Unix(path) if host.is(&path, "/dev/log") => (1, of_file(host, &line)),
        Destination::Unix(path) => (0, expected(LogSource::Unix(path.into()))),
        Destination::Local { port: 514 } => match host.log() {
            Some(path) => (1, expected(LogSource::File(path))),
            None if host.has_rsyslog() && listens_on_udp(host) => (1, of_file(host, &line)),
            None => return None,
        },
        Destination::Local { port } => (0, expected(udp(port))),
        Destination::Standard => {
            let is_unit = host.has_systemd() && cfg.is_some_and(|it| it.global.is_service());
            let source = if is_unit {
                LogSource::Journal("haproxy".to_owned())
            } else {
                LogSource::Stdin
            };
            (2, expected(source))
        }
        Destination::Remote | Destination::Ring(_) | Destination::Unknown => return None,
    })
}

/// What a syslog daemon makes of `/dev/log`.
fn of_file(host: &Host, line: &str) -> Expected {
    if let Some(path) = host.log() {
        return Expected {
            source: LogSource::File(path),
            why: line.to_owned(),
        };
    }
    if !host.has_rsyslog() && host.has_systemd() {
        return Expected {
            source: LogSource::Journal("haproxy".to_owned()),
            why: format!("{line}; no syslog daemon writes files here"),
        };
    }
    Expected {
        source: LogSource::File(host.at(FILE)),
        why: format!("{line}, which rsyslog writes there"),
    }
}

fn listens_on_udp(host: &Host) -> bool {
    let texts = host.texts_in("/etc/rsyslog.d", ".conf").into_iter();
    let texts = texts
        .map(|(_, text)| text)
        .chain(host.text("/etc/rsyslog.conf"));
    let mut lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.any(|line| !line.trim_start().starts_with('#') && line.contains("imudp"))
}

/// The format that the first frontend of a backend writes, if it can be read.
pub fn format(cfg: &Cfg) -> Option<LogFormat> {
    let frontend = first_frontend(cfg)?;
    LogFormat::compile(&word(frontend)?).ok()
}

/// What `[log] format` would be called.
pub fn word(frontend: &Proxy) -> Option<String> {
    Some(match &frontend.settings.format {
        LogFormatSaid::None | LogFormatSaid::Tcplog => return None,
        LogFormatSaid::Httplog => "httplog".to_owned(),
        LogFormatSaid::Httpslog => "httpslog".to_owned(),
        LogFormatSaid::Clf => "clf".to_owned(),
        LogFormatSaid::Own(text) => text.clone(),
    })
}

/// `log-tag`, if there is one.
pub fn tag(cfg: &Cfg) -> Option<String> {
    let frontend = first_frontend(cfg)?;
    cfg.tag(frontend).map(str::to_owned)
}

/// Of an http backend with the most servers.
fn first_frontend(cfg: &Cfg) -> Option<&Proxy> {
    let backends = cfg.backends().filter(|it| it.is_http());
    let largest = backends.max_by_key(|it| it.servers.len())?;
    cfg.frontends_of(largest).into_iter().next()
}
