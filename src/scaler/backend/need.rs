//! What a backend needs next: back after a reload, in place of a dead server, because it is slow;
//! or one spare less, because it is quiet.

use super::change::Delay;
use super::{Backend, NoSpareSaid, name_of};
use crate::scaler::agreement::Agreement;
use crate::scaler::decision::{CalledOff, Change, Reason, Wanted, Would};
use crate::scaler::event::LogState;
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::{Blocked, Nobody};
use crate::words::time::Timestamp;

impl Backend {
    /// Begins the most urgent change, unless one is under way.
    pub(super) fn seek_work(&mut self, now: Timestamp, out: &mut Outbox) {
        self.make_way(now, out);
        if self.travel.journey.is_some()
            || self.travel.writing.is_some()
            || !self.facts.has_picture()
        {
            return;
        }
        if self.is_changing_settings() || self.is_settling(now) {
            return;
        }
        if self.hand.pause().is_some() {
            return self.seek_pretended_work(now, out);
        }
        if let Some(name) = self.facts.found_draining(now) {
            return self.finish_drain(now, name);
        }
        if let Some(name) = self
            .facts
            .lingering(now)
            .filter(|name| self.facts.is_kept_in(name))
        {
            let wanted = self.ordered(&name);
            return self.give_lingering_back(now, name, wanted, out);
        }
        if let Some(name) = self.facts.ordered_in(now, &self.settings) {
            let wanted = self.ordered(&name);
            return self.bring_in(now, &name, wanted, false, out);
        }
        if let Some(name) = self.facts.ordered_out() {
            return self.send_away(now, name, out);
        }
        if let Some((name, fault)) =
            self.facts
                .find_bad(now, self.plan.expelled_at, out, &self.settings)
        {
            return self.expel(now, name, fault, out);
        }
        if let Some(name) = self.wanted_back(now) {
            return self.bring_in(now, &name, Wanted::Reloaded, false, out);
        }
        if let Some(wanted) = self.capacity_wanted() {
            self.bring_in_next(now, wanted, out);
        } else {
            self.said.no_spare.for_capacity = false;
            let Some((_, wanted)) = self.plan.owed.clone() else {
                return;
            };
            self.bring_in_next(now, wanted, out);
        }
        if self.travel.journey.is_none() {
            self.plan.owed = None; // None to be had: the next breach asks again.
        }
    }

