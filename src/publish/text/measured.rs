//! Numbers in words: windows, episodes, loads, counts.

use super::counted;
use crate::measure::settings::{Signal, Statistic, Unit};
use crate::scaler::decision::{
    Breach, Compared, Effect, Episode, NotHelping, Share, SlowServer, Tally, TooSlow,
};
use crate::words::time::{PerSecond, Span};

in_words!(
    Breach: breach,
    Compared: compared,
    Effect: effect,
    Episode: episode,
    Share: share,
    SlowServer: slow_server,
    Tally: tally,
    TooSlow: too_slow,
);

/// What is measured, before the statistic, where it is not the response time.
pub(super) fn signal_prefix(signal: Signal) -> String {
    if signal == Signal::ResponseTime {
        String::new()
    } else if signal == Signal::ServerTime {
        "Tr ".to_owned()
    } else {
        format!("{} ", signal.as_str())
    }
}

/// A reading with its unit: `543 ms`, `12`, `4.8/s`.
pub(super) fn measured(value: f64, signal: Signal) -> String {
    match signal.unit() {
        Unit::Ms => format!("{value:.0} ms"),
        Unit::Count => PerSecond(value).to_string(),
        Unit::PerSecond => format!("{}/s", PerSecond(value)),
    }
}

/// A threshold with its unit, as it was given.
pub(super) fn threshold(above: f64, signal: Signal) -> String {
    match signal.unit() {
        Unit::Ms => format!("{above} ms"),
        Unit::Count => above.to_string(),
        Unit::PerSecond => format!("{above}/s"),
    }
}

/// How a backend is whose signal is above its threshold: only times make it slow.
pub(super) fn beyond(signal: Signal) -> &'static str {
    match signal.unit() {
        Unit::Ms => "slow",
        Unit::Count | Unit::PerSecond => "busy",
    }
}

/// What a window consists of.
const fn reading(signal: Signal) -> &'static str {
    if signal.is_polled() {
        "look"
    } else {
        "request"
    }
}

fn breach(breach: &Breach) -> String {
    let (streak, needed) = (breach.streak, breach.needed);
    let streak = if streak <= needed {
        format!("({streak} of {needed})")
    } else {
        format!("({streak} in a row, {needed} needed)")
    };
    format!(
        "{}{} {} > {} over {} in {} {streak}",
        signal_prefix(breach.signal),
        breach.statistic.name(),
        measured(breach.value, breach.signal),
        threshold(breach.above, breach.signal),
        counted(breach.requests, reading(breach.signal)),
        Span(breach.span),
    )
}

fn episode(episode: &Episode) -> String {
    let (signal, lasted) = (episode.signal, Span(episode.lasted));
    let (start, end) = if episode.is_over {
        let none = format!("; none for {}", Span(Episode::OVER_AFTER));
        (format!("over after {lasted}"), none)
    } else {
        (format!("{} for {lasted}", beyond(signal)), String::new())
    };
    format!(
        "{start}: {}{} {}, worst {} > {}, {}{end}",
        signal_prefix(signal),
        episode.statistic.name(),
        measured(episode.mean, signal),
        measured(episode.worst, signal),
        threshold(episode.above, signal),
        counted(episode.windows, "window"),
    )
}

fn slow_server(slow: &SlowServer) -> String {
    let others = match slow.others {
        1 => "the other one is".to_owned(),
        more => format!("the other {more} are"),
    };
    let SlowServer {
        server,
        mean_ms,
        others_ms,
        ..
    } = slow;
    format!("{server} is slow ({mean_ms:.0} ms), {others} not ({others_ms:.0} ms)")
}

/// What the last spare changed.
pub(super) fn not_helping(verdict: &NotHelping, signal: Signal, statistic: Statistic) -> String {
    let (prefix, statistic) = (signal_prefix(signal), statistic.name());
    format!(
        "{prefix}{statistic} {} before the last spare joined, {} since: no more servers for {}, or until the request rate \
         has grown by a quarter",
        measured(verdict.before, signal),
        measured(verdict.after, signal),
        Span(verdict.until().since(verdict.since))
    )
}

fn too_slow(entry: &TooSlow) -> String {
    let were = if entry.servers == 1 { "was" } else { "were" };
    let servers = counted(entry.servers, "server");
    format!(
        "{servers} {were} too slow at {} requests/s",
        PerSecond(entry.rate)
    )
}

fn share(share: &Share) -> String {
    let dropped = counted(share.dropped, "line");
    format!(
        "{dropped} of {} requests within the last minute",
        share.requests
    )
}

fn compared(compared: &Compared) -> String {
    let Compared { lines, responses } = compared;
    format!("the log shows {lines} lines and HAProxy counted {responses} responses")
}

/// What it took: `3 of 20 requests in 2s`.
fn tally(tally: &Tally) -> String {
    let arrived = counted(tally.arrived, "request");
    format!("{} of {arrived} in {}", tally.taken, Span(tally.within))
}

/// `mean 404 ms before, 66 ms after; it takes 48 % of the requests; 65 → 108 requests/s`, or
/// `mean 66 ms before, 70 ms after; the others took its 30 %; 20 → 20 requests/s`.
fn effect(effect: &Effect) -> String {
    let mean = |mean_ms: Option<f64>| mean_ms.map(|ms| format!("{ms:.0} ms"));
    let means = match (mean(effect.before.mean_ms), mean(effect.after.mean_ms)) {
        (Some(before), Some(after)) => format!("mean {before} before, {after} after"),
        (Some(before), None) => format!("mean {before} before, no request since"),
        (None, Some(after)) => format!("no request before, mean {after} after"),
        (None, None) => return "no request before or since".to_owned(),
    };
    let share = effect.share.map(|share| {
        let percent = share * 100.0;
        if effect.came {
            format!("; it takes {percent:.0} % of the requests")
        } else {
            format!("; the others took its {percent:.0} %")
        }
    });
    let (before, after) = (
        PerSecond(effect.before.per_s),
        PerSecond(effect.after.per_s),
    );
    let share = share.unwrap_or_default();
    format!("{means}{share}; {before} → {after} requests/s")
}
