//! Our own requests to a spare: when they begin, and how long they may take, with the boot of its machine.

use std::time::Duration;

use super::super::journey::Boot;
use super::begin::REFUSALS_FOR;
use super::{Road, Step};
use crate::scaler::decision::{Change, Reason};
use crate::scaler::event::Action;
use crate::scaler::member::Stage;
use crate::scaler::outbox::Outbox;
use crate::words::time::Timestamp;

/// Its machine runs, or boots: its server is asked until it answers.
pub(in crate::scaler::backend) fn answers_next(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    out: &mut Outbox,
) {
    let (Some(settings), Some(machine)) =
        (road.settings.machines.get(name), road.machines.of_mut(name))
    else {
        return;
    };
    machine.goes_on(now);
    let usual = machine.starts.boot;
    let start = machine.start.as_ref();
    let until = start.map(|start| start.until(settings));
    let usual_until = start.map(|start| start.expected_by(usual, settings));
    let is_sure = machine.is_sure(now);
    let deadline = road.settings.warm_up_deadline;
    let Some(journey) = road.journeys.of_mut(name) else {
        return;
    };
    journey.boot = until.zip(usual_until).map(|(until, usual_until)| Boot {
        until,
        usual_until,
        has_answered: false,
        over_at: None,
    });
    if journey.boot.is_none() {
        journey.since = now; // It ran before: nothing of it was waited for.
    }
    let boots_for = until.map_or(Duration::ZERO, |until| until.since(now));
    let is_alone = is_sure && road.needs().candidates_for_load(now).is_empty();
    let patience = if is_alone { deadline } else { REFUSALS_FOR };
    let limits = (deadline.saturating_add(boots_for), boots_for.max(patience));
    warm_up(road, now, name, limits, out);
}

/// Asks its server until enough in a row pass; `limits`: for how long in all, and while nobody
/// takes a connection.
pub(super) fn warm_up(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    limits: (Duration, Duration),
    out: &mut Outbox,
) {
    let (Some(journey), Some(member)) =
        (road.journeys.of_mut(name), road.facts.pool.member_mut(name))
    else {
        return;
    };
    let Some(wanted) = journey.goal.wanted().cloned() else {
        return;
    };
    if journey.boot.is_none() {
        member.stage = Stage::Warming;
    }
    out.report(now, Some(name), Change::WarmUp, Reason::Wanted(wanted));
    let id = out.next_id();
    journey.step = Step::WarmingUp {
        id,
        until: now.after(limits.0),
    };
    out.actions.push(Action::WarmUp {
        id,
        server: out.server(name),
        address: member.read.address,
        is_tls: member.read.is_tls,
        deadline: limits.0,
        refusals_for: limits.1,
    });
}
