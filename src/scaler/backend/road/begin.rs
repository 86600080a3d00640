//! How the journey of a spare begins and how its outcomes come in. Each write is decided on a read
//! that is newer than the wish for it, and believed only when read back.

use std::time::Duration;

use super::super::journey::Boot;
use super::super::machines;
use super::super::needs::Need;
use super::super::nobody::why_no_spare;
use super::super::plan::Search;
use super::warm::warm_up;
use super::{Goal, Journey, Road, Step};
use crate::scaler::decision::{
    CalledOff, Change, Failure, Note, Reason, StateRefused, Wanted, Would,
};
use crate::scaler::event::ActionId;
use crate::scaler::member::Stage;
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::Nobody;
use crate::words::picture::{AdminState, WriteFailure};
use crate::words::proof::{WarmUpEvidence, WarmUpFailure};
use crate::words::time::Timestamp;

/// The warm-up keeps its deadline itself; this much later its outcome counts as lost.
const OUTCOME_SLACK: Duration = Duration::from_secs(1);
/// With another spare at hand, one that takes no connection is not waited for.
pub(super) const REFUSALS_FOR: Duration = Duration::from_secs(2);
/// In a pause it is looked again no sooner than this whether a spare would go.
const PAUSED_AGAIN: Duration = Duration::from_secs(1);

