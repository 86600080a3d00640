//! The one text of each decision, for the daemon's log, `replay` and `status`. What was decided, and
//! why, is data in `scaler::decision`; here it becomes a sentence.

use std::time::Duration;

use super::capacity;
use super::keeps::scheduled;
use super::measured::not_helping;
use super::orders::answer_to;
use super::servers::changed_by;
use super::{because, by, counted};
use crate::scaler::decision::{
    Cause, Change, Checks, Decision, Failed, Failure, MachineTrouble, Ordered, Reason, Tally,
    Wanted,
};
use crate::words::proof::WarmUpEvidence;
use crate::words::time::{PerSecond, Span};

in_words!(
    Change: change,
    Decision: decision,
    Failed: failed,
    Failure: failure,
    Ordered: ordered,
    Reason: reason,
    Wanted: wanted,
);

/// `enable web/web3: …`, one line; without a place what is about HAProxy as a whole.
fn decision(decision: &Decision) -> String {
    let (change, reason) = (decision.change, &decision.reason);
    let backend = decision.backend();
    let place = match &decision.server {
        Some(server) => format!(" {backend}/{server}"),
        None if backend.is_empty() => String::new(),
        None => format!(" {backend}"),
    };
    if matches!(reason, Reason::Operator { .. }) {
        format!("{change}{place}: {reason}; `haproxy-autoscale resume{place}` ends that")
    } else {
        format!("{change}{place}: {reason}")
    }
}

fn change(change: &Change) -> &'static str {
    change.as_str()
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Breach { breach, slow, .. } => match slow {
            Some(slow) => format!("{breach}; {slow}"),
            None => breach.to_string(),
        },
        Reason::Episode(episode) => episode.to_string(),
        Reason::NotHelping {
            signal,
            statistic,
            verdict,
        } => not_helping(verdict, *signal, *statistic),
        Reason::TooSlow { entry, rate, left } => format!(
            "{entry}, now {}; goes in {} if it stays quiet",
            PerSecond(*rate),
            Span(*left)
        ),
        Reason::Budget {
            changes,
            within,
            left,
        } => {
            let (within, left) = (Span(*within), Span(*left));
            format!("changed {changes} times within {within}: stays in for {left}")
        }
        Reason::Wanted(wanted) => wanted.to_string(),
        Reason::Warmed {
            wanted,
            evidence,
            checks,
            took,
        } => format!("{wanted}; {}", warmed(*evidence, *checks, *took)),
        Reason::GivenBack(wanted) => format!("was draining, is wanted again: {wanted}"),
        Reason::Failed {
            what,
            quarantined_for: left,
        } => format!("{what}; left in maint, not tried for {}", Span(*left)),
        Reason::Quiet { quiet_for, share } => {
            let share = share.map(|share| format!("{:.0} % of the threshold", share * 100.0));
            let share = share.as_deref().unwrap_or("no requests");
            format!("quiet for {} ({share})", Span(*quiet_for))
        }
        Reason::Emptied { took, sessions } => emptied(Span(*took), *sessions),
        Reason::StillOpen { took, sessions } => {
            let (took, sessions) = (Span(*took), counted(*sessions, "session"));
            format!(
                "drain timeout after {took} with {sessions} open; it stays in drain until they end"
            )
        }
        Reason::NotServing { tally, cause } => not_serving(tally.as_ref(), *cause),
        Reason::Recovered(tally) => recovered(tally),
        Reason::Shares(tally) => format!("takes its share now: {tally}"),
        Reason::Machine(news) => news.to_string(),
        Reason::Fault { fault, consequence } => format!("{fault}; {consequence}"),
        Reason::NoSpare { wanted, why } => format!("{wanted}; {why}"),
        Reason::Operator {
            from,
            to,
            may_be_agent,
            hold,
        } => format!(
            "state changed from {from} to {to} {}; leaving it alone for {}",
            changed_by(*may_be_agent),
            Span(*hold)
        ),
        Reason::Answer { verb, by, answer } => answer_to(*verb, by.as_deref().copied(), answer),
        Reason::Effect(effect) => effect.to_string(),
        Reason::Note(note) => note.to_string(),
    }
}

fn recovered(tally: &Tally) -> String {
    let (failed, ended) = (tally.failed, counted(tally.ended, "request"));
    format!("answers as well as the others again: {failed} of its last {ended} failed")
}

