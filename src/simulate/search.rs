//! Where servers have a price: which settings are tried and in which order, so that the cheapest is found in
//! few runs. Nothing is left out but what must cost more, unless there are too many.
//!
//! What to recommend belongs to those who ask.

use std::collections::BTreeSet;

use super::SimulateError;
use super::scenario::Scenario;
use super::trial::{Setting, Tiers, Tried, beside, run_all, whole_u32};

/// Runs of one search.
pub const RUNS_MAX: usize = 500;
/// Of many values of `min`, so many are tried first, evenly apart; then those around the best.
const FIRST_MINS: u32 = 8;
/// Of so many tiers it is tried to leave the dearer ones away, and to have one alone.
const TIERS_TRIED: usize = 3;
const HOUR_S: f64 = 3600.0;

/// What was tried.
#[derive(Clone, Debug)]
pub(crate) struct Explored {
    /// In the order in which it was tried.
    pub tried: Vec<Tried>,
    /// So many choices of `min` and spares might be cheaper and were not tried: the runs were used up.
    pub untried: usize,
}

/// How many servers run all the time, and out of which spares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    tiers: Tiers,
    min: u32,
}

/// A set of spares.
#[derive(Clone, Debug)]
struct Pool {
    tiers: Tiers,
    /// The largest `min`.
    most: u32,
    /// What its spares cost if they run all the time, those first that come first.
    expenses: Vec<f64>,
    /// By so much a run is cheaper than servers that are there from its beginning: they have to come first.
    late: f64,
}

struct Search<'a> {
    scenario: &'a Scenario,
    base: Setting,
    slow_share_max: f64,
    runs_max: usize,
    pools: Vec<Pool>,
    /// What the always-up servers cost.
    always: f64,
    /// Sizes without an answer so far.
    open: Vec<Size>,
    tried: Vec<Tried>,
}

/// Tries `today`, and `base` with every headroom, `idle_timeout`, set of spares and `min` from that of
/// `base` up to all of them, but what must cost more than what was found. At most `runs_max` runs, those
/// first that promise most. Where the goal holds nowhere, not even with all servers or around what is best,
/// it ends there.
///
/// # Errors
/// The engine is wrong.
pub(crate) fn explore(
    scenario: &Scenario,
    (today, base): (Setting, Setting),
    slow_share_max: f64,
    runs_max: usize,
) -> Result<Explored, SimulateError> {
    let mut search = Search::new(scenario, base, slow_share_max, runs_max);
    search.begin(today)?;
    let mins = search.open.iter().map(|it| it.min.abs_diff(base.min));
    let mut step = mins.max().unwrap_or(0).div_ceil(FIRST_MINS).max(1);
    search.try_those(|size, _| size.min.abs_diff(base.min).is_multiple_of(step))?;
    while step > 1 {
        step = step.div_ceil(2);
        search.try_those(|size, best| [0, step].contains(&size.min.abs_diff(best)))?;
    }
    // What is found may have neighbours of its own.
    while search.try_those(|size, best| size.min.abs_diff(best) <= 1)? {}
    let holds = search.tried.iter().any(|it| it.is_feasible);
    if holds {
        search.try_those(|_, _| true)?;
    }
    let untried = search
        .open
        .iter()
        .filter(|it| holds && search.may_be_cheaper(it));
    Ok(Explored {
        untried: untried.count(),
        tried: search.tried,
    })
}

