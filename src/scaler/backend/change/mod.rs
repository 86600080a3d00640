//! The change under way: one spare on its way in or out, one step after another. Each write is
//! decided on a read that is newer than the wish for it, and believed only when read back.

mod by_hand;
mod steps;

use std::time::Duration;

use super::Backend;
use super::timers::Timer;
use crate::scaler::decision::{
    Change, Failure, Fault, Note, Ordered, Reason, StateRefused, Wanted, Would,
};
use crate::scaler::event::{Action, ActionId};
use crate::scaler::member::Stage;
use crate::scaler::outbox::Outbox;
use crate::words::names::ServerName;
use crate::words::picture::{AdminState, ServerCounters, WriteFailure};
use crate::words::proof::{WarmUpEvidence, WarmUpFailure};
use crate::words::time::Timestamp;

/// While HAProxy's checks or a drain are watched.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// The warm-up keeps its deadline itself; this much later its outcome counts as lost.
const OUTCOME_SLACK: Duration = Duration::from_secs(1);
/// With another spare at hand, one that takes no connection is not waited for.
const REFUSALS_FOR: Duration = Duration::from_secs(2);
/// HAProxy's checks of a spare are waited for by what is more urgent for so long.
const CHECKS_WAITED_FOR: Duration = Duration::from_secs(2);
/// In a pause it is looked again no sooner than this whether a spare would go.
const PAUSED_AGAIN: Duration = Duration::from_secs(1);

/// One spare between two stages.
#[derive(Debug)]
pub(super) struct Underway {
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

/// How a change makes way for another one.
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
    /// maint → ready.
    BringIn {
        wanted: Wanted,
        evidence: WarmUpEvidence,
    },
    /// draining-out → ready.
    GiveBack { wanted: Wanted },
    /// ready → maint.
    PutAway {
        quiet_for: Duration,
        share: Option<f64>,
    },
    /// ready → maint, because an operator said so.
    SendAway { by: Option<u32> },
    /// ready → maint, because it answers worse than the others do.
    Expel { fault: Fault },
    /// Found draining: finish that.
    FinishDrain,
    /// Something failed on the way in, or it is not wanted any more: back to maint.
    TakeBack { failure: Option<Failure> },
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

impl Underway {
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
        let is_for_load = matches!(
            self.goal,
            Goal::BringIn {
                wanted: Wanted::Slow(_) | Wanted::Crowded(_),
                ..
            }
        );
        match (&self.goal, &self.step) {
            (Goal::BringIn { .. }, Step::WarmingUp { .. }) if is_for_load => Delay::Abandon,
            (Goal::BringIn { .. }, Step::Checking)
                if is_for_load && now.since(self.since) >= CHECKS_WAITED_FOR =>
            {
                Delay::CallOff
            }
            (
                Goal::PutAway { .. } | Goal::SendAway { .. } | Goal::FinishDrain,
                Step::Emptying { .. },
            ) => Delay::Linger,
            (
                Goal::BringIn { .. }
                | Goal::GiveBack { .. }
                | Goal::PutAway { .. }
                | Goal::SendAway { .. }
                | Goal::Expel { .. }
                | Goal::FinishDrain
                | Goal::TakeBack { .. },
                _,
            ) => Delay::No,
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

    /// A command of ours may bring about that state on that server.
    pub(super) fn told(&self, name: &str, state: AdminState) -> bool {
        self.server == name && self.told.contains(&state)
    }

    /// The server may be elsewhere than in maint, because of us.
    pub(super) const fn left_maint(&self) -> bool {
        match (&self.goal, &self.step) {
            (Goal::BringIn { .. }, Step::WarmingUp { .. } | Step::Judging { .. })
            | (
                Goal::PutAway { .. } | Goal::SendAway { .. } | Goal::Expel { .. },
                Step::Judging { .. },
            ) => false,
            // A command to make it ready may have been carried out: ready servers stay.
            (_, Step::Writing { state, .. } | Step::Verifying { state, .. }) => {
                !matches!(state, AdminState::Ready)
            }
            (
                _,
                Step::WarmingUp { .. }
                | Step::Judging { .. }
                | Step::Checking
                | Step::Emptying { .. },
            ) => true,
        }
    }

    /// For `status`: the server is on its way in.
    pub(super) const fn is_inbound(&self) -> bool {
        matches!(self.goal, Goal::BringIn { .. } | Goal::GiveBack { .. })
    }
}

impl Backend {
    /// Begins to bring a spare in: warm-up first, HAProxy is not touched.
    pub(super) fn bring_in(
        &mut self,
        now: Timestamp,
        name: &str,
        wanted: Wanted,
        has_another: bool,
        out: &mut Outbox,
    ) {
        let Some(member) = self.facts.pool.member_mut(name) else {
            return;
        };
        member.stage = Stage::Warming;
        let (address, is_tls) = (member.read.address, member.read.is_tls);
        out.report(
            now,
            Some(name),
            Change::WarmUp,
            Reason::Wanted(wanted.clone()),
        );
        let id = out.next_id();
        let deadline = self.settings.warm_up_deadline;
        out.actions.push(Action::WarmUp {
            id,
            server: ServerName::new(self.settings.name.clone(), name),
            address,
            is_tls,
            deadline,
            refusals_for: if has_another {
                REFUSALS_FOR.min(deadline)
            } else {
                deadline
            },
        });
        let goal = Goal::BringIn {
            wanted,
            evidence: WarmUpEvidence::default(),
        };
        let step = Step::WarmingUp { id };
        self.travel.journey = Some(Underway::new(now, name.to_owned(), goal, step));
    }

