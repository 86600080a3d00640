//! What keeps a backend from working, in words: `problem` of `status`, and what the daemon's log says
//! over and over.

use super::measured::signal_prefix;
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
            let (signal, statistic) = (signal_prefix(*signal), statistic.name());
            format!("more servers do not help: {signal}{statistic} {verdict}")
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
        Problem::Slow {
            statistic,
            value_ms,
            above_ms,
            why,
        } => {
            let statistic = statistic.name();
            let value = value_ms.map(|ms| format!(" ({statistic} {ms:.0} ms > {above_ms} ms)"));
            let value = value.unwrap_or_default();
            format!("slow{value}, and nothing can help: {why}")
        }
        Problem::Short { wanted, why } => format!("{wanted}, and nothing can help: {why}"),
    }
}
