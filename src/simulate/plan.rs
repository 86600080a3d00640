//! From options to a scenario: which servers, which load, which goal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::SimulateError;
use super::as_logged::{self, ModelCheck};
use super::engine::{Arrival, Balance, Cold, SECOND_NS};
use super::load::envelope::{Business, arrivals};
use super::load::recorded::{self, Log, LogInput};
use super::load::service::{Sampler, Service};
use super::load::shapes::Shape;
use super::load::{Arrivals, Load, rates};
use super::policy::Policy;
use super::scenario::Scenario;
use super::supply::{Supply, Terms};
use crate::config::{BackendConfig, WarmUpConfig};
use crate::measure::settings::{PolicySettings, Signal};
use crate::scaler::settings::{BackendSettings, Capacity, Spares};
use crate::schedule::{ClockOf, Moment, shifts};
use crate::words::time::{Span, Timestamp};

/// Servers of a simulation, at most.
pub const SERVERS_MAX: u32 = 1000;
const SERVERS_DEFAULT: usize = 4;
const WORKERS_DEFAULT: u32 = 4;
const SECONDS_DEFAULT: u32 = 3600;
const GOAL_DEFAULT: Duration = Duration::from_millis(500);
const SERVICE_DEFAULT: Service = Service::Exponential(Duration::from_millis(60));
/// The peak, where none is given: this share of what all servers carry.
const PEAK_SHARE: f64 = 0.6;
/// Beside the start of a server, our warm-up has this long, where no configuration says otherwise.
const WARM_UP_MARGIN: Duration = Duration::from_secs(60);
/// Requests of a log by which the number of workers is found, those of its busiest time.
const FITTED_REQUESTS: usize = 500_000;
/// The rate of a second of a log is that of so many seconds around it.
const SMOOTH_S: usize = 10;

/// A load that is no log begins on a Monday at midnight: 5 January 1970, milliseconds since 1970.
const MONDAY_MS: u64 = 4 * 86_400_000;

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration; `None`: built-in defaults, one always-up server.
    pub backend: Option<BackendConfig>,
    /// Which backend of a log.
    pub backend_name: Option<String>,
    /// What one server carries, as an old log has shown.
    pub learned: Option<Capacity>,
    pub source: Source,
    /// How long; `None`: all of a file, an hour of a shape.
    pub seconds: Option<u32>,
    /// The largest rate, requests a second; `None`: as it is, of a shape 60 % of what all servers carry.
    pub peak_per_s: Option<f64>,
    /// Every rate times this.
    pub scale: f64,
    pub servers: Option<u32>,
    /// `None`: 4, or what fits the log best.
    pub workers: Option<u32>,
    pub maxconn: Option<u32>,
    /// `None`: as the log has it, else exponential of 60 ms.
    pub service: Option<Service>,
    /// From the wish for a spare until it answers, where neither terms nor measures say it.
    pub boot: Duration,
    pub terms: Terms,
    pub cold: Cold,
    pub balance: Balance,
    pub goal: Option<Duration>,
    pub seed: u64,
    pub policies: Vec<Policy>,
    /// Look for the cheapest settings with which at most this share of the requests is slow, 0 to 1.
    pub slow_share_max: Option<f64>,
    pub json: bool,
    /// Where to write a page.
    pub html: Option<PathBuf>,
}

/// Where the load comes from.
#[derive(Clone, Debug)]
pub enum Source {
    Shape(Shape),
    Rates(PathBuf),
    Log(Box<LogInput>),
}

/// A scenario, and what is to be said of it.
#[derive(Debug)]
pub struct Plan {
    pub scenario: Scenario,
    /// Of a log: how honest the model is.
    pub model: Option<ModelCheck>,
    pub notes: Vec<String>,
}

