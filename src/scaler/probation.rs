//! Does a ready spare take requests, and does it answer them as well as the others do? Judged on
//! HAProxy's own counters of each server. That a command was accepted is no effect; this is.
//!
//! What is done about it is decided in `backend::service`.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{ServerCounters, Timestamp};

/// What is looked at together.
const SPAN: Duration = Duration::from_secs(10);
/// Looks that are kept stand at least this far apart, so that few cover [`SPAN`].
const STEP: Duration = Duration::from_millis(200);
/// A newcomer is not called idle before.
const IDLE_AFTER: Duration = Duration::from_secs(2);
/// Fewer requests of the backend than this prove nothing about a share …
const REQUESTS_MIN: u64 = 20;
/// … nor do fewer than this for each server.
const REQUESTS_EACH: u64 = 5;
/// It takes its share when it gets this part of it, or more.
const SHARE_MIN: f64 = 0.5;
/// It takes as good as nothing when it gets less than this part of an equal share.
const IDLE_SHARE: f64 = 0.1;
/// Fewer requests that ended prove nothing about errors …
const ENDED_MIN: u64 = 10;
/// … nor do fewer errors.
const FAILED_MIN: u64 = 5;
/// Its errors are clearly above the others' when they are so many times as frequent …
const ERRORS_FACTOR: f64 = 3.0;
/// … and more frequent by this share of its requests.
const ERRORS_ABOVE: f64 = 0.1;
/// It hangs when it has taken so many requests within this time …
const HANGING_MIN: u64 = 20;
const HANGING_AFTER: Duration = Duration::from_secs(3);
/// … and ends them so many times more seldom than the others do …
const HANGING_FACTOR: f64 = 3.0;
/// … and has so many times as many sessions open as any other, and some more. (Where requests last
/// long by nature the others have as many open, or more.)
const SESSIONS_FACTOR: u32 = 3;
const SESSIONS_MORE: u32 = 10;

/// One look at HAProxy's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// When.
    pub(super) at: Timestamp,
    /// Of the server.
    pub(super) own: ServerCounters,
    /// Of all other servers of its backend together.
    pub(super) others: ServerCounters,
    /// Requests that have arrived at the backend.
    pub(super) arrived: u64,
}

/// What a server's counters are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// Its fair part of the traffic by its weight, 0–1.
    pub(super) share: f64,
    /// How many servers may be given some.
    pub(super) servers: u32,
    /// Its share is to be judged now at all.
    pub(super) is_judged: bool,
    /// Sessions that it has open.
    pub(super) sessions: u32,
    /// The most that any other server has open.
    pub(super) others_sessions: u32,
}

/// What one server and the others did between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How long.
    pub within: Duration,
    /// Requests given to it.
    pub taken: u64,
    /// Requests that arrived at the backend.
    pub arrived: u64,
    /// Requests of its that ended.
    pub ended: u64,
    /// … in an error.
    pub failed: u64,
    /// Requests given to the others.
    pub others_taken: u64,
    /// Requests of the others that ended.
    pub others_ended: u64,
    /// … in an error.
    pub others_failed: u64,
}

/// What a look found that is new.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finding {
    /// It takes as good as nothing while requests come.
    Idle(Tally),
    /// It takes its share, after it was found idle.
    Shares(Tally),
    /// Its requests fail, and those of the others do not.
    Failing(Tally),
    /// It answers as well as the others do, after it was found not to.
    Recovered(Tally),
    /// It takes requests and ends hardly any, and the others do: they pile up.
    Hanging(Tally),
}

/// How one ready spare does.
#[derive(Clone, Debug, Default)]
pub(super) struct Probation {
    /// Looks since it became ready, oldest first, spanning [`SPAN`].
    looks: VecDeque<Look>,
    /// When it became ready; `None` while it is not.
    since: Option<Timestamp>,
    /// It has taken its share once.
    has_shared: bool,
    is_idle: bool,
    is_failing: bool,
}

