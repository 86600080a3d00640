//! Reading HAProxy: when, and what a read means. HAProxy is the truth about servers; what is
//! remembered only explains.

use std::time::Duration;

use super::{Backend, NoSpareSaid, Outbox, name_of};
use crate::scaler::agreement::Agreement;
use crate::scaler::decision::{Change, Doubt, Note, Reason};
use crate::scaler::event::{Action, ActionId};
use crate::scaler::jitter;
use crate::scaler::member::{Role, Stage};
use crate::words::picture::{AdminState, BackendRead, ReadFailure};
use crate::words::time::Timestamp;

/// An old process that is ending answered: the new one is there in a moment.
const STOPPING_PAUSE: Duration = Duration::from_millis(100);
/// Lines that say that a server changed cause no more than one read in this time: whoever can write
/// such lines can make HAProxy be asked twice as often as by itself, and nothing else.
const HINT_PAUSE: Duration = Duration::from_secs(1);

/// HAProxy that does not answer for so long after it should have been read, as in a reload, tells
/// nothing about the load: quiet goes on.
const BLINK: Duration = Duration::from_secs(3);

/// One read at a time.
#[derive(Debug)]
pub(super) struct Reading {
    /// The read under way, and when it is given up.
    under_way: Option<(ActionId, Timestamp)>,
    /// Another one is wanted as soon as that one has ended.
    again: bool,
    next: Timestamp,
    failures: u32,
    /// When a line was a reason to read last.
    hinted_at: Option<Timestamp>,
    /// Why the last read failed.
    pub(super) failure: Option<ReadFailure>,
    /// When HAProxy was read last.
    pub(super) read_at: Option<Timestamp>,
}

impl Reading {
    pub(super) const fn due_at(next: Timestamp) -> Self {
        Self {
            under_way: None,
            again: false,
            next,
            failures: 0,
            hinted_at: None,
            failure: None,
            read_at: None,
        }
    }

    /// When to read, or to give up the read under way.
    pub(super) fn due(&self) -> Timestamp {
        self.under_way.map_or(self.next, |(_, until)| until)
    }

    /// The last read gave a picture.
    pub(super) const fn is_current(&self) -> bool {
        self.read_at.is_some() && self.failure.is_none()
    }

    /// A line is a reason to look soon. While HAProxy does not answer it is none: the pauses between
    /// attempts are for HAProxy's sake.
    fn hint(&mut self, now: Timestamp) {
        let is_too_soon = self.hinted_at.is_some_and(|at| now.since(at) < HINT_PAUSE);
        if self.failures == 0 && !is_too_soon {
            self.hinted_at = Some(now);
            self.want(now);
        }
    }

    /// A read that begins from now on is wanted.
    pub(super) const fn want(&mut self, now: Timestamp) {
        if self.under_way.is_some() {
            self.again = true;
        } else {
            self.next = now;
        }
    }
}

impl Backend {
    /// Wants a picture that is newer than everything asked for so far, and says from which id on
    /// an answer is one.
    pub(super) fn want_fresh(&mut self, now: Timestamp, out: &mut Outbox) -> ActionId {
        let after = out.last_id();
        self.reading.want(now);
        self.read_if_due(now, out);
        after
    }

    /// A line says that a server changed; whether it is true is for HAProxy to say.
    pub(in crate::scaler) fn hint(&mut self, now: Timestamp) {
        self.reading.hint(now);
    }

    pub(super) fn read_if_due(&mut self, now: Timestamp, out: &mut Outbox) {
        if let Some((id, until)) = self.reading.under_way {
            if until <= now {
                self.servers_read(now, id, Err(ReadFailure::NoAnswer), out);
            }
            return;
        }
        if self.reading.next <= now {
            let id = out.next_id();
            self.reading.under_way = Some((id, now.after(self.settings.action_timeout)));
            self.reading.again = false;
            out.actions.push(Action::Read {
                id,
                backend: self.settings.name.clone(),
            });
        }
    }

    /// HAProxy answered, or did not.
    pub(in crate::scaler) fn servers_read(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<BackendRead, ReadFailure>,
        out: &mut Outbox,
    ) {
        if self
            .reading
            .under_way
            .is_none_or(|(under_way, _)| under_way != id)
        {
            return; // Given up long ago.
        }
        self.reading.under_way = None;
        match outcome {
            Ok(read) => {
                self.said_reachable(now, out);
                self.reading.next = now.after(self.read_interval());
                self.take_picture(now, read, out);
                self.step_change(now, id, out);
                self.seek_work(now, out);
            }
            Err(failure) => self.read_failed(now, failure, out),
        }
        if self.reading.again {
            self.reading.next = now;
        }
        self.read_if_due(now, out);
    }