/// Reads what is to be read.
///
/// # Errors
/// Files that cannot be read; options that do not go together.
pub fn plan(options: &Options) -> Result<Plan, SimulateError> {
    let plan = match &options.source {
        Source::Shape(shape) => {
            let seconds = options.seconds.unwrap_or(SECONDS_DEFAULT);
            drawn(options, |peak_per_s| shape.rates_per_s(seconds, peak_per_s))?
        }
        Source::Rates(path) => {
            let mut rates_per_s = rates::read(path)?;
            rates_per_s.truncate(options.seconds.map_or(usize::MAX, |it| it as usize));
            let largest = rates_per_s.iter().copied().fold(0.0, f64::max);
            if largest <= 0.0 {
                return Err(SimulateError::NoLoad);
            }
            drawn(options, |_| {
                let factor = options.peak_per_s.map_or(1.0, |peak| peak / largest);
                rates_per_s.iter().map(|rate| rate * factor).collect()
            })?
        }
        Source::Log(input) => logged(options, input)?,
    };
    let plan = finished(plan, options)?;
    match options.terms.unknown_tier(&plan.scenario) {
        Some((option, tier)) => Err(SimulateError::NoSuchTier { option, tier }),
        None => Ok(plan),
    }
}

/// The same of a log that was read before; `source` and `seconds` of the options are not looked at.
///
/// # Errors
/// A log that nothing can be made of.
pub fn of_log(options: &Options, log: &Log) -> Result<Plan, SimulateError> {
    let mut plan = finished(recorded_load(options, log)?, options)?;
    if let Some((option, tier)) = options.terms.unknown_tier(&plan.scenario) {
        plan.notes.push(format!(
            "no server is of tier {tier}, so {option} {tier}=… changes nothing; `tier` stands in \
             [backend.NAME.server.SERVER]"
        ));
    }
    Ok(plan)
}

fn finished(mut plan: Plan, options: &Options) -> Result<Plan, SimulateError> {
    if plan.scenario.load.seconds() == 0 {
        return Err(SimulateError::NoLoad);
    }
    options.terms.settle(&mut plan.scenario, &mut plan.notes)?;
    plan.notes.extend(warm_up_time(&mut plan.scenario, options));
    Ok(plan)
}

/// Gives ours time for a warm-up where no configuration says how long. Says which spare will never come in
/// time.
fn warm_up_time(scenario: &mut Scenario, options: &Options) -> Option<String> {
    let spares = scenario.min..scenario.names.len();
    let slowest = spares.clone().map(|it| scenario.boot_of(it)).max();
    let slowest = slowest.unwrap_or(scenario.boot);
    let deadline = scenario.settings.warm_up_deadline;
    if options.backend.is_none() {
        let enough = slowest.saturating_add(WARM_UP_MARGIN);
        scenario.settings.warm_up_deadline = deadline.max(enough);
        return None;
    }
    let late = |index: usize| {
        let boot = scenario.boot_of(index);
        let (given, key) = match scenario.machine(index) {
            Some(machine) => (machine.start_timeout, "`start_timeout` of its machine"),
            None => (deadline, "`deadline` in [warm_up]"),
        };
        (boot >= given).then(|| {
            format!(
                "ours gives a spare {} to come and it needs {}, so its first try always fails; raise {key}",
                Span(given),
                Span(boot)
            )
        })
    };
    spares.into_iter().find_map(late)
}

/// A load that is drawn: rates by the peak.
fn drawn(options: &Options, rates_per_s: impl Fn(f64) -> Vec<f64>) -> Result<Plan, SimulateError> {
    let service = options.service.clone().unwrap_or(SERVICE_DEFAULT);
    if service == Service::Log {
        return Err(SimulateError::ServiceWithoutLog);
    }
    let service = Sampler::of(&service, &Arc::from([]));
    let workers = options.workers.unwrap_or(WORKERS_DEFAULT);
    let mut scenario = scenario(options, &[], workers, service);
    let servers = scenario.names.len() as f64;
    let all_per_s = servers * f64::from(workers) * 1e9 / scenario.load.service.mean_ns();
    let peak_per_s = options.peak_per_s.unwrap_or(PEAK_SHARE * all_per_s);
    let rates_per_s = rates_per_s(peak_per_s).into_iter();
    scenario.load.rates_per_s = rates_per_s.map(|rate| rate * options.scale).collect();
    plan_hours(&mut scenario, options, MONDAY_MS);
    Ok(Plan {
        scenario,
        model: None,
        notes: Vec::new(),
    })
}

