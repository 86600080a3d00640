//! Where the daemon's lines come from, on its runtime. What is read from a file lives in
//! [`super::file`]; what a line says does not live here.
//!
//! Each kind is a `LineSource` in a file of its own. The half-read line lives in the source and
//! never in a future, so [`Source::wait`] may be dropped at any time.

mod datagram;
mod file;
pub mod framing;
mod journal;
mod listen;
mod news;
mod place;
mod stdin;
mod stream;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use self::datagram::DatagramSource;
use self::file::FileSource;
pub use self::file::POLL_INTERVAL;
use self::journal::JournalSource;
use self::news::Notices;
pub use self::news::SourceNews;
pub use self::place::{LogSource, Mistake};
use self::stdin::StdinSource;
pub use self::stream::CONNECTIONS_MAX;
use self::stream::StreamSource;
use super::file::Limits;
use super::file::checkpoint::{Checkpoint, CheckpointFile, Refusal, Unproven};
pub use super::lines::{Counters, Item, SourceState};
use crate::words::time::Timestamp;

/// A checkpoint is written within this time when the daemon ends, or not at all.
const LEAVE_LIMIT: Duration = Duration::from_millis(500);

/// One source of lines.
#[derive(Debug)]
pub struct Source {
    kind: Box<dyn LineSource>,
    /// What it notices, shared with it.
    notices: Notices,
    /// There was more to read after the last turn.
    has_more: bool,
    goal: Option<Goal>,
}

/// What each kind of source has to do.
trait LineSource: fmt::Debug + Send {
    /// See [`Source::wait`]. Called when all that was there at the last turn has been read.
    fn wait(&mut self) -> Wait<'_>;

    /// See [`Source::turn`]. True: there is more to read right now.
    fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> bool;

    /// How it stood at the last turn.
    fn standing(&self) -> Standing<'_>;

    /// See [`Source::describe`].
    fn describe(&self) -> String;

    /// See [`Source::loss_advice`].
    fn loss_advice(&self) -> &'static str {
        ""
    }

    /// See [`Source::is_catching_up`].
    fn is_catching_up(&self, _now: Timestamp) -> bool {
        false
    }

    /// Goes on at a checkpoint. Asked of what [`LogSource::resumes_as`] has a name for.
    fn resume(&mut self, _checkpoint: &Checkpoint) -> Result<(), Unproven> {
        Err(Unproven::Changed)
    }

    /// Where it is, if that can be proven later.
    fn checkpoint(&self, _wall: SystemTime) -> Option<Checkpoint> {
        None
    }
}

/// One wait. May be dropped at any time.
type Wait<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How a source stood at its last turn.
struct Standing<'a> {
    counters: &'a Counters,
    state: &'a SourceState,
    /// Unread bytes.
    behind_bytes: u64,
}

/// What a source keeps of how it stands, where nobody else does.
#[derive(Debug)]
struct Core {
    counters: Counters,
    state: SourceState,
    behind_bytes: u64,
    notices: Notices,
}

impl Core {
    fn new(notices: Notices) -> Self {
        Self {
            counters: Counters::default(),
            state: SourceState::Reading,
            behind_bytes: 0,
            notices,
        }
    }

    const fn standing(&self) -> Standing<'_> {
        Standing {
            counters: &self.counters,
            state: &self.state,
            behind_bytes: self.behind_bytes,
        }
    }
}

impl Source {
    /// Opens what `[log] source` names. Never fails: what is missing or forbidden is waited for
    /// and shown in the state. `skip_when_behind` is in bytes (see [`Limits`]) and applies to files
    /// alone: the others make their writer wait, or lose what does not fit into a socket's buffer.
    ///
    /// Only on a runtime with I/O and time.
    pub fn open(source: &LogSource, max_line_bytes: usize, skip_when_behind: Option<u64>) -> Self {
        let notices = Notices::default();
        let shared = notices.clone();
        let kind: Box<dyn LineSource> = match source {
            LogSource::File(path) => {
                let limits = Limits {
                    max_line_bytes,
                    skip_when_behind,
                    ..Limits::default()
                };
                Box::new(FileSource::new(path.clone(), limits, shared))
            }
            LogSource::Stdin => {
                return Self::reading(io::stdin(), "standard input", max_line_bytes);
            }
            LogSource::Udp(address) => {
                Box::new(DatagramSource::udp(*address, max_line_bytes, shared))
            }
            LogSource::Unix(path) => {
                Box::new(DatagramSource::unix(path.clone(), max_line_bytes, shared))
            }
            LogSource::Tcp(address) => {
                Box::new(StreamSource::new(*address, max_line_bytes, shared))
            }
            LogSource::Journal(unit) => {
                Box::new(JournalSource::new(unit.clone(), max_line_bytes, shared))
            }
        };
        Self::of(kind, notices)
    }

