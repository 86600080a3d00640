//! Why nothing happens although it is not slow: what keeps a spare in, or that requests fail. Decided elsewhere;
//! here it is told, as data.

use super::Sight;
use crate::measure::policy::PolicyView;
use crate::scaler::backend::facts::Facts;
use crate::scaler::backend::signals::Signals;
use crate::scaler::hand::Kept;
use crate::scaler::member::{Member, Role, Stage, name_of};
use crate::scaler::seen::{Keeps, Outlook};
use crate::words::time::Timestamp;

impl Sight<'_> {
    /// Why nothing happens, if anything speaks against it.
    pub(super) fn outlook_of_kept(
        &self,
        now: Timestamp,
        policy: Option<&PolicyView>,
    ) -> Option<Outlook> {
        if policy.is_some_and(|view| view.is_broken) {
            return Some(Outlook::Kept(broken(now, &self.signals)));
        }
        let is_in = |member: &&Member| member.role == Role::Spare && member.stage == Stage::Ready;
        let spare = self.facts.pool.members.iter().find(is_in)?;
        if !self.may_let_go() {
            return Some(Outlook::Kept(Keeps::NotQuiet));
        }
        let order = self.facts.pool.in_order_of_going(now, &self.settings);
        let Some(first) = order.first() else {
            return Some(Outlook::Kept(left_alone(now, spare)));
        };
        if let Some(keeps) = self
            .not_quiet(policy)
            .or_else(|| stands_in(&self.facts, first))
        {
            return Some(Outlook::Kept(keeps));
        }
        if let Some(needed) = self.needs().needed() {
            return Some(Outlook::Stays(Box::new(needed)));
        }
        let keeps = self.needs().voted_for();
        let keeps = keeps.or_else(|| self.needs().kept_by_floor());
        Some(Outlook::Kept(keeps.unwrap_or_else(|| Keeps::Early {
            server: name_of(first),
            within: self.size.watches(now).unwrap_or(self.settings.idle_timeout),
        })))
    }

    /// What ends quiet, or keeps it from beginning.
    fn not_quiet(&self, policy: Option<&PolicyView>) -> Option<Keeps> {
        if self.facts.queued > 0 {
            return Some(Keeps::Queued(self.facts.queued));
        }
        if let Some(what) = self.facts.crowd.lasting() {
            return Some(Keeps::Crowded(what.clone()));
        }
        if self.signals.quiet.since.is_some() {
            return None;
        }
        let ratio = self.settings.scale_down_ratio;
        let busy = policy.and_then(|view| {
            let (value, below) = (view.value?, view.settings.above * ratio);
            (value >= below).then_some(Keeps::Busy {
                signal: view.settings.signal,
                statistic: view.settings.statistic,
                value,
                below,
            })
        });
        Some(busy.unwrap_or(Keeps::NotQuiet))
    }
}

/// Why that spare may not go, as none may: an operator's hand, or what HAProxy's configuration says.
fn left_alone(now: Timestamp, spare: &Member) -> Keeps {
    let standings = spare.marks.standings(now);
    let server = name_of(spare);
    if let Some(by) = standings.pin {
        return Keeps::Pinned { server, by };
    }
    if let Some(by) = standings.pause {
        return Keeps::Paused { server, by };
    }
    if spare.marks.kept() == Some(Kept::In) {
        return Keeps::Ordered {
            server,
            by: standings.order.unwrap_or_default(),
        };
    }
    Keeps::Held {
        server,
        note: spare.note(now).map(Box::new),
    }
}

fn broken(now: Timestamp, signals: &Signals) -> Keeps {
    let failures = signals.policies.iter();
    let failures = failures.map(|policy| policy.recent.failures(now)).max();
    let (failed, all) = failures.unwrap_or_default();
    Keeps::Broken { failed, all }
}

fn stands_in(facts: &Facts, spare: &Member) -> Option<Keeps> {
    let dead = facts.pool.dead_always_up();
    let (missing, shows) = dead.into_iter().next()?;
    Some(Keeps::StandIn {
        server: name_of(spare),
        missing: missing.to_owned(),
        shows,
    })
}
