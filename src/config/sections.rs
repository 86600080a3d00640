//! `mode`, `[haproxy]`, `[log]`, `[control]` and `[state]`.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Label, escaped, quoted};
use super::keys::{self, nearest};
use super::log_source;
use super::reader::{At, Reader, Table, WholeOrText};
use super::{HaproxyConfig, LogConfig, Mode};
use crate::log::format::{Fault, FormatError, LogFormat, WORDS};
use crate::log::source::LogSource;
use crate::runtime_api::Address;
use crate::words::limits::SOCKET_PATH_BYTES_MAX;

const DEFAULT_ADMIN_SOCKET: &str = "/run/haproxy/admin.sock";
const DEFAULT_HAPROXY_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(2);
const DEFAULT_LOG: &str = "/var/log/haproxy.log";
const DEFAULT_TAG: &str = "haproxy";
const DEFAULT_MAX_LINE_BYTES: u32 = 16 * 1024;
const DEFAULT_CONTROL_SOCKET: &str = "/run/haproxy-autoscale/control.sock";
const DEFAULT_STATE_DIR: &str = "/var/lib/haproxy-autoscale";

/// Shortest time limit that can work at all.
pub(super) const MIN_DURATION: Duration = Duration::from_millis(1);
/// Shortest `poll_interval`: below it HAProxy would be busy with us.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Range of `max_line_bytes`: a httplog line without captures has about 200 bytes, and HAProxy's
/// `log … len` ends at 65535.
const MIN_LINE_BYTES: u32 = 256;
const MAX_LINE_BYTES: u32 = 16 * 1024 * 1024;

/// One of a closed list of words, each with what it stands for.
pub(super) fn word<T: Copy>(
    table: &Table<'_>,
    key: &str,
    words: &[(&str, T)],
    reader: &mut Reader<'_>,
) -> Option<At<T>> {
    let text = table.text(key, reader)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
        return Some(At {
            value: *value,
            span: text.span,
        });
    }
    reader.add(not_one_of(key, &text, words.iter().map(|(word, _)| *word)));
    None
}

/// The mistake of a word that is not in its list.
pub(super) fn not_one_of<'a>(
    key: &str,
    text: &At<String>,
    words: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let list: Vec<String> = words.clone().map(|word| format!("\"{word}\"")).collect();
    let mut help = format!("allowed: {}", list.join(", "));
    if let Some(similar) = nearest(&text.value, words) {
        help = format!("did you mean \"{similar}\"? {help}");
    }
    Diagnostic::new(
        Code::NotAllowed,
        format!("`{key}` cannot be {}", quoted(&text.value)),
        Label::new(text.span.clone(), "not one of its words"),
        help,
    )
}

/// The mistake of a value that works in a later version, or never will in this one.
pub(super) fn unsupported(title: String, span: super::Span, help: &str) -> Diagnostic {
    let label = Label::new(span, "does not work in this version");
    Diagnostic::new(Code::Unsupported, title, label, help)
}

pub(super) fn mode(top: &Table<'_>, reader: &mut Reader<'_>) -> Mode {
    let words = [("act", Mode::Act), ("observe", Mode::Observe)];
    word(top, "mode", &words, reader).map_or(Mode::Act, |mode| mode.value)
}

pub(super) fn haproxy(top: &Table<'_>, reader: &mut Reader<'_>) -> HaproxyConfig {
    let mut config = HaproxyConfig {
        socket: Address::Unix(PathBuf::from(DEFAULT_ADMIN_SOCKET)),
        timeout: DEFAULT_HAPROXY_TIMEOUT,
        poll_interval: DEFAULT_POLL_INTERVAL,
    };
    let Some(table) = top.table("haproxy", keys::HAPROXY, reader) else {
        return config;
    };
    if let Some(text) = table.text("socket", reader)
        && let Some(address) = address(&text, reader)
    {
        config.socket = address;
    }
    if let Some(timeout) = table.duration("timeout", MIN_DURATION, reader) {
        config.timeout = timeout.value;
    }
    if let Some(interval) = table.duration("poll_interval", MIN_POLL_INTERVAL, reader) {
        config.poll_interval = interval.value;
    }
    config
}

