//! What the scaler tells people: each [`Decision`] with everything that led to it.
//!
//! One text serves the daemon's log, `replay` and `status`. Nothing here decides.

use std::fmt;
use std::time::Duration;

use super::breach::write_signal;
use super::event::{Crowded, Timestamp, WarmUpEvidence, WarmUpFailure};
use super::hand::Answer;
use super::settings::{Signal, Statistic};

pub use super::breach::{Breach, Episode, News, SlowServer};
pub use super::load::TooSlow;
pub use super::probation::Tally;
pub use super::trial::NotHelping;

/// Something that was decided, done, or found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The backend that it is about.
    pub backend: String,
    /// The server, where there is one.
    pub server: Option<String>,
    /// What.
    pub change: Change,
    /// Why, with the numbers.
    pub reason: Reason,
}

impl fmt::Display for Decision {
    /// `enable web/web3: …`, one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.change, self.backend)?;
        if let Some(server) = &self.server {
            write!(formatter, "/{server}")?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

/// What was decided. Those of `replay --json` are the seven of the contract: `breach`, `warm_up`,
/// `enable`, `enable_failed`, `drain`, `disable` and `no_spare`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A complete window was above its threshold.
    Breach,
    /// No window was above its threshold for a while: an episode of breaches is over.
    BreachOver,
    /// A spare is being warmed up.
    WarmUp,
    /// A spare takes traffic.
    Enable,
    /// A spare could not be enabled; it is back in maint.
    EnableFailed,
    /// A spare gets no balanced traffic any more.
    Drain,
    /// A spare is back in maint.
    Disable,
    /// A server is wanted and there is none to bring in.
    NoSpare,
    /// An operator changed a server: it is left alone.
    Hold,
    /// HAProxy was reloaded or restarted: its states are learnt anew.
    Reload,
    /// Scaling down is frozen.
    Freeze,
    /// Scaling down is possible again.
    Thaw,
    /// HAProxy cannot be read.
    Unreachable,
    /// HAProxy can be read again.
    Reachable,
    /// More servers do not help: no more are asked for, for the time being.
    NotHelping,
    /// A spare that could go stays.
    Stay,
    /// Something that an operator should know.
    Note,
    /// The answer to an operator's order.
    Operator,
    /// Something would be done if it were not for a pause.
    Paused,
    /// A server that is ready gets no requests: it is no capacity.
    NotServing,
    /// A spare that takes requests answers them worse than the others do.
    ProbationFailed,
    /// Something that keeps users waiting or us from helping, and that an operator can mend.
    Warning,
}

impl Change {
    /// The word of the contract (`change` of `replay --json`), or of the daemon's log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breach => "breach",
            Self::BreachOver => "breach_over",
            Self::WarmUp => "warm_up",
            Self::Enable => "enable",
            Self::EnableFailed => "enable_failed",
            Self::Drain => "drain",
            Self::Disable => "disable",
            Self::NoSpare => "no_spare",
            Self::Hold => "hold",
            Self::Reload => "reload",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Unreachable => "unreachable",
            Self::Reachable => "reachable",
            Self::NotHelping => "not_helping",
            Self::Stay => "stay",
            Self::Note => "note",
            Self::Operator => "operator",
            Self::Paused => "paused",
            Self::NotServing => "not_serving",
            Self::ProbationFailed => "probation_failed",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why something was decided, with the numbers that led to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// A window was above its threshold.
    Breach {
        /// The window.
        breach: Breach,
        /// The one server that was slow while the others were not.
        slow: Option<SlowServer>,
        /// What it is to those who are told of episodes.
        news: News,
    },
    /// An episode of breaches.
    Episode(Episode),
    /// The last spare made nothing better.
    NotHelping {
        /// What is measured.
        signal: Signal,
        /// What stands for the window.
        statistic: Statistic,
        /// Before the spare joined, and the better one of two complete windows since.
        verdict: NotHelping,
    },
    /// So many servers were too slow at a load that is about the present one.
    TooSlow {
        /// Servers, and the load of then.
        entry: TooSlow,
        /// Requests a second now.
        rate: f64,
        /// The spare goes after this long all the same, if it stays quiet.
        left: Duration,
    },
    /// The server has been changed as often as it may be within a time.
    Budget {
        /// Changes of late.
        changes: usize,
        /// The time that they are counted in.
        within: Duration,
        /// It is left alone for this long.
        left: Duration,
    },
    /// A server is wanted.
    Wanted(Wanted),
    /// A spare was proven healthy and takes traffic.
    Warmed {
        /// Why it was wanted.
        wanted: Wanted,
        /// What the warm-up measured.
        evidence: WarmUpEvidence,
        /// What HAProxy's own checks proved.
        checks: Checks,
        /// From the decision to the confirmed state.
        took: Duration,
    },
    /// A draining spare was made ready again.
    GivenBack(Wanted),
    /// A spare could not be enabled.
    Failed {
        /// At which step, and what came back.
        what: Failure,
        /// It is no candidate for this long.
        quarantined_for: Duration,
    },
    /// The backend was quiet.
    Quiet {
        /// For how long without interruption.
        quiet_for: Duration,
        /// The largest share of its threshold that a policy shows; `None` without a sample.
        share: Option<f64>,
    },
    /// A draining spare has nothing left to do.
    Emptied {
        /// How long that took.
        took: Duration,
        /// Sessions that were open when it was put into maint.
        sessions: u32,
    },
    /// A drain has lasted for `drain_timeout`, and sessions are still open.
    StillOpen {
        /// How long it has lasted.
        took: Duration,
        /// Sessions that are open.
        sessions: u32,
    },
    /// A server is ready and gets no requests.
    NotServing {
        /// What was counted; `None` when HAProxy's marks alone say so.
        tally: Option<Tally>,
        /// The likely cause.
        cause: Cause,
    },
    /// A server that got no requests gets its share now.
    Shares(Tally),
    /// A spare answers worse than the others do.
    Fault {
        /// In what way.
        fault: Fault,
        /// What becomes of it.
        consequence: Consequence,
    },
    /// There is no spare to bring in.
    NoSpare {
        /// Why one is wanted.
        wanted: Wanted,
        /// What became of the spares, `web3 is quarantined for 50s`; empty when there are none.
        spares: Vec<String>,
    },
    /// An operator's change was seen.
    Operator {
        /// The state that we left it in.
        from: &'static str,
        /// The state that it is in.
        to: &'static str,
        /// It has an agent, which may have done it: HAProxy does not tell the two apart.
        may_be_agent: bool,
        /// How long it is left alone.
        hold: Duration,
    },
    /// What became of an operator's order.
    Answer(Answer),
    /// Anything else, in words.
    Text(String),
}

/// Why a server is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Windows above a threshold.
    Slow(Breach),
    /// An always-up server does not take traffic.
    DeadServer {
        /// Which.
        server: String,
        /// What HAProxy shows: `DOWN`, `maint`, `drain`.
        shows: &'static str,
    },
    /// A spare that was ready takes no traffic.
    DeadSpare {
        /// Which.
        server: String,
        /// What HAProxy shows: `DOWN`, `weight 0`.
        shows: &'static str,
    },
    /// Users wait in front of HAProxy, and its servers are busy.
    Crowded(Crowded),
    /// Fewer servers serve than `min`.
    BelowMin {
        /// Servers that serve.
        up: u32,
        /// `min`.
        min: u32,
    },
    /// It was ready before HAProxy was reloaded or restarted and is still needed.
    Reloaded,
    /// Load returned while it was draining.
    Waiting {
        /// Requests waiting in the backend's queue.
        queued: u32,
    },
    /// An operator's order, in words.
    Ordered(String),
}

