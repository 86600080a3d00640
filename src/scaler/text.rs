//! The one text of each decision, for the daemon's log, `replay` and `status`. What was decided, and
//! why, is data in `decision`; here it becomes a sentence.

use std::fmt;
use std::time::Duration;

use super::breach::write_signal;
use super::decision::{
    Breach, Cause, Change, Checks, Consequence, Decision, Failure, Fault, NotHelping, Reason,
    SlowServer, Tally, TooSlow, Wanted,
};
use crate::words::picture::Crowded;
use crate::words::proof::WarmUpEvidence;
use crate::words::time::{PerSecond, Span};

impl fmt::Display for Decision {
    /// `enable web/web3: …`, one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.change)?;
        if let Some(backend) = &self.backend {
            write!(formatter, " {backend}")?;
        }
        if let Some(server) = &self.server {
            write!(formatter, "/{server}")?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breach { breach, slow, .. } => write_breach(formatter, breach, slow.as_ref()),
            Self::Episode(episode) => episode.fmt(formatter),
            Self::NotHelping {
                signal,
                statistic,
                verdict,
            } => {
                write_signal(formatter, *signal)?;
                write!(formatter, "{} {verdict}", statistic.name())
            }
            Self::TooSlow { entry, rate, left } => {
                let (rate, left) = (PerSecond(*rate), Span(*left));
                write!(
                    formatter,
                    "{entry}, now {rate}; goes in {left} if it stays quiet"
                )
            }
            Self::Budget {
                changes,
                within,
                left,
            } => {
                let (within, left) = (Span(*within), Span(*left));
                write!(
                    formatter,
                    "changed {changes} times within {within}: left alone for {left}"
                )
            }
            Self::Wanted(wanted) => wanted.fmt(formatter),
            Self::Warmed {
                wanted,
                evidence,
                checks,
                took,
            } => write_warmed(formatter, wanted, *evidence, *checks, *took),
            Self::GivenBack(wanted) => write!(formatter, "was draining, is wanted again: {wanted}"),
            Self::Failed {
                what,
                quarantined_for,
            } => {
                let span = Span(*quarantined_for);
                write!(formatter, "{what}; left in maint, not tried for {span}")
            }
            Self::Quiet { quiet_for, share } => write_quiet(formatter, *quiet_for, *share),
            Self::Emptied { took, sessions } => write_emptied(formatter, *took, *sessions),
            Self::StillOpen { took, sessions } => write_still_open(formatter, *took, *sessions),
            Self::NotServing { tally, cause } => {
                write_not_serving(formatter, tally.as_ref(), *cause)
            }
            Self::Recovered(tally) => write_recovered(formatter, tally),
            Self::Shares(tally) => {
                formatter.write_str("takes its share now: ")?;
                write_taken(formatter, tally)
            }
            Self::Fault { fault, consequence } => write!(formatter, "{fault}; {consequence}"),
            Self::NoSpare { wanted, spares } => write_no_spare(formatter, wanted, spares),
            Self::Operator {
                from,
                to,
                may_be_agent,
                hold,
            } => write_operator(formatter, from, to, *may_be_agent, *hold),
            Self::Answer(answer) => formatter.write_str(&answer.text),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoWeight { by_agent: true } => {
                "its agent gives it weight 0 (with weight 1 every answer below 100 % does; a larger \
                 weight in haproxy.cfg, such as `weight 100`, ends that)"
            }
            Self::NoWeight { by_agent: false } => "its weight is 0",
            Self::Backup => "it is marked `backup`, and HAProxy sends a backup nothing while others serve",
            Self::LittleWeight { weight, total } => {
                return write!(
                    formatter,
                    "its weight is {weight}, that of all servers {total}"
                );
            }
            Self::Queue => {
                "HAProxy keeps its queue from it although it has room; `balance leastconn` in this \
                 backend avoids that"
            }
            Self::First => "`balance first` fills the servers before it first, and they are not full",
            Self::Cookie => "clients keep the server that their cookie names; new clients will reach it",
            Self::Hash => "the balance algorithm chooses by what the request says",
            Self::Unknown => {
                "perhaps a `use-server` rule or a stick table keeps requests from it"
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(tally) => write!(
                formatter,
                "{} of its last {} failed, of the others' {} {}",
                tally.failed,
                counted(tally.ended, "request"),
                tally.others_ended,
                tally.others_failed
            ),
            Self::Hanging(tally) => write!(
                formatter,
                "requests pile up on it: it took {} in {} and ended {}, the others took {} and \
                 ended {}",
                counted(tally.taken, "request"),
                Span(tally.within),
                tally.ended,
                tally.others_taken,
                tally.others_ended
            ),
            Self::Slow {
                mean_ms,
                others_ms,
                requests,
            } => write!(
                formatter,
                "it takes {mean_ms:.0} ms (mean of {}), the others {others_ms:.0} ms",
                counted(u64::from(*requests), "request")
            ),
        }
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaves { quarantined_for } => write!(
                formatter,
                "it is drained and put into maint, not tried for {}",
                Span(*quarantined_for)
            ),
            Self::Watched => formatter.write_str("it goes if that lasts"),
            Self::TooFewOthers => formatter.write_str("it stays: too few other servers serve"),
            Self::Ordered => formatter.write_str("it stays: an operator wants it so"),
            Self::ByContent => formatter.write_str(
                "it stays: the balance algorithm chooses by what the request says, so its requests \
                 may be the reason",
            ),
            Self::NoSpare => formatter
                .write_str("it is no spare and stays, but is not counted as capacity meanwhile"),
        }
    }
}

