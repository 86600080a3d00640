//! When a need is acted upon: which comes first, what has to make way, what is only said in a pause.
//! The needs themselves are in `needs`.

use super::Backend;
use super::needs::{Need, Stay};
use crate::scaler::budget;
use crate::scaler::decision::{Change, Reason, Would};
use crate::scaler::member::name_of;
use crate::scaler::outbox::Outbox;
use crate::words::time::Timestamp;

impl Backend {
    /// Begins what is needed, the most urgent first. Servers travel in parallel: a slow one holds up
    /// no other one.
    pub(in crate::scaler) fn seek_work(&mut self, now: Timestamp, out: &mut Outbox) {
        if !self.facts.has_picture() || self.is_changing_settings() || self.is_settling(now) {
            return;
        }
        if self.hand.pause().is_some() {
            return self.seek_pretended_work(now, out);
        }
        // Each need that is met makes one more server busy.
        for _ in 0..=self.facts.pool.members.len() {
            let Some(need) = self.next_need(now, out) else {
                return;
            };
            let is_in_vain = matches!(need, Need::NoSpare(_));
            self.road().begin(now, need, out);
            if is_in_vain {
                return;
            }
        }
    }

    fn next_need(&mut self, now: Timestamp, out: &mut Outbox) -> Option<Need> {
        let begun = self.needs().begun_or_ordered(now);
        begun
            .or_else(|| self.bad_one(now, out))
            .or_else(|| self.needs().lost_in_reload(now))
            .or_else(|| {
                let missing = self.needs().capacity_wanted(None);
                self.said.no_spare.for_capacity &= missing.is_some();
                let wanted = missing.or_else(|| self.needs().owed(self.plan.owed.as_ref()))?;
                Some(self.needs().spare_for(now, wanted))
            })
    }

    /// A spare that answers worse than the others. One after the other: what the first one leaves
    /// behind is looked at before.
    fn bad_one(&mut self, now: Timestamp, out: &mut Outbox) -> Option<Need> {
        if self.journeys.has_one_departing() {
            return None;
        }
        let (journeys, expelled_at) = (&self.journeys, self.plan.expelled_at);
        let bad = self
            .facts
            .find_bad(now, journeys, expelled_at, &self.settings, out)?;
        Some(Need::Expel(bad.0, bad.1))
    }

    /// Paused: the same search, and what would begin is only said.
    fn seek_pretended_work(&mut self, now: Timestamp, out: &mut Outbox) {
        let back = self.needs().wanted_back(now);
        let owed = self.plan.owed.take().map(|(_, wanted)| wanted);
        let wanted = self.needs().capacity_wanted(None).or(owed);
        let next = || {
            let wanted = wanted.filter(|wanted| self.needs().forbids(wanted, None).is_none())?;
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
