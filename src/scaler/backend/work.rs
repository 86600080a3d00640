//! When a need is acted upon, and which comes first.
//! The needs themselves are in `needs`.

use super::Backend;
use super::machines;
use super::needs::{Need, Stay};
use super::plan::Search;
use crate::scaler::budget;
use crate::scaler::decision::{Change, Reason};
use crate::scaler::outbox::Outbox;
use crate::words::time::Timestamp;

impl Backend {
    /// Begins what is needed, the most urgent first. Servers travel in parallel: a slow one holds up
    /// no other one.
    pub(in crate::scaler) fn seek_work(&mut self, now: Timestamp, out: &mut Outbox) {
        if !self.facts.has_picture() || !self.next.is_same() || self.timers.is_settling(now) {
            return;
        }
        if self.hand.pause().is_some() {
            let owed = self.plan.owed.take();
            if let Some((would, name)) = self.needs().but_for_a_pause(now, owed) {
                self.hand.say_would(now, would, name, out);
            }
            return;
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
            .or_else(|| {
                let (journeys, expelled_at) = (&self.journeys, self.plan.expelled_at);
                let facts = &mut self.facts;
                let bad = facts.find_bad(now, journeys, expelled_at, &self.settings, out);
                bad.map(|(name, fault)| Need::Expel(name, fault))
            })
            .or_else(|| machines::died(self.needs()).map(|(name, fault)| Need::Expel(name, fault)))
            .or_else(|| self.needs().lost_in_reload(now))
            .or_else(|| {
                let missing = self.needs().capacity_wanted(None);
                if missing.is_none() {
                    self.plan.said.no_spare.forget(Search::Capacity);
                }
                let wanted = missing.or_else(|| self.needs().owed(self.plan.owed.as_ref()))?;
                Some(self.needs().spare_for(now, wanted))
            })
    }

    /// Says once that a spare stays which would go otherwise.
    pub(super) fn say_stay(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(leaving) = self.sight().leaving() else {
            return;
        };
        let Some(stay) = leaving.stay else { return };
        let mut said = self.plan.said.stay.iter();
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
        self.plan.said.stay.push((leaving.name, stay));
    }
}
