//! A model of HAProxy with faults, in virtual time, that holds every promise about writes against
//! the real scaler. The scaler is driven exactly as the daemon drives it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use haproxy_autoscale::measure::settings::{PolicySettings, Signal, WindowSize};
use haproxy_autoscale::scaler::decision::{Change, Decision};
use haproxy_autoscale::scaler::event::{Action, ActionId, Event, LogState};
use haproxy_autoscale::scaler::memory::Memory;
use haproxy_autoscale::scaler::settings::{BackendSettings, Capacity};
use haproxy_autoscale::scaler::{BackendView, Scaler};
use haproxy_autoscale::sim::driver::{Due, Underway};
pub(crate) use haproxy_autoscale::sim::faults::Fault;
use haproxy_autoscale::words::machine::MachineVerb;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::picture::{
    AdminState, BackendRead, Balance, Crowded, Generation, Picture, ReadFailure, ServerRead,
    WriteFailure,
};
use haproxy_autoscale::words::proof::{WarmUpEvidence, WarmUpFailure};
use haproxy_autoscale::words::request::Request;
use haproxy_autoscale::words::shift::Shift;
use haproxy_autoscale::words::time::Timestamp;

use super::plant::{Plant, Turn};
use super::server::Server;
use super::transcript::Heard;
use super::warm_ups::Warming;

pub(crate) const BACKEND: &str = "web";
/// A command may explain a state, unless a picture this much later showed another one.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// Window 5, breaches 3, no minimum span, short times: a test's seconds are a day's minutes.
pub(crate) fn settings() -> BackendSettings {
    BackendSettings {
        policies: vec![policy()],
        scale_up_cooldown: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(30),
        scale_down_cooldown: Duration::from_secs(5),
        drain_timeout: Duration::from_secs(10),
        grace: Duration::from_secs(2),
        hold: Duration::from_secs(600),
        warm_up_deadline: Duration::from_secs(20),
        capacity: Capacity::Off, // What these scenes are about is what breaches alone do.
        ..BackendSettings::for_backend(BACKEND, vec!["web1".to_owned()])
    }
}

pub(crate) fn policy() -> PolicySettings {
    PolicySettings {
        window: WindowSize::Requests(5),
        min_span: Duration::ZERO,
        min_samples: 1,
        ..PolicySettings::new(Signal::ResponseTime, 500.0)
    }
}

#[derive(Debug)]
pub(super) enum Pending {
    Read(ActionId, Result<Picture, ReadFailure>),
    WarmedUp(ActionId, String, Result<WarmUpEvidence, WarmUpFailure>),
    Warming(Warming),
    Set(ActionId, String, AdminState, bool, Result<(), WriteFailure>),
    Limited(ActionId, String, Option<u32>, Result<(), WriteFailure>),
    Weighed(ActionId, String, Option<u32>, Result<(), WriteFailure>),
    /// The provider of a machine answers.
    Answered(ActionId, String, MachineVerb, Fault),
    /// A machine goes on by itself.
    Turn(String, Turn),
    /// A command of a daemon that is gone.
    Orphan(String, AdminState),
}

