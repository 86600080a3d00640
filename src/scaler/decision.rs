//! What the scaler tells people: each [`Decision`] with everything that led to it, as data. The
//! sentences are made in `publish::text`. Nothing here decides.

#![allow(missing_docs)] // Where a name says it all; `publish::text` has the sentences.

mod answer;
mod machine;
mod note;

use std::time::Duration;

use super::seen::Nobody;
use crate::measure::need::Need;
use crate::measure::settings::{Signal, Statistic};
use crate::measure::target::TargetNeed;
use crate::words::by::By;
use crate::words::closed::closed;
use crate::words::level::Level;
use crate::words::names::ServerName;
use crate::words::order::Verb;
use crate::words::picture::{AdminState, Crowded};
use crate::words::proof::{WarmUpEvidence, WarmUpFailure};
use crate::words::shift::TimeOfDay;
use crate::words::time::Timestamp;

pub use self::answer::{Load, Promise, Refusal, Way};
pub use self::machine::{MachineNews, MachineTrouble, NoStart};
pub use self::note::{Advice, CalledOff, Expired, NameList, NoRamp, Note, RampNews, Would};
pub use super::probation::Tally;
pub use crate::measure::account::{Effect, Seen};
pub use crate::measure::agreement::{Compared, Doubt};
pub use crate::measure::breach::{Breach, Episode, News, SlowServer};
pub use crate::measure::dropped::Share;
pub use crate::measure::load::TooSlow;
pub use crate::measure::trial::NotHelping;

/// Something that was decided, done, or found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub at: Timestamp,
    /// The backend that it is about; `None`: HAProxy as a whole.
    pub backend: Option<String>,
    /// The server, where there is one.
    pub server: Option<String>,
    pub change: Change,
    /// Why, with the numbers.
    pub reason: Reason,
}

impl Decision {
    /// The backend that it is about; empty for HAProxy as a whole.
    pub fn backend(&self) -> &str {
        self.backend.as_deref().unwrap_or_default()
    }
}

closed! {
    /// What was decided. Those of `replay --json` are the seven of the contract: `breach`, `warm_up`,
    /// `enable`, `enable_failed`, `drain`, `disable` and `no_spare`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Change {
        /// A complete window was above its threshold.
        Breach = "breach",
        /// No window was above its threshold for a while: an episode of breaches is over.
        BreachOver = "breach_over",
        /// A spare is being warmed up.
        WarmUp = "warm_up",
        /// A spare takes traffic.
        Enable = "enable",
        /// A spare could not be enabled; it is back in maint.
        EnableFailed = "enable_failed",
        /// A spare gets no balanced traffic any more.
        Drain = "drain",
        /// A spare is back in maint.
        Disable = "disable",
        /// A server is wanted and there is none to bring in.
        NoSpare = "no_spare",
        /// An operator changed a server: it is left alone.
        Hold = "hold",
        /// HAProxy was reloaded or restarted: its states are learnt anew.
        Reload = "reload",
        /// Scaling down is frozen.
        Freeze = "freeze",
        /// Scaling down is possible again.
        Thaw = "thaw",
        /// HAProxy cannot be read.
        Unreachable = "unreachable",
        /// HAProxy can be read again.
        Reachable = "reachable",
        /// More servers do not help: no more are asked for, for the time being.
        NotHelping = "not_helping",
        /// A spare that could go stays.
        Stay = "stay",
        /// The share of a newcomer grows, or does so no more.
        Ramp = "ramp",
        /// Something that an operator should know.
        Note = "note",
        /// The answer to an operator's order.
        Operator = "operator",
        /// Something would be done if it were not for a pause.
        Paused = "paused",
        /// A server that is ready gets no requests: it is no capacity.
        NotServing = "not_serving",
        /// A spare that takes requests answers them worse than the others do.
        ProbationFailed = "probation_failed",
        /// What a change did.
        Effect = "effect",
        /// The machine of a spare is asked to start.
        MachineStart = "machine_start",
        /// The machine of a spare runs, and its server answers.
        MachineStarted = "machine_started",
        /// A machine did not do what it was asked for, or went off.
        MachineFailed = "machine_failed",
        /// The machine of a spare is asked to stop.
        MachineStop = "machine_stop",
        /// The machine of a spare is off, as wished.
        MachineStopped = "machine_stopped",
        /// Something that keeps users waiting or us from helping, and that an operator can mend.
        Warning = "warning",
    }
}

