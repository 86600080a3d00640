//! One setting of ours, tried on a load: what users got and what it cost. Which of them to recommend
//! belongs to those who try them.

use std::time::Duration;

use super::SimulateError;
use super::compare::in_parallel;
use super::policy::Policy;
use super::scenario::{Run, Scenario};
use crate::measure::need::Headroom;
use crate::scaler::settings::Capacity;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    pub capacity: Capacity,
    pub headroom: Headroom,
    pub idle_timeout: Duration,
    /// On the servers' lines in haproxy.cfg.
    pub maxconn: Option<u32>,
}

impl Setting {
    /// As the scenario has it.
    pub(crate) const fn of(scenario: &Scenario) -> Self {
        Self {
            capacity: scenario.settings.capacity,
            headroom: scenario.settings.headroom,
            idle_timeout: scenario.settings.idle_timeout,
            maxconn: scenario.maxconn,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    pub setting: Setting,
    pub outcome: Outcome,
    /// The goal holds.
    pub is_feasible: bool,
}

/// What users got and what it cost.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Answers slower than the goal, and failed ones, 0 to 1.
    pub slow_share: f64,
    pub failed: u64,
    pub p95_ms: f64,
    pub server_seconds: f64,
    pub servers_mean: f64,
    pub changes: u64,
    pub longest_above_goal_s: u32,
}

impl Outcome {
    pub(crate) fn of(run: &Run) -> Self {
        let [_, _, p95_ms, _] = run.tally.percentiles_ms();
        Self {
            slow_share: run.slow_share(),
            failed: run.tally.failed,
            p95_ms,
            server_seconds: run.tally.server_seconds(),
            servers_mean: run.servers_mean(),
            changes: run.tally.changes,
            longest_above_goal_s: run.tally.longest_above_goal_s(),
        }
    }
}

/// The scenario with that setting.
pub(crate) fn with(scenario: &Scenario, setting: &Setting) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.settings.capacity = setting.capacity;
    scenario.settings.headroom = setting.headroom;
    scenario.settings.idle_timeout = setting.idle_timeout;
    scenario.maxconn = setting.maxconn;
    scenario
}

/// Tries them all, each by itself; the goal holds if at most `slow_share_max` of the requests are slow.
///
/// # Errors
/// The engine is wrong.
pub(crate) fn run_all(
    scenario: &Scenario,
    settings: &[Setting],
    slow_share_max: f64,
) -> Result<Vec<Tried>, SimulateError> {
    let runs = in_parallel(settings, |setting| {
        let run = with(scenario, setting).run(Policy::Ours, None)?;
        let outcome = Outcome::of(&run);
        Ok(Tried {
            setting: *setting,
            outcome,
            is_feasible: outcome.slow_share <= slow_share_max,
        })
    });
    runs.into_iter().collect()
}
