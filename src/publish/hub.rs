//! Where records come in and readers take them out. Telling never waits: a reader that is too slow
//! loses the oldest ones, and is told how many.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::record::Record;

/// Records that wait for a reader. A busy day writes a few hundred; one picture or one order may be news
/// to each of a thousand backends.
pub const WAITING_MAX: usize = 4096;

/// Takes records, and hands each one to every reader.
#[derive(Clone, Debug)]
pub struct Hub {
    sender: broadcast::Sender<Arc<Record>>,
}

/// Takes out what is told from now on.
#[derive(Debug)]
pub struct Readings {
    receiver: broadcast::Receiver<Arc<Record>>,
}

/// What a reader takes out.
#[derive(Clone, Debug)]
pub enum Taken {
    Record(Arc<Record>),
    /// So many were lost on this reader, because it was too slow.
    Lost(u64),
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Hub {
    /// Without a reader: what is told is gone.
    pub fn new() -> Self {
        let (sender, _) = broadcast::channel(WAITING_MAX);
        Self { sender }
    }

    /// Tells every reader. Never waits.
    pub fn tell(&self, record: Record) {
        let _ = self.sender.send(Arc::new(record)); // Nobody reads: nobody misses it.
    }

    pub fn read(&self) -> Readings {
        Readings {
            receiver: self.sender.subscribe(),
        }
    }
}

impl Readings {
    /// The next one; `None` when nothing more can come. Blocks its thread, so it is for a thread of
    /// its own.
    pub fn blocking_next(&mut self) -> Option<Taken> {
        taken(self.receiver.blocking_recv())
    }

    /// Whether another one waits.
    pub fn has_more(&self) -> bool {
        !self.receiver.is_empty()
    }

    /// The same for a task.
    pub async fn next(&mut self) -> Option<Taken> {
        taken(self.receiver.recv().await)
    }
}

fn taken(received: Result<Arc<Record>, RecvError>) -> Option<Taken> {
    match received {
        Ok(record) => Some(Taken::Record(record)),
        Err(RecvError::Lagged(lost)) => Some(Taken::Lost(lost)),
        Err(RecvError::Closed) => None,
    }
}