/// Why a server that is ready gets no requests, as far as HAProxy shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its weight is 0.
    NoWeight {
        /// Its agent says so.
        by_agent: bool,
    },
    /// It is marked `backup`, and others are active.
    Backup,
    /// Its weight is next to nothing beside the others'.
    LittleWeight {
        /// Its own.
        weight: u32,
        /// Of all servers together.
        total: u32,
    },
    /// Requests wait in the backend's queue, and HAProxy does not hand them to it.
    Queue,
    /// `balance first`: the servers before it are not full.
    First,
    /// Clients keep the server that their cookie names.
    Cookie,
    /// The algorithm chooses by what the request says.
    Hash,
    /// Nothing that HAProxy shows: a rule, or a stick table.
    Unknown,
}

/// In what way a spare answers worse than the others do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Its requests end in errors.
    Errors(Tally),
    /// Its requests end much more seldom than they come.
    Hanging(Tally),
    /// It takes many times as long.
    Slow {
        /// Its own mean, milliseconds.
        mean_ms: f64,
        /// That of the others, milliseconds.
        others_ms: f64,
        /// Requests of its that were measured.
        requests: u32,
    },
}

/// What becomes of a spare that answers worse than the others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It is drained and put into maint, and no candidate for this long.
    Leaves {
        /// How long.
        quarantined_for: Duration,
    },
    /// It is watched: it leaves if that lasts.
    Watched,
    /// It stays: too few other servers serve.
    TooFewOthers,
    /// It stays: an operator wants it in, or as it is.
    Ordered,
}

