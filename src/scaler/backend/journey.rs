//! One spare on its way, as data: where it goes, how far it is, and what follows from both. What is
//! done at each step lives in `road`.
//!
//! ```text
//!               from    through          to      when HAProxy shows the last state
//!  BringIn      maint   drain, checked   ready   arrived; fails: TakeBack
//!  GiveBack     drain                    ready   arrived; fails: TakeBack
//!  PutAway      ready   drain, emptied   maint   departed; load returns: GiveBack
//!  SendAway     ready   drain, emptied   maint   departed; ordered back: GiveBack
//!  Expel        ready   drain, emptied   maint   departed
//!  FinishDrain  drain   emptied          maint   departed
//!  TakeBack     drain                    maint   taken back, and in quarantine if it failed
//!
//!  Starting ─▶ WarmingUp (BringIn): only where its machine is off
//!
//!  WarmingUp ─▶ Judging ─▶ Writing ─▶ Verifying ─┬─▶ the end
//!   (BringIn)   a fresh     the next   a read    ├─▶ Checking (BringIn) ─┬─▶ Writing the last one
//!               picture     state      shows it  └─▶ Emptying            ┘
//! ```
//!
//! A spare without checks skips the drain on its way in. With a `weight_ramp` the last state is written once
//! HAProxy shows little weight (`Checking`).

use std::time::Duration;

use super::stall::Stall;
use crate::scaler::decision::{Failure, Fault, Ordered, Wanted};
use crate::scaler::event::ActionId;
use crate::scaler::settings::{BackendSettings, MachineSettings, OnOpenSessions};
use crate::words::by::By;
use crate::words::picture::{AdminState, ServerCounters};
use crate::words::proof::WarmUpEvidence;
use crate::words::time::Timestamp;

/// While HAProxy's checks or a drain are watched.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// A server whose requests fail drains no longer than this: what persistence still sends it fails.
const EXPEL_DRAIN: Duration = Duration::from_secs(2);
/// Requests that came within this time (or half of `drain_timeout`) will come again.
const STILL_COME: Duration = Duration::from_secs(10);

/// One spare between two stages.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) server: String,
    pub(super) goal: Goal,
    pub(super) step: Step,
    pub(super) since: Timestamp,
    /// Load came back while it was on its way out.
    pub(super) returned: Option<Wanted>,
    /// On its way in, and not wanted any more: why.
    pub(super) unwanted: Option<Ordered>,
    /// The states that it was told. A command whose answer was lost may still be carried out late.
    pub(super) told: Vec<AdminState>,
    /// Its counters when it began to drain, and when it was seen last to take a request.
    pub(super) drained: Option<ServerCounters>,
    pub(super) took_at: Option<(u64, Timestamp)>,
    /// Sessions that were open before it was told `maint`.
    pub(super) sessions: u32,
    /// Its machine boots: until when its server is waited for, and by when it usually answers.
    pub(super) boot: Option<Boot>,
    /// What its warm-up meets, and who set out beside it because of that.
    pub(super) stall: Stall,
}

/// A machine that was asked to run and whose server is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot {
    pub(super) until: Timestamp,
    pub(super) usual_until: Timestamp,
    /// Its server has answered, if not well enough yet.
    pub(super) has_answered: bool,
    /// When its server was proven: HAProxy's checks have their time from then on.
    pub(super) over_at: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) enum Goal {
    BringIn {
        wanted: Wanted,
        evidence: WarmUpEvidence,
    },
    GiveBack {
        wanted: Wanted,
    },
    PutAway {
        quiet_for: Duration,
        share: Option<f64>,
    },
    /// Because an operator said so.
    SendAway {
        by: Option<By>,
    },
    /// Because it answers worse than the others do.
    Expel {
        fault: Fault,
    },
    /// It was found draining.
    FinishDrain,
    /// Something failed on the way in, or it is not wanted any more.
    TakeBack {
        failure: Option<Failure>,
    },
}

