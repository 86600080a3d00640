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
/// Where all of that time has confirmed it, it lasts so many times as long …
const AGAIN: u32 = 3;
/// … up to so long. Servers that wait for something that is full would bring in one useless spare after
/// the other.
const STUCK_MAX: Duration = Duration::from_secs(60 * 60);
/// It is confirmed when so many more requests are in flight, and this share more …
const PILED_MIN: u64 = 20;
const PILED_SHARE: f64 = 0.5;
/// A saturated backend answers more requests with one server more, even if its queues still grow:
/// that counts as help. Asked for is this share of what the new server adds. (… and no more than that were
/// answered than before it joined.)
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
    /// The same of the slow windows alone that it was asked for, where that is known.
    slow_rate: Option<f64>,
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
    /// The least that were answered a second before the last spare joined so many others.
    before_rate: Option<f64>,
    servers: u32,
    /// It lasts so long.
    lasts: Duration,
    /// What was open and had been answered when it was given.
    then: Traffic,
}

/// What a backend has to do, and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were answered, since watching began.
    pub answered: u64,
    /// Requests in flight, as HAProxy showed them last.
    pub in_flight: u64,
}

impl NotHelping {
    /// When it ends, if the request rate does not end it before.
    pub fn until(&self) -> Timestamp {
        self.since.after(self.lasts)
    }

    /// The same from now on and for longer, where all the time of it has confirmed that something else is
    /// full: ever more waits, and one more server has let no more through than there were before.
    pub(crate) fn confirmed(
        &self,
        now: Timestamp,
        rate_now: Option<f64>,
        traffic: Traffic,
    ) -> Option<Self> {
        let seconds = now.since(self.since).as_secs_f64();
        let answered = traffic.answered.saturating_sub(self.then.answered);
        let rate = answered as f64 / seconds.max(1.0);
        let added = THROUGHPUT_SHARE / f64::from(self.servers.max(1));
        let is_full = rate < self.before_rate? * (1.0 + added);
        let piled = traffic.in_flight.saturating_sub(self.then.in_flight);
        let is_piling =
            piled >= PILED_MIN && piled as f64 >= PILED_SHARE * self.then.in_flight as f64;
        (is_full && is_piling && answered > 0 && !self.has_grown(rate_now)).then(|| Self {
            since: now,
            rate: Some(rate),
            lasts: self.lasts.saturating_mul(AGAIN).min(STUCK_MAX),
            then: traffic,
            ..*self
        })
    }

    /// Time or a rate that has grown ends it.
    pub(crate) fn is_over(&self, now: Timestamp, rate: Option<f64>) -> bool {
        self.has_grown(rate) || now >= self.until()
    }

    fn has_grown(&self, rate: Option<f64>) -> bool {
        match (self.rate, rate) {
            (Some(then), Some(rate)) => rate >= then * (1.0 + RATE_GROWN),
            (None | Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl Trial {
    /// `server` joins `servers` others; the statistic was `before` at `rate` requests a second, and at
    /// `slow_rate` in the slow windows that it was asked for.
    pub(crate) fn new(
        now: Timestamp,
        server: &str,
        servers: u32,
        before: f64,
        (rate, slow_rate): (Option<f64>, Option<f64>),
    ) -> Self {
        Self {
            server: server.to_owned(),
            joined_at: now,
            before,
            rate,
            slow_rate,
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
    pub(crate) fn verdict(&self, now: Timestamp, then: Traffic) -> Option<NotHelping> {
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
            before_rate: self.rate.into_iter().chain(self.slow_rate).reduce(f64::min),
            servers: self.servers,
            lasts: STUCK_FOR,
            then,
        })
    }

    /// It is seen to have helped; true once.
    pub(crate) fn has_helped(&mut self, now: Timestamp) -> bool {
        let helps = !self.is_open() && self.verdict(now, Traffic::default()).is_none();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{NotHelping, Traffic, Trial};
    use crate::words::time::Timestamp;

    const MINUTES: u64 = 60_000;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    /// 20 a second came before it joined one other, and it changed nothing.
    fn verdict() -> NotHelping {
        let mut trial = Trial::new(at(0), "web2", 1, 900.0, (Some(20.0), None));
        for _ in 0..40 {
            trial.request("web2");
        }
        trial.window(Some(900.0));
        trial.request("web2");
        trial.window(Some(900.0));
        let verdict = trial.verdict(at(2000), Traffic::default());
        verdict.expect("it did not help")
    }

    /// After so many minutes: so many more answered, and so many in flight.
    fn after(verdict: &NotHelping, minutes: u64, answered: u64, piled: u64) -> Option<NotHelping> {
        let traffic = Traffic {
            answered: verdict.then.answered + answered,
            in_flight: verdict.then.in_flight + piled,
        };
        let now = verdict
            .since
            .after(Duration::from_millis(minutes * MINUTES));
        verdict.confirmed(now, Some(20.0), traffic)
    }

    #[test]
    fn what_all_its_time_has_confirmed_lasts_three_times_as_long() {
        let mut verdict = verdict();
        for minutes in [5, 15, 45, 60, 60] {
            let lasts = verdict.until().since(verdict.since);
            assert_eq!(lasts, Duration::from_secs(minutes * 60));
            let answered = minutes * 60 * 19;
            let as_many_more = verdict.then.in_flight + 100;
            verdict = after(&verdict, minutes, answered, as_many_more).expect("confirmed");
        }
    }

    #[test]
    fn where_more_was_let_through_or_nothing_piled_up_one_more_is_tried() {
        let verdict = verdict();
        let flat = 5 * 60 * 19;
        assert!(after(&verdict, 5, flat, 300).is_some());
        assert!(
            after(&verdict, 5, 2 * flat, 300).is_none(),
            "it lets more through"
        );
        assert!(after(&verdict, 5, flat, 10).is_none(), "hardly more waits");
        assert!(after(&verdict, 5, 0, 300).is_none(), "nobody is answered");
        let traffic = Traffic {
            answered: flat,
            in_flight: 300,
        };
        let now = verdict.until();
        assert!(
            verdict.confirmed(now, Some(30.0), traffic).is_none(),
            "more come"
        );
        assert!(verdict.confirmed(now, None, traffic).is_some());
    }
}
