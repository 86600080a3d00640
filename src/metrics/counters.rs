//! What a daemon counts while it runs: numbers that only grow, and begin at 0 with each daemon. What
//! is true now is in `status::Report`, what is made of both in `table`.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use super::actions::Actions;
use super::alerts::AlertCounts;
use super::histogram::Histogram;
use super::trigger::Trigger;
use crate::log::line::Reject;
use crate::measure::sample::Sample;
use crate::measure::settings::{PolicySettings, Signal, Unit};
use crate::scaler::decision::{Change, Decision, Failure, MachineNews, Reason};
use crate::scaler::{BackendView, Role, Stage};
use crate::words::machine::MachineVerb;
use crate::words::proof::WarmUpFailure;
use crate::words::request::Request;
use crate::words::time::Timestamp;

/// Prometheus's own default buckets. The backend's threshold is one more.
const RESPONSE_US: [u64; 11] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];
/// From a decision to a server that takes users.
const CHANGE_US: [u64; 10] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
];
/// One answer of HAProxy.
const READ_US: [u64; 8] = [
    500, 1_000, 2_500, 5_000, 10_000, 100_000, 500_000, 2_000_000,
];
/// One turn of the daemon's loop.
const TURN_US: [u64; 7] = [100, 1_000, 5_000, 10_000, 50_000, 100_000, 1_000_000];

/// `1xx` to `5xx`, and requests without a status.
pub(super) const STATUS_CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// The place of `5xx` among them.
const FAILED_CLASS: usize = 4;

const CHANGES: usize = Change::ALL.len();
const REJECTS: usize = Reject::ALL.len();

/// All that is counted.
#[derive(Clone, Debug)]
pub struct Counters {
    pub(super) backends: Vec<BackendCounters>,
    by_name: HashMap<String, usize>,
    /// The backend of the last request: the next one is likely its too.
    last: usize,
    /// Decisions about HAProxy as a whole.
    pub(super) whole: [u64; CHANGES],
    /// Requests of backends that are looked after.
    pub(super) parsed: u64,
    /// Requests of other backends.
    pub(super) other_backend: u64,
    pub(super) rejected: [u64; REJECTS],
    /// When a line came last.
    pub(super) last_line_at: Option<SystemTime>,
    pub(super) reads: Histogram,
    pub(super) read_failures: u64,
    pub(super) turns: Histogram,
    /// How late the loop was when it had to be awake last.
    pub(super) late: Duration,
    pub(super) config: LastConfig,
    /// As of the look that this is for.
    pub alerts: AlertCounts,
    passed_at: Option<Timestamp>,
}

/// The configuration that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastConfig {
    /// It is used.
    pub(super) is_good: bool,
    /// When one was taken last that is used.
    pub(super) taken_at: SystemTime,
}

/// What is counted of one backend.
#[derive(Clone, Debug)]
pub(super) struct BackendCounters {
    pub(super) name: String,
    /// What its response times are judged by.
    signal: Signal,
    pub(super) response: Histogram,
    /// Requests by class of status; of servers that HAProxy does not list, under `None`.
    pub(super) servers: BTreeMap<String, [u64; STATUS_CLASSES.len()]>,
    pub(super) other_servers: [u64; STATUS_CLASSES.len()],
    pub(super) decisions: [u64; CHANGES],
    pub(super) enables: [u64; Trigger::ALL.len()],
    pub(super) actions: Actions,
    pub(super) scale_up: Histogram,
    pub(super) warm_up: Histogram,
    pub(super) above_threshold: Duration,
    pub(super) spares: BTreeMap<String, SpareCounters>,
    /// Those that HAProxy lists.
    pub(super) machines: BTreeMap<String, MachineCounters>,
}

/// What is counted of a spare.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpareCounters {
    /// How long it has been ready.
    pub(super) ready: Duration,
    /// Requests of warm-ups that were answered as they should be, and those that were not.
    pub(super) warm_ups: (u64, u64),
}

