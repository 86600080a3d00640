//! Numbers in words: windows, episodes, loads, counts.

use super::counted;
use crate::scaler::decision::{
    Breach, Compared, Episode, NotHelping, Share, SlowServer, Tally, TooSlow,
};
use crate::scaler::settings::Signal;
use crate::words::time::{PerSecond, Span};

in_words!(
    Breach: breach,
    Compared: compared,
    Episode: episode,
    NotHelping: not_helping,
    Share: share,
    SlowServer: slow_server,
    Tally: tally,
    TooSlow: too_slow,
);

/// What is measured, before the statistic, where it is not the response time.
pub(super) const fn signal_prefix(signal: Signal) -> &'static str {
    match signal {
        Signal::ResponseTime => "",
        Signal::ServerTime => "Tr ",
        Signal::QueueTime => "queue_time ",
        Signal::ConnectTime => "connect_time ",
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
        "{}{} {:.0} ms > {} ms over {} requests in {} {streak}",
        signal_prefix(breach.signal),
        breach.statistic.name(),
        breach.value_ms,
        breach.above_ms,
        breach.requests,
        Span(breach.span),
    )
}

fn episode(episode: &Episode) -> String {
    let lasted = Span(episode.lasted);
    let (start, end) = if episode.is_over {
        let none = format!("; none for {}", Span(Episode::OVER_AFTER));
        (format!("over after {lasted}"), none)
    } else {
        (format!("slow for {lasted}"), String::new())
    };
    format!(
        "{start}: {}{} {:.0} ms, worst {:.0} ms > {} ms, {}{end}",
        signal_prefix(episode.signal),
        episode.statistic.name(),
        episode.mean_ms,
        episode.worst_ms,
        episode.above_ms,
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

fn not_helping(verdict: &NotHelping) -> String {
    format!(
        "{:.0} ms before the last spare joined, {:.0} ms since: no more servers for {}, or until the \
         request rate has grown by a quarter",
        verdict.before_ms,
        verdict.after_ms,
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
