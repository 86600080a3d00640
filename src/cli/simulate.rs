//! `simulate`: what it takes, and what that means for the simulation.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::logs::{LogArgs, PeriodArgs};
use super::supply::{
    BOOT_DEFAULT, Measured, SupplyArgs, measured, percent, spares_of_tier, tell_sources,
};
use super::{EXIT_FAILED, EXIT_USAGE, MaybeConfigFile, bar, complain, finish, with_config};
use crate::config::{self, BackendConfig, LogConfig};
use crate::control;
use crate::log::recorded::Progress;
use crate::scaler::settings::Capacity;
use crate::simulate::engine::{Balance, Cold};
use crate::simulate::load::rates::{RATE_MAX, SECONDS_MAX};
use crate::simulate::load::recorded::LogInput;
use crate::simulate::load::service::Service;
use crate::simulate::load::shapes::Shape;
use crate::simulate::policy::Policy;
use crate::simulate::supply::Terms;
use crate::simulate::{self, Options, SERVERS_MAX, SimulateError, Source};

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    #[command(flatten)]
    config: MaybeConfigFile,
    /// The backend, where the configuration or the log has several
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    #[command(flatten)]
    load: LoadArgs,
    /// How long the load lasts [default: 3600 for a shape, all of a file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SECONDS_MAX)))]
    seconds: Option<u32>,
    /// The largest rate, requests a second [default: of a shape 60 % of what all servers carry]
    #[arg(long, value_name = "R", value_parser = positive, conflicts_with = "log")]
    peak: Option<f64>,
    /// Every rate times this
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = positive)]
    scale: f64,
    /// Servers in all, always-up ones included [default: those of the configuration, or 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SERVERS_MAX)))]
    servers: Option<u32>,
    /// Requests that a server works on at once; the others wait inside it [default: 4, or what fits
    /// the log best]
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    workers: Option<u32>,
    /// `maxconn` on every server's line: the others wait in HAProxy
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    maxconn: Option<u32>,
    /// How long a worker works on a request: exp:60ms, const:60ms, lognormal:60ms,1.2 (mean and
    /// coefficient of variation), log (as the log has it) [default: log with a log, else exp:60ms]
    #[arg(long, value_name = "SERVICE", value_parser = Service::parse)]
    service: Option<Service>,
    /// So many of the spares are of this tier, the last ones: they come later and go earlier
    /// [default: as the configuration has it, or all of tier 1]
    #[arg(long, value_name = "TIER=COUNT", value_parser = spares_of_tier)]
    tier: Vec<(u32, u32)>,
    #[command(flatten)]
    supply: SupplyArgs,
    /// Look for the cheapest settings with which at most so many of the requests are slow: 1%
    #[arg(long, value_name = "PERCENT", requires = "price", value_parser = percent)]
    slow_at_most: Option<f64>,
    /// The first N requests of a server that has just been started take FACTOR times as long
    #[arg(long, value_name = "N,FACTOR", value_parser = cold)]
    cold: Option<Cold>,
    /// How HAProxy chooses a server: roundrobin, leastconn, first
    #[arg(long, value_name = "ALGORITHM", default_value = "roundrobin", value_parser = balance)]
    balance: Balance,
    /// An answer that takes longer is slow [default: `response_time` of the configuration, or 500ms]
    #[arg(long, value_name = "DURATION", value_parser = control::duration)]
    goal: Option<Duration>,
    /// Start with what `tune -o FILE` has found out about one server
    #[arg(long, value_name = "FILE")]
    learned: Option<PathBuf>,
    /// Of all that is drawn; the same seed gives the same numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Who is compared, by commas: ours, guard, static-min, static-max, script2011, hpa, kpa,
    /// hpa-best, kpa-best, oracle [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Policy::parse)]
    policies: Vec<Policy>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write a page with drawings and decisions to this file as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    format: LogArgs,
    #[command(flatten)]
    period: PeriodArgs,
}

/// Where the load comes from: exactly one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct LoadArgs {
    /// A load by name: day, spike, ramp, sawtooth, sine, steady, slowly-varying, big-spike,
    /// dual-phase, large-variations, steep-tri-phase
    #[arg(long, value_name = "NAME", value_parser = shape)]
    shape: Option<Shape>,
    /// A file with one number a line, requests a second, for each second
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    /// The requests of recorded logs, plain, .gz or .zst; `-` is standard input
    #[arg(long, value_name = "LOG", num_args = 1..)]
    log: Vec<String>,
}

