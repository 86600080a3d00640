//! Settings, each tried on the log's own users in `simulate`: what each would have cost, and whether the
//! goal would have held. Which of them to recommend.

use crate::measure::capacity::Bracket;
use crate::scaler::settings::Capacity;
use crate::simulate::SimulateError;
use crate::simulate::policy::Policy;
use crate::simulate::scenario::Scenario;
use crate::simulate::search::{Explored, RUNS_MAX, explore};
use crate::simulate::trial::{Outcome, Setting, Tried, beside, run_all};

/// The goal holds if no larger share of the requests is slower …
const SLOW_SHARE_MAX: f64 = 0.01;
/// … or no more than so many times what all servers, always, would have had.
const SLOW_OF_ALL: f64 = 1.5;
/// Costs that differ by less are the same: what is cheapest by a hair on one log is not on the next.
const SAME_COST: f64 = 1.05;
/// Shares of slow requests that differ by less are the same.
const SAME_SLOW: f64 = 0.001;
/// `maxconn` that is tried, in workers of a server: as many, and some that wait beside them.
const MAXCONN_OF_WORKERS: [f64; 3] = [1.0, 1.5, 2.0];

/// All that was tried.
#[derive(Clone, Debug)]
pub struct Trials {
    pub today: Tried,
    /// All servers, always.
    pub all_always: Outcome,
    /// The largest share of slow requests with which the goal holds.
    pub slow_share_max: f64,
    /// Everything, today's settings first.
    pub tried: Vec<Tried>,
    /// Choices of `min` and spares that might be cheaper and were not tried: the runs were used up.
    pub untried: usize,
    /// The cheapest with which the goal holds, or the one with the fewest slow requests; with the
    /// `maxconn` of today.
    pub best: Tried,
    /// The same with the `maxconn` that is recommended, if one is.
    pub with_maxconn: Option<Tried>,
}

impl Trials {
    /// Tries them. `scenario` has today's settings; `slow_share_max` is what was asked for, if it was.
    ///
    /// # Errors
    /// The engine is wrong.
    pub fn of(
        scenario: &Scenario,
        bracket: Bracket,
        slow_share_max: Option<f64>,
    ) -> Result<Self, SimulateError> {
        let all = scenario.run(Policy::StaticMax, None)?;
        let all_always = Outcome::of(&all);
        let usual = SLOW_SHARE_MAX.max(SLOW_OF_ALL * all_always.slow_share);
        let slow_share_max = slow_share_max.unwrap_or(usual);
        let today = Setting::of(scenario);
        let told = Setting {
            capacity: Capacity::From(bracket),
            ..today
        };
        let Explored { mut tried, untried } = if scenario.supply.is_priced {
            explore(scenario, (today, told), slow_share_max, RUNS_MAX)?
        } else {
            let grid = [vec![today], beside(&told)].concat();
            Explored {
                tried: run_all(scenario, &grid, slow_share_max)?,
                untried: 0,
            }
        };
        let (Some(was), Some(best)) = (tried.first().copied(), best(&tried, today)) else {
            return Err(SimulateError::NoLoad);
        };
        let maxconns = MAXCONN_OF_WORKERS.map(|of| whole(of * f64::from(scenario.workers)));
        let mut maxconns: Vec<u32> = maxconns.into_iter().filter(|it| *it > 0).collect();
        maxconns.dedup();
        maxconns.retain(|it| Some(*it) != today.maxconn);
        let grid: Vec<Setting> = maxconns
            .into_iter()
            .map(|maxconn| Setting {
                maxconn: Some(maxconn),
                ..best.setting
            })
            .collect();
        let limited = run_all(scenario, &grid, slow_share_max)?;
        let is_good = |it: &&Tried| {
            let (new, old) = (it.outcome, best.outcome);
            // The queue is better seen in HAProxy; another `maxconn` than today's has to gain something.
            let allowed = if today.maxconn.is_none() {
                old.slow_share + SAME_SLOW
            } else {
                old.slow_share - SAME_SLOW
            };
            new.slow_share <= allowed && new.expense() <= SAME_COST * old.expense()
        };
        let with_maxconn = limited.iter().find(is_good).copied();
        tried.extend(limited);
        Ok(Self {
            today: was,
            all_always,
            slow_share_max,
            tried,
            untried,
            best,
            with_maxconn,
        })
    }

    /// What is recommended.
    pub fn recommended(&self) -> Tried {
        self.with_maxconn.unwrap_or(self.best)
    }

    /// Of those with which the goal does not hold, the one with the fewest slow requests.
    pub fn best_infeasible(&self) -> Option<&Tried> {
        let lost = self.tried.iter().filter(|it| !it.is_feasible);
        lost.min_by(|a, b| a.outcome.slow_share.total_cmp(&b.outcome.slow_share))
    }
}

/// Of those that cost about as little as the cheapest with which the goal holds, the one that changes
/// least of today's; else the one with the fewest slow requests.
fn best(tried: &[Tried], today: Setting) -> Option<Tried> {
    let cost = |it: &&Tried| it.outcome.expense();
    let feasible = tried.iter().filter(|it| it.is_feasible);
    let Some(cheapest) = feasible.clone().min_by(|a, b| cost(a).total_cmp(&cost(b))) else {
        let fewest = |a: &&Tried, b: &&Tried| a.outcome.slow_share.total_cmp(&b.outcome.slow_share);
        return tried.iter().min_by(fewest).copied();
    };
    let most = SAME_COST * cost(&cheapest);
    let differs = |it: &&Tried| it.setting.changes(&today);
    let mut cheap = feasible.filter(|it| cost(it) <= most);
    let first = cheap.next()?;
    let nearest = cheap.fold(first, |best, it| {
        if differs(&it) < differs(&best) {
            it
        } else {
            best
        }
    });
    Some(*nearest)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Small and above 0.
fn whole(number: f64) -> u32 {
    number.ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}
