//! A change that an operator, a pause or a standstill interrupts, and one that an operator asks for.
//! Whether an order is refused is decided in `orders`.

use super::{Goal, Journey, Road, Step};
use crate::scaler::decision::{CalledOff, Change, Note, Ordered, Wanted};
use crate::scaler::outbox::Outbox;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

impl Road<'_> {
    /// Takes the change under way to where its server may stay: maint on the way in, ready on the
    /// way out. A `ready` that is being written is let through, a return to maint is finished.
    pub(crate) fn retreat(&mut self, now: Timestamp, why: Ordered, out: &mut Outbox) {
        let Some(change) = &mut self.journeys.only else {
            return;
        };
        match (change.goal.route().from, &change.step) {
            (AdminState::Maint, Step::Writing { .. } | Step::Verifying { .. }) => {
                change.unwanted = Some(why);
            }
            (
                AdminState::Maint,
                Step::WarmingUp { .. }
                | Step::Judging { .. }
                | Step::Checking
                | Step::Emptying { .. },
            ) => self.call_off(now, CalledOff::Ordered(why), out),
            (AdminState::Ready, _) if change.goal.may_turn_back() => {
                self.turn_back(now, Wanted::Ordered(why), out);
            }
            (AdminState::Ready, Step::Judging { .. }) => self.journeys.only = None,
            // Whoever answers badly is not given back; what came from drain goes on.
            (AdminState::Ready | AdminState::Drain, _) => {}
        }
    }

    /// Begins what `disable` asked for: a fresh picture decides whether the spare may go.
    pub(super) fn send_away(&mut self, now: Timestamp, server: String, out: &mut Outbox) {
        let after = self.facts.reading.want_fresh(out);
        let mark = self.hand.marks(&server).kept.map(|(_, mark)| mark);
        let by = mark.and_then(|mark| mark.by);
        let goal = Goal::SendAway { by };
        self.journeys.only = Some(Journey::new(now, server, goal, Step::Judging { after }));
    }

    /// The picture before the first command of a `disable`: it goes, or the order ends.
    pub(super) fn judge_send_away(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        match self.needs().must_not_need(name) {
            Ok(()) => self.write(now, AdminState::Drain, out),
            Err(refusal) => {
                self.journeys.only = None;
                self.hand.forget_order(name);
                self.facts.pool.show_marks(self.hand);
                let note = Note::NotDisabled(refusal);
                out.tell(now, Some(name), Change::Note, note);
            }
        }
    }
}
