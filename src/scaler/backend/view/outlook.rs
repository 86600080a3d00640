//! What a backend does next and why. Decided elsewhere; here it is told, as data.

use super::super::timers::Timer;
use super::Sight;
use crate::measure::policy::PolicyView;
use crate::scaler::backend::journey::Journey;
use crate::scaler::backend::needs::Stay;
use crate::scaler::event::LogState;
use crate::scaler::member::name_of;
use crate::scaler::seen::{Later, Outlook, Transition};
use crate::words::time::Timestamp;

impl Sight<'_> {
    /// What happens next, and why.
    pub(super) fn outlook(&self, now: Timestamp, policy: Option<&PolicyView>) -> Outlook {
        if !self.facts.has_picture() {
            return Outlook::Read {
                due: self.facts.reading.due.since(now),
                failure: self.facts.reading.failure.clone(),
            };
        }
        if !self.journeys.is_empty() {
            let transitions = self.journeys.iter().map(|it| self.transition(it));
            return Outlook::Changing(transitions.collect());
        }
        if let Some(until) = self.timers.get(Timer::Settled).filter(|it| now < *it) {
            return Outlook::Settling(until.since(now));
        }
        if self.hand.pause().is_some() {
            return Outlook::Paused(self.outlook_but_for_a_pause(now, policy).map(Box::new));
        }
        if let Some(leaves) = self.outlook_when_quiet(now) {
            return leaves;
        }
        match policy.filter(|view| view.streak > 0 && self.signals.quiet.since.is_none()) {
            Some(policy) => self.outlook_when_slow(now, policy),
            None => self.outlook_when_not_slow(now, policy),
        }
    }

    fn transition(&self, journey: &Journey) -> Transition {
        let member = self.facts.pool.member(&journey.server);
        let check = member.and_then(|it| it.read.running_check());
        Transition {
            server: journey.server.clone(),
            stage: member.map(|it| it.stage).unwrap_or_default(),
            is_inbound: journey.is_inbound(),
            checks: check.map(|check| check.is_full()),
            sessions: member.map_or(0, |it| it.read.sessions),
        }
    }

    /// What would happen if it were not for the pause.
    fn outlook_but_for_a_pause(
        &self,
        now: Timestamp,
        policy: Option<&PolicyView>,
    ) -> Option<Outlook> {
        if let Some(leaves) = self.outlook_when_quiet(now) {
            return Some(leaves);
        }
        let asked = policy.filter(|view| {
            self.signals.quiet.since.is_none() && view.streak >= view.settings.breaches.max(1)
        })?;
        self.outlook_of_spare(now, asked)
            .filter(|_| self.needs().forbids_for_load(None).is_none())
    }

    fn outlook_when_not_slow(&self, now: Timestamp, policy: Option<&PolicyView>) -> Outlook {
        let is_short = self.needs().capacity_wanted(None).is_some()
            || self.votes.missing(&self.facts, &self.journeys).is_some();
        if is_short && let Some(why) = self.needs().nobody_comes(now) {
            return Outlook::Nobody(why);
        }
        match self.facts.log {
            LogState::Absent => Outlook::Blind,
            LogState::Lagging | LogState::Incomplete => Outlook::HalfBlind,
            LogState::Flowing if self.facts.is_log_doubted() => Outlook::HalfBlind,
            LogState::Flowing => self
                .outlook_of_kept(now, policy)
                .unwrap_or_else(|| self.outlook_of_enough()),
        }
    }

    /// All is well, with the numbers where it is known what one server carries.
    fn outlook_of_enough(&self) -> Outlook {
        match self.size.need().filter(|_| self.size.may_ask()) {
            Some(need) => Outlook::Enough {
                need: Box::new(*need),
                serving: self.facts.pool.serving(),
            },
            None => Outlook::Nothing,
        }
    }

    fn outlook_when_slow(&self, now: Timestamp, view: &PolicyView) -> Outlook {
        // Where none is left, no cooldown is worth a word.
        if let Some(why) = self.needs().nobody_comes(now) {
            return Outlook::Nobody(why);
        }
        if let Some((_, _, verdict)) = self.signals.not_helping(now) {
            return Outlook::NotHelping(verdict.until().since(now));
        }
        if let Some(member) = self.growing(now) {
            return Outlook::Growing {
                server: name_of(member),
                weight: member.read.user_weight,
                whole: member.read.initial_weight,
            };
        }
        if now < self.plan.up_not_before {
            return Outlook::Cooldown(self.plan.up_not_before.since(now));
        }
        self.outlook_of_spare(now, view).unwrap_or(Outlook::Nothing)
    }

    fn outlook_of_spare(&self, now: Timestamp, view: &PolicyView) -> Option<Outlook> {
        Some(Outlook::Comes {
            spare: name_of(self.needs().first_for_a_breach(now)?),
            signal: view.settings.signal,
            above: view.settings.above,
            streak: view.streak,
            needed: view.settings.breaches,
        })
    }

    /// The spare that is next to go, for `status`.
    pub(super) fn outlook_when_quiet(&self, now: Timestamp) -> Option<Outlook> {
        let leaving = self.leaving()?;
        let later = match leaving.stay {
            Some(Stay::TooSlow(entry)) => Some(Later::TooSlow(
                entry,
                self.signals.rate.busiest().unwrap_or_default(),
            )),
            Some(Stay::Budget) => Some(Later::Budget),
            None => (leaving.due == self.plan.down_not_before).then_some(Later::Cooldown),
        };
        Some(Outlook::Leaves {
            server: leaving.name,
            left: leaving.due.since(now),
            later,
        })
    }
}