/// What HAProxy's own health checks proved about a spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Fresh checks passed while it was draining.
    Passed,
    /// With `fall 1` health is full at once: nothing but our own warm-up proves it.
    ProveNothing,
    /// The server has no `check`: nothing but our own warm-up proves it.
    NotConfigured,
    /// It has `check`, and its checks do not run: nothing but our own warm-up proves it.
    NotRunning,
}

/// Where bringing a spare in failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// In the warm-up.
    WarmUp(WarmUpFailure),
    /// HAProxy's checks did not pass in time; health of full health.
    Checks {
        /// `srv_check_health`.
        health: u32,
        /// `rise + fall - 1`.
        full: u32,
    },
    /// HAProxy's checks found it DOWN while it was draining.
    ChecksFailed,
    /// Its agent found it DOWN, or wants no requests for it.
    DownByAgent,
    /// The server that it tracks is DOWN.
    TrackedIsDown,
    /// Users reached it while it was draining, and their requests failed.
    Reached {
        /// Requests that reached it.
        taken: u64,
        /// … and failed.
        failed: u64,
    },
    /// HAProxy refused a command, or did not do what it accepted.
    Command(String),
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
            } => {
                write!(formatter, "{wanted}; ")?;
                if evidence.is_assumed {
                    return formatter.write_str("its warm-up is assumed to pass");
                }
                write_evidence(formatter, *evidence)?;
                write!(formatter, ", {checks}; took {}", Span(*took))
            }
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
            Self::StillOpen { took, sessions } => write!(
                formatter,
                "drain_timeout has passed with {} open after {}; it stays in drain until they end",
                counted(u64::from(*sessions), "session"),
                Span(*took)
            ),
            Self::NotServing { tally, cause } => {
                write_not_serving(formatter, tally.as_ref(), *cause)
            }
            Self::Shares(tally) => write!(
                formatter,
                "takes its share now: {} of {} in {}",
                tally.taken,
                counted(tally.arrived, "request"),
                Span(tally.within)
            ),
            Self::Fault { fault, consequence } => write!(formatter, "{fault}; {consequence}"),
            Self::NoSpare { wanted, spares } if spares.is_empty() => {
                write!(formatter, "{wanted}; every spare is in use")
            }
            Self::NoSpare { wanted, spares } => {
                write!(formatter, "{wanted}; {}", spares.join(", "))
            }
            Self::Operator {
                from,
                to,
                may_be_agent,
                hold,
            } => {
                let hold = Span(*hold);
                let by = if *may_be_agent {
                    "not by us (by hand, or by its agent)"
                } else {
                    "not by us"
                };
                write!(
                    formatter,
                    "was {from}, is {to}, {by}: left alone for {hold}"
                )
            }
            Self::Answer(answer) => formatter.write_str(&answer.text),
            Self::Text(text) => formatter.write_str(text),
        }
    }
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

/// `1 request`, `3 requests`.
fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn write_not_serving(
    formatter: &mut fmt::Formatter<'_>,
    tally: Option<&Tally>,
    cause: Cause,
) -> fmt::Result {
    match tally {
        Some(tally) => write!(
            formatter,
            "ready, and took {} of {} in {}",
            tally.taken,
            counted(tally.arrived, "request"),
            Span(tally.within)
        )?,
        None => formatter.write_str("ready, and gets no requests")?,
    }
    write!(formatter, ": {cause}; not counted as capacity")
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

/// A rate as people write it: `0.3`, `4.8`, `48`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PerSecond(pub(super) f64);

impl fmt::Display for PerSecond {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.0 < 9.95);
        write!(formatter, "{:.digits$}", self.0)
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

/// A duration as people write it: `840ms`, `6.2s`, `3m 10s`, `2h 48m`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let seconds = self.0.as_secs();
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        match seconds {
            0 => write!(formatter, "{ms}ms"),
            1..60 if ms % 1000 < 50 => write!(formatter, "{seconds}s"),
            1..60 => write!(formatter, "{:.1}s", self.0.as_secs_f64()),
            60..3600 if seconds.is_multiple_of(60) => write!(formatter, "{minutes}m"),
            60..3600 => write!(formatter, "{minutes}m {}s", seconds % 60),
            _ if minutes == 0 => write!(formatter, "{hours}h"),
            _ => write!(formatter, "{hours}h {minutes}m"),
        }
    }
}
