//! Why a line gives no record: a closed list of reasons, and how to tell them apart.
//!
//! Runs only after a line was refused, and can turn a refusal into nothing but another name for it.

use std::fmt;

use super::bytes::{Body, is_ip, split_word, starts_like_traffic};
use crate::words::calendar::parse_local_ms;
use crate::words::closed::closed;
use crate::words::names::is_name;

closed! {
    /// Why a line gives no record. The names are part of the output of `parse` and `stats`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Reject {
        /// Nothing in it.
        Empty = "empty",
        /// Longer than `max_line_bytes`. Found by whoever reads, not by the parser.
        TooLong = "too_long",
        /// A piece of a line that a container's runtime cut and says so (CRI's `P`).
        Partial = "partial",
        /// NUL bytes where text was expected: a hole that truncating a file left behind.
        Nul = "nul",
        /// No known head and no known text.
        UnknownHead = "unknown_head",
        /// A known head with another program's name.
        OtherProgram = "other_program",
        /// HAProxy about itself: server up or down, health check, proxy started or stopped.
        HaproxyMessage = "haproxy_message",
        /// A connection that never became a request: `CI:CP [date] FRONTEND/BIND: MESSAGE`.
        FrontendError = "frontend_error",
        /// A frontend without a log option: `Connect from … to …`, or `Connect to unix:1 …`, which has no
        /// timers.
        Connect = "connect",
        /// `option tcplog`: no request, no response time.
        Tcplog = "tcplog",
        /// `option httplog clf`.
        Clf = "clf",
        /// A date of another shape, or a day that does not exist.
        BadDate = "bad_date",
        /// A number that HAProxy cannot have meant: too large, `-0`, `-7`, leading zeros.
        BadNumber = "bad_number",
        /// HAProxy's, or said to be, but not the stock httplog format.
        NotHttplog = "not_httplog",
        /// HAProxy's, or said to be, but not the format that the configuration names.
        NotFormat = "not_format",
    }
}

/// Beginnings of the messages that HAProxy writes about itself (2.4 to 3.5-dev5).
const MESSAGE_STARTS: [&[u8]; 15] = [
    b"Server ",
    b"Backup Server ",
    b"Health check for ",
    b"Agent check for ",
    b"backend ",
    b"Proxy ",
    b"Pausing ",
    b"Paused ",
    b"Resuming ",
    b"Resumed ",
    b"Enabling ",
    b"Stopping ",
    b"SPOE: ",
    b"SIGHUP: Proxy ",
    b"Loading success.",
];

/// Beginnings of the copies on standard error.
const STDERR_LEVELS: [&[u8]; 4] = [b"[NOTICE]", b"[WARNING]", b"[ALERT]", b"[DIAG]"];

impl Reject {
    /// HAProxy about itself: understood, and no line that could not be read.
    pub const fn is_message(self) -> bool {
        matches!(self, Self::HaproxyMessage)
    }

    /// Only HAProxy writes such lines.
    pub const fn is_haproxys(self) -> bool {
        self.origin().0
    }

    /// Lines that stand in a healthy log beside the requests, and so are no sign of a wrong format.
    pub const fn is_ordinary(self) -> bool {
        self.origin().1
    }