/// A row of the table above: where a journey begins, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) from: AdminState,
    pub(super) to: AdminState,
}

impl Goal {
    /// How long what it is for had lasted when it is reached after `took`, where that was measured.
    pub(super) fn wanted_for(&self, took: Duration) -> Option<Duration> {
        match self {
            Self::BringIn { wanted, .. } | Self::GiveBack { wanted } => match wanted {
                Wanted::Slow(breach) => Some(breach.arrivals.1.saturating_add(took)),
                Wanted::Demand { .. }
                | Wanted::Target { .. }
                | Wanted::DeadServer { .. }
                | Wanted::DeadSpare { .. }
                | Wanted::Evacuation { .. }
                | Wanted::Crowded(_)
                | Wanted::BelowMin { .. }
                | Wanted::Reloaded
                | Wanted::Waiting { .. }
                | Wanted::Ordered(_) => None,
            },
            Self::PutAway { .. }
            | Self::SendAway { .. }
            | Self::Expel { .. }
            | Self::FinishDrain
            | Self::TakeBack { .. } => None,
        }
    }

    pub(super) const fn route(&self) -> Route {
        let (from, to) = match self {
            Self::BringIn { .. } => (AdminState::Maint, AdminState::Ready),
            Self::GiveBack { .. } => (AdminState::Drain, AdminState::Ready),
            Self::PutAway { .. } | Self::SendAway { .. } | Self::Expel { .. } => {
                (AdminState::Ready, AdminState::Maint)
            }
            Self::FinishDrain | Self::TakeBack { .. } => (AdminState::Drain, AdminState::Maint),
        };
        Route { from, to }
    }

    /// It is on its way out for no fault of its own.
    pub(super) const fn may_turn_back(&self) -> bool {
        matches!(self, Self::PutAway { .. } | Self::SendAway { .. })
    }

    /// Why it comes, if it does.
    pub(super) const fn wanted(&self) -> Option<&Wanted> {
        match self {
            Self::BringIn { wanted, .. } | Self::GiveBack { wanted } => Some(wanted),
            Self::PutAway { .. }
            | Self::SendAway { .. }
            | Self::Expel { .. }
            | Self::FinishDrain
            | Self::TakeBack { .. } => None,
        }
    }
}

