//! What HAProxy showed or refused, and what a warm-up found, in words.

use crate::scaler::decision::{Checks, Shown, StateRefused};
use crate::words::picture::{Crowded, NOT_SENT, PERMISSION_DENIED, ReadFailure, WriteFailure};
use crate::words::proof::WarmUpFailure;

in_words!(
    Checks: checks,
    Crowded: crowded,
    ReadFailure: read_failure,
    Shown: shown,
    StateRefused: state_refused,
    WarmUpFailure: warm_up_failure,
    WriteFailure: write_failure,
);

const STOPPING: &str = "an old HAProxy process that is ending answered";

fn read_failure(failure: &ReadFailure) -> String {
    match failure {
        ReadFailure::Unreachable(text) => text.clone(),
        ReadFailure::Odd(text) => format!(
            "cannot use what HAProxy says about this backend: {text}; is it `disabled` in haproxy.cfg?"
        ),
        ReadFailure::NoAnswer => "HAProxy gave no answer in time".to_owned(),
        ReadFailure::UnknownBackend => "HAProxy has no such backend".to_owned(),
        ReadFailure::Stopping => STOPPING.to_owned(),
    }
}

fn write_failure(failure: &WriteFailure) -> String {
    match failure {
        WriteFailure::Refused(words) => answered(words),
        WriteFailure::Unknown(text) => text.clone(),
        WriteFailure::Stopping => STOPPING.to_owned(),
    }
}

fn warm_up_failure(failure: &WarmUpFailure) -> String {
    match failure {
        WarmUpFailure::NoAddress => {
            "HAProxy reports no address to send a request to; set warm_up_url for this server"
                .to_owned()
        }
        WarmUpFailure::Refused { attempts } => format!("connection refused ({attempts} attempts)"),
        WarmUpFailure::TimedOut { attempts } => format!("no answer in time ({attempts} attempts)"),
        WarmUpFailure::Status { status, expected } => {
            format!("answered {status}, expected {expected}")
        }
        WarmUpFailure::Broken(text) => text.clone(),
        WarmUpFailure::NoOutcome => "no outcome within the deadline".to_owned(),
    }
}

fn state_refused(refused: &StateRefused) -> String {
    let (server, state, words) = (&refused.server, refused.state, &refused.words);
    format!("cannot set {server} to {state}: {}", answered(words))
}

/// HAProxy's own words to a command, and behind them what to do.
pub(super) fn answered(words: &str) -> String {
    if words.starts_with(NOT_SENT) {
        return words.to_owned();
    }
    let way_out = if words == PERMISSION_DENIED {
        "; write `level admin` on its `stats socket` line in haproxy.cfg"
    } else {
        ""
    };
    format!("HAProxy answered \"{words}\"{way_out}")
}

fn crowded(crowded: &Crowded) -> String {
    match crowded {
        Crowded::Frontend { name, limit } => format!(
            "frontend {name} has reached its `maxconn` of {limit} connections: users wait in front \
             of HAProxy"
        ),
        Crowded::Rate { name, limit } => format!(
            "frontend {name} has reached its `rate-limit sessions` of {limit} a second: users wait \
             in front of HAProxy, and more servers do not change that"
        ),
        Crowded::Process { limit } => format!(
            "HAProxy has reached its global `maxconn` of {limit} connections: users wait in front \
             of it"
        ),
    }
}

fn shown(shown: &Shown) -> &'static str {
    match shown {
        Shown::Maint => "in maint",
        Shown::Drain { by_agent: true } => "draining (its agent says so)",
        Shown::Drain { by_agent: false } => "draining",
        Shown::NoWeight => "of weight 0",
        Shown::Down { by_agent: true } => "DOWN (its agent says so)",
        Shown::Down { by_agent: false } => "DOWN",
    }
}

fn checks(checks: &Checks) -> &'static str {
    match checks {
        Checks::Passed => "HAProxy's checks passed",
        Checks::ProveNothing => "HAProxy's checks prove nothing with `fall 1`",
        Checks::NotConfigured => "HAProxy does not check it",
        Checks::NotRunning => "HAProxy's checks of it do not run (`enable health` starts them)",
    }
}
