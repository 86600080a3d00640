//! What should outlive the daemon: plain data, and which orders of an earlier daemon still hold. How it
//! is kept on disk lives in `crate::state`, what it means to a backend in `backend::memory`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Scaler;
use super::hand::{Mark, Marks, Until};
use super::seen::Standings;
use crate::measure::capacity::{Bracket, Lesson};
use crate::measure::served::Goal;
use crate::measure::sizing::Learned;
use crate::words::machine::MachineKey;
use crate::words::names::ServerName;
use crate::words::order::Place;
use crate::words::picture::{AdminState, Generation};
use crate::words::time::Timestamp;

/// Less than this is nothing that a server carries, holds or takes …
const PLAUSIBLE_MIN: f64 = 1e-3;
/// … and more is none of today's servers. Requests a second, requests, milliseconds.
const PLAUSIBLE_MAX: f64 = 1e7;
/// Thresholds that differ by less are the same, milliseconds: a text has cut off their last bits.
const SAME_MS: f64 = 1e-6;

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
    /// What one server carries, whichever HAProxy process that was learned with.
    pub capacity: Option<CapacityMemory>,
    /// How long ago each start of a machine within the last hour was asked for.
    pub machine_starts: Vec<Duration>,
    /// By name; only servers with something to remember.
    pub servers: BTreeMap<String, ServerMemory>,
}

/// What was learned of one server's capacity, as it stood when it was taken: lessons are as old as their
/// daemon, and the next one counts their age from its own start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CapacityMemory {
    /// What it was learned for; it says nothing about another goal.
    pub goal: Goal,
    /// Requests a second that one unit carried well.
    pub proved_per_s: Option<f64>,
    /// Requests in flight that one unit held well.
    pub held: Option<f64>,
    /// Requests a second at which it broke, forgotten as far as time had gone by.
    pub broken_per_s: Option<f64>,
    /// S₀, milliseconds.
    pub service_ms: Option<f64>,
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
    /// The weights that it was told last instead of haproxy.cfg's, oldest first.
    pub lent_weights: Vec<u32>,
    /// The machine that it runs on, where we start and stop it.
    pub machine: Option<MachineMemory>,
    /// A change that was begun: states that its commands have brought about or may yet.
    pub told: Vec<AdminState>,
}

/// What is remembered of the machine that a server runs on.
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, as it stands on disk
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineMemory {
    /// Which machine that was.
    pub identity: u64,
    /// The last start that was asked for.
    pub key: MachineKey,
    /// How often.
    pub attempt: u32,
    /// It runs because of us, or may: we may stop it.
    pub is_ours: bool,
    /// A start was waited for, or may take effect yet.
    pub may_start_late: bool,
    /// The last start has worked, or the machine was stopped since: another one is no repetition.
    pub is_over: bool,
    /// A stop was asked for, and may take effect yet.
    pub is_stopping: bool,
    /// From the last start to the first proof of its server.
    pub boot: Option<Duration>,
    /// Starts that were asked for.
    pub starts: u64,
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

impl CapacityMemory {
    /// What is worth keeping at `now`; `None` while nothing is known of what one server carries.
    pub fn of(now: Timestamp, goal: Goal, learned: &Learned) -> Option<Self> {
        let Learned {
            bracket,
            service_ms,
        } = learned;
        let memory = Self {
            goal,
            proved_per_s: bracket.proved.map(|it| it.value),
            held: bracket.held.map(|it| it.value),
            broken_per_s: bracket.broken_by_now(now),
            service_ms: *service_ms,
        };
        memory.plausible()
    }

    /// Without numbers that no server can have taught: a file may be damaged. `None` if nothing is left
    /// that tells what one carries.
    pub fn plausible(self) -> Option<Self> {
        let is_plausible = |value: &f64| (PLAUSIBLE_MIN..=PLAUSIBLE_MAX).contains(value);
        let memory = Self {
            goal: self.goal,
            proved_per_s: self.proved_per_s.filter(is_plausible),
            held: self.held.filter(is_plausible),
            broken_per_s: self.broken_per_s.filter(is_plausible),
            service_ms: self.service_ms.filter(is_plausible),
        };
        let tells = memory.proved_per_s.is_some() || memory.broken_per_s.is_some();
        tells.then_some(memory)
    }

    /// The same to somebody who learns on from `now`.
    pub fn learned(&self, now: Timestamp) -> Learned {
        let lesson = |value: Option<f64>| value.map(|value| Lesson { value, at: now });
        Learned {
            bracket: Bracket {
                proved: lesson(self.proved_per_s),
                held: lesson(self.held),
                broken: lesson(self.broken_per_s),
            },
            service_ms: self.service_ms,
        }
    }

    /// It was learned for that goal.
    pub fn is_for(&self, goal: Goal) -> bool {
        self.goal.signal == goal.signal && (self.goal.ms - goal.ms).abs() < SAME_MS
    }

    /// A number has changed by more than that share of it, or was not known before, or is not now.
    pub fn differs(&self, before: &Self, share: f64) -> bool {
        let numbers = |it: &Self| [it.proved_per_s, it.held, it.broken_per_s, it.service_ms];
        let mut pairs = numbers(self).into_iter().zip(numbers(before));
        pairs.any(|(now, before)| match (now, before) {
            (Some(now), Some(before)) => (now - before).abs() > share * before,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        })
    }
}

impl BackendMemory {
    /// Nothing but the weights that its servers have to be given back; `None` when there is none.
    pub(super) fn lent(&self) -> Option<Self> {
        let lent = |(name, server): (&String, &ServerMemory)| {
            let lent_weights = server.lent_weights.clone();
            let server = ServerMemory {
                lent_weights,
                ..ServerMemory::default()
            };
            (server != ServerMemory::default()).then(|| (name.clone(), server))
        };
        let servers: BTreeMap<String, ServerMemory> =
            self.servers.iter().filter_map(lent).collect();
        (!servers.is_empty()).then_some(Self {
            generation: self.generation,
            servers,
            ..Self::default()
        })
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
                backend.remember(now, remembered, everything, memory.is_lost);
            });
        }
        for (name, past) in &memory.backends {
            if self.by_name.get(name).is_none()
                && let Some(lent) = past.lent()
            {
                self.give_back(now, name, &lent);
            }
        }
    }
}
