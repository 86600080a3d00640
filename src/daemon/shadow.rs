//! What HAProxy would look like had we acted: the pretended states of observe mode laid over what
//! was really read, so that the same scaler goes through the same stages.

use std::collections::BTreeMap;

use crate::sim::machines::Machines;
use crate::sim::server;
use crate::words::machine::{MachineAnswer, MachineCall, MachineVerb};
use crate::words::names::ServerName;
use crate::words::picture::{AdminState, Generation, Picture, ServerRead};

/// Pretended states by server.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    states: BTreeMap<ServerName, Pretended>,
    weights: BTreeMap<ServerName, PretendedWeight>,
    machines: Machines,
}

#[derive(Debug)]
struct PretendedWeight {
    weight: u32,
    /// The weight that HAProxy really showed when this was pretended first; another one ends the pretence.
    real: Option<(Generation, u32)>,
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

    /// Pretends that the machine obeyed. Nobody is asked: not even for what it does, which nobody knows then.
    pub(super) fn machine(&mut self, call: &MachineCall) -> MachineAnswer {
        if call.verb == MachineVerb::Status && !self.machines.knows(call) {
            return MachineAnswer::Done;
        }
        self.machines.obey(call)
    }

    /// Pretends that it was given that weight.
    pub(super) fn set_weight(&mut self, server: &ServerName, weight: u32) {
        let pretended = self.weights.entry(server.clone());
        let pretended = pretended.or_insert(PretendedWeight { weight, real: None });
        pretended.weight = weight;
    }

    fn cast_weight(&mut self, name: &ServerName, generation: Generation, read: &mut ServerRead) {
        let Some(pretended) = self.weights.get_mut(name) else {
            return;
        };
        let shown = (generation, read.user_weight);
        if *pretended.real.get_or_insert(shown) != shown || pretended.weight == shown.1 {
            self.weights.remove(name);
            return;
        }
        (read.weight, read.user_weight) = (pretended.weight, pretended.weight);
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
            self.cast_weight(&name, generation, server);
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

fn pretend(read: &mut ServerRead, state: AdminState) {
    server::set_state(read, state);
    server::pass_checks(read);
    // What it really does says nothing about what it would; a backend that is DOWN would be up with it.
    read.counters = None;
    if state == AdminState::Ready && !read.is_backup {
        read.is_passed_over = false;
    }
    if state == AdminState::Maint {
        (read.sessions, read.queued) = (0, 0);
    }
}
