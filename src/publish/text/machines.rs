//! What is told of machines that spares run on, as sentences.

use std::time::Duration;

use super::counted;
use super::decisions::wanted;
use crate::scaler::decision::{MachineNews, MachineTrouble, NoStart};
use crate::scaler::seen::{Booting, MachineNote};
use crate::words::machine::MachineVerb;
use crate::words::names::ServerName;
use crate::words::time::Span;

/// Also said of a problem that lasts.
const HOMELESS: &str = "we started its machine and it still runs, but HAProxy has no such server any \
    more: stop it by hand, or add the server again";

const FORGOTTEN: &str = "we started its machine, which runs or may start yet, and the configuration names another one or \
    none: stop it by hand, or name it again";
const LEFT_ON: &str = "we started its machine, and nobody stops it while this daemon observes or looks after another \
    HAProxy: stop it by hand when nobody needs it";
/// Also said of a problem that lasts.
pub(super) const CONTRADICTS: &str = "its provider says that its machine is off, and HAProxy has the server up: \
    correct what `status` says, or give the server `check` if it is really off";

in_words!(
    MachineNews: news,
    MachineNote: note,
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
        MachineNews::Slow { lasted, usual } => format!(
            "its machine has not started after {}, and its last boot took {}: the next spare is tried beside \
             it, if there is one",
            Span(*lasted),
            Span(*usual)
        ),
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
            "its machine runs though the server is in maint, and it is not ours to stop: it is left as \
             it is; stop it by hand if nobody needs it"
                .to_owned()
        }
        MachineNews::Contradicts => CONTRADICTS.to_owned(),
        MachineNews::RunsLate => {
            "its machine runs: it started after we had stopped waiting for it".to_owned()
        }
        MachineNews::Homeless => HOMELESS.to_owned(),
        MachineNews::LeftOn => LEFT_ON.to_owned(),
        MachineNews::Forgotten => FORGOTTEN.to_owned(),
    }
}

/// What a machine did not do, and when it is asked again; `again_in`: 0 while it is.
pub(super) fn failing(
    verb: MachineVerb,
    trouble: &MachineTrouble,
    again_in: Option<Duration>,
) -> String {
    let again = match again_in {
        None => String::new(),
        Some(Duration::ZERO) => "; it is asked again".to_owned(),
        Some(span) if verb == MachineVerb::Stop => {
            format!("; it is asked again in {}", whole(span))
        }
        Some(span) => format!("; it is not tried for {}", whole(span)),
    };
    failed(verb, trouble) + &again
}

/// A machine that runs in no use.
pub(super) fn unused(is_ours: bool, lasted: Duration) -> String {
    if is_ours {
        return HOMELESS.to_owned();
    }
    format!(
        "its machine has run for {} though the server is in maint, and it is not ours to stop: stop it by \
         hand if nobody needs it",
        whole(lasted)
    )
}

/// A machine whose provider does not say what it does; its last words, if it had any.
pub(super) fn mute(words: &str) -> String {
    let words = if words.is_empty() {
        "its provider does not answer"
    } else {
        words
    };
    format!("nobody can tell what its machine does: {words}")
}

/// To the second: what is told every second needs no more.
fn whole(span: Duration) -> Span {
    Span(Duration::from_secs(span.as_secs().max(1)))
}

fn note(note: &MachineNote) -> String {
    match note {
        MachineNote::Boots(Booting { lasted, usual }) => {
            let usual = usual.map(|usual| format!(", usually {}", whole(usual)));
            let usual = usual.unwrap_or_default();
            format!("its machine starts: {}{usual}", whole(*lasted))
        }
        MachineNote::Off { lasted, usual } => {
            let usual = usual.map(|usual| format!("; a start takes {}", whole(usual)));
            let usual = usual.unwrap_or_default();
            format!("its machine is off: {}{usual}", whole(*lasted))
        }
        MachineNote::Stops(lasted) => format!("its machine stops: {}", whole(*lasted)),
        MachineNote::Runs(lasted) => format!("its machine runs: {}", whole(*lasted)),
        MachineNote::Gone => "its machine does not exist".to_owned(),
        MachineNote::Unknown => "nobody knows what its machine does".to_owned(),
    }
}

/// What the next boot of a machine is waited for: `ready in about 30s`.
pub(super) fn boots(server: &str, booting: Booting) -> String {
    let Booting { lasted, usual } = booting;
    match (usual, booting.left()) {
        (Some(usual), Some(left)) => format!(
            "{server}'s machine is being started, its last boot took {}: ready in about {}",
            whole(usual),
            whole(left)
        ),
        (Some(usual), None) => format!(
            "{server}'s machine is being started, for {} now; its last boot took {}",
            whole(lasted),
            whole(usual)
        ),
        (None, _) => format!(
            "{server}'s machine is being started, for {} now",
            whole(lasted)
        ),
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
        (MachineTrouble::Late(_) | MachineTrouble::Hangs(_), _) => trouble.to_string(),
        (MachineTrouble::StillOn, _) => "its machine was asked to stop and still runs".to_owned(),
        (MachineTrouble::Refused(words), MachineVerb::Start) => {
            format!("cannot start its machine: {words} (not tried again for an hour)")
        }
        (_, MachineVerb::Start) => format!("cannot start its machine: {trouble}"),
        (_, MachineVerb::Stop) => format!("cannot stop its machine: {trouble}"),
        (_, MachineVerb::Status) => format!("cannot tell what its machine does: {trouble}"),
    }
}

fn trouble(trouble: &MachineTrouble) -> String {
    match trouble {
        MachineTrouble::Failed(words) if words.is_empty() => {
            "its provider gave no reason".to_owned()
        }
        MachineTrouble::Failed(words) | MachineTrouble::Refused(words) => words.clone(),
        MachineTrouble::Unknown(words) if words.is_empty() => "no outcome in time".to_owned(),
        MachineTrouble::Unknown(words) => format!("the outcome is unknown: {words}"),
        MachineTrouble::Off => "it was asked to start and is off".to_owned(),
        MachineTrouble::StillOn => "it was asked to stop and still runs".to_owned(),
        MachineTrouble::Late(limit) => format!(
            "its machine was asked to start, and the server did not answer within {} (start_timeout)",
            Span(*limit)
        ),
        MachineTrouble::Hangs(limit) => format!(
            "whoever starts its machine had not answered after {} (start_timeout) and was ended: run it by hand \
             to see what it waits for",
            Span(*limit)
        ),
        MachineTrouble::Died => "it went off".to_owned(),
    }
}

fn no_start(why: &NoStart) -> String {
    match why {
        NoStart::Stopping => "cannot come yet: its machine is being stopped".to_owned(),
        NoStart::StartsSpent { starts, left } => format!(
            "may not be started for {}: {} within an hour (starts_per_hour)",
            Span(*left),
            counted(*starts, "start")
        ),
        NoStart::AtOnce(1) => {
            "may not be started: 1 machine runs already (machines_at_once)".to_owned()
        }
        NoStart::AtOnce(running) => {
            format!("may not be started: {running} machines run already (machines_at_once)")
        }
        NoStart::Gone => "has a machine that does not exist".to_owned(),
    }
}
