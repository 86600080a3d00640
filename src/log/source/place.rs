//! Which source a text names: `udp:…`, `journal:…`, a path. Nothing is opened here.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::words::limits::SOCKET_PATH_BYTES_MAX;

/// Longest name of a systemd unit (`UNIT_NAME_MAX`, with its last NUL).
const UNIT_BYTES_MAX: usize = 255;
/// What a systemd unit's name is made of, beside ASCII letters and digits (`VALID_CHARS` of its
/// unit-name.c).
const UNIT_SIGNS: &str = ":-_.\\@";
const HELP: &str = "write the path of HAProxy's log, \"-\" for standard input, \
                    \"udp:127.0.0.1:5514\", \"tcp:127.0.0.1:5514\", \"unix:PATH\" or \
                    \"journal:UNIT\"";

/// A source by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// A growing file.
    File(PathBuf),
    /// `"-"`.
    Stdin,
    /// `"udp:ADDR:PORT"`: syslog datagrams, one line each.
    Udp(SocketAddr),
    /// `"unix:PATH"`: a Unix datagram socket that we make.
    Unix(PathBuf),
    /// `"tcp:ADDR:PORT"`: HAProxy's `ring` or another sender connects to us.
    Tcp(SocketAddr),
    /// `"journal:UNIT"`: systemd's journal, through `journalctl`.
    Journal(String),
}

/// Why a text cannot be what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}; {help}")]
pub struct Mistake {
    /// What is wrong, in a few words.
    pub label: &'static str,
    pub help: String,
}

impl Mistake {
    pub fn new(label: &'static str, help: impl Into<String>) -> Self {
        Self {
            label,
            help: help.into(),
        }
    }
}

impl LogSource {
    /// Every form of a name, as the configuration's messages show it.
    pub const FORMS: &str = "a path, `\"-\"`, `\"udp:ADDRESS:PORT\"`, `\"tcp:ADDRESS:PORT\"`, \
                             `\"unix:PATH\"` or `\"journal:UNIT\"`";
    /// Those that [`Self::is_live`] knows, as `--help` shows them.
    pub const LIVE_FORMS: &str = "udp:ADDR:PORT, tcp:ADDR:PORT, unix:PATH or journal:UNIT";

    /// Reads what stands in `[log] source` or behind `parse --follow`. A file whose name looks like
    /// another source is written with its folder: `./udp:x`.
    ///
    /// # Errors
    /// Not an address, a path or a unit where one is needed.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(address) = text.strip_prefix("udp:") {
            return listening("udp", address).map(Self::Udp);
        }
        if let Some(address) = text.strip_prefix("tcp:") {
            return listening("tcp", address).map(Self::Tcp);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let help = "write \"unix:\" and the path where the daemon may make its socket";
            let path = usable_path(path, help)?;
            if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
                let help = format!("at most {SOCKET_PATH_BYTES_MAX} bytes");
                return Err(Mistake::new("too long for a Unix socket", help));
            }
            return Ok(Self::Unix(path));
        }
        if let Some(unit) = text.strip_prefix("journal:") {
            return unit_name(unit).map(Self::Journal);
        }
        usable_path(text, HELP).map(Self::File)
    }

    /// The growing file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Stdin | Self::Udp(_) | Self::Unix(_) | Self::Tcp(_) | Self::Journal(_) => None,
        }
    }

    /// Its path, if it has one.
    pub fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File(path) | Self::Unix(path) => Some(path),
            Self::Stdin | Self::Udp(_) | Self::Tcp(_) | Self::Journal(_) => None,
        }
    }

    /// It has no end and is no file: it can be followed and not read.
    pub const fn is_live(&self) -> bool {
        match self {
            Self::File(_) | Self::Stdin => false,
            Self::Udp(_) | Self::Unix(_) | Self::Tcp(_) | Self::Journal(_) => true,
        }
    }

    /// Under which name the end of its reading can be kept, for the next daemon to go on there;
    /// `None` where nothing of the time without a daemon can be had.
    pub fn resumes_as(&self) -> Option<String> {
        self.file().map(|path| path.to_string_lossy().into_owned())
    }

    /// The address, if others than this host's own processes can reach it.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Udp(address) | Self::Tcp(address) => {
                Some(*address).filter(|address| !is_loopback(address.ip()))
            }
            Self::File(_) | Self::Stdin | Self::Unix(_) | Self::Journal(_) => None,
        }
    }
}

/// Loopback, also in IPv6's way to write an IPv4 address.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// ADDR:PORT with an address, not a name: what it listens on must not depend on a resolver. Port 0
/// is one that the kernel chooses.
fn listening(scheme: &str, text: &str) -> Result<SocketAddr, Mistake> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let shown = |address: &str, port: &str| format!("write \"{scheme}:{address}:{port}\"");
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(Mistake::new(
            "no ADDR:PORT",
            format!("for example \"{scheme}:127.0.0.1:5514\""),
        ));
    };
    if port.parse::<u16>().is_err() {
        let help = format!("for example \"{scheme}:127.0.0.1:5514\"");
        return Err(Mistake::new("no port of 1–65535", help));
    }
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        let help = shown(&format!("[{host}]"), port);
        return Err(Mistake::new("an IPv6 address without brackets", help));
    }
    if host == "localhost" {
        let help = shown("127.0.0.1", port);
        return Err(Mistake::new("a name, not an address", help));
    }
    if host.is_empty() || host == "*" {
        let help = format!(
            "{}, or \"{scheme}:0.0.0.0:{port}\" with `allow_remote = true` for all of this host's \
             addresses",
            shown("127.0.0.1", port)
        );
        return Err(Mistake::new("no address to listen on", help));
    }
    let help = format!(
        "write one of this host's own IP addresses, for example \"{scheme}:127.0.0.1:{port}\""
    );
    Err(Mistake::new("not an IP address", help))
}

fn usable_path(text: &str, help: &str) -> Result<PathBuf, Mistake> {
    if text.is_empty() {
        Err(Mistake::new("empty", help))
    } else if text.chars().any(char::is_control) {
        Err(Mistake::new("has control characters", help))
    } else {
        Ok(Path::new(text).to_owned())
    }
}

/// A unit as `journalctl --unit` takes it, without patterns. It goes to a command line, so it never
/// begins with a dash.
fn unit_name(text: &str) -> Result<String, Mistake> {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || UNIT_SIGNS.contains(letter);
    let label = if text.is_empty() {
        "no unit"
    } else if text.starts_with('-') {
        "begins with a dash"
    } else if !text.chars().all(is_allowed) {
        "not the name of a systemd unit"
    } else if text.len() > UNIT_BYTES_MAX {
        "too long for a systemd unit"
    } else {
        return Ok(text.to_owned());
    };
    let help = "write the unit that HAProxy runs in, as `systemctl` shows it: \"journal:haproxy\"";
    Err(Mistake::new(label, help))
}
