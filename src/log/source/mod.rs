//! Where the daemon's lines come from, on its runtime. What is read from a file lives in
//! [`super::file`]; what a line says does not live here.
//!
//! The half-read line lives in the source and never in a future, so [`Source::wait`] may be
//! dropped at any time.

mod datagram;
mod file;
pub mod framing;
mod journal;
mod listen;
mod stdin;
mod stream;

use std::time::Duration;

pub use self::datagram::DatagramSource;
pub use self::file::{FileSource, POLL_INTERVAL};
pub use self::journal::JournalSource;
pub use self::stdin::StdinSource;
pub use self::stream::{CONNECTIONS_MAX, StreamSource};
use super::file::Limits;
use super::file::checkpoint::CheckpointFile;
pub use super::file::{FileState, Turn};
pub use super::lines::{Counters, Item};
use crate::config::LogSource;
use crate::words::time::Timestamp;

/// One source of lines.
#[derive(Debug)]
pub enum Source {
    /// A growing file.
    File(Box<FileSource>),
    /// Standard input, or whatever can be read to its end.
    Stdin(StdinSource),
    /// Syslog datagrams.
    Datagram(DatagramSource),
    /// Connections that bring lines.
    Stream(StreamSource),
    /// systemd's journal.
    Journal(Box<JournalSource>),
}

impl Source {
    /// Opens what `[log] source` names. Never fails: what is missing or forbidden is waited for
    /// and shown in the state. `skip_when_behind` is in bytes (see [`Limits`]) and applies to files
    /// alone: the others make their writer wait, or lose what does not fit into a socket's buffer.
    ///
    /// Only on a runtime with I/O and time.
    pub fn open(source: &LogSource, max_line_bytes: usize, skip_when_behind: Option<u64>) -> Self {
        match source {
            LogSource::File(path) => {
                let limits = Limits {
                    max_line_bytes,
                    skip_when_behind,
                    ..Limits::default()
                };
                Self::File(Box::new(FileSource::new(path.clone(), limits)))
            }
            LogSource::Stdin => Self::Stdin(StdinSource::new(
                std::io::stdin(),
                "standard input",
                max_line_bytes,
            )),
            LogSource::Udp(address) => {
                Self::Datagram(DatagramSource::udp(*address, max_line_bytes))
            }
            LogSource::Unix(path) => {
                Self::Datagram(DatagramSource::unix(path.clone(), max_line_bytes))
            }
            LogSource::Tcp(address) => Self::Stream(StreamSource::new(*address, max_line_bytes)),
            LogSource::Journal(unit) => {
                Self::Journal(Box::new(JournalSource::new(unit.clone(), max_line_bytes)))
            }
        }
    }

    /// Goes on where the daemon before stopped, if its checkpoint is there and proven; says so, or
    /// why not. To be called before the first turn.
    pub fn resume(&mut self, checkpoint: Option<&CheckpointFile>) {
        if let (Self::File(file), Some(checkpoint)) = (self, checkpoint) {
            file.resume(checkpoint);
        }
    }

    /// Leaves a checkpoint for the next daemon. To be called after the last turn.
    pub async fn leave(&self, checkpoint: Option<&CheckpointFile>) {
        if let (Self::File(file), Some(checkpoint)) = (self, checkpoint) {
            file.leave(checkpoint).await;
        }
    }

    /// What comes next was written while no daemon ran, or may have been. When it was written is
    /// not known any more.
    pub fn is_catching_up(&self, now: Timestamp) -> bool {
        match self {
            Self::File(file) => file.catch_up.is_some_and(|until| now < until),
            Self::Stdin(_) | Self::Datagram(_) | Self::Stream(_) | Self::Journal(_) => false,
        }
    }

    /// Returns when there may be something to read: now, after a hint, or after
    /// [`POLL_INTERVAL`]. May be dropped at any time. Never returns once the source has ended and
    /// all of it was handed out.
    pub async fn wait(&mut self) {
        match self {
            Self::File(file) => file.wait().await,
            Self::Stdin(stdin) => stdin.wait().await,
            Self::Datagram(datagram) => datagram.wait().await,
            Self::Stream(stream) => stream.wait().await,
            Self::Journal(journal) => journal.wait().await,
        }
    }

