//! How much is asked of a backend, by HAProxy's own counters: arrivals a second, requests in flight and
//! requests that wait, over the last seconds. What was answered, and how fast, is in `served`.
//!
//! Arrivals are counted when they arrive (`stot` of the BACKEND row), long before the log tells of them.
//! Everything is kept as a sum since the beginning, so that a look that is missing costs precision and
//! never a request.

use std::collections::VecDeque;
use std::time::Duration;

use crate::words::picture::BackendRead;
use crate::words::time::Timestamp;

/// The longest span that is looked back on.
const SPAN_MAX: Duration = Duration::from_secs(60);
/// Looks that are kept lie so far apart at least: HAProxy may be read every 100 ms.
const SPACING: Duration = Duration::from_millis(500);
/// After so long without a look nobody knows when the requests of the meantime came.
const GAP_MAX: Duration = Duration::from_secs(30);
/// This part of a span must have been watched to speak for it.
const COVERED: f64 = 0.5;

/// Counters of the BACKEND row as one look at HAProxy shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// `stot`: requests that have arrived.
    pub arrived: u64,
    /// `scur`: open sessions, those that wait in the queue included.
    pub open: u32,
    /// `qcur` of the BACKEND row and of all servers: requests that wait.
    pub queued: u32,
}

impl Reading {
    /// What one look says of a backend.
    pub fn of(read: &BackendRead) -> Self {
        let waiting = read.servers.iter().map(|server| server.queued);
        Self {
            arrived: read.arrived,
            open: read.sessions,
            queued: waiting.fold(read.queued, u32::saturating_add),
        }
    }
}

/// Sums since the beginning, as they were then.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Timestamp,
    arrived: u64,
    /// Half sessions times milliseconds.
    open: u64,
    /// The same of those that wait.
    queued: u64,
    /// Requests that HAProxy answered itself, as far as the log had told by then.
    without_server: u64,
}

/// The looks of the last minute.
#[derive(Debug, Default)]
pub struct Demand {
    /// Oldest first; one of them is older than [`SPAN_MAX`].
    looks: VecDeque<Look>,
    newest: Reading,
    is_new_process: bool,
    /// Requests that HAProxy answered itself, since the beginning.
    without_server: u64,
}

impl Demand {
    /// Takes one more look. A counter that goes back was cleared, or another process counts: what it
    /// shows has come since then.
    pub fn read(&mut self, now: Timestamp, reading: Reading) {
        let before = std::mem::replace(&mut self.newest, reading);
        let is_new_process = std::mem::take(&mut self.is_new_process);
        let last = self.looks.back().copied();
        let Some(last) = last.filter(|last| now.since(last.at) <= GAP_MAX) else {
            self.looks.clear();
            self.looks.push_back(Look {
                at: now,
                arrived: 0,
                open: 0,
                queued: 0,
                without_server: self.without_server,
            });
            return;
        };
        let arrived = if is_new_process || reading.arrived < before.arrived {
            reading.arrived
        } else {
            reading.arrived - before.arrived
        };
        let ms = u64::try_from(now.since(last.at).as_millis()).unwrap_or(u64::MAX);
        let area = |from: u32, to: u32| (u64::from(from) + u64::from(to)).saturating_mul(ms);
        let look = Look {
            at: now.max(last.at),
            arrived: last.arrived.saturating_add(arrived),
            open: last.open.saturating_add(area(before.open, reading.open)),
            queued: (last.queued).saturating_add(area(before.queued, reading.queued)),
            without_server: self.without_server,
        };
        let last_but_one = self.looks.len().checked_sub(2);
        let last_but_one = last_but_one.and_then(|at| self.looks.get(at));
        if last_but_one.is_some_and(|it| last.at.since(it.at) < SPACING) {
            self.looks.pop_back();
        }
        self.looks.push_back(look);
        while (self.looks.get(1)).is_some_and(|it| now.since(it.at) >= SPAN_MAX) {
            self.looks.pop_front();
        }
    }

    /// HAProxy has answered one more request itself, or refused it.
    pub const fn answered_without_server(&mut self) {
        self.without_server = self.without_server.saturating_add(1);
    }

    /// Another process of HAProxy counts from 0. It need not have counted less by the next look.
    pub const fn next_process(&mut self) {
        self.is_new_process = true;
    }

    /// What was seen is about another situation.
    pub fn start_over(&mut self) {
        self.looks.clear();
    }

    /// Arrivals a second over the last `span`; `None` until half of it was watched.
    pub fn per_second(&self, span: Duration) -> Option<f64> {
        self.over(span, |look| look.arrived as f64)
            .map(|(arrived, seconds)| arrived / seconds)
    }

    /// Requests a second that HAProxy answered itself, over the very time of [`Self::per_second`]: what is
    /// counted over another time, be it a part of a second less, would look like demand while such
    /// requests become more, and at the start.
    pub fn without_server_per_second(&self, span: Duration) -> Option<f64> {
        self.over(span, |look| look.without_server as f64)
            .map(|(answered, seconds)| answered / seconds)
    }

    /// Open sessions on the average of the last `span`, each weighed by how long it was seen.
    pub fn open(&self, span: Duration) -> Option<f64> {
        self.over(span, |look| look.open as f64)
            .map(|(open, seconds)| open / 2_000.0 / seconds)
    }

    /// Waiting requests on the average of the last `span`.
    pub fn queued(&self, span: Duration) -> Option<f64> {
        self.over(span, |look| look.queued as f64)
            .map(|(queued, seconds)| queued / 2_000.0 / seconds)
    }

    /// Open sessions at the last look.
    pub const fn open_now(&self) -> u32 {
        self.newest.open
    }

    /// Looks that are held.
    pub fn held(&self) -> usize {
        self.looks.len()
    }

    /// How much a sum has grown within the last `span`, up to the last look, and in how many seconds.
    /// Between two looks it grew evenly.
    fn over(&self, span: Duration, sum: impl Fn(&Look) -> f64) -> Option<(f64, f64)> {
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let watched = last.at.since(first.at).min(span);
        let seconds = watched.as_secs_f64();
        if seconds <= 0.0 || seconds < span.as_secs_f64() * COVERED {
            return None;
        }
        let back = |look: &Look| last.at.since(look.at);
        // The newest look that lies `watched` or longer ago, and the one after it.
        let after = self.looks.partition_point(|look| back(look) >= watched);
        let from = self.looks.get(after.checked_sub(1)?)?;
        let then = self.looks.get(after).map_or_else(
            || sum(from),
            |to| {
                let whole = back(from).saturating_sub(back(to)).as_secs_f64();
                let part = back(from).saturating_sub(watched).as_secs_f64();
                let share = if whole > 0.0 { part / whole } else { 0.0 };
                sum(from) + (sum(to) - sum(from)) * share
            },
        );
        Some((sum(last) - then, seconds))
    }
}
