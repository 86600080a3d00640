//! The configuration file: TOML → [`Config`], with every mistake of the file at once.
//!
//! Touches neither the network nor the clock. Defaults live in the module of each table and nowhere
//! else. Nothing stops at the first mistake: the file is parsed with recovery, then read key by key
//! by a `reader::Reader` that collects what is wrong.

mod backend;
pub mod check;
mod diagnostic;
mod duration;
pub mod keys;
mod log_source;
mod paths;
mod policy;
mod reader;
mod render;
mod sections;
mod servers;
mod syntax;
mod values;
mod warm_up;

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use self::reader::{Reader, Table};
use crate::log::format::LogFormat;
use crate::runtime_api::Address;
use crate::scaler::settings::BackendSettings;

pub use self::diagnostic::{Code, ConfigErrors, Diagnostic, Findings, Label, Severity, Span};
pub use self::sections::{parse_format, parse_tag};
pub use crate::log::source::LogSource;

/// Largest file that is read.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
/// Everybody on the host may write.
const WRITABLE_BY_ALL: u32 = 0o002;
/// The members of the file's group may write.
const WRITABLE_BY_GROUP: u32 = 0o020;
const ROOT: u32 = 0;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What may be touched.
    pub mode: Mode,
    /// `[haproxy]`.
    pub haproxy: HaproxyConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[control] socket`.
    pub control_socket: PathBuf,
    /// `[state] dir`; `None` when it is `""`.
    pub state_dir: Option<PathBuf>,
    /// `[backend.NAME]`, by name.
    pub backends: BTreeMap<String, BackendConfig>,
}

/// `mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Decide and do.
    Act,
    /// Decide and report; touch neither HAProxy nor spares.
    Observe,
}

/// `[haproxy]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaproxyConfig {
    /// The admin socket.
    pub socket: Address,
    /// One step (connect, write, read) on it.
    pub timeout: Duration,
    /// How often servers and counters are read.
    pub poll_interval: Duration,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Where lines come from.
    pub source: LogSource,
    /// How its lines are written.
    pub format: LogFormat,
    /// The program name that a syslog head must carry.
    pub tag: String,
    /// A longer line is rejected in constant memory.
    pub max_line_bytes: usize,
    /// `source` may listen beyond loopback.
    pub allow_remote: bool,
}

/// `[backend.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendConfig {
    /// What decides.
    pub scaler: BackendSettings,
    /// How a spare is warmed up.
    pub warm_up: WarmUpConfig,
    /// `[backend.NAME.server.SERVER] warm_up_url`, by server.
    pub warm_up_urls: BTreeMap<String, String>,
}

/// `[backend.NAME.warm_up]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmUpConfig {
    /// Path of the GET request.
    pub path: String,
    /// Host header; `None`: ADDRESS:PORT.
    pub host: Option<String>,
    /// Verify the certificate of an https server.
    pub tls_verify: bool,
    /// Successes in a row; 0: a TCP connection is enough.
    pub requests: u32,
    /// Status codes that count as success, inclusive ranges.
    pub expect_status: Vec<(u16, u16)>,
    /// Time limit of one request.
    pub timeout: Duration,
}

/// A configuration that can be used, and what looks wrong about it all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What the file says.
    pub config: Config,
    /// Only warnings, in the order of the text.
    pub warnings: Vec<Diagnostic>,
    /// Name and text of the file with the warnings, to show them.
    pub findings: Findings,
}

impl Loaded {
    /// The warnings as [`ConfigErrors::render`] shows them; empty without warnings.
    pub fn render_warnings(&self, color: bool) -> String {
        self.findings.render(color)
    }
}

/// Reads and checks a file. Every mistake of the file comes back at once. Relative paths in it are
/// relative to the file.
pub fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
    let (found, bytes) = trusted(path)
        .and_then(|found| Ok((found, read_limited(path)?)))
        .map_err(|error| ConfigErrors::Unreadable {
            path: path.to_owned(),
            error,
        })?;
    let name = path.display().to_string();
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_large(&name));
    }
    let mut loaded = match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, &name)?,
        Err(error) => return Err(not_utf8(&bytes, error.valid_up_to(), &name)),
    };
    paths::begin_at(&paths::folder_of(path), &mut loaded.config);
    if let Some(warning) = others_who_write(&found) {
        loaded.warnings.insert(0, warning.clone());
        loaded.findings.diagnostics.insert(0, warning);
    }
    Ok(loaded)
}

/// Nobody obeys a file that everybody may write: it names the servers that may go. A pipe has no
/// such right.
fn trusted(path: &Path) -> io::Result<Metadata> {
    let found = std::fs::metadata(path)?;
    if found.is_file() && found.mode() & WRITABLE_BY_ALL != 0 {
        return Err(io::Error::other(
            "everybody on this host may write it; take that right away (chmod o-w)",
        ));
    }
    Ok(found)
}

/// A group may be meant to write, so it is only said. Root's group, and one with the number of the
/// owner, which is the owner's own by custom, are nobody else.
fn others_who_write(found: &Metadata) -> Option<Diagnostic> {
    let (owner, group) = (found.uid(), found.gid());
    if !found.is_file() || found.mode() & WRITABLE_BY_GROUP == 0 || [ROOT, owner].contains(&group) {
        return None;
    }
    Some(Diagnostic::new(
        Code::GroupMayWrite,
        format!("every member of group {group} may write this file"),
        Label::new(0..0, "whoever writes it says which servers may go"),
        "take that right away (chmod g-w), unless all of them are meant to have it",
    ))
}

