//! Getting a server out of HAProxy's queue trap: with `maxconn` on the servers and requests waiting
//! in the backend's queue, a server that leaves drain gets nothing as long as the queue lasts. New
//! requests go behind those that wait, and only a server that ends a request takes the next one.
//! `set maxconn server` makes HAProxy hand the queue out, also when the value is the one that the
//! server had; a server without a limit needs one for as long as the queue lasts (measured on 2.6,
//! 3.0 and 3.2, for `roundrobin`, `static-rr` and `first`; harmless with the others).

use std::time::Duration;

use super::event::ActionId;
use crate::words::time::Timestamp;

/// A server that still gets nothing is kicked again after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// A lent limit is raised after this long.
const RAISED_AFTER: Duration = Duration::from_secs(1);
/// After so many kicks without an effect …
const KICKS_MAX: u32 = 8;
/// … it is only tried this often.
const AGAIN_LATER: Duration = Duration::from_secs(5);

/// The kicks of one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Kick {
    /// The command under way.
    under_way: Option<ActionId>,
    sent_at: Option<Timestamp>,
    /// Since it was seen to take a request.
    sent: u32,
    /// Requests that it had taken when it was seen last, and when that count was new.
    taken: Option<(u64, Timestamp)>,
    /// The limit that it was given for as long as the queue lasts; it has none of its own.
    lent: Option<u32>,
}

impl Kick {
    /// The limit that it has from us and is to lose again.
    pub(super) const fn lent(&self) -> Option<u32> {
        self.lent
    }

    /// Takes a lent limit from before a restart of the daemon.
    pub(super) const fn restore(&mut self, lent: Option<u32>) {
        self.lent = lent;
    }

    /// HAProxy shows another limit than the one that was lent: it has been taken back, or somebody
    /// else has set one. A command that is still under way, or was not read back yet, may do so.
    pub(super) fn loses_what_it_was_lent(&mut self, now: Timestamp) {
        if self.under_way.is_none() && self.sent_at.is_none_or(|at| now.since(at) >= AGAIN_AFTER) {
            self.lent = None;
        }
    }

    /// It is seen with so many requests taken; when that is more than before it is not stuck.
    pub(super) fn see(&mut self, now: Timestamp, taken: u64) {
        if self.taken.is_none_or(|(before, _)| before != taken) {
            self.taken = Some((taken, now));
            self.sent = 0;
        }
    }

    /// Requests wait, and it has taken none for [`AGAIN_AFTER`], nor since the last kick.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let pause = if self.sent < KICKS_MAX {
            AGAIN_AFTER
        } else {
            AGAIN_LATER
        };
        let is_over = |at: Timestamp| now.since(at) >= pause;
        self.under_way.is_none()
            && self
                .taken
                .is_some_and(|(_, since)| now.since(since) >= AGAIN_AFTER)
            && self.sent_at.is_none_or(is_over)
    }

    /// Kicked as often as makes sense, and it has taken nothing.
    pub(super) const fn is_in_vain(&self) -> bool {
        self.sent >= KICKS_MAX
    }

    /// A command was sent; `lent` when the limit is one that the server does not have.
    pub(super) const fn sent(&mut self, now: Timestamp, id: ActionId, lent: Option<u32>) {
        self.under_way = Some(id);
        self.sent_at = Some(now);
        self.sent = self.sent.saturating_add(1);
        if lent.is_some() {
            self.lent = lent;
        }
    }

    /// The lent limit may be raised: it has had [`RAISED_AFTER`] to show what it does.
    pub(super) fn may_lend_more(&self, now: Timestamp) -> bool {
        self.lent.is_some()
            && self.under_way.is_none()
            && self.sent_at.is_none_or(|at| now.since(at) >= RAISED_AFTER)
    }

    /// The lent limit is to be taken back: not while a command is under way, and not twice within
    /// [`AGAIN_AFTER`].
    pub(super) fn may_take_back(&self, now: Timestamp) -> bool {
        self.lent.is_some()
            && self.under_way.is_none()
            && self.sent_at.is_none_or(|at| now.since(at) >= AGAIN_AFTER)
    }

    /// A command was answered, or its time is over. True when it was this one's.
    pub(super) fn answered(&mut self, id: ActionId) -> bool {
        let is_its = self.under_way == Some(id);
        if is_its {
            self.under_way = None;
        }
        is_its
    }

    /// A command without an answer is given up.
    pub(super) fn give_up(&mut self, now: Timestamp, timeout: Duration) {
        if self.sent_at.is_some_and(|at| now.since(at) >= timeout) {
            self.under_way = None;
        }
    }
}
