//! How honest the model is: the log's own requests, with the servers that were really up, must take as
//! long in the model as the log says. And how many workers a server has, where nobody says: as many as
//! make that fit best.

use super::control::Control;
use super::control::schedule::Schedule;
use super::engine::{MS_NS, SECOND_NS};
use super::load::envelope::start_ms;
use super::load::recorded::Log;
use super::measure::Tally;
use super::run::run;
use super::scenario::Scenario;
use crate::stats::Histogram;
use crate::words::picture::AdminState;

/// A server without a request for so long was out …
const OUT_MS: u64 = 60_000;
/// … if that is so many times its usual gap.
const OUT_GAPS: u64 = 50;
/// Workers of a server that are tried.
const WORKERS: [u32; 17] = [
    1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128, 1024,
];

/// Response times of those who had an answer, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    pub p50_ms: f64,
    pub p95_ms: f64,
}

/// The log, and the model of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ModelCheck {
    pub logged: Quantiles,
    pub modelled: Quantiles,
    /// Requests that a server works on at once, in the model.
    pub workers: u32,
}

impl ModelCheck {
    /// How far the model is off, as logarithms of both ratios.
    fn distance(&self) -> f64 {
        let apart = |model: f64, log: f64| (model.max(0.5) / log.max(0.5)).ln().abs();
        apart(self.modelled.p50_ms, self.logged.p50_ms)
            + apart(self.modelled.p95_ms, self.logged.p95_ms)
    }

    /// How far the model's p50 and p95 are off, as shares.
    pub fn off(&self) -> (f64, f64) {
        let share = |model: f64, log: f64| model / log.max(0.001) - 1.0;
        (
            share(self.modelled.p50_ms, self.logged.p50_ms),
            share(self.modelled.p95_ms, self.logged.p95_ms),
        )
    }
}

/// Runs the log with the servers that it shows. `scenario` is that of the log: its load and its servers.
pub fn check(log: &Log, scenario: &Scenario) -> ModelCheck {
    let mut logged = Histogram::default();
    for request in log.requests.iter().filter(|it| it.is_answered) {
        let server_ms = request.server_ms.unwrap_or(0);
        logged.add(request.queue_ms.saturating_add(server_ms));
    }
    let logged = logged
        .summary()
        .map_or_else(Quantiles::default, |it| Quantiles {
            p50_ms: f64::from(it.p50),
            p95_ms: f64::from(it.p95),
        });
    let (ready, events) = schedule(log);
    let mut backend = scenario.backend_with(&ready);
    let mut control = Control::Schedule(Schedule::new(events));
    let goal_ns = u64::try_from(scenario.goal.as_nanos()).unwrap_or(u64::MAX);
    let mut tally = Tally::new(goal_ns, scenario.load.seconds(), ready);
    run(&scenario.load, &mut backend, &mut control, &mut tally);
    let [p50_ms, _, p95_ms, _] = tally.percentiles_ms();
    ModelCheck {
        logged,
        modelled: Quantiles { p50_ms, p95_ms },
        workers: scenario.workers,
    }
}

/// Of the numbers of workers with which the model was tried, the one that is nearest to the log; of equals
/// the smallest. `of` gives the scenario with so many.
pub fn fitted(log: &Log, of: impl Fn(u32) -> Scenario) -> u32 {
    let tried = WORKERS.iter().map(|workers| check(log, &of(*workers)));
    let nearest = tried.min_by(|a, b| a.distance().total_cmp(&b.distance()));
    nearest.map_or(1, |it| it.workers)
}

/// Which servers took traffic at the start, and when that changed: each from its first request on to its
/// last, without pauses that are too long for it.
fn schedule(log: &Log) -> (Vec<bool>, Vec<(u64, usize, AdminState)>) {
    let start_ms = start_ms(log);
    let end_ms = log.requests.last().map_or(0, |it| it.arrived_ms) - start_ms;
    let mut ready = vec![false; log.servers.len()];
    let mut events = Vec::new();
    for (server, ready) in ready.iter_mut().enumerate() {
        let mine = log
            .requests
            .iter()
            .filter(|it| it.server.map(usize::from) == Some(server));
        let mut given: Vec<u64> = mine
            .map(|it| it.arrived_ms + u64::from(it.queue_ms) - start_ms)
            .collect();
        given.sort_unstable();
        let (Some(&first), Some(&last)) = (given.first(), given.last()) else {
            continue;
        };
        let usual_ms = (last - first) / given.len() as u64;
        let out_ms = OUT_MS.max(usual_ms * OUT_GAPS);
        *ready = first < out_ms;
        if !*ready {
            events.push((first * MS_NS, server, AdminState::Ready));
        }
        for pair in given.windows(2) {
            if let [before, after] = pair
                && after - before > out_ms
            {
                events.push((before * MS_NS + SECOND_NS, server, AdminState::Drain));
                events.push((after * MS_NS, server, AdminState::Ready));
            }
        }
        if end_ms.saturating_sub(last) > out_ms {
            events.push((last * MS_NS + SECOND_NS, server, AdminState::Drain));
        }
    }
    (ready, events)
}
