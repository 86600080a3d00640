//! What is wanted beside the demand, and what keeps a spare in that would go otherwise, with its numbers. Nothing here decides.

use std::time::Duration;

use super::ReasonCode;
use crate::measure::target::TargetNeed;

/// What is wanted beside the demand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VotesView {
    /// What the last window of each policy with a target wants.
    pub targets: Vec<TargetNeed>,
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
}

impl Keeps {
    /// In one word.
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Target { .. } => ReasonCode::Target,
        }
    }
}
