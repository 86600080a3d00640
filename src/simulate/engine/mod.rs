//! One backend of HAProxy under load, event by event: its queue, its servers, their workers. Made for
//! speed: small numbers that are copied, nothing allocated for a request once the buffers have grown.
//! Pure: told the time, in nanoseconds since the start.
//!
//! What HAProxy does is what was measured beside 2.6, 3.0 and 3.2. Without a cookie nobody waits in the
//! queue of one server: a request for which every server is full waits in the backend's. With
//! `roundrobin` and `first` new ones go behind those that wait, whoever is free; with `leastconn` they
//! go to who is free. A server that ends a request takes the next one from the queue if it has a
//! `maxconn`; so does one that comes from maint, and not one that comes from drain, until its `maxconn`
//! is set.
//!
//! Who comes is the business of `load`, who is brought in that of `control`. `sim/queues.rs` is the same
//! for a story of a minute that a real HAProxy may play as well; it looks at every request under way to
//! find the one that ends next, which is too slow here.

mod answer;
mod balance;
mod database;
mod requests;
mod server;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use self::database::Working;
use self::requests::{Place, Requests};
use crate::words::picture::AdminState;

pub use self::answer::{Answer, Arrival};
pub use self::balance::Balance;
pub use self::database::Database;
pub use self::server::{Cold, Server, ServerSetup};

/// Nanoseconds in a second and in a millisecond.
pub const SECOND_NS: u64 = 1_000_000_000;
/// See [`SECOND_NS`].
pub const MS_NS: u64 = 1_000_000;
/// No such instant.
pub const NEVER_NS: u64 = u64::MAX;
/// A request without an answer fails after this long, wherever it is (`timeout queue` and `timeout
/// server`).
pub const TIMEOUT_NS: u64 = 30 * SECOND_NS;

/// A worker that is done with its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ending {
    at_ns: u64,
    request: u64,
    server: u16,
}

/// The backend.
#[derive(Clone, Debug)]
pub struct Backend {
    pub(super) servers: Vec<Server>,
    balance: Balance,
    /// Where the last request went.
    turn: usize,
    queue: VecDeque<u64>,
    /// Of `queue`: those that wait still. The others gave up.
    queued: u32,
    requests: Requests,
    endings: BinaryHeap<Reverse<Ending>>,
    /// What all servers share.
    database: Option<Working>,
    /// Requests that have come.
    pub(super) arrived: u64,
    /// … and that have ended, in whatever way.
    pub(super) ended: u64,
    now_ns: u64,
    /// The integral of the open requests over time, request nanoseconds.
    open_ns: u128,
}

impl Backend {
    /// These servers; each in the state that its setup says.
    pub fn new(balance: Balance, servers: impl IntoIterator<Item = ServerSetup>) -> Self {
        Self {
            servers: servers.into_iter().map(Server::new).collect(),
            balance,
            turn: usize::MAX,
            queue: VecDeque::new(),
            queued: 0,
            requests: Requests::default(),
            endings: BinaryHeap::new(),
            database: None,
            arrived: 0,
            ended: 0,
            now_ns: 0,
            open_ns: 0,
        }
    }

    /// The same, with a database behind all servers.
    #[must_use]
    pub fn with_database(mut self, database: Option<Database>) -> Self {
        self.database = database.map(Working::new);
        self
    }

    /// Requests that are open now.
    pub const fn open(&self) -> u64 {
        self.arrived - self.ended
    }

    /// Requests that wait in HAProxy's queue now.
    pub const fn queued(&self) -> u32 {
        self.queued
    }

    /// The integral of the open requests up to `now_ns`, request nanoseconds.
    pub fn open_request_ns(&mut self, now_ns: u64) -> u128 {
        self.pass(now_ns);
        self.open_ns
    }

    /// Servers that HAProxy sends requests to.
    pub fn serving(&self) -> usize {
        self.servers.iter().filter(|it| it.is_ready()).count()
    }

    /// When something next happens by itself, or [`NEVER_NS`].
    pub fn next_ns(&self) -> u64 {
        let ending = self.endings.peek().map_or(NEVER_NS, |it| it.0.at_ns);
        ending.min(self.requests.timeout_ns())
    }

    /// Time passes; nothing happens in between.
    fn pass(&mut self, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.now_ns);
        self.open_ns += u128::from(passed) * u128::from(self.open());
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// Lets happen what is due at [`Self::next_ns`]. `None`: a worker became free and nobody was waiting
    /// for its answer any more.
    pub fn step(&mut self) -> Option<Answer> {
        let timeout_ns = self.requests.timeout_ns();
        match self.endings.peek() {
            Some(Reverse(ending)) if ending.at_ns <= timeout_ns => {
                let ending = *ending;
                self.endings.pop();
                self.work_ended(ending)
            }
            Some(_) | None => self.give_up(timeout_ns),
        }
    }

