//! One server: what HAProxy counts of it, and its workers.

use std::collections::VecDeque;

use crate::words::picture::AdminState;

/// What a server is at the start.
#[derive(Clone, Copy, Debug)]
pub struct ServerSetup {
    /// Whether it takes traffic from the start.
    pub state: AdminState,
    /// Requests that it works on at once; the others wait inside it. At least 1.
    pub workers: u32,
    /// `maxconn` of its line in haproxy.cfg.
    pub maxconn: Option<u32>,
    /// What it is like after a start.
    pub cold: Cold,
}

/// A server that has just been started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cold {
    /// So many requests …
    pub requests: u32,
    /// … take so many times as long.
    pub factor: f64,
}

impl Cold {
    /// Warm from the first request on.
    pub const NONE: Self = Self {
        requests: 0,
        factor: 1.0,
    };
}

/// A server of the backend.
#[derive(Clone, Debug)]
pub struct Server {
    pub(super) state: AdminState,
    pub(super) workers: u32,
    pub(super) maxconn: Option<u32>,
    /// Workers that are busy.
    pub(super) running: u32,
    /// Requests that no worker has begun with, by their numbers; some have given up.
    pub(super) waiting: VecDeque<u64>,
    /// `scur`: requests that it has and whose users still wait.
    pub(super) open: u32,
    /// `stot`.
    pub(super) taken: u64,
    /// Of those, how many were answered.
    pub(super) ended: u64,
    cold: Cold,
    cold_left: u32,
}

impl Server {
    /// One that has run for long.
    pub(super) fn new(setup: ServerSetup) -> Self {
        Self {
            state: setup.state,
            workers: setup.workers.max(1),
            maxconn: setup.maxconn,
            running: 0,
            waiting: VecDeque::new(),
            open: 0,
            taken: 0,
            ended: 0,
            cold: setup.cold,
            cold_left: 0,
        }
    }

    /// HAProxy sends it requests.
    pub fn is_ready(&self) -> bool {
        self.state == AdminState::Ready
    }

    /// Its admin state.
    pub const fn state(&self) -> AdminState {
        self.state
    }

    /// Requests that it has and whose users still wait.
    pub const fn open(&self) -> u32 {
        self.open
    }

    /// `maxconn`, as `show stat` shows it.
    pub const fn maxconn(&self) -> Option<u32> {
        self.maxconn
    }

    /// `stot`, and requests that this server answered: its row misses those that HAProxy gave up
    /// (504 `sH`; measured on 2.6.12), which the backend's has.
    pub const fn counters(&self) -> (u64, u64) {
        (self.taken, self.ended)
    }

    /// It was started a moment ago.
    pub(super) const fn start_cold(&mut self) {
        self.cold_left = self.cold.requests;
    }

    /// One request that is not a user's; how long it takes.
    pub fn warm_up(&mut self, service_ns: u64) -> u64 {
        self.duration_ns(service_ns)
    }

    /// Takes traffic and is not full.
    pub(super) fn has_room(&self) -> bool {
        self.is_ready() && self.maxconn.is_none_or(|maxconn| self.open < maxconn)
    }

    /// Takes from the backend's queue what it has room for when it ends a request: one without `maxconn`
    /// does not.
    pub(super) fn pulls(&self) -> bool {
        self.is_ready() && self.maxconn.is_some()
    }

    /// A user has the answer, or gave up.
    pub(super) fn leaves(&mut self, is_answered: bool) {
        self.open -= 1;
        self.ended += u64::from(is_answered);
    }

    /// How long a worker takes for the next request.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn duration_ns(&mut self, service_ns: u64) -> u64 {
        if self.cold_left == 0 {
            return service_ns;
        }
        self.cold_left -= 1;
        (service_ns as f64 * self.cold.factor.max(0.0)) as u64
    }
}
