//! Scenarios for the simulator, drawn from a seed: how they are drawn, and what becomes of the policies in
//! sum. `examples/scenarios.rs` includes this folder alone; nothing here asserts anything.

#![allow(dead_code, unreachable_pub, unused_imports)]

mod bands;
mod sums;

use std::time::Duration;

use haproxy_autoscale::sim::dice::Dice;
use haproxy_autoscale::simulate::engine::{Balance, Cold};
use haproxy_autoscale::simulate::load::service::Service;
use haproxy_autoscale::simulate::load::shapes::Shape;
use haproxy_autoscale::simulate::policy::Policy;
use haproxy_autoscale::simulate::staffing::Staffing;
use haproxy_autoscale::simulate::supply::Terms;
use haproxy_autoscale::simulate::{Options, Source};
use humantime::format_duration;

pub use self::bands::{BOOT_BANDS, POOL_BANDS, band};
pub use self::sums::{Outcome, Sum, total};

const BOOT_S: (f64, f64) = (1.0, 300.0);
const DAY_S: f64 = 24.0 * 3600.0;
/// A run lasts at least this long, and so many times as long as a spare needs to start.
const LASTS_S: f64 = 1800.0;
const LASTS_BOOTS: f64 = 20.0;
/// Mean service times, milliseconds.
const SERVICE_MS: (f64, f64) = (20.0, 1000.0);
/// Mean service time where requests are not too many, milliseconds.
const SERVICE_WANTED_MS: (f64, f64) = (20.0, 200.0);
/// The goal in mean service times; for widely spread ones more by their coefficient of variation.
const GOAL_TIMES: (f64, f64) = (5.0, 15.0);
const GOAL_MAX_MS: f64 = 10_000.0;
/// The peak in shares of what all servers carry.
const PEAK_SHARE: (f64, f64) = (0.3, 0.8);
const WORKERS: [u32; 4] = [1, 2, 4, 8];
/// Coefficients of variation of log-normal service times.
const SPREADS: [f64; 3] = [0.5, 1.0, 2.0];

/// How large scenarios may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests of one scenario, about.
    pub requests: f64,
    /// Servers of one scenario, at least 2.
    pub servers: u32,
}

impl Limits {
    /// What the product is judged by.
    pub const FULL: Self = Self {
        requests: 1e6,
        servers: 50,
    };

    /// What can be run again and again: short runs, few servers.
    pub const SHORT: Self = Self {
        requests: 4e4,
        servers: 8,
    };
}

/// One scenario, as the options of `simulate`.
#[derive(Clone, Debug)]
pub struct Sampled {
    pub shape: Shape,
    pub options: Options,
}

impl Sampled {
    /// The scenario of this number among those of the seed. Shapes take turns, everything else is drawn.
    pub fn new(seed: u64, number: u64, limits: Limits) -> Self {
        // Neighbours of a family are one draw apart: this way they have nothing to do with one another.
        let mut dice = Dice::new(Dice::numbered(seed, number).bits());
        let shapes = Shape::ALL.len() as u64;
        let shape = Shape::ALL[usize::try_from(number % shapes).expect("a small number")];
        loop {
            if let Some(options) = draw(&mut dice, shape, limits) {
                return Self { shape, options };
            }
        }
    }

    pub fn servers(&self) -> u32 {
        self.options.servers.unwrap_or_default()
    }

    /// What shows it.
    pub fn command(&self) -> String {
        let it = &self.options;
        let number = |it: Option<u32>| it.unwrap_or_default();
        let service = it.service.as_ref().map(Service::text).unwrap_or_default();
        let goal = it.goal.unwrap_or_default();
        let text = |span| format_duration(span).to_string().replace(' ', "");
        let maxconn = it.maxconn.map(|it| format!(" --maxconn {it}"));
        format!(
            "haproxy-autoscale simulate --shape {} --seconds {} --peak {} --servers {} --workers {} \
             --service {service} --boot {} --goal {} --balance {}{} --seed {}",
            self.shape.as_str(),
            number(it.seconds),
            it.peak_per_s.unwrap_or_default(),
            number(it.servers),
            number(it.workers),
            text(it.boot),
            text(goal),
            it.balance.as_str(),
            maxconn.unwrap_or_default(),
            it.seed,
        )
    }
}

