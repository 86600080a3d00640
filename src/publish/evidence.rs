//! What led to a record, in numbers: `data` of an event. A name ends with its unit. Words about the
//! same things are made in `text`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::record::{AlertNews, LogNews, News, Record, What};
use crate::log::source::SourceNews;
use crate::measure::account::Usage;
use crate::measure::need::Need;
use crate::measure::settings::{Signal, Statistic};
use crate::measure::target::TargetNeed;
use crate::scaler::decision::{
    Breach, Consequence, Effect, Episode, Fault, MachineNews, Note, RampNews, Reason, Tally, Wanted,
};
use crate::words::by::NO_UID;
use crate::words::order::Verb;
use crate::words::proof::WarmUpEvidence;

/// Names and numbers.
type Data = Map<String, Value>;

pub(super) fn evidence(record: &Record) -> Data {
    let mut data = Data::new();
    match &record.what {
        What::Decision {
            decision,
            is_pretended,
        } => {
            of_reason(&mut data, &decision.reason);
            if *is_pretended {
                data.insert("pretended".to_owned(), Value::Bool(true));
            }
        }
        What::News(news) => of_news(&mut data, news),
    }
    data
}

fn put(data: &mut Data, name: &str, value: impl Into<Value>) {
    data.insert(name.to_owned(), value.into());
}

/// To three digits behind the point.
fn put_number(data: &mut Data, name: &str, value: f64) {
    put(data, name, json!((value * 1000.0).round() / 1000.0));
}

fn put_seconds(data: &mut Data, name: &str, span: Duration) {
    put_number(data, name, span.as_secs_f64());
}

fn put_signal(data: &mut Data, signal: Signal, statistic: Statistic) {
    put(data, "signal", signal.as_str());
    put(data, "statistic", statistic.name());
}

fn of_reason(data: &mut Data, reason: &Reason) {
    match reason {
        Reason::Breach { breach, .. } => of_breach(data, breach),
        Reason::Episode(episode) => of_episode(data, episode),
        Reason::NotHelping {
            signal,
            statistic,
            verdict,
        } => {
            put_signal(data, *signal, *statistic);
            put_number(data, "before", verdict.before);
            put_number(data, "after", verdict.after);
        }
        Reason::TooSlow { entry, rate, left } => {
            put(data, "servers", entry.servers);
            put_number(data, "too_slow_at_per_s", entry.rate);
            put_number(data, "requests_per_s", *rate);
            put_seconds(data, "left_s", *left);
        }
        Reason::Machine(news) => of_machine(data, news),
        Reason::Budget {
            changes,
            within,
            left,
        } => {
            put(data, "changes", *changes);
            put_seconds(data, "within_s", *within);
            put_seconds(data, "left_s", *left);
        }
        Reason::Wanted(wanted) | Reason::GivenBack(wanted) | Reason::NoSpare { wanted, .. } => {
            of_wanted(data, wanted);
        }
        Reason::Warmed {
            wanted,
            evidence,
            took,
            ..
        } => {
            of_wanted(data, wanted);
            of_warm_up(data, *evidence);
            put_seconds(data, "took_s", *took);
        }
        Reason::Failed {
            quarantined_for, ..
        } => put_seconds(data, "quarantined_s", *quarantined_for),
        Reason::Quiet { quiet_for, share } => {
            put_seconds(data, "quiet_s", *quiet_for);
            if let Some(share) = share {
                put_number(data, "share_of_threshold", *share);
            }
        }
        Reason::Emptied { took, sessions } | Reason::StillOpen { took, sessions } => {
            put_seconds(data, "took_s", *took);
            put(data, "sessions", *sessions);
        }
        Reason::NotServing { tally, .. } => {
            if let Some(tally) = tally {
                of_tally(data, tally);
            }
        }
        Reason::Shares(tally) | Reason::Recovered(tally) => of_tally(data, tally),
        Reason::Fault { fault, consequence } => of_fault(data, fault, *consequence),
        Reason::Operator { hold, .. } => put_seconds(data, "hold_s", *hold),
        Reason::Answer { verb, by, answer } => {
            let uid = by.as_ref().map(|by| by.uid);
            of_order(data, *verb, uid, answer.is_ok());
        }
        Reason::Effect(effect) => of_effect(data, effect),
        Reason::Note(note) => of_note(data, note),
    }
}

