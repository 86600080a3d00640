//! The pretend world of `replay`: an HAProxy that does what it is told, spares whose warm-up takes
//! as long as was asked for, and the log's own time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::scaler::Scaler;
use crate::scaler::decision::Decision;
use crate::scaler::event::{Action, ActionId, Event};
use crate::words::names::ServerName;
use crate::words::picture::Picture;
use crate::words::picture::{AdminState, BackendRead, ServerRead};
use crate::words::proof::WarmUpEvidence;
use crate::words::request::Request;
use crate::words::time::Timestamp;

/// The mark of a server that is `disabled` in haproxy.cfg, and of one forced into maint or drain.
const CMAINT: u32 = 4;
const FMAINT: u32 = 1;
const FDRAIN: u32 = 8;
/// `srv_op_state` of a running server.
const RUNNING: u32 = 2;

/// A scaler in a world that always obeys.
pub(super) struct World {
    scaler: Scaler,
    haproxy: Picture,
    warm_up: Duration,
    /// Warm-ups under way, by the time at which they pass.
    warming: BTreeMap<(Timestamp, ActionId), ServerName>,
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
            warming: BTreeMap::new(),
        }
    }

    /// Lets time pass until `now`; everything that is due happens at its own instant.
    pub(super) fn pass(&mut self, now: Timestamp, decisions: &mut dyn FnMut(&Decision)) {
        loop {
            let due = self.scaler.deadline().filter(|due| *due <= now);
            let warm = self.warming.first_key_value().map(|((at, _), _)| *at);
            match (warm.filter(|at| *at <= now), due) {
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    let Some(((_, id), server)) = self.warming.pop_first() else {
                        return;
                    };
                    self.step(
                        at,
                        Event::WarmUpEnded {
                            id,
                            server,
                            outcome: Ok(ASSUMED),
                        },
                        decisions,
                    );
                }
                (_, Some(due)) => self.step(due, Event::Tick, decisions),
                (_, None) => return,
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
            backend.responses += 1; // The counters of this world never contradict its log.
            self.step(now, Event::Request(request), decisions);
        }
    }

    /// One event, and everything that it leads to at the same instant.
    fn step(&mut self, now: Timestamp, event: Event<'_>, decisions: &mut dyn FnMut(&Decision)) {
        let mut actions = VecDeque::from(self.scaler.handle(now, event));
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Report(decision) => decisions(&decision),
                Action::Read { id, .. } => {
                    let outcome = Ok(self.haproxy.clone());
                    let event = Event::HaproxyRead { id, outcome };
                    actions.extend(self.scaler.handle(now, event));
                }
                Action::WarmUp { id, server, .. } if self.warm_up.is_zero() => {
                    let event = Event::WarmUpEnded {
                        id,
                        server,
                        outcome: Ok(ASSUMED),
                    };
                    actions.extend(self.scaler.handle(now, event));
                }
                Action::WarmUp { id, server, .. } => {
                    self.warming.insert((now.after(self.warm_up), id), server);
                }
                // Nothing queues here.
                Action::SetMaxconn { id, server, .. } => {
                    let event = Event::MaxconnSet {
                        id,
                        server,
                        outcome: Ok(()),
                    };
                    actions.extend(self.scaler.handle(now, event));
                }
                Action::SetState { id, server, state } => {
                    self.set(&server, state);
                    let event = Event::StateSet {
                        id,
                        server,
                        outcome: Ok(()),
                    };
                    actions.extend(self.scaler.handle(now, event));
                }
            }
        }
    }

    fn set(&mut self, name: &ServerName, state: AdminState) {
        let servers = self
            .haproxy
            .backends
            .get_mut(&name.backend)
            .map(|backend| &mut backend.servers);
        let server =
            servers.and_then(|servers| servers.iter_mut().find(|it| it.name == name.server));
        if let Some(server) = server {
            let (forced, operational) = match state {
                AdminState::Ready => (0, RUNNING),
                AdminState::Drain => (FDRAIN, RUNNING),
                AdminState::Maint => (FMAINT, 0),
            };
            server.admin = server.admin & CMAINT | forced;
            server.operational = operational;
        }
    }
}

/// Nobody tried; it is assumed to pass.
const ASSUMED: WarmUpEvidence = WarmUpEvidence {
    passed: 0,
    failed: 0,
    first_ms: 0,
    last_ms: 0,
    took_ms: 0,
    is_assumed: true,
};

/// A server that takes traffic.
pub(super) fn ready(name: &str) -> ServerRead {
    ServerRead {
        name: name.to_owned(),
        operational: RUNNING,
        ..ServerRead::default()
    }
}

/// A spare in maint, `disabled` in the pretended haproxy.cfg.
pub(super) fn spare(name: &str) -> ServerRead {
    ServerRead {
        name: name.to_owned(),
        admin: CMAINT | FMAINT,
        ..ServerRead::default()
    }
}
