//! `server` and `server-template` lines with what `default-server` says, as flags by name.

use std::collections::BTreeMap;

use super::line::Line;

/// Words behind which a value follows (`configuration.txt` §5.2).
const WITH_VALUE: [&str; 52] = [
    "addr",
    "agent-addr",
    "agent-inter",
    "agent-port",
    "agent-send",
    "alpn",
    "ca-file",
    "check-alpn",
    "check-proto",
    "check-sni",
    "ciphers",
    "ciphersuites",
    "cookie",
    "crl-file",
    "crt",
    "downinter",
    "error-limit",
    "fall",
    "fastinter",
    "guid",
    "hash-key",
    "id",
    "init-addr",
    "init-state",
    "inter",
    "log-bufsize",
    "log-proto",
    "max-reuse",
    "maxconn",
    "maxqueue",
    "minconn",
    "namespace",
    "npn",
    "observe",
    "on-error",
    "on-marked-down",
    "on-marked-up",
    "pool-conn-name",
    "pool-low-conn",
    "pool-max-conn",
    "pool-purge-delay",
    "port",
    "proto",
    "redir",
    "resolve-net",
    "resolve-opts",
    "resolve-prefer",
    "resolvers",
    "rise",
    "slowstart",
    "sni",
    "source",
];
const WITH_VALUE_TOO: [&str; 10] = [
    "ssl-max-ver",
    "ssl-min-ver",
    "tcp-ut",
    "track",
    "verify",
    "verifyhost",
    "weight",
    "ws",
    "set-proxy-v2-tlv-fmt",
    "proxy-v2-options",
];
/// A template does not name more servers than these to us.
const TEMPLATE_MAX: u32 = 1000;

/// Flags by name; the value of one without is empty.
pub type Flags = BTreeMap<String, String>;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub name: String,
    /// As written.
    pub address: String,
    /// With those of `default-server`.
    pub flags: Flags,
    /// Its name is one of several that this line makes.
    pub template: Option<Template>,
    pub line: Line,
}

/// Which servers a `server-template` line makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub prefix: String,
    pub from: u32,
    pub to: u32,
}

impl Server {
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains_key(flag)
    }

    /// The value of a flag as a number.
    pub fn number(&self, flag: &str) -> Option<u32> {
        self.flags.get(flag)?.parse().ok()
    }

    /// It speaks the PROXY protocol first, which no warm-up of ours does.
    pub fn sends_proxy(&self) -> bool {
        self.flags.keys().any(|it| it.starts_with("send-proxy"))
    }

    /// On this very machine: a loopback address or a Unix socket.
    pub fn is_loopback(&self) -> bool {
        let address = self.address.trim_start_matches("ipv4@");
        address.starts_with("127.")
            || address.starts_with("localhost")
            || address.starts_with("[::1]")
            || self.is_unix()
    }

    pub fn is_unix(&self) -> bool {
        self.address.starts_with('/')
            || self.address.starts_with("unix@")
            || self.address.starts_with("abns@")
    }

    /// The port, if one is written.
    pub fn port(&self) -> Option<u16> {
        self.address.rsplit_once(':')?.1.parse().ok()
    }
}

/// Reads flags from that word of a line on, over those that are there.
pub(super) fn take_flags(line: &Line, from: usize, flags: &mut Flags) {
    let mut words = line.from(from);
    while let Some(word) = words.next() {
        match word {
            "enabled" => {
                flags.remove("disabled");
            }
            _ if WITH_VALUE.contains(&word) || WITH_VALUE_TOO.contains(&word) => {
                flags.insert(word.to_owned(), words.next().unwrap_or("").to_owned());
            }
            _ => {
                if let Some(off) = word.strip_prefix("no-") {
                    flags.remove(off);
                }
                flags.insert(word.to_owned(), String::new());
            }
        }
    }
}

/// The servers of a line.
pub(super) fn servers(line: &Line, defaults: &Flags) -> Vec<Server> {
    let is_template = line.word(0) == "server-template";
    let (address_at, flags_at) = if is_template { (3, 4) } else { (2, 3) };
    let mut flags = defaults.clone();
    take_flags(line, flags_at, &mut flags);
    let server = |name: String, template| Server {
        name,
        address: line.word(address_at).to_owned(),
        flags: flags.clone(),
        template,
        line: line.clone(),
    };
    if !is_template {
        return vec![server(line.word(1).to_owned(), None)];
    }
    let range = line.word(2);
    let (from, to) = range.split_once('-').unwrap_or(("1", range));
    let (Ok(from), Ok(to)) = (from.parse::<u32>(), to.parse::<u32>()) else {
        return Vec::new();
    };
    let prefix = line.word(1);
    let names = (from..=to).take(usize::try_from(TEMPLATE_MAX).unwrap_or(usize::MAX));
    let template = Template {
        prefix: prefix.to_owned(),
        from,
        to,
    };
    names
        .map(|number| server(format!("{prefix}{number}"), Some(template.clone())))
        .collect()
}