/// Of those with which the goal holds, the cheapest; of those that cost the same, the one with fewer slow
/// requests, and then the one that changes less of the first. If it holds with none, the one with the
/// fewest slow requests.
pub(super) fn best(tried: &[Tried]) -> Option<usize> {
    let today = tried.first()?.setting;
    let changes = |it: &Tried| it.setting.changes(&today);
    let by_cost = |a: &Tried, b: &Tried| a.outcome.expense().total_cmp(&b.outcome.expense());
    let by_slow = |a: &Tried, b: &Tried| a.outcome.slow_share.total_cmp(&b.outcome.slow_share);
    let by_changes = |a: &Tried, b: &Tried| changes(a).cmp(&changes(b));
    let all = tried.iter().enumerate();
    let feasible = all.clone().filter(|(_, it)| it.is_feasible);
    let cheapest = feasible.min_by(|(_, a), (_, b)| {
        let order = by_cost(a, b).then(by_slow(a, b));
        order.then(by_changes(a, b))
    });
    let fewest_slow = || {
        all.min_by(|(_, a), (_, b)| {
            let order = by_slow(a, b).then(by_cost(a, b));
            order.then(by_changes(a, b))
        })
    };
    cheapest.or_else(fewest_slow).map(|(index, _)| index)
}

impl<'a> Search<'a> {
    fn new(scenario: &'a Scenario, base: Setting, slow_share_max: f64, runs_max: usize) -> Self {
        let tiers = tiers_tried(scenario, &base).into_iter();
        let pools: Vec<Pool> = tiers.map(|it| Pool::of(scenario, it)).collect();
        let sizes = pools.iter().flat_map(|pool| {
            let mins = base.min..=pool.most;
            mins.map(|min| Size {
                tiers: pool.tiers,
                min,
            })
        });
        let mut open: Vec<Size> = sizes.collect();
        let as_it_is = Size {
            tiers: base.tiers,
            min: base.min,
        };
        if !open.contains(&as_it_is) {
            open.push(as_it_is);
        }
        Self {
            scenario,
            base,
            slow_share_max,
            runs_max,
            always: (0..scenario.min).map(|it| expense(scenario, it)).sum(),
            pools,
            open,
            tried: Vec::new(),
        }
    }

    /// What is there today, and all servers of each set, always: the dearest that can be, and how late
    /// servers are there.
    fn begin(&mut self, today: Setting) -> Result<(), SimulateError> {
        let most = |size: &Size| self.pool(size).is_some_and(|it| it.most == size.min);
        let all = self.open.iter().copied();
        let (first, open) = all.partition::<Vec<Size>, _>(|size| self.is_base(size) || most(size));
        let mut settings = vec![today];
        settings.extend(first.iter().flat_map(|it| self.settings(it)));
        self.open = open;
        self.run(settings)?;
        let late: Vec<f64> = self.pools.iter().map(|it| self.late(it)).collect();
        for (pool, late) in self.pools.iter_mut().zip(late) {
            pool.late = late;
        }
        Ok(())
    }

    /// Tries what is wanted, the cheap ones first. `is_wanted` is told the `min` of the best so far. Gives
    /// whether anything was.
    fn try_those(&mut self, is_wanted: impl Fn(&Size, u32) -> bool) -> Result<bool, SimulateError> {
        let best = best(&self.tried).and_then(|it| self.tried.get(it));
        let best = best.map_or(self.base.min, |it| it.setting.min);
        let wanted = self.open.iter().filter(|it| is_wanted(it, best)).copied();
        let mut wanted: Vec<Size> = wanted.collect();
        wanted.sort_by(|a, b| self.floor(a).total_cmp(&self.floor(b)));
        let mut is_new = false;
        for size in wanted {
            let settings = self.settings(&size);
            if !self.may_be_cheaper(&size) || self.tried.len() + settings.len() > self.runs_max {
                continue;
            }
            self.open.retain(|it| *it != size);
            self.run(settings)?;
            is_new = true;
        }
        Ok(is_new)
    }

    fn run(&mut self, mut settings: Vec<Setting>) -> Result<(), SimulateError> {
        let is_known = |it: &Setting| self.tried.iter().any(|known| known.setting == *it);
        settings.retain(|it| !is_known(it));
        let mut new: Vec<Setting> = Vec::with_capacity(settings.len());
        for setting in settings {
            if !new.contains(&setting) {
                new.push(setting);
            }
        }
        let tried = run_all(self.scenario, &new, self.slow_share_max)?;
        self.tried.extend(tried);
        Ok(())
    }

