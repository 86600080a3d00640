//! What is wanted beside the demand, and what keeps a spare in that would go otherwise, with its numbers. Nothing here decides.

use std::time::Duration;

use super::{ReasonCode, ServerNote, Standing};
use crate::measure::settings::{Signal, Statistic};
use crate::measure::target::TargetNeed;
use crate::scaler::decision::Shown;
use crate::words::picture::Crowded;
use crate::words::shift::TimeOfDay;

/// What is wanted beside the demand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VotesView {
    /// What the last window of each policy with a target wants.
    pub targets: Vec<TargetNeed>,
    /// Servers that are to serve by the schedule, and until when.
    pub scheduled: Option<(u32, TimeOfDay)>,
    /// A policy looks at HAProxy's queue, and no server has a `maxconn`: nothing queues there.
    pub has_no_slots: bool,
    /// Windows that were complete since the start.
    pub evaluations: Evaluations,
}

/// Complete windows, by what they meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluations {
    /// Not above the threshold.
    pub ok: u64,
    pub breach: u64,
    /// Most requests failed.
    pub broken: u64,
}

/// Why no spare goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Keeps {
    /// A policy with a target wants it.
    Target {
        server: String,
        /// `None` before a window was complete.
        need: Option<TargetNeed>,
        /// The most that was wanted in that time counts.
        within: Duration,
        /// Servers that would be left.
        left: u32,
    },
    /// No fewer may serve.
    Floor {
        server: String,
        serving: u32,
        min: u32,
        /// Where it is the schedule that says so: until when.
        until: Option<TimeOfDay>,
    },
    /// It stands in for an always-up server.
    StandIn {
        server: String,
        missing: String,
        shows: Shown,
    },
    /// The demand has not been watched for so long.
    Early { server: String, within: Duration },
    /// An operator has pinned it.
    Pinned { server: String, by: Standing },
    /// An operator has paused it.
    Paused { server: String, by: Standing },
    /// An operator wants it in.
    Ordered { server: String, by: Standing },
    /// It is left alone.
    Held {
        server: String,
        note: Option<Box<ServerNote>>,
    },
    /// So many requests wait.
    Queued(u32),
    /// Users wait in front of HAProxy.
    Crowded(Crowded),
    /// It is neither slow nor quiet.
    Busy {
        signal: Signal,
        statistic: Statistic,
        value: f64,
        /// Below that it is quiet.
        below: f64,
    },
    /// Something else than the load ended quiet a moment ago.
    NotQuiet,
    /// Requests fail, which more servers do not mend.
    Broken { failed: u64, all: u64 },
}

impl Keeps {
    /// In one word.
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Target { .. } => ReasonCode::Target,
            Self::Floor { until: None, .. } => ReasonCode::AtMin,
            Self::Floor { until: Some(_), .. } => ReasonCode::Scheduled,
            Self::StandIn { .. } => ReasonCode::StandIn,
            Self::Early { .. } => ReasonCode::Watching,
            Self::Pinned { .. } | Self::Paused { .. } => ReasonCode::Pin,
            Self::Ordered { .. } => ReasonCode::Order,
            Self::Held { .. } => ReasonCode::Hold,
            Self::Queued(_) => ReasonCode::Queued,
            Self::Crowded(_) => ReasonCode::Crowded,
            Self::Busy { .. } => ReasonCode::Busy,
            Self::NotQuiet => ReasonCode::NotQuiet,
            Self::Broken { .. } => ReasonCode::Broken,
        }
    }
}
