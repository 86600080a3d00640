//! What was noticed, has expired, was called off or is in the way, in words.

use super::haproxy::answered;
use super::ramps::weight_refused;
use crate::scaler::decision::{Advice, CalledOff, Doubt, Expired, Note, Would};
use crate::scaler::hand::Kept;
use crate::words::picture::AdminState;
use crate::words::time::{PerSecond, Span};

const RELOADED: &str = "HAProxy was reloaded or restarted: every state is read anew";
const OVERDUE: &str = "it is evacuated, its time is over, and it serves still, as nobody else does: bring another one in, or \
    `resume` it";

in_words!(
    Advice: advice,
    CalledOff: called_off,
    Doubt: doubt,
    Expired: expired,
    Note: note,
    Would: would,
);

/// Also said of a problem that lasts.
pub(super) const USED_IN_MAINT: &str = "it is in maint and HAProxy still sends it requests \
    (`option persist` does that): do not switch it off; write `no option persist` in this backend";

fn note(note: &Note) -> String {
    match note {
        Note::Expired(what) => what.to_string(),
        Note::Would { what, pause } => format!("would {what} it; paused{pause}"),
        Note::Unread(failure) => failure.to_string(),
        Note::Answers => "HAProxy answers again".to_owned(),
        Note::HasBackend => "HAProxy has this backend now".to_owned(),
        Note::Reloaded => RELOADED.to_owned(),
        Note::Doubted(doubt) => doubt.to_string(),
        Note::Agrees => "log and HAProxy's counters agree again".to_owned(),
        Note::HardlyDrops(share) => {
            format!("HAProxy drops hardly any line of its log any more: {share}")
        }
        Note::DrainedByAgent => {
            "its agent answers `drain`, so it gets no requests; it is not changed as long as that lasts"
                .to_owned()
        }
        Note::MaxconnRefused { server, words } => format!(
            "cannot set maxconn of {server}: {}; it may get nothing of HAProxy's queue",
            answered(words)
        ),
        Note::Ramp(news) => news.to_string(),
        Note::WeightRefused {
            server,
            weight,
            words,
        } => weight_refused(server, *weight, words),
        Note::UsedInMaint => USED_IN_MAINT.to_owned(),
        Note::Resumed(state) => {
            let now = match state {
                AdminState::Ready => "is ready and stays",
                AdminState::Drain => "drains and goes to maint",
                AdminState::Maint => "is in maint",
            };
            format!("it was in transition when the daemon ended: it {now}")
        }
        Note::Left(enabled) if enabled.is_empty() => {
            "no longer in the configuration; no spare of it is enabled".to_owned()
        }
        Note::Left(enabled) => {
            let enabled = enabled.join(", ");
            format!("no longer in the configuration; left enabled: {enabled}")
        }
        Note::StoodStill(lasted) => {
            let lasted = Span(*lasted);
            format!("stood still for {lasted}: what was measured before does not count")
        }
        Note::NotDisabled(refusal) => format!("not disabled: {refusal}"),
        Note::StateRefused(refused) => refused.to_string(),
        Note::Vanished(server) => format!("HAProxy no longer has server {server}"),
        Note::Overdue => OVERDUE.to_owned(),
        Note::LateReady => "HAProxy carried `ready` out after its answer was given up".to_owned(),
        Note::WarmUpFails(failing) => failing.to_string(),
        Note::CalledOff(why) => format!("not enabled: {why}"),
        Note::Crowded(crowded) => crowded.to_string(),
        Note::CrowdStuck {
            what,
            before_per_s,
            since_per_s,
            pause,
        } => {
            let (before, since) = (PerSecond(*before_per_s), PerSecond(*since_per_s));
            let pause = Span(*pause);
            format!(
                "{what}; the last spare let no more requests through ({before}/s before, {since}/s \
                 since): no more spares for this reason for {pause}"
            )
        }
        Note::Advice(advice) => advice.to_string(),
    }
}

fn expired(expired: &Expired) -> &'static str {
    match expired {
        Expired::Pause => "the pause has expired",
        Expired::Pin => "the pin has expired",
        Expired::Kept(Kept::In) => "is no longer kept in",
        Expired::Kept(Kept::Out) => "is no longer kept out",
    }
}

fn would(would: &Would) -> &'static str {
    match would {
        Would::FinishDrain => "finish draining",
        Would::Enable => "warm up and enable",
        Would::Drain => "drain",
    }
}

fn called_off(why: &CalledOff) -> String {
    match why {
        CalledOff::Blocked(blocked) => blocked.to_string(),
        CalledOff::Ordered(ordered) => ordered.to_string(),
        CalledOff::Stale => "its warm-up is too long ago to prove anything".to_owned(),
        CalledOff::Replaced => "its place has been taken".to_owned(),
    }
}

fn doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Incomplete(compared) => format!(
            "no scale-down, and slow requests may be missed: {compared}; is logging complete (option \
             dontlog-normal, rate limits, a full disk, a syslog daemon that does not run)?"
        ),
        Doubt::Inflated(compared) => format!(
            "no scale-down: {compared}; is this the log of that HAProxy? A request must write one \
             line: no log-steps, no second log target into the same file"
        ),
        Doubt::Dropped(share) => format!(
            "no scale-down: HAProxy drops lines of its log ({share}, DroppedLogs of show info): with \
             `log stdout` or `stderr` and several threads two write at once and one line is lost \
             (`nbthread 1`, or log over UDP or a Unix socket); else a log target is not running or \
             too slow"
        ),
    }
}

fn advice(advice: &Advice) -> String {
    match advice {
        Advice::UnknownServer(list, name) => format!(
            "{} lists {}, but HAProxy has no such server in {}",
            list.as_str(),
            name.server,
            name.backend
        ),
        Advice::NoSpare => {
            "no spare: mark a server `disabled` in haproxy.cfg, or name it in spares".to_owned()
        }
        Advice::Backup(name) => format!(
            "{} is marked `backup`: HAProxy sends it nothing while another server is active, so it \
             cannot help and is not taken; remove `backup` from its line",
            name.server
        ),
        Advice::NoWeight(name) => format!(
            "{} has weight 0: HAProxy sends it nothing, so it cannot help; `set weight {name} 1`, or \
             correct its line in haproxy.cfg",
            name.server
        ),
        Advice::NoCheck(name) => format!(
            "HAProxy does not check {}: only our warm-up proves it, and nobody would take it out if \
             it died later; add `check`",
            name.server
        ),
        Advice::CheckStopped(name) => format!(
            "HAProxy's checks of {} are configured and do not run: only our warm-up proves it; \
             `enable health {name}` on the admin socket starts them",
            name.server
        ),
        Advice::InTurn => {
            "servers have a `maxconn`, and HAProxy balances in turn (`balance roundrobin`, its \
             default): while requests queue it keeps a newcomer out until this \
             daemon pushes it; `balance leastconn` does without"
                .to_owned()
        }
        Advice::NoRamp(servers, why) => {
            format!("weight_ramp does nothing for {}: {why}", servers.join(", "))
        }
    }
}
