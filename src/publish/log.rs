//! The daemon's log, as a reader of records: a thread of its own, because standard error may be a
//! pipe that nobody empties.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tracing::field::display;

use super::hub::{Hub, Readings, Taken};
use super::record::{News, Record, What};
use crate::words::level::Level;

/// A daemon that ends waits so long for its last lines to be written.
const END_LIMIT: Duration = Duration::from_millis(500);

/// Writes the daemon's log until every hub is gone.
#[derive(Debug)]
pub(super) struct LogWriter {
    ended: Option<Receiver<()>>,
}

impl LogWriter {
    /// Begins to write what that hub is told.
    pub(super) fn start(hub: &Hub) -> Self {
        let readings = hub.read();
        let (ends, ended) = channel();
        let thread = thread::Builder::new().name("log".to_owned());
        let started = thread.spawn(move || write_all(readings, &ends));
        if let Err(error) = &started {
            tracing::error!(%error, "cannot start a thread for the log; nothing more is written");
        }
        Self {
            ended: started.is_ok().then_some(ended),
        }
    }

    /// Waits until all that was told is written, or for half a second. Every hub must be gone.
    pub(super) fn finish(self) {
        if let Some(ended) = self.ended {
            let _ = ended.recv_timeout(END_LIMIT);
        }
    }
}

/// `_ends` is dropped when it returns.
fn write_all(mut readings: Readings, _ends: &Sender<()>) {
    while let Some(taken) = readings.blocking_next() {
        match taken {
            Taken::Record(record) => write(&record),
            Taken::Lost(records) => tracing::warn!(
                records,
                code = %"records_lost",
                "standard error is not read fast enough: lines are missing here"
            ),
        }
    }
}

/// Writes news without a hub, where no daemon runs.
pub fn write_now(news: News) {
    write(&Record::now(news));
}

/// A decision's sentence begins with its code and its place: whoever prints the fields need not repeat
/// them.
fn write(record: &Record) {
    if record.is_repeated() || record.is_minor() {
        return;
    }
    let code = record.code();
    let (change, code) = match record.what {
        What::Decision { .. } => (Some(code), None),
        What::News(_) => (None, Some(display(code))),
    };
    let (backend, server) = (record.backend(), record.server());
    match record.level() {
        Level::Info => tracing::info!(change, code, backend, server, "{record}"),
        Level::Warning => tracing::warn!(change, code, backend, server, "{record}"),
        Level::Error => tracing::error!(change, code, backend, server, "{record}"),
    }
}