    /// Whether only HAProxy writes such lines, and whether a healthy log has some.
    const fn origin(self) -> (bool, bool) {
        match self {
            Self::FrontendError => (true, true),
            Self::Connect | Self::Tcplog | Self::Clf => (true, false),
            Self::OtherProgram | Self::HaproxyMessage => (false, true),
            Self::Empty
            | Self::TooLong
            | Self::Partial
            | Self::Nul
            | Self::UnknownHead
            | Self::BadDate
            | Self::BadNumber
            | Self::NotHttplog
            | Self::NotFormat => (false, false),
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Names the reason for a body that is not httplog.
pub(super) fn classify(body: Body<'_>) -> Reject {
    let text = body.text;
    if text.is_empty() {
        return Reject::Empty;
    }
    if starts_like_traffic(text) {
        let (_, after_client) = split_word(text);
        return classify_traffic(after_client);
    }
    let (first, rest) = split_word(text);
    if text.starts_with(b"Connect from ") || text.starts_with(b"Connect to ") {
        Reject::Connect
    } else if MESSAGE_STARTS
        .iter()
        .chain(&STDERR_LEVELS)
        .any(|start| text.starts_with(start))
        || (first.contains(&b'/')
            && (rest.starts_with(b"changed its IP from ")
                || rest.starts_with(b"changed its FQDN from ")))
    {
        Reject::HaproxyMessage
    } else if rest.starts_with(b"- - [") && is_ip(first) {
        Reject::Clf
    } else if text.contains(&0) {
        Reject::Nul
    } else if body.has_head {
        Reject::NotHttplog
    } else {
        Reject::UnknownHead
    }
}

/// The backend in which one of HAProxy's own messages says that a server changed, or that none is
/// left. Somebody else may have written it (a health check's answer, another program on the same
/// socket), so it may be a reason to look at HAProxy and never one to believe.
pub(super) fn server_change(text: &[u8]) -> Option<&str> {
    let text = strip_stderr_level(text);
    if let Some(rest) = text.strip_prefix(b"backend ") {
        let (backend, rest) = split_word(rest);
        let quoted = backend
            .strip_prefix(b"'")
            .and_then(|it| it.strip_suffix(b"'"));
        let backend = quoted.unwrap_or(backend);
        return rest
            .starts_with(b"has no server available!")
            .then(|| name(backend))?;
    }
    let text = text.strip_prefix(b"Backup ").unwrap_or(text);
    let (server, rest) = split_word(text.strip_prefix(b"Server ")?);
    let slash = server.iter().position(|&byte| byte == b'/')?;
    let (backend, server) = server.split_at_checked(slash)?;
    name(server.get(1..)?)?;
    // `('nope.invalid') ` stands there where the address is found by name.
    let rest = match rest {
        [b'(', ..] => split_word(rest).1,
        _ => rest,
    };
    let (verb, _) = split_word(rest);
    let says_change = [&b"is"[..], b"was", b"enters", b"remains", b"resolves"].contains(&verb);
    says_change.then(|| name(backend))?
}

/// `[WARNING]  (31) : ` of the copy on standard error, `[WARNING] 324/233631 (31) : ` before 2.5.
fn strip_stderr_level(text: &[u8]) -> &[u8] {
    /// Longer than any such beginning.
    const BYTES_MAX: usize = 48;
    if !STDERR_LEVELS.iter().any(|level| text.starts_with(level)) {
        return text;
    }
    let start = text.get(..BYTES_MAX).unwrap_or(text);
    let colon = start.windows(3).position(|bytes| bytes == b" : ");
    colon
        .and_then(|colon| text.get(colon + 3..))
        .unwrap_or(text)
}

/// A name as HAProxy allows it.
fn name(word: &[u8]) -> Option<&str> {
    std::str::from_utf8(word).ok().filter(|_| is_name(word))
}

/// What follows the client's address, from the `[` of the date on.
fn classify_traffic(text: &[u8]) -> Reject {
    let date_end = text.iter().position(|&byte| byte == b']');
    let Some((date, rest)) = date_end.and_then(|end| text.split_at_checked(end)) else {
        return Reject::BadDate;
    };
    let Some(rest) = rest.strip_prefix(b"] ") else {
        return Reject::BadDate;
    };
    if parse_local_ms(date.get(1..).unwrap_or_default()).is_none() {
        return Reject::BadDate;
    }
    let (frontend, rest) = split_word(rest);
    if frontend.ends_with(b":") && frontend.contains(&b'/') {
        return Reject::FrontendError;
    }
    let (names, rest) = split_word(rest);
    let (timers, _) = split_word(rest);
    if is_tcplog_timers(timers) {
        Reject::Tcplog
    } else if [frontend, names, timers]
        .iter()
        .any(|word| word.contains(&0))
    {
        Reject::Nul
    } else {
        Reject::NotHttplog
    }
}

/// `Tw/Tc/Tt`: three where httplog has five.
fn is_tcplog_timers(word: &[u8]) -> bool {
    let is_timer = |timer: &[u8]| {
        let digits = timer
            .strip_prefix(b"-")
            .or_else(|| timer.strip_prefix(b"+"))
            .unwrap_or(timer);
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    };
    let mut timers = word.split(|&byte| byte == b'/');
    timers
        .by_ref()
        .take(3)
        .filter(|timer| is_timer(timer))
        .count()
        == 3
        && timers.next().is_none()
}