/// The scaler in the model.
#[allow(clippy::struct_excessive_bools)] // Independent facts of one scene, each with a name.
pub(crate) struct World {
    pub(crate) scaler: Scaler,
    pub(crate) settings: BackendSettings,
    pub(crate) now: Timestamp,
    pub(crate) servers: Vec<Server>,
    pub(crate) generation: Generation,
    pub(crate) responses: u64,
    pub(crate) dropped_logs: u64,
    pub(crate) queued: u32,
    /// `scur` of the BACKEND row.
    pub(crate) sessions: u32,
    /// Requests that have come, as far as [`World::users`] brought them.
    pub(crate) arrived: u64,
    pub(crate) balance: Balance,
    pub(crate) has_cookie: bool,
    pub(crate) crowded: Vec<Crowded>,
    /// HAProxy refuses each `set maxconn` and each weight.
    pub(crate) refuse_kicks: bool,
    pub(crate) is_reachable: bool,
    pub(crate) has_no_backend: bool,
    /// An operator has had these evacuated; the orders to come are forced.
    pub(crate) evacuated: Vec<String>,
    pub(crate) forces: bool,
    /// What spares run on.
    pub(crate) plant: Plant,
    /// No provider lies, so that more can be asked of what is done.
    pub(crate) is_truthful: bool,
    /// The fault of the n-th action.
    pub(crate) faults: Box<dyn Fn(u64) -> Fault>,
    /// Faults of the next command that asks for that state, each used once.
    pub(crate) state_faults: Vec<(AdminState, Fault)>,
    actions: u64,
    pub(crate) commands: u64,
    /// The daemon is killed right after that command, which may get lost with it.
    pub(crate) crash_after: Option<(u64, bool)>,
    pub(super) pending: Underway<Pending>,
    /// The picture that the scaler was given last, and when.
    pub(crate) shown: Option<BackendRead>,
    pub(super) shown_generation: Option<Generation>,
    shown_at: Timestamp,
    /// The command under way, and when the daemon's own limits would have ended it.
    /// Commands under way, by their servers.
    pub(crate) writing: BTreeMap<String, (ActionId, Timestamp)>,
    /// No change may begin: the backend is paused.
    pub(crate) is_paused: bool,
    /// Why HAProxy would take no command: what the daemon adds to an order.
    pub(crate) barred: Option<String>,
    /// What was on disk when the last command was sent.
    pub(crate) durable: Memory,
    pub(crate) decisions: Vec<Decision>,
    /// Every action but reads and reports, with its time: what runs are compared by.
    pub(crate) done: Vec<String>,
    /// How often HAProxy was read.
    pub(crate) reads: u32,
    /// Is told every action with its time.
    pub(super) heard: Option<Heard>,
    /// Settings, weights and orders change meanwhile: the promises are not held against commands.
    pub(super) is_watched_only: bool,
    /// Hours in which more servers are to serve, as they were told last.
    pub(crate) shifts: Vec<Shift>,
}

impl World {
    /// An always-up web1 and two spares: web2 with `check`, web3 without.
    pub(crate) fn new(settings: BackendSettings) -> Self {
        let servers = vec![
            Server::new("web1", false, true),
            Server::new("web2", true, true),
            Server::new("web3", true, false),
            Server::new("other", false, false),
        ];
        Self {
            scaler: Scaler::new(Timestamp::default(), [settings.clone()]),
            settings,
            now: Timestamp::default(),
            servers,
            generation: Generation {
                pid: 7,
                start_time_s: 1,
            },
            responses: 0,
            dropped_logs: 0,
            queued: 0,
            sessions: 0,
            arrived: 0,
            balance: Balance::InTurn,
            has_cookie: false,
            crowded: Vec::new(),
            refuse_kicks: false,
            is_reachable: true,
            has_no_backend: false,
            evacuated: Vec::new(),
            forces: false,
            plant: Plant::new(),
            is_truthful: true,
            faults: Box::new(|_| Fault::None),
            state_faults: Vec::new(),
            actions: 0,
            commands: 0,
            crash_after: None,
            pending: Underway::default(),
            shown: None,
            shown_generation: None,
            shown_at: Timestamp::default(),
            writing: BTreeMap::new(),
            is_paused: false,
            barred: None,
            durable: Memory::default(),
            decisions: Vec::new(),
            done: Vec::new(),
            reads: 0,
            heard: None,
            is_watched_only: false,
            shifts: Vec::new(),
        }
    }

    pub(crate) fn server(&mut self, name: &str) -> &mut Server {
        self.servers
            .iter_mut()
            .find(|server| server.read.name == name)
            .expect("a known server")
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.servers.retain(|server| server.read.name != name);
        self
    }

    pub(crate) fn is_up(&mut self, name: &str) -> bool {
        self.server(name).read.is_up()
    }

    pub(crate) fn changes(&self) -> Vec<(Change, Option<&str>)> {
        let pairs = self.decisions.iter();
        pairs
            .map(|decision| (decision.change, decision.server.as_deref()))
            .collect()
    }

    pub(crate) fn count(&self, change: Change) -> usize {
        self.decisions
            .iter()
            .filter(|decision| decision.change == change)
            .count()
    }

