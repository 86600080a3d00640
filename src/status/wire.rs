//! What goes over the control socket, and what of it is promised to scripts: `status --json`.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{LogCondition, Report, Told};
use crate::measure::policy::PolicyView;
use crate::measure::settings::{PolicySettings, Unit};
use crate::scaler::seen::{MachineView, Standing, Standings};
use crate::scaler::{BackendView, ServerView};
use crate::words::time::{Span, rfc3339};

/// All that `status --json` and the text need.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    pub mode: String,
    pub haproxy: HaproxyStatus,
    pub log: LogStatus,
    pub backends: Vec<BackendStatus>,
    /// Those of the daemon itself.
    pub problems: Vec<ProblemStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct HaproxyStatus {
    pub version: Option<String>,
    pub connected: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct LogStatus {
    pub source: String,
    pub lines: u64,
    pub rejected: u64,
    /// `None` where there is nothing that could be late.
    pub lag_ms: Option<u64>,
    #[serde(flatten)]
    pub more: Option<MoreOfLog>,
}

/// What of the log is for people alone.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct MoreOfLog {
    pub state: String,
    pub lost: u64,
    pub refused: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ProblemStatus {
    pub code: String,
    pub text: String,
    pub since: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct BackendStatus {
    pub name: String,
    pub state: String,
    pub statistic_ms: Option<f64>,
    pub threshold_ms: Option<f64>,
    pub breaches: u32,
    pub breaches_needed: u32,
    pub servers: Vec<ServerStatus>,
    pub next: String,
    pub serving: Option<u32>,
    pub wanted: Option<u32>,
    pub demand_per_s: Option<f64>,
    pub in_flight: Option<u64>,
    pub capacity: Capacity,
    pub reason: ReasonStatus,
    #[serde(flatten)]
    pub standings: StandingsStatus,
    #[serde(flatten)]
    pub own: Option<OwnOfBackend>,
}

/// What of a backend is for people alone; scripts find its problems among all others.
#[derive(Debug, Serialize, Deserialize)]
pub struct OwnOfBackend {
    pub window_requests: u32,
    pub paused: Option<String>,
    pub problems: Vec<ProblemStatus>,
    pub measure: Option<MeasureStatus>,
    /// What one server carries, in a sentence.
    pub carries: Option<String>,
    /// What is wanted beside the demand, a sentence each.
    #[serde(default)]
    pub votes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ServerStatus {
    pub name: String,
    pub role: String,
    pub stage: String,
    pub up: bool,
    pub serving: bool,
    pub weight: Option<u32>,
    pub note: Option<String>,
    /// What it runs on, where we start and stop that; left out for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineStatus>,
    #[serde(flatten)]
    pub standings: StandingsStatus,
}

/// The machine of a spare.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)] // A daemon of another version may say less.
pub struct MachineStatus {
    /// Of [`PowerState`](crate::words::machine::PowerState), or `unknown`.
    pub state: String,
    /// Since when, RFC 3339.
    pub since: Option<String>,
    /// It runs because of us: we stop it.
    pub ours: bool,
    /// From its last start to the first answer of its server.
    pub boot_s: Option<f64>,
    /// How often we have started it, earlier daemons included.
    pub starts: u64,
    /// How long it has run since this daemon began.
    pub ran_s: f64,
}

/// So many seconds of a [`MachineStatus`], for people; `None` where they make no sense.
pub fn seconds(seconds: f64) -> Option<Span> {
    Duration::try_from_secs_f64(seconds.round()).ok().map(Span)
}

impl BackendStatus {
    /// Its state in capitals, but for a good one.
    pub fn state_word(&self) -> String {
        match self.state.as_str() {
            "ok" => "ok".to_owned(),
            // Only times make it slow.
            "slow" if self.measure().is_some_and(|(it, _)| it.unit != "ms") => "BUSY".to_owned(),
            other => other.to_uppercase(),
        }
    }

    /// That it is paused, and since when.
    pub fn paused(&self) -> Option<(&str, Option<&str>)> {
        let since = self
            .standings
            .pause
            .as_ref()
            .map(|pause| pause.since.as_deref());
        Some((self.own.as_ref()?.paused.as_deref()?, since.flatten()))
    }

    pub fn problems(&self) -> &[ProblemStatus] {
        self.own.as_ref().map_or(&[], |own| &own.problems)
    }

    /// What one server carries.
    pub fn carries(&self) -> Option<&str> {
        self.own.as_ref()?.carries.as_deref()
    }

    /// What is wanted beside the demand.
    pub fn votes(&self) -> &[String] {
        self.own.as_ref().map_or(&[], |own| &own.votes)
    }

    /// What is measured, and of how many requests or looks.
    pub fn measure(&self) -> Option<(&MeasureStatus, u32)> {
        let own = self.own.as_ref()?;
        Some((own.measure.as_ref()?, own.window_requests))
    }
}

impl ServerStatus {
    pub fn note(&self) -> &str {
        self.note.as_deref().unwrap_or("")
    }

    /// It takes requests and answers them.
    pub fn serves(&self) -> bool {
        self.serving
    }
}

/// What is measured, whatever its unit; `statistic_ms` and `threshold_ms`, which scripts know, are of
/// times alone.
#[derive(Debug, Serialize, Deserialize)]
pub struct MeasureStatus {
    pub signal: String,
    pub statistic: String,
    pub value: Option<f64>,
    pub threshold: f64,
    pub unit: String,
}

impl MeasureStatus {
    /// What stands behind its numbers.
    pub fn suffix(&self) -> &'static str {
        match self.unit.as_str() {
            "ms" => " ms",
            "per_s" => "/s",
            _ => "",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Capacity {
    pub proved_per_s: Option<f64>,
    pub broken_per_s: Option<f64>,
    pub source: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ReasonStatus {
    pub code: String,
    pub text: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct StandingsStatus {
    pub pause: Option<StandingStatus>,
    pub pin: Option<StandingStatus>,
    pub hold: Option<StandingStatus>,
    pub quarantine: Option<StandingStatus>,
    pub order: Option<StandingStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct StandingStatus {
    pub since: Option<String>,
    pub until: Option<String>,
    pub by: Option<String>,
    pub reason: Option<String>,
}

impl Status {
    /// Everything that keeps anything from working.
    pub fn count_problems(&self) -> usize {
        let of_backends = self.backends.iter().map(|it| it.problems().len());
        self.problems.len() + of_backends.sum::<usize>()
    }

    /// `status --json`: what is promised to scripts, all problems in one list, with the backend before
    /// the text.
    #[must_use]
    pub fn promised(mut self) -> Self {
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
        machine: view.machine.as_ref().map(|it| machine_status(it, wall)),
        standings,
    }
}

fn machine_status(view: &MachineView, wall: SystemTime) -> MachineStatus {
    MachineStatus {
        state: view.state().to_owned(),
        since: wall.checked_sub(view.lasted).map(rfc3339),
        ours: view.is_ours,
        boot_s: view.boot.map(|boot| rounded(boot.as_secs_f64())),
        starts: view.starts,
        ran_s: rounded(view.ran.as_secs_f64()),
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
