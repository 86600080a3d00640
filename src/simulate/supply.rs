//! What servers take and cost beside their work: tiers, time to boot, time to stop, price. From options to
//! what each server of a scenario has; what a run costs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::SimulateError;
use super::measure::Tally;
use super::scenario::Scenario;
use crate::scaler::settings::{Spares, TIER};
use crate::words::time::Span;

const HOUR_S: f64 = 3600.0;

/// A value for all tiers, and others for some.
#[derive(Clone, Debug, PartialEq)]
pub struct ByTier<T> {
    /// Of the tiers that have none of their own.
    pub all: Option<T>,
    pub of: BTreeMap<u32, T>,
}

impl<T> Default for ByTier<T> {
    fn default() -> Self {
        Self {
            all: None,
            of: BTreeMap::new(),
        }
    }
}

impl<T: Copy> ByTier<T> {
    /// That of a tier, if one was said.
    pub fn get(&self, tier: u32) -> Option<T> {
        self.of.get(&tier).copied().or(self.all)
    }
}

/// What was said of servers.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Spares of each tier above 1; empty: as the configuration has it.
    pub spares: BTreeMap<u32, u32>,
    /// From the wish for a server until it answers.
    pub boot: ByTier<Duration>,
    /// The same as the daemon has measured it, by server: for those of which `boot` says nothing.
    pub measured: BTreeMap<String, Duration>,
    /// For so long a server that has gone is paid for, and cannot be started again.
    pub stop_delay: ByTier<Duration>,
    /// Of an hour of a server, in whatever money.
    pub price: ByTier<f64>,
}

/// What each server of a scenario takes and costs, in the order of its names. Those that are missing boot
/// as the scenario says, stop at once and cost nothing.
#[derive(Clone, Debug, Default)]
pub struct Supply {
    pub servers: Vec<Server>,
    /// Something has a price.
    pub is_priced: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server {
    /// `None`: as the scenario has it.
    pub boot: Option<Duration>,
    pub stop_delay: Duration,
    pub price_per_hour: f64,
}

impl Supply {
    /// That of a server.
    pub fn of(&self, index: usize) -> Server {
        self.servers.get(index).copied().unwrap_or_default()
    }

    /// What the servers of a run that has ended have cost; `None` where nothing has a price.
    pub fn cost(&self, tally: &Tally) -> Option<f64> {
        let of = |(index, seconds): (usize, f64)| self.of(index).price_per_hour * seconds / HOUR_S;
        let servers = tally.paid_seconds().into_iter().enumerate();
        self.is_priced.then(|| servers.map(of).sum())
    }
}

impl Terms {
    /// Gives the servers of a scenario their tiers, and what follows from these.
    ///
    /// # Errors
    /// More spares of a tier than there are spares.
    pub(super) fn settle(
        &self,
        scenario: &mut Scenario,
        notes: &mut Vec<String>,
    ) -> Result<(), SimulateError> {
        all_are_spares(scenario);
        self.give_tiers(scenario)?;
        let server = |index: usize| {
            let tier = scenario.tier(index);
            let name = scenario.names.get(index);
            let measured = name.and_then(|it| self.measured.get(it).copied());
            Server {
                boot: self.boot.get(tier).or(measured),
                stop_delay: self.stop_delay.get(tier).unwrap_or_default(),
                price_per_hour: self.price.get(tier).unwrap_or_default(),
            }
        };
        scenario.supply = Supply {
            servers: (0..scenario.names.len()).map(server).collect(),
            is_priced: self.price != ByTier::default(),
        };
        self.measured_note(scenario, notes);
        self.free_note(scenario, notes);
        Ok(())
    }

    /// The last spares are of the highest tiers.
    fn give_tiers(&self, scenario: &mut Scenario) -> Result<(), SimulateError> {
        if self.spares.is_empty() {
            return Ok(());
        }
        let (first, all) = (scenario.min, scenario.names.len());
        let wanted = self.spares.values().map(|it| *it as usize).sum::<usize>();
        let there = all.saturating_sub(first);
        if wanted > there {
            return Err(SimulateError::FewSpares { wanted, there });
        }
        let tiers = self.spares.iter();
        let tiers = tiers.flat_map(|(tier, count)| std::iter::repeat_n(*tier, *count as usize));
        let names = scenario.names.iter().skip(all - wanted).cloned();
        scenario.settings.tiers = names.zip(tiers).collect();
        Ok(())
    }

