//! Does a ready spare take requests, and does it answer them as well as the others do? Judged on
//! HAProxy's own counters of each server. That a command was accepted is no effect; this is.
//!
//! What is done about it is decided in `backend::service`.

use std::collections::VecDeque;
use std::time::Duration;

use crate::words::picture::ServerCounters;
use crate::words::time::Timestamp;

/// What is looked at together …
const SPAN: Duration = Duration::from_secs(10);
/// … and where little happens, as much longer as it takes to see enough.
const SPAN_MAX: Duration = Duration::from_secs(5 * 60);
/// Looks that are kept at most.
const LOOKS_MAX: usize = 64;
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
/// From so many requests on one server is a measure for another.
const BEST_MIN: u64 = 20;
/// Most, nearly all and few of a server's requests.
const MANY: f64 = 0.5;
const NEARLY_ALL: f64 = 0.9;
const FEW: f64 = 0.1;
/// With others that have answered nothing at all it fails when it has done so for this long.
const ALONE_FOR: Duration = Duration::from_secs(3);
/// Its errors are clearly above the others' when they are so many times as frequent …
const ERRORS_FACTOR: f64 = 3.0;
/// … and more frequent by this share of its requests.
const ERRORS_ABOVE: f64 = 0.1;
/// It hangs when it has taken so many requests within this time …
const HANGING_MIN: u64 = 20;
const HANGING_AFTER: Duration = Duration::from_secs(3);
/// … and ends them so many times more seldom than the others do …
const HANGING_FACTOR: f64 = 3.0;
/// … where a server that ends this part of what it takes keeps up …
const KEEPS_UP: f64 = 0.5;
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
    /// Requests that have arrived at the backend.
    pub(super) arrived: u64,
}

/// What the other servers of the backend did of late, by their own looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Others {
    taken: u64,
    ended: u64,
    failed: u64,
    /// One of them has just answered: they are alive.
    have_answered: bool,
    /// The smallest share of errors among those that ended enough requests.
    least_failed: Option<f64>,
    /// The most sessions that one of them has open that keeps up with its requests; `None` when all
    /// of them are behind.
    sessions: Option<u32>,
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
    /// It may be called failing with nobody to compare it with: another one can take its place.
    pub(super) is_replaceable: bool,
    /// It has as much to do as the others, and most of them are too slow.
    pub(super) is_overrun: bool,
}

/// What one server did between two looks, and the others of late.
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

/// How one server does.
#[derive(Clone, Debug, Default)]
pub(super) struct Probation {
    /// Looks since it became ready, oldest first, spanning [`SPAN`], or longer where little happens.
    looks: VecDeque<Look>,
    /// When it became ready; `None` while it is not.
    since: Option<Timestamp>,
    /// What the looks say.
    tally: Option<Tally>,
    /// It has taken its share once.
    has_shared: bool,
    is_idle: bool,
    is_failing: bool,
}

impl Others {
    /// One more of them; `sessions` are those that it has open.
    pub(super) fn add(&mut self, probation: &Probation, sessions: u32) {
        let Some(tally) = probation.tally else {
            return;
        };
        self.have_answered |= probation.has_just_answered();
        self.taken = self.taken.saturating_add(tally.taken);
        self.ended = self.ended.saturating_add(tally.ended);
        self.failed = self.failed.saturating_add(tally.failed);
        if tally.ended >= BEST_MIN {
            let share = part(tally.failed, tally.ended);
            self.least_failed = Some(self.least_failed.map_or(share, |least| least.min(share)));
        }
        if part(tally.ended, tally.taken) >= KEEPS_UP {
            self.sessions = self.sessions.max(Some(sessions));
        }
    }
}

