//! The pretend world of `replay`: an HAProxy that does what it is told, spares whose warm-up takes
//! as long as was asked for, and the log's own time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scaler::Scaler;
use crate::scaler::decision::Decision;
use crate::scaler::event::{Action, Event};
use crate::sim::driver::{Due, Underway};
use crate::sim::machines::Machines;
use crate::sim::server;
use crate::words::names::ServerName;
use crate::words::picture::{AdminState, BackendRead, Picture};
use crate::words::proof::WarmUpEvidence;
use crate::words::request::Request;
use crate::words::shift::Shift;
use crate::words::time::Timestamp;

/// A scaler in a world that always obeys.
pub(super) struct World {
    scaler: Scaler,
    haproxy: Picture,
    warm_up: Duration,
    machines: Machines,
    /// Actions whose outcome is to come; all succeed.
    underway: Underway<Action>,
}

impl World {
    /// Nothing has happened so far; every spare is in maint.
    pub(super) fn new(
        scaler: Scaler,
        backends: BTreeMap<String, BackendRead>,
        warm_up: Duration,
    ) -> Self {
        Self {
            scaler,
            haproxy: Picture {
                backends,
                ..Picture::default()
            },
            warm_up,
            machines: Machines::default(),
            underway: Underway::default(),
        }
    }

    /// Lets time pass until `now`; everything that is due happens at its own instant.
    pub(super) fn pass(&mut self, now: Timestamp, decisions: &mut dyn FnMut(&Decision)) {
        while let Some((at, due)) = self.underway.next(&self.scaler, now) {
            match due {
                Due::Outcome(action) => self.end(at, action, decisions),
                Due::Tick => self.step(at, Event::Tick, decisions),
            }
        }
    }

    /// One line of the log.
    pub(super) fn request(
        &mut self,
        now: Timestamp,
        request: Request<'_>,
        decisions: &mut dyn FnMut(&Decision),
    ) {
        self.pass(now, decisions);
        if let Some(backend) = self.haproxy.backends.get_mut(request.backend) {
            // The counters of this world never contradict its log.
            backend.responses += 1;
            backend.arrived += 1;
            self.step(now, Event::Request(request), decisions);
            self.pass(now, decisions);
        }
    }

    /// The hours of a schedule, from now on.
    pub(super) fn shifts(
        &mut self,
        now: Timestamp,
        backend: &str,
        shifts: &[Shift],
        decisions: &mut dyn FnMut(&Decision),
    ) {
        self.pass(now, decisions);
        self.step(now, Event::Shifts { backend, shifts }, decisions);
        self.pass(now, decisions);
    }

    fn step(&mut self, now: Timestamp, event: Event<'_>, decisions: &mut dyn FnMut(&Decision)) {
        for action in self.scaler.handle(now, event) {
            let took = match &action {
                Action::Report(decision) => {
                    decisions(decision);
                    continue;
                }
                Action::WarmUp { .. } => self.warm_up,
                Action::Read { .. }
                | Action::Machine { .. }
                | Action::SetState { .. }
                | Action::SetMaxconn { .. }
                | Action::SetWeight { .. } => Duration::ZERO,
            };
            self.underway.begin(now.after(took), action);
        }
    }

    fn end(&mut self, now: Timestamp, action: Action, decisions: &mut dyn FnMut(&Decision)) {
        let event = match action {
            Action::Report(_) => return,
            Action::Read { id, .. } => Event::HaproxyRead {
                id,
                outcome: Ok(self.haproxy.clone()),
            },
            Action::WarmUp { id, server, .. } => Event::WarmUpEnded {
                id,
                server,
                // Nobody tried; it is assumed to pass.
                outcome: Ok(WarmUpEvidence {
                    is_assumed: true,
                    ..WarmUpEvidence::default()
                }),
            },
            Action::Machine { id, call } => Event::MachineAnswered {
                id,
                outcome: Ok(self.machines.obey(&call)),
                server: call.server,
            },
            Action::SetState { id, server, state } => {
                self.set(&server, state);
                Event::StateSet {
                    id,
                    server,
                    outcome: Ok(()),
                }
            }
            // The servers here have weight 1, of which there is no ramp.
            Action::SetWeight { id, server, .. } => Event::WeightSet {
                id,
                server,
                outcome: Ok(()),
            },
            // Nothing queues here.
            Action::SetMaxconn { id, server, .. } => Event::MaxconnSet {
                id,
                server,
                outcome: Ok(()),
            },
        };
        self.step(now, event, decisions);
    }

    fn set(&mut self, name: &ServerName, state: AdminState) {
        let servers = self.haproxy.backends.get_mut(&name.backend);
        let servers = servers.into_iter().flat_map(|it| &mut it.servers);
        for server in servers.filter(|it| it.name == name.server) {
            server::set_state(server, state);
        }
    }
}
