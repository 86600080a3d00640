//! The one HAProxy of all backends: when it is read, and what concerns the process and no single
//! backend: that it cannot be read, was reloaded, or drops lines of its log. Each is said once. What a
//! picture means for a backend lives in `backend::reading`.

use std::sync::Arc;
use std::time::Duration;

use super::decision::{Change, Decision, Doubt, Note, Reason};
use super::event::{Action, ActionId};
use super::jitter;
use super::outbox::Outbox;
use super::settings::BackendSettings;
use crate::measure::dropped::{Dropped, Share};
use crate::words::picture::Picture;
use crate::words::picture::{Crowded, Generation, ReadFailure};
use crate::words::time::Timestamp;

/// An old process that is ending answered: the new one is there in a moment.
const STOPPING_PAUSE: Duration = Duration::from_millis(100);
/// Without a backend nothing is read.
const NEVER: Timestamp = Timestamp::from_ms(u64::MAX);

/// One read at a time, and what reads have shown of the process.
#[derive(Debug)]
pub(super) struct Haproxy {
    /// The backends to ask for.
    backends: Arc<[String]>,
    poll_interval: Duration,
    action_timeout: Duration,
    started: Timestamp,
    /// The read under way, and when it is given up.
    under_way: Option<(ActionId, Timestamp)>,
    /// Another one is wanted as soon as that one has ended.
    again: bool,
    next: Timestamp,
    failures: u32,
    reads: Reads,
    dropped: Dropped,
}

/// How reading HAProxy went last.
#[derive(Clone, Debug, Default)]
struct Reads {
    failure: Option<ReadFailure>,
    read_at: Option<Timestamp>,
    generation: Option<Generation>,
}

/// What one picture shows of the process, for every backend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process<'a> {
    pub(super) generation: Generation,
    /// Lines of its log that it drops, if they are many.
    pub(super) drops: Option<Share>,
    /// Where users wait before HAProxy lets them in.
    pub(super) crowded: &'a [Crowded],
}

/// What one backend wishes of the next read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// One that begins from now on.
    pub(super) at_once: bool,
    /// One that begins by then.
    pub(super) by: Option<Timestamp>,
}

