//! `[backend.NAME.warm_up]` and `[backend.NAME.server.SERVER]`. Nothing is requested here.

use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Label, quoted};
use super::reader::{At, Given, Reader, Table};
use super::sections::{MIN_DURATION, is_host, is_port};
use super::{WarmUpConfig, keys};

const DEFAULT_PATH: &str = "/";
const DEFAULT_REQUESTS: u32 = 3;
const DEFAULT_EXPECT_STATUS: (u16, u16) = (200, 399);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

const MAX_REQUESTS: u32 = 1_000;
/// Longest path, Host header or URL; servers commonly refuse request lines above 8 KiB.
const MAX_TEXT_BYTES: usize = 4_096;

/// The keys of the table as far as they are given.
#[derive(Clone, Debug, Default)]
pub(super) struct WarmUpDraft {
    path: Option<At<String>>,
    host: Option<At<String>>,
    tls_verify: Option<At<bool>>,
    requests: Option<At<u32>>,
    expect_status: Option<At<Vec<(u16, u16)>>>,
    timeout: Option<At<Duration>>,
    deadline: Option<At<Duration>>,
}

impl WarmUpDraft {
    /// The table `warm_up` below `parent`.
    pub(super) fn read(parent: &Table<'_>, reader: &mut Reader<'_>) -> Self {
        let Some(table) = parent.table("warm_up", keys::WARM_UP, reader) else {
            return Self::default();
        };
        Self {
            path: table.text("path", reader).filter(|text| {
                let label = path_mistake(&text.value);
                let help = "write a path such as \"/health\": no spaces, no host";
                accept("path", text, label, help, reader)
            }),
            host: table.text("host", reader).filter(|text| {
                let label = host_mistake(&text.value);
                let help = "write a name such as \"www.example.com\", or \"\" for ADDRESS:PORT";
                accept("host", text, label, help, reader)
            }),
            tls_verify: table.flag("tls_verify", reader),
            requests: table.whole("requests", 0..=MAX_REQUESTS, reader),
            expect_status: expect_status(&table, reader),
            timeout: table.duration("timeout", MIN_DURATION, reader),
            deadline: table.duration("deadline", MIN_DURATION, reader),
        }
    }

    /// These, and where one is missing that of `fallback`.
    pub(super) fn or(&self, fallback: &Self) -> Self {
        Self {
            path: self.path.over(&fallback.path),
            host: self.host.over(&fallback.host),
            tls_verify: self.tls_verify.over(&fallback.tls_verify),
            requests: self.requests.over(&fallback.requests),
            expect_status: self.expect_status.over(&fallback.expect_status),
            timeout: self.timeout.over(&fallback.timeout),
            deadline: self.deadline.over(&fallback.deadline),
        }
    }

    /// The settings, and `deadline`.
    pub(super) fn settle(&self, reader: &mut Reader<'_>) -> (WarmUpConfig, Duration) {
        let timeout = self.timeout.settled(DEFAULT_TIMEOUT);
        let deadline = self.deadline.settled(DEFAULT_DEADLINE);
        if timeout > deadline {
            self.warn_of_long_timeout(timeout, deadline, reader);
        }
        let host = self.host.settled(String::new());
        let config = WarmUpConfig {
            path: self.path.settled(DEFAULT_PATH.to_owned()),
            host: (!host.is_empty()).then_some(host),
            tls_verify: self.tls_verify.settled(false),
            requests: self.requests.settled(DEFAULT_REQUESTS),
            expect_status: self.expect_status.settled(vec![DEFAULT_EXPECT_STATUS]),
            timeout,
        };
        (config, deadline)
    }

