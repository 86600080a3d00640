//! One spare on its way, as data: where it goes, how far it is, and what follows from both. What is
//! done at each step lives in `begin`, `steps` and `ends`.
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
//!  WarmingUp ─▶ Judging ─▶ Writing ─▶ Verifying ─┬─▶ the end
//!   (BringIn)   a fresh     the next   a read    ├─▶ Checking (BringIn) ─┬─▶ Writing the last one
//!               picture     state      shows it  └─▶ Emptying            ┘
//! ```
//!
//! A spare without checks skips the drain on its way in.

mod begin;
mod by_hand;
mod ends;
mod steps;

use std::time::Duration;

use super::facts::Facts;
use super::needs::Needs;
use super::signals::Signals;
use super::timers::Timers;
use super::{Plan, Said};
use crate::scaler::decision::{Failure, Fault, Ordered, Wanted};
use crate::scaler::event::ActionId;
use crate::scaler::hand::Hand;
use crate::scaler::member::Member;
use crate::scaler::outbox::Outbox;
use crate::scaler::settings::{BackendSettings, OnOpenSessions};
use crate::words::picture::{AdminState, ServerCounters};
use crate::words::proof::WarmUpEvidence;
use crate::words::time::Timestamp;

/// While HAProxy's checks or a drain are watched.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// HAProxy's checks of a spare are waited for by what is more urgent for so long.
const CHECKS_WAITED_FOR: Duration = Duration::from_secs(2);

/// A server whose requests fail drains no longer than this: what persistence still sends it fails.
const EXPEL_DRAIN: Duration = Duration::from_secs(2);
/// Requests that came within this time (or half of `drain_timeout`) will come again.
const STILL_COME: Duration = Duration::from_secs(10);

/// The servers on their way: one for now.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    pub(super) only: Option<Journey>,
    /// The command under way; it may outlive its journey.
    pub(super) writing: Option<ActionId>,
}

impl Journeys {
    /// No server is on its way, and no command either.
    pub(super) const fn is_idle(&self) -> bool {
        self.only.is_none() && self.writing.is_none()
    }

    /// That server's journey.
    pub(super) fn of(&self, server: &str) -> Option<&Journey> {
        self.only.as_ref().filter(|it| it.server == server)
    }

    /// That spare is being brought in.
    pub(super) fn is_inbound(&self, server: &str) -> bool {
        self.of(server).is_some_and(Journey::is_inbound)
    }

    /// Forgets that server's journey.
    pub(super) fn forget(&mut self, server: &str) {
        self.only.take_if(|it| it.server == server);
    }

    /// Goes on to that step.
    fn step(&mut self, step: Step) {
        if let Some(journey) = &mut self.only {
            journey.step = step;
        }
    }
}

/// What the journeys of a backend may touch.
pub(in crate::scaler) struct Road<'a> {
    pub(super) signals: &'a mut Signals,
    pub(super) facts: &'a mut Facts,
    pub(super) settings: &'a BackendSettings,
    pub(super) journeys: &'a mut Journeys,
    pub(super) plan: &'a mut Plan,
    pub(super) said: &'a mut Said,
    pub(super) hand: &'a mut Hand,
    pub(super) timers: &'a mut Timers,
}

impl Road<'_> {
    /// What the backend needs, as things are.
    const fn needs(&self) -> Needs<'_> {
        Needs {
            facts: self.facts,
            signals: self.signals,
            settings: self.settings,
            hand: self.hand,
        }
    }

    /// The journey under way, and its server.
    fn here(&self) -> Option<(&Journey, &Member)> {
        let journey = self.journeys.only.as_ref()?;
        Some((journey, self.facts.pool.member(&journey.server)?))
    }

    /// The journey that ends, and its server; and what else may be touched.
    fn end(&mut self) -> Option<(Journey, &mut Member, &mut Plan)> {
        let journey = self.journeys.only.take()?;
        let member = self.facts.pool.member_mut(&journey.server)?;
        Some((journey, member, self.plan))
    }

    /// After a change of its step the next look may have to come sooner.
    pub(super) fn read_sooner(&mut self, now: Timestamp) {
        let journey = self.journeys.only.as_ref().map(Journey::read_interval);
        let service = self.facts.service_interval(self.facts.last_read());
        let wished = journey.into_iter().chain(service);
        let interval = wished.fold(self.settings.poll_interval, Duration::min);
        self.facts.reading.want_by(now.after(interval));
    }

    /// Looks at who serves. What did not come is still missing: the next breach need not wait.
    pub(super) fn watch_service(&mut self, now: Timestamp, out: &mut Outbox) {
        let (signals, settings) = (&mut *self.signals, self.settings);
        if self.facts.watch_service(now, signals, settings, out) {
            self.plan.up_not_before = now;
        }
    }
}

