//! Lines of its log that HAProxy itself dropped (`DroppedLogs`): how many are too many to judge a
//! backend by those that are left.

use std::collections::VecDeque;
use std::time::Duration;

use crate::words::time::Timestamp;

/// What was dropped is held against the requests of the last minute.
const SPAN: Duration = Duration::from_secs(60);
/// Looks at the counters that are kept lie so far apart at least.
const SPACING: Duration = Duration::from_secs(5);
/// Of so many requests one line may be missing: 0.5 %. For a backend at its threshold to look quiet
/// (below 60 % of it) the lines that are missing would have to be slower than 80 times the threshold,
/// and a percentile moves by half a percent at most. HAProxy with two threads that write to a pipe
/// at once drops up to 0.2 % of its lines, whatever they say.
const TOLERATED_ONE_OF: u64 = 200;
/// It is over when no more than half of that share is missing, so that it is not said by turns.
const OVER_ONE_OF: u64 = 2 * TOLERATED_ONE_OF;
/// So few prove no share of it, unless they are most of what there was: after a start or a lull one
/// line is soon a large share.
const FEW: u64 = 2;

/// Counters of a HAProxy process, or sums over several.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    dropped: u64,
    requests: u64,
}

impl Counts {
    const fn plus(self, other: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_add(other.dropped),
            requests: self.requests.saturating_add(other.requests),
        }
    }
}

/// What is known of dropped lines.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    /// Sums of the processes before the present one.
    carried: Counts,
    newest: Counts,
    /// Of the last [`SPAN`], oldest first, and one that is older.
    looks: VecDeque<(Timestamp, Counts)>,
    are_many: bool,
}

/// Lines that were dropped within the last minute, of how many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Lines that were dropped.
    pub dropped: u64,
    /// Requests in the same time.
    pub requests: u64,
}

impl Dropped {
    /// So many lines were dropped of late that what is left is a sample, and nobody knows of what.
    pub(crate) const fn are_many(&self) -> bool {
        self.are_many
    }

    /// Another HAProxy process answers: it counts from 0.
    pub(crate) fn next_process(&mut self) {
        self.carried = self.carried.plus(std::mem::take(&mut self.newest));
    }

    /// What was dropped of late, when it is too much.
    pub(crate) fn many(&self) -> Option<Share> {
        self.are_many.then(|| self.share())
    }

    /// What was dropped of late.
    pub(crate) fn share(&self) -> Share {
        let newest = self.carried.plus(self.newest);
        let oldest = self.looks.front().map_or(newest, |(_, counts)| *counts);
        Share {
            dropped: newest.dropped.saturating_sub(oldest.dropped),
            requests: newest.requests.saturating_sub(oldest.requests),
        }
    }

    /// Takes the counters of the present process; true when [`Dropped::are_many`] says something
    /// else now. What was dropped before the first look does not count.
    pub(crate) fn take(&mut self, now: Timestamp, dropped: u64, requests: u64) -> bool {
        if dropped < self.newest.dropped || requests < self.newest.requests {
            self.next_process();
        }
        self.newest = Counts { dropped, requests };
        let counts = self.carried.plus(self.newest);
        let is_due = |(at, _): &(Timestamp, Counts)| now.since(*at) >= SPACING;
        if self.looks.back().is_none_or(is_due) {
            self.looks.push_back((now, counts));
        }
        let is_past =
            |look: Option<&(Timestamp, Counts)>| look.is_some_and(|(at, _)| now.since(*at) >= SPAN);
        while is_past(self.looks.get(1)) {
            self.looks.pop_front();
        }
        let Share { dropped, requests } = self.share();
        let one_of = if self.are_many {
            OVER_ONE_OF
        } else {
            TOLERATED_ONE_OF
        };
        let is_share = dropped.saturating_mul(one_of) > requests;
        let are_few = dropped <= FEW && dropped.saturating_mul(2) <= requests;
        let are_many = is_share && (self.are_many || !are_few);
        std::mem::replace(&mut self.are_many, are_many) != are_many
    }
}
