//! Where the daemon's lines come from, on its runtime: when to look at a file again, and standard
//! input. What is read from a file lives in [`super::file`]; what a line says does not live here.
//!
//! The half-read line lives in the source and never in a future, so [`Source::wait`] may be
//! dropped at any time.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub use super::file::{FileState, Turn};
use super::file::{Follower, Limits, TURN_BYTES_MAX};
use super::lines::LineBuffer;
pub use super::lines::{Counters, Item};
use crate::config::LogSource;
use crate::scaler::event::Timestamp;

/// How often a file is looked at whatever the watcher says. This alone makes following correct;
/// the watcher only makes it sooner.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How often it is tried again to watch a directory that could not be watched, or was replaced.
const WATCH_RETRY: Duration = Duration::from_secs(10);
/// After this many hints in a row that led to nothing (another file in the same directory is
/// busy) the next one waits for [`IDLE_HINT_SPACING`].
const IDLE_HINTS_MAX: u32 = 8;
/// See [`IDLE_HINTS_MAX`]: at most 50 needless looks a second.
const IDLE_HINT_SPACING: Duration = Duration::from_millis(20);
/// So many hints in a row, each with lines and within [`BUSY_GAP`] of the last one, and the file
/// is busy: the watch rests and the file is looked at every [`BUSY_SPACING`] instead. A thousand
/// hints a second cost more than all the lines behind them.
const BUSY_HINTS_MAX: u32 = 64;
/// See [`BUSY_HINTS_MAX`].
const BUSY_GAP: Duration = Duration::from_millis(4);
/// See [`BUSY_HINTS_MAX`]. A busy file's lines are read this much later at most.
const BUSY_SPACING: Duration = Duration::from_millis(20);
/// Read from standard input at once.
const STDIN_CHUNK_BYTES: usize = 64 * 1024;
/// Chunks of standard input that are read ahead; then whoever writes has to wait.
const STDIN_CHUNKS: usize = 4;

/// One source of lines.
#[derive(Debug)]
pub enum Source {
    /// A growing file.
    File(Box<FileSource>),
    /// Standard input, or whatever can be read to its end.
    Stdin(StdinSource),
}

