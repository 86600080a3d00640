//! What keeps a backend from working, in words: `problem` of `status`, and what the daemon's log says
//! over and over.

use super::machines;
use super::measured::{beyond, measured, not_helping, signal_prefix, threshold};
use super::notes::USED_IN_MAINT;
use crate::scaler::seen::Problem;

in_words!(Problem: problem);

fn problem(problem: &Problem) -> String {
    match problem {
        Problem::Unread(failure) => failure.to_string(),
        Problem::UnknownServer(list, name) => {
            let list = list.as_str();
            format!("{list} lists {name}, but HAProxy has no such server in this backend")
        }
        Problem::NoSpare => "there is no spare, so nothing can be brought in".to_owned(),
        Problem::NotHelping(signal, statistic, verdict) => {
            let verdict = not_helping(verdict, *signal, *statistic);
            format!("more servers do not help: {verdict}")
        }
        Problem::Doubt(doubt) => doubt.to_string(),
        Problem::LogAbsent => "no scaling: there is no log to read".to_owned(),
        Problem::LogLate => "no scale-down: the log is read late".to_owned(),
        Problem::LogLost => "no scale-down: lines of the log were lost".to_owned(),
        Problem::MemoryLost => {
            "no scale-down before a window of requests: what was remembered is lost".to_owned()
        }
        Problem::NotServing(name, cause) => {
            format!("{name} is ready and gets no requests: {cause}")
        }
        Problem::Failing(name, fault) => format!("{name}: {fault}"),
        Problem::AlwaysUpMissing(name, shows) => {
            format!("always-up server {name} takes no traffic: it is {shows}")
        }
        Problem::Crowded(crowded) => crowded.to_string(),
        Problem::UsedInMaint(name) => format!("{name}: {USED_IN_MAINT}"),
        Problem::Errors { failed, all } => {
            format!("{failed} of the last {all} requests failed (5xx)")
        }
        Problem::WarmUpFails {
            server,
            failing,
            beside,
        } => {
            let beside = brought_beside(beside);
            format!("{server}: {failing}{beside}")
        }
        Problem::MachineFailed {
            server,
            verb,
            trouble,
            again_in,
        } => format!("{server}: {}", machines::failing(*verb, trouble, *again_in)),
        Problem::MachineUnused {
            server,
            is_ours,
            lasted,
        } => format!("{server}: {}", machines::unused(*is_ours, *lasted)),
        Problem::MachineContradicts(server) => format!("{server}: {}", machines::CONTRADICTS),
        Problem::MachineMute(server, words) => format!("{server}: {}", machines::mute(words)),
        Problem::Slow {
            signal,
            statistic,
            value,
            above,
            why,
        } => {
            let (prefix, statistic) = (signal_prefix(*signal), statistic.name());
            let above = threshold(*above, *signal);
            let value = value.map(|value| {
                let value = measured(value, *signal);
                format!(" ({prefix}{statistic} {value} > {above})")
            });
            let value = value.unwrap_or_default();
            format!("{}{value}, and nothing can help: {why}", beyond(*signal))
        }
        Problem::Short { wanted, why } => format!("{wanted}, and nothing can help: {why}"),
    }
}

/// Who comes beside one whose warm-up fails.
fn brought_beside(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("; {one} is brought in beside it"),
        more => format!("; {} are brought in beside it", more.join(", ")),
    }
}
