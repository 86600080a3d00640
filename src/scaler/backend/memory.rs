//! What a backend wants to be remembered over a restart of the daemon, and what it makes of that
//! afterwards. HAProxy stays the truth: memory only tells our own doing from an operator's.

use std::collections::BTreeMap;

use super::Backend;
use super::view::Sight;
use crate::scaler::apart::QUARANTINE_MAX;
use crate::scaler::decision::{Change, Note};
use crate::scaler::hand::{Mark, Until};
use crate::scaler::member::{Member, Role};
use crate::scaler::memory::{BackendMemory, ServerMemory};
use crate::scaler::outbox::Outbox;
use crate::words::picture::{AdminState, Generation};
use crate::words::time::Timestamp;

/// What was known before this daemon began.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Waits for the first picture, which tells whether it is about this HAProxy process.
    remembered: Option<BackendMemory>,
    /// Changes that ended with their daemon, or were taken back by their last command.
    told: Vec<Told>,
    /// It could not be read: no spare goes before a window of requests has been seen.
    pub(super) is_lost: bool,
}

#[derive(Debug)]
struct Told {
    server: String,
    states: Vec<AdminState>,
    /// Until then one of its commands may still take effect.
    until: Timestamp,
}

impl Past {
    /// Weights that an earlier daemon told wait for the first picture.
    pub(super) fn has_lent(&self) -> bool {
        self.remembered
            .as_ref()
            .is_some_and(|it| it.lent().is_some())
    }

    /// HAProxy has none of its servers.
    pub(super) fn forget_lent(&mut self) {
        self.remembered = None;
    }

    /// No command from before can still take effect: another HAProxy process answers.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
    }

    /// A command from before may have brought about that state on that server.
    pub(super) fn told(&self, now: Timestamp, server: &str, state: AdminState) -> bool {
        self.told_last(now, server)
            .is_some_and(|told| told.states.contains(&state))
    }

    /// The daemon ends, or lets go of its servers: what it told them last is remembered. `until`:
    /// when the last command is given up.
    pub(super) fn leave_behind(
        &mut self,
        server: &str,
        mut told: Vec<AdminState>,
        until: Timestamp,
    ) {
        if !told.contains(&AdminState::Maint) {
            told.push(AdminState::Maint);
        }
        self.note_told(server, told, until);
    }

    /// A change was under way when the daemon ended. What it did is our own doing: a drain is
    /// finished, a `ready` stays. False when an operator has changed the server since.
    fn resume(
        &mut self,
        now: Timestamp,
        member: &mut Member,
        past: ServerMemory,
        until: Timestamp,
        out: &mut Outbox,
    ) -> bool {
        let (name, shown) = (member.read.name.clone(), member.read.forced_state());
        let is_ours = past.told.contains(&shown);
        if !is_ours && past.expected.is_some_and(|expected| expected != shown) {
            member.expected = past.expected;
            return false;
        }
        self.note_told(&name, past.told, until);
        if is_ours {
            out.tell(now, Some(&name), Change::Note, Note::Resumed(shown));
        }
        is_ours
    }

    fn note_told(&mut self, server: &str, states: Vec<AdminState>, until: Timestamp) {
        self.told.retain(|told| told.server != server);
        self.told.push(Told {
            server: server.to_owned(),
            states,
            until,
        });
    }

    /// What that server was told by a change that is over, as long as it may take effect.
    fn told_last(&self, now: Timestamp, server: &str) -> Option<&Told> {
        let mut told = self.told.iter();
        told.find(|told| told.server == server && now < told.until)
    }
}

impl Backend {
    /// Takes what an earlier daemon knew. Pauses, pins and what one server carries hold at once, the
    /// rest when HAProxy has been read. What an operator has ordered since then is newer and stands.
    pub(in crate::scaler) fn remember(
        &mut self,
        now: Timestamp,
        memory: Option<&BackendMemory>,
        everything: Option<Mark>,
        is_lost: bool,
    ) {
        self.hand.everything = everything;
        self.past.is_lost = is_lost;
        self.wind_all();
        let Some(memory) = memory else { return };
        self.hand.backend = self.hand.backend.or(memory.paused);
        for (name, server) in &memory.servers {
            self.hand.change(name, |marks| {
                if marks.is_empty() {
                    *marks = server.marks;
                }
            });
        }
        self.facts.pool.show_marks(&self.hand);
        self.machines.remember_starts(now, &memory.machine_starts);
        for (name, server) in &memory.servers {
            if let Some(machine) = &server.machine {
                self.machines.remember(now, name, machine, &self.settings);
            }
        }
        if let Some(capacity) = &memory.capacity {
            self.size.remember(now, &self.settings, capacity);
        }
        self.past.remembered = Some(memory.clone());
    }

