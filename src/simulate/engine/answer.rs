//! A request as it comes, and what became of it.

/// One request that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, nanoseconds since the start.
    pub at_ns: u64,
    /// How long a warm server's worker works on it.
    pub service_ns: u64,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it came, nanoseconds since the start.
    pub arrived_ns: u64,
    /// When it left HAProxy's queue for a server.
    pub dispatched_ns: u64,
    /// When a worker began with it.
    pub started_ns: u64,
    /// When its user had the answer, or an error.
    pub ended_ns: u64,
    /// Index of the server that had it; `None`: it never reached one.
    pub server: Option<u16>,
    /// What HAProxy logs: 200, 503 (queue, or no server) or 504.
    pub status: u16,
}

impl Answer {
    /// How long its user waited for it, nanoseconds.
    pub const fn response_ns(&self) -> u64 {
        self.ended_ns - self.arrived_ns
    }

    /// An error instead of an answer.
    pub const fn is_failed(&self) -> bool {
        self.status != 200
    }

    /// In HAProxy's queue and in the server's, nanoseconds.
    pub const fn wait_ns(&self) -> u64 {
        self.started_ns - self.arrived_ns
    }
}
