//! The daemon's words: "serves", "drained", "ok".

use std::collections::BTreeMap;

use serde_json::Value;

use super::{BLUR, Episode, Run, SHARE_LEAST};
use crate::case::Share;
use crate::seen::{Answer, Claim, SERVERS, Shown, percentile, times_ms};

/// So long after a newcomer is ready the daemon must have noticed that it gets nothing.
const NOTICED_WITHIN: f64 = 6.0;
/// A claim that a server serves is compared with what it got in so many seconds before …
const SERVES_OVER: f64 = 5.0;
/// … in which all servers got so many requests.
const SERVES_REQUESTS: usize = 50;
/// "ok" is compared with what users got in so many seconds before …
const OK_OVER: f64 = 10.0;
/// … and, as a past trouble may be over, in the last few of them.
const OK_STILL: f64 = 3.0;
/// Least users in each of the two.
const OK_USERS: [usize; 2] = [20, 8];
/// More users than this without a page are not ok.
const OK_BAD: f64 = 0.05;
/// So long "ok" may go on until trouble that has just begun is seen.
const OK_LATE: f64 = 2.0;
/// After a newcomer is ready windows start over; for so long nothing is known yet.
const OK_NEWCOMER: f64 = 6.0;
/// Words of `state` with which the daemon says that all is well.
const WELL: [&str; 4] = ["ok", "quiet", "idle", "no load"];

/// All claims of a run that are not true.
pub fn faults(run: &Run<'_>) -> Vec<String> {
    let mut faults = serving(run);
    faults.extend(drained(run));
    faults.extend(too_early(run));
    faults.extend(well(run));
    faults
}

/// The words of a server in `status`.
fn server<'a>(claim: &'a Claim, name: &str) -> Option<&'a Value> {
    let servers = claim.status["backends"][0]["servers"].as_array()?;
    servers.iter().find(|server| server["name"] == name)
}

/// Whether the daemon counts the server as one that takes and answers requests.
fn serves(claim: &Claim, name: &str) -> bool {
    let Some(server) = server(claim, name) else {
        return false;
    };
    let is_ready = server["stage"] == "ready" && server["up"] == true;
    server["serving"].as_bool().unwrap_or(is_ready)
}

/// Every text of a status in which the server is named as one that is not right: problems and notes.
fn complains_of(claim: &Claim, name: &str) -> bool {
    let lists = [
        &claim.status["problems"],
        &claim.status["backends"][0]["problems"],
    ];
    let in_problems = lists
        .iter()
        .filter_map(|list| list.as_array())
        .flatten()
        .any(|problem| problem.to_string().contains(name));
    let note = server(claim, name).map(|server| server["note"].clone());
    in_problems || note.is_some_and(|note| note.as_str().is_some_and(|note| !note.is_empty()))
}

