//! What a source notices that an operator may have to hear, until whoever owns the source takes it.
//! Sentences are not made here; how a source stands is its [`SourceState`](super::SourceState).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::words::closed::told;

/// Notices that wait to be taken. A source that has more to say between two turns repeats itself.
const WAITING_MAX: usize = 16;

/// What a source noticed. Errors are the system's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceNews {
    /// It goes on where the daemon before stopped.
    Resumed,
    /// It cannot go on there and starts at the end of the log; why.
    FromEnd(String),
    /// The next daemon will have to start at the end of the log.
    EndNotKept {
        /// Where its end should have been kept.
        file: PathBuf,
        error: String,
    },
    /// There is no thread to read it with.
    NoReader(String),
    /// Reading it failed; nothing more will come.
    ReadFailed(String),
    /// Somebody removed the name of its Unix socket; it is made anew.
    NameRemoved,
    /// Nobody can be let in for now.
    AcceptFailed(String),
    /// Somebody was turned away: this many others are connected.
    Crowded { peer: SocketAddr, others: usize },
    /// A connection was closed: it sent what is no log.
    Closed { peer: SocketAddr, error: String },
    /// The program that reads it complained.
    Complaint { program: &'static str, text: String },
    /// Its directory cannot be watched; it is looked at every 250 ms instead.
    Unwatched { directory: PathBuf, error: String },
    /// So many notices were never taken, and the oldest are gone.
    Missed(u64),
}

told! {
    SourceNews {
        Resumed: Info "log_resumed",
        FromEnd: Info "log_from_end",
        EndNotKept: Warning "log_end_not_kept",
        NoReader: Error "log_no_reader",
        ReadFailed: Warning "log_read_failed",
        NameRemoved: Warning "log_socket_removed",
        AcceptFailed: Warning "log_accept_failed",
        Crowded: Warning "log_sender_refused",
        Closed: Warning "log_sender_closed",
        Complaint: Warning "log_program",
        Unwatched: Warning "log_unwatched",
        Missed: Warning "log_news_missed",
    }
}

/// The notices of one source, shared with the threads that read for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    newest: VecDeque<SourceNews>,
    missed: u64,
}

impl Notices {
    /// Adds one; the oldest makes room for it.
    pub(super) fn put(&self, news: SourceNews) {
        let mut waiting = self.lock();
        if waiting.newest.len() >= WAITING_MAX {
            waiting.newest.pop_front();
            waiting.missed += 1;
        }
        waiting.newest.push_back(news);
    }

    /// All that wait, oldest first, after how many are gone.
    pub(super) fn take(&self) -> Vec<SourceNews> {
        let Waiting { newest, missed } = std::mem::take(&mut *self.lock());
        let missed = (missed > 0).then_some(SourceNews::Missed(missed));
        missed.into_iter().chain(newest).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_notices_are_kept_and_the_others_counted() {
        let notices = Notices::default();
        assert_eq!(notices.take(), []);
        notices.put(SourceNews::Resumed);
        for _ in 0..WAITING_MAX + 2 {
            notices.clone().put(SourceNews::NameRemoved);
        }
        let taken = notices.take();
        assert_eq!(taken.len(), WAITING_MAX + 1);
        assert_eq!(taken[0], SourceNews::Missed(3));
        assert!(taken[1..].iter().all(|it| *it == SourceNews::NameRemoved));
        assert_eq!(notices.take(), []);
    }
}
