//! Texts that must be something: paths, addresses, hosts, names, sizes. Each is taken, or refused with
//! a few words and a way out. Nothing is opened or requested here; where the text stands in the file is
//! known to [`super::values`].

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::Age;
use super::diagnostic::escaped;
use crate::http_client::is_path;
pub(super) use crate::log::source::Mistake;
use crate::runtime_api::Address;
use crate::warm_up::check_url;
use crate::words::duration;
use crate::words::limits::SOCKET_PATH_BYTES_MAX;

/// Longest path or Host header; servers commonly refuse request lines above 8 KiB.
const MAX_TEXT_BYTES: usize = 4_096;
/// What may become how old.
const AGE_MIN: Duration = Duration::from_secs(60);
const AGE_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// Most ranges of status codes.
const MAX_RANGES: usize = 100;

/// `Ok` without a label.
fn refuse_if(label: Option<&'static str>, help: &str) -> Result<(), Mistake> {
    label.map_or(Ok(()), |label| Err(Mistake::new(label, help)))
}

/// The admin socket: a path, or `tcp:HOST:PORT`.
pub(super) fn address(text: &str) -> Result<Address, Mistake> {
    let help = "write the path from the `stats socket` line of haproxy.cfg, or \"tcp:HOST:PORT\"";
    if let Some(host_port) = text.strip_prefix("tcp:") {
        if is_host_port(host_port) {
            return Ok(Address::Tcp(host_port.to_owned()));
        }
        let help = "for example \"tcp:127.0.0.1:9999\" or \"tcp:[::1]:9999\"";
        return Err(Mistake::new("no HOST:PORT after `tcp:`", help));
    }
    let prefixes = ["unix@", "ipv4@", "ipv6@", "fd@", "abns@", "unix:"];
    if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
        let label = "HAProxy's address prefixes are not supported here";
        return Err(Mistake::new(label, help));
    }
    if !text.contains('/') && is_host_port(text) {
        let help = format!("write \"tcp:{}\"", escaped(text));
        return Err(Mistake::new("this would be a path", help));
    }
    socket_path(text, help)?;
    Ok(Address::Unix(PathBuf::from(text)))
}

/// The daemon's own socket.
pub(super) fn control_socket(text: &str) -> Result<(), Mistake> {
    socket_path(text, "write a path where the daemon can create its socket")
}

/// `[state] dir`.
pub(super) fn directory(text: &str) -> Result<(), Mistake> {
    path(
        text,
        "write the path of a directory, or \"\" to keep nothing",
    )
}

/// `[http] token_file`.
pub(super) fn token_file(text: &str) -> Result<(), Mistake> {
    path(
        text,
        "write the path of the file with the tokens, or \"\" for none",
    )
}

/// `password_file` of a mail.
pub(super) fn secret_file(text: &str) -> Result<(), Mistake> {
    path(text, "write the path of the file with the password")
}

/// `ca_file`.
pub(super) fn ca_file(text: &str) -> Result<(), Mistake> {
    path(
        text,
        "write the path of a file of certificates (PEM), or \"\" for none",
    )
}

/// `[events] keep`.
pub(super) fn age(text: &str) -> Result<Age, Mistake> {
    let help = "write minutes, hours or days, such as \"30d\"";
    let age = duration::parse(text)
        .ok()
        .filter(|_| !duration::says_months(text));
    let age = age.ok_or_else(|| Mistake::new("no such time", help))?;
    if (AGE_MIN..=AGE_MAX).contains(&age) {
        return Ok(Age(age));
    }
    Err(Mistake::new("not between a minute and ten years", help))
}

/// `[events] file`.
pub(super) fn events_file(text: &str) -> Result<(), Mistake> {
    path(
        text,
        "write the path of a file, or \"\" for one in [state] dir",
    )
}

pub(super) fn socket_path(text: &str, help: &str) -> Result<(), Mistake> {
    path(text, help)?;
    if text.len() <= SOCKET_PATH_BYTES_MAX {
        return Ok(());
    }
    let (most, given) = (SOCKET_PATH_BYTES_MAX, text.len());
    let help = format!("use a shorter path: this one has {given} bytes, at most {most} work");
    Err(Mistake::new("too long for a Unix socket", help))
}