fn of_note(data: &mut Data, note: &Note) {
    match note {
        Note::Ramp(news) => of_ramp(data, *news),
        Note::WarmUpFails(failing) => {
            put(data, "attempts", failing.attempts);
            put_seconds(data, "lasted_s", failing.lasted);
            put_seconds(data, "left_s", failing.left);
        }
        Note::Expired(_)
        | Note::Would { .. }
        | Note::Unread(_)
        | Note::Answers
        | Note::HasBackend
        | Note::Reloaded
        | Note::Doubted(_)
        | Note::Agrees
        | Note::HardlyDrops(_)
        | Note::DrainedByAgent
        | Note::MaxconnRefused { .. }
        | Note::WeightRefused { .. }
        | Note::UsedInMaint
        | Note::Resumed(_)
        | Note::Left(_)
        | Note::StoodStill(_)
        | Note::NotDisabled(_)
        | Note::StateRefused(_)
        | Note::Vanished(_)
        | Note::LateReady
        | Note::Overdue
        | Note::CalledOff(_)
        | Note::Crowded(_)
        | Note::CrowdStuck { .. }
        | Note::Advice(_) => {}
    }
}

fn of_ramp(data: &mut Data, news: RampNews) {
    match news {
        RampNews::Begins {
            weight,
            whole,
            over,
        } => {
            put(data, "weight", weight);
            put(data, "whole_weight", whole);
            put_seconds(data, "over_s", over);
        }
        RampNews::Held {
            mean_ms,
            others_ms,
            requests,
            weight,
            whole,
        } => {
            put_number(data, "mean_ms", mean_ms);
            put_number(data, "others_ms", others_ms);
            put(data, "requests", requests);
            put(data, "weight", weight);
            put(data, "whole_weight", whole);
        }
        RampNews::Done { took, whole, share } => {
            put_seconds(data, "took_s", took);
            put(data, "whole_weight", whole);
            if let Some(share) = share {
                put_number(data, "share", share);
            }
        }
        RampNews::Cut { weight, whole } => {
            put(data, "weight", weight);
            put(data, "whole_weight", whole);
        }
        RampNews::Anothers { weight } => put(data, "weight", weight),
    }
}

fn of_effect(data: &mut Data, effect: &Effect) {
    for (name, value) in [
        ("before_ms", effect.before.mean_ms),
        ("after_ms", effect.after.mean_ms),
        ("before_per_s", Some(effect.before.per_s)),
        ("after_per_s", Some(effect.after.per_s)),
        ("share", effect.share),
    ] {
        if let Some(value) = value {
            put_number(data, name, value);
        }
    }
    put_seconds(data, "within_s", effect.within);
}

fn of_breach(data: &mut Data, breach: &Breach) {
    put_signal(data, breach.signal, breach.statistic);
    put_number(data, "value", breach.value);
    put_number(data, "threshold", breach.above);
    put(data, "requests", breach.requests);
    put_seconds(data, "span_s", breach.span);
    put(data, "breaches", breach.streak);
    put(data, "breaches_needed", breach.needed);
}

fn of_episode(data: &mut Data, episode: &Episode) {
    put_signal(data, episode.signal, episode.statistic);
    put_number(data, "value", episode.mean);
    put_number(data, "worst", episode.worst);
    put_number(data, "threshold", episode.above);
    put(data, "windows", episode.windows);
    put_seconds(data, "lasted_s", episode.lasted);
}

