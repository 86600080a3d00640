//! The configuration file: TOML → [`Config`], with every mistake of the file at once.
//!
//! Touches neither the network nor the clock. [`keys`] has a row for each key; a default is what a new
//! settings value has, and stands nowhere else. Nothing stops at the first mistake: the file is parsed
//! with recovery, then read key by key by a `reader::Reader` that collects what is wrong.

mod alert;
mod alert_values;
mod backend;
pub mod check;
mod diagnostic;
mod draft;
mod duration;
mod http;
pub mod key;
pub mod keys;
mod learned;
mod log_format;
mod log_source;
mod machine;
mod machine_values;
mod paths;
mod policy;
mod reader;
mod render;
mod schedule;
mod secrets;
mod servers;
mod syntax;
mod text;
mod types;
mod values;

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use self::draft::Draft;
use self::reader::{Reader, Table};
use crate::log::format::LogFormat;
use crate::machines::settings::Provider;
use crate::measure::settings::WindowSize;
use crate::runtime_api::Address;
use crate::scaler::settings::BackendSettings;
use crate::schedule::Schedule;
use crate::state::name;
use crate::words::closed::closed;
use crate::words::limits::{may_everybody_write, may_group_write};
use crate::words::listen::Listen;

pub use self::alert::{
    AlertConfig, Channel, EmailConfig, HeartbeatConfig, MailTls, On, Preset, ProbeConfig,
};
pub use self::diagnostic::{Code, ConfigErrors, Diagnostic, Findings, Label, Severity, Span};
pub use self::keys::MAX_TIER;
pub use self::learned::load_learned;
pub use self::log_format::parse_format;
pub use self::text::parse_tag;
pub use crate::log::source::LogSource;
pub use crate::warm_up::WarmUpConfig;

/// Largest file that is read.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
const ROOT: u32 = 0;

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
    /// `[http]`.
    pub http: HttpConfig,
    /// `[events]`.
    pub events: EventsConfig,
    /// Each `[[alert]]`.
    pub alerts: Vec<AlertConfig>,
    /// Each `[[probe]]`.
    pub probes: Vec<ProbeConfig>,
    /// `[heartbeat]`.
    pub heartbeat: HeartbeatConfig,
    /// `[backend.NAME]`, by name.
    pub backends: BTreeMap<String, BackendConfig>,
}

closed! {
    /// `mode`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Mode {
        /// Decide and do.
        Act = "act",
        /// Decide and report; touch neither HAProxy nor spares.
        Observe = "observe",
    }
}

/// `[haproxy]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaproxyConfig {
    pub socket: Address,
    /// One step (connect, write, read) on it.
    pub timeout: Duration,
    /// How often servers and counters are read.
    pub poll_interval: Duration,
}

/// `[events]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsConfig {
    /// `None`: in `[state] dir`.
    pub file: Option<PathBuf>,
    /// How long they are kept.
    pub keep: Age,
}

/// How old something may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(pub Duration);

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

/// `[http]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where metrics and the API are served.
    pub listen: Listen,
    /// The file with the tokens; `None` when it is `""`: nobody gives orders over HTTP.
    pub token_file: Option<PathBuf>,
}

/// `[backend.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendConfig {
    pub scaler: BackendSettings,
    /// `[[backend.NAME.schedule]]`.
    pub schedules: Vec<Schedule>,
    /// How a spare is warmed up.
    pub warm_up: WarmUpConfig,
    /// `[backend.NAME.server.SERVER] warm_up_url`, by server.
    pub warm_up_urls: BTreeMap<String, String>,
    /// Who starts and stops what a spare runs on, by server; the same servers as in `scaler.machines`.
    pub machines: BTreeMap<String, Provider>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Act,
            haproxy: HaproxyConfig::default(),
            log: LogConfig::default(),
            control_socket: PathBuf::from("/run/haproxy-autoscale/control.sock"),
            state_dir: Some(PathBuf::from("/var/lib/haproxy-autoscale")),
            http: HttpConfig::default(),
            events: EventsConfig::default(),
            alerts: Vec::new(),
            probes: Vec::new(),
            heartbeat: HeartbeatConfig::default(),
            backends: BTreeMap::new(),
        }
    }
}

impl Default for HaproxyConfig {
    fn default() -> Self {
        Self {
            socket: Address::Unix(PathBuf::from("/run/haproxy/admin.sock")),
            timeout: Duration::from_secs(2),
            poll_interval: Duration::from_secs(2),
        }
    }
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            file: None,
            keep: Age(Duration::from_secs(30 * 24 * 3600)),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            source: LogSource::File(PathBuf::from("/var/log/haproxy.log")),
            format: LogFormat::httplog(),
            tag: "haproxy".to_owned(),
            max_line_bytes: 16 * 1024,
            allow_remote: false,
        }
    }
}

