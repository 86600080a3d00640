//! What is known of a backend: what HAProxy showed last, and whether its log can be believed. What
//! requests have shown is in `signals`; what follows from both in `needs`.

use std::time::Duration;

use super::crowd::Crowd;
use super::rota::Rota;
use crate::measure::agreement::{Agreement, Comparison};
use crate::measure::dropped::Share;
use crate::scaler::decision::{Change, Note};
use crate::scaler::event::{ActionId, LogState};
use crate::scaler::haproxy::Wish;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::scaler::pool::Pool;
use crate::scaler::settings::BackendSettings;
use crate::words::picture::{AdminState, Balance, Generation, ReadFailure};
use crate::words::shift::TimeOfDay;
use crate::words::time::Timestamp;

/// HAProxy that does not answer for so long after it should have been read, as in a reload, tells
/// nothing about the load: quiet goes on.
const BLINK: Duration = Duration::from_secs(3);

/// What is known of a backend.
#[repr(C)] // In this order: see `backend/mod.rs`.
pub(in crate::scaler) struct Facts {
    pub(super) comparison: Comparison,
    pub(super) pool: Pool,
    /// Since when it is watched.
    pub(super) started: Timestamp,
    pub(in crate::scaler) reading: Reading,
    pub(super) generation: Option<Generation>,
    /// `qcur` of the BACKEND row, as read last.
    pub(super) queued: u32,
    pub(super) traffic: Traffic,
    /// Users who wait in front of HAProxy.
    pub(super) crowd: Crowd,
    /// Lines of its log that HAProxy itself drops, if they are many.
    pub(super) drops: Option<Share>,
    pub(super) log: LogState,
    /// Spares brought in since the log began to contradict HAProxy's counters.
    pub(super) brought_in_doubt: u32,
    /// What the hour asks for.
    pub(in crate::scaler) rota: Rota,
}

/// What HAProxy said of the backend as a whole, as far as it explains who gets requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    /// Requests that have arrived.
    pub(super) arrived: u64,
    pub(super) balance: Balance,
    pub(super) has_cookie: bool,
}

/// What this backend knows of the reads of its HAProxy, and wishes of the next one.
#[derive(Debug, Default)]
pub(in crate::scaler) struct Reading {
    pub(in crate::scaler) wish: Wish,
    /// When HAProxy is read next, for people.
    pub(in crate::scaler) due: Timestamp,
    /// Why the last read gave nothing of this backend.
    pub(super) failure: Option<ReadFailure>,
    /// When this backend was read last.
    pub(super) read_at: Option<Timestamp>,
    /// How often it was read.
    pub(super) pictures: u64,
    /// When a line was a reason to read last.
    hinted_at: Option<Timestamp>,
}

/// Lines that say that a server changed cause no more than one read in this time, for each backend:
/// whoever can write such lines can make HAProxy be asked that often, and nothing else.
const HINT_PAUSE: Duration = Duration::from_secs(1);

impl Reading {
    /// A line is a reason to look soon.
    pub(in crate::scaler) fn hint(&mut self, now: Timestamp) {
        let is_too_soon = self.hinted_at.is_some_and(|at| now.since(at) < HINT_PAUSE);
        if !is_too_soon {
            self.hinted_at = Some(now);
            self.want();
        }
    }

    /// The last read gave a picture.
    pub(super) const fn is_current(&self) -> bool {
        self.read_at.is_some() && self.failure.is_none()
    }

    /// A read that begins from now on is wanted.
    pub(super) const fn want(&mut self) {
        self.wish.at_once = true;
    }

    /// Wants a picture that is newer than everything asked for so far, and says from which id on
    /// an answer is one.
    pub(super) const fn want_fresh(&mut self, out: &Outbox) -> ActionId {
        self.want();
        out.last_id()
    }

    /// A read that begins by then is wanted.
    pub(super) fn want_by(&mut self, by: Timestamp) {
        let wish = &mut self.wish.by;
        *wish = Some(wish.map_or(by, |earlier| earlier.min(by)));
    }
}