/// The hours of schedules, by a clock that shows `start_ms` at the beginning.
fn plan_hours(scenario: &mut Scenario, options: &Options, start_ms: u64) {
    let schedules = options.backend.as_ref().map(|it| it.schedules.as_slice());
    let now = Moment {
        clock: ClockOf::Log,
        ms: start_ms,
        at: Timestamp::default(),
    };
    let seconds = u64::try_from(scenario.load.seconds()).unwrap_or(u64::MAX);
    let ahead = Duration::from_secs(seconds);
    scenario.settings.shifts = shifts(schedules.unwrap_or_default(), now, ahead);
}

/// The requests of a log.
fn logged(options: &Options, input: &LogInput) -> Result<Plan, SimulateError> {
    let configured = options.backend.as_ref().map(|it| it.scaler.name.as_str());
    let wanted = configured.or(options.backend_name.as_deref());
    let mut log = recorded::read(input, wanted)?;
    if let Some(seconds) = options.seconds {
        let end_ms = super::load::envelope::start_ms(&log) + u64::from(seconds) * 1000;
        log.requests.retain(|it| it.arrived_ms < end_ms);
    }
    recorded_load(options, &log)
}

fn recorded_load(options: &Options, log: &Log) -> Result<Plan, SimulateError> {
    let last_ms = log.requests.last().map_or(0, |it| it.arrived_ms);
    let seconds = (last_ms - super::load::envelope::start_ms(log)) / 1000;
    if seconds > u64::from(rates::SECONDS_MAX) {
        return Err(SimulateError::TooLong(
            Span(Duration::from_secs(seconds)).to_string(),
        ));
    }
    let business = Business::of(log);
    if business.envelope(log, 1).seen_ns.is_empty() {
        return Err(SimulateError::NoService);
    }
    let workers = options.workers.unwrap_or_else(|| {
        let part = log.busiest(FITTED_REQUESTS);
        let business = Business::of(&part);
        as_logged::fitted(&part, |workers| {
            as_it_was(options, &part, &business, workers)
        })
    });
    let model = as_logged::check(log, &as_it_was(options, log, &business, workers));
    let found = business.envelope(log, model.workers);
    let is_own = options
        .service
        .as_ref()
        .is_none_or(|it| *it == Service::Log);
    let service = options.service.clone().unwrap_or(Service::Log);
    let service = Sampler::of(&service, &found.seen_ns);
    let own_ns = if is_own {
        found.own_ns.clone()
    } else {
        vec![0; log.requests.len()]
    };
    let mut scenario = scenario(options, &log.servers, model.workers, service);
    record(
        &mut scenario.load,
        arrivals(log, &own_ns, options.scale, options.seed),
    );
    plan_hours(&mut scenario, options, super::load::envelope::start_ms(log));
    let mut notes = Vec::new();
    if options.workers.is_none() {
        notes.push(format!(
            "{} workers a server fit the log best; say otherwise with --workers",
            model.workers
        ));
    }
    notes.push(service_note(log, &found.own_ns, found.level, is_own));
    Ok(Plan {
        scenario,
        model: Some(model),
        notes,
    })
}

/// The log as it was, with its own service times: is the model honest?
fn as_it_was(options: &Options, log: &Log, business: &Business, workers: u32) -> Scenario {
    let found = business.envelope(log, workers);
    let seen = Sampler::of(&Service::Log, &found.seen_ns);
    let mut scenario = scenario(options, &log.servers, workers, seen);
    scenario.names.clone_from(&log.servers);
    let arrivals = arrivals(log, &found.own_ns, 1.0, options.seed);
    record(&mut scenario.load, arrivals);
    scenario
}

fn service_note(log: &Log, own_ns: &[u64], level: u32, is_own: bool) -> String {
    if !is_own {
        return "service times are drawn as --service says, not as the log has them".to_owned();
    }
    let own = own_ns.iter().filter(|ns| **ns > 0).count();
    format!(
        "service times are Tr of the {own} requests (of {}) that met a server with at most {level} \
         requests, themselves included; those of the others are drawn from these",
        log.requests.len()
    )
}