impl Config {
    /// Where its daemon keeps events; `None`: in memory alone.
    pub fn events_file(&self) -> Option<PathBuf> {
        let own = self.events.file.clone();
        own.or_else(|| Some(self.state_dir.as_ref()?.join(self.events_name(self.mode))))
    }

    /// Where one in the other mode would.
    pub fn other_events_file(&self) -> Option<PathBuf> {
        let other = match self.mode {
            Mode::Act => Mode::Observe,
            Mode::Observe => Mode::Act,
        };
        let is_in_state_dir = self.events.file.is_none();
        let dir = self.state_dir.as_ref().filter(|_| is_in_state_dir)?;
        Some(dir.join(self.events_name(other)))
    }

    /// Where its daemon keeps what alerts have told; `None`: in memory alone.
    pub fn alerts_file(&self) -> Option<PathBuf> {
        let kind = match self.mode {
            Mode::Act => name::ALERTS,
            Mode::Observe => name::OBSERVED_ALERTS,
        };
        let name = name::file_name(&self.haproxy.socket, kind);
        Some(self.state_dir.as_ref()?.join(name))
    }

    /// From the first request that is too slow until the slowest policy has seen it, as far as the
    /// configuration says it: a window in requests takes as long as they take to come.
    pub fn slowest_policy(&self) -> Duration {
        let backends = self.backends.values();
        let policies = backends.flat_map(|backend| backend.scaler.policies.iter());
        let needed = policies.map(|policy| {
            let span = match policy.window {
                WindowSize::Requests(_) => policy.min_span,
                WindowSize::Span(span) => span,
            };
            let every = policy.every.unwrap_or(span).max(span);
            every.saturating_mul(policy.breaches.saturating_add(1))
        });
        needed.max().unwrap_or_default()
    }

    fn events_name(&self, mode: Mode) -> String {
        let kind = match mode {
            Mode::Act => name::EVENTS,
            Mode::Observe => name::OBSERVED,
        };
        name::file_name(&self.haproxy.socket, kind)
    }
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
    /// The warnings as [`ConfigErrors::report`] shows them; empty without warnings.
    pub fn render_warnings(&self, color: bool) -> String {
        self.findings.render(color)
    }
}

/// Reads and checks a file. Every mistake of the file comes back at once. Relative paths in it are
/// relative to the file.
pub fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
    let (found, text) = text_of(path)?;
    let name = path.display().to_string();
    let mut loaded = parse(&text, &name)?;
    paths::begin_at(&paths::folder_of(path), &mut loaded.config);
    if let Some(warning) = others_who_write(&found, &name) {
        loaded.warnings.insert(0, warning.clone());
        loaded.findings.diagnostics.insert(0, warning);
    }
    Ok(loaded)
}

/// The text of a file that may be obeyed.
fn text_of(path: &Path) -> Result<(Metadata, String), ConfigErrors> {
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
    match String::from_utf8(bytes) {
        Ok(text) => Ok((found, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            Err(not_utf8(error.as_bytes(), valid, &name))
        }
    }
}

/// A file that everybody may write is not obeyed: it names the servers that may be disabled. A pipe
/// has no such permission.
fn trusted(path: &Path) -> io::Result<Metadata> {
    let found = std::fs::metadata(path)?;
    if found.is_file() && may_everybody_write(&found) {
        let file = path.display();
        return Err(io::Error::other(format!(
            "this file is world-writable; remove that permission: chmod o-w {file}"
        )));
    }
    Ok(found)
}

/// A group may be meant to write, so it is a warning. Root's group, and one with the number of the
/// owner, which is the owner's own by custom, are nobody else.
fn others_who_write(found: &Metadata, name: &str) -> Option<Diagnostic> {
    let (owner, group) = (found.uid(), found.gid());
    if !found.is_file() || !may_group_write(found) || [ROOT, owner].contains(&group) {
        return None;
    }
    Some(Diagnostic::new(
        Code::GroupMayWrite,
        format!("every member of group {group} can write to this file"),
        Label::new(0..0, "whoever writes it decides which servers are disabled"),
        format!("unless that is intended, remove that permission: chmod g-w {name}"),
    ))
}

/// Where a daemon may listen whose file has mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSocket {
    pub path: PathBuf,
    /// The file says so. Otherwise it is the usual one.
    pub is_named: bool,
}

/// Where the daemon of that file listens, whatever else is wrong with the file: whoever broke it still
/// wants to see and to pause what runs. Where the file names no socket, or not so that it could be
/// understood, the usual one. `None` when the file cannot be read.
pub fn control_socket_of(path: &Path) -> Option<ControlSocket> {
    let bytes = read_limited(path).ok()?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let named = named_socket(text);
    Some(ControlSocket {
        is_named: named.is_some(),
        path: paths::folder_of(path).join(named.unwrap_or(Config::default().control_socket)),
    })
}