/// One spare between two stages.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) server: String,
    goal: Goal,
    step: Step,
    since: Timestamp,
    /// Load came back while it was on its way out.
    returned: Option<Wanted>,
    /// On its way in, and not wanted any more: why.
    unwanted: Option<Ordered>,
    /// The states that it was told. A command whose answer was lost may still be carried out late.
    told: Vec<AdminState>,
    /// Its counters when it began to drain, and when it was seen last to take a request.
    drained: Option<ServerCounters>,
    took_at: Option<(u64, Timestamp)>,
    /// Sessions that were open before it was told `maint`.
    sessions: u32,
}

/// How a journey makes way for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delay {
    /// It does not: it is about to end.
    No,
    /// HAProxy has not been touched: it is given up and asked for again.
    Abandon,
    /// The server stays in drain, and is seen to later.
    Linger,
    /// The server goes back to maint, and is asked for again.
    CallOff,
}

#[derive(Debug)]
enum Goal {
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
        by: Option<u32>,
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
struct Route {
    from: AdminState,
    to: AdminState,
}

impl Goal {
    const fn route(&self) -> Route {
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
    const fn may_turn_back(&self) -> bool {
        matches!(self, Self::PutAway { .. } | Self::SendAway { .. })
    }

    /// It comes for the sake of speed.
    const fn is_for_load(&self) -> bool {
        let wanted = match self {
            Self::BringIn { wanted, .. } => wanted,
            Self::GiveBack { .. }
            | Self::PutAway { .. }
            | Self::SendAway { .. }
            | Self::Expel { .. }
            | Self::FinishDrain
            | Self::TakeBack { .. } => return false,
        };
        matches!(wanted, Wanted::Slow(_) | Wanted::Crowded(_))
    }
}

impl Route {
    /// The first state that the server is told. `is_checked`: HAProxy checks it.
    fn first(self, is_checked: bool) -> AdminState {
        match self.from {
            AdminState::Maint if is_checked => AdminState::Drain,
            AdminState::Ready => AdminState::Drain,
            AdminState::Maint | AdminState::Drain => self.to,
        }
    }
}

#[derive(Debug)]
enum Step {
    /// Our own requests are under way.
    WarmingUp { id: ActionId },
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

impl Journey {
    const fn new(now: Timestamp, server: String, goal: Goal, step: Step) -> Self {
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
        }
    }

    /// Whether something more urgent may go first, and how.
    pub(super) fn may_wait(&self, now: Timestamp) -> Delay {
        let is_for_load = self.goal.is_for_load();
        let may_linger = self.goal.may_turn_back() || matches!(self.goal, Goal::FinishDrain);
        match &self.step {
            Step::WarmingUp { .. } if is_for_load => Delay::Abandon,
            Step::Checking if is_for_load && now.since(self.since) >= CHECKS_WAITED_FOR => {
                Delay::CallOff
            }
            Step::Emptying { .. } if may_linger => Delay::Linger,
            Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking
            | Step::Emptying { .. } => Delay::No,
        }
    }

    /// How soon the present step wants to see HAProxy again.
    pub(super) const fn read_interval(&self) -> Duration {
        match &self.step {
            Step::Checking | Step::Emptying { .. } => WATCH_INTERVAL,
            Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. } => Duration::MAX,
        }
    }

    /// What that command asks for, if its answer is awaited.
    fn written(&self, command: ActionId) -> Option<AdminState> {
        match self.step {
            Step::Writing { id, state } if id == command => Some(state),
            Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking
            | Step::Emptying { .. } => None,
        }
    }

    /// Users who reached a spare in drain, where HAProxy balances nothing to it, by a rule or a
    /// cookie: how many, and how many of them failed.
    fn reached(&self, now: ServerCounters) -> Option<(u64, u64)> {
        let then = self.drained?;
        let taken = now.taken.saturating_sub(then.taken);
        (taken > 0).then(|| (taken, now.failed.saturating_sub(then.failed)))
    }

    /// Remembers when the draining server took a request last: none comes by balancing.
    fn note_taken(&mut self, now: Timestamp, taken: u64) {
        match self.took_at {
            None => self.took_at = Some((taken, self.since)),
            Some((before, _)) if before == taken => {}
            Some(_) => self.took_at = Some((taken, now)),
        }
    }

    /// A drain does not wait for its sessions any longer: it has failed its probation, requests
    /// keep coming by persistence and maint sends them elsewhere, or the operator wants it so.
    fn is_cut_short(&self, now: Timestamp, since: Timestamp, settings: &BackendSettings) -> bool {
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
            Step::WarmingUp { .. } | Step::Judging { .. } => {
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
        let next = match &self.step {
            Step::WarmingUp { .. } | Step::Judging { .. } => Some(route.first(is_checked)),
            Step::Checking | Step::Emptying { .. } => Some(route.to),
            Step::Writing { .. } | Step::Verifying { .. } => None,
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
