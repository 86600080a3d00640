//! What all servers share: a database that works on a few requests at once, whoever asks. More servers do
//! not make it faster. No option of the command line plays it; the tests do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// A database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Requests that it works on at once; at least 1.
    pub at_once: u32,
    /// How long it works on one, nanoseconds.
    pub service_ns: u64,
    /// When it is slow, nanoseconds since the start …
    pub slow_ns: Range<u64>,
    /// … and how many times as long it takes then.
    pub factor: f64,
}

/// A database at work: when each of its places is free.
#[derive(Clone, Debug)]
pub(super) struct Working {
    database: Database,
    free_ns: BinaryHeap<Reverse<u64>>,
}

impl Working {
    pub(super) fn new(database: Database) -> Self {
        Self {
            free_ns: (0..database.at_once.max(1)).map(|_| Reverse(0)).collect(),
            database,
        }
    }

    /// A worker asks it at that instant; when it has its answer.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn answers_ns(&mut self, asked_ns: u64) -> u64 {
        let free_ns = self.free_ns.pop().map_or(0, |it| it.0);
        let begins_ns = free_ns.max(asked_ns);
        let Database {
            service_ns,
            slow_ns,
            factor,
            ..
        } = &self.database;
        let is_slow = slow_ns.contains(&begins_ns);
        let factor = if is_slow { factor.max(0.0) } else { 1.0 };
        let ends_ns = begins_ns.saturating_add((*service_ns as f64 * factor) as u64);
        self.free_ns.push(Reverse(ends_ns));
        ends_ns
    }
}
