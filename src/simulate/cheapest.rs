//! The cheapest of our settings with which hardly anybody waits too long: each is tried on the same load.
//! What is tried, which one it is, and the same for people.

use super::SimulateError;
use super::policy::Policy;
use super::scenario::Scenario;
use super::search::{Explored, RUNS_MAX, best, explore};
use super::supply::money;
use super::table::percent;
use super::trial::{Outcome, Picked, Setting, Tried};
use crate::measure::need::Headroom;
use crate::scaler::settings::Capacity;

const MONTH_S: f64 = 30.0 * 86_400.0;

/// Everything that was tried.
#[derive(Clone, Debug)]
pub struct Search {
    /// The goal holds if no larger share of the requests is slow, 0 to 1.
    pub slow_share_max: f64,
    /// Today's settings first.
    pub tried: Vec<Tried>,
    /// Choices of `min` and spares that might be cheaper and were not tried: the runs were used up.
    pub untried: usize,
    /// Runs at most.
    pub runs_max: usize,
    /// Where in `tried` the best is: the cheapest with which the goal holds; else the one with the fewest
    /// slow requests.
    best: usize,
    /// All servers, always.
    pub all_always: Outcome,
    /// The spares that the best takes, if not all.
    spares: Option<Picked>,
    backend: String,
    seconds: f64,
}

impl Search {
    /// Tries them on the load of that scenario.
    ///
    /// # Errors
    /// The engine is wrong.
    pub fn of(
        scenario: &Scenario,
        today: Setting,
        slow_share_max: f64,
    ) -> Result<Self, SimulateError> {
        Self::within(scenario, today, slow_share_max, RUNS_MAX)
    }

    /// The same in so many runs at most, but for those that a search begins with.
    ///
    /// # Errors
    /// The engine is wrong.
    pub fn within(
        scenario: &Scenario,
        today: Setting,
        slow_share_max: f64,
        runs_max: usize,
    ) -> Result<Self, SimulateError> {
        let all_always = Outcome::of(&scenario.run(Policy::StaticMax, None)?);
        let explored = explore(scenario, (today, today), slow_share_max, runs_max)?;
        let Explored { tried, untried } = explored;
        let best = best(&tried).ok_or(SimulateError::NoLoad)?;
        let spares = tried.get(best);
        let spares = spares.and_then(|it| Picked::of(&it.setting, scenario));
        Ok(Self {
            slow_share_max,
            best,
            all_always,
            spares,
            backend: scenario.settings.name.clone(),
            seconds: scenario.load.seconds() as f64,
            tried,
            untried,
            runs_max,
        })
    }

    /// What was found, and the settings of today.
    pub fn best_and_today(&self) -> Option<(&Tried, &Tried)> {
        Some((self.tried.get(self.best)?, self.tried.first()?))
    }

    /// The spares that it takes, if not all of them.
    pub fn spares(&self) -> Option<&Picked> {
        self.spares.as_ref()
    }

    /// What was found, for people: lines without their ends.
    pub fn lines(&self) -> Vec<String> {
        let Some((best, today)) = self.best_and_today() else {
            return Vec::new();
        };
        let aim = percent(self.slow_share_max);
        let mut lines = Vec::new();
        let outcome = |it: &Outcome| {
            let cost = it.expense();
            format!(
                "{} ({} in 30 days), {} slow",
                money(cost),
                money(for_30_days(cost, self.seconds)),
                percent(it.slow_share)
            )
        };
        if !best.is_feasible {
            lines.push(format!(
                "None of the {} settings that were tried keeps slow requests at or below {aim}.",
                self.tried.len()
            ));
            lines.push(if self.all_always.slow_share > self.slow_share_max {
                format!(
                    "Nor do all servers, always: {}. More servers can, or ones that boot faster or carry more.",
                    outcome(&self.all_always)
                )
            } else {
                format!("All servers, always, do: {}.", outcome(&self.all_always))
            });
            lines.push("The fewest slow requests come with:".to_owned());
        } else if best.setting == today.setting {
            lines.push(format!(
                "The settings of today are the cheapest of the {} that were tried and keep slow requests at or \
                 below {aim}:",
                self.tried.len()
            ));
        } else {
            lines.push(format!(
                "The cheapest of {} settings that keeps slow requests at or below {aim}:",
                self.tried.len()
            ));
        }
        lines.push(format!("  today  {}", outcome(&today.outcome)));
        lines.push(format!("  this   {}", outcome(&best.outcome)));
        lines.extend(untried(self.untried, self.runs_max));
        lines.push(format!(
            "in [backend.{}] of the configuration:",
            self.backend
        ));
        lines.extend(
            self.keys(&best.setting)
                .into_iter()
                .map(|it| format!("  {it}")),
        );
        lines
    }

    /// Keys of the configuration.
    fn keys(&self, setting: &Setting) -> Vec<String> {
        // Without `capacity`, no demand is known that `headroom` could add to.
        let headroom = (setting.capacity != Capacity::Off)
            .then(|| format!("headroom = \"{}\"", headroom(setting.headroom)));
        let mut keys = Vec::from_iter(headroom);
        keys.push(format!(
            "idle_timeout = \"{}\"",
            humantime::format_duration(setting.idle_timeout)
        ));
        keys.push(format!("min = {}", setting.min));
        keys.extend(self.spares.as_ref().map(Picked::line));
        keys
    }
}

/// What to say where a search has ended early.
pub(crate) fn untried(untried: usize, runs_max: usize) -> Option<String> {
    let plural = if untried == 1 { "" } else { "s" };
    (untried > 0).then(|| {
        format!(
            "The search ended after {runs_max} runs, its limit: {untried} more choice{plural} of `min` and \
             spares might be cheaper; try fewer tiers, or set `min` or `max` nearer to what is needed."
        )
    })
}

/// What a run of so many seconds costs, if 30 days were like it.
pub(crate) fn for_30_days(cost: f64, seconds: f64) -> f64 {
    cost * MONTH_S / seconds.max(1.0)
}

/// Its word in the configuration.
pub(crate) fn headroom(headroom: Headroom) -> &'static str {
    let found = Headroom::NAMED.iter().find(|(_, it)| *it == headroom);
    found.map_or("", |(word, _)| word)
}