    /// Begins to send a spare away: a fresh picture decides whether it may go.
    pub(super) fn put_away(&mut self, now: Timestamp, name: String, out: &mut Outbox) {
        if self.hand.pause().is_some() {
            self.plan.down_not_before =
                now.after(self.settings.scale_down_cooldown.max(PAUSED_AGAIN));
            return self.say_would(now, Would::Drain, name, out);
        }
        let quiet_for = self
            .signals
            .quiet
            .since
            .map_or(Duration::ZERO, |since| now.since(since));
        let after = self.want_fresh(out);
        let share = self.signals.quiet.share;
        let goal = Goal::PutAway { quiet_for, share };
        self.travel.journey = Some(Underway::new(now, name, goal, Step::Judging { after }));
    }

    /// Begins to send a spare away that answers worse than the others do.
    pub(super) fn expel(&mut self, now: Timestamp, name: String, fault: Fault, out: &mut Outbox) {
        let after = self.want_fresh(out);
        self.plan.expelled_at = Some(now); // HAProxy may accept the command and not follow it.
        let goal = Goal::Expel { fault };
        self.travel.journey = Some(Underway::new(now, name, goal, Step::Judging { after }));
    }

    /// A warm-up is given up for something more urgent; its server is asked for again later.
    pub(super) fn abandon_warm_up(&mut self) {
        let Some(change) = self.travel.journey.take() else {
            return;
        };
        if let Some(member) = self.facts.pool.member_mut(&change.server) {
            member.stage = Stage::Maint;
        }
        if let Goal::BringIn { wanted, .. } = change.goal {
            self.plan.owed.get_or_insert((1, wanted));
        }
    }

    /// Finishes a drain that was found at first sight.
    pub(super) fn finish_drain(&mut self, now: Timestamp, name: String) {
        let step = Step::Emptying { since: now };
        self.travel.journey = Some(Underway::new(now, name, Goal::FinishDrain, step));
        self.read_sooner(now);
    }

