//! `simulate`: the same scaler in a closed loop, against queues in virtual time, beside other policies on
//! the same arrivals and the same service time for each request.
//!
//! - [`engine`]: HAProxy's queue, servers and their workers, event by event
//! - [`load`]: who comes and how much work it is
//! - [`control`]: who decides about servers: ours, and the others
//! - [`scenario`], [`run`]: all of that together; [`measure`]: what a run is judged by
//!
//! Nothing here decides for the daemon, and nothing asks for the time.

pub mod compare;
pub mod control;
pub mod elasticity;
pub mod engine;
pub mod load;
pub mod measure;
pub mod policy;
pub mod run;
pub mod scenario;
pub mod sizing;
mod table;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use self::engine::{Balance, Cold};
use self::load::service::{Sampler, Service};
use self::load::shapes::Shape;
use self::load::{Arrivals, Load};
use self::policy::Policy;
use self::scenario::Scenario;
use crate::config::{BackendConfig, WarmUpConfig};
use crate::scaler::settings::{BackendSettings, PolicySettings, Signal, Spares};

/// Servers of a simulation, at most.
pub const SERVERS_MAX: u32 = 1000;

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration; `None`: built-in defaults, one always-up server.
    pub backend: Option<BackendConfig>,
    pub shape: Shape,
    pub seconds: u32,
    /// The largest rate, requests a second; `None`: 60 % of what all servers carry.
    pub peak_per_s: Option<f64>,
    /// Every rate times this.
    pub scale: f64,
    pub servers: Option<u32>,
    pub workers: u32,
    pub maxconn: Option<u32>,
    pub service: Service,
    pub boot: Duration,
    pub cold: Cold,
    pub balance: Balance,
    pub goal: Option<Duration>,
    pub seed: u64,
    pub policies: Vec<Policy>,
    pub json: bool,
}

/// Why a simulation ended early.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The engine is wrong.
    #[error(
        "the run of {} lost requests (Little's law does not hold); its numbers would be wrong, please \
         report this with the command line",
        .0.as_str()
    )]
    Unbalanced(Policy),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

/// Runs all policies and prints what became of them to `out`.
///
/// # Errors
/// Output that cannot be written.
pub fn simulate(options: &Options, out: &mut dyn Write) -> Result<(), SimulateError> {
    let scenario = scenario(options);
    let runs = compare::compare(&scenario, &options.policies)?;
    table::write(&scenario, &runs, out).map_err(SimulateError::Output)
}

const GOAL_DEFAULT: Duration = Duration::from_millis(500);
const SERVERS_DEFAULT: u32 = 4;
/// The peak, where none is given: this share of what all servers carry.
const PEAK_SHARE: f64 = 0.6;

fn scenario(options: &Options) -> Scenario {
    let (settings, warm_up) = match &options.backend {
        Some(backend) => (backend.scaler.clone(), backend.warm_up.clone()),
        None => (
            BackendSettings::for_backend("web", vec!["web1".to_owned()]),
            WarmUpConfig::default(),
        ),
    };
    let mut settings = settings;
    let goal = with_goal(&mut settings, options.goal);
    let names = names(&settings, options.servers);
    let service = Sampler::of(&options.service, &Arc::from([]));
    let all_per_s = names.len() as f64 * f64::from(options.workers) * 1e9 / service.mean_ns();
    let peak_per_s = options.peak_per_s.unwrap_or(PEAK_SHARE * all_per_s) * options.scale;
    let rates_per_s = options.shape.rates_per_s(options.seconds, peak_per_s);
    Scenario {
        min: settings.always_up.len(),
        settings,
        names,
        workers: options.workers,
        maxconn: options.maxconn,
        cold: options.cold,
        balance: options.balance,
        boot: options.boot,
        warm_up_requests: warm_up.requests,
        goal,
        load: Load {
            rates_per_s: rates_per_s.into(),
            arrivals: Arrivals::Poisson,
            service,
            seed: options.seed,
        },
    }
}

/// The goal is the threshold of the first policy about response times; one that is given replaces it.
fn with_goal(settings: &mut BackendSettings, given: Option<Duration>) -> Duration {
    let about = settings
        .policies
        .iter_mut()
        .find(|it| it.signal.is_response());
    match (about, given) {
        (Some(policy), Some(goal)) => {
            policy.above = goal.as_secs_f64() * 1000.0;
            goal
        }
        (Some(policy), None) => Duration::from_secs_f64(policy.above.max(0.0) / 1000.0),
        (None, goal) => {
            let goal = goal.unwrap_or(GOAL_DEFAULT);
            if settings.policies.is_empty() {
                let above = goal.as_secs_f64() * 1000.0;
                settings
                    .policies
                    .push(PolicySettings::new(Signal::ResponseTime, above));
            }
            goal
        }
    }
}

/// Always-up servers, then spares: those of the configuration, and as many more as are wanted.
fn names(settings: &BackendSettings, wanted: Option<u32>) -> Vec<String> {
    let mut names = settings.always_up.clone();
    if let Spares::Named(spares) = &settings.spares {
        names.extend(spares.iter().cloned());
    }
    let least = settings.always_up.len();
    let known = names.len();
    let wanted = match wanted {
        Some(wanted) => wanted.min(SERVERS_MAX) as usize,
        None if known > least => known,
        None => least + SERVERS_DEFAULT as usize - 1,
    };
    names.truncate(wanted.max(least));
    let mut number = 1;
    while names.len() < wanted {
        let name = format!("{}{number}", settings.name);
        number += 1;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
