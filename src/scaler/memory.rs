//! What should outlive the daemon: plain data, and which orders of an earlier daemon still hold. How it
//! is kept on disk lives in `crate::state`, what it means to a backend in `backend::memory`.

use std::collections::BTreeMap;

use super::Scaler;
use super::hand::{Mark, Marks, Until};
use super::seen::Standings;
use crate::words::names::ServerName;
use crate::words::order::Place;
use crate::words::picture::{AdminState, Generation};
use crate::words::time::Timestamp;

/// Everything that is worth remembering over a restart. Instants are the scaler's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// `pause` without a name.
    pub everything: Option<Mark>,
    /// By name; only backends with something to remember.
    pub backends: BTreeMap<String, BackendMemory>,
    /// There was a memory and it could not be read: which spare was enabled by whom is not known.
    pub is_lost: bool,
}

/// What is remembered of one backend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackendMemory {
    /// The HAProxy process that `servers` is about.
    pub generation: Option<Generation>,
    /// `pause B`.
    pub paused: Option<Mark>,
    /// By name; only servers with something to remember.
    pub servers: BTreeMap<String, ServerMemory>,
}

/// What is remembered of one server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerMemory {
    /// What an operator set over the control socket.
    pub marks: Marks,
    /// The state that was set or seen last. Another one, in the same HAProxy process, is an
    /// operator's.
    pub expected: Option<AdminState>,
    /// It stands in for an always-up server.
    pub stands_in: bool,
    /// Left alone because an operator changed it by hand.
    pub hold: Option<Until>,
    /// No candidate because it failed.
    pub quarantine: Option<Until>,
    /// Failures in a row.
    pub failures: u32,
    /// The `maxconn` that a server without one was given for as long as HAProxy's queue lasts.
    pub lent_maxconn: Option<u32>,
    /// A change that was begun: states that its commands have brought about or may yet.
    pub told: Vec<AdminState>,
}

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

impl Scaler {
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
}
