//! What an operator is told that will happen now that an order is accepted. Which orders are refused, and what each
//! sets, is in `orders`.

use super::evacuation;
use super::machines::Distance;
use super::view::Sight;
use crate::scaler::decision::{Load, Promise, Way};
use crate::scaler::hand::Kept;
use crate::scaler::member::{Member, Role, Stage};
use crate::words::order::{Order, Verb};
use crate::words::time::Timestamp;

/// What will happen now that the order is accepted.
pub(super) fn promise(
    sight: &Sight<'_>,
    now: Timestamp,
    order: &Order,
    server: Option<&str>,
    load: Option<Box<Load>>,
    stays: bool,
) -> Promise {
    match order.verb {
        Verb::Enable => {
            let way = if stays {
                Way::Stays
            } else {
                way(sight, now, server, Kept::In)
            };
            promise_kept(sight, order, server, (Kept::In, way), None)
        }
        Verb::Disable => {
            let way = way(sight, now, server, Kept::Out);
            promise_kept(sight, order, server, (Kept::Out, way), load)
        }
        Verb::Pause | Verb::Pin => {
            let is_meant = |it: &str| server.is_none_or(|server| server == it);
            let mut journeys = sight.journeys.iter();
            let member = server.and_then(|server| sight.facts.pool.member(server));
            Promise::Fixed {
                lasts: order.lasts,
                in_transition: journeys
                    .find(|it| is_meant(&it.server))
                    .map(|it| it.server.clone()),
                is_no_spare: member.is_some_and(|member| member.role != Role::Spare),
                load,
            }
        }
        Verb::Unpin => Promise::Unpinned,
        Verb::Evacuate => {
            let server = server.unwrap_or_default();
            let member = sight.facts.pool.member(server);
            let stand_in = evacuation::stand_in(sight.needs(), now, server);
            Promise::Evacuated {
                boot: stand_in
                    .as_deref()
                    .and_then(|it| sight.machines.of(it)?.starts.boot),
                is_last: sight.facts.pool.serving_without(server) == 0,
                is_off: stand_in
                    .as_deref()
                    .is_some_and(|it| starts_first(sight, now, it)),
                stand_in,
                is_out: !member.is_some_and(Member::is_serving),
                within: order.lasts.unwrap_or(evacuation::LASTS) / 2,
            }
        }
        Verb::Resume | Verb::Release => Promise::Resumed,
    }
}

fn promise_kept(
    sight: &Sight<'_>,
    order: &Order,
    server: Option<&str>,
    (kept, way): (Kept, Way),
    load: Option<Box<Load>>,
) -> Promise {
    let server = server.unwrap_or_default();
    let member = sight.facts.pool.member(server);
    let is_always_up = |it: &Member| it.errand.is_always_up || it.role == Role::AlwaysUp;
    let has_no_end = match kept {
        Kept::In => member.is_some_and(is_always_up),
        Kept::Out => sight.hand.marks(server).evacuated.is_some(),
    };
    let stops = kept == Kept::Out && stops_after(sight, server);
    if has_no_end {
        return Promise::KeptOn {
            kept,
            way,
            stops,
            load,
        };
    }
    Promise::Kept {
        kept,
        way,
        length: order.lasts.unwrap_or(sight.settings.hold),
        stops,
        load,
    }
}

/// How that server gets there.
fn way(sight: &Sight<'_>, now: Timestamp, server: Option<&str>, kept: Kept) -> Way {
    let server = server.unwrap_or_default();
    let (is_in, already) = match kept {
        Kept::In => (true, Stage::Ready),
        Kept::Out => (false, Stage::Maint),
    };
    let is_off = starts_first(sight, now, server);
    let is_there = sight.facts.pool.member(server).map(|it| it.stage) == Some(already);
    match sight.journeys.of(server) {
        Some(journey) => match (is_in, journey.is_inbound()) {
            (true, true) if journey.step.waits_for_its_machine() && is_off => Way::Starting,
            (true, true) => Way::Coming,
            (false, false) => Way::Leaving,
            (true, false) | (false, true) => Way::Soon,
        },
        None if is_there => Way::Already(already),
        None if sight.timers.is_settling(now) => Way::Settling,
        None if is_in && is_off => Way::Starting,
        None => Way::Soon,
    }
}

/// Its machine has to be started before its server can be asked.
fn starts_first(sight: &Sight<'_>, now: Timestamp, server: &str) -> bool {
    let member = sight.facts.pool.member(server);
    let is_up = member.is_some_and(|it| it.read.is_up());
    !is_up && sight.machines.distance(now, server) != Distance::Runs
}

/// Its machine is stopped once its server has gone.
pub(super) fn stops_after(sight: &Sight<'_>, server: &str) -> bool {
    let settings = sight.settings.machines.get(server);
    let may_stop = settings.is_some_and(|it| it.may_stop);
    let machine = sight.machines.of(server);
    may_stop && !machine.is_some_and(|it| it.power.is_down())
}