    /// Hands out the lines that are there, of a bounded number of bytes. `now` must not go
    /// backwards.
    pub fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> Turn {
        match self {
            Self::File(file) => file.turn(now, sink),
            Self::Stdin(stdin) => stdin.turn(now, sink),
            Self::Datagram(datagram) => datagram.turn(now, sink),
            Self::Stream(stream) => stream.turn(now, sink),
            Self::Journal(journal) => journal.turn(now, sink),
        }
    }

    /// How the source stood at the last turn.
    pub fn state(&self) -> &FileState {
        match self {
            Self::File(file) => file.follower.state(),
            Self::Stdin(stdin) => &stdin.state,
            Self::Datagram(datagram) => &datagram.state,
            Self::Stream(stream) => &stream.state,
            Self::Journal(journal) => &journal.state,
        }
    }

    /// What has been read so far.
    pub const fn counters(&self) -> &Counters {
        match self {
            Self::File(file) => file.follower.counters(),
            Self::Stdin(stdin) => &stdin.counters,
            Self::Datagram(datagram) => &datagram.counters,
            Self::Stream(stream) => &stream.counters,
            Self::Journal(journal) => &journal.counters,
        }
    }

    /// How long the oldest unread data has been waiting here at most; zero when all is read. What
    /// waited before, in HAProxy's ring or at a syslog daemon, nobody tells us.
    pub fn lag(&self, now: Timestamp) -> Duration {
        let goal = match self {
            Self::File(file) => file.goal,
            Self::Stdin(stdin) => stdin.goal,
            Self::Datagram(datagram) => datagram.goal,
            Self::Stream(stream) => stream.goal,
            Self::Journal(journal) => journal.goal(),
        };
        goal.map_or(Duration::ZERO, |goal| now.since(goal.seen_at))
    }

    /// Unread bytes at the last turn.
    pub fn behind_bytes(&self) -> u64 {
        match self {
            Self::File(file) => file.follower.behind_bytes(),
            Self::Stdin(stdin) => stdin.behind_bytes(),
            Self::Datagram(datagram) => datagram.behind_bytes(),
            Self::Stream(stream) => stream.behind_bytes(),
            Self::Journal(journal) => journal.behind_bytes(),
        }
    }

    /// What to do about lines that were lost on their way to us.
    pub fn loss_advice(&self) -> &'static str {
        match self {
            Self::Datagram(datagram) => datagram.loss_advice(),
            Self::File(_) | Self::Stdin(_) | Self::Stream(_) | Self::Journal(_) => "",
        }
    }

    /// It is a file, which may be rotated.
    pub const fn is_file(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Stdin(_) | Self::Datagram(_) | Self::Stream(_) | Self::Journal(_) => false,
        }
    }

    /// The source in words: the path, `standard input`, or as in the configuration.
    pub fn describe(&self) -> String {
        match self {
            Self::File(file) => file.follower.path().display().to_string(),
            Self::Stdin(stdin) => stdin.name.to_owned(),
            Self::Datagram(datagram) => datagram.describe(),
            Self::Stream(stream) => stream.describe(),
            Self::Journal(journal) => journal.describe(),
        }
    }
}

/// Data that was seen and not yet read: once everything up to `position` is read, nothing is
/// older than what is seen then.
#[derive(Clone, Copy, Debug)]
struct Goal {
    seen_at: Timestamp,
    position: u64,
}

impl Goal {
    fn next(before: Option<Self>, now: Timestamp, read: u64, behind: u64) -> Option<Self> {
        match before {
            _ if behind == 0 => None,
            Some(goal) if read < goal.position => Some(goal),
            Some(_) | None => Some(Self {
                seen_at: now,
                position: read.saturating_add(behind),
            }),
        }
    }
}
