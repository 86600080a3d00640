//! The numbers of the story and the configuration that the daemon gets. Everything is real time;
//! only the waits that an operator would configure in minutes are seconds here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::load::{Arrivals, RateCurve};
use super::scratch::Scratch;
use crate::config::{BackendConfig, Config, HaproxyConfig, LogConfig, LogSource, WarmUpConfig};
use crate::runtime_api::Address;
use crate::scaler::settings::{BackendSettings, PolicySettings, Signal, WindowSize};

/// The frontend's name.
pub const FRONTEND: &str = "shop";
/// The backend's name.
pub const BACKEND: &str = "web";
/// The servers' names: the always-up one, then the spare.
pub const SERVERS: [&str; 2] = ["web1", "web2"];
/// Index of the always-up server.
pub const ALWAYS_UP: usize = 0;
/// Index of the spare.
pub const SPARE: usize = 1;

/// Requests that one warm server works on at a time.
pub const WORKERS: usize = 4;
/// A warm server's work for an average request, milliseconds. One server does 40 requests a second.
pub const SERVICE_MS: f64 = 100.0;
/// The policy's threshold, milliseconds.
pub const THRESHOLD_MS: f64 = 250.0;
/// An answer that took longer than this is called slow: twice the threshold.
pub const SLOW_MS: f64 = 2.0 * THRESHOLD_MS;
/// Windows in a row above the threshold.
pub const BREACHES: u32 = 3;
/// Requests in a window.
pub const WINDOW: u32 = 15;
/// How often the daemon reads HAProxy.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// A window lasts at least this long.
pub const MIN_SPAN: Duration = Duration::from_millis(500);
/// Successes in a row that the warm-up asks for.
pub const WARM_UP_REQUESTS: u32 = 4;
/// HAProxy checks its servers this often.
pub const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// How long the parts of the story last.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The same seed gives the same users. The default one makes a rush that web1 almost holds:
    /// were it far beyond one server, waiting for a warm spare would cost as much as a cold one.
    pub seed: u64,
    /// Calm before the rush.
    pub calm: Duration,
    /// From calm to rush, and back.
    pub ramp: Duration,
    /// The rush goes on for so long after the spare has begun to help.
    pub rush_after_enable: Duration,
    /// How long it must be quiet until the spare goes.
    pub idle_timeout: Duration,
    /// How long we look on after the spare went.
    pub epilogue: Duration,
    /// The story is over after this long, whatever happened.
    pub limit: Duration,
    /// Requests per second in the rush.
    pub rush_per_s: f64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 32,
            calm: Duration::from_secs(5),
            ramp: Duration::from_secs(4),
            rush_after_enable: Duration::from_secs(8),
            idle_timeout: Duration::from_secs(13),
            epilogue: Duration::from_secs(3),
            limit: Duration::from_secs(55),
            rush_per_s: 42.0,
        }
    }
}

impl Scenario {
    /// The users of this story.
    pub fn arrivals(&self) -> Arrivals {
        let curve = RateCurve {
            calm_per_s: 14.0,
            rush_per_s: self.rush_per_s,
            rises_at_us: micros(self.calm),
            ramp_us: micros(self.ramp),
            falls_at_us: None,
        };
        Arrivals::new(curve, self.seed)
    }

    /// What an operator would write into the daemon's file for these servers.
    pub fn config(&self, place: &Place) -> Config {
        let backend = BackendConfig {
            scaler: self.backend_settings(),
            warm_up: WarmUpConfig {
                requests: WARM_UP_REQUESTS,
                ..WarmUpConfig::default()
            },
            warm_up_urls: BTreeMap::new(),
        };
        Config {
            haproxy: HaproxyConfig {
                socket: Address::Unix(place.admin_socket.clone()),
                poll_interval: POLL_INTERVAL,
                ..HaproxyConfig::default()
            },
            log: LogConfig {
                source: LogSource::File(place.log.clone()),
                ..LogConfig::default()
            },
            control_socket: place.control_socket.clone(),
            state_dir: None,
            backends: BTreeMap::from([(BACKEND.to_owned(), backend)]),
            ..Config::default()
        }
    }

    fn backend_settings(&self) -> BackendSettings {
        BackendSettings {
            policies: vec![PolicySettings {
                window: WindowSize::Requests(WINDOW),
                min_span: MIN_SPAN,
                breaches: BREACHES,
                ..PolicySettings::new(Signal::ResponseTime, THRESHOLD_MS)
            }],
            scale_up_cooldown: Duration::from_secs(5),
            idle_timeout: self.idle_timeout,
            scale_down_cooldown: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(5),
            grace: Duration::from_secs(2),
            hold: Duration::from_secs(60),
            warm_up_deadline: Duration::from_secs(20),
            poll_interval: POLL_INTERVAL,
            action_timeout: Duration::from_secs(5),
            ..BackendSettings::for_backend(BACKEND, vec![SERVERS[ALWAYS_UP].to_owned()])
        }
    }
}

/// The files of one demo.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where they are.
    pub folder: PathBuf,
    /// HAProxy's admin socket.
    pub admin_socket: PathBuf,
    /// HAProxy's log.
    pub log: PathBuf,
    /// The daemon's own socket.
    pub control_socket: PathBuf,
}

impl Place {
    /// All in one folder.
    pub fn within(scratch: &Scratch) -> Self {
        Self {
            folder: scratch.path().to_owned(),
            admin_socket: scratch.file("admin.sock"),
            log: scratch.file("haproxy.log"),
            control_socket: scratch.file("control.sock"),
        }
    }
}

/// A duration in microseconds.
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