impl Probation {
    /// Begins: the server became ready.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self {
            since: Some(now),
            ..Self::default()
        }
    }

    /// It was found to get as good as nothing.
    pub(super) const fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Its requests were found to fail, or to hang.
    pub(super) const fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// It has not yet taken its share.
    pub(super) const fn is_open(&self) -> bool {
        self.since.is_some() && !self.has_shared
    }

    /// For how long it has been ready.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        self.since.map(|since| now.since(since))
    }

    /// Looks that are held.
    pub(super) fn held(&self) -> usize {
        self.looks.len()
    }

    /// Takes one look.
    pub(super) fn look(&mut self, look: Look, by: Circumstances) -> Option<Finding> {
        let since = self.since?;
        if self
            .looks
            .back()
            .is_some_and(|last| has_fallen(last, &look))
        {
            self.looks.clear(); // `clear counters`.
        }
        self.keep(look);
        let tally = self.tally(&look)?;
        let (fails, hangs) = (is_failing(&tally), is_hanging(&tally, by));
        if self.is_failing {
            let is_well = !fails && !hangs && tally.within >= SPAN && tally.ended >= ENDED_MIN;
            self.is_failing = !is_well;
            return is_well.then_some(Finding::Recovered(tally));
        }
        if fails || hangs {
            self.is_failing = true;
            return Some(if fails {
                Finding::Failing(tally)
            } else {
                Finding::Hanging(tally)
            });
        }
        if self.has_shared {
            return None;
        }
        let (taken, arrived) = (tally.taken as f64, tally.arrived as f64);
        let servers = u64::from(by.servers.max(1));
        // The part that its weight gives it may itself be next to nothing.
        let next_to_nothing = IDLE_SHARE * arrived / servers as f64;
        let has_share = taken >= SHARE_MIN * by.share * arrived && taken >= next_to_nothing;
        if tally.arrived >= REQUESTS_MIN && has_share {
            self.has_shared = true;
            if std::mem::take(&mut self.is_idle) {
                return Some(Finding::Shares(tally));
            }
            return None;
        }
        let is_telling = tally.arrived >= REQUESTS_MIN.max(REQUESTS_EACH * servers);
        let is_young = look.at.since(since) < IDLE_AFTER;
        if by.is_judged && !is_young && !self.is_idle && is_telling && taken < next_to_nothing {
            self.is_idle = true;
            return Some(Finding::Idle(tally));
        }
        None
    }

    fn keep(&mut self, look: Look) {
        let is_close = match self.looks.len() {
            0 | 1 => false,
            _ => self
                .looks
                .get(self.looks.len() - 2)
                .is_some_and(|last| look.at.since(last.at) < STEP),
        };
        if is_close {
            self.looks.pop_back();
        }
        self.looks.push_back(look);
        while self.looks.len() > 2
            && self
                .looks
                .get(1)
                .is_some_and(|it| look.at.since(it.at) >= SPAN)
        {
            self.looks.pop_front();
        }
    }

    fn tally(&self, now: &Look) -> Option<Tally> {
        let first = self.looks.front().filter(|first| first.at < now.at)?;
        Some(Tally {
            within: now.at.since(first.at),
            taken: now.own.taken - first.own.taken,
            arrived: now.arrived - first.arrived,
            ended: now.own.ended - first.own.ended,
            failed: now.own.failed - first.own.failed,
            others_taken: now.others.taken.saturating_sub(first.others.taken),
            others_ended: now.others.ended.saturating_sub(first.others.ended),
            others_failed: now.others.failed.saturating_sub(first.others.failed),
        })
    }
}

/// A counter went back.
const fn has_fallen(before: &Look, now: &Look) -> bool {
    now.arrived < before.arrived
        || now.own.taken < before.own.taken
        || now.own.ended < before.own.ended
        || now.own.failed < before.own.failed
}

fn is_failing(tally: &Tally) -> bool {
    if tally.ended < ENDED_MIN || tally.failed < FAILED_MIN || tally.others_ended == 0 {
        return false;
    }
    let own = tally.failed as f64 / tally.ended as f64;
    let others = tally.others_failed as f64 / tally.others_ended as f64;
    own >= ERRORS_FACTOR * others && own - others >= ERRORS_ABOVE
}

fn is_hanging(tally: &Tally, by: Circumstances) -> bool {
    let pile = by.others_sessions.saturating_mul(SESSIONS_FACTOR);
    let is_piling_up = by.sessions >= pile.saturating_add(SESSIONS_MORE);
    let is_enough = tally.taken >= HANGING_MIN && tally.others_ended >= HANGING_MIN;
    let part = |ended: u64, taken: u64| ended as f64 / (taken.max(1) as f64);
    let own = part(tally.ended, tally.taken);
    let others = part(tally.others_ended, tally.others_taken);
    tally.within >= HANGING_AFTER && is_enough && is_piling_up && own * HANGING_FACTOR <= others
}

#[cfg(test)]
mod tests {
    use super::{Circumstances, Finding, Look, Probation};
    use crate::scaler::event::{ServerCounters, Timestamp};

    fn counters(taken: u64, failed: u64) -> ServerCounters {
        ServerCounters {
            taken,
            ended: taken,
            failed,
        }
    }

