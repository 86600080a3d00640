//! The configuration file: TOML → [`Config`], with every mistake of the file at once.
//!
//! Touches neither the network nor the clock. Defaults live here and nowhere else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::runtime_api::Address;
use crate::scaler::settings::BackendSettings;

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
    /// The program name that a syslog head must carry.
    pub tag: String,
    /// A longer line is rejected in constant memory.
    pub max_line_bytes: usize,
}

/// `[log] source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// A growing file.
    File(PathBuf),
    /// `"-"`.
    Stdin,
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
