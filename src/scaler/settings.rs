//! What the scaler is told about each backend: plain data with its defaults, already checked by
//! `config`.
//!
//! Names of keys and their texts belong to `config`, behaviour to the modules that read these.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::measure::capacity::Bracket;
use crate::measure::need::Headroom;

use crate::words::shift::Shift;

use crate::measure::settings::{PolicySettings, TargetSettings};

/// The tier of a spare that has none of its own.
pub const TIER: u32 = 1;

/// One `[backend.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendSettings {
    /// HAProxy's name of the backend.
    pub name: String,
    /// Servers that are never disabled.
    pub always_up: Vec<String>,
    /// Servers that may be enabled and disabled.
    pub spares: Spares,
    /// Spares of another tier than 1: the higher, the later they come and the earlier they go.
    pub tiers: BTreeMap<String, u32>,
    /// Spares that run on a machine which is started for them.
    pub machines: BTreeMap<String, MachineSettings>,
    /// Starts of machines within an hour, at most.
    pub starts_per_hour: u32,
    /// Machines that run at the same time because we started them, at most.
    pub machines_at_once: u32,
    /// UP servers to keep, always-up and foreign ones included; at least 1.
    pub min: u32,
    /// Hours in which more serve, as far as they are known from the start: [`Event::Shifts`] tells others.
    ///
    /// [`Event::Shifts`]: super::event::Event::Shifts
    pub shifts: Vec<Shift>,
    /// UP servers never to exceed; `None`: all.
    pub max: Option<u32>,
    /// What asks for more servers: at least one, or a target.
    pub policies: Vec<PolicySettings>,
    /// How many servers a number of the backend wants.
    pub targets: Vec<TargetSettings>,
    /// How what one server carries is known.
    pub capacity: Capacity,
    /// How much more than the demand is kept ready.
    pub headroom: Headroom,
    /// How long the share of a newcomer grows; zero: it has all of it at once.
    pub weight_ramp: Duration,
    /// From an enabled spare to the next scale-up.
    pub scale_up_cooldown: Duration,
    /// Uninterrupted quiet after which one spare goes.
    pub idle_timeout: Duration,
    /// Quiet means below this share of every threshold; 0–1.
    pub scale_down_ratio: f64,
    /// Between two servers that go.
    pub scale_down_cooldown: Duration,
    /// How long a drain is waited for before [`OnOpenSessions`] decides.
    pub drain_timeout: Duration,
    /// What becomes of a draining server whose sessions do not end.
    pub on_open_sessions: OnOpenSessions,
    /// A server enabled less than this ago gives no samples.
    pub grace: Duration,
    /// How long a server that an operator changed is left alone.
    pub hold: Duration,
    /// Warm-up and HAProxy's fresh checks together end after this long.
    pub warm_up_deadline: Duration,
    /// How often HAProxy is read.
    pub poll_interval: Duration,
    /// After this long without an outcome a read or a write is given up (its fate is unknown).
    pub action_timeout: Duration,
}

impl BackendSettings {
    /// That of a spare.
    pub fn tier(&self, server: &str) -> u32 {
        self.tiers.get(server).copied().unwrap_or(TIER)
    }

    /// The smallest threshold of a time that the server itself takes, milliseconds: below it nobody minds
    /// how much slower one is than another.
    pub(super) fn goal_ms(&self) -> f64 {
        let policies = self.policies.iter();
        policies
            .filter(|policy| policy.signal.is_response())
            .map(|policy| policy.above)
            .fold(f64::INFINITY, f64::min)
    }

    /// A backend with every default, and no policy yet: it needs at least one.
    pub fn for_backend(name: impl Into<String>, always_up: Vec<String>) -> Self {
        Self {
            name: name.into(),
            spares: Spares::Auto,
            tiers: BTreeMap::new(),
            machines: BTreeMap::new(),
            starts_per_hour: 12,
            machines_at_once: 4,
            min: u32::try_from(always_up.len()).unwrap_or(u32::MAX).max(1),
            shifts: Vec::new(),
            max: None,
            always_up,
            policies: Vec::new(),
            targets: Vec::new(),
            capacity: Capacity::Learn,
            headroom: Headroom::Normal,
            weight_ramp: Duration::ZERO,
            scale_up_cooldown: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(5 * 60),
            scale_down_ratio: 0.6,
            scale_down_cooldown: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(60),
            on_open_sessions: OnOpenSessions::Wait,
            grace: Duration::from_secs(10),
            hold: Duration::from_secs(3_600),
            warm_up_deadline: Duration::from_secs(60),
            poll_interval: Duration::from_secs(2),
            action_timeout: Duration::from_secs(6),
        }
    }
}

/// One `[backend.NAME.server.S.machine]`, as far as deciding needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineSettings {
    /// From the wish for it to an answer of the server that runs on it.
    pub start_timeout: Duration,
    /// How long stopping it may take.
    pub stop_timeout: Duration,
    /// How long its provider may take to say what it does.
    pub status_timeout: Duration,
    /// It is stopped when it is not needed any more.
    pub may_stop: bool,
    /// Tells it from another machine behind the same server: what is known of one says nothing of the other.
    pub identity: u64,
}

impl Default for MachineSettings {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(3 * 60),
            stop_timeout: Duration::from_secs(2 * 60),
            status_timeout: Duration::from_secs(10),
            may_stop: true,
            identity: 0,
        }
    }
}

/// What is known or learned of the requests that one server carries within the goal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Capacity {
    /// Nothing is learned: breaches alone ask for servers.
    Off,
    /// Learned from the load.
    #[default]
    Learn,
    /// Learned from the load, beginning with what an old log has shown.
    From(Bracket),
    /// An operator knows it.
    Given(Bracket),
}

/// What happens when `drain_timeout` has passed, sessions are open and no new request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOpenSessions {
    /// The server stays in drain until they have ended.
    Wait,
    /// It goes to maint, which cuts them where haproxy.cfg says `on-marked-down shutdown-sessions`.
    Maint,
}

/// Which servers are spares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spares {
    /// Every server marked `disabled` in haproxy.cfg that is not always-up.
    Auto,
    /// These, in the order in which they are tried.
    Named(Vec<String>),
}