impl Haproxy {
    /// Not read yet; the first read is due at `now`.
    pub(super) fn new<'a>(
        now: Timestamp,
        settings: impl Iterator<Item = &'a BackendSettings>,
    ) -> Self {
        let mut haproxy = Self {
            backends: Arc::from([]),
            poll_interval: Duration::MAX,
            action_timeout: Duration::ZERO,
            started: now,
            under_way: None,
            again: false,
            next: now,
            failures: 0,
            reads: Reads::default(),
            dropped: Dropped::default(),
        };
        haproxy.ask_for(now, settings);
        haproxy
    }

    /// These backends are asked for from now on, by their times.
    pub(super) fn ask_for<'a>(
        &mut self,
        now: Timestamp,
        settings: impl Iterator<Item = &'a BackendSettings>,
    ) {
        let mut names = Vec::new();
        let (mut poll_interval, mut action_timeout) = (Duration::MAX, Duration::ZERO);
        for backend in settings {
            names.push(backend.name.clone());
            poll_interval = poll_interval.min(backend.poll_interval);
            action_timeout = action_timeout.max(backend.action_timeout);
        }
        if *self.backends != *names {
            self.under_way = None; // What it was asked for is not what is wanted now.
        }
        self.backends = names.into();
        (self.poll_interval, self.action_timeout) = (poll_interval, action_timeout);
        self.want(now);
    }

    /// Another HAProxy, or another way to touch it: it is met for the first time.
    pub(super) fn forget(&mut self) {
        self.under_way = None;
        self.failures = 0;
        self.reads = Reads::default();
        self.dropped.next_process();
    }

    /// When to read, or to give up the read under way.
    pub(super) fn due(&self) -> Timestamp {
        if self.backends.is_empty() {
            return NEVER;
        }
        self.under_way.map_or(self.next, |(_, until)| until)
    }

    /// What that picture shows of the process.
    pub(super) fn process<'a>(&self, picture: &'a Picture) -> Process<'a> {
        Process {
            generation: picture.generation,
            drops: self.dropped.many(),
            crowded: &picture.crowded,
        }
    }

    /// The last read gave a picture. While HAProxy does not answer a line is no reason to look sooner:
    /// the pauses between attempts are for HAProxy's sake.
    pub(super) const fn answers(&self) -> bool {
        self.failures == 0
    }

    /// What a backend wishes.
    pub(super) fn wish(&mut self, now: Timestamp, wish: Wish) {
        if wish.at_once {
            self.want(now);
        }
        if let Some(by) = wish.by {
            self.next = self.next.min(by);
        }
    }

    fn want(&mut self, now: Timestamp) {
        if self.under_way.is_some() {
            self.again = true;
        } else {
            self.next = now;
        }
    }

    /// Begins a read that is due; the id of one that has to be given up.
    pub(super) fn read_if_due(&mut self, now: Timestamp, out: &mut Outbox) -> Option<ActionId> {
        if self.due() > now {
            return None;
        }
        if let Some((id, _)) = self.under_way {
            return Some(id);
        }
        let id = out.next_id();
        self.under_way = Some((id, now.after(self.action_timeout)));
        self.again = false;
        let backends = Arc::clone(&self.backends);
        out.actions.push(Action::Read { id, backends });
        None
    }

    /// Whether that read is still waited for; it is over then.
    pub(super) fn is_answer(&mut self, id: ActionId) -> bool {
        self.under_way
            .take_if(|(under_way, _)| *under_way == id)
            .is_some()
    }

    /// HAProxy answered. What is new about the process is said.
    pub(super) fn answered(&mut self, now: Timestamp, picture: &Picture, out: &mut Outbox) {
        self.failures = 0;
        self.next = now.after(self.poll_interval);
        self.reads.read_at = Some(now);
        match self.reads.failure.take() {
            Some(ReadFailure::Unreachable(_) | ReadFailure::NoAnswer) => {
                report(now, Change::Reachable, Note::Answers, out);
            }
            Some(ReadFailure::UnknownBackend | ReadFailure::Odd(_) | ReadFailure::Stopping)
            | None => {}
        }
        let before = self.reads.generation.replace(picture.generation);
        if before.is_some_and(|before| before != picture.generation) {
            report(now, Change::Reload, Note::Reloaded, out);
            self.dropped.next_process();
        }
        if self
            .dropped
            .take(now, picture.dropped_logs, picture.requests)
        {
            let share = self.dropped.share();
            if self.dropped.are_many() {
                let doubt = Doubt::Dropped(share);
                report(now, Change::Freeze, Note::Doubted(doubt), out);
            } else {
                report(now, Change::Thaw, Note::HardlyDrops(share), out);
            }
        }
    }

    /// HAProxy could not be read; it is tried again after a pause.
    pub(super) fn failed(&mut self, now: Timestamp, failure: &ReadFailure, out: &mut Outbox) {
        let outage = jitter::outage(now, self.reads.read_at, self.started);
        let pause = match failure {
            ReadFailure::Stopping => STOPPING_PAUSE,
            ReadFailure::Unreachable(_) | ReadFailure::NoAnswer => jitter::pause(
                (out.seed, out.last_id()),
                self.failures,
                outage,
                self.poll_interval,
            ),
            ReadFailure::UnknownBackend | ReadFailure::Odd(_) => self.poll_interval,
        };
        self.failures = self.failures.saturating_add(1);
        self.next = now.after(pause);
        self.again = false;
        if self.reads.failure.as_ref() != Some(failure)
            && matches!(failure, ReadFailure::Unreachable(_) | ReadFailure::NoAnswer)
        {
            let note = Note::Unread(failure.clone());
            report(now, Change::Unreachable, note, out);
        }
        self.reads.failure = Some(failure.clone());
    }

    /// A read was over and its news is known to all backends.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.again) {
            self.next = now;
        }
    }
}

fn report(now: Timestamp, change: Change, note: Note, out: &mut Outbox) {
    out.actions.push(Action::Report(Decision {
        at: now,
        backend: None,
        server: None,
        change,
        reason: Reason::Note(note),
    }));
}