impl Probation {
    /// Begins: the server became ready.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self {
            since: Some(now),
            ..Self::default()
        }
    }

    /// It is being watched.
    pub(super) const fn has_begun(&self) -> bool {
        self.since.is_some()
    }

    /// It was found to get as good as nothing.
    pub(super) const fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Its requests were found to fail, or to hang.
    pub(super) const fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Its own numbers are a reason to hold them against those of the others.
    pub(super) fn is_suspect(&self) -> bool {
        let is_odd =
            |tally: &Tally| tally.failed >= FAILED_MIN || part(tally.ended, tally.taken) < KEEPS_UP;
        self.is_failing || self.tally.as_ref().is_some_and(is_odd)
    }

    /// It has not yet taken its share.
    pub(super) const fn is_open(&self) -> bool {
        self.since.is_some() && !self.has_shared
    }

    /// For how long it has been ready.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        self.since.map(|since| now.since(since))
    }

    /// Between the last two looks a request ended well.
    fn has_just_answered(&self) -> bool {
        let mut latest = self.looks.iter().rev();
        let (Some(now), Some(before)) = (latest.next(), latest.next()) else {
            return false;
        };
        between(before, now).is_some_and(|tally| tally.ended > tally.failed)
    }

    /// The part of the backend's requests that it took of late, 0–1, where there were enough to say.
    pub(super) fn share(&self) -> Option<f64> {
        let tally = self.tally.filter(|it| it.arrived >= REQUESTS_MIN)?;
        Some(part(tally.taken, tally.arrived).min(1.0))
    }

    /// Looks that are held.
    pub(super) fn held(&self) -> usize {
        self.looks.len()
    }

    /// Takes one look.
    pub(super) fn look(&mut self, look: Look) {
        if self.since.is_none() {
            return;
        }
        let has_fallen = |last: &Look| has_fallen(last, &look);
        if self.looks.back().is_some_and(has_fallen) {
            self.looks.clear(); // `clear counters`.
        }
        self.keep(look);
        self.tally = self.looks.front().and_then(|first| between(first, &look));
    }

    /// What the looks say of late, beside what the others did.
    pub(super) fn beside(&self, others: &Others) -> Option<Tally> {
        self.tally.map(|tally| Tally {
            others_taken: others.taken,
            others_ended: others.ended,
            others_failed: others.failed,
            ..tally
        })
    }

    /// Judges what the last look showed.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        others: &Others,
        by: Circumstances,
    ) -> Option<Finding> {
        let since = self.since?;
        let tally = self.beside(others)?;
        let fails = is_failing(&tally, others, by.is_replaceable);
        let hangs = is_hanging(&tally, others, by.sessions);
        if self.is_failing {
            let is_well = !fails && !hangs && tally.within >= SPAN && tally.ended >= ENDED_MIN;
            self.is_failing = !is_well;
            return is_well.then_some(Finding::Recovered(tally));
        }
        // Where all of them have just died HAProxy's checks are about to say so, and this one is no
        // worse than the others.
        let is_its_own_fault = others.have_answered || others.ended == 0;
        let is_its_own_fault = is_its_own_fault && !by.is_overrun;
        if fails && is_its_own_fault || hangs && !by.is_overrun {
            self.is_failing = true;
            return Some(if fails {
                Finding::Failing(tally)
            } else {
                Finding::Hanging(tally)
            });
        }
        self.judge_share(now.since(since), tally, by)
    }

    fn judge_share(&mut self, age: Duration, tally: Tally, by: Circumstances) -> Option<Finding> {
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
            return std::mem::take(&mut self.is_idle).then_some(Finding::Shares(tally));
        }
        let is_telling = tally.arrived >= REQUESTS_MIN.max(REQUESTS_EACH * servers);
        let is_next_to_nothing = is_telling && taken < next_to_nothing;
        if by.is_judged && age >= IDLE_AFTER && !self.is_idle && is_next_to_nothing {
            self.is_idle = true;
            return Some(Finding::Idle(tally));
        }
        None
    }

    /// Keeps the look, and so many of those before that they span what is judged.
    fn keep(&mut self, look: Look) {
        let last_but_one = self.looks.len().checked_sub(2);
        let last_but_one = last_but_one.and_then(|at| self.looks.get(at));
        if last_but_one.is_some_and(|it| look.at.since(it.at) < STEP) {
            self.looks.pop_back();
        }
        self.looks.push_back(look);
        // The second look may become the first when it tells as much as is needed.
        while self.looks.len() > 2
            && self.looks.get(1).is_some_and(|second| {
                let age = look.at.since(second.at);
                let ended = look.own.ended.saturating_sub(second.own.ended);
                age >= SPAN_MAX || age >= SPAN && ended >= ENDED_MIN
            })
        {
            self.looks.pop_front();
        }
        if self.looks.len() > LOOKS_MAX {
            self.looks.remove(1);
        }
    }
}

