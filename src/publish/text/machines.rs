//! What is told of machines that spares run on, as sentences.

use super::decisions::wanted;
use crate::scaler::decision::{MachineNews, MachineTrouble, NoStart};
use crate::words::machine::MachineVerb;
use crate::words::names::ServerName;
use crate::words::time::Span;

in_words!(
    MachineNews: news,
    MachineTrouble: trouble,
    NoStart: no_start,
);

fn news(news: &MachineNews) -> String {
    match news {
        MachineNews::Start {
            attempt,
            usual,
            wanted: why,
            ..
        } => {
            let again = match attempt {
                0 | 1 => String::new(),
                more => format!(" again (attempt {more})"),
            };
            let usual = usual.map(|usual| format!("; its last boot took {}", Span(usual)));
            let usual = usual.unwrap_or_default();
            format!(
                "its machine is asked to start{again}: {}{usual}",
                wanted(why)
            )
        }
        MachineNews::Started { boot } => format!(
            "its machine runs and the server answers, {} after it was asked to start",
            Span(*boot)
        ),
        MachineNews::Failed {
            verb,
            trouble,
            again_in,
        } => {
            let again = again_in.map(|span| format!("; it is asked again in {}", Span(span)));
            failed(*verb, trouble) + &again.unwrap_or_default()
        }
        MachineNews::Stop => {
            "its machine is asked to stop: the server rests in maint and nobody uses it".to_owned()
        }
        MachineNews::Stopped { ran } => format!("its machine is off; it ran for {}", Span(*ran)),
        MachineNews::Runs => {
            "its machine runs though the server is in maint, and we did not start \
                              it: it is left as it is; stop it by hand if nobody needs it"
                .to_owned()
        }
        MachineNews::RunsLate => {
            "its machine runs: a start that was given up took effect after all".to_owned()
        }
        MachineNews::Homeless => {
            "we started its machine and it still runs, but HAProxy has no such \
                                  server any more: stop it by hand, or add the server again"
                .to_owned()
        }
        MachineNews::Forgotten => {
            "we started its machine and it still runs, but the configuration \
                                   names no machine for it any more: stop it by hand"
                .to_owned()
        }
    }
}

/// What its provider has to say.
pub(super) fn said(server: Option<&ServerName>, verb: &str, text: &str) -> String {
    match server {
        Some(server) => format!("machine {server}: {verb}: {text}"),
        None => format!("machines: {verb}: {text}"),
    }
}

/// A machine that is ours and that no server runs on.
pub(super) fn stray(machine: &str, command: &str) -> String {
    format!(
        "machine {machine} runs and belongs to no server of the configuration; {command} lists it as \
         ours: stop it by hand, or give it a server"
    )
}

fn failed(verb: MachineVerb, trouble: &MachineTrouble) -> String {
    match (trouble, verb) {
        (MachineTrouble::Died, _) => "its machine went off while the server was in use".to_owned(),
        (MachineTrouble::Late(_), _) => trouble.to_string(),
        (MachineTrouble::StillOn, _) => "its machine was asked to stop and still runs".to_owned(),
        (_, MachineVerb::Start) => format!("cannot start its machine: {trouble}"),
        (_, MachineVerb::Stop) => format!("cannot stop its machine: {trouble}"),
        (_, MachineVerb::Status) => format!("cannot tell what its machine does: {trouble}"),
    }
}

fn trouble(trouble: &MachineTrouble) -> String {
    match trouble {
        MachineTrouble::Failed(words) if words.is_empty() => "its provider says no more".to_owned(),
        MachineTrouble::Failed(words) => words.clone(),
        MachineTrouble::Refused(words) => format!("{words} (not tried again for an hour)"),
        MachineTrouble::Unknown(words) if words.is_empty() => "no outcome in time".to_owned(),
        MachineTrouble::Unknown(words) => format!("the outcome is unknown: {words}"),
        MachineTrouble::Off => "it was asked to start and is off".to_owned(),
        MachineTrouble::StillOn => "it was asked to stop and still runs".to_owned(),
        MachineTrouble::Late(limit) => format!(
            "its machine was asked to start, and the server did not answer within {} (start_timeout)",
            Span(*limit)
        ),
        MachineTrouble::Died => "it went off".to_owned(),
    }
}

fn no_start(why: &NoStart) -> String {
    match why {
        NoStart::Stopping => "its machine is being stopped".to_owned(),
        NoStart::StartsSpent { starts, left } => format!(
            "its machine may not be started for {}: {starts} starts within an hour \
             (starts_per_hour)",
            Span(*left)
        ),
        NoStart::AtOnce(running) => {
            format!("its machine may not be started: {running} run already (machines_at_once)")
        }
        NoStart::Gone => "its machine does not exist".to_owned(),
    }
}