/// What is counted of the machine that a spare runs on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MachineCounters {
    pub(super) starts: u64,
    /// By what it was asked for.
    pub(super) failures: [u64; MachineVerb::ALL.len()],
}

/// What is counted of one backend's requests.
#[derive(Clone, Copy, Debug)]
pub struct Totals<'a>(&'a BackendCounters);

impl<'a> Totals<'a> {
    /// Requests of its servers, and those that none of them answered.
    pub fn requests(&self) -> u64 {
        let other = self.0.other_servers.iter().sum::<u64>();
        other + self.servers().map(|(_, count)| count).sum::<u64>()
    }

    /// Those that ended with a status of 500 or above.
    pub fn failed(&self) -> u64 {
        let servers = self.0.servers.values().chain([&self.0.other_servers]);
        let failed = servers.filter_map(|classes| classes.get(FAILED_CLASS));
        failed.sum()
    }

    /// Those that have a response time.
    pub const fn timed(&self) -> u64 {
        self.0.response.count()
    }

    /// Their response times together, seconds.
    pub const fn timed_s(&self) -> f64 {
        self.0.response.sum_s()
    }

    /// Each server that HAProxy lists, with its requests.
    pub fn servers(&self) -> impl Iterator<Item = (&'a str, u64)> + use<'a> {
        let servers = self.0.servers.iter();
        servers.map(|(name, classes)| (name.as_str(), classes.iter().sum()))
    }
}

impl Counters {
    /// What is counted of that backend's requests; `None`: it is not looked after.
    pub fn totals(&self, backend: &str) -> Option<Totals<'_>> {
        let at = self.by_name.get(backend)?;
        self.backends.get(*at).map(Totals)
    }