fn path(text: &str, help: &str) -> Result<(), Mistake> {
    let label = if text.is_empty() {
        "empty"
    } else if text.chars().any(char::is_control) {
        "contains control characters"
    } else {
        return Ok(());
    };
    Err(Mistake::new(label, help))
}

/// HOST:PORT with a port of 1–65535; an IPv6 address stands in brackets.
fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let is_digits = port.bytes().all(|digit| digit.is_ascii_digit());
    let is_port = is_digits && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').map(str::parse::<Ipv6Addr>);
        inner.is_some_and(|address| address.is_ok())
    } else {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        !host.is_empty() && host.bytes().all(is_allowed)
    };
    is_port && is_host
}

const TAG_HELP: &str = "write the program name that precedes `[PID]:` in the log, as set by \
                        `log-tag` in haproxy.cfg: no spaces, colons or brackets";

/// `[log] tag`.
pub(super) fn tag(text: &str) -> Result<(), Mistake> {
    let is_allowed = |letter: char| letter.is_ascii_graphic() && !":[]".contains(letter);
    let is_tag = !text.is_empty() && text.chars().all(is_allowed);
    refuse_if((!is_tag).then_some("not a program name"), TAG_HELP)
}

/// Reads a program's name as `tag` under `[log]` gives it.
///
/// # Errors
/// What cannot be a program's name, in words.
pub fn parse_tag(text: &str) -> Result<String, String> {
    tag(text).map_err(|mistake| mistake.help)?;
    Ok(text.to_owned())
}

/// `path` of a warm-up.
pub(super) fn request_path(text: &str) -> Result<(), Mistake> {
    let label = if !text.starts_with('/') {
        Some("does not begin with `/`")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("contains spaces, control or non-ASCII characters: write them as %20 and so on")
    } else if text.contains('#') {
        Some("a fragment is never sent to a server")
    } else if !is_path(text) {
        Some("contains a character that no URL may have: write it as %XX")
    } else {
        (text.len() > MAX_TEXT_BYTES).then_some("too long")
    };
    refuse_if(
        label,
        "write a path such as \"/health\", without spaces or a host",
    )
}

/// `host` of a warm-up.
pub(super) fn host(text: &str) -> Result<(), Mistake> {
    let label = if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("contains spaces, control or non-ASCII characters")
    } else if text.contains(['/', '@']) {
        Some("a host only: no scheme, path or user")
    } else {
        (text.len() > MAX_TEXT_BYTES).then_some("too long")
    };
    refuse_if(
        label,
        "write a name such as \"www.example.com\", or \"\" for ADDRESS:PORT",
    )
}

/// `warm_up_url`, as the warm-up itself will read it.
pub(super) fn url(text: &str) -> Result<(), Mistake> {
    let help = "for example \"http://10.0.0.13:8080/health\"";
    check_url(text).map_err(|label| Mistake::new(label, help))
}

/// `"200,204,301-302"` as inclusive ranges.
pub(super) fn status_ranges(text: &str) -> Result<Vec<(u16, u16)>, Mistake> {
    let refused = |label| {
        let help = "write codes and ranges, for example \"200-399\" or \"200,204,301-302\"";
        Mistake::new(label, help)
    };
    let code = |digits: &str| {
        let digits = digits.trim();
        let is_plain = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let code = digits
            .parse()
            .ok()
            .filter(|code| is_plain && (100..=599).contains(code));
        code.ok_or_else(|| refused("not a status code from 100 to 599"))
    };
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (code(from)?, code(to)?);
        if from > to {
            return Err(refused("a range that ends before it begins"));
        }
        if ranges.len() == MAX_RANGES {
            return Err(refused("too many ranges"));
        }
        ranges.push((from, to));
    }
    Ok(ranges)
}

/// `"16KiB"` in bytes; a size that does not fit is the largest.
pub(super) fn size(text: &str) -> Option<u32> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return None,
    };
    let number = (!number.is_empty()).then(|| number.parse::<u32>().unwrap_or(u32::MAX));
    Some(number?.saturating_mul(factor))
}
