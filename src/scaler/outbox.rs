//! What one `handle` asks for, and the ids of actions.

use super::event::{Action, ActionId};

/// Collects actions in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) actions: Vec<Action>,
    last_id: u64,
    /// What this scaler's pauses differ by from another one's.
    pub(super) seed: u64,
}

impl Outbox {
    pub(super) const fn next_id(&mut self) -> ActionId {
        self.last_id += 1;
        ActionId(self.last_id)
    }

    /// The id given out last: an answer to an older one was asked for before now.
    pub(super) const fn last_id(&self) -> ActionId {
        ActionId(self.last_id)
    }
}