impl Source {
    /// Opens what `[log] source` names. Never fails: what is missing or forbidden is waited for
    /// and shown in the state. `skip_when_behind` is in bytes (see [`Limits`]) and does not apply
    /// to standard input, which makes its writer wait instead.
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
        }
    }

    /// Returns when there may be something to read: now, after a hint, or after
    /// [`POLL_INTERVAL`]. May be dropped at any time. Never returns once the source has ended and
    /// all of it was handed out.
    pub async fn wait(&mut self) {
        match self {
            Self::File(file) => file.wait().await,
            Self::Stdin(stdin) => stdin.wait().await,
        }
    }

    /// Hands out the lines that are there, of a bounded number of bytes. `now` must not go
    /// backwards.
    pub fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> Turn {
        match self {
            Self::File(file) => file.turn(now, sink),
            Self::Stdin(stdin) => stdin.turn(now, sink),
        }
    }

    /// How the source stood at the last turn.
    pub fn state(&self) -> &FileState {
        match self {
            Self::File(file) => file.follower.state(),
            Self::Stdin(stdin) => &stdin.state,
        }
    }

    /// What has been read so far.
    pub const fn counters(&self) -> &Counters {
        match self {
            Self::File(file) => file.follower.counters(),
            Self::Stdin(stdin) => &stdin.counters,
        }
    }

    /// How long the oldest unread data has been waiting at most; zero when all is read.
    pub fn lag(&self, now: Timestamp) -> Duration {
        let goal = match self {
            Self::File(file) => file.goal,
            Self::Stdin(stdin) => stdin.goal,
        };
        goal.map_or(Duration::ZERO, |goal| now.since(goal.seen_at))
    }

    /// Unread bytes at the last turn.
    pub fn behind_bytes(&self) -> u64 {
        match self {
            Self::File(file) => file.follower.behind_bytes(),
            Self::Stdin(stdin) => stdin.behind_bytes(),
        }
    }

    /// The source in words: the path, or `standard input`.
    pub fn describe(&self) -> String {
        match self {
            Self::File(file) => file.follower.path().display().to_string(),
            Self::Stdin(stdin) => stdin.name.to_owned(),
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

/// A followed file with what wakes its reader.
#[derive(Debug)]
pub struct FileSource {
    follower: Follower,
    watch: Option<Watch>,
    next_watch: Instant,
    is_watch_warned: bool,
    next_poll: Instant,
    has_more: bool,
    is_hinted: bool,
    /// Hints in a row that led to nothing.
    idle_hints: u32,
    /// A hint before this instant waits for it.
    hints_from: Instant,
    /// Turns with lines in quick succession, see [`BUSY_HINTS_MAX`].
    busy_turns: u32,
    last_turn: Instant,
    goal: Option<Goal>,
}

/// A watched directory.
#[derive(Debug)]
struct Watch {
    hints: mpsc::Receiver<()>,
    /// Its device and inode, to notice that another directory took its place.
    directory: (u64, u64),
    /// Watching ends when this is dropped.
    watcher: RecommendedWatcher,
    /// It rests because the file is busy.
    is_resting: bool,
}

impl FileSource {
    /// Starts to follow `path`.
    pub fn new(path: PathBuf, limits: Limits) -> Self {
        let now = Instant::now();
        let mut this = Self {
            follower: Follower::new(path, limits),
            watch: None,
            next_watch: now,
            is_watch_warned: false,
            next_poll: now,
            has_more: false,
            is_hinted: false,
            idle_hints: 0,
            hints_from: now,
            busy_turns: 0,
            last_turn: now,
            goal: None,
        };
        this.watch_if_due(now);
        this
    }

    async fn wait(&mut self) {
        if self.has_more {
            // Others get their turn, however much there is to read.
            tokio::task::yield_now().await;
            return;
        }
        let next_poll = self.next_poll;
        if !self.is_hinted
            && let Some(watch) = &mut self.watch
        {
            tokio::select! {
                () = sleep_until(next_poll) => {}
                hint = watch.hints.recv() => match hint {
                    Some(()) => self.is_hinted = true,
                    None => self.watch = None,
                },
            }
        }
        let until = if self.is_hinted {
            self.hints_from.min(next_poll)
        } else {
            next_poll
        };
        sleep_until(until).await;
    }

    fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> Turn {
        let started = Instant::now();
        self.watch_if_due(started);
        let before = self.follower.counters().bytes;
        let turn = self.follower.turn(now, sink);
        let counters = self.follower.counters();
        let had_lines = counters.bytes != before;
        if had_lines || turn.more {
            self.idle_hints = 0;
        } else if self.is_hinted {
            self.idle_hints = self.idle_hints.saturating_add(1);
        }
        if self.idle_hints > IDLE_HINTS_MAX {
            self.hints_from = started + IDLE_HINT_SPACING;
        }
        self.is_hinted = false;
        self.has_more = turn.more;
        self.next_poll = started + POLL_INTERVAL;
        self.goal = Goal::next(
            self.goal,
            now,
            counters.bytes.saturating_add(counters.skipped_bytes),
            self.follower.behind_bytes(),
        );
        self.rest_while_busy(started, had_lines);
        turn
    }

    /// Lets the watch rest while the file is busy, and wakes it with the first turn that found
    /// nothing.
    fn rest_while_busy(&mut self, now: Instant, had_lines: bool) {
        let is_quick = now.saturating_duration_since(self.last_turn) <= BUSY_GAP;
        self.last_turn = now;
        let Some(watch) = &mut self.watch else { return };
        let parent = super::file::parent_of(self.follower.path());
        if watch.is_resting {
            if had_lines {
                self.next_poll = now + BUSY_SPACING;
            } else if watch
                .watcher
                .watch(parent, RecursiveMode::NonRecursive)
                .is_ok()
            {
                watch.is_resting = false;
                self.busy_turns = 0;
                // What was written before the watch was awake gave no hint.
                self.is_hinted = true;
            } else {
                self.watch = None; // Made anew soon; until then the poll does it.
            }
            return;
        }
        self.busy_turns = if is_quick && had_lines {
            self.busy_turns.saturating_add(1)
        } else {
            0
        };
        if self.busy_turns >= BUSY_HINTS_MAX && watch.watcher.unwatch(parent).is_ok() {
            watch.is_resting = true;
            self.next_poll = now + BUSY_SPACING;
        }
    }

    /// Makes the watch, or makes it anew when its directory is another one.
    fn watch_if_due(&mut self, now: Instant) {
        if now < self.next_watch {
            return;
        }
        self.next_watch = now + WATCH_RETRY;
        let parent = super::file::parent_of(self.follower.path());
        let there = fs::metadata(parent)
            .map(|meta| (meta.dev(), meta.ino()))
            .ok();
        if self
            .watch
            .as_ref()
            .is_some_and(|watch| Some(watch.directory) == there)
        {
            return;
        }
        let (hint, hints) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own opening of files raises these. Of everything else, errors and overflows
            // included, only that something happened is of interest.
            if !matches!(&event, Ok(event) if matches!(event.kind, EventKind::Access(_))) {
                let _ = hint.try_send(());
            }
        })
        .and_then(|mut watcher| {
            watcher.watch(parent, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match (watcher, there) {
            (Ok(watcher), Some(directory)) => {
                self.is_hinted = true;
                self.watch = Some(Watch {
                    hints,
                    directory,
                    watcher,
                    is_resting: false,
                });
            }
            (Ok(_), None) => self.watch = None,
            (Err(error), _) => {
                self.watch = None;
                if !self.is_watch_warned {
                    self.is_watch_warned = true;
                    tracing::warn!(
                        directory = %parent.display(),
                        %error,
                        "cannot watch the log's directory, looking at the log every 250 ms instead"
                    );
                }
            }
        }
    }
}

/// A reader that blocks, read by a thread of its own.
#[derive(Debug)]
pub struct StdinSource {
    name: &'static str,
    chunks: mpsc::Receiver<Vec<u8>>,
    /// Received and not handed out.
    pending: Option<Vec<u8>>,
    lines: LineBuffer,
    counters: Counters,
    state: FileState,
    goal: Option<Goal>,
}

impl StdinSource {
    /// Reads `input` to its end; its last line counts even if it is not terminated.
    pub fn new(
        mut input: impl Read + Send + 'static,
        name: &'static str,
        max_line_bytes: usize,
    ) -> Self {
        let (sender, chunks) = mpsc::channel(STDIN_CHUNKS);
        let started = std::thread::Builder::new()
            .name("log-reader".to_owned())
            .spawn(move || read_chunks(&mut input, name, &sender));
        // Without its thread the source is at its end, and says so.
        if let Err(error) = started {
            tracing::error!(source = name, %error, "cannot start a thread to read the log");
        }
        Self {
            name,
            chunks,
            pending: None,
            lines: LineBuffer::new(max_line_bytes),
            counters: Counters::default(),
            state: FileState::Reading,
            goal: None,
        }
    }

    async fn wait(&mut self) {
        if self.state == FileState::Ended {
            std::future::pending::<()>().await;
        }
        if self.pending.is_some() {
            tokio::task::yield_now().await;
            return;
        }
        self.pending = self.chunks.recv().await;
    }

    fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> Turn {
        let mut budget = TURN_BYTES_MAX;
        while let Some(chunk) = self.pending.take() {
            self.lines.feed(&chunk, &mut self.counters, sink);
            self.counters.bytes += chunk.len() as u64;
            budget = budget.saturating_sub(chunk.len());
            self.pending = self.chunks.try_recv().ok();
            if budget == 0 {
                break;
            }
        }
        if self.pending.is_none() && self.state != FileState::Ended {
            match self.chunks.try_recv() {
                Ok(chunk) => self.pending = Some(chunk),
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.lines.end(&mut self.counters, sink);
                    self.state = FileState::Ended;
                }
            }
        }
        self.goal = Goal::next(self.goal, now, self.counters.bytes, self.behind_bytes());
        Turn {
            more: self.pending.is_some(),
            state: self.state.clone(),
        }
    }

    fn behind_bytes(&self) -> u64 {
        self.pending.as_ref().map_or(0, |chunk| chunk.len() as u64)
    }
}

/// Ends when the input does, when it fails, or when nobody wants it any more.
fn read_chunks(input: &mut impl Read, name: &'static str, sender: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; STDIN_CHUNK_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let chunk = buffer.get(..count).unwrap_or_default().to_vec();
                if sender.blocking_send(chunk).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!(source = name, %error, "cannot read the log any further");
                return;
            }
        }
    }
}
