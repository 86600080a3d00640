//! How long a request takes on a server that has nothing else to do, out of a log: the lower envelope of
//! Tr. Tr of a busy server holds the wait inside it as well, so only requests that met an empty one, or a
//! nearly empty one, tell.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::recorded::Log;
use crate::sim::dice::Dice;
use crate::simulate::engine::{Arrival, MS_NS};

/// Requests that a level of business needs to be believed: a part of all, within these bounds. A mean that
/// is wrong by 3 % makes the waits of a busy server wrong by a third.
const SAMPLES: std::ops::RangeInclusive<usize> = 30..=20_000;
const SAMPLES_PART: usize = 4;
/// One request in so many waits in HAProxy's queue at least, where there is a `maxconn`.
const QUEUED_ONE_OF: usize = 1000;
/// HAProxy's milliseconds hide what is shorter.
const SHORTEST_NS: u64 = MS_NS / 2;

/// What the log says of service times.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// In ascending order, nanoseconds.
    pub seen_ns: Arc<[u64]>,
    /// Requests that a server had, the new one included, when these began.
    pub level: u32,
    /// Of each request of the log; 0: it met a busy server, or had no answer, and one is drawn.
    pub own_ns: Vec<u64>,
}

/// How busy the servers of a log were.
#[derive(Clone, Debug)]
pub struct Business {
    /// How many requests its server had when each was handed to it, itself included; 0: no answer.
    levels: Vec<u32>,
    /// The lowest level with enough requests at it or below.
    level: u32,
}

impl Business {
    /// Of this log.
    pub fn of(log: &Log) -> Self {
        let levels = levels(log);
        let mut counts: Vec<usize> = Vec::new();
        for level in levels.iter().copied().filter(|it| *it > 0) {
            let level = level as usize;
            if counts.len() <= level {
                counts.resize(level + 1, 0);
            }
            if let Some(count) = counts.get_mut(level) {
                *count += 1;
            }
        }
        let wanted = log.requests.len() / SAMPLES_PART;
        let wanted = wanted.clamp(*SAMPLES.start(), *SAMPLES.end());
        let mut sum = 0;
        let enough = counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        let level = u32::try_from(enough.unwrap_or(counts.len())).unwrap_or(u32::MAX);
        Self { levels, level }
    }

    /// The `maxconn` of a server, where the log shows that requests waited for it: so many requests a
    /// server had when one left HAProxy's queue for it, that one included. The middle of these: clocks
    /// of milliseconds say one more or less. `None` where hardly a request waited.
    pub fn maxconn(&self, log: &Log) -> Option<u32> {
        let waited = log.requests.iter().zip(&self.levels);
        let waited = waited.filter(|(request, level)| request.queue_ms > 0 && **level > 0);
        let mut levels: Vec<u32> = waited.map(|(_, level)| *level).collect();
        let enough = levels.len() >= *SAMPLES.start()
            && levels.len().saturating_mul(QUEUED_ONE_OF) >= log.requests.len();
        let middle = levels.len() / 2;
        levels.sort_unstable();
        levels.get(middle).copied().filter(|_| enough)
    }

    /// The envelope, if a server works on so many requests at once: a request that met fewer did not wait
    /// inside it. Of a log that has enough of those that met an almost empty server, only these. Empty if
    /// no request was answered.
    pub fn envelope(&self, log: &Log, workers: u32) -> Envelope {
        let lowest = self.levels.iter().copied().filter(|it| *it > 0).min();
        let level = self.level.min(workers).max(lowest.unwrap_or(0));
        let own = |(request, at): (&super::recorded::Logged, &u32)| {
            let is_free = (1..=level).contains(at) && request.is_answered;
            let response_ms = request.response_ms.filter(|_| is_free);
            response_ms.map_or(0, |ms| (u64::from(ms) * MS_NS).max(SHORTEST_NS))
        };
        let own_ns: Vec<u64> = log.requests.iter().zip(&self.levels).map(own).collect();
        let mut seen: Vec<u64> = own_ns.iter().copied().filter(|ns| *ns > 0).collect();
        seen.sort_unstable();
        Envelope {
            seen_ns: seen.into(),
            level,
            own_ns,
        }
    }
}

/// How many requests its server had when each was handed to it, itself included; 0: no answer.
fn levels(log: &Log) -> Vec<u32> {
    let dispatched_ms = |index: usize| {
        let request = log.requests.get(index);
        request.map_or(0, |it| it.arrived_ms + u64::from(it.queue_ms))
    };
    let mut levels = vec![0; log.requests.len()];
    let mut by_server: Vec<Vec<usize>> = vec![Vec::new(); log.servers.len()];
    for (index, request) in log.requests.iter().enumerate() {
        let server = request.server.map(usize::from);
        if let Some(list) = server.and_then(|it| by_server.get_mut(it)) {
            list.push(index);
        }
    }
    for list in &mut by_server {
        list.sort_by_key(|index| dispatched_ms(*index));
        let mut ends: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
        for index in list {
            let now_ms = dispatched_ms(*index);
            while ends.peek().is_some_and(|end| end.0 <= now_ms) {
                ends.pop();
            }
            let Some(server_ms) = log.requests.get(*index).and_then(|it| it.server_ms) else {
                continue;
            };
            ends.push(Reverse(now_ms + u64::from(server_ms)));
            if let Some(level) = levels.get_mut(*index) {
                *level = u32::try_from(ends.len()).unwrap_or(u32::MAX);
            }
        }
    }
    levels
}

/// The arrivals of a log, from its first second on. `scale`: so many for each, the others within a second
/// of it. The log has whole milliseconds: where in it is drawn.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn arrivals(log: &Log, own_ns: &[u64], scale: f64, seed: u64) -> Vec<Arrival> {
    let mut dice = Dice::numbered(seed, 3);
    let start_ms = start_ms(log);
    let mut arrivals = Vec::with_capacity(log.requests.len());
    for (request, own_ns) in log.requests.iter().zip(own_ns) {
        let since_ms = request.arrived_ms.saturating_sub(start_ms);
        let copies = (scale + dice.unit()) as u64;
        for copy in 0..copies {
            let apart_ns = dice.below(if copy == 0 { MS_NS } else { 1000 * MS_NS });
            arrivals.push(Arrival {
                at_ns: since_ms * MS_NS + apart_ns,
                service_ns: *own_ns,
            });
        }
    }
    arrivals.sort_by_key(|it| it.at_ns);
    arrivals
}

/// The whole second of the first request, milliseconds since 1970.
pub fn start_ms(log: &Log) -> u64 {
    let first_ms = log.requests.first().map_or(0, |it| it.arrived_ms);
    first_ms - first_ms % 1000
}