fn address(text: &At<String>, reader: &mut Reader<'_>) -> Option<Address> {
    let help = "write the path of the `stats socket` line of haproxy.cfg, or \"tcp:HOST:PORT\"";
    if let Some(host_port) = text.value.strip_prefix("tcp:") {
        if is_host_port(host_port) {
            return Some(Address::Tcp(host_port.to_owned()));
        }
        reader.add(Diagnostic::new(
            Code::BadText,
            format!("`socket` is {}", quoted(&text.value)),
            Label::new(text.span.clone(), "no HOST:PORT after `tcp:`"),
            "for example \"tcp:127.0.0.1:9999\" or \"tcp:[::1]:9999\"",
        ));
        return None;
    }
    let has_scheme = ["unix@", "ipv4@", "ipv6@", "fd@", "abns@", "unix:"]
        .iter()
        .any(|scheme| text.value.starts_with(scheme));
    if has_scheme {
        reader.add(Diagnostic::new(
            Code::BadText,
            format!("`socket` is {}", quoted(&text.value)),
            Label::new(text.span.clone(), "the prefix is not known here"),
            help,
        ));
        return None;
    }
    if !text.value.contains('/') && is_host_port(&text.value) {
        reader.add(Diagnostic::new(
            Code::BadText,
            format!("`socket` is {}", quoted(&text.value)),
            Label::new(text.span.clone(), "taken for a path"),
            format!("write \"tcp:{}\"", escaped(&text.value)),
        ));
        return None;
    }
    socket_path(text, help, reader).map(Address::Unix)
}

/// HOST:PORT with a port of 1–65535; an IPv6 address stands in brackets.
pub(super) fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| is_host(host) && is_port(port))
}

/// A port of 1–65535.
pub(super) fn is_port(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A host name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        return inner
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_allowed)
}

fn socket_path(text: &At<String>, help: &str, reader: &mut Reader<'_>) -> Option<PathBuf> {
    let path = path("socket", text, help, reader)?;
    if text.value.len() <= SOCKET_PATH_BYTES_MAX {
        return Some(path);
    }
    reader.add(Diagnostic::new(
        Code::BadText,
        format!("`socket` is a path of {} bytes", text.value.len()),
        Label::new(text.span.clone(), "too long for a Unix socket"),
        format!("at most {SOCKET_PATH_BYTES_MAX} bytes"),
    ));
    None
}

fn path(key: &str, text: &At<String>, help: &str, reader: &mut Reader<'_>) -> Option<PathBuf> {
    let label = if text.value.is_empty() {
        "empty"
    } else if text.value.chars().any(char::is_control) {
        "has control characters"
    } else {
        return Some(PathBuf::from(&text.value));
    };
    reader.add(Diagnostic::new(
        Code::BadText,
        format!("`{key}` is {}", quoted(&text.value)),
        Label::new(text.span.clone(), label),
        help,
    ));
    None
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            source: LogSource::File(PathBuf::from(DEFAULT_LOG)),
            format: LogFormat::httplog(),
            tag: DEFAULT_TAG.to_owned(),
            max_line_bytes: DEFAULT_MAX_LINE_BYTES as usize,
            allow_remote: false,
        }
    }
}

pub(super) fn log(top: &Table<'_>, reader: &mut Reader<'_>) -> LogConfig {
    let mut config = LogConfig::default();
    let Some(table) = top.table("log", keys::LOG, reader) else {
        return config;
    };
    let source = table.text("source", reader);
    if let Some(text) = &source
        && let Some(source) = log_source::source(text, reader)
    {
        config.source = source;
    }
    if let Some(text) = table.text("format", reader)
        && let Some(format) = format(&text, reader)
    {
        config.format = format;
    }
    if let Some(text) = table.text("tag", reader) {
        check_tag(&text, reader);
        config.tag = text.value;
    }
    if let Some(bytes) = max_line_bytes(&table, reader) {
        config.max_line_bytes = bytes as usize;
    }
    if let Some(flag) = table.flag("allow_remote", reader) {
        config.allow_remote = flag.value;
    }
    if let Some(At { value, span }) = source {
        log_source::check_remote(&config.source, &value, span, config.allow_remote, reader);
    }
    config
}

fn format(text: &At<String>, reader: &mut Reader<'_>) -> Option<LogFormat> {
    if !WORDS.contains(&text.value.as_str()) && !text.value.contains(['%', '$']) {
        let mut mistake = not_one_of("format", text, WORDS.into_iter());
        mistake
            .help
            .push_str(", or a log-format string of haproxy.cfg");
        reader.add(mistake);
        return None;
    }
    let errors = match LogFormat::compile(&text.value) {
        Ok(format) => {
            warn_of_gaps(text, &format, reader);
            return Some(format);
        }
        Err(errors) => errors,
    };
    for error in errors {
        add_format_error(text, error, reader);
    }
    None
}

/// Reads a log format as `format` under `[log]` gives it.
///
/// # Errors
/// Every mistake of it, one a line, in words.
pub fn parse_format(text: &str) -> Result<LogFormat, String> {
    if !WORDS.contains(&text) && !text.contains(['%', '$']) {
        let words = WORDS.join(", ");
        return Err(format!(
            "write {words}, or a log-format string of haproxy.cfg"
        ));
    }
    LogFormat::compile(text).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        errors.join("\n")
    })
}

