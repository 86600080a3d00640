//! How a [`super::TinyServer`] behaves, and what it remembers. No sockets here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Visits remembered at most; later ones are only counted.
const MAX_VISITS: usize = 200_000;

/// How a server answers. Checks (GET /health, OPTIONS) are answered at once unless it hangs.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Time to work on one request.
    pub delay: Duration,
    /// Requests worked on at a time; the others wait in the server, so that response times climb
    /// with the load. 0: no limit.
    pub workers: usize,
    /// Slow at first.
    pub cold: Option<Cold>,
    /// Status of every answer but those to checks.
    pub status: u16,
    /// Status of the answers to users, when it is another one: a wrong release whose health and
    /// warm-up path are good.
    pub user_status: Option<u16>,
    /// Status of the answers to checks.
    pub check_status: u16,
    /// Accepts, reads and does not answer for as long as this is set.
    pub hang: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            workers: 0,
            cold: None,
            status: 200,
            user_status: None,
            check_status: 200,
            hang: false,
        }
    }
}

impl Behaviour {
    /// Every request takes `ms`; any number at a time.
    pub fn delay_ms(ms: u64) -> Self {
        Self {
            delay: Duration::from_millis(ms),
            ..Self::default()
        }
    }

    /// Every request takes `ms`, `workers` at a time: saturated at `workers * 1000 / ms` a second.
    pub fn capacity(workers: usize, ms: u64) -> Self {
        Self {
            workers,
            ..Self::delay_ms(ms)
        }
    }

    /// The first `requests` (warm-up or user) take `ms` more.
    #[must_use]
    pub fn cold_for_requests(mut self, requests: u32, ms: u64) -> Self {
        self.cold = Some(Cold::Requests {
            requests,
            extra: Duration::from_millis(ms),
        });
        self
    }

    /// Requests take `ms` more until `period` after the first one.
    #[must_use]
    pub fn cold_for(mut self, period: Duration, ms: u64) -> Self {
        self.cold = Some(Cold::Period {
            period,
            extra: Duration::from_millis(ms),
        });
        self
    }
}

/// Slow at first, and what ends it. Checks neither feel nor end it.
#[derive(Clone, Copy, Debug)]
pub enum Cold {
    /// The first so many requests.
    Requests {
        /// How many.
        requests: u32,
        /// How much longer each takes.
        extra: Duration,
    },
    /// So long after the first request.
    Period {
        /// How long.
        period: Duration,
        /// How much longer each takes.
        extra: Duration,
    },
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visitor {
    /// Anybody else.
    User,
    /// `User-Agent: haproxy-autoscale…`.
    WarmUp,
    /// GET /health or OPTIONS without that agent.
    Check,
}

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Visit {
    /// When its head was complete.
    pub at: Instant,
    /// Who sent it.
    pub visitor: Visitor,
    /// The server was cold for it.
    pub was_cold: bool,
    /// Path and query.
    pub path: String,
    /// The Host header.
    pub host: String,
}

/// What a server knows of itself, shared by its threads.
#[derive(Debug, Default)]
pub(super) struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    behaviour: Behaviour,
    visits: Vec<Visit>,
    counts: BTreeMap<Visitor, usize>,
    first_request: Option<Instant>,
    busy: usize,
    /// Who waits for a worker, first come, first served.
    waiting: VecDeque<u64>,
    last_ticket: u64,
    stopped: bool,
}

impl Inner {
    fn may_start(&self, ticket: u64) -> bool {
        let Behaviour { hang, workers, .. } = self.behaviour;
        let is_full = workers > 0 && self.busy >= workers;
        !hang && !is_full && self.waiting.front() == Some(&ticket)
    }
}

impl State {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        let state = Self::default();
        state.lock().behaviour = behaviour;
        state
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        self.changed
            .wait(inner)
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.lock().behaviour);
        self.changed.notify_all();
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        self.lock().behaviour.clone()
    }

    /// Cold again, as after a restart of the machine.
    pub(super) fn forget_warmth(&self) {
        let mut inner = self.lock();
        inner.first_request = None;
        inner.counts.remove(&Visitor::User);
        inner.counts.remove(&Visitor::WarmUp);
        inner.visits.clear();
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    pub(super) fn visits(&self) -> Vec<Visit> {
        self.lock().visits.clone()
    }

    pub(super) fn count(&self, visitor: Visitor) -> usize {
        self.lock().counts.get(&visitor).copied().unwrap_or(0)
    }

    /// Notes the visit and returns how much longer it takes because the server is cold.
    pub(super) fn arrive(&self, visitor: Visitor, path: &str, host: &str) -> Duration {
        let mut inner = self.lock();
        let now = Instant::now();
        let served = [Visitor::User, Visitor::WarmUp]
            .iter()
            .filter_map(|visitor| inner.counts.get(visitor))
            .sum::<usize>();
        let extra = if visitor == Visitor::Check {
            Duration::ZERO
        } else {
            let first = *inner.first_request.get_or_insert(now);
            match inner.behaviour.cold {
                Some(Cold::Requests { requests, extra }) if served < requests as usize => extra,
                Some(Cold::Period { period, extra }) if now - first < period => extra,
                Some(Cold::Requests { .. } | Cold::Period { .. }) | None => Duration::ZERO,
            }
        };
        *inner.counts.entry(visitor).or_default() += 1;
        if inner.visits.len() < MAX_VISITS {
            inner.visits.push(Visit {
                at: now,
                visitor,
                was_cold: !extra.is_zero(),
                path: path.to_owned(),
                host: host.to_owned(),
            });
        }
        extra
    }

    /// Waits for a worker and for the end of a hang, works, and returns the status to answer with;
    /// `None` when the server was stopped meanwhile.
    pub(super) fn work(&self, visitor: Visitor, extra: Duration) -> Option<u16> {
        let mut inner = self.lock();
        if visitor == Visitor::Check {
            while inner.behaviour.hang && !inner.stopped {
                inner = self.wait(inner);
            }
            return (!inner.stopped).then_some(inner.behaviour.check_status);
        }
        inner.last_ticket += 1;
        let ticket = inner.last_ticket;
        inner.waiting.push_back(ticket);
        while !inner.stopped && !inner.may_start(ticket) {
            inner = self.wait(inner);
        }
        inner.waiting.pop_front();
        if inner.stopped {
            return None;
        }
        inner.busy += 1;
        let delay = inner.behaviour.delay + extra;
        drop(inner);
        self.changed.notify_all();
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let mut inner = self.lock();
        inner.busy -= 1;
        let for_users = inner.behaviour.user_status;
        let for_users = for_users.filter(|_| visitor == Visitor::User);
        let status = for_users.unwrap_or(inner.behaviour.status);
        drop(inner);
        self.changed.notify_all();
        Some(status)
    }
}
