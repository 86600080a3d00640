//! What becomes of the users in the pretend world: roundrobin over the servers that take traffic,
//! and in each server a queue before a few workers. Pure: moved forward by [`Model::advance`].

use std::collections::VecDeque;

use super::load::{Arrival, Arrivals, whole_us};
use super::scenario::{SERVICE_MS, SLOW_MS, WORKERS};
use super::warmth::Warmth;

/// What one user got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When the request came, microseconds since the start.
    pub arrived_us: u64,
    /// When the answer was complete.
    pub ended_us: u64,
    /// Index of the server that answered; `None`: no server took traffic.
    pub server: Option<usize>,
    /// HTTP status; 0: no answer at all.
    pub status: u16,
    /// Requests open in the backend and on its server when this one ended.
    pub open: (u32, u32),
}

impl Answer {
    /// How long the user waited.
    pub fn took_ms(&self) -> f64 {
        self.ended_us.saturating_sub(self.arrived_us) as f64 / 1000.0
    }

    /// The user got an error, or nothing.
    pub const fn is_failed(&self) -> bool {
        self.status == 0 || self.status >= 500
    }

    /// The user waited more than twice the threshold, or in vain.
    pub fn is_slow(&self) -> bool {
        self.took_ms() > SLOW_MS || self.is_failed()
    }
}

/// A backend of servers under load.
#[derive(Debug)]
pub struct Model {
    arrivals: Arrivals,
    next: Arrival,
    servers: Vec<ModelServer>,
    turn: usize,
    now_us: u64,
    refused: u64,
}

#[derive(Clone, Debug)]
struct ModelServer {
    takes_traffic: bool,
    warmth: Warmth,
    waiting: VecDeque<Arrival>,
    running: Vec<Running>,
    answered: u64,
    given: u64,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    arrived_us: u64,
    ends_us: u64,
}

impl ModelServer {
    fn open(&self) -> u32 {
        u32::try_from(self.waiting.len() + self.running.len()).unwrap_or(u32::MAX)
    }

    /// A cold server fills its caches behind one lock: one request at a time.
    fn start_work(&mut self, now_us: u64) {
        loop {
            let cold_ms = self.warmth.next_cold_ms();
            let limit = if cold_ms.is_some() { 1 } else { WORKERS };
            if self.running.len() >= limit {
                return;
            }
            let Some(arrival) = self.waiting.pop_front() else {
                return;
            };
            let service_ms = cold_ms.unwrap_or(SERVICE_MS * arrival.work);
            self.running.push(Running {
                arrived_us: arrival.at_us,
                ends_us: now_us.saturating_add(whole_us(service_ms * 1000.0)),
            });
        }
    }
}

impl Model {
    /// Servers by the warmth that they start with; none takes traffic yet.
    pub fn new(mut arrivals: Arrivals, servers: Vec<Warmth>) -> Self {
        let next = arrivals.draw();
        let server = |warmth| ModelServer {
            takes_traffic: false,
            warmth,
            waiting: VecDeque::new(),
            running: Vec::new(),
            answered: 0,
            given: 0,
        };
        Self {
            arrivals,
            next,
            servers: servers.into_iter().map(server).collect(),
            turn: 0,
            now_us: 0,
            refused: 0,
        }
    }

    /// A copy that goes its own way from this instant: what would have happened if.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut servers = self.servers.clone();
        for server in &mut servers {
            server.warmth = server.warmth.detached();
        }
        Self {
            arrivals: self.arrivals.clone(),
            servers,
            ..*self
        }
    }

    /// A copy in which one server is as warm as this.
    #[must_use]
    pub fn fork_with(&self, server: usize, warmth: Warmth) -> Self {
        let mut copy = self.fork();
        if let Some(server) = copy.servers.get_mut(server) {
            server.warmth = warmth;
        }
        copy
    }

    /// Whether this server gets new requests from now on. What it has already it finishes.
    pub fn set_takes_traffic(&mut self, server: usize, takes_traffic: bool) {
        if let Some(server) = self.servers.get_mut(server) {
            server.takes_traffic = takes_traffic;
        }
    }

    /// The rush begins to end now.
    pub fn end_rush(&mut self) {
        self.arrivals.curve.falls_at_us.get_or_insert(self.now_us);
    }

    /// Requests open on this server.
    pub fn open_on(&self, server: usize) -> u32 {
        self.servers.get(server).map_or(0, ModelServer::open)
    }

    /// Requests that this server was given, and those that it has answered.
    pub fn totals_of(&self, server: usize) -> (u64, u64) {
        self.servers
            .get(server)
            .map_or((0, 0), |server| (server.given, server.answered))
    }

    /// Requests that found no server.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Lets time pass up to `to_us` and gives what was answered, in the order of completion.
    pub fn advance(&mut self, to_us: u64) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let ending = self.next_ending();
            let ends_us = ending.map_or(u64::MAX, |(at_us, _, _)| at_us);
            let at_us = ends_us.min(self.next.at_us);
            if at_us > to_us {
                self.now_us = self.now_us.max(to_us);
                return answers;
            }
            self.now_us = at_us;
            match ending {
                Some((_, server, slot)) if ends_us <= self.next.at_us => {
                    answers.extend(self.finish(server, slot));
                }
                Some(_) | None => answers.extend(self.arrive()),
            }
        }
    }

    /// (when, server, slot) of the request that ends next.
    fn next_ending(&self) -> Option<(u64, usize, usize)> {
        let servers = self.servers.iter().enumerate();
        servers
            .flat_map(|(index, server)| {
                let running = server.running.iter().enumerate();
                running.map(move |(slot, request)| (request.ends_us, index, slot))
            })
            .min()
    }

    fn finish(&mut self, index: usize, slot: usize) -> Option<Answer> {
        let open_in_backend: u32 = self.servers.iter().map(ModelServer::open).sum();
        let now_us = self.now_us;
        let server = self.servers.get_mut(index)?;
        let open = (open_in_backend, server.open());
        let request = server.running.swap_remove(slot);
        server.warmth.note_answer();
        server.answered += 1;
        server.start_work(now_us);
        Some(Answer {
            arrived_us: request.arrived_us,
            ended_us: now_us,
            server: Some(index),
            status: 200,
            open,
        })
    }

    /// Gives the next arrival to the next server in turn; answers itself when there is none.
    fn arrive(&mut self) -> Option<Answer> {
        let arrival = self.next;
        self.next = self.arrivals.draw();
        let count = self.servers.len();
        let index = (0..count)
            .map(|step| (self.turn + step) % count)
            .find(|&index| self.servers.get(index).is_some_and(|s| s.takes_traffic));
        let Some(server) = index.and_then(|index| self.servers.get_mut(index)) else {
            self.refused += 1;
            return Some(Answer {
                arrived_us: arrival.at_us,
                ended_us: arrival.at_us,
                server: None,
                status: 503,
                open: (0, 0),
            });
        };
        self.turn = index.map_or(0, |index| index + 1);
        server.given += 1;
        server.waiting.push_back(arrival);
        server.start_work(self.now_us);
        None
    }
}
