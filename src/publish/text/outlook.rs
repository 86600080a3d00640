//! What a backend does next and why, in words: `next` of `status`.

use super::counted;
use super::measured::threshold;
use crate::scaler::Stage;
use crate::scaler::seen::{Later, Outlook, Transition};
use crate::words::picture::ReadFailure;
use crate::words::time::{PerSecond, Span};

in_words!(Later: later, Outlook: outlook, Transition: transition);

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
            let windows = match needed.saturating_sub(*streak) {
                0 | 1 => "window is".to_owned(),
                more => format!("{more} windows are"),
            };
            let above = threshold(*above, *signal);
            format!(
                "warm up {spare} if the next {windows} above {above} too ({streak} of {needed})"
            )
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
        Outlook::HalfBlind => {
            "nothing to do; no spare goes while the log is late or in doubt".to_owned()
        }
        Outlook::Enough { need, serving } => {
            let need = super::capacity::need(need);
            format!("nothing to do: {need}; {serving} serving")
        }
        Outlook::Nothing => "nothing to do".to_owned(),
    }
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