/// Reads a program's name as `tag` under `[log]` gives it.
///
/// # Errors
/// What cannot be a program's name, in words.
pub fn parse_tag(text: &str) -> Result<String, String> {
    if is_tag(text) {
        return Ok(text.to_owned());
    }
    Err(TAG_HELP.to_owned())
}

/// Says what cannot be seen in lines of this format, and keeps it for the policies.
fn warn_of_gaps(text: &At<String>, format: &LogFormat, reader: &mut Reader<'_>) {
    let gaps = format.gaps();
    if gaps.is_empty() {
        return;
    }
    let texts: Vec<&str> = gaps.iter().map(|gap| gap.text()).collect();
    let items: Vec<&str> = gaps.iter().map(|gap| gap.item()).collect();
    // What is not there has no place: the end stands for it.
    let last = text.value.char_indices().next_back().map_or(0, |it| it.0);
    let span = reader.within(&text.span, &text.value, Some(last..text.value.len()));
    reader.add(Diagnostic::new(
        Code::LogFormatGap,
        format!("the log format lacks {}", items.join(", ")),
        Label::new(span, "not everything can be seen"),
        texts.join("; "),
    ));
    reader.gaps = gaps;
}

fn add_format_error(text: &At<String>, error: FormatError, reader: &mut Reader<'_>) {
    let code = match error.fault {
        Fault::Syntax => Code::LogFormat,
        Fault::Unsafe => Code::UnsafeLogFormat,
        Fault::Incomplete => Code::IncompleteLogFormat,
        Fault::Ambiguous => Code::AmbiguousLogFormat,
        Fault::Unsupported => Code::Unsupported,
    };
    let span = reader.within(&text.span, &text.value, Some(error.range));
    let label = Label::new(span, error.label);
    reader.add(Diagnostic::new(code, error.title, label, error.help));
}

fn check_tag(text: &At<String>, reader: &mut Reader<'_>) {
    if is_tag(&text.value) {
        return;
    }
    reader.add(Diagnostic::new(
        Code::BadText,
        format!("`tag` is {}", quoted(&text.value)),
        Label::new(text.span.clone(), "no program name"),
        TAG_HELP,
    ));
}

const TAG_HELP: &str = "write what stands before `[PID]:` in the log, as `log-tag` of haproxy.cfg says: \
     no spaces, colons or brackets";

fn is_tag(text: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_graphic() && !matches!(letter, ':' | '[' | ']');
    !text.is_empty() && text.chars().all(is_allowed)
}

fn max_line_bytes(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<u32> {
    let key = "max_line_bytes";
    let range = MIN_LINE_BYTES..=MAX_LINE_BYTES;
    let wanted = "a size: a text such as \"16KiB\", or a whole number of bytes";
    let given = table.whole_or_text(key, range.clone(), wanted, reader)?;
    let text = match given.value {
        WholeOrText::Whole(bytes) => return Some(bytes),
        WholeOrText::Text(text) => text,
    };
    let bytes = size(&text);
    if let Some(bytes) = bytes.filter(|bytes| range.contains(bytes)) {
        return Some(bytes);
    }
    let (code, label) = if bytes.is_some() {
        (Code::OutOfRange, "outside the range")
    } else {
        (Code::BadText, "not a size")
    };
    reader.add(Diagnostic::new(
        code,
        format!("`{key}` is {}", quoted(&text)),
        Label::new(given.span, label),
        "write a whole number with B, KiB or MiB, from \"256B\" to \"16MiB\"",
    ));
    None
}

/// `"16KiB"` in bytes; a size that does not fit is the largest.
fn size(text: &str) -> Option<u32> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return None,
    };
    if number.is_empty() {
        return None;
    }
    Some(
        number
            .parse::<u32>()
            .unwrap_or(u32::MAX)
            .saturating_mul(factor),
    )
}

pub(super) fn control_socket(top: &Table<'_>, reader: &mut Reader<'_>) -> PathBuf {
    let table = top.table("control", keys::CONTROL, reader);
    let help = "write the path where the daemon may make its socket";
    table
        .and_then(|table| table.text("socket", reader))
        .and_then(|text| socket_path(&text, help, reader))
        .unwrap_or_else(|| PathBuf::from(DEFAULT_CONTROL_SOCKET))
}

pub(super) fn state_dir(top: &Table<'_>, reader: &mut Reader<'_>) -> Option<PathBuf> {
    let table = top.table("state", keys::STATE, reader);
    let Some(text) = table.and_then(|table| table.text("dir", reader)) else {
        return Some(PathBuf::from(DEFAULT_STATE_DIR));
    };
    if text.value.is_empty() {
        return None;
    }
    path(
        "dir",
        &text,
        "write the path of a directory, or \"\" to keep nothing",
        reader,
    )
}