/// A newcomer that HAProxy sends nothing: the daemon says so and does not count it.
pub fn said_not_serving(run: &Run<'_>, episode: &Episode, own: usize, all: usize) -> Vec<String> {
    let name = SERVERS[episode.server];
    let noticed = episode.from + NOTICED_WITHIN;
    if noticed > run.end || noticed > episode.to {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let since = run.second(episode.from);
    let words = ["not_serving", "probation_failed"];
    let in_lines = run.record.lines.iter().any(|line| {
        line.at >= episode.from
            && line.text.contains(name)
            && words.iter().any(|word| line.text.contains(word))
    });
    let later = || {
        let claims = run.record.claims.iter();
        claims.filter(|claim| claim.at >= noticed && claim.at <= episode.to.min(run.end))
    };
    if !in_lines && !later().any(|claim| complains_of(claim, name)) {
        faults.push(format!(
            "{name}, ready since {since}, got {own} of {all} requests, and the daemon does not say so"
        ));
    }
    if let Some(claim) = later().find(|claim| serves(claim, name)) {
        faults.push(format!(
            "{name}, ready since {since}, gets nothing, and status at {} says that it serves",
            run.second(claim.at)
        ));
    }
    faults
}

/// "serves" for a server that gets next to nothing.
fn serving(run: &Run<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, name) in SERVERS.iter().enumerate() {
        let untrue = run.record.claims.iter().find_map(|claim| {
            let from = claim.at - SERVES_OVER;
            let is_time = from >= run.begin && claim.at <= run.end && run.has_demand(claim.at);
            if !is_time || !serves(claim, name) {
                return None;
            }
            let sample = run.sample(claim.at)?;
            if index == 0 {
                let shown = &sample.rows[0];
                let before = run.sample(claim.at - NOTICED_WITHIN)?.rows[0].weight;
                let nothing = shown.weight == 0 && before == 0;
                return nothing.then(|| (claim.at, "HAProxy shows it with weight 0".to_owned()));
            }
            let episode = run.newcomers().find(|episode| {
                episode.server == index && episode.from + 2.0 <= from && episode.to >= claim.at
            })?;
            let (own, all) = run.hits(index, from, claim.at);
            let least = match run.case.expect.share {
                Share::Fair => SHARE_LEAST * run.fair(episode.server, claim.at),
                Share::Never => SHARE_LEAST / SERVERS.len() as f64,
                Share::Any => 0.0,
            };
            let untrue = all >= SERVES_REQUESTS && (own as f64) < least * all as f64;
            untrue.then(|| {
                (
                    claim.at,
                    format!("it got {own} of {all} requests in {SERVES_OVER} s"),
                )
            })
        });
        if let Some((at, seen)) = untrue {
            let at = run.second(at);
            faults.push(format!(
                "status at {at} says that {name} serves, but {seen}"
            ));
        }
    }
    faults
}

/// When each spare went to maint after it had been ready: the last look before, the first one after.
fn leavings(run: &Run<'_>, server: usize) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    let mut was_ready = false;
    for pair in run.record.samples.windows(2) {
        let (before, after) = (&pair[0].rows[server], &pair[1].rows[server]);
        was_ready |= before.shown == Shown::Ready;
        if was_ready && before.shown != Shown::Maint && after.shown == Shown::Maint {
            found.push((pair[0].at, pair[1].at));
            was_ready = false;
        }
    }
    found
}

/// "drained" while requests were open, and requests that ended without an answer because the server
/// went to maint. Judged by our own users: `scur` of two looks cannot tell.
fn drained(run: &Run<'_>) -> Vec<String> {
    let hits = run.record.hits.iter();
    let hits: BTreeMap<u32, (usize, f64)> =
        hits.map(|hit| (hit.id, (hit.server, hit.at))).collect();
    let mut faults = Vec::new();
    for (index, name) in SERVERS.iter().enumerate() {
        for (before, after) in leavings(run, index) {
            let here = |answer: &&Answer| {
                let hit = hits.get(&answer.id);
                hit.is_some_and(|(server, at)| *server == index && *at < before)
            };
            let is_cut = |answer: &&Answer| {
                answer.ended > before
                    && answer.ended < after + BLUR
                    && !answer.gave_up
                    && (answer.status == 0 || answer.status == 502)
            };
            let users = || run.record.answers.iter().filter(here);
            let cut = users().filter(is_cut).count();
            let open = cut + users().filter(|answer| answer.ended > after + BLUR).count();
            let claim = format!("disable web/{name}: drained");
            let mut lines = run.record.lines.iter();
            let claims =
                lines.any(|line| (line.at - after).abs() < 1.0 && line.text.contains(&claim));
            let at = run.second(after);
            if claims && open > 0 {
                faults.push(format!(
                    "the daemon says that {name} is drained at {at}, with {open} requests open"
                ));
            }
            if cut > 0 {
                faults.push(format!(
                    "{cut} requests on {name} were cut when it went to maint at {at}"
                ));
            }
        }
    }
    faults
}