/// `[control] socket`, if there is no mistake in its line.
fn named_socket(text: &str) -> Option<PathBuf> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(text);
    let top = Table::top(table.get_ref(), &keys::TOP);
    let table = top.table("control", &keys::CONTROL, &mut reader)?;
    let line_of = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count();
    let line = line_of(table.entry("socket")?.span().start);
    let mut draft = Draft::default();
    table.fill(&mut draft, &mut reader);
    let (errors, ..) = reader.into_parts();
    let mistakes = errors.iter().map(|it| it.primary.span.start);
    let syntax = syntax.iter().filter_map(|it| Some(it.span()?.start));
    let is_clear = mistakes.chain(syntax).all(|at| line_of(at) != line);
    is_clear.then_some(draft.config.control_socket)
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
    let (config, findings) = parse_as(text, name, read)?;
    Ok(Loaded {
        config,
        warnings: findings.diagnostics.clone(),
        findings,
    })
}

/// What `read` makes of the text, with warnings; or every mistake.
fn parse_as<T>(
    text: &str,
    name: &str,
    read: impl FnOnce(&DeTable<'_>, &mut Reader<'_>) -> T,
) -> Result<(T, Findings), ConfigErrors> {
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
        source: secrets::hidden(text),
        diagnostics,
        left_out,
    };
    match config {
        Some(config) if !has_errors => Ok((config, findings)),
        _ => Err(ConfigErrors::Invalid(Box::new(findings))),
    }
}

/// Every key of the file, whatever becomes of the others.
fn read(entries: &DeTable<'_>, reader: &mut Reader<'_>) -> Config {
    let top = Table::top(entries, &keys::TOP);
    top.reject_unknown(reader);
    let mut draft = Draft::default();
    top.fill(&mut draft, reader);
    let tables = [
        ("haproxy", &keys::HAPROXY),
        ("log", &keys::LOG),
        ("control", &keys::CONTROL),
        ("state", &keys::STATE),
        ("http", &keys::HTTP),
        ("events", &keys::EVENTS),
        ("heartbeat", &keys::HEARTBEAT),
    ];
    for (name, section) in tables {
        let Some(table) = top.table(name, section, reader) else {
            continue;
        };
        table.fill(&mut draft, reader);
        let log = &draft.config.log;
        if name == "log"
            && let Some(source) = table.entry("source")
            && let Some(text) = source.as_text()
        {
            log_source::check_remote(&log.source, text, source.span(), log.allow_remote, reader);
        }
        if name == "http"
            && let Some(listen) = table.entry("listen")
        {
            http::check(&draft.config.http, listen.span(), reader);
        }
    }
    let Draft { mut config, .. } = draft;
    config.alerts = alert::alerts(&top, reader);
    config.probes = alert::probes(&top, reader);
    let draft = Draft {
        config: config.clone(),
        ..Draft::default()
    };
    let backends = backend::backends(&top, draft, reader);
    if backends.is_empty() && !top.has_entries("backend") {
        reader.add(Diagnostic::new(
            Code::Missing,
            "no backend",
            Label::new(top.place("backend").unwrap_or(0..0), "nothing to scale"),
            "add a table named after the backend in haproxy.cfg: `[backend.web]` with \
             `always_up = [\"web1\"]` and `response_time = \"500ms\"`",
        ));
    }
    Config { backends, ..config }
}

fn empty() -> Diagnostic {
    Diagnostic::new(
        Code::BadFile,
        "the file is empty",
        Label::new(0..0, "it contains no keys"),
        "the smallest file that works: `[backend.web]` with `always_up = [\"web1\"]` and \
         `response_time = \"500ms\"`; see config.example.toml",
    )
}

fn too_large(name: &str) -> ConfigErrors {
    let title = format!("the file is larger than {} KiB", MAX_FILE_BYTES / 1024);
    let label = Label::new(0..0, "not read");
    let help = "pass the configuration file, not a log, with -c FILE";
    bad_file(
        name,
        String::new(),
        Diagnostic::new(Code::BadFile, title, label, help),
    )
}

fn not_utf8(bytes: &[u8], valid_bytes: usize, name: &str) -> ConfigErrors {
    let source = String::from_utf8_lossy(bytes).into_owned();
    let end = valid_bytes + char::REPLACEMENT_CHARACTER.len_utf8();
    let label = Label::new(valid_bytes..end, "this byte is not UTF-8");
    let title = "the file is not UTF-8";
    bad_file(
        name,
        source,
        Diagnostic::new(Code::BadFile, title, label, "save the file as UTF-8"),
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
