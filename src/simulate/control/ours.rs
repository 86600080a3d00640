//! Our own scaler in the loop: it sees HAProxy's picture, the log's lines and the outcomes of what it
//! asks for, as in the daemon, and its actions change the servers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::log_line::line;
use super::plant::{Changed, Machine};
use crate::scaler::Scaler;
use crate::scaler::decision::Decision;
use crate::scaler::event::{Action, Event};
use crate::scaler::memory::CapacityMemory;
use crate::scaler::settings::BackendSettings;
use crate::sim::driver::{Due, Underway};
use crate::sim::server;
use crate::simulate::engine::{Answer, Backend, Balance, MS_NS, NEVER_NS};
use crate::simulate::measure::{Move, Tally};
use crate::words::machine::{MachineAnswer, MachineCall, MachineFailure};
use crate::words::names::ServerName;
use crate::words::picture::{AdminState, BackendRead, Picture, ServerCounters};
use crate::words::proof::{WarmUpEvidence, WarmUpFailure};
use crate::words::time::Timestamp;

/// Decisions that are kept for people.
const DECISIONS_MAX: usize = 2_000;
/// HAProxy's first check of a server that has left maint ends after this long (`inter 2s`, its middle).
const CHECK_AFTER: Duration = Duration::from_secs(1);

/// How spares come in.
#[derive(Clone, Debug)]
pub struct WarmUps {
    /// From the wish for each server until it answers; constant.
    pub boots: Vec<Duration>,
    /// From the wish to stop each server's machine until that is off; `None`: it has none.
    pub stop_delays: Vec<Option<Duration>>,
    /// Requests of a warm-up.
    pub requests: u32,
    /// How long a warm server takes for one of them.
    pub service_ns: u64,
}

/// Our scaler.
pub struct Ours {
    scaler: Scaler,
    name: String,
    picture: Picture,
    /// When HAProxy's checks of each server have passed, since it left maint.
    checked_at: Vec<Timestamp>,
    /// When each server answers, since it was asked for first.
    booted_at: Vec<Option<Timestamp>>,
    /// Those that the scaler starts and stops.
    machines: Vec<Option<Machine>>,
    warm_ups: WarmUps,
    underway: Underway<Outcome>,
    due_ns: u64,
    /// What it said, in its order.
    pub decisions: Vec<Decision>,
}

/// What ends later.
#[derive(Debug)]
enum Outcome {
    Of(Action),
    WarmUp {
        action: Action,
        passed: Result<WarmUpEvidence, WarmUpFailure>,
    },
}

impl Ours {
    /// A daemon that has just been started; `names` are the servers of the backend, of which those that
    /// do not take traffic are spares.
    pub fn new(
        settings: BackendSettings,
        names: &[String],
        backend: &Backend,
        balance: Balance,
        warm_ups: WarmUps,
    ) -> Self {
        let name = settings.name.clone();
        let servers = names.iter().zip(&backend.servers).map(|(name, it)| {
            let read = server::configured(name, !it.is_ready());
            let mut read = server::with_check(read);
            server::pass_checks(&mut read);
            read
        });
        let read = BackendRead {
            balance: balance.as_shown(),
            servers: servers.collect(),
            ..BackendRead::default()
        };
        let mut ours = Self {
            scaler: Scaler::new(Timestamp::default(), [settings]),
            picture: Picture {
                backends: BTreeMap::from([(name.clone(), read)]),
                ..Picture::default()
            },
            name,
            checked_at: vec![Timestamp::default(); names.len()],
            booted_at: vec![None; names.len()],
            machines: machines(&warm_ups),
            warm_ups,
            underway: Underway::default(),
            due_ns: 0,
            decisions: Vec::new(),
        };
        ours.plan();
        ours
    }

    /// What it knows at that time of what one server carries.
    pub fn capacity(&self, now_ns: u64) -> Option<CapacityMemory> {
        let memory = self.scaler.memory(Timestamp::from_ms(now_ns / MS_NS));
        memory.backends.get(&self.name)?.capacity
    }

    pub(super) const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Notes when something is due next.
    fn plan(&mut self) {
        let due = self.underway.due(&self.scaler);
        self.due_ns = due.map_or(NEVER_NS, |at| at.as_ms().saturating_mul(MS_NS));
    }

    /// Lets happen what is due.
    pub(super) fn act(&mut self, backend: &mut Backend, tally: &mut Tally) {
        let now = Timestamp::from_ms(self.due_ns / MS_NS);
        if let Some((at, due)) = self.underway.next(&self.scaler, now) {
            match due {
                Due::Outcome(outcome) => self.end(at, outcome, backend, tally),
                Due::Tick => self.step(at, Event::Tick, backend, tally),
            }
        }
        self.plan();
    }