    /// Load returned: a spare that is on its way out is given back at once.
    pub(super) fn load_returned(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        let Some(change) = &mut self.travel.journey else {
            if let Some(name) = self.needs().lingering(now)
                && self.hand.pause().is_none()
                && self.travel.writing.is_none()
            {
                self.give_lingering_back(now, name, wanted, out);
            }
            return;
        };
        let is_undone = matches!(
            (&change.goal, &wanted),
            (Goal::PutAway { .. }, _) | (Goal::SendAway { .. }, Wanted::BelowMin { .. })
        );
        if !is_undone {
            return;
        }
        match change.step {
            Step::Judging { .. } => self.travel.journey = None,
            Step::Emptying { .. } => {
                change.goal = Goal::GiveBack { wanted };
                change.since = now;
                let after = self.want_fresh(out);
                self.set_step(Step::Judging { after });
            }
            // The command is under way: it is given back once it is known what became of it.
            Step::WarmingUp { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking => {
                change.returned.get_or_insert(wanted);
            }
        }
    }

    /// A spare whose sessions outlast its drain is wanted again.
    pub(super) fn give_lingering_back(
        &mut self,
        now: Timestamp,
        name: String,
        wanted: Wanted,
        out: &mut Outbox,
    ) {
        let after = self.want_fresh(out);
        let goal = Goal::GiveBack { wanted };
        let mut change = Underway::new(now, name, goal, Step::Judging { after });
        change.told.push(AdminState::Drain);
        self.travel.journey = Some(change);
    }

    fn set_step(&mut self, step: Step) {
        if let Some(change) = &mut self.travel.journey {
            change.step = step;
        }
    }

    /// The warm-up ended.
    pub(in crate::scaler) fn warm_up_ended(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<WarmUpEvidence, WarmUpFailure>,
        out: &mut Outbox,
    ) {
        let Some(change) = &mut self.travel.journey else {
            return;
        };
        if !matches!(change.step, Step::WarmingUp { id: awaited } if awaited == id) {
            return;
        }
        match outcome {
            Ok(proof) => {
                if let Goal::BringIn { evidence, .. } = &mut change.goal {
                    *evidence = proof;
                }
                let after = self.want_fresh(out);
                self.set_step(Step::Judging { after });
            }
            Err(failure) => self.fail(now, Failure::WarmUp(failure), out),
        }
    }

    /// A command was answered.
    pub(in crate::scaler) fn state_set(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<(), WriteFailure>,
        out: &mut Outbox,
    ) {
        if self.travel.writing == Some(id) {
            self.write_ended();
        }
        let Some(change) = &self.travel.journey else {
            return;
        };
        let Step::Writing {
            id: awaited, state, ..
        } = change.step
        else {
            return;
        };
        if awaited != id {
            return;
        }
        match outcome {
            // Accepted or unknown: only reading back tells.
            Ok(()) | Err(WriteFailure::Unknown(_) | WriteFailure::Stopping) => {
                let after = self.want_fresh(out);
                self.set_step(Step::Verifying { after, state });
            }
            Err(WriteFailure::Refused(words)) => {
                let server = ServerName::new(self.settings.name.clone(), change.server.clone());
                let refused = StateRefused {
                    server,
                    state,
                    words,
                };
                self.refused(now, refused, out);
            }
        }
    }

    fn refused(&mut self, now: Timestamp, refused: StateRefused, out: &mut Outbox) {
        let Some(change) = &self.travel.journey else {
            return;
        };
        match change.goal {
            Goal::BringIn { .. } | Goal::GiveBack { .. } => {
                self.fail(now, Failure::Refused(refused), out);
            }
            Goal::PutAway { .. }
            | Goal::SendAway { .. }
            | Goal::Expel { .. }
            | Goal::FinishDrain
            | Goal::TakeBack { .. } => {
                let server = change.server.clone();
                let note = Note::StateRefused(refused);
                out.tell(now, Some(&server), Change::Warning, note);
                self.drop_change(now);
            }
        }
    }

    /// Leaves the server where HAProxy has it; the next look at it decides anew.
    fn drop_change(&mut self, now: Timestamp) {
        let Some(change) = self.travel.journey.take() else {
            return;
        };
        self.plan.down_not_before = now.after(self.settings.scale_down_cooldown);
        if let Some(member) = self.facts.pool.member_mut(&change.server) {
            member.stage = match member.read.admin_state() {
                AdminState::Ready => Stage::Ready,
                AdminState::Drain => Stage::DrainingOut,
                AdminState::Maint => Stage::Maint,
            };
        }
    }

    /// No command is under way any more.
    pub(super) fn write_ended(&mut self) {
        self.travel.writing = None;
        self.timers.set(Timer::Write, None);
    }

    /// A command took too long: its outcome is unknown, only reading back tells.
    pub(super) fn write_overdue(&mut self, out: &Outbox) {
        self.write_ended();
        let Some(change) = &self.travel.journey else {
            return;
        };
        if let Step::Writing { state, .. } = change.step {
            let after = self.want_fresh(out);
            self.set_step(Step::Verifying { after, state });
        }
    }

    /// Looks at the change under way in the light of a new picture.
    pub(super) fn step_change(&mut self, now: Timestamp, read: ActionId, out: &mut Outbox) {
        let Some(change) = &self.travel.journey else {
            return;
        };
        if self.facts.pool.member(&change.server).is_none() {
            let note = Note::Vanished(change.server.clone());
            self.travel.journey = None;
            out.tell(now, None, Change::Note, note);
            return;
        }
        match change.step {
            Step::WarmingUp { .. } => {
                if now
                    >= change
                        .since
                        .after(self.settings.warm_up_deadline + OUTCOME_SLACK)
                {
                    self.fail(now, Failure::WarmUp(WarmUpFailure::NoOutcome), out);
                }
            }
            Step::Writing { .. } => {}
            Step::Judging { after } if read > after => self.judge(now, out),
            Step::Verifying { after, state } if read > after => self.verify(now, state, out),
            Step::Judging { .. } | Step::Verifying { .. } => self.facts.reading.want(),
            Step::Checking => self.watch_checks(now, out),
            Step::Emptying { since } => self.watch_drain(now, since, out),
        }
    }
}