    /// All at 0, of backends with those policies.
    pub fn new<'a>(
        backends: impl IntoIterator<Item = (&'a str, &'a [PolicySettings])>,
        wall: SystemTime,
    ) -> Self {
        let mut counters = Self {
            backends: Vec::new(),
            by_name: HashMap::new(),
            last: 0,
            whole: [0; CHANGES],
            parsed: 0,
            other_backend: 0,
            rejected: [0; REJECTS],
            last_line_at: None,
            reads: Histogram::new(READ_US),
            read_failures: 0,
            turns: Histogram::new(TURN_US),
            late: Duration::ZERO,
            config: LastConfig {
                is_good: true,
                taken_at: wall,
            },
            alerts: AlertCounts::default(),
            passed_at: None,
        };
        counters.look_after(backends);
        counters
    }

    /// Counts for those backends from now on. One that stays keeps what was counted; its response
    /// times begin anew if its threshold is another one.
    pub fn look_after<'a>(
        &mut self,
        backends: impl IntoIterator<Item = (&'a str, &'a [PolicySettings])>,
    ) {
        let mut known = std::mem::take(&mut self.backends);
        for (name, policies) in backends {
            let fresh = BackendCounters::new(name, policies);
            let old = known.iter().position(|backend| backend.name == name);
            let backend = match old.map(|at| known.swap_remove(at)) {
                Some(old) if old.response.is_like(&fresh.response) => old,
                Some(old) => BackendCounters {
                    signal: fresh.signal,
                    response: fresh.response,
                    ..old
                },
                None => fresh,
            };
            self.backends.push(backend);
        }
        let names = self.backends.iter().enumerate();
        self.by_name = names.map(|(at, it)| (it.name.clone(), at)).collect();
        self.last = 0;
    }

    /// A line that is a request. Comes by the thousand.
    pub fn request(&mut self, request: &Request<'_>) {
        let is_last = |it: &BackendCounters| it.name == request.backend;
        if !self.backends.get(self.last).is_some_and(is_last) {
            let Some(at) = self.by_name.get(request.backend) else {
                self.other_backend += 1;
                return;
            };
            self.last = *at;
        }
        if let Some(backend) = self.backends.get_mut(self.last) {
            backend.request(request);
            self.parsed += 1;
        }
    }

    /// Another log is read from now on.
    pub fn another_log(&mut self) {
        (self.parsed, self.other_backend, self.rejected) = (0, 0, [0; REJECTS]);
        self.last_line_at = None;
    }

    /// A line that is no request.
    pub fn reject(&mut self, reason: Reject) {
        add(&mut self.rejected, reason as usize);
    }

    /// Lines came.
    pub fn lines_came(&mut self, wall: SystemTime) {
        self.last_line_at = Some(wall);
    }

    /// Something was decided; `is_observing`: and is not done.
    pub fn decision(&mut self, decision: &Decision, is_observing: bool) {
        let Some(name) = &decision.backend else {
            return add(&mut self.whole, decision.change as usize);
        };
        let at = self.by_name.get(name).copied();
        let Some(backend) = at.and_then(|at| self.backends.get_mut(at)) else {
            return;
        };
        add(&mut backend.decisions, decision.change as usize);
        backend.actions.decision(decision, is_observing);
        backend.warmed_up(decision);
        backend.machine(decision);
        if decision.change != Change::Enable {
            return;
        }
        let trigger = Trigger::of(&decision.reason);
        add(&mut backend.enables, trigger as usize);
        if let Reason::Warmed { evidence, took, .. } = &decision.reason {
            backend.scale_up.add(*took);
            let warm_up = Duration::from_millis(evidence.took_ms.into());
            backend.warm_up.add(warm_up);
        }
    }

    /// HAProxy was asked, and answered or not.
    pub fn read(&mut self, took: Option<Duration>, is_answered: bool) {
        if !is_answered {
            self.read_failures += 1;
        } else if let Some(took) = took {
            self.reads.add(took);
        }
    }

    /// The loop has done what woke it; `late`: how late it woke, if it had to be awake.
    pub fn turn(&mut self, took: Duration, late: Option<Duration>) {
        self.turns.add(took);
        self.late = late.unwrap_or(self.late);
    }

    /// A configuration was read; `is_good`: it is used.
    pub fn config(&mut self, is_good: bool, wall: SystemTime) {
        self.config.is_good = is_good;
        if is_good {
            self.config.taken_at = wall;
        }
    }

    /// Lets time pass: what has been so since the last look is counted by how long.
    pub fn pass(&mut self, now: Timestamp, views: &[BackendView]) {
        let passed = self.passed_at.replace(now).map(|before| now.since(before));
        let passed = passed.unwrap_or_default();
        for view in views {
            let at = self.by_name.get(&view.name).copied();
            if let Some(backend) = at.and_then(|at| self.backends.get_mut(at)) {
                backend.pass(passed, view);
            }
        }
    }
}

fn add(counts: &mut [u64], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count += 1;
    }
}

impl BackendCounters {
    fn new(name: &str, policies: &[PolicySettings]) -> Self {
        let of_times = |policy: &&PolicySettings| {
            matches!(policy.signal, Signal::ResponseTime | Signal::ServerTime)
        };
        let judged = policies.iter().find(of_times);
        let threshold_us = judged.map(|policy| whole_us(policy.above));
        Self {
            name: name.to_owned(),
            signal: judged.map_or(Signal::ResponseTime, |policy| policy.signal),
            response: Histogram::new(RESPONSE_US.into_iter().chain(threshold_us)),
            servers: BTreeMap::new(),
            other_servers: [0; STATUS_CLASSES.len()],
            decisions: [0; CHANGES],
            enables: [0; Trigger::ALL.len()],
            actions: Actions::default(),
            scale_up: Histogram::new(CHANGE_US),
            warm_up: Histogram::new(CHANGE_US),
            above_threshold: Duration::ZERO,
            spares: BTreeMap::new(),
            machines: BTreeMap::new(),
        }
    }

