//! Why no spare comes: what is the matter with each of them.

use super::machines;
use super::needs::Needs;
use crate::scaler::member::{Member, Role, Stage, name_of};
use crate::scaler::seen::{Nobody, WhyNot};
use crate::words::time::Timestamp;

/// What became of the spares, of which none can be brought in because it is slow.
pub(super) fn why_no_spare(needs: Needs<'_>, now: Timestamp) -> Nobody {
    let spares = needs.facts.pool.members.iter();
    // An always-up one that is evacuated comes back by an order only.
    let is_spare = |it: &&Member| it.role == Role::Spare && !it.errand.is_always_up;
    let spares: Vec<&Member> = spares.filter(is_spare).collect();
    let serves = |spare: &Member| spare.stage == Stage::Ready && !spare.is_worse();
    if spares.is_empty() {
        return Nobody::NoSpares;
    }
    if spares.iter().all(|spare| serves(spare)) {
        return Nobody::AllIn(spares.len());
    }
    let spent_for = |spare: &Member| {
        let free_at = spare.budget.may_come_at(needs.settings.idle_timeout)?;
        (now < free_at).then(|| free_at.since(now))
    };
    let failing = |spare: &Member| {
        let journey = needs.journeys.of(&spare.read.name)?;
        journey.failing(now)
    };
    let no_start = |spare: &Member| {
        let is_out = spare.stage == Stage::Maint;
        is_out.then(|| machines::no_start(needs, now, &spare.read.name))?
    };
    let why = |spare: &Member| match (spare.note(now), spent_for(spare)) {
        (Some(note), _) => WhyNot::Noted(Box::new(note)),
        (None, _) if serves(spare) => WhyNot::Serves,
        (None, Some(left)) => WhyNot::Spent(left),
        (None, None) => match (failing(spare), no_start(spare)) {
            (Some(failing), _) => WhyNot::WarmUpFails(Box::new(failing)),
            (None, Some(why)) => WhyNot::Machine(why),
            (None, None) => WhyNot::Is(spare.stage),
        },
    };
    let each = spares.iter().map(|spare| (name_of(spare), why(spare)));
    Nobody::Each(each.collect())
}
