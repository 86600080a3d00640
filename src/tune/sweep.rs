//! What other goals would have meant: how much of the log was slower, what one server carries within
//! each, how many servers that takes.

use std::time::Duration;

use super::carries::Carries;
use super::slices::Slices;
use crate::measure::served::Goal;
use crate::scaler::settings::Capacity;
use crate::simulate::SimulateError;
use crate::simulate::compare::in_parallel;
use crate::simulate::load::recorded::Log;
use crate::simulate::policy::Policy;
use crate::simulate::scenario::Scenario;
use crate::simulate::trial::{Outcome, Setting, with};
use crate::words::duration;

/// Goals of a sweep.
const GOALS: u32 = 7;

/// Goals from one to another, each as many times the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: Duration,
    pub to: Duration,
}

/// Why a text is no range of goals.
#[derive(Clone, Debug, thiserror::Error)]
#[error("write goal=100ms..1s, the smaller one first")]
pub struct NotRange;

impl Range {
    /// Reads `goal=100ms..1s`.
    ///
    /// # Errors
    /// [`NotRange`].
    pub fn parse(text: &str) -> Result<Self, NotRange> {
        let range = text.strip_prefix("goal=").ok_or(NotRange)?;
        let (from, to) = range.split_once("..").ok_or(NotRange)?;
        let goal = |text: &str| {
            let goal = duration::parse(text).map_err(|_| NotRange)?;
            let is_possible = goal >= Duration::from_millis(1) && goal <= Duration::from_secs(600);
            if is_possible { Ok(goal) } else { Err(NotRange) }
        };
        let (from, to) = (goal(from)?, goal(to)?);
        if from < to {
            Ok(Self { from, to })
        } else {
            Err(NotRange)
        }
    }

    /// Its goals: both ends, and round numbers between them.
    pub fn goals(self) -> Vec<Duration> {
        let steps = f64::from(GOALS - 1);
        let ratio = self.to.as_secs_f64() / self.from.as_secs_f64();
        let goal = |step: u32| match step {
            0 => self.from,
            step if step + 1 == GOALS => self.to,
            step => {
                let ms = self.from.as_secs_f64() * 1000.0 * ratio.powf(f64::from(step) / steps);
                let digit = 10_f64.powf(ms.log10().floor() - 1.0).max(1.0);
                Duration::from_secs_f64((ms / digit).round() * digit / 1000.0)
            }
        };
        let mut goals: Vec<Duration> = (0..GOALS).map(goal).collect();
        goals.dedup();
        goals
    }
}

/// One goal.
#[derive(Clone, Debug)]
pub struct Swept {
    pub goal: Duration,
    /// Of the log's requests, 0 to 1.
    pub slower_share: f64,
    pub carries: Carries,
    /// With what one server carries at that goal, if the log tells.
    pub outcome: Outcome,
}

/// All of them. `setting` is what is recommended for today's goal.
///
/// # Errors
/// The engine is wrong.
pub fn sweep(
    log: &Log,
    slices: &Slices,
    scenario: &Scenario,
    setting: &Setting,
    (goal, range): (Goal, Range),
) -> Result<Vec<Swept>, SimulateError> {
    let swept = in_parallel(&range.goals(), |goal_of| {
        let ms = goal_of.as_secs_f64() * 1000.0;
        let carries = Carries::of(slices, Goal { ms, ..goal });
        let capacity = carries.to_start_from();
        let mut scenario = with(
            scenario,
            &Setting {
                capacity: capacity.map_or(Capacity::Learn, Capacity::From),
                ..*setting
            },
        );
        scenario.goal = *goal_of;
        let mut policies = scenario.settings.policies.iter_mut();
        if let Some(policy) = policies.find(|it| it.signal.is_response()) {
            policy.above = ms;
        }
        let run = scenario.run(Policy::Ours, None)?;
        Ok(Swept {
            goal: *goal_of,
            slower_share: slower_share(log, ms),
            carries,
            outcome: Outcome::of(&run),
        })
    });
    swept.into_iter().collect()
}

fn slower_share(log: &Log, goal_ms: f64) -> f64 {
    let is_slow = |it: &&crate::simulate::load::recorded::Logged| {
        let response_ms = it
            .server_ms
            .map(|server_ms| it.queue_ms.saturating_add(server_ms));
        f64::from(response_ms.unwrap_or(it.open_ms.max(it.queue_ms))) > goal_ms
    };
    log.requests.iter().filter(is_slow).count() as f64 / log.requests.len().max(1) as f64
}