    fn request(&mut self, request: &Request<'_>) {
        if let Sample::Took(ms) | Sample::AtLeast(ms) = Sample::of(request, self.signal) {
            self.response.add_us(u64::from(ms) * 1000);
        }
        let class = match request.status {
            Some(status @ 100..600) => usize::from(status / 100) - 1,
            Some(_) | None => STATUS_CLASSES.len() - 1,
        };
        let server = self.servers.get_mut(request.server);
        add(server.unwrap_or(&mut self.other_servers), class);
    }

    /// A warm-up ended, if that is what was decided about.
    fn warmed_up(&mut self, decision: &Decision) {
        let (passed, failed) = if let Reason::Warmed { evidence, .. } = &decision.reason
            && !evidence.is_assumed
        {
            (evidence.passed, evidence.failed)
        } else if let Reason::Failed {
            what: Failure::WarmUp(failure),
            ..
        } = &decision.reason
        {
            (0, attempts(failure))
        } else {
            return;
        };
        let server = decision.server.clone().unwrap_or_default();
        let spare = self.spares.entry(server).or_default();
        spare.warm_ups.0 += u64::from(passed);
        spare.warm_ups.1 += u64::from(failed);
    }

    /// A machine was started or failed, if that is what was decided about.
    fn machine(&mut self, decision: &Decision) {
        let (Reason::Machine(news), Some(server)) = (&decision.reason, &decision.server) else {
            return;
        };
        match news {
            MachineNews::Start { attempt: 1, .. } => {
                self.machines.entry(server.clone()).or_default().starts += 1;
            }
            MachineNews::Failed { verb, .. } => {
                let machine = self.machines.entry(server.clone()).or_default();
                add(&mut machine.failures, *verb as usize);
            }
            MachineNews::Start { .. }
            | MachineNews::Slow { .. }
            | MachineNews::Started { .. }
            | MachineNews::Stop
            | MachineNews::Stopped { .. }
            | MachineNews::Runs
            | MachineNews::Contradicts
            | MachineNews::RunsLate
            | MachineNews::Homeless
            | MachineNews::LeftOn
            | MachineNews::Forgotten => {}
        }
    }

    fn pass(&mut self, passed: Duration, view: &BackendView) {
        let is_above = view.policy.as_ref().is_some_and(|policy| {
            policy.settings.signal.unit() == Unit::Ms
                && policy
                    .value
                    .is_some_and(|value| value > policy.settings.above)
        });
        if is_above {
            self.above_threshold += passed;
        }
        // A server that HAProxy does not list any more is no series any more.
        let is_listed = |name: &String| view.servers.iter().any(|it| it.name == *name);
        self.servers.retain(|name, _| is_listed(name));
        self.spares.retain(|name, _| is_listed(name));
        self.machines.retain(|name, _| is_listed(name));
        self.actions.retain(is_listed);
        for server in &view.servers {
            if !self.servers.contains_key(&server.name) {
                self.servers
                    .insert(server.name.clone(), [0; STATUS_CLASSES.len()]);
            }
            if server.machine.is_some() && !self.machines.contains_key(&server.name) {
                let none = MachineCounters::default();
                self.machines.insert(server.name.clone(), none);
            }
            if server.role == Role::Spare {
                let spare = self.spares.entry(server.name.clone()).or_default();
                if server.stage == Stage::Ready {
                    spare.ready += passed;
                }
            }
        }
    }
}

/// Requests of a warm-up that failed, as far as it told.
const fn attempts(failure: &WarmUpFailure) -> u32 {
    match failure {
        WarmUpFailure::Refused { attempts } | WarmUpFailure::TimedOut { attempts } => *attempts,
        WarmUpFailure::Status { .. } | WarmUpFailure::Broken(_) => 1,
        WarmUpFailure::NoAddress | WarmUpFailure::NoOutcome => 0,
    }
}

/// Of milliseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A float's `as` saturates.
fn whole_us(ms: f64) -> u64 {
    (ms * 1000.0).round() as u64
}