fn of_wanted(data: &mut Data, wanted: &Wanted) {
    match wanted {
        Wanted::Slow(breach) => of_breach(data, breach),
        Wanted::Demand { need, serving } => {
            of_need(data, need);
            put(data, "serving", *serving);
        }
        Wanted::Target { need, serving } => {
            of_target(data, need);
            put(data, "serving", *serving);
        }
        Wanted::BelowMin { up, min, .. } => {
            put(data, "serving", *up);
            put(data, "min", *min);
        }
        Wanted::Waiting { queued } => put(data, "queued", *queued),
        Wanted::DeadServer { .. }
        | Wanted::DeadSpare { .. }
        | Wanted::Evacuation { .. }
        | Wanted::Crowded(_)
        | Wanted::Reloaded
        | Wanted::Ordered(_) => {}
    }
}

fn of_need(data: &mut Data, need: &Need) {
    put(data, "wanted", need.servers());
    put_number(data, "demand_per_s", need.demand);
    put_number(data, "backlog", need.backlog);
    put_number(data, "in_flight", need.in_flight);
    if let Some(carries) = need.capacity {
        put_number(data, "one_carries_per_s", carries.per_second());
    }
}

fn of_target(data: &mut Data, need: &TargetNeed) {
    put_signal(data, need.signal, need.statistic);
    put(data, "wanted", need.servers);
    put_number(data, "value", need.value);
    put_number(data, "per_server", need.per_server);
}

fn of_warm_up(data: &mut Data, evidence: WarmUpEvidence) {
    if evidence.is_assumed {
        return;
    }
    put(data, "warm_up_passed", evidence.passed);
    put(data, "warm_up_failed", evidence.failed);
    put(data, "warm_up_first_ms", evidence.first_ms);
    put(data, "warm_up_last_ms", evidence.last_ms);
}

fn of_order(data: &mut Data, verb: Verb, uid: Option<u32>, is_accepted: bool) {
    put(data, "order", verb.as_str());
    put(data, "accepted", is_accepted);
    put(data, "uid", uid.filter(|uid| *uid != NO_UID));
}

fn of_tally(data: &mut Data, tally: &Tally) {
    put_seconds(data, "within_s", tally.within);
    put(data, "taken", tally.taken);
    put(data, "arrived", tally.arrived);
    put(data, "ended", tally.ended);
    put(data, "failed", tally.failed);
    put(data, "others_ended", tally.others_ended);
    put(data, "others_failed", tally.others_failed);
}

fn of_fault(data: &mut Data, fault: &Fault, consequence: Consequence) {
    match fault {
        Fault::Errors(tally) | Fault::Hanging(tally) => of_tally(data, tally),
        Fault::MachineOff => {}
        Fault::Slow {
            mean_ms,
            others_ms,
            requests,
        }
        | Fault::Lags {
            mean_ms,
            others_ms,
            requests,
            ..
        } => {
            put_number(data, "mean_ms", *mean_ms);
            put_number(data, "others_ms", *others_ms);
            put(data, "requests", *requests);
        }
    }
    if let Consequence::Leaves { quarantined_for } = consequence {
        put_seconds(data, "quarantined_s", quarantined_for);
    }
}

fn of_machine(data: &mut Data, news: &MachineNews) {
    match news {
        MachineNews::Start {
            key,
            attempt,
            usual,
            wanted,
        } => {
            of_wanted(data, wanted);
            put(data, "key", key.0);
            put(data, "attempt", *attempt);
            if let Some(usual) = usual {
                put_seconds(data, "usual_boot_s", *usual);
            }
        }
        MachineNews::Slow { lasted, usual } => {
            put_seconds(data, "lasted_s", *lasted);
            put_seconds(data, "usual_boot_s", *usual);
        }
        MachineNews::Started { boot } => put_seconds(data, "boot_s", *boot),
        MachineNews::Failed {
            verb,
            trouble,
            again_in,
        } => {
            put(data, "verb", verb.as_str());
            put(data, "trouble", trouble.as_str());
            put(data, "words", trouble.words());
            if let Some(again_in) = again_in {
                put_seconds(data, "again_in_s", *again_in);
            }
        }
        MachineNews::Stopped { ran } => put_seconds(data, "ran_s", *ran),
        MachineNews::Stop
        | MachineNews::Runs
        | MachineNews::Contradicts
        | MachineNews::RunsLate
        | MachineNews::Homeless
        | MachineNews::LeftOn
        | MachineNews::Forgotten => {}
    }
}