impl fmt::Display for Crowded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frontend { name, limit } => write!(
                formatter,
                "frontend {name} has reached its `maxconn` of {limit} connections: users wait in \
                 front of HAProxy"
            ),
            Self::Rate { name, limit } => write!(
                formatter,
                "frontend {name} has reached its `rate-limit sessions` of {limit} a second: users \
                 wait in front of HAProxy, and more servers do not change that"
            ),
            Self::Process { limit } => write!(
                formatter,
                "HAProxy has reached its global `maxconn` of {limit} connections: users wait in \
                 front of it"
            ),
        }
    }
}

impl fmt::Display for NotHelping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.0} ms before the last spare joined, {:.0} ms since: no more servers for {}, or \
             until the request rate has grown by a quarter",
            self.before_ms,
            self.after_ms,
            Span(self.until().since(self.since))
        )
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = match self.servers {
            1 => "1 server was".to_owned(),
            more => format!("{more} servers were"),
        };
        write!(
            formatter,
            "{servers} too slow at {} requests/s",
            PerSecond(self.rate)
        )
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(breach) => breach.fmt(formatter),
            Self::DeadServer { server, shows } => {
                write!(formatter, "always-up server {server} is {shows}")
            }
            Self::DeadSpare { server, shows } => {
                write!(formatter, "ready spare {server} is {shows}")
            }
            Self::Crowded(crowded) => crowded.fmt(formatter),
            Self::BelowMin { up, min } => write!(
                formatter,
                "{} serving, min is {min}",
                counted(u64::from(*up), "server")
            ),
            Self::Reloaded => {
                formatter.write_str("it was ready before HAProxy was reloaded and is still needed")
            }
            Self::Waiting { queued } => write!(formatter, "{queued} requests wait in the queue"),
            Self::Ordered(text) => formatter.write_str(text),
        }
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Passed => "HAProxy's checks passed",
            Self::ProveNothing => "HAProxy's checks prove nothing with `fall 1`",
            Self::NotConfigured => "HAProxy does not check it",
            Self::NotRunning => "HAProxy's checks of it do not run (`enable health` starts them)",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WarmUp(failure) => write!(
                formatter,
                "warm-up failed: {failure}; enabled at once it would have got traffic"
            ),
            Self::Checks { health, full } => write!(
                formatter,
                "HAProxy's checks did not pass in time (health {health} of {full})"
            ),
            Self::DownByAgent => {
                formatter.write_str("its agent says that it is down or wants no requests")
            }
            Self::TrackedIsDown => formatter.write_str("the server that it tracks is DOWN"),
            Self::ChecksFailed => formatter.write_str("HAProxy's checks found it DOWN"),
            Self::Reached { taken, failed } => write!(
                formatter,
                "users reached it while it was draining (a `use-server` rule or a cookie sends them), \
                 and {failed} of {} failed",
                counted(*taken, "request")
            ),
            Self::Command(text) => formatter.write_str(text),
        }
    }
}

