//! What became of the policies, as one JSON object of the contract.

use std::io::{self, Write};

use serde::Serialize;

use super::Results;
use super::as_logged::{ModelCheck, Quantiles};
use super::engine::MS_NS;
use super::scenario::Run;
use super::tried_json::{PlanObject, plan};

#[derive(Serialize)]
struct Object<'a> {
    goal_ms: f64,
    duration_s: f64,
    requests: u64,
    seed: u64,
    runs: Vec<RunObject>,
    model: Option<ModelObject>,
    notes: &'a [String],
    /// `null` unless it was asked for.
    plan: Option<PlanObject<'a>>,
}

#[derive(Serialize)]
struct RunObject {
    policy: &'static str,
    requests: u64,
    failed: u64,
    slow_share: f64,
    response_ms: Response,
    wait_ms: Wait,
    server_seconds: f64,
    /// What servers are paid for: the same, and what they took to stop.
    paid_server_seconds: f64,
    cost: Option<f64>,
    servers_mean: f64,
    changes: u64,
    flaps: u64,
    longest_above_goal_s: u32,
    elasticity: ElasticityObject,
}

#[derive(Serialize)]
struct Response {
    mean: f64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

#[derive(Serialize)]
struct Wait {
    mean: f64,
}

#[derive(Serialize)]
struct ElasticityObject {
    under_accuracy: f64,
    over_accuracy: f64,
    under_time_share: f64,
    over_time_share: f64,
    instability: f64,
}

/// How far the model is from the log.
#[derive(Serialize)]
struct ModelObject {
    workers: u32,
    logged_ms: QuantilesObject,
    modelled_ms: QuantilesObject,
}

#[derive(Serialize)]
struct QuantilesObject {
    p50: f64,
    p95: f64,
}

/// Writes the object and a newline.
pub(super) fn write(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let scenario = results.scenario;
    let object = Object {
        goal_ms: scenario.goal.as_secs_f64() * 1000.0,
        duration_s: scenario.load.seconds() as f64,
        requests: results.runs.first().map_or(0, |run| run.tally.requests),
        seed: scenario.load.seed,
        runs: results.runs.iter().map(run).collect(),
        model: results.model.map(model),
        notes: results.notes,
        plan: results.cheapest.and_then(plan),
    };
    serde_json::to_writer(&mut *out, &object)?;
    out.write_all(b"\n")
}

fn run(run: &Run) -> RunObject {
    let tally = &run.tally;
    let [p50, p90, p95, p99] = tally.percentiles_ms();
    let elasticity = run.elasticity;
    RunObject {
        policy: run.policy.as_str(),
        requests: tally.requests,
        failed: tally.failed,
        slow_share: run.slow_share(),
        response_ms: Response {
            mean: run.response_mean_ms(),
            p50,
            p90,
            p95,
            p99,
            max: tally.max_ns as f64 / MS_NS as f64,
        },
        wait_ms: Wait {
            mean: run.wait_mean_ms(),
        },
        server_seconds: tally.server_seconds(),
        paid_server_seconds: tally.paid_server_seconds(),
        cost: run.cost,
        servers_mean: run.servers_mean(),
        changes: tally.changes,
        flaps: tally.flaps,
        longest_above_goal_s: tally.longest_above_goal_s(),
        elasticity: ElasticityObject {
            under_accuracy: elasticity.under_accuracy,
            over_accuracy: elasticity.over_accuracy,
            under_time_share: elasticity.under_time_share,
            over_time_share: elasticity.over_time_share,
            instability: elasticity.instability,
        },
    }
}

fn model(model: ModelCheck) -> ModelObject {
    let quantiles = |it: Quantiles| QuantilesObject {
        p50: it.p50_ms,
        p95: it.p95_ms,
    };
    ModelObject {
        workers: model.workers,
        logged_ms: quantiles(model.logged),
        modelled_ms: quantiles(model.modelled),
    }
}