/// One draw; `None` if it would have too many requests, or if all servers together would not be enough.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn draw(dice: &mut Dice, shape: Shape, limits: Limits) -> Option<Options> {
    let servers = wide(dice, (2.0, f64::from(limits.servers) + 0.99)).floor();
    let workers = *pick(dice, &WORKERS);
    let boot_s = wide(dice, BOOT_S).round();
    let peak_share = dice.between(PEAK_SHARE.0, PEAK_SHARE.1);
    let least_s = LASTS_S.max(LASTS_BOOTS * boot_s);
    let wanted_s = wide(dice, (least_s, DAY_S));

    // Long enough services that requests are not too many; if that is too long, a shorter run.
    let places = servers * f64::from(workers);
    let heights = shape.rates_per_s(1000, 1.0);
    let busy = places * peak_share * heights.iter().sum::<f64>() / heights.len() as f64;
    let fewest_ms = 1000.0 * busy * wanted_s / limits.requests;
    let service_ms = wide(dice, SERVICE_WANTED_MS).max(fewest_ms);
    let service_ms = service_ms.min(SERVICE_MS.1).round();
    let seconds = wanted_s.min(limits.requests * service_ms / 1000.0 / busy);
    if seconds < least_s {
        return None;
    }

    let mean = Duration::from_millis(service_ms as u64);
    let (service, spread) = match dice.below(3) {
        0 => (Service::Exponential(mean), 1.0),
        1 => (Service::Constant(mean), 0.0),
        _ => {
            let spread = *pick(dice, &SPREADS);
            (Service::LogNormal(mean, spread), spread)
        }
    };
    let goal_ms = service_ms * wide(dice, GOAL_TIMES) * spread.max(1.0);
    let goal_ms = (goal_ms / 10.0).round().max(1.0) * 10.0;
    let peak_per_s = (peak_share * places * 1000.0 / service_ms * 100.0).round() / 100.0;
    let staffing = Staffing {
        workers,
        service_s: service_ms / 1000.0,
        squared_cv: spread * spread,
        goal_s: goal_ms / 1000.0,
    };
    let pool = servers as usize;
    let is_possible = staffing.needed(peak_per_s, pool + 1) <= pool;
    let maxconn = (dice.below(4) == 0).then_some(workers);
    let balance = *pick(dice, &[Balance::RoundRobin, Balance::LeastConn]);
    let seed = dice.below(1000);
    (is_possible && goal_ms <= GOAL_MAX_MS).then(|| Options {
        backend: None,
        backend_name: None,
        learned: None,
        source: Source::Shape(shape),
        seconds: Some(seconds as u32),
        peak_per_s: Some(peak_per_s),
        scale: 1.0,
        servers: Some(servers as u32),
        workers: Some(workers),
        maxconn,
        service: Some(service),
        boot: Duration::from_secs(boot_s as u64),
        terms: Terms::default(),
        cold: Cold::NONE,
        balance,
        goal: Some(Duration::from_millis(goal_ms as u64)),
        seed,
        policies: Vec::new(),
        slow_share_max: None,
        json: false,
        html: None,
    })
}

/// Between these two, as probable between 1 and 2 as between 10 and 20.
fn wide(dice: &mut Dice, (low, high): (f64, f64)) -> f64 {
    dice.between(low.ln(), high.ln()).exp()
}

fn pick<'a, T>(dice: &mut Dice, all: &'a [T]) -> &'a T {
    let index = dice.below(all.len() as u64);
    &all[usize::try_from(index).expect("a small number")]
}
