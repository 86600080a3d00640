//! Servers that come and go at times that are known before: those that a log shows.

use crate::simulate::engine::{Backend, NEVER_NS};
use crate::simulate::measure::{Move, Tally};
use crate::words::picture::AdminState;

/// What comes next is last.
#[derive(Clone, Debug)]
pub struct Schedule {
    events: Vec<(u64, usize, AdminState)>,
}

impl Schedule {
    /// These, by their times.
    pub fn new(mut events: Vec<(u64, usize, AdminState)>) -> Self {
        events.sort_by_key(|it| std::cmp::Reverse(it.0));
        Self { events }
    }

    pub(super) fn due_ns(&self) -> u64 {
        self.events.last().map_or(NEVER_NS, |it| it.0)
    }

    pub(super) fn act(&mut self, backend: &mut Backend, tally: &mut Tally) {
        let Some((now_ns, server, state)) = self.events.pop() else {
            return;
        };
        backend.set_state(server, state, now_ns);
        let what = match state {
            AdminState::Ready => Move::Serves,
            AdminState::Drain | AdminState::Maint => Move::Leaves,
        };
        tally.moved(server, what, now_ns);
    }
}
