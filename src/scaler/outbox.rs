//! What one `handle` asks for, and the ids of actions.

use super::decision::{Change, Decision, Note, Reason};
use super::event::{Action, ActionId};
use crate::words::machine::MachineKey;
use crate::words::names::ServerName;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

/// Collects actions in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) actions: Vec<Action>,
    last_id: u64,
    /// What this scaler's pauses differ by from another one's.
    pub(super) seed: u64,
    /// Where keys of starts begin in a backend that comes later.
    pub(super) first_machine_key: MachineKey,
    /// Whose turn it is.
    backend: String,
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

    /// What follows is asked for and told by that backend.
    pub(super) fn turn_of(&mut self, backend: &str) {
        self.backend.clear();
        self.backend.push_str(backend);
    }

    /// That server of the backend whose turn it is.
    pub(super) fn server(&self, name: &str) -> ServerName {
        ServerName::new(self.backend.clone(), name)
    }

    /// Tells a decision of the backend whose turn it is.
    pub(super) fn report(
        &mut self,
        now: Timestamp,
        server: Option<&str>,
        change: Change,
        reason: Reason,
    ) {
        self.actions.push(Action::Report(Decision {
            at: now,
            backend: Some(self.backend.clone()),
            server: server.map(str::to_owned),
            change,
            reason,
        }));
    }

    /// Tells something that is neither a decision about servers nor an answer.
    pub(super) fn tell(
        &mut self,
        now: Timestamp,
        server: Option<&str>,
        change: Change,
        note: Note,
    ) {
        self.report(now, server, change, Reason::Note(note));
    }

    /// Commands a state; the id of the command.
    pub(super) fn set_state(&mut self, server: &str, state: AdminState) -> ActionId {
        let id = self.next_id();
        let server = self.server(server);
        self.actions.push(Action::SetState { id, server, state });
        id
    }
}
