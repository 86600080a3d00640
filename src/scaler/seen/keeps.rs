//! What is wanted beside the demand, and what keeps a spare in that would go otherwise, with its numbers. Nothing here decides.

use std::time::Duration;

use super::ReasonCode;
use crate::measure::target::TargetNeed;
use crate::words::shift::TimeOfDay;

/// What is wanted beside the demand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VotesView {
    /// What the last window of each policy with a target wants.
    pub targets: Vec<TargetNeed>,
    /// Servers that are to serve by the schedule, and until when.
    pub scheduled: Option<(u32, TimeOfDay)>,
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
}

impl Keeps {
    /// In one word.
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Target { .. } => ReasonCode::Target,
            Self::Floor { until: None, .. } => ReasonCode::AtMin,
            Self::Floor { until: Some(_), .. } => ReasonCode::Scheduled,
        }
    }
}
