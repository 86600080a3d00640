//! How an HTTP line is written: its head, its fields in the order of httplog (configuration.txt
//! §8.2.3), and where they lie. What it says is decided elsewhere.

use super::Request;
use super::names::{METHODS, PATHS, USER_AGENTS};
use super::prng::Prng;

/// HAProxy's process.
const TAG: &str = "haproxy[23269]: ";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Months from where the clock starts; a log that lasts longer stays in the last.
const MONTHS: [(&str, &str, u64); 3] = [("Oct", "10", 31), ("Nov", "11", 30), ("Dec", "12", 31)];

/// What stands before HAProxy's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// `Nov 21 23:36:31 lb1 haproxy[23269]: `, as rsyslog writes an rfc3164 message into a file.
    Rsyslog,
    /// `2026-11-21T23:36:31.172726+00:00 lb1 haproxy[23269]: `, its other format.
    RsyslogIso,
    /// Nothing; this one and the following as in HAProxy's `log … format`.
    Raw,
    /// `<142>Nov 21 23:36:31 haproxy[23269]: `.
    Local,
    /// `<142>Nov 21 23:36:31 lb1 haproxy[23269]: `.
    Rfc3164,
    /// `<142>1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 - - `.
    Rfc5424,
    /// `<142>`.
    Priority,
    /// `<6>`.
    Short,
    /// `<6>2026-11-21T23:36:31.172739+00:00 `.
    Timed,
    /// `2026-11-21T23:36:31.172726+00:00 `.
    Iso,
}

impl Head {
    /// It says which program wrote the line.
    pub const fn names_program(self) -> bool {
        match self {
            Self::Rsyslog | Self::RsyslogIso | Self::Local | Self::Rfc3164 | Self::Rfc5424 => true,
            Self::Raw | Self::Priority | Self::Short | Self::Timed | Self::Iso => false,
        }
    }