    fn warn_of_long_timeout(&self, timeout: Duration, deadline: Duration, reader: &mut Reader<'_>) {
        let mut places = [
            (&self.timeout, "one request may take this long"),
            (&self.deadline, "all of the warm-up must end by then"),
        ]
        .into_iter()
        .filter_map(|(at, text)| at.as_ref().map(|at| Label::new(at.span.clone(), text)));
        let Some(primary) = places.next() else {
            return;
        };
        let (timeout, deadline) = (
            humantime::format_duration(timeout),
            humantime::format_duration(deadline),
        );
        let mut diagnostic = Diagnostic::new(
            Code::TimeoutAboveDeadline,
            format!("warm_up `timeout` ({timeout}) is longer than `deadline` ({deadline})"),
            primary,
            "make `deadline` several times as long as `timeout`",
        );
        diagnostic.secondary = places.collect();
        reader.add(diagnostic);
    }
}

/// Whether a text is good; if not, it is reported.
fn accept(
    key: &str,
    text: &At<String>,
    mistake: Option<&str>,
    help: &str,
    reader: &mut Reader<'_>,
) -> bool {
    let Some(label) = mistake else {
        return true;
    };
    reader.add(Diagnostic::new(
        Code::BadText,
        format!("`{key}` is {}", quoted(&text.value)),
        Label::new(text.span.clone(), label),
        help,
    ));
    false
}

fn path_mistake(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        Some("does not begin with `/`")
    } else if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("has spaces, control or non-ASCII characters: write them as %20 and so on")
    } else if path.contains('#') {
        Some("a fragment is never sent to a server")
    } else if path.len() > MAX_TEXT_BYTES {
        Some("too long")
    } else {
        None
    }
}

fn host_mistake(host: &str) -> Option<&'static str> {
    if !host.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("has spaces, control or non-ASCII characters")
    } else if host.contains("://") || host.contains('/') || host.contains('@') {
        Some("a host only: no scheme, path or user")
    } else if host.len() > MAX_TEXT_BYTES {
        Some("too long")
    } else {
        None
    }
}

fn expect_status(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<At<Vec<(u16, u16)>>> {
    let text = table.text("expect_status", reader)?;
    match status_ranges(&text.value) {
        Ok(ranges) => Some(At {
            value: ranges,
            span: text.span,
        }),
        Err(label) => {
            let help = "write codes and ranges, for example \"200-399\" or \"200,204,301-302\"";
            accept("expect_status", &text, Some(label), help, reader);
            None
        }
    }
}

/// `"200,204,301-302"` as inclusive ranges.
fn status_ranges(text: &str) -> Result<Vec<(u16, u16)>, &'static str> {
    const MAX_RANGES: usize = 100;
    let code = |digits: &str| {
        let digits = digits.trim();
        let is_plain = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<u16>().ok().filter(|_| is_plain);
        number
            .filter(|number| (100..=599).contains(number))
            .ok_or("not a status code from 100 to 599")
    };
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (code(from)?, code(to)?);
        if from > to {
            return Err("a range that ends before it begins");
        }
        if ranges.len() == MAX_RANGES {
            return Err("too many ranges");
        }
        ranges.push((from, to));
    }
    Ok(ranges)
}

/// `warm_up_url` of one server's table.
pub(super) fn url(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let text = table.text("warm_up_url", reader)?;
    let help = "for example \"http://10.0.0.13:8080/health\"";
    accept("warm_up_url", &text, url_mistake(&text.value), help, reader).then_some(text.value)
}

fn url_mistake(url: &str) -> Option<&'static str> {
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("has spaces, control or non-ASCII characters: write them as %20 and so on");
    }
    if url.len() > MAX_TEXT_BYTES {
        return Some("too long");
    }
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Some("begins neither with http:// nor with https://");
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Some("a user name or password cannot be used here");
    }
    if path.contains('#') {
        return Some("a fragment is never sent to a server");
    }
    let bracket = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority.rfind(':').filter(|colon| *colon > bracket) {
        Some(colon) => (authority.get(..colon), authority.get(colon + 1..)),
        None => (Some(authority), None),
    };
    match (host.unwrap_or_default(), port) {
        ("", _) => Some("no host"),
        (host, _) if !is_host(host) => Some("not a host name or address"),
        (_, Some(port)) if !is_port(port) => Some("the port is not a number from 1 to 65535"),
        _ => None,
    }
}
