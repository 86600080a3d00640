//! What is measured of a backend and how: signals, statistics, windows, one policy's settings. Plain
//! data with its defaults, already checked by `config`.
//!
//! Names of keys and their texts belong to `config`, servers to the scaler's own settings.

use std::time::Duration;

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

/// One `[[backend.NAME.policy]]` with `per_server`.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetSettings {
    /// Signal, window and how many windows in a row. Its threshold is that of one server, and what it adds
    /// follows from the number.
    pub measured: PolicySettings,
}

impl TargetSettings {
    /// What one server is to take, in the signal's unit; above 0.
    pub const fn per_server(&self) -> f64 {
        self.measured.above
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

    /// What waits in HAProxy for a free slot of a server.
    pub const fn is_queue(self) -> bool {
        matches!(self, Self::QueueTime | Self::QueueLength)
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
