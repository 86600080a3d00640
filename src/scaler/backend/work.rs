//! What a backend needs next: back after a reload, in place of a dead server, because it is slow;
//! or one spare less, because it is quiet.

use super::journey::Delay;
use super::{Backend, name_of};
use crate::scaler::decision::{CalledOff, Change, Reason, Wanted, Would};
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::Nobody;
use crate::words::time::Timestamp;

impl Backend {
    /// Begins the most urgent change, unless one is under way.
    pub(super) fn seek_work(&mut self, now: Timestamp, out: &mut Outbox) {
        self.make_way(now, out);
        if !self.journeys.is_idle() || !self.facts.has_picture() {
            return;
        }
        if self.is_changing_settings() || self.is_settling(now) {
            return;
        }
        if self.hand.pause().is_some() {
            return self.seek_pretended_work(now, out);
        }
        if let Some(name) = self.needs().found_draining(now) {
            return self.road().finish_drain(now, name);
        }
        if let Some(name) = self
            .needs()
            .lingering(now)
            .filter(|name| self.needs().is_kept_in(name))
        {
            let wanted = self.needs().ordered(&name);
            return self.road().give_lingering_back(now, name, wanted, out);
        }
        if let Some(name) = self.needs().ordered_in(now) {
            let wanted = self.needs().ordered(&name);
            return self.road().bring_in(now, &name, wanted, false, out);
        }
        if let Some(name) = self.needs().ordered_out() {
            return self.road().send_away(now, name, out);
        }
        if let Some((name, fault)) =
            self.facts
                .find_bad(now, self.plan.expelled_at, out, &self.settings)
        {
            return self.road().expel(now, name, fault, out);
        }
        if let Some(name) = self.needs().wanted_back(now) {
            return self
                .road()
                .bring_in(now, &name, Wanted::Reloaded, false, out);
        }
        if let Some(wanted) = self.needs().capacity_wanted() {
            self.bring_in_next(now, wanted, out);
        } else {
            self.said.no_spare.for_capacity = false;
            let Some((_, wanted)) = self.plan.owed.clone() else {
                return;
            };
            self.bring_in_next(now, wanted, out);
        }
        if self.journeys.only.is_none() {
            self.plan.owed = None; // None to be had: the next breach asks again.
        }
    }

    /// A spare that answers worse than the others is not kept in by a change of another one that can
    /// wait: sessions that end, a warm-up or checks for the sake of speed.
    fn make_way(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.journeys.only else {
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
            Delay::Abandon => self.road().abandon_warm_up(),
            Delay::Linger => self.road().set_drain_aside(),
            Delay::CallOff => {
                self.road().call_off(now, CalledOff::MakesWay, out);
            }
        }
    }

    /// Paused: the same search, and what would begin is only said.
    fn seek_pretended_work(&mut self, now: Timestamp, out: &mut Outbox) {
        let back = self.needs().wanted_back(now);
        let wanted = self
            .needs()
            .capacity_wanted()
            .or_else(|| self.plan.owed.clone().map(|(_, wanted)| wanted));
        self.plan.owed = None;
        let next = || {
            let wanted =
                wanted.filter(|wanted| self.needs().forbids_bringing_in(wanted).is_none())?;
            let candidates = self.needs().candidates_for(now, &wanted);
            candidates.first().map(|member| name_of(member))
        };
        if let Some(name) = self.needs().found_draining(now) {
            self.hand.say_would(now, Would::FinishDrain, name, out);
        } else if let Some(name) = back.or_else(next) {
            self.hand.say_would(now, Would::Enable, name, out);
        }
    }

    fn bring_in_next(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        if let Some(name) = self.needs().lingering(now) {
            return self.road().give_lingering_back(now, name, wanted, out);
        }
        if self.needs().forbids_bringing_in(&wanted).is_some() {
            return self.say_no_spare(now, wanted, out);
        }
        let candidates = self.needs().candidates_for(now, &wanted);
        let mut first = candidates.first().map(|member| name_of(member));
        if first.is_none() && self.facts.pool.serving() == 0 && !matches!(wanted, Wanted::Slow(_)) {
            first = self.facts.pool.last_resort(now).map(name_of);
        }
        let has_another = candidates.len() > 1;
        match first {
            Some(name) => self.road().bring_in(now, &name, wanted, has_another, out),
            None => self.say_no_spare(now, wanted, out),
        }
    }

    fn say_no_spare(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        let said = &mut self.said.no_spare;
        let said = if wanted.is_for_capacity() {
            &mut said.for_capacity
        } else if matches!(wanted, Wanted::Crowded(_)) {
            &mut said.for_crowd
        } else {
            &mut said.for_load
        };
        if std::mem::replace(said, true) {
            return;
        }
        let why = match self.needs().forbids_bringing_in(&wanted) {
            Some(blocked) => Nobody::Blocked(blocked),
            None => self.needs().why_no_spare(now),
        };
        let reason = Reason::NoSpare { wanted, why };
        out.report(now, None, Change::NoSpare, reason);
    }
}
