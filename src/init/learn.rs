//! What the last days' log says of each backend: how fast it answers, and so a goal; what one server carries
//! within that goal. The reading and the reckoning are those of `tune`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{LogConfig, LogSource};
use crate::doctor::facts::{Facts, LogFile};
use crate::doctor::log_place;
use crate::log::line::Parser;
use crate::log::recorded::{Period, Progress};
use crate::measure::served::Goal;
use crate::measure::settings::Signal;
use crate::simulate::load::recorded::{Log, LogInput, read_all};
use crate::tune::capacity_value;
use crate::tune::carries::Carries;
use crate::tune::slices::Slices;

/// Of larger logs only the one of yesterday is read.
const BYTES_MAX: u64 = 1 << 30;
/// Fewer requests say nothing of a goal.
const REQUESTS_MIN: usize = 100;
/// One of so many moments, the fastest first, shows how long requests take while all is calm.
const CALM_ONE_OF: usize = 5;
/// A goal is so many times that …
const TIMES_CALM: f64 = 3.0;
/// … and so far above what nearly all take, where that is less than twice as much.
const TIMES_P95: f64 = 1.5;
/// Goals that people would write, milliseconds.
const GOALS_MS: [f64; 16] = [
    50.0, 75.0, 100.0, 150.0, 200.0, 250.0, 300.0, 400.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0,
    3000.0, 5000.0, 10_000.0,
];

/// What is known of a backend.
#[derive(Clone, Debug)]
pub struct Learned {
    pub requests: usize,
    pub p50_ms: f64,
    pub p95_ms: f64,
    /// The mean in a calm moment.
    pub calm_ms: f64,
    pub goal_ms: f64,
    /// The value of `capacity`, with how far to trust it.
    pub capacity: Option<(String, &'static str)>,
}

/// Reads the log of yesterday and of today, if it is a file; nothing where it cannot be read.
pub fn learn(facts: &Facts) -> BTreeMap<String, Learned> {
    let LogSource::File(path) = &facts.log.source else {
        return BTreeMap::new();
    };
    let log = settings(facts);
    let input = LogInput {
        logs: recorded(path),
        parser: Parser::new(&log.format, &log.tag),
        max_line_bytes: log.max_line_bytes,
        period: Period::default(),
        progress: Progress::default(),
    };
    if input.logs.is_empty() {
        return BTreeMap::new();
    }
    let logs = read_all(&input).unwrap_or_default();
    let learned = logs.iter().filter_map(|log| {
        let learned = of_log(log)?;
        Some((log.backend.clone(), learned))
    });
    learned.collect()
}

/// Format and tag: what haproxy.cfg says, or what the lines themselves show.
pub fn settings(facts: &Facts) -> LogConfig {
    let mut log = LogConfig::default();
    if let Some(cfg) = &facts.cfg {
        log.format = log_place::format(cfg).unwrap_or(log.format);
        log.tag = log_place::tag(cfg).unwrap_or(log.tag);
    }
    if let LogFile::Read(read) = &facts.log.file
        && let Some(advice) = &read.advice
    {
        let word = advice.format;
        let format = word.and_then(|it| crate::log::format::LogFormat::compile(it).ok());
        log.format = format.unwrap_or(log.format);
        log.tag = advice.tag.clone().unwrap_or(log.tag);
    }
    log
}

/// The log and the one before it, by the names that logrotate gives.
fn recorded(path: &Path) -> Vec<String> {
    let named = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    let mut before: Vec<PathBuf> = [".1", ".1.gz", ".1.zst"].map(named).to_vec();
    before.extend(dated(path));
    let before = before.into_iter().find(|it| it.is_file());
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |it| it.len());
    let mut found: Vec<PathBuf> = before.into_iter().collect();
    let all: u64 = found.iter().map(|it| bytes(it)).sum();
    if path.is_file() && (found.is_empty() || all.saturating_add(bytes(path)) < BYTES_MAX) {
        found.push(path.to_owned());
    }
    found.iter().map(|it| it.display().to_string()).collect()
}

/// The newest `haproxy.log-20261126` (`dateext`).
fn dated(path: &Path) -> Option<PathBuf> {
    let name = format!("{}-", path.file_name()?.to_string_lossy());
    let entries = fs::read_dir(path.parent()?).ok()?.flatten();
    let paths = entries.map(|entry| entry.path());
    let is_dated = |path: &PathBuf| {
        let name_of = path.file_name().map(|it| it.to_string_lossy().into_owned());
        name_of.is_some_and(|it| it.starts_with(&name))
    };
    paths.filter(is_dated).max()
}

fn of_log(log: &Log) -> Option<Learned> {
    let answered = log.requests.iter().filter(|it| it.is_answered);
    let times = answered.filter_map(|it| Some(f64::from(it.queue_ms) + f64::from(it.server_ms?)));
    let mut times: Vec<f64> = times.collect();
    if times.len() < REQUESTS_MIN {
        return None;
    }
    times.sort_by(f64::total_cmp);
    let share = |percent: usize| times.get(times.len() * percent / 100).copied();
    let (p50_ms, p95_ms) = (share(50)?, share(95)?);
    let signal = Signal::ResponseTime;
    let slices = Slices::of(log, signal);
    let answering = slices.all.iter().filter(|it| it.answered > 0);
    let mut means: Vec<f64> = answering.map(|it| it.response_ms).collect();
    means.sort_by(f64::total_cmp);
    // A log of one long rush has no calm moment; half of its requests are all there is.
    let calm_ms = means.get(means.len() / CALM_ONE_OF).copied();
    let calm_ms = calm_ms.filter(|it| *it > 0.0).unwrap_or(p50_ms).min(p50_ms);
    let goal_ms = goal(calm_ms, p95_ms);
    let goal = Goal {
        signal,
        ms: goal_ms,
    };
    let carries = Carries::of(&slices, goal);
    let capacity = carries.to_start_from();
    let capacity = capacity.map(|it| (capacity_value(&it), carries.confidence.as_str()));
    Some(Learned {
        requests: times.len(),
        p50_ms,
        p95_ms,
        calm_ms,
        goal_ms,
        capacity,
    })
}

/// Well above what is usual, and not so far that only a breakdown would reach it.
fn goal(calm_ms: f64, p95_ms: f64) -> f64 {
    let usual = TIMES_CALM * calm_ms;
    let wanted = usual.max((TIMES_P95 * p95_ms).min(2.0 * usual));
    let found = GOALS_MS.into_iter().find(|it| *it >= wanted);
    found.unwrap_or((wanted / 1000.0).ceil() * 1000.0)
}
