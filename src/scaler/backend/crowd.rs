//! Users who wait in front of HAProxy, where neither its log nor its queues show them: a frontend,
//! or the whole process, has reached its `maxconn`. That is no quiet; while the servers are busy it
//! asks for a spare as a breach does, because each faster answer lets somebody in.

use std::time::Duration;

use crate::words::picture::Crowded;
use crate::words::time::Timestamp;

/// A limit that is reached for a moment is no crowd.
const LASTS: Duration = Duration::from_secs(3);
/// A crowd that is not seen for this long is over.
const OVER: Duration = Duration::from_secs(5);
/// The crowd is this backend's when it has this part of the connections …
const PART_MIN: u32 = 10;
/// … and its servers are busy when it has this part: else it is idle connections that fill HAProxy.
const BUSY_PART: u32 = 2;
/// A spare that lets so much more through helped.
const HELPED: f64 = 1.1;
/// How long after a spare joined that is judged, and how long none is asked for when it did not.
const JUDGED_AFTER: Duration = Duration::from_secs(10);
pub(super) const STUCK_FOR: Duration = Duration::from_secs(5 * 60);

/// What is known of the crowd.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    what: Option<Crowded>,
    since: Option<Timestamp>,
    seen_at: Timestamp,
    is_busy: bool,
    is_said: bool,
    /// When the last spare came in for it, and requests a second before.
    tried: Option<(Timestamp, f64)>,
    stuck_until: Option<Timestamp>,
}

impl Crowd {
    /// Users wait.
    pub(super) const fn is_there(&self) -> bool {
        self.what.is_some()
    }

    /// What is full, once that has lasted.
    pub(super) fn lasting(&self) -> Option<&Crowded> {
        let since = self.since?;
        self.what
            .as_ref()
            .filter(|_| self.seen_at.since(since) >= LASTS)
    }

    /// A spare joined because of it; requests a second before.
    pub(super) fn came_for(&mut self, now: Timestamp, rate: f64) {
        self.tried = Some((now, rate));
    }

    /// Looks for a crowd in a new picture; `sessions`: those of this backend.
    pub(super) fn look(&mut self, now: Timestamp, crowded: &[Crowded], sessions: u32) {
        let has_part = |what: &Crowded, part: u32| {
            let limit = connections_at(what);
            limit.is_none_or(|limit| sessions.saturating_mul(part) >= limit)
        };
        let ours = crowded.iter().find(|what| has_part(what, PART_MIN));
        let is_busy =
            ours.is_some_and(|what| connections_at(what).is_some() && has_part(what, BUSY_PART));
        self.see(now, ours.cloned(), is_busy);
    }

    /// It has not been said yet; it is now.
    pub(super) const fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.is_said, true)
    }

    /// The last spare let hardly more through: requests a second before it came. No other one is
    /// asked for in the next [`STUCK_FOR`].
    pub(super) fn was_in_vain(&mut self, now: Timestamp, rate: f64) -> Option<f64> {
        let (_, before) = self
            .tried
            .take_if(|(at, _)| now.since(*at) >= JUDGED_AFTER)?;
        let is_in_vain = rate < before * HELPED;
        if is_in_vain {
            self.stuck_until = Some(now.after(STUCK_FOR));
        }
        is_in_vain.then_some(before)
    }

    /// A spare may help.
    pub(super) fn asks(&self, now: Timestamp) -> bool {
        let is_stuck = self.stuck_until.is_some_and(|until| now < until);
        self.is_busy && self.tried.is_none() && !is_stuck
    }

    fn see(&mut self, now: Timestamp, what: Option<Crowded>, is_busy: bool) {
        match what {
            Some(what) => {
                self.what = Some(what);
                self.since.get_or_insert(now);
                self.seen_at = now;
                self.is_busy = is_busy;
            }
            None if now.since(self.seen_at) >= OVER => {
                *self = Self {
                    seen_at: self.seen_at,
                    stuck_until: self.stuck_until,
                    ..Self::default()
                };
            }
            None => {}
        }
    }
}

/// How many connections are the limit; `None` where it is another one, which no server can change.
const fn connections_at(what: &Crowded) -> Option<u32> {
    match what {
        Crowded::Frontend { limit, .. } | Crowded::Process { limit } => Some(*limit),
        Crowded::Rate { .. } => None,
    }
}