    /// A line of the log.
    pub(super) fn answered(&mut self, answer: &Answer, backend: &mut Backend, tally: &mut Tally) {
        let now = Timestamp::from_ms(answer.ended_ns / MS_NS);
        let Self {
            scaler,
            name,
            picture,
            ..
        } = self;
        let servers = picture.backends.get(name).map(|it| &it.servers);
        let server = answer.server.and_then(|it| servers?.get(usize::from(it)));
        let server = server.map_or("<NOSRV>", |it| &it.name);
        let actions = scaler.handle(now, Event::Request(line(answer, name, server)));
        self.start(now, actions, backend, tally);
        self.plan();
    }

    fn step(&mut self, now: Timestamp, event: Event<'_>, backend: &mut Backend, tally: &mut Tally) {
        let actions = self.scaler.handle(now, event);
        self.start(now, actions, backend, tally);
    }

    fn start(
        &mut self,
        now: Timestamp,
        actions: Vec<Action>,
        backend: &mut Backend,
        tally: &mut Tally,
    ) {
        for action in actions {
            match &action {
                Action::Report(_) => {
                    if let Action::Report(decision) = action
                        && self.decisions.len() < DECISIONS_MAX
                    {
                        self.decisions.push(decision);
                    }
                }
                Action::WarmUp {
                    server,
                    deadline,
                    refusals_for,
                    ..
                } => {
                    let limits = (*deadline, *refusals_for);
                    let ends = self.warm_up(now, &server.server, limits, backend, tally);
                    if let Some((at, passed)) = ends {
                        self.underway.begin(at, Outcome::WarmUp { action, passed });
                    }
                }
                Action::Read { .. }
                | Action::Machine { .. }
                | Action::SetState { .. }
                | Action::SetMaxconn { .. }
                | Action::SetWeight { .. } => {
                    self.underway.begin(now, Outcome::Of(action));
                }
            }
        }
    }

    /// A spare is asked for: when its warm-up ends, and how.
    fn warm_up(
        &mut self,
        now: Timestamp,
        server: &str,
        (deadline, refusals_for): (Duration, Duration),
        backend: &mut Backend,
        tally: &mut Tally,
    ) -> Option<(Timestamp, Result<WarmUpEvidence, WarmUpFailure>)> {
        let index = self.index(server)?;
        tally.moved(index, Move::Asked, now.as_ms() * MS_NS);
        let booted_at = self.booted_at.get_mut(index)?;
        if booted_at.is_none() {
            backend.start_cold(index);
        }
        let boot = self.warm_ups.boots.get(index).copied().unwrap_or_default();
        let booted = *booted_at.get_or_insert(now.after(boot));
        // Of one with a machine the scaler knows how long it may boot; another one just takes its time.
        let has_machine = self.machines.get(index).is_some_and(Option::is_some);
        let patience = if has_machine { refusals_for } else { deadline };
        let late = now.after(patience.min(deadline));
        if booted > late {
            return Some((late, Err(WarmUpFailure::TimedOut { attempts: 1 })));
        }
        let (requests, service_ns) = (self.warm_ups.requests, self.warm_ups.service_ns);
        let server = backend.servers.get_mut(index)?;
        let took: Vec<u64> = (0..requests).map(|_| server.warm_up(service_ns)).collect();
        let took_all = Duration::from_nanos(took.iter().sum());
        let ends = booted.max(now).after(took_all).min(now.after(deadline));
        let ms = |ns: Option<&u64>| u32::try_from(ns.unwrap_or(&0) / MS_NS).unwrap_or(u32::MAX);
        let evidence = WarmUpEvidence {
            passed: requests,
            first_ms: ms(took.first()),
            last_ms: ms(took.last()),
            took_ms: u32::try_from(ends.since(now).as_millis()).unwrap_or(u32::MAX),
            ..WarmUpEvidence::default()
        };
        Some((ends, Ok(evidence)))
    }

