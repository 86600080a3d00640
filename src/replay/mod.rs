//! `replay`: recorded logs through the same scaler in virtual time. Prints what would have been
//! decided. Open loop: the log does not get faster because a spare was enabled.

mod summary;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use self::summary::{Printer, Summary};
use self::world::World;
use crate::config::Config;
use crate::log::input::{Block, InputError, Line, LogSet, Period, Progress, Spans};
use crate::log::line::{Parser, Record, Reject};
use crate::log::local_time::LocalTime;
use crate::scaler::Scaler;
use crate::scaler::event::{BackendRead, Generation, Timestamp};
use crate::scaler::settings::Spares;

/// The server that is pretended when a log names no spare.
const PRETENDED_SPARE: &str = "spare";
/// Backends named in a note, at most.
const NAMED_MAX: usize = 8;

/// How to replay.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// JSON objects instead of text.
    pub json: bool,
    /// How long each warm-up takes.
    pub warm_up: Duration,
    /// Only these lines, and those that cannot be read.
    pub period: Period,
    /// Is told how far reading is.
    pub progress: Progress,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A log could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

/// Replays the logs in the order of their first requests and prints decisions and summary to `out`, notes of the
/// JSON form to `talk`. A reader of `out` that went away is no error.
///
/// # Errors
/// A log that cannot be read; output that cannot be written.
pub fn replay(
    config: &Config,
    logs: &[String],
    options: &Options,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<(), ReplayError> {
    match run(config, logs, options, out, talk) {
        Err(ReplayError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn run(
    config: &Config,
    logs: &[String],
    options: &Options,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<(), ReplayError> {
    let parser = Parser::new(&config.log.format, &config.log.tag);
    let mut sources = Sources::keep(logs, config, &parser, options.period)?;
    sources.logs.watch(&options.progress, 2);
    let (mut seen, mut spans) = (Seen::default(), Spans::default());
    sources.each(config, &parser, |log, line| {
        if let Ok(record) = line {
            seen.take(config, &record);
            spans.take(log, record.ended_ms());
        }
        Ok(())
    })?;
    let name_width = config.backends.keys().map(String::len).max();
    let mut printer = Printer::new(out, options.json, name_width.unwrap_or_default());
    let mut notes = seen.notes(config);
    notes.extend(spans.overlap(&sources.logs.names()));
    let mut time = LocalTime::default();
    let mut summary = Summary::default();
    let mut replaying: Option<(World, Timestamp)> = None;
    sources.each(config, &parser, |_, line| {
        summary.lines += 1;
        let Ok(record) = line else {
            summary.rejected += 1;
            return Ok(());
        };
        summary.requests += 1;
        let ended = Timestamp::from_ms(time.take(record.ended_ms()));
        let (world, now) = replaying
            .get_or_insert_with(|| (pretend(config, &seen, options.warm_up, ended), ended));
        *now = ended;
        let mut written = Ok(());
        world.request(*now, record.request, &mut |decision| {
            summary.take(decision);
            if written.is_ok() {
                written = printer.decision(decision, time.as_logged(decision.at.as_ms()));
            }
        });
        written
    })?;
    let end = replaying.map_or(Timestamp::default(), |(_, now)| now);
    summary.end(end);
    if summary.requests > 0 {
        notes.push(
            "replay is open loop: it cannot know how response times would have changed with \
             other servers in"
                .to_owned(),
        );
    }
    printer
        .summary(&summary, &notes, talk)
        .map_err(ReplayError::Output)
}

/// The logs, readable twice.
struct Sources {
    logs: LogSet,
    period: Period,
}

impl Sources {
    fn keep(
        logs: &[String],
        config: &Config,
        parser: &Parser,
        period: Period,
    ) -> Result<Self, ReplayError> {
        let mut logs = LogSet::new(logs);
        logs.keep_pipes()?;
        logs.sort_by_time(parser, config.log.max_line_bytes)?;
        Ok(Self { logs, period })
    }

    /// Hands every line of the period with its log to `take`, until it fails.
    fn each(
        &self,
        config: &Config,
        parser: &Parser,
        mut take: impl FnMut(usize, Result<Record<'_>, Reject>) -> io::Result<()>,
    ) -> Result<(), ReplayError> {
        let mut logs = self.logs.read(config.log.max_line_bytes);
        let mut block = Block::new();
        while logs.next_block(&mut block)? {
            for line in block.lines() {
                let parsed = match line {
                    Line::Whole(text) => parser.parse(text),
                    Line::TooLong(_) => Err(Reject::TooLong),
                };
                if self
                    .period
                    .takes(parsed.as_ref().ok().map(Record::ended_ms))
                {
                    take(block.log(), parsed).map_err(ReplayError::Output)?;
                }
            }
        }
        Ok(())
    }
}

/// Which servers the logs name.
#[derive(Default)]
struct Seen {
    /// By configured backend.
    servers: BTreeMap<String, BTreeSet<String>>,
    /// Backends that are not configured.
    others: BTreeSet<String>,
}

impl Seen {
    fn take(&mut self, config: &Config, record: &Record<'_>) {
        let (backend, server) = (record.request.backend, record.request.server);
        if !config.backends.contains_key(backend) {
            if self.others.len() < NAMED_MAX && !self.others.contains(backend) {
                self.others.insert(backend.to_owned());
            }
            return;
        }
        let servers = match self.servers.get_mut(backend) {
            Some(servers) => servers,
            None => self.servers.entry(backend.to_owned()).or_default(),
        };
        if !server.starts_with('<') && !servers.contains(server) {
            servers.insert(server.to_owned());
        }
    }

    /// The servers of a backend as HAProxy would list them: always-up ones, spares, others.
    fn pretended(&self, config: &Config, name: &str) -> BackendRead {
        let mut read = BackendRead {
            generation: Generation {
                pid: 1,
                start_time_s: 1,
            },
            ..BackendRead::default()
        };
        let Some(backend) = config.backends.get(name).map(|backend| &backend.scaler) else {
            return read;
        };
        read.servers
            .extend(backend.always_up.iter().map(|name| world::ready(name)));
        let logged = self.servers.get(name).into_iter().flatten();
        let logged = logged.filter(|server| !backend.always_up.contains(server));
        match &backend.spares {
            Spares::Named(spares) => {
                read.servers
                    .extend(spares.iter().map(|name| world::spare(name)));
                let others = logged.filter(|server| !spares.contains(server));
                read.servers.extend(others.map(|name| world::ready(name)));
            }
            Spares::Auto => {
                read.servers.extend(logged.map(|name| world::spare(name)));
                if self.lacks_spares(config, name) {
                    read.servers.push(world::spare(PRETENDED_SPARE));
                }
            }
        }
        read
    }

    fn lacks_spares(&self, config: &Config, name: &str) -> bool {
        config.backends.get(name).is_some_and(|backend| {
            let logged = self.servers.get(name).into_iter().flatten();
            backend.scaler.spares == Spares::Auto
                && !logged
                    .into_iter()
                    .any(|it| !backend.scaler.always_up.contains(it))
        })
    }

    fn notes(&self, config: &Config) -> Vec<String> {
        let mut notes = Vec::new();
        for name in config.backends.keys() {
            if !self.servers.contains_key(name) {
                let seen: Vec<&str> = self.others.iter().map(String::as_str).collect();
                let seen = if seen.is_empty() {
                    "it has no request at all".to_owned()
                } else {
                    format!("it has {}", seen.join(", "))
                };
                notes.push(format!("the log has no request of backend {name}; {seen}"));
            } else if self.lacks_spares(config, name) {
                notes.push(format!(
                    "{name}: no spare is named and the log shows none, so one called \
                     `{PRETENDED_SPARE}` is pretended"
                ));
            }
        }
        notes
    }
}

fn pretend(config: &Config, seen: &Seen, warm_up: Duration, start: Timestamp) -> World {
    let settings = config
        .backends
        .values()
        .map(|backend| backend.scaler.clone());
    let backends = config
        .backends
        .keys()
        .map(|name| (name.clone(), seen.pretended(config, name)));
    World::new(Scaler::new(start, settings), backends.collect(), warm_up)
}