    pub(crate) fn view(&mut self) -> BackendView {
        self.scaler.snapshot(self.now).remove(0)
    }

    /// Lets time pass; everything that is due happens at its own instant.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        for _ in 0..100_000 {
            let Some((at, due)) = self.pending.next(&self.scaler, end) else {
                return self.advance(end);
            };
            self.advance(at);
            match due {
                Due::Outcome(pending) => self.deliver(pending),
                Due::Tick => self.step(Event::Tick),
            }
        }
        panic!("busy loop: more than 100,000 instants within {span:?}");
    }

    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        for server in &mut self.servers {
            server.run_checks(self.now);
        }
    }

    /// A call that the daemon could make at any time; it may change nothing.
    pub(crate) fn extra_tick(&mut self) {
        self.step(Event::Tick);
    }

    /// A line of the log says that a server changed, truly or not.
    pub(crate) fn hint(&mut self) {
        self.step(Event::Hint { backend: BACKEND });
    }

    pub(crate) fn log_state(&mut self, state: LogState) {
        self.step(Event::Log(state));
    }

    /// One request that was answered after `ms` by `server`, logged and counted.
    pub(crate) fn request(&mut self, server: &str, ms: u32) {
        self.responses += 1;
        self.line(server, ms, 200);
    }

    /// So many requests of 60 ms a second to web1 for so long, which HAProxy counts and logs.
    pub(crate) fn load(&mut self, per_second: u64, lasts_s: u64) {
        for _ in 0..lasts_s * 10 {
            self.load_tenth(per_second);
        }
    }

    /// The same for a tenth of a second.
    pub(crate) fn load_tenth(&mut self, per_second: u64) {
        self.arrived += per_second / 10;
        for _ in 0..per_second / 10 {
            self.request("web1", 60);
        }
        self.pass(Duration::from_millis(100));
    }

    /// `count` requests to web1, `gap` apart.
    pub(crate) fn requests(&mut self, count: u32, ms: u32, gap: Duration) {
        for _ in 0..count {
            self.pass(gap);
            self.request("web1", ms);
        }
    }

    /// A line of the log that HAProxy's counters may or may not know of.
    pub(crate) fn line(&mut self, server: &str, ms: u32, status: u16) {
        self.step(Event::Request(Request {
            backend: BACKEND,
            server,
            request_ms: Some(0),
            queue_ms: Some(0),
            connect_ms: Some(0),
            response_ms: Some(ms),
            total_ms: Some(ms),
            status: Some(status),
            tail: None,
        }));
    }

    pub(crate) fn event(&mut self, request: Request<'_>) {
        self.step(Event::Request(request));
    }

    /// An operator's hand.
    pub(crate) fn by_hand(&mut self, name: &str, state: AdminState) {
        let now = self.now;
        let server = self.server(name);
        server.set(state, now);
        server.touched_by_hand = true;
        server.served |= state == AdminState::Ready;
        self.hand_at(name, state);
    }

    /// A reload: every runtime state is back to haproxy.cfg's.
    pub(crate) fn reload(&mut self) {
        self.generation.pid += 1;
        self.responses = 0;
        // What is under way reaches the old process, which ends.
        self.writing.clear();
        for pending in self.pending.all() {
            if let Pending::Set(_, _, _, is_done, _) = pending {
                *is_done = false;
            }
        }
        for server in &mut self.servers {
            let fresh = Server::new(
                &server.read.name,
                server.is_spare(),
                server.read.check.is_some(),
            );
            // The servers themselves know nothing of it, nor does the scaler before it is shown.
            let (is_alive, is_warm) = (server.is_alive, server.is_warm);
            let weight = server.read.initial_weight;
            *server = Server {
                is_alive,
                is_warm,
                served: server.served,
                next_check: self.now,
                ..fresh.of_weight(weight)
            };
        }
    }

    /// The daemon's end.
    pub(crate) fn stop(&mut self) {
        self.step(Event::Stop);
    }

    pub(crate) fn step(&mut self, event: Event<'_>) {
        let mut actions = VecDeque::from(self.scaler.handle(self.now, event));
        if let Some(heard) = &mut self.heard {
            heard.actions(self.now, &actions);
        }
        while let Some(action) = actions.pop_front() {
            self.start(action);
            let after = self.crash_after.map(|(after, _)| after);
            if after == Some(self.commands) {
                self.crash_after = None;
                return self.crash();
            }
        }
        let deadline = self
            .scaler
            .deadline()
            .expect("a backend always has a next instant");
        assert!(
            deadline > self.now,
            "the next instant {deadline:?} lies in the past{}",
            self.trace()
        );
    }

    pub(super) fn later(&mut self, delay: Duration, pending: Pending) {
        self.pending.begin(self.now.after(delay), pending);
    }

    fn start(&mut self, action: Action) {
        if let Action::Report(decision) = action {
            assert!(!decision.reason.to_string().is_empty());
            self.decisions.push(decision);
            return;
        }
        self.actions += 1;
        let fault = self
            .state_fault(&action)
            .unwrap_or_else(|| (self.faults)(self.actions));
        let delay = match fault {
            Fault::Late(delay) => delay,
            Fault::None | Fault::Lost | Fault::AnswerLost | Fault::Refused | Fault::Ignored => {
                Duration::from_millis(1)
            }
        };
        match action {
            Action::Read { id, .. } => self.start_read(id, fault, delay),
            Action::WarmUp {
                id,
                server,
                deadline,
                ..
            } => {
                self.done.push(format!("{:?} warm_up {server}", self.now));
                if fault != Fault::Lost {
                    self.start_warm_up(id, &server, deadline, delay);
                }
            }
            Action::Machine { id, call } => self.start_call(id, &call, fault),
            Action::SetState { id, server, state } => {
                let before = self.writing.get(&server.server);
                assert!(
                    before.is_none_or(|(_, until)| *until <= self.now),
                    "two commands at once for one server: {:?}{}",
                    self.writing,
                    self.trace()
                );
                self.commands += 1;
                self.done
                    .push(format!("{:?} set {server} {state}", self.now));
                self.durable = self.scaler.memory(self.now);
                self.assert_allowed(&server.server, state);
                let (is_done, outcome) = match fault {
                    Fault::None | Fault::Late(_) => (true, Ok(())),
                    Fault::Lost => return,
                    _ if self.crash_after == Some((self.commands, true)) => return,
                    Fault::AnswerLost => (
                        true,
                        Err(WriteFailure::Unknown("no answer in time".to_owned())),
                    ),
                    Fault::Refused => (false, Err(WriteFailure::Refused("no".to_owned()))),
                    Fault::Ignored => (false, Ok(())),
                };
                let until = self.now.after(self.settings.action_timeout);
                self.writing.insert(server.server.clone(), (id, until));
                let pending = Pending::Set(id, server.server, state, is_done, outcome);
                self.later(delay, pending);
            }
            Action::SetMaxconn {
                id,
                server,
                maxconn,
                ..
            } => self.start_kick(id, &server, maxconn, fault, delay),
            Action::SetWeight { id, server, weight } => {
                self.start_weight(id, &server, weight, (fault, delay));
            }
            Action::Report(_) => {}
        }
    }

    fn state_fault(&mut self, action: &Action) -> Option<Fault> {
        let Action::SetState { state, .. } = action else {
            return None;
        };
        let index = self
            .state_faults
            .iter()
            .position(|(wanted, _)| wanted == state)?;
        Some(self.state_faults.remove(index).1)
    }

    fn start_read(&mut self, id: ActionId, fault: Fault, delay: Duration) {
        self.reads += 1;
        if delay >= self.settings.action_timeout {
            return; // The daemon's own limits end a read before that.
        }
        let unreachable = || Err(ReadFailure::Unreachable("connection refused".to_owned()));
        let servers = self.servers.iter().map(|server| server.read.clone());
        let outcome = match fault {
            Fault::Lost | Fault::AnswerLost => return,
            Fault::None | Fault::Ignored | Fault::Late(_) if self.is_reachable => {
                let backend = BackendRead {
                    responses: self.responses,
                    sessions: self.sessions,
                    queued: self.queued,
                    arrived: self.arrived,
                    balance: self.balance,
                    has_cookie: self.has_cookie,
                    servers: servers.collect(),
                };
                let backends = (!self.has_no_backend).then(|| (BACKEND.to_owned(), backend));
                Ok(Picture {
                    generation: self.generation,
                    dropped_logs: self.dropped_logs,
                    requests: self.responses,
                    crowded: self.crowded.clone(),
                    backends: backends.into_iter().collect(),
                    odd: BTreeMap::new(),
                })
            }
            Fault::Refused | Fault::None | Fault::Ignored | Fault::Late(_) => unreachable(),
        };
        self.later(delay, Pending::Read(id, outcome));
    }

    fn deliver(&mut self, pending: Pending) {
        match pending {
            Pending::Read(id, outcome) => {
                if let Ok(picture) = &outcome {
                    self.show(picture);
                }
                self.step(Event::HaproxyRead { id, outcome });
            }
            Pending::Warming(warming) => self.warm_up_goes_on(warming),
            Pending::WarmedUp(id, name, outcome) => self.warmed_up(id, name, outcome),
            Pending::Limited(id, name, maxconn, outcome) => {
                if let Some(maxconn) = maxconn {
                    self.server(&name).read.maxconn = Some(maxconn).filter(|it| *it > 0);
                }
                let server = ServerName::new(BACKEND, name);
                self.step(Event::MaxconnSet {
                    id,
                    server,
                    outcome,
                });
            }
            Pending::Weighed(id, name, weight, outcome) => self.weighed(id, name, weight, outcome),
            Pending::Answered(id, name, verb, fault) => self.answer_call(id, name, verb, fault),
            Pending::Turn(name, turn) => self.turn(&name, turn),
            Pending::Orphan(name, state) => {
                let now = self.now;
                let server = self.server(&name);
                server.set(state, now);
                server.served |= state == AdminState::Ready;
            }
            Pending::Set(id, name, state, is_done, outcome) => {
                self.writing.retain(|_, (writing, _)| *writing != id);
                let now = self.now;
                let server = self.server(&name);
                if is_done {
                    let was_maint = server.read.is_maint();
                    server.set(state, now);
                    match state {
                        AdminState::Ready => server.served = true,
                        // A late one, of a server that was in maint anyway, takes no proof away.
                        AdminState::Maint if was_maint => {}
                        AdminState::Maint => (server.served, server.is_warm) = (false, false),
                        AdminState::Drain => {}
                    }
                }
                let server = ServerName::new(BACKEND, name);
                self.step(Event::StateSet {
                    id,
                    server,
                    outcome,
                });
            }
        }
    }

    /// Notes what the scaler is about to be shown; from then on a hand's work is no secret.
    fn show(&mut self, picture: &Picture) {
        let now = self.now;
        let Some(read) = picture.backends.get(BACKEND) else {
            return;
        };
        let generation = self.shown_generation.replace(picture.generation);
        let is_same = generation.is_none_or(|shown| shown == picture.generation);
        for server in &mut self.servers {
            server.is_warm &= is_same; // What was proven before a reload is not believed after it.
            let is_ready = |it: &ServerRead| {
                it.name == server.read.name && it.forced_state() == AdminState::Ready
            };
            let is_ready = read.servers.iter().any(is_ready);
            server.served &= is_same || is_ready || server.touched_by_hand;
            let in_read = read.servers.iter().any(|it| {
                it.name == server.read.name && it.forced_state() == server.read.forced_state()
            });
            // A picture of the process before a reload says nothing about what was done since.
            let is_current = picture.generation == self.generation;
            if server.touched_by_hand && in_read && is_current {
                server.touched_by_hand = false;
                let before = self
                    .shown
                    .as_ref()
                    .and_then(|shown| shown.servers.iter().find(|it| it.name == server.read.name));
                let is_seen =
                    before.is_some_and(|it| it.forced_state() != server.read.forced_state());
                let is_ours = server.told.iter().any(|(at, state)| {
                    let is_unknown = self.shown_at.since(*at) < UNKNOWN_FOR;
                    *state == server.read.forced_state() && is_unknown
                });
                if is_seen && is_same && !is_ours && server.is_spare() {
                    server.held_at = Some(now);
                }
            }
        }
        self.shown = Some(read.clone());
        self.shown_at = now;
    }
}