fn of_news(data: &mut Data, news: &News) {
    match news {
        News::Started {
            version,
            looks_after,
        } => {
            put(data, "version", *version);
            put(data, "observing", looks_after.is_observing);
        }
        News::ConfigApplied(looks_after, _) => put(data, "observing", looks_after.is_observing),
        News::UncleanEnd { last_id, .. } => put(data, "last_id", *last_id),
        News::Log { news, .. } => of_log(data, news),
        News::EventsLost { events, is_at_most } => {
            put(data, "events", *events);
            put(data, "at_most", *is_at_most);
        }
        News::Reason { reason, .. } => put(data, "reason", *reason),
        News::Usage {
            usage,
            is_pretended,
            ..
        } => of_usage(data, usage, *is_pretended),
        News::Alerts(news) => of_alerts(data, news),
        News::ProblemLasts { lasted, .. } => put_seconds(data, "lasted_s", *lasted),
        News::ProblemOver { code, lasted, .. } => {
            put(data, "problem", *code);
            put_seconds(data, "lasted_s", *lasted);
        }
        News::Stopping
        | News::Connected { .. }
        | News::SocketLevel { .. }
        | News::UnknownBackend { .. }
        | News::Untrusted(_)
        | News::LockUnknown { .. }
        | News::ControlSocket { .. }
        | News::ServiceManager { .. }
        | News::StateLost(_)
        | News::StateNotKept(_)
        | News::StateKept
        | News::EventsNotKept(_)
        | News::EventsKept
        | News::EventsMoved(_)
        | News::Paused(_)
        | News::Remembered(_)
        | News::ConfigUnchanged
        | News::ConfigNotApplied(_)
        | News::HttpListening(_)
        | News::HttpNotListening(_)
        | News::HttpToken(_)
        | News::MachineSaid { .. }
        | News::MachineStray { .. } => {}
    }
}

fn of_alerts(data: &mut Data, news: &AlertNews) {
    match news {
        AlertNews::NotSent { channel, .. } | AlertNews::Sent { channel } => {
            put(data, "channel", channel.as_str());
        }
        AlertNews::Lost { channel, alerts } => {
            put(data, "channel", channel.as_str());
            put(data, "alerts", *alerts);
        }
        AlertNews::ProbeDown { site, .. } => put(data, "site", site.as_str()),
        AlertNews::ProbeUp { site, lasted } => {
            put(data, "site", site.as_str());
            put_seconds(data, "lasted_s", *lasted);
        }
        AlertNews::Muted(_)
        | AlertNews::Unmuted
        | AlertNews::HeartbeatNotSent(_)
        | AlertNews::HeartbeatSent => {}
    }
}

fn of_usage(data: &mut Data, usage: &Usage, is_pretended: bool) {
    put_seconds(data, "span_s", usage.span);
    put_seconds(data, "known_s", usage.known);
    put(data, "requests", usage.requests);
    put(data, "slow", usage.slow);
    put(data, "failed", usage.failed);
    put_seconds(data, "above_goal_s", usage.above_goal);
    put_seconds(data, "server_s", usage.servers);
    put_seconds(data, "all_server_s", usage.all_servers);
    if let Some(machines) = usage.machines {
        put_seconds(data, "machine_s", machines);
    }
    if is_pretended {
        put(data, "pretended", true);
    }
}

fn of_log(data: &mut Data, news: &LogNews) {
    match news {
        LogNews::Skipped(bytes) => put(data, "bytes", *bytes),
        LogNews::Lost { lines, .. } => put(data, "lines", *lines),
        LogNews::Source(SourceNews::Missed(notices)) => put(data, "notices", *notices),
        LogNews::Read
        | LogNews::Missing(_)
        | LogNews::Unreadable(_)
        | LogNews::Ended
        | LogNews::Rotated
        | LogNews::Rejected(_)
        | LogNews::Source(_) => {}
    }
}
