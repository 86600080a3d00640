//! `parse` and `stats`: what they take beside the names of logs, and how they end.

use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _};

use super::{
    Cli, EXIT_FAILED, MaybeConfigFile, bar, cannot_write, complain, finish, on_runtime, since,
    start_tracing, stop_requested, with_config, writes_to_file,
};
use crate::config::{self, LogConfig};
use crate::log::advice::Tally;
use crate::log::format::LogFormat;
use crate::log::line;
use crate::log::recorded::{Period, Reading};
use crate::log::source::LogSource;
use crate::words::time::ms_since_1970;
use crate::{parse, stats};

/// What `-c` means for these two.
const CONFIG_HELP: &str =
    "Configuration file; only format, tag and line length of its [log] section are used";

#[derive(Debug, Args)]
pub(super) struct PeriodArgs {
    /// Only requests that ended at this time or later: 10m ago, 23:00 today, 2026-11-21 or
    /// 2026-11-21T23:00, in the log's own time; a line that cannot be read counts with the requests
    /// around it
    #[arg(long, value_name = "TIME", value_parser = since::in_log)]
    since: Option<u64>,
    /// Only requests that ended before this time
    #[arg(long, value_name = "TIME", value_parser = since::in_log)]
    until: Option<u64>,
}

// Nothing is said of these two as a whole: it would go before what is said of each command.
#[derive(Debug, Args)]
#[command(mut_arg("config", |it| it.help(CONFIG_HELP)))]
pub(super) struct Parse {
    #[command(flatten)]
    config: MaybeConfigFile,
    /// Start at the end and keep reading, through rotations
    #[arg(short, long, conflicts_with_all = ["since", "until"])]
    follow: bool,
    /// Print the rejected lines instead, each with its reason
    #[arg(long)]
    rejects: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    period: PeriodArgs,
    #[arg(
        required = true,
        value_name = "SOURCE",
        help = format!(
            "Logs, plain, .gz or .zst; `-` is standard input; with --follow exactly one, which \
             may also be {}",
            LogSource::LIVE_FORMS
        )
    )]
    sources: Vec<String>,
}

#[derive(Debug, Args)]
#[command(mut_arg("config", |it| it.help(CONFIG_HELP)))]
pub(super) struct Stats {
    #[command(flatten)]
    config: MaybeConfigFile,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    period: PeriodArgs,
    /// Logs, plain, .gz or .zst; `-` is standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<String>,
}

/// What else the config file says under `[log]`, and wins over it.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// The program name in a syslog header: `log-tag` in haproxy.cfg, or the container's name
    #[arg(long, value_name = "NAME", value_parser = config::parse_tag)]
    tag: Option<String>,
    /// How lines are written: httplog, httpslog, clf, or a log-format string from haproxy.cfg
    #[arg(long, value_name = "FORMAT", value_parser = config::parse_format)]
    format: Option<LogFormat>,
}

impl LogArgs {
    /// What reads the lines of a log of that configuration.
    pub(super) fn parser(self, mut log: LogConfig) -> (line::Parser, LogConfig) {
        if let Some(tag) = self.tag {
            log.tag = tag;
        }
        if let Some(format) = self.format {
            log.format = format;
        }
        let mut parser = line::Parser::new(&log.format, &log.tag);
        if let Some(today_ms) = today_ms() {
            parser = parser.with_today(today_ms);
        }
        (parser, log)
    }
}

impl PeriodArgs {
    /// Ends the program if there is no time between the two.
    pub(super) fn period(&self) -> Period {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            let text = "--since must be earlier than --until";
            Cli::command()
                .error(ErrorKind::ValueValidation, text)
                .exit();
        }
        Period {
            since_ms: self.since,
            until_ms: self.until,
        }
    }
}

/// Milliseconds since 1970; `None` on a machine without a clock.
pub(super) fn today_ms() -> Option<u64> {
    Some(ms_since_1970(SystemTime::now())).filter(|ms| *ms > 0)
}