    /// Every head with its name.
    pub const ALL: [(&'static str, Self); 10] = [
        ("rsyslog", Self::Rsyslog),
        ("rsyslog-iso", Self::RsyslogIso),
        ("raw", Self::Raw),
        ("local", Self::Local),
        ("rfc3164", Self::Rfc3164),
        ("rfc5424", Self::Rfc5424),
        ("priority", Self::Priority),
        ("short", Self::Short),
        ("timed", Self::Timed),
        ("iso", Self::Iso),
    ];
}

/// Everything that a line shows.
pub(super) struct Http {
    pub(super) request: Request,
    /// With `~` where it speaks TLS.
    pub(super) frontend: &'static str,
    pub(super) client: Client,
    pub(super) is_logasap: bool,
    /// `%B`.
    pub(super) bytes: i32,
    /// `%CC %CS`.
    pub(super) cookies: &'static str,
    /// `%tsc`.
    pub(super) termination: &'static str,
    /// `%rc`, with the `+` of a redispatch.
    pub(super) retries: &'static str,
    /// `%sq/%bq`.
    pub(super) queues: &'static str,
    pub(super) captures: Captures,
    pub(super) asked: Asked,
    /// What httpslog writes behind the request.
    pub(super) tail: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum Client {
    Ipv4,
    Ipv6,
    Text(&'static str),
}

#[derive(Clone, Copy)]
pub(super) enum Captures {
    None,
    /// Host and user agent, as long as they are.
    UserAgent,
    Text(&'static str),
}

/// `%{+Q}r`.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    Usual,
    /// With so many bytes of query.
    Long(usize),
    Text(&'static str),
}

/// Where fields begin and end in the text.
pub(super) struct Marks {
    pub(super) body: usize,
    pub(super) server: usize,
    pub(super) server_end: usize,
    pub(super) timers: usize,
    pub(super) last_timer: usize,
    pub(super) status: usize,
    pub(super) bytes: usize,
}

pub(super) fn push_head(text: &mut Vec<u8>, head: Head, now_ms: u64) {
    match head {
        Head::Rsyslog => {
            push_bsd(text, now_ms);
            push(text, " lb1 ");
            push(text, TAG);
        }
        Head::RsyslogIso => {
            push_iso(text, now_ms);
            push(text, " lb1 ");
            push(text, TAG);
        }
        Head::Raw => {}
        Head::Local => {
            push(text, "<142>");
            push_bsd(text, now_ms);
            push(text, " ");
            push(text, TAG);
        }
        Head::Rfc3164 => {
            push(text, "<142>");
            push_head(text, Head::Rsyslog, now_ms);
        }
        Head::Rfc5424 => {
            push(text, "<142>1 ");
            push_iso(text, now_ms);
            push(text, " lb1 haproxy 23269 - - ");
        }
        Head::Priority => push(text, "<142>"),
        Head::Short => push(text, "<6>"),
        Head::Timed => {
            push(text, "<6>");
            push_iso(text, now_ms);
            push(text, " ");
        }
        Head::Iso => {
            push_iso(text, now_ms);
            push(text, " ");
        }
    }
}

/// `127.0.0.1:39518 [21/Nov/2026:23:36:31.172] `: the beginning of every line about a connection.
pub(super) fn push_start(text: &mut Vec<u8>, prng: &mut Prng, client: Client, accepted_ms: u64) {
    match client {
        Client::Ipv4 => {
            push(text, prng.pick(&["10.0.", "192.168.", "203.0.", "198.51."]));
            push_number(text, 1 + prng.below(254));
            push(text, ".");
            push_number(text, 1 + prng.below(254));
            push(text, ":");
            push_number(text, 1024 + prng.below(64000));
        }
        Client::Ipv6 => {
            push(
                text,
                prng.pick(&[
                    "2001:db8::",
                    "2001:db8:4f:0:8c2::",
                    "::1",
                    "::ffff:10.9.8.7",
                ]),
            );
            if text.ends_with(b":") {
                push(text, prng.pick(&["beef:1", "c0de", "7"]));
            }
            push(text, ":");
            push_number(text, 1024 + prng.below(64000));
        }
        Client::Text(client) => push(text, client),
    }
    push(text, " [");
    push_date(text, accepted_ms);
    push(text, "] ");
}

/// The line behind its head.
pub(super) fn push_http(text: &mut Vec<u8>, prng: &mut Prng, now_ms: u64, http: &Http) -> Marks {
    let body = text.len();
    let request = &http.request;
    let took_ms = u64::try_from(request.total_ms).unwrap_or(0);
    push_start(text, prng, http.client, now_ms.saturating_sub(took_ms));
    push(text, http.frontend);
    push(text, " ");
    let server = text.len();
    push(text, request.backend);
    push(text, "/");
    push(text, request.server);
    let server_end = text.len();
    push(text, " ");
    let timers = text.len();
    for timer in [
        request.request_ms,
        request.queue_ms,
        request.connect_ms,
        request.response_ms,
    ] {
        push_signed(text, timer);
        push(text, "/");
    }
    let last_timer = text.len();
    let plus = if http.is_logasap { "+" } else { "" };
    push(text, plus);
    push_signed(text, request.total_ms);
    push(text, " ");
    let status = text.len();
    push_signed(text, request.status.into());
    push(text, " ");
    push(text, plus);
    let bytes = text.len();
    push_signed(text, http.bytes);
    for part in [" ", http.cookies, " ", http.termination, " "] {
        push(text, part);
    }
    let open = 1 + prng.below(400);
    push_number(text, open + prng.below(90));
    for count in [open, 1 + open / 2, 1 + open / 9] {
        push(text, "/");
        push_number(text, count);
    }
    for part in ["/", http.retries, " ", http.queues, " "] {
        push(text, part);
    }
    push_captures(text, prng, http.captures);
    push_asked(text, prng, http.asked);
    push(text, http.tail);
    Marks {
        body,
        server,
        server_end,
        timers,
        last_timer,
        status,
        bytes,
    }
}

fn push_captures(text: &mut Vec<u8>, prng: &mut Prng, captures: Captures) {
    match captures {
        Captures::None => {}
        Captures::UserAgent => {
            push(text, "{www.example.org|");
            push(text, prng.pick(&USER_AGENTS));
            push(text, "} {text/html; charset=utf-8} ");
        }
        Captures::Text(captures) => push(text, captures),
    }
}

fn push_asked(text: &mut Vec<u8>, prng: &mut Prng, asked: Asked) {
    if let Asked::Text(asked) = asked {
        return push(text, asked);
    }
    push(text, "\"");
    push(text, prng.pick(&METHODS));
    push(text, " ");
    push(text, prng.pick(&PATHS));
    push_number(text, prng.below(100_000));
    if let Asked::Long(len) = asked {
        push(text, "&q=");
        text.extend((0..len).map(|at| b"abcdefghij%20klmnop"[at % 19]));
    }
    push(text, " HTTP/1.1\"");
}

pub(super) fn push(text: &mut Vec<u8>, part: &str) {
    text.extend_from_slice(part.as_bytes());
}

fn push_signed(text: &mut Vec<u8>, number: i32) {
    if number < 0 {
        push(text, "-");
    }
    push_number(text, number.unsigned_abs().into());
}

pub(super) fn push_number(text: &mut Vec<u8>, number: u64) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(b"0123456789"[usize::try_from(number % 10).unwrap_or(0)]);
}

/// With zeros in front.
fn push_padded(text: &mut Vec<u8>, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        push_number(text, number / 10_u64.pow(place) % 10);
    }
}

/// Month, its number, and the day in it.
fn date_of(ms: u64) -> (&'static str, &'static str, u64) {
    let mut days = 30 + ms / DAY_MS;
    for (name, number, length) in MONTHS {
        if days < length {
            return (name, number, days + 1);
        }
        days -= length;
    }
    ("Dec", "12", 31)
}

fn push_time(text: &mut Vec<u8>, ms: u64) {
    push_padded(text, ms % DAY_MS / 3_600_000, 2);
    push(text, ":");
    push_padded(text, ms / 60_000 % 60, 2);
    push(text, ":");
    push_padded(text, ms / 1000 % 60, 2);
}

/// `Nov  1 23:36:31`.
pub(super) fn push_bsd(text: &mut Vec<u8>, ms: u64) {
    let (month, _, day) = date_of(ms);
    push(text, month);
    push(text, if day < 10 { "  " } else { " " });
    push_number(text, day);
    push(text, " ");
    push_time(text, ms);
}

/// `2026-11-21T23:36:31.172726+00:00`.
fn push_iso(text: &mut Vec<u8>, ms: u64) {
    let (_, month, day) = date_of(ms);
    push(text, "2026-");
    push(text, month);
    push(text, "-");
    push_padded(text, day, 2);
    push(text, "T");
    push_time(text, ms);
    push(text, ".");
    push_padded(text, ms % 1000, 3);
    push(text, "726+00:00");
}

/// `21/Nov/2026:23:36:31.172`.
pub(super) fn push_date(text: &mut Vec<u8>, ms: u64) {
    let (month, _, day) = date_of(ms);
    push_padded(text, day, 2);
    push(text, "/");
    push(text, month);
    push(text, "/2026:");
    push_time(text, ms);
    push(text, ".");
    push_padded(text, ms % 1000, 3);
}