/// Where the daemon of that file listens, whatever else the file gets wrong: who has broken it still
/// wants to see and to pause what runs. `None` when it cannot be read, is no TOML, or names no usable
/// socket.
pub fn control_socket_of(path: &Path) -> Option<PathBuf> {
    let bytes = read_limited(path).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let (table, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return None;
    }
    let mut reader = Reader::new(text);
    let top = Table::top(table.get_ref(), keys::TOP);
    let socket = sections::control_socket(&top, &mut reader);
    let (errors, ..) = reader.into_parts();
    let socket = paths::folder_of(path).join(socket);
    errors.is_empty().then_some(socket)
}

/// At most one byte more than the limit, so that a device or a growing file ends too.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX) + 1;
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks the text of a file that is called `name` in messages.
pub fn parse(text: &str, name: &str) -> Result<Loaded, ConfigErrors> {
    if text.len() > MAX_FILE_BYTES {
        return Err(too_large(name));
    }
    let (table, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(text);
    let config = if table.get_ref().is_empty() && syntax.is_empty() {
        reader.add(empty());
        None
    } else {
        Some(read(table.get_ref(), &mut reader))
    };
    let (errors, warnings, mut left_out) = reader.into_parts();
    let syntax = syntax::mistakes(&syntax, table.get_ref(), text);
    left_out += syntax.left_out;
    let errors = syntax::without_echoes(errors, &syntax, text);
    let has_errors = !(errors.is_empty() && syntax.found.is_empty());
    let mut diagnostics = [syntax.found, errors, warnings].concat();
    for diagnostic in &mut diagnostics {
        let others = diagnostic.secondary.iter_mut();
        for label in std::iter::once(&mut diagnostic.primary).chain(others) {
            label.span = render::within(&label.span, text);
        }
    }
    diagnostics.sort_by_key(|found| (found.primary.span.start, found.primary.span.end, found.code));
    let findings = Findings {
        name: name.to_owned(),
        source: text.to_owned(),
        diagnostics,
        left_out,
    };
    match config {
        Some(config) if !has_errors => Ok(Loaded {
            config,
            warnings: findings.diagnostics.clone(),
            findings,
        }),
        _ => Err(ConfigErrors::Invalid(Box::new(findings))),
    }
}

/// Every key of the file, whatever becomes of the others.
fn read(entries: &DeTable<'_>, reader: &mut Reader<'_>) -> Config {
    let top = Table::top(entries, keys::TOP);
    top.reject_unknown(reader);
    let mode = sections::mode(&top, reader);
    let haproxy = sections::haproxy(&top, reader);
    let log = sections::log(&top, reader);
    let control_socket = sections::control_socket(&top, reader);
    let state_dir = sections::state_dir(&top, reader);
    let defaults = backend::Draft::defaults(&top, reader);
    let backends = backend::backends(&top, &defaults, &haproxy, reader);
    if backends.is_empty() && !top.has_entries("backend") {
        reader.add(Diagnostic::new(
            Code::Missing,
            "no backend",
            Label::new(
                top.place("backend").unwrap_or(0..0),
                "nothing to look after",
            ),
            "add a table with HAProxy's name of the backend: `[backend.web]` with \
             `always_up = [\"web1\"]` and `response_time = \"500ms\"`",
        ));
    }
    Config {
        mode,
        haproxy,
        log,
        control_socket,
        state_dir,
        backends,
    }
}

fn empty() -> Diagnostic {
    Diagnostic::new(
        Code::BadFile,
        "the file is empty",
        Label::new(0..0, "no key in all of the file"),
        "the least that works: `[haproxy]` with `socket`, `[log]` with `source`, `[backend.web]` \
         with `always_up = [\"web1\"]` and `response_time = \"500ms\"`; see config.example.toml",
    )
}

fn too_large(name: &str) -> ConfigErrors {
    bad_file(
        name,
        String::new(),
        Diagnostic::new(
            Code::BadFile,
            format!("the file is larger than {} KiB", MAX_FILE_BYTES / 1024),
            Label::new(0..0, "not read"),
            "name the configuration file, not a log, with -c FILE",
        ),
    )
}

fn not_utf8(bytes: &[u8], valid_bytes: usize, name: &str) -> ConfigErrors {
    let source = String::from_utf8_lossy(bytes).into_owned();
    let end = valid_bytes + char::REPLACEMENT_CHARACTER.len_utf8();
    bad_file(
        name,
        source,
        Diagnostic::new(
            Code::BadFile,
            "the file is not UTF-8",
            Label::new(valid_bytes..end, "this byte is not UTF-8"),
            "save the file as UTF-8",
        ),
    )
}

fn bad_file(name: &str, source: String, diagnostic: Diagnostic) -> ConfigErrors {
    ConfigErrors::Invalid(Box::new(Findings {
        name: name.to_owned(),
        source,
        diagnostics: vec![diagnostic],
        left_out: 0,
    }))
}
