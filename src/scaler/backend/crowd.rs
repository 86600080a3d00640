//! Users who wait in front of HAProxy, where neither its log nor its queues show them: a frontend,
//! or the whole process, has reached its `maxconn`. That is no quiet; while the servers are busy it
//! asks for a spare as a breach does, because each faster answer lets somebody in.

use std::time::Duration;

use super::Backend;
use crate::scaler::decision::{Change, Note, Wanted};
use crate::scaler::outbox::Outbox;
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
const STUCK_FOR: Duration = Duration::from_secs(5 * 60);

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

impl Backend {
    /// Looks for a crowd in a new picture.
    pub(super) fn watch_crowd(
        &mut self,
        now: Timestamp,
        crowded: &[Crowded],
        sessions: u32,
        out: &mut Outbox,
    ) {
        let has_part = |what: &Crowded, part: u32| {
            let limit = connections_at(what);
            limit.is_none_or(|limit| sessions.saturating_mul(part) >= limit)
        };
        let ours = crowded
            .iter()
            .find(|what| has_part(what, PART_MIN))
            .cloned();
        let is_busy = ours
            .as_ref()
            .is_some_and(|what| connections_at(what).is_some() && has_part(what, BUSY_PART));
        self.facts.crowd.see(now, ours, is_busy);
        if !self.facts.crowd.is_there() {
            self.said.no_spare.for_crowd = false;
            return;
        }
        self.signals.not_quiet(now);
        let Some(what) = self.facts.crowd.lasting().cloned() else {
            return;
        };
        if !std::mem::replace(&mut self.facts.crowd.is_said, true) {
            let note = Note::Crowded(what.clone());
            out.tell(now, None, Change::Warning, note);
        }
        self.ask_for_crowd(now, what, out);
    }

    fn ask_for_crowd(&mut self, now: Timestamp, what: Crowded, out: &mut Outbox) {
        let rate = self.signals.rate.per_second().unwrap_or(0.0);
        if let Some((at, before)) = self.facts.crowd.tried
            && now.since(at) >= JUDGED_AFTER
        {
            self.facts.crowd.tried = None;
            if rate < before * HELPED {
                self.facts.crowd.stuck_until = Some(now.after(STUCK_FOR));
                let note = Note::CrowdStuck {
                    what: what.clone(),
                    before_per_s: before,
                    since_per_s: rate,
                    pause: STUCK_FOR,
                };
                out.tell(now, None, Change::NotHelping, note);
            }
        }
        let is_free = self.journeys.only.is_none()
            && self.plan.owed.is_none()
            && self.facts.crowd.tried.is_none();
        let stuck_until = self.facts.crowd.stuck_until;
        let is_stuck = stuck_until.is_some_and(|until| now < until);
        if self.facts.crowd.is_busy && is_free && !is_stuck && now >= self.plan.up_not_before {
            self.plan.owed = Some((1, Wanted::Crowded(what)));
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