    /// Holds what is remembered against the first picture. Another HAProxy process has lost its
    /// states, and with them what an operator did by hand; quarantines are about the servers.
    pub(super) fn recall(&mut self, now: Timestamp, generation: Generation, out: &mut Outbox) {
        let Some(memory) = self.past.remembered.take() else {
            return;
        };
        let is_same = memory.generation == Some(generation);
        if !is_same {
            self.machines.begin_generation(now, &self.settings);
        }
        for (name, past) in memory.servers {
            let Some(member) = self.facts.pool.member_mut(&name) else {
                continue;
            };
            // A state file may have brought a weight along into another HAProxy process.
            member.service.ramp.restore(past.lent_weights.clone());
            if member.role != Role::Spare {
                continue;
            }
            member
                .apart
                .restore_quarantine(past.quarantine.map(|until| until.at), past.failures);
            if !is_same {
                continue;
            }
            member.apart.hold_until = past.hold.map(|until| until.at);
            let shown = member.read.forced_state();
            member.errand.stands_in = past.stands_in && shown == AdminState::Ready;
            member.service.kick.restore(past.lent_maxconn);
            if past.told.is_empty() {
                if past.expected.is_some_and(|expected| expected != shown) {
                    member.expected = past.expected; // The next look finds an operator's change.
                }
                continue;
            }
            let until = now.after(self.settings.action_timeout);
            if self.past.resume(now, member, past, until, out) && shown == AdminState::Ready {
                self.plan.up_not_before = now.after(self.settings.scale_up_cooldown);
            }
        }
    }
}

impl Sight<'_> {
    /// What should be known after a restart.
    pub(in crate::scaler) fn memory(&self, now: Timestamp) -> BackendMemory {
        let mut memory = match &self.past.remembered {
            Some(remembered) => {
                let mut memory = remembered.clone();
                for server in memory.servers.values_mut() {
                    server.marks = crate::scaler::hand::Marks::default();
                }
                memory
            }
            None => BackendMemory {
                generation: self.facts.generation,
                paused: None,
                capacity: self.size.kept(),
                machine_starts: Vec::new(),
                servers: self.server_memories(now),
            },
        };
        memory.paused = self.hand.backend;
        memory.machine_starts = self.machines.starts_ago(now);
        for name in self.settings.machines.keys() {
            let machine = self.machines.memory(now, name);
            memory.servers.entry(name.clone()).or_default().machine = machine;
        }
        for (name, marks) in &self.hand.servers {
            memory.servers.entry(name.clone()).or_default().marks = *marks;
        }
        memory
            .servers
            .retain(|_, server| *server != ServerMemory::default());
        memory
    }

    fn server_memories(&self, now: Timestamp) -> BTreeMap<String, ServerMemory> {
        let members = self.facts.pool.members.iter();
        let is_ours = |it: &&Member| it.role == Role::Spare || !it.service.ramp.is_own();
        let spares = members.filter(is_ours);
        spares
            .map(|member| (member.read.name.clone(), self.server_memory(now, member)))
            .collect()
    }

    fn server_memory(&self, now: Timestamp, member: &Member) -> ServerMemory {
        let name = &member.read.name;
        let underway = self.journeys.of(name);
        let told = match (underway, self.past.told_last(now, name)) {
            (Some(change), _) => change.may_cause(member.read.running_check().is_some()),
            (None, Some(told)) => told.states.clone(),
            (None, None) => Vec::new(),
        };
        let left = |at: Option<Timestamp>, length| {
            at.filter(|at| now < *at).map(|at| Until { at, length })
        };
        ServerMemory {
            marks: member.marks,
            expected: member.expected,
            stands_in: member.errand.stands_in,
            hold: left(member.apart.hold_until, self.settings.hold),
            quarantine: left(member.apart.quarantined_until, QUARANTINE_MAX),
            failures: member.apart.failures,
            lent_maxconn: member.service.kick.lent(),
            lent_weights: member.service.ramp.told(),
            machine: None, // Of all machines, whatever HAProxy shows.
            told,
        }
    }
}