/// What happened from one look to a later one.
fn between(first: &Look, now: &Look) -> Option<Tally> {
    (first.at < now.at).then(|| Tally {
        within: now.at.since(first.at),
        taken: now.own.taken.saturating_sub(first.own.taken),
        arrived: now.arrived.saturating_sub(first.arrived),
        ended: now.own.ended.saturating_sub(first.own.ended),
        failed: now.own.failed.saturating_sub(first.own.failed),
        others_taken: 0,
        others_ended: 0,
        others_failed: 0,
    })
}

/// A counter went back.
const fn has_fallen(before: &Look, now: &Look) -> bool {
    now.arrived < before.arrived
        || now.own.taken < before.own.taken
        || now.own.ended < before.own.ended
        || now.own.failed < before.own.failed
}

/// A share, 0–1; 0 of nothing.
fn part(some: u64, all: u64) -> f64 {
    some as f64 / (all.max(1) as f64)
}

fn is_failing(tally: &Tally, others: &Others, is_replaceable: bool) -> bool {
    if tally.ended < ENDED_MIN || tally.failed < FAILED_MIN {
        return false;
    }
    let own = part(tally.failed, tally.ended);
    if others.ended == 0 {
        return is_replaceable
            && tally.within >= ALONE_FOR
            && tally.ended >= BEST_MIN
            && own >= NEARLY_ALL;
    }
    let all_others = part(others.failed, others.ended);
    let is_above = own >= ERRORS_FACTOR * all_others && own - all_others >= ERRORS_ABOVE;
    // Several that fail must not hide each other, nor hide behind one that fails at times.
    let best = others.least_failed.unwrap_or(1.0);
    let is_bad_beside_good = own >= MANY && best <= FEW;
    let is_worst = own >= NEARLY_ALL && all_others <= MANY;
    is_above || is_bad_beside_good || is_worst
}

fn is_hanging(tally: &Tally, others: &Others, sessions: u32) -> bool {
    let pile = others.sessions.unwrap_or(0).saturating_mul(SESSIONS_FACTOR);
    let is_piling_up = sessions >= pile.saturating_add(SESSIONS_MORE);
    let is_enough = tally.taken >= HANGING_MIN && others.ended >= HANGING_MIN;
    let own = part(tally.ended, tally.taken);
    // With nobody who keeps up there is more to do than all can: only one that ends clearly less than
    // the others is to blame.
    let is_alone_behind = others.sessions.is_some() && own < KEEPS_UP / 2.0;
    let is_behind = own * HANGING_FACTOR <= part(others.ended, others.taken) || is_alone_behind;
    tally.within >= HANGING_AFTER && is_enough && is_piling_up && is_behind
}

#[cfg(test)]
mod tests {
    use super::{Circumstances, Finding, Look, Others, Probation};
    use crate::words::picture::ServerCounters;
    use crate::words::time::Timestamp;

    fn counters(taken: u64, failed: u64) -> ServerCounters {
        ServerCounters {
            taken,
            ended: taken,
            failed,
        }
    }

