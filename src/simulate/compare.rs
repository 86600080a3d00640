//! Several policies on the same load: each run by itself, on as many threads as there are, in the order
//! asked for.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::SimulateError;
use super::policy::Policy;
use super::scenario::{Run, Scenario, guard};

/// Requests in flight per server that the sweeps try, as shares of the workers of a server.
const SWEEP: [f64; 13] = [
    0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0, 3.0,
];

/// One run to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Job {
    policy: Policy,
    target: Option<f64>,
}

/// Runs them all.
///
/// # Errors
/// The engine is wrong.
pub fn compare(scenario: &Scenario, policies: &[Policy]) -> Result<Vec<Run>, SimulateError> {
    let jobs = jobs(scenario, policies);
    let made = in_parallel(&jobs, |job| -> Result<Run, SimulateError> {
        let mut run = scenario.run(job.policy, job.target)?;
        if job.policy.is_sweep() {
            // All of a sweep at once would take too much memory; the best is run again.
            run.tally.forget_details();
        }
        Ok(run)
    });
    let made = made
        .into_iter()
        .collect::<Result<Vec<Run>, SimulateError>>()?;
    let ours_slow = made
        .iter()
        .find(|run| run.policy == Policy::Ours)
        .map(|run| run.tally.slow);
    let pick = |policy: &Policy| {
        let of = |wanted: Policy| made.iter().filter(move |run| run.policy == wanted);
        if policy.is_sweep() {
            let found = best(of(*policy), ours_slow)?;
            return Some(scenario.run(*policy, Some(found.target)));
        }
        let found = of(runs_as(scenario, *policy)).next()?;
        Some(Ok(Run {
            policy: *policy,
            ..found.clone()
        }))
    };
    policies.iter().filter_map(pick).collect()
}

/// The policy that decides as this one does: ours, if it has no capacity to leave off.
fn runs_as(scenario: &Scenario, policy: Policy) -> Policy {
    if policy == Policy::Guard && guard(&scenario.settings) == scenario.settings {
        Policy::Ours
    } else {
        policy
    }
}

/// Each run once; the sweeps need ours to be held against.
fn jobs(scenario: &Scenario, policies: &[Policy]) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    for policy in policies {
        let (run, targets): (Policy, &[f64]) = if policy.is_sweep() {
            (Policy::Ours, &SWEEP)
        } else {
            (runs_as(scenario, *policy), &[])
        };
        let workers = f64::from(scenario.workers);
        let one = Job {
            policy: run,
            target: None,
        };
        let sweep = targets.iter().map(|share| Job {
            policy: *policy,
            target: Some(share * workers),
        });
        for job in std::iter::once(one).chain(sweep) {
            if !jobs.contains(&job) {
                jobs.push(job);
            }
        }
    }
    jobs
}

/// The cheapest of those that are no slower than ours, else the one with the fewest slow requests.
fn best<'a>(
    runs: impl Iterator<Item = &'a Run> + Clone,
    ours_slow: Option<u64>,
) -> Option<&'a Run> {
    let cost = |run: &&Run| run.tally.server_seconds();
    let cheaper = |a: &&Run, b: &&Run| cost(a).total_cmp(&cost(b));
    let good = runs
        .clone()
        .filter(|run| ours_slow.is_none_or(|slow| run.tally.slow <= slow));
    good.min_by(cheaper)
        .or_else(|| runs.min_by_key(|run| run.tally.slow))
}

/// What `work` makes of each job, in their order.
pub fn in_parallel<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Vec::with_capacity(jobs.len()));
    let run = || {
        while let Some((index, job)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            jobs.get(index).map(|job| (index, job))
        } {
            let result = work(job);
            made.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            scope.spawn(run);
        }
        run();
    });
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, result)| result).collect()
}
