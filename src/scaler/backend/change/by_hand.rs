//! A change that an operator, a pause or a standstill interrupts, and one that an operator asks for.
//! Whether an order is refused is decided in `orders`.

use super::super::Backend;
use super::{Goal, Step, Underway};
use crate::scaler::decision::{CalledOff, Change, Note, Ordered, Reason, Wanted};
use crate::scaler::outbox::Outbox;
use crate::words::order::Verb;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

impl Underway {
    /// States that its commands have brought about or may bring about next. `is_checked`: HAProxy
    /// checks the server, so that it goes through drain on its way in.
    pub(in crate::scaler::backend) fn may_cause(&self, is_checked: bool) -> Vec<AdminState> {
        let next = match (&self.goal, &self.step) {
            (Goal::BringIn { .. }, Step::WarmingUp { .. } | Step::Judging { .. }) if is_checked => {
                Some(AdminState::Drain)
            }
            (
                Goal::BringIn { .. } | Goal::GiveBack { .. },
                Step::WarmingUp { .. } | Step::Judging { .. } | Step::Checking,
            ) => Some(AdminState::Ready),
            (
                Goal::PutAway { .. } | Goal::SendAway { .. } | Goal::Expel { .. },
                Step::Judging { .. },
            ) => Some(AdminState::Drain),
            (_, Step::Emptying { .. }) => Some(AdminState::Maint),
            (
                _,
                Step::WarmingUp { .. }
                | Step::Judging { .. }
                | Step::Checking
                | Step::Writing { .. }
                | Step::Verifying { .. },
            ) => None,
        };
        let mut states = Vec::new();
        for state in self.told.iter().copied().chain(next) {
            if !states.contains(&state) {
                states.push(state);
            }
        }
        states
    }

    /// The states that it was told so far.
    pub(in crate::scaler::backend) fn told_so_far(&self) -> &[AdminState] {
        &self.told
    }
}

impl Backend {
    /// Takes the change under way to where its server may stay: maint on the way in, ready on the
    /// way out. A `ready` that is being written is let through, a return to maint is finished.
    pub(in crate::scaler::backend) fn retreat(
        &mut self,
        now: Timestamp,
        why: Ordered,
        out: &mut Outbox,
    ) {
        let Some(change) = &mut self.travel.journey else {
            return;
        };
        match (&change.goal, &change.step) {
            (
                Goal::BringIn { .. },
                Step::WarmingUp { .. } | Step::Judging { .. } | Step::Checking,
            ) => self.call_off(now, CalledOff::Ordered(why), out),
            (Goal::BringIn { .. }, Step::Writing { .. } | Step::Verifying { .. }) => {
                change.unwanted = Some(why);
            }
            (
                Goal::PutAway { .. } | Goal::SendAway { .. } | Goal::Expel { .. },
                Step::Judging { .. },
            ) => {
                self.travel.journey = None;
            }
            (Goal::PutAway { .. } | Goal::SendAway { .. }, Step::Emptying { .. }) => {
                change.goal = Goal::GiveBack {
                    wanted: Wanted::Ordered(why),
                };
                change.since = now;
                let after = self.want_fresh(out);
                self.set_step(Step::Judging { after });
            }
            (Goal::PutAway { .. } | Goal::SendAway { .. }, _) => {
                change.returned.get_or_insert(Wanted::Ordered(why));
            }
            // Whoever answers badly is not given back.
            (Goal::BringIn { .. }, Step::Emptying { .. })
            | (
                Goal::Expel { .. }
                | Goal::GiveBack { .. }
                | Goal::FinishDrain
                | Goal::TakeBack { .. },
                _,
            ) => {}
        }
    }

    /// The same, if it is about that server.
    pub(in crate::scaler::backend) fn retreat_of(
        &mut self,
        now: Timestamp,
        server: &str,
        why: Ordered,
        out: &mut Outbox,
    ) {
        let is_its = |change: &Underway| change.server == server;
        if self.travel.journey.as_ref().is_some_and(is_its) {
            self.retreat(now, why, out);
        }
    }

    /// `enable` of a spare that is on its way out.
    pub(in crate::scaler::backend) fn give_back(
        &mut self,
        now: Timestamp,
        server: &str,
        why: Ordered,
        out: &mut Outbox,
    ) {
        let is_leaving =
            |change: &Underway| matches!(change.goal, Goal::PutAway { .. } | Goal::SendAway { .. });
        if self.travel.journey.as_ref().is_some_and(is_leaving) {
            self.retreat_of(now, server, why, out);
        }
    }

    /// `disable` of a spare that is on its way in.
    pub(in crate::scaler::backend) fn call_back(
        &mut self,
        now: Timestamp,
        server: &str,
        why: Ordered,
        out: &mut Outbox,
    ) {
        if self.is_on_its_way_in(server) {
            self.retreat_of(now, server, why, out);
        }
    }

    /// That spare is being brought in.
    pub(in crate::scaler::backend) fn is_on_its_way_in(&self, server: &str) -> bool {
        self.travel
            .journey
            .as_ref()
            .is_some_and(|change| change.server == server && change.is_inbound())
    }

    /// Begins what `disable` asked for: a fresh picture decides whether the spare may go.
    pub(in crate::scaler::backend) fn send_away(
        &mut self,
        now: Timestamp,
        server: String,
        out: &mut Outbox,
    ) {
        let after = self.want_fresh(out);
        let mark = self.hand.marks(&server).kept.map(|(_, mark)| mark);
        let by = mark.and_then(|mark| mark.by);
        let goal = Goal::SendAway { by };
        self.travel.journey = Some(Underway::new(now, server, goal, Step::Judging { after }));
    }

    /// What the log says when a spare drains because an operator wanted it.
    pub(super) fn sent_away_reason(uid: Option<u32>) -> Reason {
        Reason::Wanted(Wanted::Ordered(Ordered::By {
            verb: Verb::Disable,
            uid,
        }))
    }

    /// The picture before the first command of a `disable`: it goes, or the order ends.
    pub(super) fn judge_send_away(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        match self.needs().must_not_need(name) {
            Ok(()) => self.write(now, AdminState::Drain, out),
            Err(refusal) => {
                self.travel.journey = None;
                self.forget_order(name);
                self.show_marks();
                let note = Note::NotDisabled(refusal);
                out.tell(now, Some(name), Change::Note, note);
            }
        }
    }
}
