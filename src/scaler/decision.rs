//! What the scaler tells people: each [`Decision`] with everything that led to it.
//!
//! One text serves the daemon's log, `replay` and `status`. Nothing here decides.

use std::fmt;
use std::time::Duration;

use super::event::{Timestamp, WarmUpEvidence, WarmUpFailure};
use super::settings::{Signal, Statistic};

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

/// What was decided. The first seven are the words of `replay --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A complete window was above its threshold.
    Breach,
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
    /// Something that an operator should know.
    Note,
}

impl Change {
    /// The word of the contract (`change` of `replay --json`), or of the daemon's log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breach => "breach",
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
            Self::Note => "note",
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
    Breach(Breach),
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
        /// Sessions still open; they end in peace.
        sessions: u32,
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
        /// How long it is left alone.
        hold: Duration,
    },
    /// Anything else, in words.
    Text(String),
}

/// One window above its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// What is measured.
    pub signal: Signal,
    /// What stands for the window.
    pub statistic: Statistic,
    /// The statistic, milliseconds.
    pub value_ms: f64,
    /// The threshold, milliseconds.
    pub above_ms: f64,
    /// Requests in the window.
    pub requests: u32,
    /// From the window's first request to its evaluation.
    pub span: Duration,
    /// Windows in a row above the threshold, this one included.
    pub streak: u32,
    /// How many are needed.
    pub needed: u32,
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
    /// Fewer UP servers than `min`.
    BelowMin {
        /// UP servers.
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
    /// HAProxy refused a command, or did not do what it accepted.
    Command(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breach(breach) => breach.fmt(formatter),
            Self::Wanted(wanted) => wanted.fmt(formatter),
            Self::Warmed {
                wanted, evidence, ..
            } if evidence.is_assumed => {
                write!(formatter, "{wanted}; its warm-up is assumed to pass")
            }
            Self::Warmed {
                wanted,
                evidence,
                checks,
                took,
            } => {
                write!(formatter, "{wanted}; ")?;
                write_evidence(formatter, *evidence)?;
                write!(formatter, ", {checks}; took {}", Span(*took))
            }
            Self::GivenBack(wanted) => write!(formatter, "was draining, is wanted again: {wanted}"),
            Self::Failed {
                what,
                quarantined_for,
            } => {
                write!(
                    formatter,
                    "{what}; left in maint, not tried for {}",
                    Span(*quarantined_for)
                )
            }
            Self::Quiet {
                quiet_for,
                share: Some(share),
            } => {
                let percent = share * 100.0;
                write!(
                    formatter,
                    "quiet for {} ({percent:.0} % of the threshold)",
                    Span(*quiet_for)
                )
            }
            Self::Quiet {
                quiet_for,
                share: None,
            } => {
                write!(formatter, "quiet for {} (no requests)", Span(*quiet_for))
            }
            Self::Emptied { took, sessions: 0 } => {
                write!(formatter, "drained in {}", Span(*took))
            }
            Self::Emptied { took, sessions } => write!(
                formatter,
                "still {sessions} sessions after {}; they end in peace",
                Span(*took)
            ),
            Self::NoSpare { wanted, spares } if spares.is_empty() => {
                write!(formatter, "{wanted}; every spare is in use")
            }
            Self::NoSpare { wanted, spares } => {
                write!(formatter, "{wanted}; {}", spares.join(", "))
            }
            Self::Operator { from, to, hold } => write!(
                formatter,
                "was {from}, is {to}, not by us: left alone for {}",
                Span(*hold)
            ),
            Self::Text(text) => formatter.write_str(text),
        }
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

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signal {
            Signal::ResponseTime => {}
            Signal::ServerTime => formatter.write_str("Tr ")?,
            Signal::QueueTime | Signal::ConnectTime => {
                write!(formatter, "{} ", self.signal.as_str())?;
            }
        }
        write!(
            formatter,
            "{} {:.0} ms > {} ms over {} requests in {} ",
            self.statistic.name(),
            self.value_ms,
            self.above_ms,
            self.requests,
            Span(self.span),
        )?;
        if self.streak <= self.needed {
            write!(formatter, "({} of {})", self.streak, self.needed)
        } else {
            write!(
                formatter,
                "({} in a row, {} needed)",
                self.streak, self.needed
            )
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(breach) => breach.fmt(formatter),
            Self::DeadServer { server, shows } => {
                write!(formatter, "always-up server {server} is {shows}")
            }
            Self::BelowMin { up, min } => write!(formatter, "{up} UP servers, min is {min}"),
            Self::Reloaded => {
                formatter.write_str("it was ready before HAProxy was reloaded and is still needed")
            }
            Self::Waiting { queued } => write!(formatter, "{queued} requests wait in the queue"),
        }
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Passed => "HAProxy's checks passed",
            Self::ProveNothing => "HAProxy's checks prove nothing with `fall 1`",
            Self::NotConfigured => "HAProxy does not check it",
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
