//! Decides. Events with a time go in, actions come out.
//!
//! No clock, no file, no socket, no async, no randomness, no `HashMap`: the same events with the
//! same times give the same actions, in the daemon, in `replay` and in the tests. Reading order:
//! `event` (the boundary), `decision`, `settings`; then `backend`, which ties numbers
//! (`crate::measure`) and servers (`pool`) together.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![deny(clippy::indexing_slicing)]

pub mod decision;
pub mod event;
pub mod hand;
pub mod memory;
pub mod seen;
pub mod settings;

mod agenda;
mod apart;
mod backend;
mod budget;
mod haproxy;
mod index;
mod jitter;
mod kick;
mod machine;
mod member;
mod orders;
mod outbox;
mod pool;
mod probation;
mod ramp;
mod reconfigure;
mod service;

use self::agenda::Agenda;
use self::backend::{Backend, Ramps};
use self::event::{Action, ActionId, Event};
use self::haproxy::Haproxy;
use self::index::Index;
use self::outbox::Outbox;
use self::settings::BackendSettings;
use crate::measure::account::Usage;
use crate::words::machine::{MachineAnswer, MachineFailure, MachineKey};
use crate::words::names::ServerName;
use crate::words::picture::{Picture, ReadFailure, WriteFailure};
use crate::words::proof::{WarmUpEvidence, WarmUpFailure, WarmUpTrouble};
use crate::words::request::Request;
use crate::words::time::Timestamp;

pub use self::backend::{BackendView, ServerView};
pub use self::member::{Role, Stage};
pub use self::memory::Remembered;
pub use self::reconfigure::Affected;

/// Instants that one `handle` runs through at most; far above what any gap between two events
/// needs, and a bound all the same.
const INSTANTS_MAX: usize = 10_000_000;

/// All backends, and who is due next.
pub struct Scaler {
    backends: Vec<Backend>,
    by_name: Index,
    /// Each backend's next instant, so that nobody is asked whose time has not come.
    agenda: Agenda,
    haproxy: Haproxy,
    now: Timestamp,
    out: Outbox,
    /// `pause` without a name; holds for backends that come later, too.
    everything: Option<hand::Mark>,
    /// Backends that a new configuration does not name and that are still half-way with something.
    leaving: usize,
}

impl Scaler {
    /// Knows its settings and nothing of the world; its first deadline is `now`.
    pub fn new(now: Timestamp, settings: impl IntoIterator<Item = BackendSettings>) -> Self {
        let backends: Vec<Backend> = settings
            .into_iter()
            .map(|settings| Backend::new(now, settings))
            .collect();
        let by_name = Index::of(backends.iter().map(Backend::name));
        let agenda = Agenda::of(backends.iter().map(Backend::due));
        let haproxy = Haproxy::new(now, backends.iter().map(|it| &it.settings));
        Self {
            backends,
            by_name,
            agenda,
            haproxy,
            now,
            out: Outbox::default(),
            everything: None,
            leaving: 0,
        }
    }

