//! What HAProxy would look like had we acted: the pretended states of observe mode laid over what
//! was really read, so that the same scaler goes through the same stages.

use std::collections::BTreeMap;

use crate::words::names::ServerName;
use crate::words::picture::Picture;
use crate::words::picture::{AdminState, Generation, ServerRead};

/// Pretended states by server.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    states: BTreeMap<ServerName, Pretended>,
}

#[derive(Debug)]
struct Pretended {
    state: AdminState,
    /// What HAProxy really showed when this was pretended first; anything else ends the pretence.
    real: Option<(Generation, AdminState)>,
}

impl Shadow {
    /// Pretends that the command was carried out.
    pub(super) fn set(&mut self, server: &ServerName, state: AdminState) {
        match self.states.get_mut(server) {
            Some(pretended) => pretended.state = state,
            None => {
                self.states
                    .insert(server.clone(), Pretended { state, real: None });
            }
        }
    }

    /// Lays the pretended states over a real picture. A reload, or a hand at the real server, ends
    /// the pretence for it.
    pub(super) fn cast(&mut self, picture: &mut Picture) {
        let generation = picture.generation;
        let backends = picture.backends.iter_mut();
        let servers = backends.flat_map(|(backend, read)| {
            let servers = read.servers.iter_mut();
            servers.map(move |server| (backend, server))
        });
        for (backend, server) in servers {
            let name = ServerName::new(backend, server.name.clone());
            let Some(pretended) = self.states.get_mut(&name) else {
                continue;
            };
            let shown = (generation, server.forced_state());
            if *pretended.real.get_or_insert(shown) != shown || pretended.state == shown.1 {
                self.states.remove(&name);
                continue;
            }
            pretend(server, pretended.state);
        }
    }
}

fn pretend(server: &mut ServerRead, state: AdminState) {
    const FMAINT_FDRAIN: u32 = 0x1 | 0x8;
    let (mask, operational) = match state {
        AdminState::Ready => (0, 2),
        AdminState::Drain => (0x8, 2),
        AdminState::Maint => (0x1, 0),
    };
    server.admin = server.admin & !FMAINT_FDRAIN | mask;
    server.operational = operational;
    // What it really does says nothing about what it would.
    server.counters = None;
    if let Some(check) = &mut server.check {
        check.result = 3;
        check.health = (check.rise + check.fall).saturating_sub(1);
    }
    if state != AdminState::Maint {
        return;
    }
    (server.sessions, server.queued) = (0, 0);
}