/// Users at a spare before it was ready, or in maint again.
fn too_early(run: &Run<'_>) -> Vec<String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Phase {
        Before,
        In,
        Gone,
    }
    let mut faults = Vec::new();
    for (index, name) in SERVERS.iter().enumerate().skip(1) {
        let mut phases: Vec<(f64, Phase)> = Vec::new();
        for sample in &run.record.samples {
            let last = phases.last().map_or(Phase::Before, |(_, phase)| *phase);
            let phase = match (sample.rows[index].shown, last) {
                (Shown::Ready, _) | (Shown::Drain | Shown::Down, Phase::In) => Phase::In,
                (Shown::Maint, Phase::In | Phase::Gone) => Phase::Gone,
                (Shown::Maint | Shown::Drain | Shown::Down, _) => Phase::Before,
                (Shown::Unknown, last) => last,
            };
            if phase != last || phases.is_empty() {
                phases.push((sample.at, phase));
            }
        }
        for (which, (from, phase)) in phases.iter().enumerate() {
            let to = phases.get(which + 1).map_or(f64::MAX, |(next, _)| *next);
            let (from, to) = (from + BLUR, to - BLUR);
            let hits = || {
                let hits = run.record.hits.iter();
                hits.filter(|hit| hit.server == index && hit.at > from && hit.at < to)
            };
            let (Some(first), count) = (hits().next(), hits().count()) else {
                continue;
            };
            let at = run.second(first.at);
            match phase {
                Phase::Before if count > run.case.expect.early => {
                    faults.push(format!(
                        "{count} users reached {name} before it was ready, first at {at}"
                    ));
                }
                Phase::Gone if !run.case.expect.reaches_maint => {
                    faults.push(format!(
                        "{count} users reached {name} in maint, first at {at}"
                    ));
                }
                Phase::Before | Phase::Gone | Phase::In => {}
            }
        }
    }
    faults
}

/// "ok, 0 problems" while users suffer.
fn well(run: &Run<'_>) -> Vec<String> {
    let threshold = |claim: &Claim| claim.status["backends"][0]["threshold_ms"].as_f64();
    let mut since: Option<f64> = None;
    for claim in &run.record.claims {
        let suffering = suffering(run, claim.at, threshold(claim).unwrap_or(300.0));
        match suffering.filter(|_| says_all_is_well(claim)) {
            None => since = None,
            Some(how) => {
                let since = *since.get_or_insert(claim.at);
                if claim.at - since >= OK_LATE {
                    let state = claim.status["backends"][0]["state"].as_str().unwrap_or("");
                    return vec![format!(
                        "status at {} says `{state}` and 0 problems, while {how}",
                        run.second(claim.at)
                    )];
                }
            }
        }
    }
    Vec::new()
}

fn says_all_is_well(claim: &Claim) -> bool {
    let backend = &claim.status["backends"][0];
    let none = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    let state = backend["state"].as_str().unwrap_or_default();
    none(&claim.status["problems"])
        && none(&backend["problems"])
        && WELL.contains(&state.to_lowercase().as_str())
}

/// What users of the last seconds had to bear, if it was too much: over the whole span and still at its
/// end.
fn suffering(run: &Run<'_>, at: f64, threshold_ms: f64) -> Option<String> {
    let mut newcomers = run.newcomers();
    let is_new = newcomers.any(|one| one.from <= at && one.from > at - OK_NEWCOMER);
    if at < run.begin + OK_OVER / 2.0 || at > run.end || is_new {
        return None;
    }
    let users = |over: f64| {
        let all = run.record.answers.iter();
        all.filter(|answer| !answer.long && answer.ended > at - over && answer.ended <= at)
            .collect::<Vec<&Answer>>()
    };
    let (all, last) = (users(OK_OVER), users(OK_STILL));
    if all.len() < OK_USERS[0] || last.len() < OK_USERS[1] {
        return None;
    }
    let bad = |users: &[&Answer]| users.iter().filter(|answer| answer.is_bad()).count();
    let is_bad = |users: &[&Answer]| bad(users) as f64 > OK_BAD * users.len() as f64;
    if is_bad(&all) && is_bad(&last) {
        let (bad, all) = (bad(&all), all.len());
        return Some(format!(
            "{bad} of {all} users of the last {OK_OVER} s got no page"
        ));
    }
    let median = |users: &[&Answer]| percentile(&times_ms(users.iter().copied()), 0.5);
    let (all_ms, last_ms) = (median(&all), median(&last));
    (all_ms > threshold_ms && last_ms > threshold_ms)
        .then(|| format!("half of the users of the last {OK_OVER} s waited {all_ms:.0} ms or more"))
}