/// These arrivals, and the rates that they make.
fn record(load: &mut Load, arrivals: Vec<Arrival>) {
    let second = |it: &Arrival| usize::try_from(it.at_ns / SECOND_NS).unwrap_or(usize::MAX);
    let seconds = arrivals.last().map_or(0, |last| second(last) + 1);
    let mut counts = vec![0.0; seconds];
    for arrival in &arrivals {
        if let Some(count) = counts.get_mut(second(arrival)) {
            *count += 1.0;
        }
    }
    let around = |at: usize| {
        let from = at.saturating_sub(SMOOTH_S / 2);
        let window = counts
            .get(from..seconds.min(from + SMOOTH_S))
            .unwrap_or_default();
        window.iter().sum::<f64>() / window.len().max(1) as f64
    };
    load.rates_per_s = (0..seconds).map(around).collect();
    load.arrivals = Arrivals::Recorded(arrivals.into());
}

/// Everything but the load itself.
fn scenario(options: &Options, seen: &[String], workers: u32, service: Sampler) -> Scenario {
    let (mut settings, warm_up) = if let Some(backend) = &options.backend {
        (backend.scaler.clone(), backend.warm_up.clone())
    } else {
        let first = seen.first().map_or("web1", |it| it);
        // What the daemon leaves out unless it is told to is what a simulation is asked for.
        let settings = BackendSettings {
            capacity: Capacity::Learn,
            ..BackendSettings::for_backend("web", vec![first.to_owned()])
        };
        (settings, WarmUpConfig::default())
    };
    if let Some(learned) = options.learned {
        settings.capacity = learned;
    }
    let goal = with_goal(&mut settings, options.goal);
    let (names, made_up) = names(&settings, seen, options.servers);
    Scenario {
        min: settings.always_up.len(),
        names,
        made_up,
        settings,
        workers,
        maxconn: options.maxconn,
        cold: options.cold,
        balance: options.balance,
        boot: options.boot,
        supply: Supply::default(),
        warm_up_requests: warm_up.requests,
        goal,
        load: Load {
            rates_per_s: Arc::from([]),
            arrivals: Arrivals::Poisson,
            service,
            heaviness: Arc::from([]),
            seed: options.seed,
        },
        database: None,
    }
}

/// The goal is the threshold of the first policy about response times; one that is given replaces it.
fn with_goal(settings: &mut BackendSettings, given: Option<Duration>) -> Duration {
    let mut policies = settings.policies.iter_mut();
    let about = policies.find(|it| it.signal.is_response());
    let as_ms = |goal: Duration| goal.as_secs_f64() * 1000.0;
    match (about, given) {
        (Some(policy), Some(goal)) => {
            policy.above = as_ms(goal);
            goal
        }
        (Some(policy), None) => Duration::from_secs_f64(policy.above.max(0.0) / 1000.0),
        (None, given) => {
            let goal = given.unwrap_or(GOAL_DEFAULT);
            if settings.policies.is_empty() && settings.targets.is_empty() {
                let policy = PolicySettings::new(Signal::ResponseTime, as_ms(goal));
                settings.policies.push(policy);
            }
            goal
        }
    }
}

/// Always-up servers, then spares: those of the configuration, those that a log shows, and as many more
/// as are wanted; and how many of the last of them have a name that is made up.
fn names(settings: &BackendSettings, seen: &[String], wanted: Option<u32>) -> (Vec<String>, usize) {
    let least = settings.always_up.len();
    let mut names = settings.always_up.clone();
    let known = match &settings.spares {
        Spares::Named(spares) => spares,
        Spares::Auto => seen,
    };
    for name in known {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let wanted = match wanted {
        Some(wanted) => (wanted.min(SERVERS_MAX) as usize).max(least),
        None if names.len() > least => names.len(),
        None => least + SERVERS_DEFAULT - 1,
    };
    names.truncate(wanted);
    let made_up = wanted - names.len();
    let mut number = 1;
    while names.len() < wanted {
        let name = format!("{}{number}", settings.name);
        number += 1;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (names, made_up)
}