    /// The newcomer's look and that of the other server.
    fn look(at_ms: u64, own: (u64, u64), other: (u64, u64)) -> (Look, Look) {
        let look = |counters| Look {
            at: Timestamp::from_ms(at_ms),
            own: counters,
            arrived: own.0 + other.0,
        };
        (
            look(counters(own.0, own.1)),
            look(counters(other.0, other.1)),
        )
    }

    const EQUAL: Circumstances = Circumstances {
        share: 0.5,
        servers: 2,
        is_judged: true,
        sessions: 1,
        is_replaceable: true,
        is_overrun: false,
    };

    /// One of two servers of equal weight.
    fn looks(looks: &[(Look, Look)]) -> Vec<Finding> {
        let begin = || Probation::begin(Timestamp::from_ms(0));
        let (mut own, mut other) = (begin(), begin());
        let found = looks.iter().filter_map(|(look, beside)| {
            own.look(*look);
            other.look(*beside);
            let mut others = Others::default();
            others.add(&other, 1);
            own.judge(look.at, &others, EQUAL)
        });
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
        let alone_and_bad = looks(&[look(0, (0, 0), (0, 0)), look(3000, (50, 50), (0, 0))]);
        assert!(matches!(alone_and_bad.as_slice(), [Finding::Failing(_)]));
    }

    #[test]
    fn one_that_dies_together_with_the_others_is_no_worse_than_they_are() {
        let begun = [look(0, (0, 0), (1000, 0)), look(200, (5, 0), (1005, 0))];
        let all_die = look(500, (25, 20), (1005, 0));
        let found = looks(&[begun[0], begun[1], all_die]);
        assert_eq!(found, []);
        let the_other_lives = look(500, (25, 20), (1006, 0));
        let found = looks(&[begun[0], begun[1], the_other_lives]);
        assert!(matches!(found.as_slice(), [Finding::Failing(_)]));
    }

    /// Requests pile up on a server; the other one has that many sessions open.
    fn pile(others_sessions: u32) -> Option<Finding> {
        let begin = || Probation::begin(Timestamp::from_ms(0));
        let (mut own, mut other) = (begin(), begin());
        let mut found = None;
        for at in (0..=5000).step_by(1000) {
            let (mut look, beside) = look(at, (at / 50, 0), (at / 50, 0));
            look.own.ended = at / 500;
            own.look(look);
            other.look(beside);
            let mut others = Others::default();
            others.add(&other, others_sessions);
            let by = Circumstances {
                sessions: u32::try_from(look.own.taken - look.own.ended).unwrap_or(0),
                ..EQUAL
            };
            found = found.or(own.judge(look.at, &others, by));
        }
        found
    }

    #[test]
    fn requests_that_pile_up_on_one_server_alone_are_its_fault() {
        assert!(matches!(pile(4), Some(Finding::Hanging(_))));
        assert_eq!(pile(90), None, "requests that last long by nature");
    }

    #[test]
    fn one_that_ends_more_than_the_others_where_all_are_behind_is_not_to_blame() {
        // A newcomer to a backend with a backlog: `leastconn` gives it all that arrives.
        let judged = |ended: u64| {
            let begin = || Probation::begin(Timestamp::from_ms(0));
            let (mut own, mut other) = (begin(), begin());
            let mut found = None;
            for at in (0..=5000).step_by(1000) {
                let (mut look, mut beside) = look(at, (at / 8, 0), (at / 4, 0));
                look.own.ended = at * ended / 1000;
                beside.own.ended = at / 100;
                own.look(look);
                other.look(beside);
                let mut others = Others::default();
                others.add(&other, 1_790);
                let by = Circumstances {
                    sessions: 500,
                    ..EQUAL
                };
                found = found.or(own.judge(look.at, &others, by));
            }
            found
        };
        assert_eq!(judged(25), None);
        // One that ends next to nothing is.
        assert!(matches!(judged(1), Some(Finding::Hanging(_))));
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
