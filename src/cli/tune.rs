//! `tune`: what it takes, and how it ends.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::logs::{LogArgs, PeriodArgs};
use super::simulate::balance;
use super::supply::{BOOT_DEFAULT, Measured, SupplyArgs, measured, percent, tell_sources};
use super::{
    EXIT_CANNOT_TELL, EXIT_FAILED, EXIT_USAGE, MaybeConfigFile, bar, complain, finish, with_config,
};
use crate::config::{BackendConfig, LogConfig};
use crate::control;
use crate::log::recorded::Progress;
use crate::simulate::engine::Balance;
use crate::simulate::load::recorded::LogInput;
use crate::tune::sweep::Range;
use crate::tune::{Options, TuneError, tune};

#[derive(Debug, Args)]
pub(super) struct TuneArgs {
    #[command(flatten)]
    config: MaybeConfigFile,
    /// Only this backend
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Write what was learned to this file, for `capacity` of the configuration and for
    /// `simulate --learned`
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What servers are to stay below [default: `response_time` of the configuration, or 500ms]
    #[arg(long, value_name = "DURATION", value_parser = control::duration)]
    goal: Option<Duration>,
    /// Show what other goals would have meant: goal=100ms..1s
    #[arg(long, value_name = "RANGE", value_parser = Range::parse)]
    sweep: Option<Range>,
    #[command(flatten)]
    supply: SupplyArgs,
    /// The goal is kept if at most so many of the requests are slower [default: 1%, or half as many
    /// again as with all servers, always]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    slow_at_most: Option<f64>,
    /// How HAProxy chooses a server: roundrobin, leastconn, first
    #[arg(long, value_name = "ALGORITHM", default_value = "roundrobin", value_parser = balance)]
    balance: Balance,
    /// Of all that is drawn when settings are tried
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    format: LogArgs,
    #[command(flatten)]
    period: PeriodArgs,
    /// Logs, plain, .gz or .zst, in any order; `-` is standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<String>,
}

pub(super) fn run(args: TuneArgs) -> u8 {
    match args.config.config.clone() {
        None => {
            tell_sources(None, &Measured::default());
            study(args, None, BTreeMap::new(), LogConfig::default())
        }
        Some(path) => with_config(&path, EXIT_FAILED, |config| {
            if let Some(wanted) = &args.backend
                && !config.backends.contains_key(wanted)
            {
                let names: Vec<&str> = config.backends.keys().map(String::as_str).collect();
                complain(&format!(
                    "the configuration has no backend {wanted}; it has {}",
                    names.join(", ")
                ));
                return EXIT_FAILED;
            }
            let measured = if args.supply.leaves_boots_open() {
                measured(&config)
            } else {
                Measured::default()
            };
            tell_sources(Some(&path), &measured);
            study(args, Some(config.backends), measured.boots, config.log)
        }),
    }
}

fn study(
    args: TuneArgs,
    backends: Option<BTreeMap<String, BackendConfig>>,
    measured: BTreeMap<String, BTreeMap<String, Duration>>,
    log: LogConfig,
) -> u8 {
    let terms = match args.supply.terms(Vec::new()) {
        Ok(terms) => terms,
        Err(error) => {
            complain(&error);
            return EXIT_USAGE;
        }
    };
    let progress = Progress::default();
    let period = args.period.period();
    let (parser, log) = args.format.parser(log);
    let options = Options {
        backends,
        backend_name: args.backend,
        input: LogInput {
            logs: args.logs,
            parser,
            max_line_bytes: log.max_line_bytes,
            period,
            progress: progress.clone(),
        },
        goal: args.goal,
        boot: BOOT_DEFAULT,
        terms,
        measured,
        slow_share_max: args.slow_at_most,
        balance: args.balance,
        seed: args.seed,
        sweep: args.sweep,
        json: args.json,
        output: args.output,
    };
    let bar = bar(true, &progress);
    let mut out = Vec::new();
    let told = tune(&options, &mut out);
    drop(bar);
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&out).and_then(|()| stdout.flush());
    match told.and_then(|is_known| written.map(|()| is_known).map_err(TuneError::Output)) {
        Ok(true) => 0,
        Ok(false) => EXIT_CANNOT_TELL,
        Err(TuneError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => finish(Err(error)),
    }
}