    fn end(&mut self, now: Timestamp, outcome: Outcome, backend: &mut Backend, tally: &mut Tally) {
        let event = match outcome {
            Outcome::Of(Action::Read { id, .. }) => Event::HaproxyRead {
                id,
                outcome: Ok(self.look(now, backend)),
            },
            Outcome::Of(Action::Machine { id, call }) => Event::MachineAnswered {
                id,
                outcome: self
                    .ask(now, &call, backend, tally)
                    .ok_or_else(|| MachineFailure::Failed("the server has no machine".to_owned())),
                server: call.server,
            },
            Outcome::Of(Action::SetState { id, server, state }) => {
                self.set_state(now, &server, state, backend, tally);
                Event::StateSet {
                    id,
                    server,
                    outcome: Ok(()),
                }
            }
            Outcome::Of(Action::SetMaxconn {
                id,
                server,
                maxconn,
                takes_queue,
            }) => {
                if let Some(index) = self.index(&server.server) {
                    backend.set_maxconn(index, maxconn, takes_queue, now.as_ms() * MS_NS);
                }
                Event::MaxconnSet {
                    id,
                    server,
                    outcome: Ok(()),
                }
            }
            // The servers here have weight 1, of which there is no ramp.
            Outcome::Of(Action::SetWeight { id, server, .. }) => Event::WeightSet {
                id,
                server,
                outcome: Ok(()),
            },
            Outcome::WarmUp {
                action: Action::WarmUp { id, server, .. },
                passed,
            } => {
                if passed.is_err()
                    && let Some(index) = self.index(&server.server)
                {
                    tally.moved(index, Move::Gone, now.as_ms() * MS_NS);
                }
                Event::WarmUpEnded {
                    id,
                    server,
                    outcome: passed,
                }
            }
            Outcome::Of(Action::WarmUp { .. } | Action::Report(_)) | Outcome::WarmUp { .. } => {
                return;
            }
        };
        self.step(now, event, backend, tally);
    }

    /// The machine of a server is asked for something.
    fn ask(
        &mut self,
        now: Timestamp,
        call: &MachineCall,
        backend: &mut Backend,
        tally: &mut Tally,
    ) -> Option<MachineAnswer> {
        let index = self.index(&call.server.server)?;
        let machine = self.machines.get_mut(index)?.as_mut()?;
        let booted_at = self.booted_at.get_mut(index)?;
        let (changed, answer) = machine.obey(now, call.verb);
        match changed {
            Changed::Nothing => {}
            Changed::Started { answers_at } => {
                *booted_at = Some(answers_at);
                backend.start_cold(index);
                tally.moved(index, Move::Asked, now.as_ms() * MS_NS);
            }
            Changed::Stopped { off_at } => {
                *booted_at = None;
                // One that was called off while it came was never in maint.
                tally.moved(index, Move::Gone, now.as_ms() * MS_NS);
                tally.stopped(index, off_at.as_ms().saturating_mul(MS_NS));
            }
        }
        Some(answer)
    }

    fn index(&self, server: &str) -> Option<usize> {
        let servers = &self.picture.backends.get(&self.name)?.servers;
        servers.iter().position(|it| it.name == server)
    }

    fn set_state(
        &mut self,
        now: Timestamp,
        server: &ServerName,
        state: AdminState,
        backend: &mut Backend,
        tally: &mut Tally,
    ) {
        let Some(index) = self.index(&server.server) else {
            return;
        };
        let now_ns = now.as_ms() * MS_NS;
        let read = self.picture.backends.get_mut(&self.name);
        let Some(read) = read.and_then(|it| it.servers.get_mut(index)) else {
            return;
        };
        let was_maint = read.is_maint();
        if !server::set_state(read, state) {
            return;
        }
        if was_maint && let Some(checked_at) = self.checked_at.get_mut(index) {
            *checked_at = now.after(CHECK_AFTER);
        }
        backend.set_state(index, state, now_ns);
        match state {
            AdminState::Ready => tally.moved(index, Move::Serves, now_ns),
            AdminState::Drain => tally.moved(index, Move::Leaves, now_ns),
            AdminState::Maint => {
                tally.moved(index, Move::Gone, now_ns);
                // Its machine runs on until it is stopped.
                if let (Some(booted_at), Some(None)) =
                    (self.booted_at.get_mut(index), self.machines.get(index))
                {
                    *booted_at = None;
                }
            }
        }
    }

    /// HAProxy's answer to a read.
    fn look(&mut self, now: Timestamp, backend: &Backend) -> Picture {
        self.picture.requests = backend.ended;
        if let Some(read) = self.picture.backends.get_mut(&self.name) {
            read.responses = backend.ended;
            read.arrived = backend.arrived;
            read.queued = backend.queued();
            read.sessions = u32::try_from(backend.open()).unwrap_or(u32::MAX);
            let checked = self.checked_at.iter();
            for ((shown, server), checked_at) in
                read.servers.iter_mut().zip(&backend.servers).zip(checked)
            {
                if *checked_at <= now && !shown.is_maint() {
                    server::pass_checks(shown);
                }
                let (taken, ended) = server.counters();
                shown.counters = Some(ServerCounters {
                    taken,
                    ended,
                    failed: 0,
                });
                shown.sessions = server.open();
                shown.maxconn = server.maxconn();
            }
        }
        self.picture.clone()
    }
}

/// The machines of the servers that have one.
fn machines(warm_ups: &WarmUps) -> Vec<Option<Machine>> {
    let servers = warm_ups.boots.iter().zip(&warm_ups.stop_delays);
    let machines = servers.map(|(boot, stop_delay)| Some(Machine::new(*boot, (*stop_delay)?)));
    machines.collect()
}
