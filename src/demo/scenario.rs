//! The numbers of the story and the configuration that the daemon gets. Everything is real time;
//! only the waits that an operator would configure in minutes are seconds here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::scratch::Scratch;
use crate::config::{self, Config, ConfigErrors};
use crate::sim::arrivals::{Arrivals, RateCurve};
use crate::sim::micros;
use crate::sim::queues::{Balance, Machine, Model, Queues};
use crate::sim::warmth::Warmth;

pub use crate::sim::haproxy::{BACKEND, CHECK_INTERVAL, FRONTEND};

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
/// A window lasts at least this long.
pub const MIN_SPAN: Duration = Duration::from_millis(500);
/// Successes in a row that the warm-up asks for.
pub const WARM_UP_REQUESTS: u32 = 4;

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

    /// The same users before servers of this warmth.
    pub fn model(&self, servers: Vec<Warmth>) -> Model {
        let machine = |warmth| Machine {
            workers: WORKERS,
            service_ms: SERVICE_MS,
            warmth,
        };
        let machines = servers.into_iter().map(machine).collect();
        Model::new(self.arrivals(), Queues::new(Balance::InTurn, machines))
    }

    /// What an operator would write into the daemon's file for these servers.
    ///
    /// # Errors
    ///
    /// What is wrong with it: a folder whose name is not UTF-8.
    pub fn config(&self, place: &Place) -> Result<Config, ConfigErrors> {
        let quoted =
            |path: &Path| toml::Value::from(path.to_string_lossy().into_owned()).to_string();
        let text = format!(
            "[haproxy]\nsocket = {}\npoll_interval = \"250ms\"\n\
             [log]\nsource = {}\n[control]\nsocket = {}\n[state]\ndir = \"\"\n\
             [backend.{BACKEND}]\nalways_up = [\"{}\"]\nresponse_time = \"{THRESHOLD_MS}ms\"\n\
             window = {WINDOW}\nmin_span = \"{}ms\"\nbreaches = {BREACHES}\n\
             scale_up_cooldown = \"5s\"\nscale_down_cooldown = \"2s\"\nidle_timeout = \"{}ms\"\n\
             drain_timeout = \"5s\"\ngrace = \"2s\"\nhold = \"60s\"\ncapacity = \"off\"\n\
             [backend.{BACKEND}.warm_up]\nrequests = {WARM_UP_REQUESTS}\ndeadline = \"20s\"\n",
            quoted(&place.admin_socket),
            quoted(&place.log),
            quoted(&place.control_socket),
            SERVERS[ALWAYS_UP],
            MIN_SPAN.as_millis(),
            self.idle_timeout.as_millis(),
        );
        config::parse(&text, "demo").map(|loaded| loaded.config)
    }
}

/// The files of one demo.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: PathBuf,
    pub admin_socket: PathBuf,
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
