//! Servers in words: what is the matter with one, why it gets nothing, what becomes of it, and why no
//! spare comes.

use super::counted;
use crate::scaler::Stage;
use crate::scaler::decision::{Cause, Consequence, Fault};
use crate::scaler::seen::{
    Blocked, Condition, Nobody, ServerNote, StandingReason, Standings, WhyNot,
};
use crate::words::time::Span;

in_words!(
    Blocked: blocked,
    Cause: cause,
    Condition: condition,
    Consequence: consequence,
    Fault: fault,
    Nobody: nobody,
    ServerNote: note,
    StandingReason: standing_reason,
    WhyNot: why_not,
);

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::NoWeight { by_agent: true } => {
            "its agent gives it weight 0 (with weight 1 every answer below 100 % does; a larger \
             weight in haproxy.cfg, such as `weight 100`, ends that)"
        }
        Cause::NoWeight { by_agent: false } => "its weight is 0",
        Cause::Backup => {
            "it is marked `backup`, and HAProxy sends a backup nothing while others serve"
        }
        Cause::LittleWeight { weight, total } => {
            return format!("its weight is {weight}, that of all servers {total}");
        }
        Cause::Queue => {
            "HAProxy keeps its queue from it although it has room; `balance leastconn` in this \
             backend avoids that"
        }
        Cause::First => "`balance first` fills the servers before it first, and they are not full",
        Cause::Cookie => {
            "clients keep the server that their cookie names; new clients will reach it"
        }
        Cause::Hash => "the balance algorithm chooses by what the request says",
        Cause::Unknown => "perhaps a `use-server` rule or a stick table keeps requests from it",
    }
    .to_owned()
}

fn fault(fault: &Fault) -> String {
    match fault {
        Fault::Errors(tally) => format!(
            "{} of its last {} failed, of the others' {} {}",
            tally.failed,
            counted(tally.ended, "request"),
            tally.others_ended,
            tally.others_failed
        ),
        Fault::Hanging(tally) => format!(
            "requests pile up on it: it took {} in {} and ended {}, the others took {} and ended {}",
            counted(tally.taken, "request"),
            Span(tally.within),
            tally.ended,
            tally.others_taken,
            tally.others_ended
        ),
        Fault::MachineOff => "its machine is off".to_owned(),
        Fault::Slow {
            mean_ms,
            others_ms,
            requests,
        } => {
            let requests = counted(*requests, "request");
            format!("it takes {mean_ms:.0} ms (mean of {requests}), the others {others_ms:.0} ms")
        }
        Fault::Lags {
            mean_ms,
            others_ms,
            requests,
            weight,
            whole,
        } => {
            let requests = counted(*requests, "request");
            format!(
                "with weight {weight} of {whole} it takes {mean_ms:.0} ms (mean of {requests}), the \
                 others {others_ms:.0} ms, and all of weight_ramp made it no faster"
            )
        }
    }
}

fn consequence(consequence: &Consequence) -> String {
    match consequence {
        Consequence::Leaves { quarantined_for } => {
            let left = Span(*quarantined_for);
            return format!("it is drained and put into maint, not tried for {left}");
        }
        Consequence::Watched => "it goes if that lasts",
        Consequence::TooFewOthers => "it stays: too few other servers serve",
        Consequence::Ordered => "it stays: an operator wants it so",
        Consequence::ByContent => {
            "it stays: the balance algorithm chooses by what the request says, so its requests may \
             be the reason"
        }
        Consequence::NoSpare => {
            "it is no spare and stays, but is not counted as capacity meanwhile"
        }
    }
    .to_owned()
}

