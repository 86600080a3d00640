//! What a backend needs next: back after a reload, in place of a dead server, because it is slow;
//! or one spare less, because it is quiet.

use std::time::Duration;

use super::change::Delay;
use super::{Backend, NoSpareSaid, name_of};
use crate::scaler::agreement::Agreement;
use crate::scaler::decision::{CalledOff, Change, Reason, Wanted, Would};
use crate::scaler::event::LogState;
use crate::scaler::hand::Kept;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::{Blocked, Nobody, WhyNot};
use crate::words::time::Timestamp;

impl Backend {
    /// Begins the most urgent change, unless one is under way.
    pub(super) fn seek_work(&mut self, now: Timestamp, out: &mut Outbox) {
        self.make_way(now, out);
        if self.change.is_some() || self.writing.is_some() || !self.has_picture() {
            return;
        }
        if self.is_changing_settings() || self.is_settling(now) {
            return;
        }
        if self.hand.pause().is_some() {
            return self.seek_pretended_work(now, out);
        }
        if let Some(name) = self.found_draining(now) {
            return self.finish_drain(now, name);
        }
        if let Some(name) = self.lingering(now).filter(|name| self.is_kept_in(name)) {
            let wanted = self.ordered(&name);
            return self.give_lingering_back(now, name, wanted, out);
        }
        if let Some(name) = self.ordered_in(now) {
            let wanted = self.ordered(&name);
            return self.bring_in(now, &name, wanted, false, out);
        }
        if let Some(name) = self.ordered_out() {
            return self.send_away(now, name, out);
        }
        if let Some((name, fault)) = self.find_bad(now, out) {
            return self.expel(now, name, fault, out);
        }
        if let Some(name) = self.wanted_back(now) {
            return self.bring_in(now, &name, Wanted::Reloaded, false, out);
        }
        if let Some(wanted) = self.capacity_wanted() {
            self.bring_in_next(now, wanted, out);
        } else {
            self.no_spare_said.for_capacity = false;
            let Some((_, wanted)) = self.owed.clone() else {
                return;
            };
            self.bring_in_next(now, wanted, out);
        }
        if self.change.is_none() {
            self.owed = None; // None to be had: the next breach asks again.
        }
    }

    /// A spare that answers worse than the others is not kept in by a change of another one that can
    /// wait: sessions that end, a warm-up or checks for the sake of speed.
    fn make_way(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        let delay = change.may_wait(now);
        if delay == Delay::No || self.hand.pause().is_some() || self.find_bad(now, out).is_none() {
            return;
        }
        match delay {
            Delay::No => {}
            Delay::Abandon => self.abandon_warm_up(),
            Delay::Linger => self.set_drain_aside(),
            Delay::CallOff => {
                self.call_off(now, CalledOff::MakesWay, out);
            }
        }
    }

    /// Paused: the same search, and what would begin is only said.
    fn seek_pretended_work(&mut self, now: Timestamp, out: &mut Outbox) {
        let back = self.wanted_back(now);
        let wanted = self
            .capacity_wanted()
            .or_else(|| self.owed.clone().map(|(_, wanted)| wanted));
        self.owed = None;
        let next = || {
            let wanted = wanted.filter(|wanted| self.forbids_bringing_in(wanted).is_none())?;
            let candidates = self.candidates_for(now, &wanted);
            candidates.first().map(|member| name_of(member))
        };
        if let Some(name) = self.found_draining(now) {
            self.say_would(now, Would::FinishDrain, name, out);
        } else if let Some(name) = back.or_else(next) {
            self.say_would(now, Would::Enable, name, out);
        }
    }

    fn bring_in_next(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        if let Some(name) = self.lingering(now) {
            return self.give_lingering_back(now, name, wanted, out);
        }
        if self.forbids_bringing_in(&wanted).is_some() {
            return self.say_no_spare(now, wanted, out);
        }
        let candidates = self.candidates_for(now, &wanted);
        let mut first = candidates.first().map(|member| name_of(member));
        if first.is_none() && self.pool.serving() == 0 && !matches!(wanted, Wanted::Slow(_)) {
            first = self.pool.last_resort(now).map(name_of);
        }
        let has_another = candidates.len() > 1;
        match first {
            Some(name) => self.bring_in(now, &name, wanted, has_another, out),
            None => self.say_no_spare(now, wanted, out),
        }
    }

    /// Spares that may be brought in for that reason, best first.
    fn candidates_for(&self, now: Timestamp, wanted: &Wanted) -> Vec<&Member> {
        if matches!(wanted, Wanted::Slow(_)) {
            self.candidates_for_load(now)
        } else {
            self.pool.candidates(now, &self.settings)
        }
    }