    fn said_reachable(&mut self, now: Timestamp, out: &mut Outbox) {
        self.reading.failures = 0;
        self.reading.read_at = Some(now);
        let (change, note) = match self.reading.failure.take() {
            Some(ReadFailure::Unreachable(_) | ReadFailure::NoAnswer) => {
                (Change::Reachable, Note::Answers)
            }
            Some(ReadFailure::UnknownBackend) => (Change::Note, Note::HasBackend),
            Some(ReadFailure::Stopping) | None => return,
        };
        self.tell(now, None, change, note, out);
    }

    fn read_failed(&mut self, now: Timestamp, failure: ReadFailure, out: &mut Outbox) {
        if !self.is_blink(now) {
            self.not_quiet(now);
        }
        let outage = jitter::outage(now, self.reading.read_at, self.started);
        let pause = match failure {
            ReadFailure::Stopping => STOPPING_PAUSE,
            ReadFailure::Unreachable(_) | ReadFailure::NoAnswer => jitter::pause(
                (out.seed, out.last_id()),
                self.reading.failures,
                outage,
                self.settings.poll_interval,
            ),
            ReadFailure::UnknownBackend => self.settings.poll_interval,
        };
        self.reading.failures = self.reading.failures.saturating_add(1);
        self.reading.next = now.after(pause);
        self.reading.again = false;
        if self.reading.failure.as_ref() != Some(&failure) {
            let change = match failure {
                ReadFailure::Unreachable(_) | ReadFailure::NoAnswer => Some(Change::Unreachable),
                ReadFailure::UnknownBackend => Some(Change::Note),
                ReadFailure::Stopping => None,
            };
            if let Some(change) = change {
                self.tell(now, None, change, Note::Unread(failure.clone()), out);
            }
        }
        self.reading.failure = Some(failure);
    }

    /// Holds one read against what is remembered.
    fn take_picture(&mut self, now: Timestamp, read: BackendRead, out: &mut Outbox) {
        if self.generation != Some(read.generation) {
            self.begin_generation(now, out);
            self.generation = Some(read.generation);
        }
        self.responses = read.responses;
        self.queued = read.queued;
        self.traffic = super::service::Traffic {
            arrived: read.arrived,
            balance: read.balance,
            has_cookie: read.has_cookie,
        };
        if self.dropped.take(now, read.dropped_logs, read.requests) {
            self.dropping_changed(now, out);
        }
        if read.queued > 0 || self.dropped.are_many() {
            self.not_quiet(now);
        }
        let serving_before = self.pool.serving();
        self.pool.take(read.servers, &self.settings);
        if self.pool.serving() < serving_before {
            self.servers_are_missing(now);
        }
        self.show_marks();
        self.recall(now, read.generation, out);
        if self.comparison.compare(now, read.responses, read.sessions) {
            self.agreement_changed(now, out);
        }
        self.give_advice(now, out);
        let names: Vec<String> = self.pool.members.iter().map(name_of).collect();
        for name in &names {
            self.look_at(now, name, out);
        }
        self.watch_queue(now, out);
        self.watch_service(now, out);
        self.watch_crowd(now, read.crowded, read.sessions, out);
        if read.queued > 0 {
            let wanted = super::Wanted::Waiting {
                queued: read.queued,
            };
            self.load_returned(now, wanted, out);
        }
    }

    fn begin_generation(&mut self, now: Timestamp, out: &mut Outbox) {
        if self.generation.is_none() {
            return;
        }
        self.tell(now, None, Change::Reload, Note::Reloaded, out);
        let is_needed = self
            .quiet
            .since
            .is_none_or(|since| now.since(since) < self.settings.idle_timeout);
        self.pool.begin_generation(now, is_needed);
        match self.change.take() {
            // The new process may have got the command that is under way, and carry it out late.
            Some(change) if self.writing.is_some() => {
                let told = change.told_so_far().last().copied();
                self.leave_behind(now, &change.server, told.into_iter().collect());
            }
            Some(_) | None => self.past.forget_told(),
        }
        self.owed = None;
        self.comparison.next_process(now);
        if self.comparison.verdict() == Agreement::Agree {
            self.brought_in_doubt = 0;
        }
        self.dropped.next_process();
        self.no_spare_said = NoSpareSaid::default();
        self.start_policies_over();
        self.end_trials();
        // Quiet goes on: a reload of HAProxy is no load.
    }

