//! What users and servers suffer from now and why nothing can help, as problems of `status`: servers that get no requests,
//! answer badly, or are used where they should rest; users who wait or fail.

use super::Sight;
use crate::measure::policy::PolicyView;
use crate::scaler::backend::journeys::Journeys;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::seen::Problem;
use crate::words::time::Timestamp;

/// Fewer failed requests than this are no problem …
const FAILED_MIN: u64 = 5;
/// … nor is a smaller part of all of them.
const FAILED_SHARE: f64 = 0.05;

impl Sight<'_> {
    /// All of it, as far as it lasts.
    pub(super) fn problems_of_service(&self, now: Timestamp, problems: &mut Vec<Problem>) {
        for (server, shows) in self.facts.pool.dead_always_up() {
            problems.push(Problem::AlwaysUpMissing(server.to_owned(), shows));
        }
        let spares = self.facts.pool.members.iter();
        problems.extend(spares.filter_map(problem_of_spare));
        problems.extend(self.facts.crowd.lasting().cloned().map(Problem::Crowded));
        let failures = self.signals.policies.iter();
        let failures = failures.map(|policy| policy.recent.failures(now)).max();
        if let Some((failed, all)) = failures
            && failed >= FAILED_MIN
            && failed as f64 >= FAILED_SHARE * all as f64
        {
            problems.push(Problem::Errors { failed, all });
        }
    }

    /// A server is missing or the backend has been slow for as long as a spare needs to be asked for,
    /// and none comes.
    pub(super) fn helpless(&self, now: Timestamp, policy: Option<&PolicyView>) -> Option<Problem> {
        if self.journeys.may_bring_one() || self.timers.is_settling(now) {
            return None;
        }
        if let Some(wanted) = self.needs().capacity_wanted(None) {
            let why = self.needs().nobody_comes(now)?;
            return Some(Problem::Short { wanted, why });
        }
        if let Some((_, wanted)) = self.votes.missing(&self.facts, &self.journeys) {
            let why = self.needs().nobody_comes(now)?;
            return Some(Problem::Short { wanted, why });
        }
        let slow = policy.filter(|view| {
            self.signals.quiet.since.is_none() && view.streak >= view.settings.breaches.max(1)
        })?;
        Some(Problem::Slow {
            signal: slow.settings.signal,
            statistic: slow.settings.statistic,
            value: slow.value,
            above: slow.settings.above,
            why: self.needs().nobody_comes(now)?,
        })
    }
}

/// Spares that are wanted and whose warm-up fails.
pub(super) fn failing_warm_ups(
    now: Timestamp,
    journeys: &Journeys,
) -> impl Iterator<Item = Problem> {
    let coming = journeys.coming_before(None);
    let beside: Vec<String> = coming.map(|it| it.server.clone()).collect();
    journeys.iter().filter_map(move |it| {
        Some(Problem::WarmUpFails {
            server: it.server.clone(),
            failing: it.failing(now)?,
            beside: beside.clone(),
        })
    })
}

fn problem_of_spare(member: &Member) -> Option<Problem> {
    let name = member.read.name.clone();
    if member.role != Role::Spare {
        return None;
    }
    if member.service.is_used_in_maint {
        return Some(Problem::UsedInMaint(name));
    }
    if member.stage != Stage::Ready {
        return None;
    }
    match (member.service.trouble.fault, member.service.trouble.idle) {
        (Some(fault), _) => Some(Problem::Failing(name, fault)),
        (None, cause) => Some(Problem::NotServing(name, cause?)),
    }
}