    /// Reads `input` to its end, in a thread of its own; its last line counts even if it is not
    /// terminated.
    pub fn reading(
        input: impl io::Read + Send + 'static,
        name: &'static str,
        max_line_bytes: usize,
    ) -> Self {
        let notices = Notices::default();
        let source = StdinSource::new(input, name, max_line_bytes, notices.clone());
        Self::of(Box::new(source), notices)
    }

    fn of(kind: Box<dyn LineSource>, notices: Notices) -> Self {
        Self {
            kind,
            notices,
            has_more: false,
            goal: None,
        }
    }

    /// Goes on where the daemon before stopped, if its checkpoint is there and proven; notes that, or
    /// why not. To be called before the first turn.
    pub fn resume(&mut self, file: Option<&CheckpointFile>) {
        let resumed = match file.map_or(Ok(None), CheckpointFile::take) {
            Ok(None) => return,
            Ok(Some(checkpoint)) => self.kind.resume(&checkpoint).map_err(Refusal::from),
            Err(error) => Err(Refusal::from(error)),
        };
        self.has_more |= resumed.is_ok();
        self.notices.put(match resumed {
            Ok(()) => SourceNews::Resumed,
            Err(reason) => SourceNews::FromEnd(reason.to_string()),
        });
    }

    /// What it noticed since this was asked last. To be asked after each turn.
    pub fn take_news(&self) -> Vec<SourceNews> {
        self.notices.take()
    }

    /// Leaves a checkpoint for the next daemon, if what it says can be proven then. A disk that
    /// hangs is not waited for. To be called after the last turn.
    pub async fn leave(&self, file: Option<&CheckpointFile>) {
        let checkpoint = self.kind.checkpoint(SystemTime::now());
        let (Some(file), Some(checkpoint)) = (file.cloned(), checkpoint) else {
            return;
        };
        let path = file.path();
        let saved = tokio::task::spawn_blocking(move || file.save(&checkpoint));
        let saved = match timeout(LEAVE_LIMIT, saved).await {
            Ok(Ok(saved)) => saved,
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::other("the disk takes too long")),
        };
        if let Err(error) = saved {
            self.notices.put(SourceNews::EndNotKept {
                file: path,
                error: error.to_string(),
            });
        }
    }

    /// What comes next was written while no daemon ran, or may have been. When it was written is
    /// not known any more.
    pub fn is_catching_up(&self, now: Timestamp) -> bool {
        self.kind.is_catching_up(now)
    }

    /// Returns when there may be something to read: now, after a hint, or after
    /// [`POLL_INTERVAL`]. May be dropped at any time. Never returns once the source has ended and
    /// all of it was handed out.
    pub async fn wait(&mut self) {
        if self.has_more {
            // Others get their turn, however much there is to read.
            tokio::task::yield_now().await;
        } else {
            self.kind.wait().await;
        }
    }

    /// Hands out the lines that are there, of a bounded number of bytes. `now` must not go
    /// backwards.
    pub fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) {
        self.has_more = self.kind.turn(now, sink);
        let standing = self.kind.standing();
        let passed = standing.counters.bytes + standing.counters.skipped_bytes;
        self.goal = Goal::next(self.goal, now, passed, standing.behind_bytes);
    }

    /// How the source stood at the last turn.
    pub fn state(&self) -> &SourceState {
        self.kind.standing().state
    }

    /// What has been read so far.
    pub fn counters(&self) -> &Counters {
        self.kind.standing().counters
    }

    /// How long the oldest unread data has been waiting here at most; zero when all is read. What
    /// waited before, in HAProxy's ring or at a syslog daemon, nobody tells us.
    pub fn lag(&self, now: Timestamp) -> Duration {
        self.goal
            .map_or(Duration::ZERO, |goal| now.since(goal.seen_at))
    }

    /// Unread bytes at the last turn, at most: of datagrams nobody knows how many there are.
    pub fn behind_bytes(&self) -> u64 {
        self.kind.standing().behind_bytes
    }

    /// What to do about lines that were lost on their way to us.
    pub fn loss_advice(&self) -> &'static str {
        self.kind.loss_advice()
    }

    /// The source in words: the path, `standard input`, or as in the configuration.
    pub fn describe(&self) -> String {
        self.kind.describe()
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