    fn dropping_changed(&mut self, now: Timestamp, out: &mut Outbox) {
        let share = self.dropped.share();
        let (change, note) = if self.dropped.are_many() {
            (Change::Freeze, Note::Doubted(Doubt::Dropped(share)))
        } else {
            (Change::Thaw, Note::HardlyDrops(share))
        };
        self.tell(now, None, change, note, out);
    }

    fn agreement_changed(&mut self, now: Timestamp, out: &mut Outbox) {
        let (change, note) = match self.comparison.doubt() {
            None => (Change::Thaw, Note::Agrees),
            Some(doubt) => (Change::Freeze, Note::Doubted(doubt)),
        };
        // Spares that came in on lines which are in doubt now count as brought in by them.
        let doubted = self.comparison.doubted_since(now);
        self.brought_in_doubt = self.pool.joined_since(doubted);
        self.not_quiet(now);
        self.tell(now, None, change, note, out);
    }

    /// One server's state against the one that we know of.
    fn look_at(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        let shown = member.read.forced_state();
        let Some(expected) = member.expected.replace(shown) else {
            return self.first_sight(now, name, shown);
        };
        if shown == expected || member.role != Role::Spare {
            return;
        }
        if self
            .change
            .as_ref()
            .is_some_and(|change| change.told(name, shown))
        {
            return; // Our own doing.
        }
        if self.past.told(now, name, shown) {
            return self.first_sight(now, name, shown); // That of a daemon before us.
        }
        if shown == AdminState::Drain && member.read.is_by_agent {
            return self.drained_by_agent(now, name, out);
        }
        let may_be_agent = member.read.has_agent;
        let hold = self.settings.hold;
        member.hold(now, hold);
        member.is_wanted_back = false;
        member.stands_in = false;
        member.enter(now, stage_of(shown), now);
        if self
            .change
            .as_ref()
            .is_some_and(|change| change.server == name)
        {
            self.change = None;
        }
        let reason = Reason::Operator {
            from: expected,
            to: shown,
            may_be_agent,
            hold,
        };
        self.forget_order(name);
        self.show_marks();
        self.report(now, Some(name), Change::Hold, reason, out);
    }

    /// A spare's own agent wants no requests for it: that is no operator's hand. It would take the
    /// server out of maint again at its next answer, so it is left where it is.
    fn drained_by_agent(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        member.enter(now, Stage::DrainingOut, now);
        let change = self.change.take_if(|change| change.server == name);
        drop(change);
        self.tell(now, Some(name), Change::Warning, Note::DrainedByAgent, out);
    }

    /// First sight adopts: what is ready is ours and goes after `idle_timeout` like any other.
    fn first_sight(&mut self, now: Timestamp, name: &str, shown: AdminState) {
        let started = self.started;
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        if member.role != Role::Spare {
            return;
        }
        // Nobody knows for how long it has served: it is no newcomer whose caches are cold.
        member.enter(now, stage_of(shown), started);
        if shown == AdminState::Ready {
            member.is_wanted_back = false;
        }
    }

    /// HAProxy was read not long before this.
    pub(super) fn is_blink(&self, now: Timestamp) -> bool {
        let longest = self.settings.poll_interval + BLINK;
        self.reading
            .read_at
            .is_some_and(|at| now.since(at) <= longest)
    }

    /// How soon to look again: soon while a spare is on its way.
    fn read_interval(&self) -> Duration {
        let poll = self.settings.poll_interval;
        let change = self
            .change
            .as_ref()
            .map(super::change::Underway::read_interval);
        let service = self.service_interval(self.last_read());
        let wished = change.into_iter().chain(service);
        wished.fold(poll, Duration::min)
    }

    /// After a change of its step the next look may have to come sooner.
    pub(super) fn read_sooner(&mut self, now: Timestamp) {
        let next = now.after(self.read_interval());
        self.reading.next = self.reading.next.min(next);
    }

    /// Whether spares may be brought in or sent away on what is known.
    pub(super) const fn has_picture(&self) -> bool {
        self.reading.is_current()
    }
}

const fn stage_of(state: AdminState) -> Stage {
    match state {
        AdminState::Ready => Stage::Ready,
        AdminState::Drain => Stage::DrainingOut,
        AdminState::Maint => Stage::Maint,
    }
}
