//! What votes beside the breaches and the demand: policies with a target. The highest vote wins, and a server
//! goes only when none wants it. What is begun because of it is said in `work`.

use std::time::Duration;

use super::facts::Facts;
use super::journeys::Journeys;
use crate::measure::meter::Readings;
use crate::measure::target::{Target, TargetNeed};
use crate::scaler::decision::Wanted;
use crate::scaler::member::Member;
use crate::scaler::seen::{Evaluations, VotesView};
use crate::scaler::settings::BackendSettings;
use crate::words::time::Timestamp;

/// What is asked for at once is at most so many times what serves or is on its way.
const GROWTH_MAX: u32 = 2;

/// All that vote, in the order of the configuration.
#[derive(Default)]
pub(super) struct Votes {
    targets: Vec<Target>,
}

impl Votes {
    /// Nobody has seen anything yet.
    pub(super) fn new(settings: &BackendSettings) -> Self {
        let targets = settings.targets.iter();
        let targets = targets.map(|target| Target::new(target, settings.idle_timeout));
        Self {
            targets: targets.collect(),
        }
    }

    /// New settings. A target that is still there goes on; `down_after` was another one before.
    pub(super) fn reconfigure(&mut self, settings: &BackendSettings, down_after: Duration) {
        let mut old = std::mem::take(&mut self.targets);
        for wanted in &settings.targets {
            let kept = old.iter().position(|had| had.settings() == wanted);
            let target = match kept {
                Some(at) => {
                    let mut target = old.swap_remove(at);
                    if settings.idle_timeout != down_after {
                        target.reconfigure(settings.idle_timeout);
                    }
                    target
                }
                None => Target::new(wanted, settings.idle_timeout),
            };
            self.targets.push(target);
        }
    }

    /// One more picture.
    pub(super) fn look(&mut self, now: Timestamp, readings: &Readings) {
        for target in &mut self.targets {
            target.read(now, readings);
        }
    }

    /// What was seen is about another situation.
    pub(super) fn start_over(&mut self) {
        self.targets.iter_mut().for_each(Target::start_over);
    }

    /// Servers that are missing beside those that serve and come, with the target that wants most.
    pub(super) fn missing(&self, facts: &Facts, journeys: &Journeys) -> Option<(u32, Wanted)> {
        let is_coming = |it: &&Member| !it.is_serving() && journeys.is_coming(&it.read.name);
        let coming = facts.pool.members.iter().filter(is_coming).count();
        let serving = facts.pool.serving();
        let there = serving.saturating_add(u32::try_from(coming).unwrap_or(u32::MAX));
        let asked = self.targets.iter().filter_map(Target::asked);
        let need = strongest(asked)?;
        let most = GROWTH_MAX.saturating_mul(there.max(1));
        let missing = need.servers.min(most).saturating_sub(there);
        (missing > 0).then_some((missing, Wanted::Target { need, serving }))
    }

    /// All agree that `left` servers are enough; else the target that wanted most in the last while. Before all
    /// of that while was watched none agrees.
    pub(super) fn agree(&self, now: Timestamp, left: u32) -> Result<(), Option<TargetNeed>> {
        let wanted = self.targets.iter().map(|target| target.highest(now));
        let wanted: Option<Vec<TargetNeed>> = wanted.collect();
        let Some(wanted) = wanted else {
            return Err(strongest(self.latest()));
        };
        match strongest(wanted.into_iter()).filter(|need| need.servers > left) {
            Some(need) => Err(Some(need)),
            None => Ok(()),
        }
    }

    /// What the last window of each wants.
    fn latest(&self) -> impl Iterator<Item = TargetNeed> {
        self.targets.iter().filter_map(Target::latest)
    }

    /// What there is to see of it.
    pub(super) fn view(&self) -> VotesView {
        VotesView {
            evaluations: Evaluations::default(),
            targets: self.latest().collect(),
            scheduled: None,
            has_no_slots: false,
        }
    }

    /// Servers that are wanted now.
    pub(super) fn wanted(&self) -> u32 {
        let asked = self.targets.iter().filter_map(Target::asked);
        asked.map(|need| need.servers).max().unwrap_or(0)
    }

    /// Numbers that are held.
    pub(super) fn held(&self) -> usize {
        self.targets.iter().map(Target::held).sum()
    }
}

/// The one that wants most; among equals the first.
fn strongest(needs: impl Iterator<Item = TargetNeed>) -> Option<TargetNeed> {
    needs.reduce(|most, need| {
        if need.servers > most.servers {
            need
        } else {
            most
        }
    })
}