    /// The same, with pauses of its own after failed reads: daemons whose HAProxy went away
    /// together do not come back in step. The same seed gives the same actions.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.out.seed = seed;
        self
    }

    /// The same, with keys of starts that count up from there where none is remembered: none is used twice
    /// though the state was lost.
    #[must_use]
    pub fn with_machine_keys_from(mut self, first: MachineKey) -> Self {
        self.out.first_machine_key = first;
        for backend in &mut self.backends {
            backend::machine_keys_from(backend, first);
        }
        self
    }

    /// Lets time pass until `now`, where everything that is due happens at its own instant and in
    /// order, and takes the event then. A time before the last one counts as the last one.
    #[must_use]
    pub fn handle(&mut self, now: Timestamp, event: Event<'_>) -> Vec<Action> {
        let now = now.max(self.now);
        self.pass(now);
        match event {
            Event::Tick => {}
            Event::Request(request) => self.request(now, &request),
            Event::Log(state) => {
                self.each(|backend, _| backend.log_state(now, state));
            }
            Event::Hint { backend } => {
                if self.haproxy.answers() {
                    self.at(now, backend, |backend, _| backend.facts().reading.hint(now));
                }
            }
            Event::HaproxyRead { id, outcome } => self.haproxy_read(now, id, outcome),
            Event::WarmUpEnded {
                id,
                server,
                outcome,
            } => self.warm_up_ended(now, id, &server, outcome),
            Event::WarmUpTroubled {
                id,
                server,
                trouble,
            } => self.warm_up_troubled(now, id, &server, trouble),
            Event::StateSet {
                id,
                server,
                outcome,
            } => {
                self.at(now, &server.backend, |backend, out| {
                    if backend.road().state_set(now, id, outcome, out) {
                        backend.seek_work(now, out);
                    }
                });
            }
            Event::MachineAnswered {
                id,
                server,
                outcome,
            } => self.machine_answered(now, id, &server, outcome),
            Event::MaxconnSet {
                id,
                server,
                outcome,
            } => self.maxconn_set(now, id, &server, outcome),
            Event::WeightSet {
                id,
                server,
                outcome,
            } => self.weight_set(now, id, &server, outcome),
            Event::Operator(order) => self.order(now, order),
            Event::Remembered(memory) => self.remember(now, memory),
            Event::Settings {
                backends,
                is_elsewhere,
                was_pretended,
            } => self.reconfigure(now, backends, is_elsewhere, was_pretended),
            Event::Shifts { backend, shifts } => {
                self.at(now, backend, |backend, _| backend.facts().rota.set(shifts));
            }
            Event::Gap { lasted } => self.each(|backend, out| backend.gap(now, lasted, out)),
            Event::Stop => self.each(|backend, out| backend.stop(now, out)),
        }
        self.pass(now);
        self.let_go(now);
        self.read_if_due(now);
        std::mem::take(&mut self.out.actions)
    }

    /// When to send [`Event::Tick`] if nothing else happens before; `None` without a backend.
    /// After `handle(now, …)` it lies after `now`.
    pub fn deadline(&self) -> Option<Timestamp> {
        let first = self.agenda.first()?;
        Some(first.min(self.haproxy.due()))
    }

    /// What people see.
    pub fn snapshot(&mut self, now: Timestamp) -> Vec<BackendView> {
        let due = self.haproxy.due();
        self.backends
            .iter_mut()
            .map(|backend| {
                backend.facts().reading.due = due;
                backend.view(now)
            })
            .collect()
    }

    /// What became of each backend's requests since that was taken last, and what that took.
    pub fn usage(&self, now: Timestamp) -> Vec<(String, Usage)> {
        let backends = self.backends.iter();
        let usage = backends.map(|it| (it.name().to_owned(), backend::usage(it, now)));
        usage.collect()
    }

    /// The same; counted anew from now on.
    pub fn take_usage(&mut self, now: Timestamp) -> Vec<(String, Usage)> {
        let backends = self.backends.iter_mut();
        let usage = backends.map(|it| (it.name().to_owned(), backend::take_usage(it, now)));
        usage.collect()
    }

    /// Things held in all collections that could grow: samples, servers, names, what is
    /// remembered. Bounded by the settings and by HAProxy's servers, whatever happens for however
    /// long.
    pub fn held(&self) -> usize {
        let backends: usize = self.backends.iter().map(|it| it.sight().held()).sum();
        backends + self.by_name.held() + self.agenda.held()
    }

    fn pass(&mut self, now: Timestamp) {
        if self.deadline().is_some_and(|due| due <= now) {
            self.run_until(now);
        }
        self.now = now;
    }

    /// Everything that is due until `now`, each thing at its own instant and in order.
    fn run_until(&mut self, now: Timestamp) {
        for _ in 0..INSTANTS_MAX {
            let Some((due, index)) = self.agenda.next() else {
                break;
            };
            let first = due.min(self.haproxy.due());
            if first > now {
                break;
            }
            self.now = self.now.max(first);
            let instant = self.now;
            if due <= first {
                self.touch(index, |backend, out| backend.run_due(instant, out));
            } else {
                self.read_if_due(instant);
            }
        }
    }

    fn read_if_due(&mut self, now: Timestamp) {
        if let Some(id) = self.haproxy.read_if_due(now, &mut self.out) {
            self.haproxy_read(now, id, Err(ReadFailure::NoAnswer));
        }
    }

    /// One answer of HAProxy for all backends.
    fn haproxy_read(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<Picture, ReadFailure>,
    ) {
        if !self.haproxy.is_answer(id) {
            return; // Given up long ago.
        }
        match outcome {
            Ok(mut picture) => {
                self.haproxy.answered(now, &picture, &mut self.out);
                let mut backends = std::mem::take(&mut picture.backends);
                let mut odd = std::mem::take(&mut picture.odd);
                let process = self.haproxy.process(&picture);
                for index in 0..self.backends.len() {
                    self.touch(index, |backend, out| {
                        let name = backend.name();
                        let read = backends.remove(name).ok_or_else(|| {
                            let odd = odd.remove(name);
                            odd.map_or(ReadFailure::UnknownBackend, ReadFailure::Odd)
                        });
                        backend.answered(now, id, &process, read, out);
                    });
                }
            }
            Err(failure) => {
                self.haproxy.failed(now, &failure, &mut self.out);
                for index in 0..self.backends.len() {
                    self.touch(index, |backend, out| backend.failed(now, &failure, out));
                }
            }
        }
        self.haproxy.settle(now);
    }

    /// The one event that comes by the thousand: all that it can change about when its backend is
    /// due is that a window gets complete.
    fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        let Some(index) = self.by_name.get(request.backend) else {
            return;
        };
        let Some(backend) = self.backends.get_mut(index) else {
            return;
        };
        backend.request(now, request);
        let mut complete_at = backend.sight().window_due();
        if complete_at.is_some_and(|at| at <= now) {
            // A window waits for nothing.
            self.out.turn_of(backend.name());
            if !backend.evaluate(now, &mut self.out) {
                self.touch(index, |_, _| ());
                return;
            }
            complete_at = backend.sight().window_due();
        }
        if let Some(at) = complete_at
            && at < self.agenda.due_of(index)
        {
            self.agenda.set(index, at);
        }
    }

    fn at(&mut self, now: Timestamp, name: &str, act: impl FnOnce(&mut Backend, &mut Outbox)) {
        debug_assert!(self.now == now, "time has passed before an event is taken");
        if let Some(index) = self.by_name.get(name) {
            self.touch(index, act);
        }
    }

    fn warm_up_troubled(
        &mut self,
        now: Timestamp,
        id: ActionId,
        name: &ServerName,
        trouble: Option<WarmUpTrouble>,
    ) {
        self.at(now, &name.backend, |backend, _| {
            backend::troubled(backend, now, id, trouble);
        });
    }

    fn warm_up_ended(
        &mut self,
        now: Timestamp,
        id: ActionId,
        name: &ServerName,
        outcome: Result<WarmUpEvidence, WarmUpFailure>,
    ) {
        self.at(now, &name.backend, |backend, out| {
            if backend.road().warm_up_ended(now, id, outcome, out) {
                backend.seek_work(now, out);
            }
        });
    }

    fn machine_answered(
        &mut self,
        now: Timestamp,
        id: ActionId,
        name: &ServerName,
        outcome: Result<MachineAnswer, MachineFailure>,
    ) {
        self.at(now, &name.backend, |backend, out| {
            backend::machine_answered(backend, now, id, &name.server, outcome, out);
        });
    }

    fn maxconn_set(
        &mut self,
        now: Timestamp,
        id: ActionId,
        name: &ServerName,
        outcome: Result<(), WriteFailure>,
    ) {
        self.at(now, &name.backend, |backend, out| {
            let mut queue = backend.queue();
            queue.maxconn_set(now, id, &name.server, outcome, out);
        });
    }

    fn weight_set(
        &mut self,
        now: Timestamp,
        id: ActionId,
        name: &ServerName,
        outcome: Result<(), WriteFailure>,
    ) {
        self.at(now, &name.backend, |backend, out| {
            let mut road = backend.road();
            let mut ramps = Ramps::of(&mut road);
            ramps.weight_set(now, id, &name.server, outcome, out);
        });
    }

    /// Lets all backends act.
    fn each(&mut self, act: impl Fn(&mut Backend, &mut Outbox)) {
        for index in 0..self.backends.len() {
            self.touch(index, &act);
        }
    }

    /// Lets one backend act and notes when it is due next.
    fn touch(&mut self, index: usize, act: impl FnOnce(&mut Backend, &mut Outbox)) {
        let Some(backend) = self.backends.get_mut(index) else {
            return;
        };
        self.out.turn_of(backend.name());
        act(backend, &mut self.out);
        backend.after_event(self.now);
        self.haproxy
            .wish(self.now, std::mem::take(&mut backend.facts().reading.wish));
        self.agenda.set(index, backend.due());
    }
}
