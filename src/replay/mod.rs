//! `replay`: recorded logs through the same scaler in virtual time. Prints what would have been
//! decided. Open loop: the log does not get faster because a spare was enabled.

mod batch;
mod calendar;
mod play;
mod seen;
mod summary;
mod world;

use std::cell::Cell;
use std::io::{self, Write};
use std::time::Duration;

use self::batch::{Batch, Tables, Worker};
use self::play::Play;
use self::seen::Seen;
use self::summary::Printer;
use crate::config::Config;
use crate::log::line::Parser;
use crate::log::recorded::{self, InputError, LogSet, Period, Progress, Spans};

/// Decisions that are kept while it may still turn out that a server was missing.
const TRIAL_DECISIONS_MAX: u64 = 50_000;

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
    /// About now, for dates without a year; see [`Parser::with_today`]. `None`: all of one year.
    pub today_ms: Option<u64>,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A log could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// There were lines, and none of them could be read; a note has said why.
    #[error("nothing of the log could be read")]
    NothingRead,
    /// A request of which nobody knows when it was.
    #[error("cannot replay the log: {}", crate::log::line::NO_DATE)]
    NoDate,
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

/// Replays the logs in the order of their first requests and prints decisions and summary to `out`,
/// notes of the JSON form to `talk`. A reader of `out` that went away is no error.
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

/// A log is read once if its first lines name every server that it has, as most do. A server that
/// comes up later was there from the start, so that all before it has to be thought through again.
fn run(
    config: &Config,
    logs: &[String],
    options: &Options,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<(), ReplayError> {
    let mut parser = Parser::new(&config.log.format, &config.log.tag);
    if let Some(today_ms) = options.today_ms {
        parser = parser.with_today(today_ms);
    }
    let mut sources = LogSet::new(logs);
    sources.keep_pipes()?;
    sources.sort_by_time(&parser, config.log.max_line_bytes)?;
    sources.watch(&options.progress, 1);
    let source = Source {
        logs: &sources,
        config,
        parser: &parser,
        options,
    };
    let mut first = Vec::new();
    let seen = match source.replay(None, &mut first, talk)? {
        Ended::Whole { is_nothing_read } => {
            let written = out.write_all(&first).and_then(|()| out.flush());
            written.map_err(ReplayError::Output)?;
            return if is_nothing_read {
                Err(ReplayError::NothingRead)
            } else {
                Ok(())
            };
        }
        Ended::Otherwise(seen) => seen,
    };
    drop(first);
    let mut from_start = sources.clone();
    from_start.watch(&options.progress, 1);
    let again = Source {
        logs: &from_start,
        ..source
    };
    again.replay(Some(seen), out, talk).map(|_| ())
}

struct Source<'a> {
    logs: &'a LogSet,
    config: &'a Config,
    parser: &'a Parser,
    options: &'a Options,
}

/// How a replay ended.
enum Ended {
    /// Everything was printed; there were lines, and none could be read.
    Whole { is_nothing_read: bool },
    /// These servers are in the logs, and not all of them were known at the beginning.
    Otherwise(Seen),
}

impl Source<'_> {
    /// Replays with the servers that are `known`; if none are, with those of the first block.
    fn replay(
        &self,
        known: Option<Seen>,
        out: &mut dyn Write,
        talk: &mut dyn Write,
    ) -> Result<Ended, ReplayError> {
        let is_trial = known.is_none();
        let config = self.config;
        let mut seen = known.unwrap_or_default();
        let mut spans = Spans::default();
        let mut tables = Tables::default();
        let started = Cell::new(0);
        let start = || {
            let number = started.replace(started.get() + 1);
            Worker::new(number, self.parser.clone(), self.options.period)
        };
        let name_width = config.backends.keys().map(String::len).max();
        let printer = Printer::new(out, self.options.json, name_width.unwrap_or_default());
        let mut play = Some(Play::new(config, self.options.warm_up, printer));
        let logs = self.logs.read(config.log.max_line_bytes);
        recorded::in_order(logs, start, Worker::parse, |batch: Batch| {
            if batch.is_undated {
                return Err(ReplayError::NoDate);
            }
            let mut is_new = false;
            for (backend, server) in &batch.new_names {
                is_new |= seen.take(config, backend, server);
            }
            batch.spans(&mut spans);
            if is_trial && is_new && play.as_ref().is_some_and(Play::has_begun) {
                play = None;
            }
            let names = tables.of(config, &batch);
            if let Some(it) = &mut play {
                it.batch(&batch, names, &seen)
                    .map_err(ReplayError::Output)?;
                if is_trial && it.decisions() > TRIAL_DECISIONS_MAX {
                    play = None;
                }
            }
            Ok::<(), ReplayError>(())
        })?;
        let Some(play) = play else {
            return Ok(Ended::Otherwise(seen));
        };
        let mut notes = seen.notes(config, self.options.period);
        notes.extend(spans.overlap(&self.logs.names()));
        let ended = play.end(self.parser, notes, talk);
        let is_nothing_read = ended.map_err(ReplayError::Output)?;
        Ok(Ended::Whole { is_nothing_read })
    }
}