fn write_warmed(
    formatter: &mut fmt::Formatter<'_>,
    wanted: &Wanted,
    evidence: WarmUpEvidence,
    checks: Checks,
    took: Duration,
) -> fmt::Result {
    write!(formatter, "{wanted}; ")?;
    if evidence.is_assumed {
        return formatter.write_str("its warm-up is assumed to pass");
    }
    write_evidence(formatter, evidence)?;
    write!(formatter, ", {checks}; took {}", Span(took))
}

fn write_still_open(
    formatter: &mut fmt::Formatter<'_>,
    took: Duration,
    sessions: u32,
) -> fmt::Result {
    write!(
        formatter,
        "drain_timeout has passed with {} open after {}; it stays in drain until they end",
        counted(u64::from(sessions), "session"),
        Span(took)
    )
}

fn write_operator(
    formatter: &mut fmt::Formatter<'_>,
    from: &str,
    to: &str,
    may_be_agent: bool,
    hold: Duration,
) -> fmt::Result {
    let by = if may_be_agent {
        "by its agent or by hand"
    } else {
        "not by us"
    };
    let hold = Span(hold);
    write!(
        formatter,
        "was {from}, is {to}, {by}: left alone for {hold}"
    )
}

fn write_recovered(formatter: &mut fmt::Formatter<'_>, tally: &Tally) -> fmt::Result {
    let ended = counted(tally.ended, "request");
    let failed = tally.failed;
    write!(
        formatter,
        "answers as well as the others again: {failed} of its last {ended} failed"
    )
}

fn write_no_spare(
    formatter: &mut fmt::Formatter<'_>,
    wanted: &Wanted,
    spares: &[String],
) -> fmt::Result {
    if spares.is_empty() {
        write!(formatter, "{wanted}; every spare is in use")
    } else {
        write!(formatter, "{wanted}; {}", spares.join(", "))
    }
}

/// `3 of 20 requests in 2s`.
fn write_taken(formatter: &mut fmt::Formatter<'_>, tally: &Tally) -> fmt::Result {
    let arrived = counted(tally.arrived, "request");
    let within = Span(tally.within);
    write!(formatter, "{} of {arrived} in {within}", tally.taken)
}

fn write_breach(
    formatter: &mut fmt::Formatter<'_>,
    breach: &Breach,
    slow: Option<&SlowServer>,
) -> fmt::Result {
    write!(formatter, "{breach}")?;
    slow.map_or(Ok(()), |slow| write!(formatter, "; {slow}"))
}

fn write_quiet(
    formatter: &mut fmt::Formatter<'_>,
    quiet_for: Duration,
    share: Option<f64>,
) -> fmt::Result {
    write!(formatter, "quiet for {} ", Span(quiet_for))?;
    match share {
        Some(share) => write!(formatter, "({:.0} % of the threshold)", share * 100.0),
        None => formatter.write_str("(no requests)"),
    }
}

fn write_emptied(formatter: &mut fmt::Formatter<'_>, took: Duration, sessions: u32) -> fmt::Result {
    let took = Span(took);
    match sessions {
        0 => write!(formatter, "drained in {took}"),
        more => write!(
            formatter,
            "put into maint after {took} with {} open; HAProxy cuts none of them, unless the server \
             has `on-marked-down shutdown-sessions`",
            counted(u64::from(more), "session")
        ),
    }
}

fn write_not_serving(
    formatter: &mut fmt::Formatter<'_>,
    tally: Option<&Tally>,
    cause: Cause,
) -> fmt::Result {
    match tally {
        Some(tally) => {
            formatter.write_str("ready, and took ")?;
            write_taken(formatter, tally)?;
        }
        None => formatter.write_str("ready, and gets no requests")?,
    }
    write!(formatter, ": {cause}; not counted as capacity")
}

fn write_evidence(formatter: &mut fmt::Formatter<'_>, evidence: WarmUpEvidence) -> fmt::Result {
    let WarmUpEvidence {
        passed,
        first_ms,
        last_ms,
        ..
    } = evidence;
    if passed == 0 {
        write!(formatter, "accepts connections")
    } else {
        write!(
            formatter,
            "warmed up with {passed} requests ({first_ms} ms -> {last_ms} ms)"
        )
    }
}

/// `1 request`, `3 requests`.
fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
