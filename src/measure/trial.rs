//! Did the last spare help? A backend whose database is slow gets no faster with more servers, and
//! each one more is load on the database. Servers do not belong here, and no spare goes because of
//! what is found here.

use std::time::Duration;

use crate::words::time::Timestamp;

/// A spare helped when the statistic is this share of what it was, or less.
const HELPED_SHARE: f64 = 0.9;
/// Complete windows that it is given.
const WINDOWS: usize = 2;
/// A verdict against more servers ends after this long …
const STUCK_FOR: Duration = Duration::from_secs(5 * 60);
/// … or when the request rate has grown by this share.
const RATE_GROWN: f64 = 0.25;
/// A saturated backend answers more requests with one server more, even if its queues still grow:
/// that counts as help. Asked for is this share of what the new server adds.
const THROUGHPUT_SHARE: f64 = 0.5;

/// A window tells about a spare that got this part of an equal share in it, or more: one that gets
/// next to nothing (its weight, `slowstart`, cookies, a queue that HAProxy keeps from it) had no
/// chance to help.
const SHARE_MIN: f64 = 0.5;

/// A spare that joined because of a policy, on trial.
#[derive(Debug)]
pub(crate) struct Trial {
    server: String,
    joined_at: Timestamp,
    /// The policy's statistic before it joined.
    before: f64,
    /// Requests a second before it joined.
    rate: Option<f64>,
    /// UP servers before it joined.
    servers: u32,
    requests: u64,
    /// Requests that servers answered in the window that is filling, its own and all.
    own: u64,
    all: u64,
    /// That it helped is known.
    has_helped: bool,
    /// The statistic of the latest windows in which it had its share, oldest first.
    windows: [Option<f64>; WINDOWS],
}

/// More servers do not help, for the time being.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotHelping {
    /// The statistic before the last spare joined, in the signal's unit.
    pub before: f64,
    /// The better one of the two latest windows since, in the signal's unit.
    pub after: f64,
    /// Since when no more servers are asked for.
    pub since: Timestamp,
    /// Requests a second then.
    rate: Option<f64>,
}

impl NotHelping {
    /// When it ends, if the request rate does not end it before.
    pub fn until(&self) -> Timestamp {
        self.since.after(STUCK_FOR)
    }

    /// Time or a rate that has grown ends it.
    pub(crate) fn is_over(&self, now: Timestamp, rate: Option<f64>) -> bool {
        let has_grown = match (self.rate, rate) {
            (Some(then), Some(rate)) => rate >= then * (1.0 + RATE_GROWN),
            (None | Some(_), None) | (None, Some(_)) => false,
        };
        has_grown || now >= self.until()
    }
}

impl Trial {
    /// `server` joins `servers` others; the statistic was `before` at `rate` requests a second.
    pub(crate) fn new(
        now: Timestamp,
        server: &str,
        servers: u32,
        before: f64,
        rate: Option<f64>,
    ) -> Self {
        Self {
            server: server.to_owned(),
            joined_at: now,
            before,
            rate,
            servers,
            requests: 0,
            own: 0,
            all: 0,
            has_helped: false,
            windows: [None; WINDOWS],
        }
    }

    /// The statistic before it began.
    pub(crate) const fn before(&self) -> f64 {
        self.before
    }

    /// Nothing can be said yet.
    pub(crate) fn is_open(&self) -> bool {
        self.windows.contains(&None)
    }

    /// One more request of the backend was answered.
    pub(crate) fn request(&mut self, server: &str) {
        self.requests = self.requests.saturating_add(1);
        if !server.starts_with('<') {
            self.all = self.all.saturating_add(1);
            self.own = self.own.saturating_add(u64::from(self.server == server));
        }
    }

    /// One more window is complete.
    pub(crate) fn window(&mut self, value: Option<f64>) {
        let (own, all) = (std::mem::take(&mut self.own), std::mem::take(&mut self.all));
        let equal = all as f64 / (f64::from(self.servers) + 1.0);
        let has_share = own > 0 && own as f64 >= SHARE_MIN * equal;
        if let (true, Some(value)) = (has_share, value) {
            self.windows.rotate_left(1);
            if let Some(last) = self.windows.last_mut() {
                *last = Some(value);
            }
        }
    }

    /// The verdict against more servers, once two windows tell.
    pub(crate) fn verdict(&self, now: Timestamp) -> Option<NotHelping> {
        if self.is_open() {
            return None;
        }
        let after = self
            .windows
            .iter()
            .flatten()
            .copied()
            .fold(f64::INFINITY, f64::min);
        let seconds = now.since(self.joined_at).as_secs_f64();
        let rate = (seconds > 0.0).then(|| self.requests as f64 / seconds);
        let is_faster = after <= self.before * HELPED_SHARE;
        (!is_faster && !self.answers_more(rate)).then_some(NotHelping {
            before: self.before,
            after,
            since: now,
            rate,
        })
    }

    /// It is seen to have helped; true once.
    pub(crate) fn has_helped(&mut self, now: Timestamp) -> bool {
        let helps = !self.is_open() && self.verdict(now).is_none();
        helps && !std::mem::replace(&mut self.has_helped, helps)
    }

    fn answers_more(&self, rate: Option<f64>) -> bool {
        let added = THROUGHPUT_SHARE / f64::from(self.servers.max(1));
        match (self.rate, rate) {
            (Some(before), Some(after)) => after >= before * (1.0 + added.min(RATE_GROWN)),
            // Nobody knows: no verdict.
            (None | Some(_), None) | (None, Some(_)) => true,
        }
    }
}