    /// A spare that answers worse than the others is not kept in by a change of another one that can
    /// wait: sessions that end, a warm-up or checks for the sake of speed.
    fn make_way(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.travel.journey else {
            return;
        };
        let delay = change.may_wait(now);
        if delay == Delay::No
            || self.hand.pause().is_some()
            || self
                .facts
                .find_bad(now, self.plan.expelled_at, out, &self.settings)
                .is_none()
        {
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
            .or_else(|| self.plan.owed.clone().map(|(_, wanted)| wanted));
        self.plan.owed = None;
        let next = || {
            let wanted = wanted.filter(|wanted| self.forbids_bringing_in(wanted).is_none())?;
            let candidates = self.facts.candidates_for(now, &wanted, &self.settings);
            candidates.first().map(|member| name_of(member))
        };
        if let Some(name) = self.facts.found_draining(now) {
            self.say_would(now, Would::FinishDrain, name, out);
        } else if let Some(name) = back.or_else(next) {
            self.say_would(now, Would::Enable, name, out);
        }
    }

    fn bring_in_next(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        if let Some(name) = self.facts.lingering(now) {
            return self.give_lingering_back(now, name, wanted, out);
        }
        if self.forbids_bringing_in(&wanted).is_some() {
            return self.say_no_spare(now, wanted, out);
        }
        let candidates = self.facts.candidates_for(now, &wanted, &self.settings);
        let mut first = candidates.first().map(|member| name_of(member));
        if first.is_none() && self.facts.pool.serving() == 0 && !matches!(wanted, Wanted::Slow(_)) {
            first = self.facts.pool.last_resort(now).map(name_of);
        }
        let has_another = candidates.len() > 1;
        match first {
            Some(name) => self.bring_in(now, &name, wanted, has_another, out),
            None => self.say_no_spare(now, wanted, out),
        }
    }

    fn say_no_spare(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        let said = match wanted {
            Wanted::DeadServer { .. } | Wanted::DeadSpare { .. } | Wanted::BelowMin { .. } => {
                &mut self.said.no_spare.for_capacity
            }
            Wanted::Crowded(_) => &mut self.said.no_spare.for_crowd,
            Wanted::Slow(_) | Wanted::Reloaded | Wanted::Waiting { .. } | Wanted::Ordered(_) => {
                &mut self.said.no_spare.for_load
            }
        };
        if std::mem::replace(said, true) {
            return;
        }
        let why = match self.forbids_bringing_in(&wanted) {
            Some(blocked) => Nobody::Blocked(blocked),
            None => self.facts.why_no_spare(now, &self.settings),
        };
        let reason = Reason::NoSpare { wanted, why };
        out.report(now, None, Change::NoSpare, reason);
    }

    /// Capacity that is missing whatever the log says: below `min`, or a server that takes no
    /// traffic and for which no spare stands in: an always-up one, or a ready spare that died or lost
    /// its weight before it was superfluous. What is lost is no scale-up and waits for no cooldown.
    pub(super) fn capacity_wanted(&self) -> Option<Wanted> {
        let (up, min) = (
            self.facts.pool.in_balance(),
            self.facts.floor(&self.settings),
        );
        let always_up = self.facts.pool.dead_always_up().into_iter();
        let always_up = always_up.map(|(server, shows)| Wanted::DeadServer {
            server: server.to_owned(),
            shows,
        });
        let now = self.facts.last_read();
        let is_superfluous = self.signals.is_quiet_for_long(now, &self.settings);
        let spares = self.facts.pool.dead_spares(now).into_iter();
        let spares = spares.map(|(server, shows)| Wanted::DeadSpare {
            server: server.to_owned(),
            shows,
        });
        let mut missing = always_up.chain(spares.filter(|_| !is_superfluous));
        if let Some(wanted) = missing.nth(self.facts.pool.stand_ins()) {
            return Some(wanted);
        }
        (up < min).then_some(Wanted::BelowMin { up, min })
    }

    /// Why no server may be brought in, judged on the last picture.
    pub(super) fn forbids_bringing_in(&self, wanted: &Wanted) -> Option<Blocked> {
        if let Some(blocked) = self.facts.fullness(&self.settings) {
            return Some(blocked);
        }
        match wanted {
            Wanted::Slow(_) => self
                .facts
                .doubt_about_more()
                .or_else(|| self.facts.idles_enough()),
            Wanted::Crowded(_) => self.facts.idles_enough(),
            Wanted::DeadServer { .. } | Wanted::DeadSpare { .. } | Wanted::BelowMin { .. } => {
                self.capacity_wanted().is_none().then_some(Blocked::Back)
            }
            Wanted::Reloaded | Wanted::Waiting { .. } | Wanted::Ordered(_) => None,
        }
    }

    /// Why no server may be brought in because it is slow.
    pub(super) fn forbids_for_load(&self) -> Option<Blocked> {
        self.facts
            .fullness(&self.settings)
            .or_else(|| self.facts.doubt_about_more())
            .or_else(|| self.facts.idles_enough())
    }

    fn wanted_back(&self, now: Timestamp) -> Option<String> {
        let is_quiet = self.signals.is_quiet_for_long(now, &self.settings);
        let candidates = self.facts.pool.candidates(now, &self.settings);
        let back = candidates.iter().find(|member| member.is_wanted_back)?;
        (!self.facts.is_full(&self.settings) && !is_quiet).then(|| name_of(back))
    }

    /// A spare joined for that reason.
    pub(super) fn spare_arrived(&mut self, now: Timestamp, server: &str, wanted: &Wanted) {
        self.learn_from_arrival(now, server, wanted);
        if self.facts.comparison.verdict() != Agreement::Agree {
            self.facts.brought_in_doubt = self.facts.brought_in_doubt.saturating_add(1);
        }
        self.said.no_spare = NoSpareSaid::default();
        if let Some((servers, _)) = &mut self.plan.owed {
            *servers = servers.saturating_sub(1);
            if *servers == 0 {
                self.plan.owed = None;
            }
        }
        match wanted {
            Wanted::Slow(_) | Wanted::Waiting { .. } => {
                self.plan.up_not_before = now.after(self.settings.scale_up_cooldown);
            }
            Wanted::Crowded(_) => {
                self.plan.up_not_before = now.after(self.settings.scale_up_cooldown);
                self.came_for_crowd(now);
            }
            Wanted::DeadServer { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::BelowMin { .. }
            | Wanted::Reloaded
            | Wanted::Ordered(_) => {}
        }
        self.signals.start_policies_over();
    }

    /// Never fewer than `min`, never the last, never while anything speaks against it; judged on
    /// the last picture. The queue, the log and the counters have ended quiet already: each is
    /// asked for twice on purpose, and a test fails only when both are taken out.
    pub(super) fn may_put_away(&self, name: &str) -> bool {
        self.facts
            .pool
            .can_spare(name, self.facts.floor(&self.settings))
            && self.facts.queued == 0
            && !self.facts.crowd.is_there()
            && self
                .facts
                .pool
                .member(name)
                .is_some_and(|member| member.read.queued == 0)
            && self.facts.comparison.verdict() == Agreement::Agree
            && self.facts.log == LogState::Flowing
            && self.signals.quiet.since.is_some()
    }
}
