//! Second thoughts: whether more servers help, whether a spare that could go had better stay, and
//! that either is said. When servers come and go otherwise is decided in `need`.

use super::Backend;
use super::needs::Stay;
use super::view::Sight;
use crate::scaler::budget;
use crate::scaler::decision::{Change, Reason};
use crate::scaler::outbox::Outbox;
use crate::scaler::policy::Policy;
use crate::words::time::Timestamp;

impl Backend {
    /// Says once that a spare stays which would go otherwise.
    pub(super) fn say_stay(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(leaving) = self.leaving() else {
            return;
        };
        let Some(stay) = leaving.stay else { return };
        let is_said = self
            .said
            .stay
            .iter()
            .any(|(name, said)| *name == leaving.name && said.is_like(stay));
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

impl Sight<'_> {
    /// Samples, servers and names that are held.
    pub(in crate::scaler) fn held(&self) -> usize {
        let policies: usize = self.signals.policies.iter().map(Policy::held).sum();
        let members = &self.facts.pool.members;
        let budgets: usize = members.iter().map(|member| member.budget.held()).sum();
        let looks: usize = members.iter().map(|it| it.probation.held()).sum();
        let watched = looks + self.signals.times.held() + self.signals.counted.len();
        policies + members.len() + budgets + watched + self.said.advice.len() + self.said.stay.len()
    }
}