    fn work_ended(&mut self, ending: Ending) -> Option<Answer> {
        let now_ns = ending.at_ns;
        self.pass(now_ns);
        let answer = self.requests.end(ending.request, now_ns, 200);
        let index = usize::from(ending.server);
        let server = self.servers.get_mut(index)?;
        server.running -= 1;
        if answer.is_some() {
            server.leaves(true);
            self.ended += 1;
        }
        self.start_work(index, now_ns);
        let server = self.servers.get(index)?;
        if self.queued > 0 && server.is_ready() && server.maxconn.is_some() {
            self.take_from_queue(index, now_ns);
        }
        answer
    }

    /// The oldest request has waited for too long.
    fn give_up(&mut self, now_ns: u64) -> Option<Answer> {
        self.pass(now_ns);
        let (number, place) = self.requests.oldest()?;
        let status = match place {
            // The oldest of all is the first of those that wait in the same place.
            Place::Queue => {
                self.queue.pop_front();
                self.queued -= 1;
                503
            }
            Place::Waiting(server) | Place::Worker(server) => {
                let server = self.servers.get_mut(usize::from(server))?;
                if server.waiting.front() == Some(&number) {
                    server.waiting.pop_front();
                }
                server.leaves(false);
                504
            }
            Place::Gone => return None,
        };
        self.ended += 1;
        let answer = self.requests.end(number, now_ns, status);
        if let Place::Waiting(server) | Place::Worker(server) = place {
            let index = usize::from(server);
            if self.queued > 0 && self.servers.get(index).is_some_and(Server::pulls) {
                self.take_from_queue(index, now_ns);
            }
        }
        answer
    }

    /// A request comes. Gives an answer at once if there is no server at all.
    pub fn arrive(&mut self, arrival: Arrival) -> Option<Answer> {
        let now_ns = arrival.at_ns;
        self.pass(now_ns);
        self.arrived += 1;
        let waits = self.queued > 0 && self.balance.queues_behind();
        let chosen = if waits {
            None
        } else {
            self.balance.choose(&self.servers, self.turn)
        };
        if let Some(index) = chosen {
            self.turn = index;
            let number = self.requests.add(arrival);
            self.dispatch(number, index, now_ns);
            return None;
        }
        let number = self.requests.add(arrival);
        if !self.servers.iter().any(Server::is_ready) {
            self.ended += 1;
            return self.requests.end(number, now_ns, 503);
        }
        self.queue.push_back(number);
        self.queued += 1;
        None
    }

    fn dispatch(&mut self, number: u64, index: usize, now_ns: u64) {
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        server.taken += 1;
        server.open += 1;
        let name = u16::try_from(index).unwrap_or(u16::MAX);
        self.requests.dispatch(number, name, now_ns);
        if server.running < server.workers && server.waiting.is_empty() {
            self.work(number, index, now_ns);
        } else {
            server.waiting.push_back(number);
        }
    }

    /// A worker begins with a request.
    fn work(&mut self, number: u64, index: usize, now_ns: u64) {
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        let name = u16::try_from(index).unwrap_or(u16::MAX);
        if let Some(service_ns) = self.requests.start(number, name, now_ns) {
            server.running += 1;
            let mut at_ns = now_ns.saturating_add(server.duration_ns(service_ns));
            if let Some(database) = &mut self.database {
                at_ns = database.answers_ns(at_ns);
            }
            self.endings.push(Reverse(Ending {
                at_ns,
                request: number,
                server: name,
            }));
        }
    }

    /// Free workers begin with those that wait for them.
    fn start_work(&mut self, index: usize, now_ns: u64) {
        while let Some(server) = self.servers.get_mut(index) {
            if server.running >= server.workers {
                return;
            }
            let Some(number) = server.waiting.pop_front() else {
                return;
            };
            self.work(number, index, now_ns);
        }
    }

    /// HAProxy hands out its queue to this server, as far as its `maxconn` goes.
    fn take_from_queue(&mut self, index: usize, now_ns: u64) {
        while self.queued > 0 && self.servers.get(index).is_some_and(Server::has_room) {
            let Some(number) = self.queue.pop_front() else {
                return;
            };
            if self.requests.is_open(number) {
                self.queued -= 1;
                self.dispatch(number, index, now_ns);
            }
        }
        if self.queued == 0 {
            self.queue.clear();
        }
    }

    /// The machine of this server was started a moment ago.
    pub fn start_cold(&mut self, index: usize) {
        if let Some(server) = self.servers.get_mut(index) {
            server.start_cold();
        }
    }

    /// `set server … state`.
    pub fn set_state(&mut self, index: usize, state: AdminState, now_ns: u64) {
        self.pass(now_ns);
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        let was = server.state;
        server.state = state;
        if was == AdminState::Maint && state == AdminState::Ready {
            self.take_from_queue(index, now_ns);
        }
    }

    /// `set maxconn server`; `takes_queue`: all that waits before that.
    pub fn set_maxconn(&mut self, index: usize, maxconn: u32, takes_queue: bool, now_ns: u64) {
        self.pass(now_ns);
        if takes_queue && let Some(server) = self.servers.get_mut(index) {
            server.maxconn = None;
            if server.is_ready() {
                self.take_from_queue(index, now_ns);
            }
        }
        if let Some(server) = self.servers.get_mut(index) {
            server.maxconn = (maxconn > 0).then_some(maxconn);
            if server.pulls() {
                self.take_from_queue(index, now_ns);
            }
        }
    }
}
