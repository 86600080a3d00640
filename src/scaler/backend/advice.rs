//! What in HAProxy's configuration or in ours keeps a spare from helping, as far as a picture shows
//! it: said once, until it is otherwise.

use super::facts::Facts;
use super::ramps::obstacle;
use crate::scaler::decision::{Advice, NameList, NoRamp, Note};
use crate::scaler::member::name_of;
use crate::scaler::member::{Member, Role};
use crate::scaler::outbox::Outbox;
use crate::scaler::settings::{BackendSettings, Spares};
use crate::words::names::ServerName;
use crate::words::picture::Balance;
use crate::words::time::Timestamp;

impl Facts {
    /// Names of the configuration that HAProxy does not list, spares that cannot help or be proven,
    /// and a balance algorithm that keeps newcomers out of a queue.
    pub(super) fn give_advice(
        &self,
        now: Timestamp,
        said: &mut Vec<Advice>,
        settings: &BackendSettings,
        out: &mut Outbox,
    ) {
        let mut advice = self.missing_names(settings);
        for member in &self.pool.members {
            if member.role == Role::Spare {
                advice.extend(self.advice_for(member, settings));
            }
        }
        advice.extend(self.queue_advice());
        if !settings.weight_ramp.is_zero() {
            advice.extend(self.ramp_advice());
        }
        // A name that is gone leaves nothing behind, and is said again when it comes back.
        for advice in &advice {
            if !said.contains(advice) {
                let note = Note::Advice(advice.clone());
                out.tell(now, None, advice.change(), note);
            }
        }
        *said = advice;
    }

    fn missing_names(&self, settings: &BackendSettings) -> Vec<Advice> {
        let missing = self.names_unknown(settings).map(|(list, name)| {
            let server = ServerName::new(settings.name.clone(), name);
            Advice::UnknownServer(list, server)
        });
        let mut advice: Vec<Advice> = missing.collect();
        if settings.spares == Spares::Auto && !self.pool.has_spare() {
            advice.push(Advice::NoSpare);
        }
        advice
    }

    /// Names of our configuration that HAProxy does not list.
    pub(super) fn names_unknown<'a>(
        &'a self,
        settings: &'a BackendSettings,
    ) -> impl Iterator<Item = (NameList, &'a str)> {
        let always_up = settings.always_up.iter();
        let always_up = always_up.map(|name| (NameList::AlwaysUp, name.as_str()));
        let spares = match &settings.spares {
            Spares::Named(names) => names.as_slice(),
            Spares::Auto => &[],
        };
        let spares = spares.iter().map(|name| (NameList::Spares, name.as_str()));
        let names = always_up.chain(spares);
        names.filter(|(_, name)| self.pool.member(name).is_none())
    }

    fn advice_for(&self, member: &Member, settings: &BackendSettings) -> Option<Advice> {
        let name = ServerName::new(settings.name.clone(), name_of(member));
        if member.read.is_backup && self.pool.has_active() {
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

    /// Spares whose share cannot grow, by what keeps it from that.
    fn ramp_advice(&self) -> Vec<Advice> {
        let mut advice: Vec<(NoRamp, Vec<String>)> = Vec::new();
        for member in self.pool.members.iter().filter(|it| it.role == Role::Spare) {
            let Some(why) = obstacle(member, self.traffic.balance) else {
                continue;
            };
            match advice.iter_mut().find(|(known, _)| *known == why) {
                Some((_, names)) => names.push(name_of(member)),
                None => advice.push((why, vec![name_of(member)])),
            }
        }
        let advice = advice.into_iter();
        advice
            .map(|(why, names)| Advice::NoRamp(names, why))
            .collect()
    }

    /// With `maxconn` and these algorithms a queue keeps newcomers out (see `kick`).
    fn queue_advice(&self) -> Option<Advice> {
        let has_limits = self.pool.members.iter().any(|it| it.read.maxconn.is_some());
        (has_limits && self.traffic.balance == Balance::InTurn).then_some(Advice::InTurn)
    }
}
