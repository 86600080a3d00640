//! Second thoughts: whether more servers help, whether a spare that could go had better stay, and
//! that either is said. When servers come and go otherwise is decided in `need`.

use super::{Backend, name_of};
use crate::scaler::budget;
use crate::scaler::decision::{Breach, Change, Reason, SlowServer, TooSlow, Wanted};
use crate::scaler::load::rate_of;
use crate::scaler::member::Member;
use crate::scaler::outbox::Outbox;
use crate::scaler::policy::{Policy, Verdict};
use crate::scaler::seen::{Later, Outlook};
use crate::words::time::Timestamp;

/// A spare that is next to go.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) name: String,
    /// When quiet has lasted for `idle_timeout`.
    pub(super) ordinary: Timestamp,
    /// When it goes, if it stays quiet.
    pub(super) due: Timestamp,
    /// Why that is later.
    pub(super) stay: Option<Stay>,
}

/// Why a spare that could go stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stay {
    /// So few servers were too slow at such a load, not long ago.
    TooSlow(TooSlow),
    /// It has been changed too often lately.
    Budget,
}

impl Stay {
    /// The same kind of reason: of several remembered loads the present one picks now this, now
    /// that.
    const fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::TooSlow(_), Self::TooSlow(_)) | (Self::Budget, Self::Budget) => true,
            (Self::TooSlow(_), Self::Budget) | (Self::Budget, Self::TooSlow(_)) => false,
        }
    }
}

/// What the windows that are complete ask for.
#[derive(Debug, Default)]
pub(super) struct Asks {
    pub(super) any_window: bool,
    pub(super) breaches: Vec<(Breach, Option<SlowServer>)>,
    /// Servers asked for, each with its breach.
    pub(super) servers: Vec<(u32, Breach)>,
}

impl Backend {
    /// Looks at every window that is complete. `may_act`: what is asked for would be done now, so
    /// the last spare is judged.
    pub(super) fn ask(&mut self, now: Timestamp, may_act: bool, out: &mut Outbox) -> Asks {
        let mut asks = Asks::default();
        let mut verdicts = Vec::new();
        for policy in &mut self.signals.policies {
            if policy.due().is_none_or(|due| due > now) {
                continue;
            }
            let Some((verdict, slow)) = policy.evaluate(now, self.signals.rate.total()) else {
                continue;
            };
            asks.any_window = true;
            let Verdict::Breach(breach) = verdict else {
                continue;
            };
            asks.breaches.push((breach, slow));
            let servers = policy.wanted(&breach, self.facts.pool.serving());
            if !may_act || servers == 0 {
                continue;
            }
            match policy.may_ask(now, self.signals.rate.per_second()) {
                Ok(()) => asks.servers.push((servers, breach)),
                Err(None) => {}
                Err(Some(verdict)) => verdicts.push((policy.measures(), verdict)),
            }
        }
        for ((signal, statistic), verdict) in verdicts {
            let reason = Reason::NotHelping {
                signal,
                statistic,
                verdict,
            };
            out.report(now, None, Change::NotHelping, reason);
        }
        asks
    }

    /// A spare joined, and the policies have not started over yet.
    pub(super) fn learn_from_arrival(&mut self, now: Timestamp, server: &str, wanted: &Wanted) {
        self.said.stay.clear();
        let before = self.facts.pool.serving_without(server);
        let rate = self.signals.rate.with_these_servers(now);
        self.signals.rate.servers_changed(now);
        match wanted {
            Wanted::Slow(breach) => {
                // Not the load of now: a rush may be over, and the minute before it was quiet. What
                // was fast enough a moment ago needs no trial.
                let rate_then = rate_of(breach.arrivals, self.signals.rate.per_second());
                if !self.signals.load.needed(now, before, rate_then) {
                    for policy in &mut self.signals.policies {
                        policy.try_out(now, server, before, rate);
                    }
                }
            }
            Wanted::Waiting { .. } => {
                let rate_then = rate.or(self.signals.rate.per_second());
                self.signals.load.needed(now, before, rate_then);
            }
            Wanted::DeadServer { .. }
            | Wanted::DeadSpare { .. }
            | Wanted::BelowMin { .. }
            | Wanted::Crowded(_)
            | Wanted::Ordered(_)
            | Wanted::Reloaded => {}
        }
    }

    /// A spare takes no balanced traffic any more.
    pub(super) fn learn_from_departure(&mut self, now: Timestamp) {
        self.said.stay.clear();
        self.signals.rate.servers_changed(now);
        let (servers, rate) = (self.facts.pool.serving(), self.signals.rate.busiest());
        let idle_timeout = self.settings.idle_timeout;
        let objection = self.signals.load.objection(servers, rate, idle_timeout);
        let waited = objection.map_or(idle_timeout, |(_, wait)| wait);
        self.signals.load.left(now, servers, waited);
        self.signals.end_trials();
    }

    /// The spare that is next to go, and when.
    pub(super) fn leaving(&self) -> Option<Leaving> {
        let is_free = self.travel.journey.is_none()
            && self.travel.writing.is_none()
            && self.plan.owed.is_none();
        if self.past.is_lost || self.is_changing_settings() {
            return None;
        }
        if !is_free || !self.facts.has_picture() {
            return None;
        }
        let quiet_since = self.signals.quiet.since?;
        let member = self.facts.pool.first_to_go(self.facts.reading.read_at?)?;
        if !self.may_put_away(&member.read.name) {
            return None;
        }
        let quiet_from = quiet_since.max(member.ready_at.unwrap_or(self.facts.started));
        let ordinary = quiet_from
            .after(self.settings.idle_timeout)
            .max(self.plan.down_not_before);
        let stay = self
            .stays(member, quiet_from)
            .filter(|(until, _)| *until > ordinary);
        Some(Leaving {
            name: name_of(member),
            ordinary,
            due: stay.map_or(ordinary, |(until, _)| until),
            stay: stay.map(|(_, stay)| stay),
        })
    }

    /// What keeps a spare longer than `idle_timeout`, and until when. One that serves nobody is no
    /// loss.
    fn stays(&self, member: &Member, quiet_from: Timestamp) -> Option<(Timestamp, Stay)> {
        if !member.is_serving() {
            return None;
        }
        let left = self.facts.pool.serving().saturating_sub(1);
        let objection = self.signals.load.objection(
            left,
            self.signals.rate.busiest(),
            self.settings.idle_timeout,
        );
        let by_load = objection.map(|(entry, wait)| (quiet_from.after(wait), Stay::TooSlow(entry)));
        let by_budget = member
            .budget
            .may_go_at(self.settings.idle_timeout)
            .map(|at| (at, Stay::Budget));
        let by_step = self.signals.load.next_step_at(self.settings.idle_timeout);
        let by_step = by_step.map(|(entry, at)| (at, Stay::TooSlow(entry)));
        let all = by_load.into_iter().chain(by_step).chain(by_budget);
        all.max_by_key(|(at, _)| *at)
    }

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
