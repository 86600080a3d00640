//! "Enable at once" against "warm up first", both in the load model, with the same users.

use super::scenario::{
    ALWAYS_UP, BREACHES, CHECK_INTERVAL, MIN_SPAN, SERVICE_MS, SLOW_MS, SPARE, Scenario,
    THRESHOLD_MS, WINDOW,
};
use crate::sim::queues::{Answer, Model};
use crate::sim::warmth::{COLD_ANSWERS_MS, Warmth};
use crate::sim::{micros, whole_us};

/// Answers are awaited this long after the span that is compared, microseconds.
const PATIENCE_US: u64 = 10_000_000;
/// The comparison goes on for so long after a warmed spare joined: its backlog belongs to it.
pub const SETTLE_US: u64 = 2_000_000;
/// One step of the search for the breach, microseconds.
const STEP_US: u64 = 10_000;

/// What the users of one span of time got.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Toll {
    /// Requests that came in that span.
    pub requests: usize,
    /// How many took longer than twice the threshold, or failed.
    pub slow: usize,
    /// The longest, milliseconds.
    pub worst_ms: f64,
}

/// Counts what came between two instants.
pub fn toll(answers: &[Answer], from_us: u64, to_us: u64) -> Toll {
    let mut toll = Toll::default();
    for answer in answers {
        if (from_us..to_us).contains(&answer.arrived_us) {
            toll.requests += 1;
            toll.slow += usize::from(answer.is_slow(SLOW_MS));
            toll.worst_ms = toll.worst_ms.max(answer.took_ms());
        }
    }
    toll
}

/// What the users who come from now until `to_us` would get if the spare took traffic at once.
pub fn enabled_at_once(mut model: Model, from_us: u64, to_us: u64) -> Toll {
    model.queues.set_takes_traffic(SPARE, true);
    let answers = model.advance(to_us.saturating_add(PATIENCE_US));
    toll(&answers, from_us, to_us)
}

/// The two ways side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// When the third window in a row was above the threshold, microseconds.
    pub breached_at_us: u64,
    /// Enabled at that instant, cold.
    pub at_once: Toll,
    /// Warmed up first, checked by HAProxy, then enabled.
    pub warmed: Toll,
}

/// Computes both from the model alone. `None`: this load never breaches within the story's limit.
pub fn contrast(scenario: &Scenario) -> Option<Contrast> {
    let servers = vec![Warmth::warm(), Warmth::cold()];
    let mut model = scenario.model(servers);
    model.queues.set_takes_traffic(ALWAYS_UP, true);
    let breached_at_us = run_to_breach(&mut model, micros(scenario.limit))?;

    let warm_up_us = whole_us(1000.0 * (COLD_ANSWERS_MS.iter().sum::<f64>() + SERVICE_MS));
    let enabled_at_us = breached_at_us + warm_up_us + micros(CHECK_INTERVAL);
    let to_us = enabled_at_us + SETTLE_US;
    let at_once = enabled_at_once(model.fork(), breached_at_us, to_us);

    let mut answers = model.advance(enabled_at_us);
    let mut warmed = model.fork();
    if let Some(spare) = warmed.queues.machine(SPARE) {
        spare.warmth = Warmth::warm();
    }
    warmed.queues.set_takes_traffic(SPARE, true);
    answers.extend(warmed.advance(to_us + PATIENCE_US));
    Some(Contrast {
        breached_at_us,
        at_once,
        warmed: toll(&answers, breached_at_us, to_us),
    })
}

/// Advances until so many windows in a row had a mean above the threshold. A sketch of the
/// scaler's rule, good enough to find the instant; the live story takes the scaler's own.
fn run_to_breach(model: &mut Model, limit_us: u64) -> Option<u64> {
    let mut window: Vec<f64> = Vec::new();
    let mut window_from_us = 0;
    let mut breaches = 0;
    for now_us in (0..limit_us).step_by(usize::try_from(STEP_US).unwrap_or(1)) {
        window.extend(model.advance(now_us).iter().map(Answer::took_ms));
        let is_long_enough = now_us - window_from_us >= micros(MIN_SPAN);
        if window.len() < usize::try_from(WINDOW).unwrap_or(usize::MAX) || !is_long_enough {
            continue;
        }
        let mean_ms = window.iter().sum::<f64>() / window.len() as f64;
        breaches = if mean_ms > THRESHOLD_MS {
            breaches + 1
        } else {
            0
        };
        if breaches == BREACHES {
            return Some(now_us);
        }
        window.clear();
        window_from_us = now_us;
    }
    None
}
