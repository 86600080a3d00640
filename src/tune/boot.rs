//! How long a spare may take to come: the log's own users with slower and slower spares, until the goal
//! is lost. A boot time is constant, never drawn: with an exponential one some spare is always early.

use std::time::Duration;

use crate::simulate::SimulateError;
use crate::simulate::compare::in_parallel;
use crate::simulate::policy::Policy;
use crate::simulate::scenario::{Run, Scenario};
use crate::simulate::trial::{Outcome, Setting, with};

/// Boot times that are tried first.
const TRIED_S: [u64; 8] = [5, 15, 30, 60, 120, 300, 600, 1200];
/// Between the longest that holds and the shortest that does not, so near is near enough: this, or a
/// tenth.
const NEAR_S: u64 = 5;
/// Beside the boot, our warm-up and the start of a machine have this long: a limit that is always met says
/// nothing of the load.
const MARGIN: Duration = Duration::from_secs(60);
/// The worst part of a run is looked for in parts of so many seconds.
const PART_S: usize = 15 * 60;

/// One boot time, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Boot {
    pub boot: Duration,
    pub outcome: Outcome,
    pub is_feasible: bool,
    /// Where most of the slow requests were: seconds since the start of the log.
    pub worst_s: u64,
}

/// All of them, the fastest first.
#[derive(Clone, Debug)]
pub struct Cliff {
    pub tried: Vec<Boot>,
}

impl Cliff {
    /// Tries them with that setting.
    ///
    /// # Errors
    /// The engine is wrong.
    pub fn of(
        scenario: &Scenario,
        setting: &Setting,
        slow_share_max: f64,
    ) -> Result<Self, SimulateError> {
        let try_one = |seconds: &u64| {
            let boot = Duration::from_secs(*seconds);
            let mut scenario = with(scenario, setting);
            scenario.boot = boot;
            for server in &mut scenario.supply.servers {
                server.boot = Some(boot);
            }
            let enough = boot + MARGIN;
            let deadline = scenario.settings.warm_up_deadline;
            scenario.settings.warm_up_deadline = deadline.max(enough);
            for machine in scenario.settings.machines.values_mut() {
                machine.start_timeout = machine.start_timeout.max(enough);
            }
            let run = scenario.run(Policy::Ours, None)?;
            let outcome = Outcome::of(&run);
            Ok(Boot {
                boot,
                outcome,
                is_feasible: outcome.slow_share <= slow_share_max,
                worst_s: worst_s(&run),
            })
        };
        let tried = in_parallel(&TRIED_S, try_one);
        let mut cliff = Self {
            tried: tried.into_iter().collect::<Result<_, SimulateError>>()?,
        };
        while let (Some(holds), Some(lost)) = (cliff.holds(), cliff.lost()) {
            let (low, high) = (holds.boot.as_secs(), lost.boot.as_secs());
            if high - low <= NEAR_S.max(low / 10) {
                break;
            }
            let between = try_one(&(u64::midpoint(low, high)))?;
            cliff.tried.push(between);
            cliff.tried.sort_by_key(|it| it.boot);
        }
        Ok(cliff)
    }

    /// The shortest with which the goal is lost.
    pub fn lost(&self) -> Option<&Boot> {
        self.tried.iter().find(|it| !it.is_feasible)
    }

    /// The longest below that one.
    pub fn holds(&self) -> Option<&Boot> {
        let lost = self.lost().map_or(Duration::MAX, |it| it.boot);
        self.tried.iter().rfind(|it| it.boot < lost)
    }
}

fn worst_s(run: &Run) -> u64 {
    let parts = run.tally.seconds.chunks(PART_S);
    let slow = parts.map(|part| part.iter().map(|it| u64::from(it.slow)).sum::<u64>());
    let worst = slow
        .enumerate()
        .max_by_key(|(index, slow)| (*slow, usize::MAX - index));
    worst.map_or(0, |(index, _)| (index * PART_S) as u64)
}