    /// Spares that may be brought in because it is slow, best first.
    pub(super) fn candidates_for_load(&self, now: Timestamp) -> Vec<&Member> {
        let mut candidates = self.pool.candidates(now, &self.settings);
        candidates.retain(|member| !member.is_spent(now, self.settings.idle_timeout));
        candidates
    }

    /// What became of the spares, of which none can be brought in because it is slow.
    pub(super) fn why_no_spare(&self, now: Timestamp) -> Nobody {
        let spares = self.pool.members.iter();
        let spares: Vec<&Member> = spares.filter(|it| it.role == Role::Spare).collect();
        let serves = |spare: &Member| spare.stage == Stage::Ready && !spare.is_worse();
        if spares.is_empty() {
            return Nobody::NoSpares;
        }
        if spares.iter().all(|spare| serves(spare)) {
            return Nobody::AllIn(spares.len());
        }
        let why = |spare: &Member| match (spare.note(now), self.spent_for(now, spare)) {
            (Some(note), _) => WhyNot::Noted(Box::new(note)),
            (None, _) if serves(spare) => WhyNot::Serves,
            (None, Some(left)) => WhyNot::Spent(left),
            (None, None) => WhyNot::Is(spare.stage),
        };
        let each = spares.iter().map(|spare| (name_of(spare), why(spare)));
        Nobody::Each(each.collect())
    }

    fn say_no_spare(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        let said = match wanted {
            Wanted::DeadServer { .. } | Wanted::DeadSpare { .. } | Wanted::BelowMin { .. } => {
                &mut self.no_spare_said.for_capacity
            }
            Wanted::Crowded(_) => &mut self.no_spare_said.for_crowd,
            Wanted::Slow(_) | Wanted::Reloaded | Wanted::Waiting { .. } | Wanted::Ordered(_) => {
                &mut self.no_spare_said.for_load
            }
        };
        if std::mem::replace(said, true) {
            return;
        }
        let why = match self.forbids_bringing_in(&wanted) {
            Some(blocked) => Nobody::Blocked(blocked),
            None => self.why_no_spare(now),
        };
        let reason = Reason::NoSpare { wanted, why };
        out.report(now, None, Change::NoSpare, reason);
    }

    /// How long a spare is not taken because it has been changed too often.
    fn spent_for(&self, now: Timestamp, member: &Member) -> Option<Duration> {
        let free_at = member.budget.may_come_at(self.settings.idle_timeout)?;
        (now < free_at).then(|| free_at.since(now))
    }

    /// Capacity that is missing whatever the log says: below `min`, or a server that takes no
    /// traffic and for which no spare stands in: an always-up one, or a ready spare that died or lost
    /// its weight before it was superfluous. What is lost is no scale-up and waits for no cooldown.
    pub(super) fn capacity_wanted(&self) -> Option<Wanted> {
        let (up, min) = (self.pool.in_balance(), self.floor());
        let always_up = self.pool.dead_always_up().into_iter();
        let always_up = always_up.map(|(server, shows)| Wanted::DeadServer {
            server: server.to_owned(),
            shows,
        });
        let now = self.last_read();
        let is_superfluous = self.is_quiet_for_long(now);
        let spares = self.pool.dead_spares(now).into_iter();
        let spares = spares.map(|(server, shows)| Wanted::DeadSpare {
            server: server.to_owned(),
            shows,
        });
        let mut missing = always_up.chain(spares.filter(|_| !is_superfluous));
        if let Some(wanted) = missing.nth(self.pool.stand_ins()) {
            return Some(wanted);
        }
        (up < min).then_some(Wanted::BelowMin { up, min })
    }

    /// Why no server may be brought in, judged on the last picture.
    pub(super) fn forbids_bringing_in(&self, wanted: &Wanted) -> Option<Blocked> {
        if let Some(blocked) = self.fullness() {
            return Some(blocked);
        }
        match wanted {
            Wanted::Slow(_) => self.doubt_about_more().or_else(|| self.idles_enough()),
            Wanted::Crowded(_) => self.idles_enough(),
            Wanted::DeadServer { .. } | Wanted::DeadSpare { .. } | Wanted::BelowMin { .. } => {
                self.capacity_wanted().is_none().then_some(Blocked::Back)
            }
            Wanted::Reloaded | Wanted::Waiting { .. } | Wanted::Ordered(_) => None,
        }
    }