    /// A tier that an option speaks of and no server has, with the option.
    pub(super) fn unknown_tier(&self, scenario: &Scenario) -> Option<(&'static str, u32)> {
        let servers = 0..scenario.names.len();
        let known: BTreeSet<u32> = servers.map(|it| scenario.tier(it)).collect();
        let boot = self.boot.of.keys().map(|it| ("--boot", *it));
        let stop = self.stop_delay.of.keys().map(|it| ("--stop-delay", *it));
        let price = self.price.of.keys().map(|it| ("--price", *it));
        let mut said = boot.chain(stop).chain(price);
        said.find(|(_, tier)| !known.contains(tier))
    }

    fn measured_note(&self, scenario: &Scenario, notes: &mut Vec<String>) {
        let spares = (scenario.min..).zip(scenario.names.iter().skip(scenario.min));
        let taken = spares.filter(|(index, _)| self.boot.get(scenario.tier(*index)).is_none());
        let taken = taken.filter_map(|(_, name)| Some((name, self.measured.get(name)?)));
        let taken: Vec<String> = taken
            .map(|(name, boot)| format!("{name} {}", Span(*boot)))
            .collect();
        if !taken.is_empty() {
            notes.push(format!(
                "boot times are those that the daemon has measured ({}); say otherwise with --boot",
                taken.join(", ")
            ));
        }
    }

    fn free_note(&self, scenario: &Scenario, notes: &mut Vec<String>) {
        let servers = 0..scenario.names.len();
        let free = servers.map(|it| scenario.tier(it));
        let free: BTreeSet<u32> = free.filter(|it| self.price.get(*it).is_none()).collect();
        if !scenario.supply.is_priced || free.is_empty() {
            return;
        }
        let free: Vec<String> = free.iter().map(u32::to_string).collect();
        notes.push(format!(
            "servers of tier {} have no price and cost nothing here; say what they cost with --price {}=PRICE",
            free.join(", "),
            free.first().map_or("1", |it| it)
        ));
    }
}

/// Servers beyond those that the configuration names are spares, too.
fn all_are_spares(scenario: &mut Scenario) {
    let names = scenario.names.iter().skip(scenario.min);
    if let Spares::Named(spares) = &mut scenario.settings.spares {
        for name in names {
            if !spares.contains(name) {
                spares.push(name.clone());
            }
        }
    }
}

/// What servers take and cost, in the words of the headline: nothing, or with a comma in front.
pub(super) fn described(scenario: &Scenario) -> String {
    let mut tiers: BTreeMap<u32, (usize, Server)> = BTreeMap::new();
    for index in 0..scenario.names.len() {
        let of = (0, scenario.supply.of(index));
        tiers.entry(scenario.tier(index)).or_insert(of).0 += 1;
    }
    let is_one = tiers.len() == 1;
    let mut text = String::new();
    for (tier, (count, server)) in tiers {
        let mut parts = Vec::new();
        if !is_one {
            let what = if tier == TIER { "server" } else { "spare" };
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {what}{plural} of tier {tier}"));
        }
        if !server.stop_delay.is_zero() {
            parts.push(format!("{} to stop", Span(server.stop_delay)));
        }
        if scenario.supply.is_priced {
            parts.push(format!("{} an hour", server.price_per_hour));
        }
        if !parts.is_empty() {
            text.push_str(" · ");
            text.push_str(&parts.join(", "));
        }
    }
    text
}

/// How long spares take, from the fastest to the slowest.
pub(crate) fn boots(scenario: &Scenario) -> String {
    let spares = scenario.min..scenario.names.len();
    let boots: BTreeSet<Duration> = spares.map(|it| scenario.boot_of(it)).collect();
    match (boots.first(), boots.last()) {
        (Some(fast), Some(slow)) if fast != slow => format!("{} to {}", Span(*fast), Span(*slow)),
        (Some(only), _) => Span(*only).to_string(),
        (None, _) => Span(scenario.boot).to_string(),
    }
}

/// An amount with as many digits as say something.
pub(crate) fn money(amount: f64) -> String {
    if amount == 0.0 {
        return "0".to_owned();
    }
    let digits = match amount {
        it if it < 0.01 => 6,
        it if it < 1.0 => 4,
        it if it < 1000.0 => 2,
        _ => 0,
    };
    format!("{amount:.digits$}")
}
