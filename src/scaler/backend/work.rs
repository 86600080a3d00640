//! When a need is acted upon: which comes first, what has to make way, what is only said in a pause.
//! The needs themselves are in `needs`.

use super::Backend;
use super::journey::Delay;
use super::needs::{Need, Stay};
use crate::scaler::budget;
use crate::scaler::decision::{CalledOff, Change, Reason, Would};
use crate::scaler::member::name_of;
use crate::scaler::outbox::Outbox;
use crate::words::time::Timestamp;

impl Backend {
    /// Begins the most urgent change, unless one is under way.
    pub(in crate::scaler) fn seek_work(&mut self, now: Timestamp, out: &mut Outbox) {
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
        if let Some(need) = self.needs().begun_or_ordered(now) {
            return self.road().begin(now, need, out);
        }
        let expelled_at = self.plan.expelled_at;
        if let Some((name, fault)) = self.facts.find_bad(now, expelled_at, &self.settings, out) {
            return self.road().begin(now, Need::Expel(name, fault), out);
        }
        if let Some(need) = self.needs().lost_in_reload(now) {
            return self.road().begin(now, need, out);
        }
        let missing = self.needs().capacity_wanted();
        self.said.no_spare.for_capacity &= missing.is_some();
        let owed = self.plan.owed.as_ref().map(|(_, wanted)| wanted.clone());
        let Some(wanted) = missing.or(owed) else {
            return;
        };
        let need = self.needs().spare_for(now, wanted);
        self.road().begin(now, need, out);
        if self.journeys.is_empty() {
            self.plan.owed = None; // None to be had: the next breach asks again.
        }
    }

    /// A spare that answers worse than the others is not kept in by a change of another one that can
    /// wait: sessions that end, a warm-up or checks for the sake of speed.
    fn make_way(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = self.journeys.iter().next() else {
            return;
        };
        let name = change.server.clone();
        let delay = change.may_wait(now);
        if delay == Delay::No || self.hand.pause().is_some() {
            return;
        }
        let (settings, expelled_at) = (&self.settings, self.plan.expelled_at);
        let bad = self.facts.find_bad(now, expelled_at, settings, out);
        if bad.is_none() {
            return;
        }
        match delay {
            Delay::No => {}
            Delay::Abandon => self.road().abandon_warm_up(&name),
            Delay::Linger => self.road().set_drain_aside(&name),
            Delay::CallOff => {
                self.road().call_off(now, &name, CalledOff::MakesWay, out);
            }
        }
    }

    /// Paused: the same search, and what would begin is only said.
    fn seek_pretended_work(&mut self, now: Timestamp, out: &mut Outbox) {
        let back = self.needs().wanted_back(now);
        let owed = self.plan.owed.take().map(|(_, wanted)| wanted);
        let wanted = self.needs().capacity_wanted().or(owed);
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

    /// Says once that a spare stays which would go otherwise.
    pub(super) fn say_stay(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(leaving) = self.leaving() else {
            return;
        };
        let Some(stay) = leaving.stay else { return };
        let mut said = self.said.stay.iter();
        let is_said = said.any(|(name, said)| *name == leaving.name && said.is_like(stay));
        if is_said || now < leaving.ordinary {
            return;
        }
        let left = leaving.due.since(now);
        let reason = match stay {
            Stay::TooSlow(entry) => Reason::TooSlow {
                entry,
                rate: self.signals.rate.busiest().unwrap_or_default(),
                left,
            },
            Stay::Budget => {
                let within = budget::period(self.settings.idle_timeout);
                let member = self.facts.pool.member(&leaving.name);
                Reason::Budget {
                    changes: member.map_or(0, |member| member.budget.spent(now, within)),
                    within,
                    left,
                }
            }
        };
        out.report(now, Some(&leaving.name), Change::Stay, reason);
        self.said.stay.push((leaving.name, stay));
    }
}
