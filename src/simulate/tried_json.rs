//! A setting that was tried, and what became of it, as `simulate` and `tune` write it in their JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cheapest::{Search, headroom};
use super::trial::{Outcome, Picked, Tiers, Tried};
use crate::scaler::settings::Capacity;

#[derive(Serialize)]
pub(crate) struct TriedObject {
    capacity: &'static str,
    headroom: &'static str,
    idle_timeout_s: f64,
    maxconn: Option<u32>,
    min: u32,
    /// The spares of these tiers alone; `null`: all of them.
    tiers: Option<TiersObject>,
    feasible: bool,
    #[serde(flatten)]
    outcome: OutcomeObject,
}

#[derive(Serialize)]
struct TiersObject {
    first: u32,
    last: u32,
}

#[derive(Serialize)]
pub(crate) struct OutcomeObject {
    slow_share: f64,
    failed: u64,
    p95_ms: f64,
    server_seconds: f64,
    servers_mean: f64,
    changes: u64,
    longest_above_goal_s: u32,
    cost: Option<f64>,
}

/// The cheapest settings, and all that were tried.
#[derive(Serialize)]
pub(super) struct PlanObject<'a> {
    slow_share_max: f64,
    feasible: bool,
    recommended: Recommended<'a>,
    today: TriedObject,
    best: TriedObject,
    all_always: OutcomeObject,
    tried: Vec<TriedObject>,
    /// Choices that might be cheaper, for which no run was left.
    untried: usize,
    runs_max: usize,
}

/// Keys of the configuration, and which spares it has.
#[derive(Serialize)]
struct Recommended<'a> {
    headroom: &'static str,
    idle_timeout: String,
    min: u32,
    #[serde(flatten)]
    picked: Option<PickedObject<'a>>,
}

/// The spares of a setting that does not take all of them.
#[derive(Serialize)]
pub(crate) struct PickedObject<'a> {
    /// The key of the configuration; left out where names are made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    spares: Option<&'a [String]>,
    tiers: TiersObject,
    /// How many of each tier, and no others.
    spare_counts: &'a BTreeMap<u32, usize>,
}

pub(crate) fn picked(picked: &Picked) -> PickedObject<'_> {
    PickedObject {
        spares: picked.names.as_deref(),
        tiers: tiers(picked.tiers),
        spare_counts: &picked.counts,
    }
}

fn tiers(tiers: Tiers) -> TiersObject {
    TiersObject {
        first: tiers.first,
        last: tiers.last,
    }
}

pub(super) fn plan(search: &Search) -> Option<PlanObject<'_>> {
    let (best, today) = search.best_and_today()?;
    Some(PlanObject {
        slow_share_max: search.slow_share_max,
        feasible: best.is_feasible,
        recommended: Recommended {
            headroom: headroom(best.setting.headroom),
            idle_timeout: humantime::format_duration(best.setting.idle_timeout).to_string(),
            min: best.setting.min,
            picked: search.spares().map(picked),
        },
        today: tried(today),
        best: tried(best),
        all_always: outcome(&search.all_always),
        tried: search.tried.iter().map(tried).collect(),
        untried: search.untried,
        runs_max: search.runs_max,
    })
}

pub(crate) fn tried(tried: &Tried) -> TriedObject {
    let setting = &tried.setting;
    TriedObject {
        capacity: match setting.capacity {
            Capacity::Off => "off",
            Capacity::Learn => "learn",
            Capacity::From(_) => "log",
            Capacity::Given(_) => "given",
        },
        headroom: headroom(setting.headroom),
        idle_timeout_s: setting.idle_timeout.as_secs_f64(),
        maxconn: setting.maxconn,
        min: setting.min,
        tiers: (setting.tiers != Tiers::ALL).then(|| tiers(setting.tiers)),
        feasible: tried.is_feasible,
        outcome: outcome(&tried.outcome),
    }
}

pub(crate) fn outcome(outcome: &Outcome) -> OutcomeObject {
    OutcomeObject {
        slow_share: outcome.slow_share,
        failed: outcome.failed,
        p95_ms: outcome.p95_ms,
        server_seconds: outcome.server_seconds,
        servers_mean: outcome.servers_mean,
        changes: outcome.changes,
        longest_above_goal_s: outcome.longest_above_goal_s,
        cost: outcome.cost,
    }
}
