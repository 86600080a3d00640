//! What was found out, as one JSON object.

use std::io::{self, Write};

use serde::Serialize;

use super::boot::{Boot, Cliff};
use super::carries::Carries;
use super::learned::rounded;
use super::study::{Simulated, Study};
use super::sweep::Swept;
use crate::simulate::cheapest::headroom;
use crate::simulate::trial::Setting;
use crate::simulate::tried_json::{
    OutcomeObject, PickedObject, TriedObject, outcome, picked, tried,
};
use crate::words::calendar::format_local_ms;

#[derive(Serialize)]
struct Object<'a> {
    backends: Vec<BackendObject<'a>>,
}

#[derive(Serialize)]
struct BackendObject<'a> {
    name: &'a str,
    requests: usize,
    from: String,
    to: String,
    goal_ms: f64,
    capacity: CapacityObject,
    service_ms: Option<f64>,
    concurrency_at_goal: Option<f64>,
    fit: Option<FitObject>,
    recommended: Recommended<'a>,
    /// For the servers' lines of haproxy.cfg.
    maxconn: Option<u32>,
    confidence: &'static str,
    why: String,
    trials: Option<TrialsObject>,
    boot: Option<BootObject>,
    model: Option<ModelObject>,
    sweep: Vec<SweptObject>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct CapacityObject {
    proved_per_s: Option<f64>,
    broken_per_s: Option<f64>,
    in_flight: Option<f64>,
}

/// Response time = `a_ms` + `b_ms` · n + `c_ms` · n².
#[derive(Serialize)]
struct FitObject {
    a_ms: f64,
    b_ms: f64,
    c_ms: f64,
    /// The root of the mean square of the relative errors.
    error: f64,
}

/// Keys of the configuration.
#[derive(Default, Serialize)]
struct Recommended<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    response_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<Learned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headroom: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<String>,
    /// Where it is not today's.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<u32>,
    /// Where it is not all spares.
    #[serde(flatten)]
    picked: Option<PickedObject<'a>>,
}

#[derive(Serialize)]
struct Learned {
    #[serde(skip_serializing_if = "Option::is_none")]
    proved: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<f64>,
}

#[derive(Serialize)]
struct TrialsObject {
    workers: u32,
    boot_s: f64,
    slow_share_max: f64,
    today: TriedObject,
    recommended: TriedObject,
    best_feasible: Option<TriedObject>,
    best_infeasible: Option<TriedObject>,
    all_always: OutcomeObject,
    tried: Vec<TriedObject>,
    untried: usize,
}

#[derive(Serialize)]
struct BootObject {
    /// The longest with which the goal holds; `null`: none that was tried.
    holds_s: Option<u64>,
    /// The shortest with which it is lost; `null`: none that was tried.
    lost_s: Option<u64>,
    /// Where most of the slow requests are then, by the log's clock.
    lost_at: Option<String>,
    tried: Vec<BootTried>,
}

#[derive(Serialize)]
struct BootTried {
    boot_s: u64,
    feasible: bool,
    #[serde(flatten)]
    outcome: OutcomeObject,
}

#[derive(Serialize)]
struct ModelObject {
    p50_off: f64,
    p95_off: f64,
}

#[derive(Serialize)]
struct SweptObject {
    goal_ms: f64,
    logged_slow_share: f64,
    capacity: CapacityObject,
    concurrency_at_goal: Option<f64>,
    confidence: &'static str,
    #[serde(flatten)]
    outcome: OutcomeObject,
}

/// Writes the object and a newline.
pub(super) fn write(studies: &[Study], out: &mut dyn Write) -> io::Result<()> {
    let object = Object {
        backends: studies.iter().map(backend).collect(),
    };
    serde_json::to_writer(&mut *out, &object)?;
    out.write_all(b"\n")
}

