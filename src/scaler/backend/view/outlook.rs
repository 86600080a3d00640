//! What a backend does next and why. Decided elsewhere; here it is told, as data.

use super::super::nobody::why_no_spare;
use super::super::timers::Timer;
use super::{Sight, is_slow};
use crate::measure::policy::PolicyView;
use crate::measure::settings::Statistic;
use crate::scaler::backend::journey::Journey;
use crate::scaler::backend::needs::Stay;
use crate::scaler::decision::Wanted;
use crate::scaler::event::LogState;
use crate::scaler::member::name_of;
use crate::scaler::seen::{Later, Measured, Outlook, Transition};
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
            let transitions = self.journeys.iter().map(|it| self.transition(now, it));
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
        let is_broken = |view: &PolicyView| view.is_broken && view.streak == 0;
        match policy.filter(|view| is_slow(&self.signals, view) && !is_broken(view)) {
            Some(policy) => self.outlook_when_slow(now, policy),
            None => self.outlook_when_not_slow(now, policy),
        }
    }

    fn transition(&self, now: Timestamp, journey: &Journey) -> Transition {
        let member = self.facts.pool.member(&journey.server);
        let check = member.and_then(|it| it.read.running_check());
        Transition {
            server: journey.server.clone(),
            stage: member.map(|it| it.stage).unwrap_or_default(),
            is_inbound: journey.is_inbound(),
            checks: check.map(|check| check.is_full()),
            sessions: member.map_or(0, |it| it.read.sessions),
            failing: journey.failing(now),
            booting: self
                .machines
                .of(&journey.server)
                .filter(|_| journey.is_inbound())
                .and_then(|machine| machine.booting(now)),
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
        if let Some(wanted) = missing(self, now)
            && let Some(why) = self.needs().nobody_comes(now)
        {
            return Outlook::Short {
                wanted: Box::new(wanted),
                exist: self.facts.pool.exist(),
                why,
            };
        }
        match self.facts.log {
            LogState::Absent => Outlook::Blind,
            LogState::Lagging | LogState::Incomplete => Outlook::HalfBlind,
            LogState::Flowing if self.facts.is_log_doubted() => Outlook::HalfBlind,
            LogState::Flowing => self
                .outlook_of_kept(now, policy)
                .unwrap_or_else(|| self.outlook_of_enough(policy)),
        }
    }

    /// All is well, with the numbers.
    fn outlook_of_enough(&self, policy: Option<&PolicyView>) -> Outlook {
        let serving = self.facts.pool.serving();
        let is_quiet = self.signals.quiet.since.is_some();
        let measured = policy.and_then(|view| {
            Some(Measured {
                signal: view.settings.signal,
                // When it is quiet the mean alone is looked at.
                statistic: if is_quiet {
                    Statistic::Mean
                } else {
                    view.settings.statistic
                },
                value: view.value?,
                above: view.settings.above,
            })
        });
        match self.size.need().filter(|_| self.size.may_ask()) {
            Some(need) => Outlook::Enough {
                need: Box::new(*need),
                serving,
                measured,
            },
            None => Outlook::Well {
                measured,
                per_second: self.signals.rate.per_second(),
                serving,
            },
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
        let comes = self.outlook_of_spare(now, view);
        comes.unwrap_or_else(|| Outlook::Nobody(why_no_spare(self.needs(), now)))
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

/// What is missing whether or not it is slow.
fn missing(sight: &Sight<'_>, now: Timestamp) -> Option<Wanted> {
    let voted = || sight.votes.missing(&sight.facts, &sight.journeys);
    // When it is quiet, it is said why the last one stays.
    let is_busy = sight.signals.quiet.since.is_none();
    let asked = || sight.needs().missing(now, true).filter(|_| is_busy);
    let wanted = sight.needs().capacity_wanted(None);
    wanted.or_else(|| Some(voted().or_else(asked)?.1))
}