/// What a command that only reads lines needs of the configuration, or of its options.
fn with_log(
    file: MaybeConfigFile,
    args: LogArgs,
    act: impl FnOnce(&line::Parser, &LogConfig) -> u8,
) -> u8 {
    let act = |log: LogConfig| {
        let (parser, log) = args.parser(log);
        act(&parser, &log)
    };
    match file.config {
        None => act(LogConfig::default()),
        Some(path) => with_config(&path, EXIT_FAILED, |config| act(config.log)),
    }
}

/// Says why nothing, or nearly nothing, could be read. Nothing at all is a failure: scripts notice.
fn judge(tally: &Tally, parser: &line::Parser) -> u8 {
    if let Some(advice) = tally.advice(parser) {
        complain(&advice.with_options());
    }
    if tally.is_nothing_read() {
        EXIT_FAILED
    } else {
        0
    }
}

pub(super) fn parse(args: Parse) -> u8 {
    let period = args.period.period();
    with_log(args.config, args.log, |parser, log| {
        if args.follow {
            run_follow(parser, log, &args.sources, args.rejects)
        } else {
            run_parse(parser, log, &args.sources, args.rejects, period)
        }
    })
}

fn run_parse(
    parser: &line::Parser,
    log: &LogConfig,
    sources: &[String],
    rejects: bool,
    period: Period,
) -> u8 {
    if let Some(source) = sources.iter().find(|source| must_be_followed(source)) {
        let text = format!("{source} is not a recorded log: add --follow");
        return finish(Err(text));
    }
    let reading = Reading {
        period,
        ..Reading::all(log.max_line_bytes)
    };
    let bar = bar(writes_to_file(), &reading.progress);
    let out = &mut io::stdout().lock();
    let parsed = parse::parse_logs(sources, parser, &reading, rejects, out);
    drop(bar);
    match parsed {
        Ok(tally) => judge(&tally, parser),
        Err(error) => finish(Err(error)),
    }
}

fn run_follow(parser: &line::Parser, log: &LogConfig, sources: &[String], rejects: bool) -> u8 {
    let [source] = sources else {
        let text = "--follow takes one SOURCE";
        Cli::command().error(ErrorKind::TooManyValues, text).exit();
    };
    let source = match LogSource::parse(source) {
        Ok(source) => source,
        Err(mistake) => return finish(Err(format!("cannot follow {source}: {mistake}"))),
    };
    if let Some(address) = source.remote_address().filter(|_| !log.allow_remote) {
        let text = format!(
            "{address} is not a loopback address: whoever reaches it could forge lines; if that is \
             meant, give -c FILE with `allow_remote = true` under [log]"
        );
        return finish(Err(text));
    }
    start_tracing();
    let result = on_runtime(async {
        let stop = stop_requested().map_err(|error| error.to_string())?;
        parse::follow(
            &source,
            parser,
            log.max_line_bytes,
            rejects,
            io::stdout(),
            stop,
        )
        .await
        .map_err(|error| error.to_string())
    });
    finish(result)
}

/// It names something that has no end, and no file has that name.
fn must_be_followed(source: &str) -> bool {
    LogSource::parse(source).is_ok_and(|named| named.is_live()) && !Path::new(source).exists()
}

pub(super) fn stats(args: Stats) -> u8 {
    let period = args.period.period();
    with_log(args.config, args.log, |parser, log| {
        run_stats(parser, log, &args.logs, args.json, period)
    })
}

fn run_stats(
    parser: &line::Parser,
    log: &LogConfig,
    logs: &[String],
    json: bool,
    period: Period,
) -> u8 {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let reading = Reading {
        period,
        ..Reading::all(log.max_line_bytes)
    };
    let bar = bar(true, &reading.progress);
    let counted = stats::stats_of_logs(logs, parser, &reading);
    drop(bar);
    let stats = match counted {
        Ok(stats) => stats,
        Err(error) => return finish(Err(error)),
    };
    let written = if json {
        stats.write_json(&mut out)
    } else {
        stats.write_text(&mut out)
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(&error),
        Ok(()) | Err(_) => judge(stats.tally(), parser),
    }
}
