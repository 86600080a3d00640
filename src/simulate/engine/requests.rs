//! The requests that are open, in the order of their arrival: so the first of them is the one that
//! times out next.

use std::collections::VecDeque;

use super::{Answer, Arrival, NEVER_NS, TIMEOUT_NS};

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In HAProxy's queue.
    Queue,
    /// In this server, and no worker has begun with it.
    Waiting(u16),
    /// In the hands of a worker of this server.
    Worker(u16),
    /// It has ended.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    arrived_ns: u64,
    service_ns: u64,
    dispatched_ns: u64,
    started_ns: u64,
    place: Place,
}

/// Numbered as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    /// From the oldest open one on; some of the others have ended.
    ring: VecDeque<Request>,
    /// The number of the first one.
    first: u64,
}

impl Requests {
    pub(super) fn add(&mut self, arrival: Arrival) -> u64 {
        self.ring.push_back(Request {
            arrived_ns: arrival.at_ns,
            service_ns: arrival.service_ns,
            dispatched_ns: NEVER_NS,
            started_ns: NEVER_NS,
            place: Place::Queue,
        });
        self.first + self.ring.len() as u64 - 1
    }

    fn get(&mut self, number: u64) -> Option<&mut Request> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let request = self.ring.get_mut(index)?;
        (request.place != Place::Gone).then_some(request)
    }

    pub(super) fn is_open(&mut self, number: u64) -> bool {
        self.get(number).is_some()
    }

    pub(super) fn dispatch(&mut self, number: u64, server: u16, now_ns: u64) {
        if let Some(request) = self.get(number) {
            request.dispatched_ns = now_ns;
            request.place = Place::Waiting(server);
        }
    }

    /// A worker begins with it. `None`: its user has given up.
    pub(super) fn start(&mut self, number: u64, server: u16, now_ns: u64) -> Option<u64> {
        let request = self.get(number)?;
        request.started_ns = now_ns;
        request.place = Place::Worker(server);
        Some(request.service_ns)
    }

    /// When the oldest one gives up.
    pub(super) fn timeout_ns(&self) -> u64 {
        let oldest = self.ring.front();
        oldest.map_or(NEVER_NS, |it| it.arrived_ns.saturating_add(TIMEOUT_NS))
    }

    pub(super) fn oldest(&self) -> Option<(u64, Place)> {
        self.ring.front().map(|it| (self.first, it.place))
    }

    /// `None`: it had ended before.
    pub(super) fn end(&mut self, number: u64, now_ns: u64, status: u16) -> Option<Answer> {
        let request = self.get(number)?;
        let server = match request.place {
            Place::Waiting(server) | Place::Worker(server) => Some(server),
            Place::Queue | Place::Gone => None,
        };
        let answer = Answer {
            arrived_ns: request.arrived_ns,
            dispatched_ns: request.dispatched_ns.min(now_ns),
            started_ns: request.started_ns.min(now_ns),
            ended_ns: now_ns,
            server,
            status,
        };
        request.place = Place::Gone;
        while self.ring.front().is_some_and(|it| it.place == Place::Gone) {
            self.ring.pop_front();
            self.first += 1;
        }
        Some(answer)
    }
}
