//! A `log` line of haproxy.cfg: where lines go, in which form, which of them.

use super::line::Line;

/// Levels of syslog, the gravest first, as HAProxy calls them. A request is `info`.
const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// A `log` line with a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    /// As written: `/dev/log`, `127.0.0.1:514`, `stdout`, `ring@x`.
    pub address: String,
    /// `len`, bytes.
    pub len: Option<u32>,
    /// `format`: `raw`, `rfc5424`, …
    pub format: Option<String>,
    /// `sample`, as written.
    pub sample: Option<String>,
    pub facility: String,
    /// The least grave level that is sent.
    pub level: Option<String>,
    pub line: Line,
}

/// Where a target leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A Unix datagram socket.
    Unix(String),
    /// UDP to an address of this host.
    Local { port: u16 },
    /// UDP or TCP to another host, or to a name that is not known to be this one.
    Remote,
    /// `stdout`, `stderr`, `fd@N`.
    Standard,
    /// `ring@NAME`.
    Ring(String),
    /// Not known here: a variable, an abstract socket.
    Unknown,
}

impl LogTarget {
    /// Reads a `log` line that is neither `log global` nor `no log`.
    pub(super) fn of(line: &Line) -> Self {
        let mut target = Self {
            address: line.word(1).to_owned(),
            len: None,
            format: None,
            sample: None,
            facility: String::new(),
            level: None,
            line: line.clone(),
        };
        let mut rest = line.from(2);
        while let Some(word) = rest.next() {
            match word {
                "len" => target.len = rest.next().and_then(|it| it.parse().ok()),
                "format" => target.format = rest.next().map(str::to_owned),
                "sample" => target.sample = rest.next().map(str::to_owned),
                "profile" => {
                    rest.next();
                }
                facility => {
                    facility.clone_into(&mut target.facility);
                    target.level = rest.next().map(str::to_owned);
                    break;
                }
            }
        }
        target
    }

    /// Whether a request's line is sent to it.
    pub fn takes_requests(&self) -> bool {
        let level = self.level.as_deref().unwrap_or("debug");
        let at = |wanted: &str| LEVELS.iter().position(|it| *it == wanted);
        at(level).is_none_or(|level| Some(level) >= at("info"))
    }

    /// Where it leads.
    pub fn destination(&self) -> Destination {
        let address = self.address.as_str();
        if address.contains('$') || address.starts_with("abns") {
            return Destination::Unknown;
        }
        if ["stdout", "stderr"].contains(&address) || address.starts_with("fd@") {
            return Destination::Standard;
        }
        if let Some(ring) = address.strip_prefix("ring@") {
            return Destination::Ring(ring.to_owned());
        }
        let bare = address.split_once('@').map_or(address, |(_, rest)| rest);
        if bare.starts_with('/') {
            return Destination::Unix(bare.to_owned());
        }
        let (host, port) = match bare.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
            _ => (bare, "514"),
        };
        let host = host.trim_matches(['[', ']']);
        if ["127.0.0.1", "localhost", "::1", ""].contains(&host) || host.starts_with("127.") {
            return Destination::Local {
                port: port.parse().unwrap_or(514),
            };
        }
        Destination::Remote
    }
}