    fn look(at_ms: u64, own: (u64, u64), others: (u64, u64)) -> Look {
        Look {
            at: Timestamp::from_ms(at_ms),
            own: counters(own.0, own.1),
            others: counters(others.0, others.1),
            arrived: own.0 + others.0,
        }
    }

    const EQUAL: Circumstances = Circumstances {
        share: 0.5,
        servers: 2,
        is_judged: true,
        sessions: 1,
        others_sessions: 1,
    };

    /// One of two servers of equal weight.
    fn looks(looks: &[Look]) -> Vec<Finding> {
        let mut probation = Probation::begin(Timestamp::from_ms(0));
        let found = looks.iter().filter_map(|look| probation.look(*look, EQUAL));
        found.collect()
    }

    #[test]
    fn a_newcomer_that_gets_nothing_for_two_seconds_is_idle_and_once_only() {
        let found = looks(&[
            look(0, (0, 0), (1000, 0)),
            look(1900, (0, 0), (1190, 0)),
            look(2000, (0, 0), (1200, 0)),
            look(3000, (0, 0), (1300, 0)),
        ]);
        assert!(matches!(found.as_slice(), [Finding::Idle(tally)] if tally.arrived == 200));
    }

    #[test]
    fn fewer_than_twenty_requests_prove_nothing() {
        let found = looks(&[look(0, (0, 0), (0, 0)), look(9000, (0, 0), (19, 0))]);
        assert_eq!(found, []);
    }

    #[test]
    fn what_takes_its_share_once_is_not_called_idle_later() {
        let found = looks(&[
            look(0, (0, 0), (0, 0)),
            look(1000, (20, 0), (20, 0)),
            look(20_000, (20, 0), (2000, 0)),
            look(40_000, (20, 0), (4000, 0)),
        ]);
        assert_eq!(found, []);
    }

    #[test]
    fn an_idle_one_that_gets_its_share_is_said_to() {
        let found = looks(&[
            look(0, (0, 0), (0, 0)),
            look(2000, (0, 0), (200, 0)),
            look(12_000, (500, 0), (700, 0)),
        ]);
        assert!(matches!(
            found.as_slice(),
            [Finding::Idle(_), Finding::Shares(_)]
        ));
    }

    #[test]
    fn errors_are_held_against_those_of_the_others() {
        let bad = looks(&[look(0, (0, 0), (0, 0)), look(300, (12, 6), (12, 0))]);
        assert!(matches!(bad.as_slice(), [Finding::Failing(tally)] if tally.failed == 6));
        let all_bad = looks(&[look(0, (0, 0), (0, 0)), look(300, (50, 25), (50, 20))]);
        assert_eq!(all_bad, []);
        let alone = looks(&[look(0, (0, 0), (0, 0)), look(300, (50, 25), (0, 0))]);
        assert_eq!(alone, []);
    }

    /// Requests pile up on a server; the others have that many sessions open.
    fn pile(others_sessions: u32) -> Option<Finding> {
        let mut probation = Probation::begin(Timestamp::from_ms(0));
        let mut found = None;
        for at in (0..=5000).step_by(1000) {
            let mut look = look(at, (at / 50, 0), (at / 50, 0));
            look.own.ended = at / 500;
            let by = Circumstances {
                sessions: u32::try_from(look.own.taken - look.own.ended).unwrap_or(0),
                others_sessions,
                ..EQUAL
            };
            found = found.or(probation.look(look, by));
        }
        found
    }

    #[test]
    fn requests_that_pile_up_on_one_server_alone_are_its_fault() {
        assert!(matches!(pile(4), Some(Finding::Hanging(_))));
        assert_eq!(pile(90), None, "requests that last long by nature");
    }

    #[test]
    fn what_answers_well_for_as_long_as_is_looked_at_has_recovered() {
        let found = looks(&[
            look(0, (0, 0), (0, 0)),
            look(1000, (20, 20), (20, 0)),
            look(2000, (40, 20), (40, 0)),
            look(8000, (140, 20), (140, 0)),
            look(13_000, (240, 20), (240, 0)),
        ]);
        assert!(
            matches!(
                found.as_slice(),
                [Finding::Failing(_), Finding::Recovered(_)]
            ),
            "{found:?}"
        );
    }

    #[test]
    fn cleared_counters_begin_anew() {
        let found = looks(&[
            look(0, (1000, 900), (1000, 0)),
            look(1000, (0, 0), (0, 0)),
            look(2000, (9, 9), (9, 0)),
        ]);
        assert_eq!(found, []);
    }
}