impl Route {
    /// The first state that the server is told. `is_checked`: HAProxy checks it.
    pub(super) fn first(self, is_checked: bool) -> AdminState {
        match self.from {
            AdminState::Maint if is_checked => AdminState::Drain,
            AdminState::Ready => AdminState::Drain,
            AdminState::Maint | AdminState::Drain => self.to,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its machine is asked to run: `machines` does that.
    Starting,
    /// Our own requests are under way, and end then at the latest, whatever is configured meanwhile.
    WarmingUp { id: ActionId, until: Timestamp },
    /// A fresh picture is awaited to decide on.
    Judging { after: ActionId },
    /// A command is under way.
    Writing { id: ActionId, state: AdminState },
    /// A fresh picture is awaited to see what the command did.
    Verifying { after: ActionId, state: AdminState },
    /// HAProxy checks it, without balanced traffic.
    Checking,
    /// Its sessions end.
    Emptying { since: Timestamp },
}

impl Step {
    /// Its machine may still have to boot.
    pub(super) const fn waits_for_its_machine(self) -> bool {
        matches!(self, Self::Starting | Self::WarmingUp { .. })
    }
}

impl Journey {
    pub(super) fn new(now: Timestamp, server: String, goal: Goal, step: Step) -> Self {
        Self {
            server,
            goal,
            step,
            since: now,
            returned: None,
            unwanted: None,
            told: Vec::new(),
            drained: None,
            took_at: None,
            sessions: 0,
            boot: None,
            stall: Stall::default(),
        }
    }

    /// Its server replaces one that is lost, and makes the backend no faster than it was.
    pub(super) fn replaces_lost(&self) -> bool {
        self.goal.wanted().is_some_and(Wanted::is_for_capacity)
    }

    /// Its server stands in for a dead one.
    pub(super) fn is_for_dead(&self) -> bool {
        self.goal.wanted().is_some_and(Wanted::is_for_dead)
    }

    /// Its server comes because the log says so.
    pub(super) fn rests_on_the_log(&self) -> bool {
        self.goal.wanted().is_some_and(Wanted::rests_on_the_log)
    }

    /// Its server serves still, and is about to leave.
    pub(super) fn is_departing(&self) -> bool {
        let is_first_half = match self.step {
            Step::Judging { .. } | Step::Writing { .. } | Step::Verifying { .. } => true,
            Step::Starting | Step::WarmingUp { .. } | Step::Checking | Step::Emptying { .. } => {
                false
            }
        };
        self.goal.route().from == AdminState::Ready && is_first_half
    }

    /// Its server failed on the way in, or is not wanted any more.
    pub(super) const fn is_taken_back(&self) -> bool {
        matches!(self.goal, Goal::TakeBack { .. })
    }

    /// Its server goes because it is quiet: load that returns brings it back.
    pub(super) const fn is_put_away(&self) -> bool {
        matches!(self.goal, Goal::PutAway { .. })
    }

    /// How soon the present step wants to see HAProxy again.
    pub(super) const fn read_interval(&self) -> Duration {
        match &self.step {
            Step::Checking | Step::Emptying { .. } => WATCH_INTERVAL,
            Step::Starting
            | Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. } => Duration::MAX,
        }
    }

    /// Its server's warm-up is that one.
    pub(super) fn is_warming_up(&self, warm_up: ActionId) -> bool {
        matches!(self.step, Step::WarmingUp { id, .. } if id == warm_up)
    }

    /// A spare on its way out is given back for that reason.
    pub(super) const fn is_undone_by(&self, wanted: &Wanted) -> bool {
        self.is_put_away()
            || matches!(self.goal, Goal::SendAway { .. })
                && matches!(wanted, Wanted::BelowMin { .. })
    }

    /// Since when its server is known to run: the boot of its machine is no part of what it is given time for.
    pub(super) fn runs_since(&self) -> Timestamp {
        let over_at = self.boot.and_then(|boot| boot.over_at);
        over_at.unwrap_or(self.since)
    }

    /// Its machine boots, and takes no longer than usual.
    pub(super) fn is_booting(&self, now: Timestamp) -> bool {
        let boots = self
            .boot
            .is_some_and(|boot| boot.over_at.is_none() && now < boot.usual_until);
        self.step == Step::Starting || boots
    }

    /// Its machine was believed to run, and its server does not answer: it is attended to from the beginning.
    pub(super) fn starts_after_all(&mut self, now: Timestamp) {
        (self.step, self.since) = (Step::Starting, now);
        self.stall.make_void();
    }

    /// When one gives up to wait for its machine; `None`: its server answers, or has no machine that boots.
    pub(super) fn is_late_at(&self, settings: &MachineSettings) -> Option<Timestamp> {
        match (self.step, self.boot) {
            (Step::Starting, _) => Some(self.since.after(settings.start_timeout)),
            (Step::WarmingUp { .. }, Some(boot)) => (!boot.has_answered).then_some(boot.until),
            _ => None,
        }
    }

    /// What that command asks for, if its answer is awaited.
    pub(super) fn written(&self, command: ActionId) -> Option<AdminState> {
        match self.step {
            Step::Writing { id, state } if id == command => Some(state),
            Step::Starting
            | Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking
            | Step::Emptying { .. } => None,
        }
    }

    /// Users who reached a spare in drain, where HAProxy balances nothing to it, by a rule or a
    /// cookie: how many, and how many of them failed.
    pub(super) fn reached(&self, now: ServerCounters) -> Option<(u64, u64)> {
        let then = self.drained?;
        let taken = now.taken.saturating_sub(then.taken);
        (taken > 0).then(|| (taken, now.failed.saturating_sub(then.failed)))
    }

    /// Remembers when the draining server took a request last: none comes by balancing.
    pub(super) fn note_taken(&mut self, now: Timestamp, taken: u64) {
        match self.took_at {
            None => self.took_at = Some((taken, self.since)),
            Some((before, _)) if before == taken => {}
            Some(_) => self.took_at = Some((taken, now)),
        }
    }

    /// A drain does not wait for its sessions any longer: it has failed its probation, requests
    /// keep coming by persistence and maint sends them elsewhere, or the operator wants it so.
    pub(super) fn is_cut_short(
        &self,
        now: Timestamp,
        since: Timestamp,
        settings: &BackendSettings,
    ) -> bool {
        let timeout = settings.drain_timeout;
        let took_within = |span: Duration| {
            let at = self.took_at.map(|(_, at)| at).filter(|at| *at > self.since);
            at.is_some_and(|at| now.since(at) < span)
        };
        let is_over = now >= since.after(timeout);
        let is_wished = settings.on_open_sessions == OnOpenSessions::Maint;
        match &self.goal {
            // Those that persistence sends to it fail, too.
            Goal::Expel {
                fault: Fault::Errors(_) | Fault::Hanging(_),
            } if took_within(EXPEL_DRAIN) => now >= since.after(timeout.min(EXPEL_DRAIN)),
            Goal::TakeBack { .. } => true,
            Goal::BringIn { .. }
            | Goal::GiveBack { .. }
            | Goal::PutAway { .. }
            | Goal::SendAway { .. }
            | Goal::Expel { .. }
            | Goal::FinishDrain => {
                is_over && (is_wished || took_within((timeout / 2).min(STILL_COME)))
            }
        }
    }

    /// A command of ours may bring about that state.
    pub(super) fn was_told(&self, state: AdminState) -> bool {
        self.told.contains(&state)
    }

    /// The states that it was told so far.
    pub(super) fn told_so_far(&self) -> &[AdminState] {
        &self.told
    }

    /// The server may be elsewhere than in maint, because of us. A command to make it ready may have
    /// been carried out: ready servers stay.
    pub(super) fn left_maint(&self) -> bool {
        match &self.step {
            Step::Starting | Step::WarmingUp { .. } | Step::Judging { .. } => {
                self.goal.route().from == AdminState::Drain
            }
            Step::Writing { state, .. } | Step::Verifying { state, .. } => {
                *state != AdminState::Ready
            }
            Step::Checking | Step::Emptying { .. } => true,
        }
    }

    /// It is on its way out for no fault of its own.
    pub(super) const fn may_turn_back(&self) -> bool {
        self.goal.may_turn_back()
    }

    /// The server is on its way in.
    pub(super) fn is_inbound(&self) -> bool {
        self.goal.route().to == AdminState::Ready
    }

    /// States that its commands have brought about or may bring about next. `is_checked`: HAProxy
    /// checks the server, so that it goes through drain on its way in.
    pub(super) fn may_cause(&self, is_checked: bool) -> Vec<AdminState> {
        let route = self.goal.route();
        let boots = self.boot.is_some_and(|boot| boot.over_at.is_none());
        let next = match &self.step {
            Step::WarmingUp { .. } if boots => None,
            Step::WarmingUp { .. } | Step::Judging { .. } => Some(route.first(is_checked)),
            Step::Checking | Step::Emptying { .. } => Some(route.to),
            // Nothing is told before its machine runs, and what is known is written once more before that: until
            // then a change is an operator's.
            Step::Starting | Step::Writing { .. } | Step::Verifying { .. } => None,
        };
        let mut states = Vec::new();
        for state in self.told.iter().copied().chain(next) {
            if !states.contains(&state) {
                states.push(state);
            }
        }
        states
    }
}