/// Whose doing a change was that is not ours; HAProxy does not tell an agent from a hand.
pub(super) const fn changed_by(may_be_agent: bool) -> &'static str {
    if may_be_agent {
        "by its agent or by hand"
    } else {
        "outside this daemon"
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Held { left, may_be_agent } => {
            let (left, by) = (Span(*left), changed_by(*may_be_agent));
            return format!("on hold for {left}: changed {by}; `resume` ends that");
        }
        Condition::Quarantined { left, failed } => {
            return format!("quarantined for {}: {failed}", Span(*left));
        }
        Condition::Tracked => "not touched: other servers track it",
        Condition::Down => "DOWN by HAProxy's checks",
        Condition::DrainedByAgent => "its agent answers `drain`",
        Condition::NoWeight => "takes no requests: its weight is 0",
        Condition::Backup => "takes no requests: it is a backup",
        Condition::Idle => "takes no requests",
        Condition::Failing => "its requests fail",
        Condition::Slow => "many times slower than the others",
        Condition::Ramping {
            weight,
            whole,
            is_held: false,
        } => return format!("weight {weight} of {whole}, and growing"),
        Condition::Ramping {
            weight,
            whole,
            is_held: true,
        } => return format!("weight {weight} of {whole} until it answers as well as the others"),
        Condition::Lingering => "waits for its sessions to end",
        Condition::BeyondUs => "not touched: tracked or unresolved",
        Condition::Machine(note) => return note.to_string(),
    }
    .to_owned()
}

fn note(note: &ServerNote) -> String {
    let orders = orders(&note.set, note.is_in);
    match &note.condition {
        Some(condition) if orders.is_empty() => condition.to_string(),
        Some(condition) => format!("{condition}; {orders}"),
        None => orders,
    }
}

/// What an operator has set for a server; `is_in`: it is ready.
pub(super) fn orders(set: &Standings, is_in: bool) -> String {
    let kept = set.order.map(|order| match order.reason {
        Some(StandingReason::Enable) if is_in => ("kept in", order),
        Some(StandingReason::Enable) => ("wanted in", order),
        Some(StandingReason::Evacuate) => ("evacuated", order),
        Some(StandingReason::Disable | StandingReason::Changed | StandingReason::Failed) | None => {
            ("kept out", order)
        }
    });
    let pinned = set.pin.map(|pin| ("pinned", pin));
    let paused = set.pause.map(|pause| ("paused", pause));
    let all = [pinned, paused, kept].into_iter().flatten();
    let all: Vec<String> = all.map(|(word, it)| format!("{word}{it}")).collect();
    all.join(", ")
}

fn standing_reason(reason: &StandingReason) -> &'static str {
    match reason {
        StandingReason::Enable => "enable",
        StandingReason::Disable => "disable",
        StandingReason::Evacuate => "evacuate",
        StandingReason::Changed => "changed outside this daemon",
        StandingReason::Failed => "it failed",
    }
}

fn why_not(why: &WhyNot) -> String {
    match why {
        WhyNot::Serves => "serves already".to_owned(),
        WhyNot::Noted(note) => note.to_string(),
        WhyNot::Spent(left) => {
            format!(
                "not used for {}: it has been changed too often",
                Span(*left)
            )
        }
        WhyNot::WarmUpFails(failing) => format!("is tried: {failing}"),
        WhyNot::Machine(why) => why.to_string(),
        WhyNot::Is(Stage::Ready) => "does not serve".to_owned(),
        WhyNot::Is(stage) => format!("is {}", stage.as_str()),
    }
}

fn blocked(blocked: &Blocked) -> String {
    match blocked {
        Blocked::Max(servers) => format!("{servers} servers are in and that is `max`"),
        Blocked::InDoubt(compared) => format!(
            "one spare came in on lines that HAProxy's counters do not confirm; another one waits \
             until they do ({compared})"
        ),
        Blocked::Idle(servers, cause) => {
            format!(
                "ready and without requests: {} ({cause})",
                servers.join(", ")
            )
        }
        Blocked::Back => "the missing server is back".to_owned(),
    }
}

fn nobody(why: &Nobody) -> String {
    match why {
        Nobody::Paused(pause, backend) => {
            let place = backend.as_ref().map(|backend| format!(" {backend}"));
            let place = place.unwrap_or_default();
            format!("it is paused{pause}; `haproxy-autoscale resume{place}` ends that")
        }
        Nobody::Blocked(blocked) => blocked.to_string(),
        Nobody::NoSpares => "there is no spare".to_owned(),
        Nobody::AllIn(1) => "the only spare serves already".to_owned(),
        Nobody::AllIn(spares) => format!("all spares serve already ({spares})"),
        Nobody::Each(spares) => {
            let spares = spares.iter().map(|(name, why)| format!("{name} {why}"));
            spares.collect::<Vec<_>>().join(", ")
        }
    }
}
