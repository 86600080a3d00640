//! One place for one thing between two threads: whoever puts another one there replaces it. So a
//! thread that waits for its disk holds one text and not all that came meanwhile.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Slot<T> {
    content: Mutex<Content<T>>,
    news: Condvar,
}

#[derive(Debug)]
struct Content<T> {
    newest: Option<T>,
    /// Nothing more comes.
    is_closed: bool,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            content: Mutex::new(Content {
                newest: None,
                is_closed: false,
            }),
            news: Condvar::new(),
        }
    }
}

impl<T> Slot<T> {
    /// Puts that there, in place of what nobody has taken. Never waits for the other thread's work.
    pub(super) fn put(&self, thing: T) {
        self.lock().newest = Some(thing);
        self.news.notify_one();
    }

    /// Nothing more comes; what is there is still to be taken.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_one();
    }

    /// Waits for something; `None` when nothing more comes.
    pub(super) fn take(&self) -> Option<T> {
        let waits = |content: &mut Content<T>| content.newest.is_none() && !content.is_closed;
        let content = self.news.wait_while(self.lock(), waits);
        content
            .unwrap_or_else(PoisonError::into_inner)
            .newest
            .take()
    }

    /// The same, but `instead` when nothing has come within `limit`.
    pub(super) fn take_within(&self, limit: Duration, instead: T) -> Option<T> {
        let waits = |content: &mut Content<T>| content.newest.is_none() && !content.is_closed;
        let waited = self.news.wait_timeout_while(self.lock(), limit, waits);
        let (mut content, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Some(content.newest.take().unwrap_or(instead));
        }
        content.newest.take()
    }

    fn lock(&self) -> MutexGuard<'_, Content<T>> {
        // Nothing in here can be half-done: a thread that panicked has left one thing or none.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_is_there_and_the_last_one_survives_the_end() {
        let slot = Slot::default();
        for number in 0..1000 {
            slot.put(number);
        }
        assert_eq!(slot.take(), Some(999));
        assert_eq!(slot.take_within(Duration::ZERO, 7), Some(7));
        slot.put(1);
        slot.close();
        assert_eq!(slot.take_within(Duration::from_secs(60), 7), Some(1));
        assert_eq!(slot.take(), None);
        assert_eq!(slot.take_within(Duration::from_secs(60), 7), None);
    }
}