    /// All that is tried with it.
    fn settings(&self, size: &Size) -> Vec<Setting> {
        let setting = Setting {
            min: size.min,
            tiers: size.tiers,
            ..self.base
        };
        let is_all = self.pool(size).is_some_and(|it| it.most == size.min);
        if is_all && !self.is_base(size) {
            // Where nobody comes and goes, neither headroom nor `idle_timeout` matters.
            vec![setting]
        } else {
            beside(&setting)
        }
    }

    /// Nothing that holds was found which costs less than this one must.
    fn may_be_cheaper(&self, size: &Size) -> bool {
        let feasible = self.tried.iter().filter(|it| it.is_feasible);
        let mut expenses = feasible.map(|it| it.outcome.expense());
        let floor = self.floor(size);
        expenses.all(|it| floor <= it)
    }

    /// It costs as much at least: those that always run.
    fn floor(&self, size: &Size) -> f64 {
        let Some(pool) = self.pool(size) else {
            return 0.0;
        };
        self.standing(pool, size.min) - pool.late
    }

    /// What so many servers cost that are there from the beginning to the end.
    fn standing(&self, pool: &Pool, min: u32) -> f64 {
        let spares = min.saturating_sub(whole_u32(self.scenario.min));
        let spares = pool.expenses.iter().take(spares as usize);
        self.always + spares.sum::<f64>()
    }

    /// By how much all of its servers, always, were cheaper than that.
    fn late(&self, pool: &Pool) -> f64 {
        let all = self
            .tried
            .iter()
            .filter(|it| it.setting.tiers == pool.tiers && it.setting.min == pool.most);
        let expenses = all.map(|it| it.outcome.expense());
        let least = expenses.fold(f64::INFINITY, f64::min);
        let late = self.standing(pool, pool.most) - least;
        if late.is_finite() {
            late.max(0.0)
        } else {
            f64::INFINITY
        }
    }

    fn pool(&self, size: &Size) -> Option<&Pool> {
        self.pools.iter().find(|it| it.tiers == size.tiers)
    }

    fn is_base(&self, size: &Size) -> bool {
        size.min == self.base.min && size.tiers == self.base.tiers
    }
}

impl Pool {
    fn of(scenario: &Scenario, tiers: Tiers) -> Self {
        let spares = scenario.min..scenario.names.len();
        let mut spares: Vec<usize> = spares.filter(|it| tiers.has(scenario.tier(*it))).collect();
        spares.sort_by_key(|it| scenario.tier(*it));
        let there = whole_u32(scenario.min).saturating_add(whole_u32(spares.len()));
        Self {
            tiers,
            most: scenario.settings.max.map_or(there, |max| max.min(there)),
            expenses: spares.into_iter().map(|it| expense(scenario, it)).collect(),
            late: 0.0,
        }
    }
}

/// What a server costs that is there from the beginning to the end, in what expenses are counted in.
fn expense(scenario: &Scenario, server: usize) -> f64 {
    let seconds = scenario.load.seconds() as f64;
    if scenario.supply.is_priced {
        scenario.supply.of(server).price_per_hour * seconds / HOUR_S
    } else {
        seconds
    }
}

/// All of them, the cheaper ones alone, and a dear tier alone.
fn tiers_tried(scenario: &Scenario, today: &Setting) -> Vec<Tiers> {
    let spares = scenario.min..scenario.names.len();
    let known: BTreeSet<u32> = spares.map(|it| scenario.tier(it)).collect();
    let mut tiers = vec![today.tiers];
    if let (Some(&first), true) = (known.first(), known.len() > 1) {
        let to = known.iter().rev().skip(1).take(TIERS_TRIED);
        tiers.extend(to.map(|&last| Tiers { first, last }));
        let alone = known.iter().skip(1).take(TIERS_TRIED);
        tiers.extend(alone.map(|&tier| Tiers {
            first: tier,
            last: tier,
        }));
    }
    tiers
}