impl Change {
    /// How much it matters.
    pub const fn level(self) -> Level {
        match self {
            Self::EnableFailed
            | Self::NoSpare
            | Self::NotHelping
            | Self::Freeze
            | Self::NotServing
            | Self::ProbationFailed
            | Self::MachineFailed
            | Self::Warning
            | Self::Unreachable => Level::Warning,
            Self::Breach
            | Self::BreachOver
            | Self::WarmUp
            | Self::Enable
            | Self::Drain
            | Self::Disable
            | Self::Hold
            | Self::Reload
            | Self::Thaw
            | Self::Reachable
            | Self::Stay
            | Self::Ramp
            | Self::Note
            | Self::Operator
            | Self::Effect
            | Self::MachineStart
            | Self::MachineStarted
            | Self::MachineStop
            | Self::MachineStopped
            | Self::Paused => Level::Info,
        }
    }

    /// One of the seven that `replay` prints.
    pub const fn is_in_replay(self) -> bool {
        matches!(
            self,
            Self::Breach
                | Self::WarmUp
                | Self::Enable
                | Self::EnableFailed
                | Self::Drain
                | Self::Disable
                | Self::NoSpare
        )
    }

    /// The code of the contract's events.
    pub const fn code(self) -> &'static str {
        if matches!(self, Self::Operator) {
            "order"
        } else {
            self.as_str()
        }
    }
}

/// Why something was decided, with the numbers that led to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// A window was above its threshold.
    Breach {
        breach: Breach,
        /// The one server that was slow while the others were not.
        slow: Option<SlowServer>,
        /// What it is to those who are told of episodes.
        news: News,
    },
    Episode(Episode),
    /// The last spare made nothing better.
    NotHelping {
        signal: Signal,
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
        changes: usize,
        /// The time that they are counted in.
        within: Duration,
        /// It is left alone for this long.
        left: Duration,
    },
    Wanted(Wanted),
    /// A spare was proven healthy and takes traffic.
    Warmed {
        wanted: Wanted,
        evidence: WarmUpEvidence,
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
        quiet_for: Duration,
        /// The largest share of its threshold that a policy shows; `None` without a sample.
        share: Option<f64>,
    },
    /// A draining spare has nothing left to do.
    Emptied {
        took: Duration,
        /// Sessions that were open when it was put into maint.
        sessions: u32,
    },
    /// A drain has lasted for `drain_timeout`, and sessions are still open.
    StillOpen {
        took: Duration,
        sessions: u32,
    },
    /// A server is ready and gets no requests.
    NotServing {
        /// What was counted; `None` when HAProxy's marks alone say so.
        tally: Option<Tally>,
        cause: Cause,
    },
    /// A server that got no requests gets its share now.
    Shares(Tally),
    /// A spare that answered worse than the others does so no more.
    Recovered(Tally),
    /// A spare answers worse than the others do.
    Fault {
        fault: Fault,
        consequence: Consequence,
    },
    /// There is no spare to bring in.
    NoSpare {
        wanted: Wanted,
        why: Nobody,
    },
    Operator {
        /// The state that we left it in.
        from: AdminState,
        /// The state that it is in.
        to: AdminState,
        /// It has an agent, which may have done it: HAProxy does not tell the two apart.
        may_be_agent: bool,
        /// How long it is left alone.
        hold: Duration,
    },
    /// What became of an operator's order.
    Answer {
        verb: Verb,
        /// Who gave the order, when the kernel told.
        by: Option<Box<By>>,
        /// What will happen, or why not.
        answer: Result<Promise, Refusal>,
    },
    /// What a change did.
    Effect(Effect),
    /// What became of a machine.
    Machine(MachineNews),
    Note(Note),
}

/// Why a server is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    Slow(Breach),
    /// By what one server carries the demand needs more than `serving` servers.
    Demand {
        need: Box<Need>,
        serving: u32,
    },
    /// A policy with a target wants more than `serving` servers.
    Target {
        need: TargetNeed,
        serving: u32,
    },
    /// An always-up server does not take traffic.
    DeadServer {
        server: String,
        shows: Shown,
    },
    /// A spare that was ready takes no traffic.
    DeadSpare {
        server: String,
        shows: Shown,
    },
    /// A server will be gone.
    Evacuation {
        server: String,
    },
    /// Users wait in front of HAProxy, and its servers are busy.
    Crowded(Crowded),
    /// Fewer servers serve than `min`.
    BelowMin {
        up: u32,
        /// `min`, or what the schedule asks for.
        min: u32,
        /// Where it is the schedule: until when.
        until: Option<TimeOfDay>,
    },
    /// It was ready before HAProxy was reloaded or restarted and is still needed.
    Reloaded,
    /// Load returned while it was draining.
    Waiting {
        /// Requests waiting in the backend's queue.
        queued: u32,
    },
    /// Nothing that was measured: somebody or something said so.
    Ordered(Ordered),
}

