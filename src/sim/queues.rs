//! What becomes of users in a pretend backend: each goes to one of the servers that take traffic,
//! and waits there until one of its few workers is free. Pure: moved forward by its owner.

use std::collections::VecDeque;

use super::arrivals::{Arrival, Arrivals};
use super::warmth::Warmth;
use super::whole_us;

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

    /// The user waited longer than that, or in vain.
    pub fn is_slow(&self, limit_ms: f64) -> bool {
        self.took_ms() > limit_ms || self.is_failed()
    }
}

/// What one server has had to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Requests open now.
    pub open: u32,
    /// Requests that it was given.
    pub given: u64,
    /// Requests that it has answered, all with a status of 2xx.
    pub answered: u64,
}

/// One server's means.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Requests that it works on at a time while it is warm; a cold one fills its caches behind one
    /// lock, one request at a time.
    pub workers: usize,
    /// What an average request takes on it, milliseconds.
    pub service_ms: f64,
    /// How warm it is.
    pub warmth: Warmth,
}

/// Who gets the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// `roundrobin`.
    InTurn,
    /// `leastconn`.
    ByLoad,
}

/// A backend's servers and who waits for them.
#[derive(Clone, Debug)]
pub struct Queues {
    balance: Balance,
    servers: Vec<Server>,
    turn: usize,
    /// Requests that found no server.
    pub refused: u64,
}

#[derive(Clone, Debug)]
struct Server {
    machine: Machine,
    takes_traffic: bool,
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

/// The request that ends next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// When, microseconds since the start.
    pub at_us: u64,
    server: usize,
    slot: usize,
}

impl Server {
    fn open(&self) -> u32 {
        u32::try_from(self.waiting.len() + self.running.len()).unwrap_or(u32::MAX)
    }

    fn start_work(&mut self, now_us: u64) {
        loop {
            let cold_ms = self.machine.warmth.next_cold_ms();
            let limit = cold_ms.map_or(self.machine.workers, |_| 1);
            if self.running.len() >= limit {
                return;
            }
            let Some(arrival) = self.waiting.pop_front() else {
                return;
            };
            let service_ms = cold_ms.unwrap_or(self.machine.service_ms * arrival.work);
            self.running.push(Running {
                arrived_us: arrival.at_us,
                ends_us: now_us.saturating_add(whole_us(service_ms * 1000.0)),
            });
        }
    }
}

impl Queues {
    /// These servers; none takes traffic yet.
    pub fn new(balance: Balance, machines: Vec<Machine>) -> Self {
        let server = |machine| Server {
            machine,
            takes_traffic: false,
            waiting: VecDeque::new(),
            running: Vec::new(),
            answered: 0,
            given: 0,
        };
        Self {
            balance,
            servers: machines.into_iter().map(server).collect(),
            turn: 0,
            refused: 0,
        }
    }

    /// Whether this server gets new requests from now on. What it has already it finishes.
    pub fn set_takes_traffic(&mut self, server: usize, takes_traffic: bool) {
        if let Some(server) = self.servers.get_mut(server) {
            server.takes_traffic = takes_traffic;
        }
    }

    /// What the server stands on, to be changed; `None`: there is no such server.
    pub fn machine(&mut self, server: usize) -> Option<&mut Machine> {
        self.servers.get_mut(server).map(|it| &mut it.machine)
    }

    /// What this server has had to do.
    pub fn traffic(&self, server: usize) -> Traffic {
        let server = self.servers.get(server);
        server.map_or_else(Traffic::default, |it| Traffic {
            open: it.open(),
            given: it.given,
            answered: it.answered,
        })
    }

    /// The request that ends next.
    pub fn next_ending(&self) -> Option<Ending> {
        let servers = self.servers.iter().enumerate();
        servers
            .flat_map(|(server, it)| {
                let running = it.running.iter().enumerate();
                running.map(move |(slot, request)| Ending {
                    at_us: request.ends_us,
                    server,
                    slot,
                })
            })
            .min()
    }

    pub fn finish(&mut self, ending: Ending) -> Option<Answer> {
        let open_in_backend = self.servers.iter().map(Server::open).sum();
        let server = self.servers.get_mut(ending.server)?;
        let open = (open_in_backend, server.open());
        let request = server.running.swap_remove(ending.slot);
        server.machine.warmth.note_answer();
        server.answered += 1;
        server.start_work(ending.at_us);
        Some(Answer {
            arrived_us: request.arrived_us,
            ended_us: ending.at_us,
            server: Some(ending.server),
            status: 200,
            open,
        })
    }

    /// Gives the arrival to a server; answers itself when there is none.
    pub fn arrive(&mut self, arrival: Arrival) -> Option<Answer> {
        let count = self.servers.len();
        let in_turn = (0..count).map(|step| (self.turn + step) % count);
        let mut open = in_turn.filter(|&it| self.servers.get(it).is_some_and(|s| s.takes_traffic));
        let index = match self.balance {
            Balance::InTurn => open.next(),
            Balance::ByLoad => open.min_by_key(|&index| self.servers.get(index).map(Server::open)),
        };
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
        server.start_work(arrival.at_us);
        None
    }
}

/// A backend under a load that does not wait for it.
#[derive(Debug)]
pub struct Model {
    pub queues: Queues,
    arrivals: Arrivals,
    next: Arrival,
    now_us: u64,
}

impl Model {
    /// These servers under that load.
    pub fn new(mut arrivals: Arrivals, queues: Queues) -> Self {
        let next = arrivals.draw();
        Self {
            queues,
            arrivals,
            next,
            now_us: 0,
        }
    }

    /// A copy that goes its own way from this instant: what would have happened if.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut queues = self.queues.clone();
        for server in &mut queues.servers {
            server.machine.warmth = server.machine.warmth.detached();
        }
        Self {
            queues,
            arrivals: self.arrivals.clone(),
            ..*self
        }
    }

    /// The rush begins to end now.
    pub fn end_rush(&mut self) {
        self.arrivals.curve.falls_at_us.get_or_insert(self.now_us);
    }

    /// Lets time pass up to `to_us` and gives what was answered, in the order of completion.
    pub fn advance(&mut self, to_us: u64) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let ending = self.queues.next_ending();
            let ending = ending.filter(|ending| ending.at_us <= self.next.at_us);
            let at_us = ending.map_or(self.next.at_us, |ending| ending.at_us);
            if at_us > to_us {
                self.now_us = self.now_us.max(to_us);
                return answers;
            }
            self.now_us = at_us;
            answers.extend(if let Some(ending) = ending {
                self.queues.finish(ending)
            } else {
                let arrival = std::mem::replace(&mut self.next, self.arrivals.draw());
                self.queues.arrive(arrival)
            });
        }
    }
}
