//! What the scaler is told about each backend: plain data with its defaults, already checked by
//! `config`.
//!
//! Names of keys and their texts belong to `config`, behaviour to the modules that read these.

use std::time::Duration;

/// One `[backend.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendSettings {
    /// HAProxy's name of the backend.
    pub name: String,
    /// Servers that are never disabled.
    pub always_up: Vec<String>,
    /// Servers that may be enabled and disabled.
    pub spares: Spares,
    /// UP servers to keep, always-up and foreign ones included; at least 1.
    pub min: u32,
    /// UP servers never to exceed; `None`: all.
    pub max: Option<u32>,
    /// What asks for more servers; at least one.
    pub policies: Vec<PolicySettings>,
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
    /// A backend with every default, and no policy yet: it needs at least one.
    pub fn for_backend(name: impl Into<String>, always_up: Vec<String>) -> Self {
        Self {
            name: name.into(),
            spares: Spares::Auto,
            min: u32::try_from(always_up.len()).unwrap_or(u32::MAX).max(1),
            max: None,
            always_up,
            policies: Vec::new(),
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

/// One `[[backend.NAME.policy]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    /// What is measured.
    pub signal: Signal,
    /// What stands for a window.
    pub statistic: Statistic,
    /// How much is looked at together.
    pub window: WindowSize,
    /// How often it is looked at; `None`: when the window has been renewed completely.
    pub every: Option<Duration>,
    /// A window counted in requests lasts at least this long.
    pub min_span: Duration,
    /// A window in time holds at least this many samples.
    pub min_samples: u32,
    /// The threshold, in the signal's unit.
    pub above: f64,
    /// Windows in a row above the threshold that ask for servers; at least 1.
    pub breaches: u32,
    /// How many servers are asked for.
    pub add: Add,
}

impl PolicySettings {
    /// A threshold in milliseconds, with every default.
    pub const fn new(signal: Signal, above: f64) -> Self {
        Self {
            signal,
            statistic: Statistic::Mean,
            window: WindowSize::Requests(15),
            every: None,
            min_span: Duration::from_secs(1),
            min_samples: 10,
            above,
            breaches: 3,
            add: Add::Servers(1),
        }
    }
}

/// What a policy measures: the meter that its readings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Tw + Tc + Tr: what the client waited for because of the backend.
    ResponseTime,
    /// Tr alone: the server's own time (`timer = "Tr"`).
    ServerTime,
    /// Tw.
    QueueTime,
    /// Tc.
    ConnectTime,
    /// `qcur` of the BACKEND row and of all servers: requests that wait now.
    QueueLength,
    /// `scur` of the BACKEND row: sessions open now.
    Concurrency,
    /// Requests that arrive in a second, by `stot` of the BACKEND row.
    RequestRate,
}

/// Where a signal's readings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Each request has one, or says nothing: `sample` reads it.
    Request(Timer),
    /// Each look at HAProxy has one: `meter` reads it.
    Picture(Gauge),
}

/// What a request tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Tw + Tc + Tr.
    Response,
    /// Tr.
    Server,
    /// Tw.
    Queue,
    /// Tc.
    Connect,
}

/// What a look at HAProxy tells of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Requests that wait.
    Queue,
    /// Open sessions.
    Sessions,
    /// Arrivals in a second.
    Arrivals,
}

/// What a reading is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Things.
    Count,
    /// Things in a second.
    PerSecond,
}

impl Unit {
    /// The word of `status --json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Count => "count",
            Self::PerSecond => "per_s",
        }
    }
}

impl Signal {
    /// Those that the configuration names, each with its name. [`Self::ServerTime`] is the response
    /// time with another timer.
    pub const NAMED: &[(&str, Self)] = &[
        (Self::ResponseTime.as_str(), Self::ResponseTime),
        (Self::QueueTime.as_str(), Self::QueueTime),
        (Self::ConnectTime.as_str(), Self::ConnectTime),
        (Self::QueueLength.as_str(), Self::QueueLength),
        (Self::Concurrency.as_str(), Self::Concurrency),
        (Self::RequestRate.as_str(), Self::RequestRate),
    ];

    /// Where its readings come from.
    pub const fn origin(self) -> Origin {
        match self {
            Self::ResponseTime => Origin::Request(Timer::Response),
            Self::ServerTime => Origin::Request(Timer::Server),
            Self::QueueTime => Origin::Request(Timer::Queue),
            Self::ConnectTime => Origin::Request(Timer::Connect),
            Self::QueueLength => Origin::Picture(Gauge::Queue),
            Self::Concurrency => Origin::Picture(Gauge::Sessions),
            Self::RequestRate => Origin::Picture(Gauge::Arrivals),
        }
    }

    /// A time in which a server answers.
    pub const fn is_response(self) -> bool {
        matches!(self, Self::ResponseTime | Self::ServerTime)
    }

    /// Its readings come from looks at HAProxy, not from requests.
    pub const fn is_polled(self) -> bool {
        matches!(self.origin(), Origin::Picture(_))
    }

    /// One more server makes it smaller if servers were too few. How much is open and how much
    /// arrives is the users' doing.
    pub const fn falls_with_servers(self) -> bool {
        match self {
            Self::ResponseTime
            | Self::ServerTime
            | Self::QueueTime
            | Self::ConnectTime
            | Self::QueueLength => true,
            Self::Concurrency | Self::RequestRate => false,
        }
    }

    /// Requests, one after the other, tell of it.
    pub const fn is_in_log(self) -> bool {
        match self {
            Self::ResponseTime
            | Self::ServerTime
            | Self::QueueTime
            | Self::ConnectTime
            | Self::RequestRate => true,
            Self::QueueLength | Self::Concurrency => false,
        }
    }

    /// What its readings are counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::ResponseTime | Self::ServerTime | Self::QueueTime | Self::ConnectTime => Unit::Ms,
            Self::QueueLength | Self::Concurrency => Unit::Count,
            Self::RequestRate => Unit::PerSecond,
        }
    }

    /// Its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResponseTime | Self::ServerTime => "response_time",
            Self::QueueTime => "queue_time",
            Self::ConnectTime => "connect_time",
            Self::QueueLength => "queue_length",
            Self::Concurrency => "concurrency",
            Self::RequestRate => "request_rate",
        }
    }
}

/// What stands for all samples of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The arithmetic mean.
    Mean,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The nearest-rank percentile, 1–99.
    Percentile(u8),
    /// The largest.
    Max,
}

impl Statistic {
    /// Its name in the configuration and in messages.
    pub fn name(self) -> String {
        match self {
            Self::Mean => "mean".to_owned(),
            Self::Median => "median".to_owned(),
            Self::Percentile(rank) => format!("p{rank}"),
            Self::Max => "max".to_owned(),
        }
    }
}

/// The size of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowSize {
    /// So many requests.
    Requests(u32),
    /// So long.
    Span(Duration),
}

/// How many servers one scale-up brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Add {
    /// So many.
    Servers(u32),
    /// This share of the UP servers, rounded up, in percent.
    Percent(u32),
}
