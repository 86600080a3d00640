//! What people see: records of what happened, shown by readers that can slow nobody. `record` is what
//! can be told, `hub` hands it out, `log` writes it to the daemon's log, `events` numbers and keeps it
//! (`event` is its JSON, with the numbers of `evidence`), `alert` is what an alert says of it, `text` makes
//! every sentence.
//! Deciding, and noticing that something happened, do not live here.

pub mod alert;
pub mod event;
pub mod events;
pub mod hub;
pub mod log;
pub mod record;

mod evidence;
mod news;
mod text;

use self::hub::Hub;
use self::log::LogWriter;

/// The readers of a daemon's records, each in a thread of its own.
#[derive(Debug)]
pub struct Readers {
    log: LogWriter,
}

impl Readers {
    /// Each begins to read what that hub is told.
    pub fn start(hub: &Hub) -> Self {
        Self {
            log: LogWriter::start(hub),
        }
    }

    /// Waits until they have read all that was told, or for half a second. Every hub must be gone.
    pub fn finish(self) {
        self.log.finish();
    }
}
