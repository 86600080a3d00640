//! The warm-ups of the model: how long one takes, what it meets, and a server that listens only later.

use std::time::Duration;

use haproxy_autoscale::scaler::event::{ActionId, Event};
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::proof::{WarmUpEvidence, WarmUpFailure, WarmUpTrouble};
use haproxy_autoscale::words::time::Timestamp;

use super::world::{BACKEND, Pending, World};

/// Of a server that answers.
const TAKES: Duration = Duration::from_millis(300);
/// What a warm-up meets is told so often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// A warm-up of a server that does not answer so far.
#[derive(Debug)]
pub(super) struct Warming {
    id: ActionId,
    server: String,
    attempts: u32,
    ends_at: Timestamp,
    /// The last request failed.
    has_failed: bool,
}

impl World {
    pub(super) fn start_warm_up(
        &mut self,
        id: ActionId,
        server: &ServerName,
        deadline: Duration,
        delay: Duration,
    ) {
        if self.server(&server.server).is_alive {
            return self.pass_warm_up(id, &server.server, TAKES.max(delay));
        }
        let why = self.failure_of(&server.server, 3);
        let ended = Pending::WarmedUp(id, server.server.clone(), Err(why));
        self.later(deadline.max(delay), ended);
        let warming = Warming {
            id,
            server: server.server.clone(),
            attempts: 0,
            ends_at: self.now.after(deadline),
            has_failed: false,
        };
        self.later(delay, Pending::Warming(warming));
    }

    fn pass_warm_up(&mut self, id: ActionId, server: &str, takes: Duration) {
        let outcome = Ok(WarmUpEvidence::default());
        self.later(takes, Pending::WarmedUp(id, server.to_owned(), outcome));
    }

    fn failure_of(&mut self, server: &str, attempts: u32) -> WarmUpFailure {
        if self.server(server).is_flaky {
            let expected = "200-399".to_owned();
            WarmUpFailure::Status {
                status: 500,
                expected,
            }
        } else if self.server(server).is_silent {
            WarmUpFailure::TimedOut { attempts }
        } else {
            WarmUpFailure::Refused { attempts }
        }
    }

    /// It fails still, or the server listens by now.
    pub(super) fn warm_up_goes_on(&mut self, mut warming: Warming) {
        let (id, name) = (warming.id, warming.server.clone());
        let server = ServerName::new(BACKEND, name.clone());
        if self.server(&name).is_alive {
            self.pass_warm_up(id, &name, TAKES);
            let trouble = None;
            return self.step(Event::WarmUpTroubled {
                id,
                server,
                trouble,
            });
        }
        warming.attempts += 3;
        let attempts = warming.attempts;
        warming.has_failed = !(warming.has_failed && self.server(&name).is_flaky);
        let has_failed = warming.has_failed;
        if self.now.after(TOLD_EVERY) < warming.ends_at {
            self.later(TOLD_EVERY, Pending::Warming(warming));
        }
        let trouble = has_failed.then(|| WarmUpTrouble {
            why: self.failure_of(&name, attempts),
            attempts,
        });
        self.step(Event::WarmUpTroubled {
            id,
            server,
            trouble,
        });
    }

    pub(super) fn warmed_up(
        &mut self,
        id: ActionId,
        name: String,
        outcome: Result<WarmUpEvidence, WarmUpFailure>,
    ) {
        let mut servers = self.servers.iter_mut();
        // HAProxy may have it no more.
        if let Some(server) = servers.find(|server| server.read.name == name) {
            server.is_warm |= outcome.is_ok();
        }
        let server = ServerName::new(BACKEND, name);
        self.step(Event::WarmUpEnded {
            id,
            server,
            outcome,
        });
    }
}