impl Facts {
    /// Nothing is known yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            comparison: Comparison::new(),
            pool: Pool::default(),
            started: now,
            reading: Reading::default(),
            generation: None,
            queued: 0,
            traffic: Traffic::default(),
            crowd: Crowd::default(),
            drops: None,
            log: LogState::Flowing,
            brought_in_doubt: 0,
            rota: Rota::default(),
        }
    }

    /// Serving servers below which nothing is taken away. Where `min` is the number of always-up
    /// servers, those of them that are backups do not count: they rest while others serve.
    pub(super) fn floor(&self, settings: &BackendSettings) -> u32 {
        let min = settings.min;
        let is_all = usize::try_from(min) == Ok(settings.always_up.len());
        let resting = if is_all {
            self.pool.resting_backups()
        } else {
            0
        };
        let scheduled = self.rota.min().map_or(0, |(min, _)| min);
        min.saturating_sub(resting).max(1).max(scheduled)
    }

    /// The end of the hours that make the floor higher than `min` does.
    pub(super) fn floor_until(&self, settings: &BackendSettings) -> Option<TimeOfDay> {
        let (min, until) = self.rota.min()?;
        (min > settings.min).then_some(until)
    }

    /// A policy looks at HAProxy's queue, and no server has a `maxconn`, so that nothing queues there before
    /// servers that are full.
    pub(super) fn has_no_slots(&self, settings: &BackendSettings) -> bool {
        let mut policies = settings.policies.iter();
        if !policies.any(|it| it.signal.is_queue()) {
            return false;
        }
        let members = &self.pool.members;
        let has_slots = |member: &Member| member.read.maxconn.is_some_and(|slots| slots > 0);
        !members.is_empty() && !members.iter().any(has_slots)
    }

    /// When HAProxy was read last, or watching began.
    pub(super) fn last_read(&self) -> Timestamp {
        self.reading.read_at.unwrap_or(self.started)
    }

    /// Whether spares may be brought in or sent away on what is known.
    pub(super) const fn has_picture(&self) -> bool {
        self.reading.is_current()
    }

    /// HAProxy was read not long before this.
    pub(super) fn is_blink(&self, now: Timestamp, settings: &BackendSettings) -> bool {
        let longest = settings.poll_interval + BLINK;
        self.reading
            .read_at
            .is_some_and(|at| now.since(at) <= longest)
    }

    pub(super) fn in_flight(&self) -> u64 {
        let of_servers = self.pool.members.iter();
        let of_servers = of_servers
            .map(|member| u64::from(member.read.sessions) + u64::from(member.read.queued))
            .sum::<u64>();
        of_servers + u64::from(self.queued)
    }

    /// The log and HAProxy do not tell the same story.
    pub(super) fn is_log_doubted(&self) -> bool {
        self.comparison.verdict() != Agreement::Agree || self.drops.is_some()
    }

    /// The counters do not confirm the lines, and so many spares have joined since then.
    pub(super) fn joined_in_doubt(&self) -> Option<u32> {
        let unvouched = self.comparison.unvouched_since();
        let unvouched = unvouched.map(|since| self.pool.joined_since(since));
        let contradicts = self.comparison.verdict() != Agreement::Agree;
        let contradicted = contradicts.then_some(self.brought_in_doubt);
        unvouched.max(contradicted)
    }

    /// Log and counters agree again, or do not any more.
    pub(super) fn agreement_changed(&mut self, now: Timestamp, out: &mut Outbox) {
        let (change, note) = match self.comparison.doubt() {
            None => (Change::Thaw, Note::Agrees),
            Some(doubt) => (Change::Freeze, Note::Doubted(doubt)),
        };
        // Spares that came in on lines which are in doubt now count as brought in by them.
        let doubted = self.comparison.doubted_since(now);
        self.brought_in_doubt = self.pool.joined_since(doubted);
        out.tell(now, None, change, note);
    }

    /// First sight adopts: what is ready is ours and goes after `idle_timeout` like any other.
    pub(super) fn first_sight(&mut self, now: Timestamp, name: &str, shown: AdminState) {
        let started = self.started;
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        if member.role != Role::Spare {
            return;
        }
        // Nobody knows for how long it has served: it is no newcomer whose caches are cold.
        member.enter(now, Stage::of(shown), started);
        if shown == AdminState::Ready {
            member.errand.is_wanted_back = false;
        }
    }

    /// Something else than a policy says that it is not quiet, or nobody can tell.
    pub(super) fn disturbs_quiet(&self, now: Timestamp, settings: &BackendSettings) -> bool {
        self.log != LogState::Flowing
            || self.is_log_doubted()
            || !(self.reading.is_current() || self.is_blink(now, settings))
            || self.queued > 0
            || self.crowd.is_there()
    }
}
