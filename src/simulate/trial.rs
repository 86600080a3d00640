//! One setting of ours, tried on a load: what users got and what it cost. Which of them to recommend
//! belongs to those who try them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::SimulateError;
use super::compare::in_parallel;
use super::policy::Policy;
use super::scenario::{Run, Scenario};
use crate::measure::need::Headroom;
use crate::scaler::settings::{Capacity, Spares};

/// Times without a need for a server, seconds, that are tried beside today's.
const IDLE_TIMEOUTS_S: [u64; 3] = [120, 300, 900];

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    pub capacity: Capacity,
    pub headroom: Headroom,
    pub idle_timeout: Duration,
    /// On the servers' lines in haproxy.cfg.
    pub maxconn: Option<u32>,
    /// Servers that serve at least; never below today's: that may be wanted for other reasons.
    pub min: u32,
    /// Which spares there are.
    pub tiers: Tiers,
}

/// The spares of these tiers, both included, and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiers {
    pub first: u32,
    pub last: u32,
}

impl Tiers {
    /// Every spare.
    pub const ALL: Self = Self {
        first: 0,
        last: u32::MAX,
    };

    pub(super) const fn has(self, tier: u32) -> bool {
        self.first <= tier && tier <= self.last
    }
}

impl Setting {
    /// As the scenario has it.
    pub const fn of(scenario: &Scenario) -> Self {
        Self {
            capacity: scenario.settings.capacity,
            headroom: scenario.settings.headroom,
            idle_timeout: scenario.settings.idle_timeout,
            maxconn: scenario.maxconn,
            min: scenario.settings.min,
            tiers: Tiers::ALL,
        }
    }

    /// How many keys of the configuration differ from those of today.
    pub(crate) fn changes(&self, today: &Self) -> u8 {
        u8::from(self.headroom != today.headroom)
            + u8::from(self.idle_timeout != today.idle_timeout)
            + u8::from(self.min != today.min)
            + u8::from(self.tiers != today.tiers)
    }

    /// The spares that it names, in their order; `None`: those that there are today.
    pub(crate) fn spares(&self, scenario: &Scenario) -> Option<Vec<String>> {
        let spares = (scenario.min..).zip(scenario.names.iter().skip(scenario.min));
        let here = spares.filter(|(index, _)| self.tiers.has(scenario.tier(*index)));
        (self.tiers != Tiers::ALL).then(|| here.map(|(_, name)| name.clone()).collect())
    }
}

/// The spares that a setting takes, where it does not take all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    pub tiers: Tiers,
    /// How many of each tier.
    pub counts: BTreeMap<u32, usize>,
    /// Which they are; `None`: some of their names are made up.
    pub names: Option<Vec<String>>,
}

impl Picked {
    pub(crate) fn of(setting: &Setting, scenario: &Scenario) -> Option<Self> {
        let names = setting.spares(scenario)?;
        let known = scenario.names.len().saturating_sub(scenario.made_up);
        let made_up = scenario.names.get(known..).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for name in &names {
            *counts.entry(scenario.settings.tier(name)).or_default() += 1;
        }
        let are_known = !names.iter().any(|it| made_up.contains(it));
        Some(Self {
            tiers: setting.tiers,
            counts,
            names: are_known.then_some(names),
        })
    }

    /// A line of the configuration: `spares = ["web2", "web3"]`, or a comment that says how many to name.
    pub(crate) fn line(&self) -> String {
        if let Some(names) = &self.names {
            let names: Vec<String> = names.iter().map(|it| format!("\"{it}\"")).collect();
            return format!("spares = [{}]", names.join(", "));
        }
        let count = |(tier, count): (&u32, &usize)| {
            let plural = if *count == 1 { "" } else { "s" };
            format!("{count} spare{plural} of tier {tier}")
        };
        let counts: Vec<String> = self.counts.iter().map(count).collect();
        format!(
            "# with {} and no others: name yours in `spares`",
            counts.join(", ")
        )
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
    /// What the servers cost; `None`: nothing has a price.
    pub cost: Option<f64>,
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
            cost: run.cost,
        }
    }

    /// What is to be small: the cost, or where nothing has a price the time of servers.
    pub(crate) fn expense(&self) -> f64 {
        self.cost.unwrap_or(self.server_seconds)
    }
}

/// That setting with every headroom, and with each of several times for `idle_timeout`.
pub(crate) fn beside(setting: &Setting) -> Vec<Setting> {
    let mut idle_timeouts: Vec<Duration> = IDLE_TIMEOUTS_S.map(Duration::from_secs).to_vec();
    if !idle_timeouts.contains(&setting.idle_timeout) {
        idle_timeouts.push(setting.idle_timeout);
    }
    let mut all = Vec::new();
    for idle_timeout in idle_timeouts {
        all.extend(Headroom::NAMED.iter().map(|(_, headroom)| Setting {
            headroom: *headroom,
            idle_timeout,
            ..*setting
        }));
    }
    all
}

/// The scenario with that setting.
pub(crate) fn with(scenario: &Scenario, setting: &Setting) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.settings.capacity = setting.capacity;
    scenario.settings.headroom = setting.headroom;
    scenario.settings.idle_timeout = setting.idle_timeout;
    scenario.maxconn = setting.maxconn;
    scenario.settings.min = setting.min;
    if let Some(spares) = setting.spares(&scenario) {
        scenario.settings.spares = Spares::Named(spares);
    }
    scenario
}

pub(super) fn whole_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
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
