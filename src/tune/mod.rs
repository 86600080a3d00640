//! `tune`: what recorded logs say one server carries, and the settings that follow from it.
//!
//! - [`slices`]: the log in slices of some seconds; [`curve`], [`carries`]: what these say of one server
//! - [`trials`], [`boot`], [`sweep`]: settings, boot times and goals, each tried in `simulate` on the
//!   log's own users; [`study`]: all of a backend
//! - `text`, `why`, `json`, `learned`: the same for people, for programs and for the daemon
//!
//! What one server carries is told by the log; what a daemon makes of it is the scaler's, in `simulate`.

pub mod boot;
pub mod carries;
pub mod curve;
mod json;
mod learned;
pub mod slices;
pub mod study;
pub mod sweep;
mod text;
pub mod trials;
mod why;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use self::carries::Confidence;
use self::study::Study;
use self::sweep::Range;
use crate::config::BackendConfig;
use crate::measure::capacity::Bracket;
use crate::simulate::SimulateError;
use crate::simulate::engine::Balance;
use crate::simulate::load::recorded::{Log, LogInput, read_all};
use crate::simulate::supply::Terms;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// The backends of the configuration; `None`: those of the log, with built-in rules.
    pub backends: Option<BTreeMap<String, BackendConfig>>,
    /// Only this one.
    pub backend_name: Option<String>,
    pub input: LogInput,
    /// Instead of the one of the configuration.
    pub goal: Option<Duration>,
    /// From the wish for a spare until it answers.
    pub boot: Duration,
    /// What was said of servers beside.
    pub terms: Terms,
    /// How long servers took to boot, as the daemon has measured it, by backend and server.
    pub measured: BTreeMap<String, BTreeMap<String, Duration>>,
    /// The goal is kept if no larger share of the requests is slow, 0 to 1; `None`: the usual.
    pub slow_share_max: Option<f64>,
    pub balance: Balance,
    pub seed: u64,
    pub sweep: Option<Range>,
    pub json: bool,
    /// Where to write what was learned.
    pub output: Option<PathBuf>,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// A log could not be read, or the engine is wrong.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// The log is about others.
    #[error("the log has no request of {wanted}; it has requests of: {seen}")]
    NoRequests { wanted: String, seen: String },
    /// There is something else in that place.
    #[error(
        "{0} exists and was not written by `tune`; it is not overwritten: choose another name with -o"
    )]
    NotOurs(String),
    /// What was learned could not be written.
    #[error("cannot write {path}: {source}")]
    Learned {
        path: String,
        #[source]
        source: io::Error,
    },
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

/// Studies the logs, writes what is known to `out` and what was learned to its file. Gives whether the
/// log could tell what a server of any backend carries.
///
/// # Errors
/// Logs that cannot be read; output that cannot be written.
pub fn tune(options: &Options, out: &mut dyn Write) -> Result<bool, TuneError> {
    let logs = read_all(&options.input)?;
    let subjects = subjects(options, logs)?;
    let mut studies = Vec::with_capacity(subjects.len());
    for (config, log) in subjects {
        studies.push(Study::of(options, config, &log)?);
    }
    let known = studies.iter().filter(|it| match it.carries.confidence {
        Confidence::Good | Confidence::Weak => true,
        Confidence::None => false,
    });
    let is_known = known.count() > 0;
    if let Some(path) = options.output.as_ref().filter(|_| is_known) {
        learned::write(path, &studies)?;
    }
    let written = if options.json {
        json::write(&studies, out)
    } else {
        text::write(&studies, options.output.as_deref(), out)
    };
    written.map_err(TuneError::Output)?;
    Ok(is_known)
}

/// What a server carries as the value of the key `capacity`.
pub fn capacity_value(bracket: &Bracket) -> String {
    learned::capacity(bracket)
}

/// Which backends are studied: those of the configuration, or those of the log.
fn subjects(
    options: &Options,
    mut logs: Vec<Log>,
) -> Result<Vec<(Option<&BackendConfig>, Log)>, TuneError> {
    let is_wanted = |name: &str| options.backend_name.as_deref().is_none_or(|it| it == name);
    let seen: Vec<String> = logs.iter().map(|it| it.backend.clone()).collect();
    let mut found = Vec::new();
    let mut wanted = Vec::new();
    if let Some(backends) = &options.backends {
        for (name, config) in backends.iter().filter(|(name, _)| is_wanted(name)) {
            wanted.push(name.clone());
            let log = logs.iter().position(|it| it.backend == *name);
            let log = log.map(|at| logs.swap_remove(at));
            found.push((
                Some(config),
                log.unwrap_or_else(|| Log {
                    backend: name.clone(),
                    ..Log::default()
                }),
            ));
        }
    } else {
        wanted.extend(options.backend_name.clone());
        logs.retain(|it| is_wanted(&it.backend));
        found.extend(logs.into_iter().map(|log| (None, log)));
    }
    if found.iter().all(|(_, log)| log.requests.is_empty()) {
        let wanted = if wanted.is_empty() {
            "any backend".to_owned()
        } else {
            wanted.join(", ")
        };
        let seen = seen.join(", ");
        return Err(TuneError::NoRequests { wanted, seen });
    }
    Ok(found)
}