impl Wanted {
    /// It is about load: a cooldown follows.
    pub(super) const fn is_for_load(&self) -> bool {
        matches!(
            self,
            Self::Slow(_)
                | Self::Demand { .. }
                | Self::Target { .. }
                | Self::Crowded(_)
                | Self::Waiting { .. }
        )
    }

    /// The log says so, by itself or together with HAProxy's counters.
    pub(super) const fn rests_on_the_log(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Demand { .. })
    }

    /// How many servers are wanted is counted anew at each look.
    pub(super) const fn is_counted(&self) -> bool {
        matches!(self, Self::Demand { .. } | Self::Target { .. })
    }

    /// That server will be gone.
    pub(super) fn evacuation(server: &str) -> Self {
        let server = server.to_owned();
        Self::Evacuation { server }
    }

    /// It replaces that server, which may come and go.
    pub(super) fn is_for_spare(&self, name: &str) -> bool {
        matches!(self, Self::DeadSpare { server, .. } | Self::Evacuation { server } if server == name)
    }

    /// Another server is dead, or will be.
    pub(super) const fn is_for_dead(&self) -> bool {
        matches!(
            self,
            Self::DeadServer { .. } | Self::DeadSpare { .. } | Self::Evacuation { .. }
        )
    }

    /// Capacity is missing whatever the load is.
    pub(super) const fn is_for_capacity(&self) -> bool {
        self.is_for_dead() || matches!(self, Self::BelowMin { .. })
    }
}

/// What overrules the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    By {
        verb: Verb,
        /// Who gave it, when the kernel told.
        by: Option<By>,
    },
    /// The daemon or the machine stood still for so long.
    Standstill(Duration),
    /// The new configuration does not name it as a spare any more.
    NewConfiguration,
}

/// Why a server takes no balanced traffic, as HAProxy shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Maint,
    Drain { by_agent: bool },
    NoWeight,
    Down { by_agent: bool },
}

/// Why a server that is ready gets no requests, as far as HAProxy shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    NoWeight {
        by_agent: bool,
    },
    /// It is marked `backup`, and others are active.
    Backup,
    /// Its weight is next to nothing beside the others'.
    LittleWeight {
        weight: u32,
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
    /// It takes longer with a part of its share, and did not get faster within its ramp.
    Lags {
        /// Its own mean, milliseconds.
        mean_ms: f64,
        /// That of the others, milliseconds.
        others_ms: f64,
        /// Requests of its that were measured.
        requests: u32,
        /// Its weight then …
        weight: u32,
        /// … of that in haproxy.cfg.
        whole: u32,
    },
    /// Its machine is off.
    MachineOff,
}

/// What becomes of a spare that answers worse than the others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It is drained and put into maint, and no candidate for this long.
    Leaves { quarantined_for: Duration },
    /// It is watched: it leaves if that lasts.
    Watched,
    /// It stays: too few other servers serve.
    TooFewOthers,
    /// It stays: an operator wants it in, or as it is.
    Ordered,
    /// It stays: the requests that it gets are others than those of its neighbours.
    ByContent,
    /// It stays: it is no spare.
    NoSpare,
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
    WarmUp(WarmUpFailure),
    /// Its machine did not start.
    Machine(MachineTrouble),
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
        taken: u64,
        failed: u64,
    },
    Refused(StateRefused),
    /// HAProxy accepted that state and shows another one.
    NotFollowed(AdminState),
    /// It died while it was draining.
    Died,
}

/// Why a server is no candidate for a while.
#[derive(Clone, Debug, PartialEq)]
pub enum Failed {
    /// It could not be brought in.
    Coming(Failure),
    /// It answered worse than the others did.
    Serving(Fault),
    /// It was DOWN when it was put away.
    Dead,
    /// It failed under an earlier daemon.
    Before,
}

/// A command that HAProxy refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRefused {
    pub server: ServerName,
    /// The state that it was to have.
    pub state: AdminState,
    pub words: String,
}