impl Road<'_> {
    /// Begins what is needed.
    pub(in crate::scaler::backend) fn begin(
        &mut self,
        now: Timestamp,
        need: Need,
        out: &mut Outbox,
    ) {
        match need {
            Need::FinishDrain(name) => {
                let step = Step::Emptying { since: now };
                self.journeys
                    .begin(Journey::new(now, name, Goal::FinishDrain, step));
                self.read_sooner(now);
            }
            Need::GiveBack(name, wanted) => self.give_lingering_back(now, name, wanted, out),
            Need::BringIn {
                spare,
                wanted,
                has_another,
            } => self.bring_in(now, &spare, wanted, has_another, out),
            Need::SendAway(name) => {
                let by = self.hand.marks(&name).order().and_then(|mark| mark.by);
                self.judge_first(now, name, Goal::SendAway { by }, out);
            }
            Need::Expel(name, fault) => {
                self.plan.expelled_at = Some(now); // HAProxy may accept the command and not follow it.
                self.judge_first(now, name, Goal::Expel { fault }, out);
            }
            Need::NoSpare(wanted) => self.say_no_spare(now, wanted, out),
        }
    }

    fn say_no_spare(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        if self.journeys.has_one_taken_back() {
            return; // What becomes of it is said first.
        }
        if self.journeys.coming_for_load() == 0 {
            // The next breach asks again.
            let owed = self.plan.owed.take().map_or(0, |(servers, _)| servers);
            if self.needs().forbids(&wanted, None).is_none() {
                self.journeys.want_again(owed);
            }
        } else if !wanted.is_for_capacity() {
            return; // What those on their way change is seen first.
        }
        if self.plan.said.no_spare.say(Search::by(&wanted)) {
            return;
        }
        let why = match self.needs().forbids(&wanted, None) {
            Some(blocked) => Nobody::Blocked(blocked),
            None => why_no_spare(self.needs(), now),
        };
        let reason = Reason::NoSpare { wanted, why };
        out.report(now, None, Change::NoSpare, reason);
    }

    /// Begins to bring a spare in: warm-up first, HAProxy is not touched.
    fn bring_in(
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
        let is_off = self.machines.of(name).is_some();
        member.stage = if is_off {
            Stage::Starting
        } else {
            Stage::Warming
        };
        // Who was there before a reload comes for a place of its own.
        let may_be_beside = !wanted.is_for_capacity() && !member.errand.is_wanted_back;
        let goal = Goal::BringIn {
            wanted,
            evidence: WarmUpEvidence::default(),
        };
        self.journeys
            .begin(Journey::new(now, name.to_owned(), goal, Step::Starting));
        if may_be_beside {
            self.journeys.set_out_beside(name);
        }
        if !is_off {
            let deadline = self.settings.warm_up_deadline;
            let patience = if has_another { REFUSALS_FOR } else { deadline };
            warm_up(self, now, name, (deadline, patience.min(deadline)), out);
        }
    }

    /// Begins to send a spare away: a fresh picture decides whether it may go.
    pub(crate) fn put_away(&mut self, now: Timestamp, name: String, out: &mut Outbox) {
        if self.hand.pause().is_some() {
            self.plan.down_not_before =
                now.after(self.settings.scale_down_cooldown.max(PAUSED_AGAIN));
            return self.hand.say_would(now, Would::Drain, name, out);
        }
        let since = self.signals.quiet.since;
        let quiet_for = since.map_or(Duration::ZERO, |since| now.since(since));
        let share = self.signals.quiet.share;
        self.judge_first(now, name, Goal::PutAway { quiet_for, share }, out);
    }

    /// Begins with a fresh picture, which decides whether the server may go.
    fn judge_first(&mut self, now: Timestamp, name: String, goal: Goal, out: &Outbox) {
        let after = self.facts.reading.want_fresh(out);
        self.journeys
            .begin(Journey::new(now, name, goal, Step::Judging { after }));
    }

    /// Load returned: a spare that is on its way out is given back at once.
    pub(crate) fn load_returned(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        let mut journeys = self.journeys.iter();
        let undone = journeys.find(|it| it.is_undone_by(&wanted));
        if let Some(name) = undone.map(|it| it.server.clone()) {
            self.turn_back(now, &name, wanted, out);
        } else if let Some(name) = self.needs().lingering(now)
            && self.hand.pause().is_none()
            && self.journeys.coming_for_load() == 0
        {
            self.give_lingering_back(now, name, wanted, out);
        }
    }

    /// A spare on its way out is wanted after all.
    pub(super) fn turn_back(&mut self, now: Timestamp, name: &str, wanted: Wanted, out: &Outbox) {
        let Some(journey) = self.journeys.of_mut(name) else {
            return;
        };
        match journey.step {
            Step::Judging { .. } => drop(self.journeys.forget(name)),
            Step::Emptying { .. } => {
                journey.goal = Goal::GiveBack { wanted };
                journey.since = now;
                let after = self.facts.reading.want_fresh(out);
                journey.step = Step::Judging { after };
            }
            // The command is under way: it is given back once it is known what became of it.
            Step::Starting
            | Step::WarmingUp { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking => {
                journey.returned.get_or_insert(wanted);
            }
        }
    }

    /// A spare whose sessions outlast its drain is wanted again.
    fn give_lingering_back(
        &mut self,
        now: Timestamp,
        name: String,
        wanted: Wanted,
        out: &mut Outbox,
    ) {
        let after = self.facts.reading.want_fresh(out);
        let goal = Goal::GiveBack { wanted };
        let mut journey = Journey::new(now, name, goal, Step::Judging { after });
        journey.told.push(AdminState::Drain);
        self.journeys.begin(journey);
    }

    /// The warm-up ended; true when another spare is to be looked for.
    pub(crate) fn warm_up_ended(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<WarmUpEvidence, WarmUpFailure>,
        out: &mut Outbox,
    ) -> bool {
        let Some(journey) = self.journeys.warming_up(id) else {
            return false;
        };
        match outcome {
            Ok(proof) => {
                if let Goal::BringIn { evidence, .. } = &mut journey.goal {
                    *evidence = proof;
                }
                let after = self.facts.reading.want_fresh(out);
                journey.step = Step::Judging { after };
                if let Some(boot) = &mut journey.boot {
                    boot.over_at = Some(now);
                }
                let name = journey.server.clone();
                if journey.stall.passes() {
                    self.journeys.put_before_warming(&name);
                }
                self.facts.pool.enter(&name, Stage::Warming);
                machines::proven(self, now, &name, out);
                false
            }
            Err(failure) => {
                let name = journey.server.clone();
                // Nobody has answered for as long as the machine may boot.
                let is_late = |boot: Boot| now >= boot.until && !boot.has_answered;
                let is_late = journey.boot.is_some_and(is_late);
                let is_silent = !matches!(failure, WarmUpFailure::Status { .. });
                let machine = self.machines.of_mut(&name).filter(|_| is_silent);
                if let Some(machine) = machine.filter(|it| !it.is_sure(now))
                    && journey.boot.is_none()
                    && !journey.stall.was_void()
                {
                    // It may not run, as was believed: its provider is asked once more.
                    machine.power.is_doubted(now);
                    journey.starts_after_all(now);
                    return false;
                }
                // A new configuration may name its machine no more.
                if is_late && self.settings.machines.contains_key(&name) {
                    machines::late(self, now, &name, out);
                } else {
                    self.fail(now, &name, Failure::WarmUp(failure), out);
                }
                true
            }
        }
    }

    /// A command was answered; true when another spare is to be looked for.
    pub(crate) fn state_set(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<(), WriteFailure>,
        out: &mut Outbox,
    ) -> bool {
        let Some((journey, state)) = self.journeys.answered(id) else {
            return false;
        };
        let words = match outcome {
            // Accepted or unknown: only reading back tells.
            Ok(()) | Err(WriteFailure::Unknown(_) | WriteFailure::Stopping) => {
                let after = self.facts.reading.want_fresh(out);
                journey.step = Step::Verifying { after, state };
                return false;
            }
            Err(WriteFailure::Refused(words)) => words,
        };
        let name = journey.server.clone();
        let is_inbound = journey.is_inbound();
        let refused = StateRefused {
            server: out.server(&name),
            state,
            words,
        };
        if is_inbound {
            self.fail(now, &name, Failure::Refused(refused), out);
            return true;
        }
        let note = Note::StateRefused(refused);
        out.tell(now, Some(&name), Change::Warning, note);
        self.drop_change(now, &name);
        false
    }

    /// A command took too long: its outcome is unknown, only reading back tells.
    pub(crate) fn write_overdue(&mut self, now: Timestamp, out: &Outbox) {
        for (journey, state) in self.journeys.give_up(now) {
            let after = self.facts.reading.want_fresh(out);
            journey.step = Step::Verifying { after, state };
        }
    }

    /// Looks at the journeys under way in the light of a new picture.
    pub(crate) fn step_all(&mut self, now: Timestamp, read: ActionId, out: &mut Outbox) {
        for name in self.journeys.servers() {
            self.step(now, &name, read, out);
        }
    }

    fn step(&mut self, now: Timestamp, name: &str, read: ActionId, out: &mut Outbox) {
        let Some(journey) = self.journeys.of(name) else {
            return;
        };
        if self.facts.pool.member(name).is_none() {
            let note = Note::Vanished(name.to_owned());
            self.journeys.forget(name);
            out.tell(now, None, Change::Note, note);
            return;
        }
        match journey.step {
            Step::Starting => {
                if let Some(doubt) = self.needs().doubt_about(journey) {
                    self.call_off(now, name, CalledOff::Blocked(doubt), out);
                }
            }
            Step::WarmingUp { until, .. } => {
                let ends = until.after(OUTCOME_SLACK);
                if let Some(doubt) = self.needs().doubt_about(journey) {
                    self.call_off(now, name, CalledOff::Blocked(doubt), out);
                } else if now >= ends {
                    self.fail(now, name, Failure::WarmUp(WarmUpFailure::NoOutcome), out);
                }
            }
            Step::Writing { .. } => {}
            Step::Judging { after } if read > after => self.judge(now, name, out),
            Step::Verifying { after, state } if read > after => self.verify(now, name, state, out),
            Step::Judging { .. } | Step::Verifying { .. } => self.facts.reading.want(),
            Step::Checking => self.watch_checks(now, name, out),
            Step::Emptying { since } => self.watch_drain(now, name, since, out),
        }
    }
}
