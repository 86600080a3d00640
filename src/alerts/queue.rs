//! What waits to be sent through one channel, oldest first. Bounded, and never waited for.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::incidents::Saying;
use crate::publish::alert::Notice;

/// Messages that wait: more than a bad day has. Each has about a kilobyte.
pub(super) const WAITING_MAX: usize = 2000;

/// A message, and what it is about.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) notice: Notice,
    pub(super) saying: Saying,
    /// It repeats what was told, for a receiver that forgets.
    pub(super) is_repeated: bool,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    added: Notify,
}

impl Queue {
    /// Whether there was room.
    pub(super) fn push(&self, waiting: Waiting) -> bool {
        let mut queue = self.waiting();
        if queue.len() >= WAITING_MAX {
            return false;
        }
        queue.push_back(waiting);
        drop(queue);
        self.added.notify_one();
        true
    }

    /// The oldest, which stays until [`Self::pop`].
    pub(super) async fn front(&self) -> Waiting {
        loop {
            let added = self.added.notified();
            let front = self.waiting().front().cloned();
            match front {
                Some(waiting) => return waiting,
                None => added.await,
            }
        }
    }

    pub(super) fn pop(&self) {
        self.waiting().pop_front();
    }

    /// All that waits, which waits no longer.
    pub(super) fn take_all(&self) -> Vec<Waiting> {
        self.waiting().drain(..).collect()
    }

    /// What waits says that.
    pub(super) fn sayings(&self) -> Vec<Saying> {
        self.waiting().iter().map(|it| it.saying.clone()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
