//! What goes over the control socket, and what of it is promised to scripts: `status --json`.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{LogCondition, Report, Told};
use crate::measure::policy::PolicyView;
use crate::measure::settings::{PolicySettings, Unit};
use crate::scaler::seen::{Standing, Standings};
use crate::scaler::{BackendView, ServerView};
use crate::words::time::rfc3339;

/// All that `status --json` and the text need.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) mode: String,
    pub(super) haproxy: HaproxyStatus,
    pub(super) log: LogStatus,
    pub(super) backends: Vec<BackendStatus>,
    /// Those of the daemon itself.
    pub(super) problems: Vec<ProblemStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HaproxyStatus {
    pub(super) version: Option<String>,
    pub(super) connected: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LogStatus {
    pub(super) source: String,
    pub(super) lines: u64,
    pub(super) rejected: u64,
    /// `None` where there is nothing that could be late.
    pub(super) lag_ms: Option<u64>,
    #[serde(flatten)]
    pub(super) more: Option<MoreOfLog>,
}

/// What of the log is for people alone.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct MoreOfLog {
    pub(super) state: String,
    pub(super) lost: u64,
    pub(super) refused: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProblemStatus {
    pub(super) code: String,
    pub(super) text: String,
    pub(super) since: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BackendStatus {
    pub(super) name: String,
    pub(super) state: String,
    statistic_ms: Option<f64>,
    threshold_ms: Option<f64>,
    pub(super) breaches: u32,
    pub(super) breaches_needed: u32,
    pub(super) servers: Vec<ServerStatus>,
    pub(super) next: String,
    serving: Option<u32>,
    wanted: Option<u32>,
    demand_per_s: Option<f64>,
    in_flight: Option<u64>,
    capacity: Capacity,
    reason: ReasonStatus,
    #[serde(flatten)]
    standings: StandingsStatus,
    #[serde(flatten)]
    own: Option<OwnOfBackend>,
}

/// What of a backend is for people alone; scripts find its problems among all others.
#[derive(Debug, Serialize, Deserialize)]
struct OwnOfBackend {
    window_requests: u32,
    paused: Option<String>,
    problems: Vec<ProblemStatus>,
    measure: Option<MeasureStatus>,
    /// What one server carries, in a sentence.
    carries: Option<String>,
    /// What is wanted beside the demand, a sentence each.
    #[serde(default)]
    votes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServerStatus {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) stage: String,
    up: bool,
    serving: bool,
    weight: Option<u32>,
    note: Option<String>,
    #[serde(flatten)]
    standings: StandingsStatus,
}

impl BackendStatus {
    /// That it is paused, and since when.
    pub(super) fn paused(&self) -> Option<(&str, Option<&str>)> {
        let since = self
            .standings
            .pause
            .as_ref()
            .map(|pause| pause.since.as_deref());
        Some((self.own.as_ref()?.paused.as_deref()?, since.flatten()))
    }

    pub(super) fn problems(&self) -> &[ProblemStatus] {
        self.own.as_ref().map_or(&[], |own| &own.problems)
    }

    /// What one server carries.
    pub(super) fn carries(&self) -> Option<&str> {
        self.own.as_ref()?.carries.as_deref()
    }

    /// What is wanted beside the demand.
    pub(super) fn votes(&self) -> &[String] {
        self.own.as_ref().map_or(&[], |own| &own.votes)
    }

    /// What is measured, and of how many requests or looks.
    pub(super) fn measure(&self) -> Option<(&MeasureStatus, u32)> {
        let own = self.own.as_ref()?;
        Some((own.measure.as_ref()?, own.window_requests))
    }
}

impl ServerStatus {
    pub(super) fn note(&self) -> &str {
        self.note.as_deref().unwrap_or("")
    }

    /// It takes requests and answers them.
    pub(super) fn serves(&self) -> bool {
        self.serving
    }
}

/// What is measured, whatever its unit; `statistic_ms` and `threshold_ms`, which scripts know, are of
/// times alone.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MeasureStatus {
    pub(super) signal: String,
    pub(super) statistic: String,
    pub(super) value: Option<f64>,
    pub(super) threshold: f64,
    pub(super) unit: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Capacity {
    proved_per_s: Option<f64>,
    broken_per_s: Option<f64>,
    source: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ReasonStatus {
    code: String,
    text: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct StandingsStatus {
    pause: Option<StandingStatus>,
    pin: Option<StandingStatus>,
    hold: Option<StandingStatus>,
    quarantine: Option<StandingStatus>,
    order: Option<StandingStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StandingStatus {
    since: Option<String>,
    until: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

impl Status {
    /// Everything that keeps anything from working.
    pub(super) fn count_problems(&self) -> usize {
        let of_backends = self.backends.iter().map(|it| it.problems().len());
        self.problems.len() + of_backends.sum::<usize>()
    }

    /// `status --json`: what is promised to scripts, all problems in one list, with the backend before
    /// the text.
    pub(super) fn promised(mut self) -> Self {
        self.log.more = None;
        for backend in &mut self.backends {
            for problem in backend.own.take().into_iter().flat_map(|own| own.problems) {
                let text = format!("{}: {}", backend.name, problem.text);
                self.problems.push(ProblemStatus { text, ..problem });
            }
        }
        self
    }
}

impl Report {
    /// One JSON object on one line; `wall` is now, for the moments in it.
    pub fn json(&self, wall: SystemTime) -> String {
        written(&self.status(wall))
    }

    /// The same as `status --json` prints it: what is promised to scripts.
    pub fn promised_json(&self, wall: SystemTime) -> String {
        written(&self.status(wall).promised())
    }

    fn status(&self, wall: SystemTime) -> Status {
        Status {
            mode: self.mode.as_str().to_owned(),
            haproxy: HaproxyStatus {
                version: self.version.clone(),
                connected: self.backends.iter().any(BackendView::is_answered),
            },
            log: self.log_status(),
            backends: self
                .backends
                .iter()
                .map(|view| self.backend_status(view, wall))
                .collect(),
            problems: self.problems_of(None),
        }
    }

    fn log_status(&self) -> LogStatus {
        let lag_ms = u64::try_from(self.lag.as_millis()).unwrap_or(u64::MAX);
        LogStatus {
            source: self.source.clone(),
            lines: self.lines,
            rejected: self.rejected,
            lag_ms: (self.log == LogCondition::Read).then_some(lag_ms),
            more: Some(MoreOfLog {
                state: self.log.as_str().to_owned(),
                lost: self.lost,
                refused: self.refused,
            }),
        }
    }

    fn problems_of(&self, backend: Option<&str>) -> Vec<ProblemStatus> {
        let of_it = |told: &&Told| told.backend.as_deref() == backend;
        let told = self.problems.iter().filter(of_it);
        told.map(|told| ProblemStatus {
            code: told.code.to_owned(),
            text: told.text.clone(),
            since: rfc3339(told.since),
        })
        .collect()
    }

    fn backend_status(&self, view: &BackendView, wall: SystemTime) -> BackendStatus {
        let policy = view.policy.as_ref();
        let settings = policy.map(|policy| &policy.settings);
        let measure = policy.map(measure_status);
        let time = measure.as_ref().filter(|it| it.unit == Unit::Ms.as_str());
        BackendStatus {
            name: view.name.clone(),
            state: view.state.as_str().to_owned(),
            statistic_ms: time.and_then(|time| time.value),
            threshold_ms: time.map(|time| time.threshold),
            breaches: policy.map_or(0, |policy| policy.streak),
            breaches_needed: settings.map_or(0, |settings| settings.breaches),
            servers: view
                .servers
                .iter()
                .map(|server| server_status(server, wall))
                .collect(),
            next: view.next.to_string(),
            serving: view.serving,
            wanted: view.wanted,
            demand_per_s: view.capacity.demand_per_s.map(rounded),
            in_flight: view.in_flight,
            capacity: Capacity {
                proved_per_s: view.capacity.proved_per_s.map(rounded),
                broken_per_s: view.capacity.broken_per_s.map(rounded),
                source: view.capacity.source.as_str().to_owned(),
            },
            reason: ReasonStatus {
                code: view.next.code().as_str().to_owned(),
                text: view.next.to_string(),
            },
            standings: standings_status(&view.standings, wall),
            own: Some(OwnOfBackend {
                window_requests: policy.map_or(0, |policy| policy.requests),
                paused: view.standings.pause.map(|pause| format!("paused{pause}")),
                problems: self.problems_of(Some(&view.name)),
                measure,
                carries: view.capacity.sentence(),
                votes: view.votes.sentences(),
            }),
        }
    }
}

fn written(status: &Status) -> String {
    serde_json::to_string(status).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

/// To three digits behind the point.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn measure_status(policy: &PolicyView) -> MeasureStatus {
    let PolicySettings {
        signal,
        statistic,
        above,
        ..
    } = policy.settings;
    MeasureStatus {
        signal: signal.as_str().to_owned(),
        statistic: statistic.name(),
        value: policy.value.map(rounded),
        threshold: above,
        unit: signal.unit().as_str().to_owned(),
    }
}

fn server_status(view: &ServerView, wall: SystemTime) -> ServerStatus {
    let standings = standings_status(&view.standings, wall);
    ServerStatus {
        name: view.name.clone(),
        role: view.role.as_str().to_owned(),
        stage: view.stage.as_str().to_owned(),
        up: view.is_up,
        serving: view.is_serving,
        weight: view.weight,
        note: view.note.as_ref().map(|note| match standings.only_end() {
            Some(until) => format!("{note}, until {until}"),
            None => note.to_string(),
        }),
        standings,
    }
}

impl StandingsStatus {
    /// When an operator's order ends, if only one has an end.
    fn only_end(&self) -> Option<&str> {
        let orders = [&self.pin, &self.pause, &self.order];
        let mut ends = orders
            .into_iter()
            .flatten()
            .filter_map(|it| it.until.as_deref());
        ends.next().filter(|_| ends.next().is_none())
    }
}

fn standings_status(standings: &Standings, wall: SystemTime) -> StandingsStatus {
    let of = |standing: &Option<Standing>| {
        standing.as_ref().map(|it| StandingStatus {
            since: it
                .lasted
                .and_then(|lasted| wall.checked_sub(lasted))
                .map(rfc3339),
            until: it.left.and_then(|left| wall.checked_add(left)).map(rfc3339),
            by: it.by.map(|by| by.to_string()),
            reason: {
                let given = it.by.and_then(|by| by.reason().map(str::to_owned));
                given.or_else(|| it.reason.map(|reason| reason.to_string()))
            },
        })
    };
    StandingsStatus {
        pause: of(&standings.pause),
        pin: of(&standings.pin),
        hold: of(&standings.hold),
        quarantine: of(&standings.quarantine),
        order: of(&standings.order),
    }
}