pub(super) fn run(args: SimulateArgs) -> u8 {
    match args.config.config.clone() {
        None => {
            tell_sources(None, &Measured::default());
            simulate(args, None, BTreeMap::new(), LogConfig::default())
        }
        Some(path) => with_config(&path, EXIT_FAILED, |config| {
            let mut names: Vec<&String> = config.backends.keys().collect();
            if let Some(wanted) = &args.backend {
                names.retain(|name| *name == wanted);
            }
            let [name] = names[..] else {
                let all: Vec<&str> = config.backends.keys().map(String::as_str).collect();
                complain(&format!(
                    "name one backend of the configuration with --backend; it has {}",
                    all.join(", ")
                ));
                return EXIT_FAILED;
            };
            let backend = config.backends.get(name).cloned();
            let mut measured = if args.supply.leaves_boots_open() {
                measured(&config)
            } else {
                Measured::default()
            };
            measured.boots.retain(|it, _| it == name);
            tell_sources(Some(&path), &measured);
            let measured = measured.boots.remove(name).unwrap_or_default();
            simulate(args, backend, measured, config.log)
        }),
    }
}

fn simulate(
    args: SimulateArgs,
    backend: Option<BackendConfig>,
    measured: BTreeMap<String, Duration>,
    log: LogConfig,
) -> u8 {
    let name = backend.as_ref().map(|it| it.scaler.name.as_str());
    let name = name.or(args.backend.as_deref());
    let learned = match args.learned.as_deref().map(|path| learned(path, name)) {
        None => None,
        Some(Ok(capacity)) => Some(capacity),
        Some(Err(code)) => return code,
    };
    let terms = match args.supply.terms(args.tier) {
        Ok(terms) => Terms { measured, ..terms },
        Err(error) => {
            complain(&error);
            return EXIT_USAGE;
        }
    };
    let progress = Progress::default();
    let source = match (args.load.shape, args.load.rates) {
        (Some(shape), _) => Source::Shape(shape),
        (None, Some(path)) => Source::Rates(path),
        (None, None) => {
            let (parser, log) = args.format.parser(log);
            Source::Log(Box::new(LogInput {
                logs: args.load.log,
                parser,
                max_line_bytes: log.max_line_bytes,
                period: args.period.period(),
                progress: progress.clone(),
            }))
        }
    };
    let policies = if args.policies.is_empty() {
        Policy::ALL.to_vec()
    } else {
        args.policies
    };
    let options = Options {
        backend,
        backend_name: args.backend,
        learned,
        source,
        seconds: args.seconds,
        peak_per_s: args.peak,
        scale: args.scale,
        servers: args.servers,
        workers: args.workers,
        maxconn: args.maxconn,
        service: args.service,
        boot: BOOT_DEFAULT,
        terms,
        cold: args.cold.unwrap_or(Cold::NONE),
        balance: args.balance,
        goal: args.goal,
        seed: args.seed,
        policies,
        slow_share_max: args.slow_at_most,
        json: args.json,
        html: args.html,
    };
    let bar = bar(true, &progress);
    let mut out = Vec::new();
    let ended = simulate::simulate(&options, &mut out);
    drop(bar);
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&out).and_then(|()| stdout.flush());
    match ended.and(written.map_err(SimulateError::Output)) {
        Err(SimulateError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        ended => finish(ended),
    }
}

/// What `tune` has written about that backend, or about the only one. Else the exit code; it was said why.
fn learned(path: &Path, name: Option<&str>) -> Result<Capacity, u8> {
    let all = config::load_learned(path).map_err(|errors| {
        complain(&errors.report(false).trim_end());
        EXIT_FAILED
    })?;
    let found = match name {
        Some(name) => all.get(name),
        None if all.len() == 1 => all.values().next(),
        None => None,
    };
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        complain(&format!(
            "{} has what was learned of {}; name one of them with --backend",
            path.display(),
            names.join(", ")
        ));
        EXIT_FAILED
    })
}

fn by_name<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|it| word(*it) == text);
    found.ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|it| word(*it)).collect();
        format!("one of {}", words.join(", "))
    })
}

fn shape(text: &str) -> Result<Shape, String> {
    by_name(&Shape::ALL, Shape::as_str, text)
}

pub(super) fn balance(text: &str) -> Result<Balance, String> {
    by_name(&Balance::ALL, Balance::as_str, text)
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number <= RATE_MAX {
        Ok(number)
    } else {
        Err(format!("above 0 and at most {RATE_MAX}"))
    }
}

fn cold(text: &str) -> Result<Cold, String> {
    let form = || "write N,FACTOR, such as 20,5".to_owned();
    let (requests, factor) = text.split_once(',').ok_or_else(form)?;
    let cold = Cold {
        requests: requests.trim().parse().map_err(|_| form())?,
        factor: factor.trim().parse().map_err(|_| form())?,
    };
    if (0.0..=1000.0).contains(&cold.factor) {
        Ok(cold)
    } else {
        Err("the factor is at most 1000".to_owned())
    }
}