fn warmed(evidence: WarmUpEvidence, checks: Checks, took: Duration) -> String {
    let WarmUpEvidence {
        passed,
        first_ms,
        last_ms,
        ..
    } = evidence;
    if evidence.is_assumed {
        return "its warm-up is assumed to pass".to_owned();
    }
    let proof = match passed {
        0 => "accepts connections".to_owned(),
        more => format!("warmed up with {more} requests ({first_ms} ms -> {last_ms} ms)"),
    };
    format!("{proof}, {checks}; took {}", Span(took))
}

fn emptied(took: Span, sessions: u32) -> String {
    if sessions == 0 {
        return format!("drained in {took}");
    }
    let sessions = counted(sessions, "session");
    format!(
        "put into maint after {took} with {sessions} open; HAProxy cuts none of them, unless the \
         server has `on-marked-down shutdown-sessions`"
    )
}

fn not_serving(tally: Option<&Tally>, cause: Cause) -> String {
    let tally = tally.map(|tally| format!("took {tally}"));
    let tally = tally.as_deref().unwrap_or("gets no requests");
    format!("ready, and {tally}: {cause}; not counted as capacity")
}

pub(super) fn wanted(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Slow(breach) => breach.to_string(),
        Wanted::Demand { need, serving } => {
            format!("{}; {serving} serving", capacity::need(need))
        }
        Wanted::Target { need, serving } => format!("{need}; {serving} serving"),
        Wanted::DeadServer { server, shows } => format!("always-up server {server} is {shows}"),
        Wanted::Evacuation { server } => format!("{server} is evacuated"),
        Wanted::DeadSpare { server, shows } => format!("ready spare {server} is {shows}"),
        Wanted::Crowded(crowded) => crowded.to_string(),
        Wanted::BelowMin { up, min, until } => {
            let serving = counted(*up, "server");
            format!("{serving} serving, min is {}", scheduled(*min, *until))
        }
        Wanted::Reloaded => "it was wanted before HAProxy was reloaded, and still is".to_owned(),
        Wanted::Waiting { queued } => format!("{queued} requests wait in the queue"),
        Wanted::Ordered(ordered) => ordered.to_string(),
    }
}

fn ordered(ordered: &Ordered) -> String {
    let (verb, who) = match ordered {
        Ordered::By { verb, by } => (verb, *by),
        Ordered::Standstill(lasted) => {
            return format!("the daemon stood still for {}", Span(*lasted));
        }
        Ordered::NewConfiguration => {
            return "the new configuration does not name it as a spare any more".to_owned();
        }
    };
    let done = verb.done();
    match who {
        Some(_) => format!("{done}{}{}", by(who), because(who)),
        None => format!("{done} by an operator"),
    }
}

fn failure(failure: &Failure) -> String {
    match failure {
        Failure::WarmUp(failure) => format!("warm-up failed: {failure}; kept out of service"),
        Failure::Checks { health, full } => {
            format!("HAProxy's checks did not pass in time (health {health} of {full})")
        }
        Failure::DownByAgent => "its agent says that it is down or wants no requests".to_owned(),
        Failure::TrackedIsDown => "the server that it tracks is DOWN".to_owned(),
        Failure::ChecksFailed => "HAProxy's checks found it DOWN".to_owned(),
        Failure::Reached { taken, failed } => format!(
            "users reached it while it was draining (a `use-server` rule or a cookie sends them), and \
             {failed} of {} failed",
            counted(*taken, "request")
        ),
        Failure::Refused(refused) => refused.to_string(),
        Failure::NotFollowed(state) => {
            format!("HAProxy accepted `state {state}` but still reports a different state")
        }
        Failure::Machine(trouble @ (MachineTrouble::Late(_) | MachineTrouble::Hangs(_))) => {
            trouble.to_string()
        }
        Failure::Machine(trouble) => format!("its machine did not start: {trouble}"),
        Failure::Died => "it died while draining".to_owned(),
    }
}

fn failed(failed: &Failed) -> String {
    match failed {
        Failed::Coming(Failure::WarmUp(failure)) => failure.to_string(),
        Failed::Coming(failure) => failure.to_string(),
        Failed::Serving(fault) => fault.to_string(),
        Failed::Dead => "it was DOWN".to_owned(),
        Failed::Before => "it failed".to_owned(),
    }
}