fn backend(study: &Study) -> BackendObject<'_> {
    let carries = &study.carries;
    let simulated = study.simulated.as_ref();
    let tried = simulated.and_then(|it| it.tried.as_ref());
    let best = tried.map(|(trials, _)| trials.recommended().setting);
    BackendObject {
        name: &study.name,
        requests: study.requests,
        from: format_local_ms(study.period_ms.0),
        to: format_local_ms(study.period_ms.1),
        goal_ms: carries.goal.ms,
        capacity: capacity(carries),
        service_ms: study.service_ms,
        concurrency_at_goal: carries.in_flight_at_goal,
        fit: carries.curve.map(|it| FitObject {
            a_ms: it.alone_ms,
            b_ms: it.linear_ms,
            c_ms: it.square_ms,
            error: it.error,
        }),
        recommended: recommended(carries, simulated, best),
        maxconn: best.and_then(|it| it.maxconn),
        confidence: carries.confidence.as_str(),
        why: super::why::why(study),
        trials: simulated.and_then(trials),
        boot: simulated
            .zip(tried)
            .map(|(simulated, (_, cliff))| boots(simulated, cliff)),
        model: simulated.and_then(|it| it.model).map(|it| {
            let (p50_off, p95_off) = it.off();
            ModelObject { p50_off, p95_off }
        }),
        sweep: study.sweep.iter().map(swept).collect(),
        notes: &study.notes,
    }
}

fn capacity(carries: &Carries) -> CapacityObject {
    CapacityObject {
        proved_per_s: rounded(carries.bracket.proved),
        broken_per_s: rounded(carries.bracket.broken),
        in_flight: rounded(carries.bracket.held),
    }
}

fn recommended<'a>(
    carries: &Carries,
    simulated: Option<&'a Simulated>,
    best: Option<Setting>,
) -> Recommended<'a> {
    let Some(bracket) = carries.to_start_from() else {
        return Recommended::default();
    };
    let rate = |it: f64| format!("{it}/s");
    Recommended {
        response_time: Some(super::text::span(carries.goal.ms)),
        capacity: Some(Learned {
            proved: rounded(bracket.proved).map(rate),
            broken: rounded(bracket.broken).map(rate),
            in_flight: rounded(bracket.held),
        }),
        headroom: best.map(|it| headroom(it.headroom)),
        idle_timeout: best.map(|it| humantime::format_duration(it.idle_timeout).to_string()),
        min: simulated.and_then(Simulated::other_min),
        picked: simulated.and_then(|it| it.spares.as_ref()).map(picked),
    }
}

fn trials(simulated: &Simulated) -> Option<TrialsObject> {
    let (trials, _) = simulated.tried.as_ref()?;
    let best = trials.recommended();
    Some(TrialsObject {
        workers: simulated.workers,
        boot_s: simulated.boot.as_secs_f64(),
        slow_share_max: trials.slow_share_max,
        today: tried(&trials.today),
        recommended: tried(&best),
        best_feasible: best.is_feasible.then(|| tried(&best)),
        best_infeasible: trials.best_infeasible().map(tried),
        all_always: outcome(&trials.all_always),
        tried: trials.tried.iter().map(tried).collect(),
        untried: trials.untried,
    })
}

fn boots(simulated: &Simulated, cliff: &Cliff) -> BootObject {
    let lost = cliff.lost();
    let at = |it: &Boot| format_local_ms(simulated.start_ms + it.worst_s * 1000);
    BootObject {
        holds_s: cliff.holds().map(|it| it.boot.as_secs()),
        lost_s: lost.map(|it| it.boot.as_secs()),
        lost_at: lost.map(at),
        tried: cliff
            .tried
            .iter()
            .map(|it| BootTried {
                boot_s: it.boot.as_secs(),
                feasible: it.is_feasible,
                outcome: outcome(&it.outcome),
            })
            .collect(),
    }
}

fn swept(swept: &Swept) -> SweptObject {
    SweptObject {
        goal_ms: swept.goal.as_secs_f64() * 1000.0,
        logged_slow_share: swept.slower_share,
        capacity: capacity(&swept.carries),
        concurrency_at_goal: swept.carries.in_flight_at_goal,
        confidence: swept.carries.confidence.as_str(),
        outcome: outcome(&swept.outcome),
    }
}
