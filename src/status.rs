//! What `status` shows: the daemon's report as JSON (the contract's names) and as text for people.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Mode;
use crate::control;
use crate::scaler::decision::Span;
use crate::scaler::{BackendView, ServerView};

/// What the daemon knows when it is asked.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether it acts.
    pub mode: Mode,
    /// HAProxy's version, once it has answered.
    pub version: Option<String>,
    /// The log source in words.
    pub source: String,
    /// Lines read, rejected ones included.
    pub lines: u64,
    /// Rejected ones.
    pub rejected: u64,
    /// Lines that are known to have been lost on their way to us, half ones included.
    pub lost: u64,
    /// Connections and datagrams that were turned away.
    pub refused: u64,
    /// How late the log is read.
    pub lag: Duration,
    /// What keeps it from working, beside what the backends say; one sentence each.
    pub problems: Vec<String>,
    /// Every backend.
    pub backends: Vec<BackendView>,
}

/// What goes over the control socket: all that `status --json` and the text need.
#[derive(Debug, Serialize, Deserialize)]
struct Status {
    mode: String,
    haproxy: HaproxyStatus,
    log: LogStatus,
    backends: Vec<BackendStatus>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HaproxyStatus {
    version: Option<String>,
    connected: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct LogStatus {
    source: String,
    lines: u64,
    rejected: u64,
    lag_ms: u64,
    lost: u64,
    refused: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct BackendStatus {
    name: String,
    state: String,
    signal: Option<String>,
    statistic: Option<String>,
    statistic_ms: Option<f64>,
    threshold_ms: Option<f64>,
    window_requests: u32,
    breaches: u32,
    breaches_needed: u32,
    servers: Vec<ServerStatus>,
    next: String,
    paused: Option<String>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ServerStatus {
    name: String,
    role: String,
    stage: String,
    up: bool,
    note: Option<String>,
}

/// `status --json`: of all that goes over the control socket the fields that are promised to
/// scripts, in their order. Serde leaves out the others when it reads.
#[derive(Debug, Serialize, Deserialize)]
struct Promised {
    mode: String,
    haproxy: HaproxyStatus,
    log: PromisedLog,
    backends: Vec<PromisedBackend>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PromisedLog {
    source: String,
    lines: u64,
    rejected: u64,
    lag_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct PromisedBackend {
    name: String,
    state: String,
    statistic_ms: Option<f64>,
    threshold_ms: Option<f64>,
    breaches: u32,
    breaches_needed: u32,
    servers: Vec<PromisedServer>,
    next: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct PromisedServer {
    name: String,
    role: String,
    stage: String,
    up: bool,
}

impl Report {
    /// One JSON object on one line.
    pub fn json(&self) -> String {
        let status = Status {
            mode: match self.mode {
                Mode::Act => "act",
                Mode::Observe => "observe",
            }
            .to_owned(),
            haproxy: HaproxyStatus {
                version: self.version.clone(),
                connected: self.backends.iter().any(|backend| backend.is_answered),
            },
            log: LogStatus {
                source: self.source.clone(),
                lines: self.lines,
                rejected: self.rejected,
                lag_ms: u64::try_from(self.lag.as_millis()).unwrap_or(u64::MAX),
                lost: self.lost,
                refused: self.refused,
            },
            backends: self.backends.iter().map(backend_status).collect(),
            problems: self.problems.clone(),
        };
        serde_json::to_string(&status).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }
}

fn backend_status(view: &BackendView) -> BackendStatus {
    let policy = view.policy.as_ref();
    let settings = policy.map(|policy| &policy.settings);
    BackendStatus {
        name: view.name.clone(),
        state: view.state.to_owned(),
        signal: settings.map(|settings| settings.signal.as_str().to_owned()),
        statistic: settings.map(|settings| settings.statistic.name()),
        statistic_ms: policy
            .and_then(|policy| policy.value_ms)
            .map(|value_ms| (value_ms * 1000.0).round() / 1000.0),
        threshold_ms: settings.map(|settings| settings.above_ms),
        window_requests: policy.map_or(0, |policy| policy.requests),
        breaches: policy.map_or(0, |policy| policy.streak),
        breaches_needed: settings.map_or(0, |settings| settings.breaches),
        servers: view.servers.iter().map(server_status).collect(),
        next: view.next.clone(),
        paused: view.paused.clone(),
        problems: view.problems.clone(),
    }
}

fn server_status(view: &ServerView) -> ServerStatus {
    ServerStatus {
        name: view.name.clone(),
        role: view.role.as_str().to_owned(),
        stage: view.stage.as_str().to_owned(),
        up: view.is_up,
        note: view.note.clone(),
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nobody answers on the control socket.
    #[error(
        "no daemon answers on {path}: {error}; start one with `haproxy-autoscale run`, or check \
         that the configuration names the same [control] socket"
    )]
    NotRunning {
        /// The control socket.
        path: String,
        /// What came back.
        error: std::io::Error,
    },
    /// Something answered that is not our daemon.
    #[error("what answers on {path} is not this program's daemon: {error}")]
    NotOurs {
        /// The control socket.
        path: String,
        /// What is wrong with the answer.
        error: serde_json::Error,
    },
}

/// The running daemon's status: JSON with the contract's names, or text for people.
///
/// # Errors
/// No daemon runs there.
pub fn status(control_socket: &Path, as_json: bool) -> Result<String, StatusError> {
    let path = control_socket.display().to_string();
    let answer = control::ask_status(control_socket).map_err(|error| StatusError::NotRunning {
        path: path.clone(),
        error,
    })?;
    let read = || {
        if as_json {
            let promised: Promised = serde_json::from_str(&answer)?;
            return Ok(serde_json::to_string(&promised)? + "\n");
        }
        Ok(text(&serde_json::from_str(&answer)?))
    };
    read().map_err(|error| StatusError::NotOurs { path, error })
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    let name_width = width(
        status.backends.iter().map(|backend| backend.name.as_str()),
        4,
    );
    for backend in &status.backends {
        let _ = writeln!(text, "{:name_width$}  {}", backend.name, headline(backend));
        let _ = writeln!(text, "{:name_width$}  next: {}", "", backend.next);
        if let Some(paused) = &backend.paused {
            let _ = writeln!(text, "{:name_width$}  {paused}", "");
        }
        for problem in &backend.problems {
            let _ = writeln!(text, "{:name_width$}  problem: {problem}", "");
        }
        write_servers(&mut text, &backend.servers, name_width);
    }
    for problem in &status.problems {
        let _ = writeln!(text, "problem: {problem}");
    }
    let mode = match status.mode.as_str() {
        "observe" => "observing: nothing is changed, spares are shown as they would be",
        _ => "acting",
    };
    let haproxy = match (&status.haproxy.version, status.haproxy.connected) {
        (Some(version), true) => format!("HAProxy {version}"),
        (None, true) => "HAProxy answers".to_owned(),
        (_, false) => "HAProxy does not answer".to_owned(),
    };
    let problems = status.problems.len()
        + status
            .backends
            .iter()
            .map(|backend| backend.problems.len())
            .sum::<usize>();
    let _ = writeln!(
        text,
        "{mode} · {haproxy} · log {}: {} lines, {} rejected, {}{} behind · {problems} problem{}",
        status.log.source,
        status.log.lines,
        status.log.rejected,
        not_arrived(&status.log),
        Span(Duration::from_millis(status.log.lag_ms)),
        if problems == 1 { "" } else { "s" },
    );
    text
}

/// Only where there is something to tell.
fn not_arrived(log: &LogStatus) -> String {
    let told = |count: u64, what: &str| {
        if count == 0 {
            String::new()
        } else {
            format!("{count} {what}, ")
        }
    };
    told(log.lost, "lost") + &told(log.refused, "refused")
}

fn headline(backend: &BackendStatus) -> String {
    let state = match backend.state.as_str() {
        "ok" => "ok".to_owned(),
        other => other.to_uppercase(),
    };
    let (Some(statistic), Some(threshold_ms)) = (&backend.statistic, backend.threshold_ms) else {
        return state;
    };
    let Some(value_ms) = backend.statistic_ms else {
        return format!("{state}  nothing to judge, threshold {statistic} {threshold_ms} ms");
    };
    let sign = if value_ms > threshold_ms { ">" } else { "<=" };
    let (breaches, needed) = (backend.breaches, backend.breaches_needed);
    if backend.window_requests == 0 {
        return format!(
            "{state}  quiet, mean {value_ms:.0} ms, threshold {statistic} {threshold_ms} ms"
        );
    }
    let streak = if breaches > needed {
        format!("{breaches} breaches in a row, {needed} needed")
    } else {
        format!("{breaches} of {needed} breaches")
    };
    format!(
        "{state}  {} {statistic} {value_ms:.0} ms {sign} {threshold_ms} ms  (last {} requests, \
         {streak})",
        backend.signal.as_deref().unwrap_or(""),
        backend.window_requests,
    )
}

fn write_servers(text: &mut String, servers: &[ServerStatus], indent: usize) {
    let width_of =
        |pick: fn(&ServerStatus) -> &str, heading: usize| width(servers.iter().map(pick), heading);
    let (name, role, stage) = (
        width_of(|server| &server.name, 6),
        width_of(|server| &server.role, 4),
        width_of(|server| &server.stage, 5),
    );
    let mut row = |cells: [&str; 5]| {
        let [server, its_role, its_stage, up, note] = cells;
        let line = format!(
            "{:indent$}  {server:name$}  {its_role:role$}  {its_stage:stage$}  {up:3}  {note}",
            ""
        );
        let _ = writeln!(text, "{}", line.trim_end());
    };
    if !servers.is_empty() {
        row(["SERVER", "ROLE", "STAGE", "UP", "NOTE"]);
    }
    for server in servers {
        let up = if server.up { "yes" } else { "-" };
        let note = server.note.as_deref().unwrap_or("");
        row([&server.name, &server.role, &server.stage, up, note]);
    }
}

fn width<'a>(texts: impl Iterator<Item = &'a str>, least: usize) -> usize {
    texts
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .max(least)
}
