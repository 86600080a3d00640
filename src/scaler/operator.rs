//! What concerns all backends at once: orders, memory, new settings. What each means for one of
//! them lives in `backend`.

use super::Scaler;
use super::agenda::Agenda;
use super::backend::Backend;
use super::decision::{Change, Decision, Reason, Refusal};
use super::event::Action;
use super::hand::Mark;
use super::index::Index;
use super::memory::{BackendMemory, Memory};
use super::seen::Standings;
use super::settings::BackendSettings;
use crate::words::names::ServerName;
use crate::words::order::{Order, Place, Verb};
use crate::words::time::Timestamp;

/// What an operator told an earlier daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// About what.
    pub place: Place,
    /// What stands.
    pub standings: Standings,
}

impl Remembered {
    /// It forbids every change in its place.
    pub const fn is_pause(&self) -> bool {
        matches!(self.place, Place::Everything | Place::Backend(_))
    }
}

impl Memory {
    /// What an earlier daemon was told and still holds.
    pub fn orders(&self, now: Timestamp) -> Vec<Remembered> {
        let paused = |place: Place, mark: Option<Mark>| {
            let pause = mark.filter(|mark| !mark.is_over(now))?.standing(now);
            let standings = Standings {
                pause: Some(pause),
                ..Standings::default()
            };
            Some(Remembered { place, standings })
        };
        let mut orders: Vec<_> = paused(Place::Everything, self.everything)
            .into_iter()
            .collect();
        for (name, backend) in &self.backends {
            orders.extend(paused(Place::Backend(name.clone()), backend.paused));
            for (server, memory) in &backend.servers {
                let mut marks = memory.marks;
                marks.expire(now);
                orders.extend((!marks.is_empty()).then(|| Remembered {
                    place: Place::Server(ServerName::new(name.clone(), server.clone())),
                    standings: marks.standings(now),
                }));
            }
        }
        orders
    }

    /// Nothing was seen and nothing was ordered: not worth a file.
    pub fn is_blank(&self) -> bool {
        let blank = BackendMemory::default();
        self.everything.is_none() && self.backends.values().all(|backend| *backend == blank)
    }
}

/// How many servers a new configuration would treat differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Servers that are looked after now: always-up ones and spares.
    pub servers: usize,
    /// Those of them that would be something else, or nobody's.
    pub changed: usize,
}

impl Affected {
    /// More than half: that is rarely what was meant.
    pub const fn is_most(self) -> bool {
        self.changed.saturating_mul(2) > self.servers
    }
}

impl Scaler {
    pub(super) fn order(&mut self, now: Timestamp, order: &Order) {
        let name = match &order.place {
            Place::Everything => None,
            Place::Backend(name) => Some(name.clone()),
            Place::Server(name) => Some(name.backend.clone()),
        };
        let Some(name) = name else {
            match order.verb {
                Verb::Pause => self.everything = Some(Mark::of(order, now)),
                Verb::Resume => self.everything = None,
                Verb::Pin | Verb::Unpin | Verb::Enable | Verb::Disable => {}
            }
            for index in 0..self.backends.len() {
                self.touch(index, |backend, out| backend.order(now, order, out));
            }
            return;
        };
        if self.by_name.get(&name).is_some() {
            return self.at(now, &name, |backend, out| backend.order(now, order, out));
        }
        let mut known: Vec<&str> = self.backends.iter().map(Backend::name).collect();
        known.sort_unstable();
        let refusal = Refusal::UnknownBackend {
            name: name.clone(),
            known: known.into_iter().map(str::to_owned).collect(),
        };
        let server = match &order.place {
            Place::Server(name) => Some(name.server.clone()),
            Place::Everything | Place::Backend(_) => None,
        };
        self.out.actions.push(Action::Report(Decision {
            at: now,
            backend: Some(name),
            server,
            change: Change::Operator,
            reason: Reason::Answer {
                verb: order.verb,
                by: order.by,
                answer: Err(refusal),
            },
        }));
    }

    /// What should be known after a restart. Changes only when something has happened.
    pub fn memory(&self, now: Timestamp) -> Memory {
        Memory {
            everything: self.everything.filter(|mark| !mark.is_over(now)),
            backends: self
                .backends
                .iter()
                .map(|backend| (backend.name().to_owned(), backend.sight().memory(now)))
                .collect(),
            is_lost: false,
        }
    }

    pub(super) fn remember(&mut self, now: Timestamp, memory: &Memory) {
        let mut both = self.everything.into_iter().chain(memory.everything);
        self.everything = both.find(|mark| !mark.is_over(now));
        for index in 0..self.backends.len() {
            let everything = self.everything;
            self.touch(index, |backend, _| {
                let remembered = memory.backends.get(backend.name());
                backend.remember(remembered, everything, memory.is_lost);
            });
        }
    }

    /// How much of what HAProxy showed last a new configuration would treat differently.
    pub fn affected(&self, settings: &[BackendSettings]) -> Affected {
        let mut affected = Affected::default();
        for backend in &self.backends {
            let next = settings.iter().find(|next| next.name == backend.name());
            let (servers, changed) = backend.sight().affected(next);
            affected.servers += servers;
            affected.changed += changed;
        }
        affected
    }

    pub(super) fn reconfigure(
        &mut self,
        now: Timestamp,
        settings: &[BackendSettings],
        is_elsewhere: bool,
    ) {
        if is_elsewhere {
            self.haproxy.forget();
        }
        for index in 0..self.backends.len() {
            self.touch(index, |backend, out| {
                if is_elsewhere {
                    backend.forget_servers(now);
                }
                match settings.iter().find(|next| next.name == backend.name()) {
                    Some(next) => backend.reconfigure(now, next.clone(), out),
                    None => backend.leave(now, out),
                }
            });
        }
        for next in settings {
            if self.by_name.get(&next.name).is_none() {
                let mut backend = Backend::new(now, next.clone());
                let everything = self.everything.filter(|mark| !mark.is_over(now));
                backend.remember(None, everything, false);
                self.backends.push(backend);
            }
        }
        let is_leaving = |backend: &&Backend| backend.is_leaving();
        self.leaving = self.backends.iter().filter(is_leaving).count();
        self.index_anew();
        self.pass(now);
    }

    /// Lets backends go that a new configuration does not name, once nothing of them is half-way.
    pub(super) fn let_go(&mut self, now: Timestamp) {
        if self.leaving == 0 || !self.backends.iter().any(Backend::is_gone) {
            return;
        }
        for backend in self.backends.iter().filter(|backend| backend.is_gone()) {
            self.out.turn_of(backend.name());
            backend.sight().say_goodbye(now, &mut self.out);
        }
        let before = self.backends.len();
        self.backends.retain(|backend| !backend.is_gone());
        self.leaving -= before - self.backends.len();
        self.index_anew();
    }

    fn index_anew(&mut self) {
        self.by_name = Index::of(self.backends.iter().map(Backend::name));
        self.agenda = Agenda::of(self.backends.iter().map(Backend::due));
        let settings = self.backends.iter().map(Backend::settings);
        self.haproxy.ask_for(self.now, settings);
    }
}
