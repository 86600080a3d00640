//! What in HAProxy's configuration or in ours keeps a spare from helping, as far as a picture shows
//! it: said once, until it is otherwise.

use super::{Backend, name_of};
use crate::scaler::decision::{Advice, NameList, Note};
use crate::scaler::member::{Member, Role};
use crate::scaler::outbox::Outbox;
use crate::scaler::settings::Spares;
use crate::words::names::ServerName;
use crate::words::picture::Balance;
use crate::words::time::Timestamp;

impl Backend {
    /// Names of the configuration that HAProxy does not list, spares that cannot help or be proven,
    /// and a balance algorithm that keeps newcomers out of a queue.
    pub(super) fn give_advice(&mut self, now: Timestamp, out: &mut Outbox) {
        let mut advice = self.missing_names();
        for member in &self.facts.pool.members {
            if member.role == Role::Spare {
                advice.extend(self.advice_for(member));
            }
        }
        advice.extend(self.queue_advice());
        // A name that is gone leaves nothing behind, and is said again when it comes back.
        let said = std::mem::take(&mut self.said.advice);
        for advice in &advice {
            if !said.contains(advice) {
                let note = Note::Advice(advice.clone());
                out.tell(now, None, advice.change(), note);
            }
        }
        self.said.advice = advice;
    }

    fn missing_names(&self) -> Vec<Advice> {
        let missing = self.names_unknown().map(|(list, name)| {
            let server = ServerName::new(self.settings.name.clone(), name);
            Advice::UnknownServer(list, server)
        });
        let mut advice: Vec<Advice> = missing.collect();
        let has_spare = self
            .facts
            .pool
            .members
            .iter()
            .any(|it| it.role == Role::Spare);
        if self.settings.spares == Spares::Auto && !has_spare {
            advice.push(Advice::NoSpare);
        }
        advice
    }

    /// Names of our configuration that HAProxy does not list.
    pub(super) fn names_unknown(&self) -> impl Iterator<Item = (NameList, &str)> {
        let always_up = self.settings.always_up.iter();
        let always_up = always_up.map(|name| (NameList::AlwaysUp, name.as_str()));
        let spares = match &self.settings.spares {
            Spares::Named(names) => names.as_slice(),
            Spares::Auto => &[],
        };
        let spares = spares.iter().map(|name| (NameList::Spares, name.as_str()));
        let names = always_up.chain(spares);
        names.filter(|(_, name)| self.facts.pool.member(name).is_none())
    }

    fn advice_for(&self, member: &Member) -> Option<Advice> {
        let name = ServerName::new(self.settings.name.clone(), name_of(member));
        if member.read.is_backup && self.facts.pool.has_active() {
            return Some(Advice::Backup(name));
        }
        if member.read.weight == 0 && !member.read.has_agent {
            return Some(Advice::NoWeight(name));
        }
        match member.read.check {
            None if member.read.tracks_another => None, // Nor can it have one.
            None => Some(Advice::NoCheck(name)),
            Some(check) => (!check.is_enabled).then_some(Advice::CheckStopped(name)),
        }
    }

    /// With `maxconn` and these algorithms a queue keeps newcomers out (see `kick`).
    fn queue_advice(&self) -> Option<Advice> {
        let has_limits = self
            .facts
            .pool
            .members
            .iter()
            .any(|it| it.read.maxconn.is_some());
        (has_limits && self.facts.traffic.balance == Balance::InTurn).then_some(Advice::InTurn)
    }
}
