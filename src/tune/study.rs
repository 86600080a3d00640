//! One backend of a log: what it tells of one server, and everything that was tried on it.

use std::time::Duration;

use super::boot::Cliff;
use super::carries::Carries;
use super::slices::Slices;
use super::sweep::{Swept, sweep};
use super::trials::Trials;
use super::{Options, TuneError};
use crate::config::BackendConfig;
use crate::measure::served::Goal;
use crate::measure::settings::Signal;
use crate::simulate::as_logged::ModelCheck;
use crate::simulate::engine::Cold;
use crate::simulate::load::envelope::{Business, start_ms};
use crate::simulate::load::recorded::Log;
use crate::simulate::plan::{self, Plan};
use crate::simulate::supply::{Terms, boots};
use crate::simulate::trial::{Picked, Setting};
use crate::simulate::{self, SimulateError, Source};

/// Where neither the configuration nor an option says it.
const GOAL_DEFAULT: Duration = Duration::from_millis(500);
/// Requests that each setting is tried on: of a larger log, those of its busiest time.
const TRIED_REQUESTS_MAX: usize = 1_000_000;

/// What is said of a backend.
#[derive(Clone, Debug)]
pub struct Study {
    pub name: String,
    /// Its rules come from a configuration.
    pub is_configured: bool,
    pub requests: usize,
    /// The first and the last request, milliseconds since 1970 by the log's clock.
    pub period_ms: (u64, u64),
    /// Servers that took requests at the same time: the fewest and the most.
    pub servers: (u32, u32),
    pub carries: Carries,
    /// How long a request takes on a server that has nothing else to do, milliseconds; of a log that
    /// `simulate` can play.
    pub service_ms: Option<f64>,
    pub simulated: Option<Simulated>,
    pub sweep: Vec<Swept>,
    pub notes: Vec<String>,
}

/// What `simulate` makes of the log.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Requests that a server works on at once, as it fits the log best.
    pub workers: u32,
    /// From the wish for a spare until it answers, in the trials.
    pub boot: Duration,
    /// The same in words: it may differ by tiers.
    pub boots: String,
    /// The spares that are recommended, if not all of them.
    pub spares: Option<Picked>,
    /// `min` of today.
    pub min: u32,
    pub model: Option<ModelCheck>,
    /// When the requests that were tried begin, milliseconds since 1970.
    pub start_ms: u64,
    pub seconds: usize,
    /// What was tried, if the log tells what one server carries.
    pub tried: Option<(Trials, Cliff)>,
}

impl Simulated {
    /// `min` as it is recommended, if that is not today's.
    pub(super) fn other_min(&self) -> Option<u32> {
        let (trials, _) = self.tried.as_ref()?;
        let min = trials.recommended().setting.min;
        (min != self.min).then_some(min)
    }
}

impl Study {
    /// Studies it.
    ///
    /// # Errors
    /// The engine is wrong.
    pub(super) fn of(
        options: &Options,
        config: Option<&BackendConfig>,
        log: &Log,
    ) -> Result<Self, TuneError> {
        let goal = goal_of(config, options.goal);
        let slices = Slices::of(log, goal.signal);
        let taking = slices.all.iter().map(|it| it.servers).filter(|it| *it > 0);
        let mut study = Self {
            name: log.backend.clone(),
            is_configured: config.is_some(),
            requests: log.requests.len(),
            period_ms: (
                log.requests.first().map_or(0, |it| it.arrived_ms),
                log.requests.last().map_or(0, |it| it.arrived_ms),
            ),
            servers: (taking.clone().min().unwrap_or(0), taking.max().unwrap_or(0)),
            carries: Carries::of(&slices, goal),
            service_ms: None,
            simulated: None,
            sweep: Vec::new(),
            notes: Vec::new(),
        };
        if !log.requests.is_empty() {
            study.simulate(options, config, log, (&slices, goal))?;
        }
        Ok(study)
    }

    fn simulate(
        &mut self,
        options: &Options,
        config: Option<&BackendConfig>,
        log: &Log,
        (slices, goal): (&Slices, Goal),
    ) -> Result<(), TuneError> {
        let part;
        let played = if log.requests.len() > TRIED_REQUESTS_MAX {
            part = log.busiest(TRIED_REQUESTS_MAX);
            self.notes.push(format!(
                "settings are tried on the busiest {TRIED_REQUESTS_MAX} requests of the log"
            ));
            &part
        } else {
            log
        };
        let Plan {
            scenario,
            model,
            notes,
        } = match plan::of_log(&as_simulated(options, config, played), played) {
            Ok(plan) => plan,
            Err(error @ SimulateError::Unbalanced(_)) => return Err(error.into()),
            Err(error) => {
                self.notes.push(format!("nothing could be tried: {error}"));
                return Ok(());
            }
        };
        self.notes.extend(notes);
        self.service_ms = Some(scenario.load.service.mean_ns() / 1e6);
        let tried = match self.carries.to_start_from() {
            None => None,
            Some(bracket) => {
                let trials = Trials::of(&scenario, bracket, options.slow_share_max)?;
                let setting = trials.recommended().setting;
                let cliff = Cliff::of(&scenario, &setting, trials.slow_share_max)?;
                Some((trials, cliff))
            }
        };
        if let Some(range) = options.sweep {
            let setting = tried.as_ref().map(|it| it.0.recommended().setting);
            let setting = setting.unwrap_or_else(|| Setting::of(&scenario));
            self.sweep = sweep(log, slices, &scenario, &setting, (goal, range))?;
        }
        let best = tried.as_ref().map(|it| it.0.recommended().setting);
        self.simulated = Some(Simulated {
            workers: scenario.workers,
            boot: (scenario.min..scenario.names.len())
                .map(|it| scenario.boot_of(it))
                .max()
                .unwrap_or(scenario.boot),
            boots: boots(&scenario),
            spares: best.and_then(|it| Picked::of(&it, &scenario)),
            min: scenario.settings.min,
            model,
            start_ms: start_ms(played),
            seconds: scenario.load.seconds(),
            tried,
        });
        Ok(())
    }
}

/// The first threshold of a time that servers answer in, as the scaler takes it; one that is given
/// replaces it.
fn goal_of(config: Option<&BackendConfig>, given: Option<Duration>) -> Goal {
    let policies = config.map_or(&[][..], |it| &it.scaler.policies);
    let policy = policies.iter().find(|it| it.signal.is_response());
    let default_ms = GOAL_DEFAULT.as_secs_f64() * 1000.0;
    Goal {
        signal: policy.map_or(Signal::ResponseTime, |it| it.signal),
        ms: given.map_or(policy.map_or(default_ms, |it| it.above), |it| {
            it.as_secs_f64() * 1000.0
        }),
    }
}

/// The log's own users, with the configuration as it is and the `maxconn` that the log shows.
fn as_simulated(options: &Options, config: Option<&BackendConfig>, log: &Log) -> simulate::Options {
    simulate::Options {
        backend: config.cloned(),
        backend_name: Some(log.backend.clone()),
        learned: None,
        source: Source::Log(Box::new(options.input.clone())),
        seconds: None,
        peak_per_s: None,
        scale: 1.0,
        servers: None,
        workers: None,
        maxconn: Business::of(log).maxconn(log),
        service: None,
        boot: options.boot,
        terms: Terms {
            measured: options
                .measured
                .get(&log.backend)
                .cloned()
                .unwrap_or_default(),
            ..options.terms.clone()
        },
        cold: Cold::NONE,
        balance: options.balance,
        goal: options.goal,
        seed: options.seed,
        policies: Vec::new(),
        slow_share_max: None,
        json: false,
        html: None,
    }
}
