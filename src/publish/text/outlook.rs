//! What a backend does next and why, in words: `next` of `status`.

use super::counted;
use super::measured::{measured, signal_prefix, threshold};
use crate::measure::need::Need;
use crate::scaler::Stage;
use crate::scaler::seen::{FailingWarmUp, Later, Measured, Outlook, Transition};
use crate::words::picture::ReadFailure;
use crate::words::proof::WarmUpFailure;
use crate::words::time::{PerSecond, Span};

in_words!(
    FailingWarmUp: failing,
    Later: later,
    Measured: against_threshold,
    Outlook: outlook,
    Transition: transition,
);

fn outlook(next: &Outlook) -> String {
    match next {
        Outlook::Read { due, failure } => read(Span(*due), failure.as_ref()),
        Outlook::Changing(transitions) => {
            let each: Vec<String> = transitions.iter().map(ToString::to_string).collect();
            each.join("; ")
        }
        Outlook::Settling(left) => format!(
            "nothing for {}: the daemon was suspended, its measurements are stale",
            Span(*left)
        ),
        Outlook::Paused(None) => "nothing, it is paused".to_owned(),
        Outlook::Paused(Some(but_for)) => {
            if let Outlook::Comes { spare, .. } = but_for.as_ref() {
                format!("nothing, it is paused: would warm up and enable {spare}")
            } else {
                format!("nothing, it is paused; otherwise {but_for}")
            }
        }
        Outlook::Leaves {
            server,
            left,
            later,
        } => {
            let later = later.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{server} goes in {} if it stays quiet{later}", Span(*left))
        }
        Outlook::Stays(needed) => needed.to_string(),
        Outlook::Kept(keeps) => keeps.to_string(),
        Outlook::Comes {
            spare,
            signal,
            above,
            streak,
            needed,
        } => {
            let above = threshold(*above, *signal);
            comes(spare, &above, *streak, *needed)
        }
        Outlook::Cooldown(left) => format!("nothing for {}: scale_up_cooldown", Span(*left)),
        Outlook::Growing {
            server,
            weight,
            whole,
        } => format!(
            "nothing before {server} has its whole share: weight {weight} of {whole}, weight_ramp"
        ),
        Outlook::NotHelping(left) => {
            format!("nothing for {}: more servers do not help", Span(*left))
        }
        Outlook::Nobody(why) => format!("nothing: {why}"),
        Outlook::Blind => "nothing until the log can be read: no spare comes or goes".to_owned(),
        Outlook::Short { wanted, exist, why } => {
            let verb = if *exist == 1 { "exists" } else { "exist" };
            format!("nothing: {wanted}, {exist} {verb}; {why}")
        }
        Outlook::HalfBlind => "no spare is put away while the log is late or in doubt".to_owned(),
        Outlook::Enough {
            need,
            serving,
            measured,
        } => enough(need, *serving, *measured),
        Outlook::Well {
            measured,
            per_second,
            serving,
        } => well(*measured, *per_second, *serving),
    }
}

/// Why nothing needs to be done, by what one server carries.
fn enough(need: &Need, serving: u32, measured: Option<Measured>) -> String {
    let measured = measured.map(|it| format!("; {it}")).unwrap_or_default();
    let need = super::capacity::need(need);
    format!("no change: {need}, {serving} serving{measured}")
}

/// What brings the next spare.
fn comes(spare: &str, above: &str, streak: u32, needed: u32) -> String {
    let windows = match needed.saturating_sub(streak) {
        0 | 1 => "window is".to_owned(),
        more => format!("{more} windows are"),
    };
    format!("warm up {spare} if the next {windows} above {above} too ({streak} of {needed})")
}

/// Why nothing needs to be done, where nobody knows what one server carries.
fn well(measured: Option<Measured>, per_second: Option<f64>, serving: u32) -> String {
    let measured = measured.map_or_else(
        || "no request to judge".to_owned(),
        |measured| measured.to_string(),
    );
    let rate = per_second.map(|rate| format!("{} requests/s on ", PerSecond(rate)));
    let servers = counted(serving, "server");
    format!(
        "no change: {measured}; {}{servers}",
        rate.unwrap_or_default()
    )
}

/// `mean 45 ms, 500 ms allowed`.
fn against_threshold(it: &Measured) -> String {
    format!(
        "{}{} {}, {} allowed",
        signal_prefix(it.signal),
        it.statistic.name(),
        measured(it.value, it.signal),
        threshold(it.above, it.signal)
    )
}

/// `warm-up fails: connection refused (31 attempts, 9s), given up in 51s`.
fn failing(failing: &FailingWarmUp) -> String {
    let why = match &failing.why {
        WarmUpFailure::Refused { .. } => "connection refused".to_owned(),
        WarmUpFailure::TimedOut { .. } => "no answer in time".to_owned(),
        why @ (WarmUpFailure::Status { .. }
        | WarmUpFailure::Broken(_)
        | WarmUpFailure::NoAddress
        | WarmUpFailure::NoOutcome) => why.to_string(),
    };
    let attempts = counted(failing.attempts, "attempt");
    let (lasted, left) = (Span(failing.lasted), Span(failing.left));
    format!("warm-up fails: {why} ({attempts}, {lasted}), given up in {left}")
}

fn read(due: Span, failure: Option<&ReadFailure>) -> String {
    match failure {
        None => format!("HAProxy is read in {due}"),
        Some(failure) if failure.is_unknown_backend() => {
            format!("nothing until HAProxy has this backend: it is asked again in {due}")
        }
        Some(_) => format!("nothing until HAProxy answers: it is asked again in {due}"),
    }
}

/// Behind when a spare goes.
fn later(later: &Later) -> String {
    match later {
        Later::TooSlow(entry, rate) => format!(": {entry}, now {}", PerSecond(*rate)),
        Later::Budget => ": it has been changed too often lately".to_owned(),
        Later::Cooldown => " (scale_down_cooldown)".to_owned(),
    }
}

fn transition(transition: &Transition) -> String {
    let Transition {
        server, sessions, ..
    } = transition;
    if let Some(booting) = transition.booting {
        return super::machines::boots(server, booting);
    }
    if let Some(failing) = &transition.failing {
        return format!("{server}: {failing}");
    }
    match (transition.stage, transition.is_inbound, transition.checks) {
        (Stage::Warming, true, None) => {
            format!("{server} gets users as soon as its warm-up has passed")
        }
        (Stage::Warming, true, Some(_)) => {
            format!("{server} gets users as soon as its warm-up and HAProxy's checks have passed")
        }
        (Stage::DrainingIn, true, Some(false)) => {
            format!("{server} gets users as soon as HAProxy's checks have passed")
        }
        (Stage::DrainingIn | Stage::DrainingOut, true, _) => {
            format!("{server} gets users in a moment")
        }
        (Stage::DrainingOut, false, _) if *sessions > 0 => {
            let sessions = counted(*sessions, "session");
            format!("{server} waits for {sessions} to end, then goes to maint")
        }
        (_, true, _) => format!("{server} is on its way to ready"),
        (_, false, _) => format!("{server} is on its way to maint"),
    }
}