    /// Why no server may be brought in because it is slow.
    pub(super) fn forbids_for_load(&self) -> Option<Blocked> {
        self.fullness()
            .or_else(|| self.doubt_about_more())
            .or_else(|| self.idles_enough())
    }

    fn fullness(&self) -> Option<Blocked> {
        self.is_full().then(|| Blocked::Max(self.pool.in_balance()))
    }

    /// Forged or replayed lines alone can wake one spare and no more.
    fn doubt_about_more(&self) -> Option<Blocked> {
        self.has_joined_in_doubt()
            .then(|| Blocked::InDoubt(self.comparison.compared()))
    }

    /// `max` servers are in.
    pub(super) fn is_full(&self) -> bool {
        let max = self.settings.max;
        max.is_some_and(|max| self.pool.in_balance() >= max)
    }

    /// A spare came in, and the counters do not confirm the lines that asked for it.
    fn has_joined_in_doubt(&self) -> bool {
        let contradicts = self.comparison.verdict() != Agreement::Agree;
        let unvouched = self.comparison.unvouched_since();
        contradicts && self.brought_in_doubt > 0
            || unvouched.is_some_and(|since| self.pool.joined_since(since) > 0)
    }

    fn found_draining(&self, now: Timestamp) -> Option<String> {
        self.pool
            .members
            .iter()
            .find(|member| {
                member.role == Role::Spare
                    && member.stage == Stage::DrainingOut
                    && !member.is_held(now)
                    && !member.marks.is_fixed()
                    && !member.rests_in_drain()
            })
            .map(name_of)
    }

    /// A spare whose sessions outlast its drain: it is the first one to be given back. One that
    /// answered badly, or that an operator wants out, is not.
    pub(super) fn lingering(&self, now: Timestamp) -> Option<String> {
        let mut members = self.pool.members.iter();
        let found = members.find(|member| {
            member.role == Role::Spare
                && member.is_lingering
                && member.is_proven
                && member.stage == Stage::DrainingOut
                && !member.is_held(now)
                && !member.is_quarantined(now)
                && !member.marks.is_fixed()
                && member.marks.kept() != Some(Kept::Out)
        });
        found.map(name_of)
    }

    fn wanted_back(&self, now: Timestamp) -> Option<String> {
        let is_quiet = self.is_quiet_for_long(now);
        let candidates = self.pool.candidates(now, &self.settings);
        let back = candidates.iter().find(|member| member.is_wanted_back)?;
        (!self.is_full() && !is_quiet).then(|| name_of(back))
    }

    fn is_quiet_for_long(&self, now: Timestamp) -> bool {
        self.quiet
            .since
            .is_some_and(|since| now.since(since) >= self.settings.idle_timeout)
    }

    /// A spare joined for that reason.
    pub(super) fn spare_arrived(&mut self, now: Timestamp, server: &str, wanted: &Wanted) {
        self.learn_from_arrival(now, server, wanted);
        if self.comparison.verdict() != Agreement::Agree {
            self.brought_in_doubt = self.brought_in_doubt.saturating_add(1);
        }
        self.no_spare_said = NoSpareSaid::default();
        if let Some((servers, _)) = &mut self.owed {
            *servers = servers.saturating_sub(1);
            if *servers == 0 {
                self.owed = None;
            }
        }
        match wanted {
            Wanted::Slow(_) | Wanted::Waiting { .. } => {
                self.up_not_before = now.after(self.settings.scale_up_cooldown);
            }
            Wanted::Crowded(_) => {
                self.up_not_before = now.after(self.settings.scale_up_cooldown);
                self.came_for_crowd(now);
            }
            Wanted::DeadServer { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::BelowMin { .. }
            | Wanted::Reloaded
            | Wanted::Ordered(_) => {}
        }
        self.start_policies_over();
    }

    /// What was measured before is about another number of servers.
    pub(super) fn start_policies_over(&mut self) {
        for policy in &mut self.policies {
            policy.start_over();
        }
    }

    /// Never fewer than `min`, never the last, never while anything speaks against it; judged on
    /// the last picture. The queue, the log and the counters have ended quiet already: each is
    /// asked for twice on purpose, and a test fails only when both are taken out.
    pub(super) fn may_put_away(&self, name: &str) -> bool {
        self.pool.can_spare(name, self.floor())
            && self.queued == 0
            && !self.crowd.is_there()
            && self
                .pool
                .member(name)
                .is_some_and(|member| member.read.queued == 0)
            && self.comparison.verdict() == Agreement::Agree
            && self.log == LogState::Flowing
            && self.quiet.since.is_some()
    }
}
