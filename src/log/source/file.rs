//! A followed file on the runtime: when to look at it again. What is read from it lives in
//! [`crate::log::file`].

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::news::{Notices, SourceNews};
use super::{LineSource, Standing, Wait};
use crate::log::file::checkpoint::{Checkpoint, Unproven};
use crate::log::file::{self, Follower, Limits};
use crate::log::lines::Item;
use crate::words::time::Timestamp;

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
/// So many turns with lines, each within [`BUSY_GAP`] of the last one, and the file is busy: the
/// watch rests and the file is looked at every [`BUSY_SPACING`] instead. A thousand hints a second
/// cost more than all the lines behind them.
const BUSY_HINTS_MAX: u32 = 64;
/// See [`BUSY_HINTS_MAX`].
const BUSY_GAP: Duration = Duration::from_millis(4);
/// See [`BUSY_HINTS_MAX`]. A busy file's lines are read this much later at most.
const BUSY_SPACING: Duration = Duration::from_millis(20);
/// A busy file without lines for so long, two looks, is busy no more and the watch wakes. One look
/// between two bursts says nothing.
const BUSY_OVER: Duration = Duration::from_millis(30);
/// So long at most what an earlier daemon left unread is taken for that; then the lag speaks.
const CATCH_UP_MAX: Duration = Duration::from_secs(5);

/// A followed file with what wakes its reader.
#[derive(Debug)]
pub(super) struct FileSource {
    follower: Follower,
    watch: Option<Watch>,
    next_watch: Instant,
    is_watch_warned: bool,
    next_poll: Instant,
    is_hinted: bool,
    /// Hints in a row that led to nothing.
    idle_hints: u32,
    /// A hint before this instant waits for it.
    hints_from: Instant,
    /// Turns with lines in quick succession, see [`BUSY_HINTS_MAX`].
    busy_turns: u32,
    /// The last turn with lines.
    last_lines: Instant,
    /// Until then, unless all is read before, lines may be of the time without a daemon.
    catch_up: Option<Timestamp>,
    notices: Notices,
}

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

impl LineSource for FileSource {
    fn wait(&mut self) -> Wait<'_> {
        Box::pin(async move {
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
        })
    }

    fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> bool {
        let started = Instant::now();
        self.watch_if_due(started);
        let before = self.follower.counters().bytes;
        let turn = self.follower.turn(now, sink);
        let had_lines = self.follower.counters().bytes != before;
        if had_lines || turn.more {
            self.idle_hints = 0;
        } else if self.is_hinted {
            self.idle_hints = self.idle_hints.saturating_add(1);
        }
        if self.idle_hints > IDLE_HINTS_MAX {
            self.hints_from = started + IDLE_HINT_SPACING;
        }
        self.is_hinted = false;
        if !turn.more {
            self.catch_up = None;
        }
        self.next_poll = started + POLL_INTERVAL;
        self.rest_while_busy(started, had_lines);
        turn.more
    }

    fn standing(&self) -> Standing<'_> {
        Standing {
            counters: self.follower.counters(),
            state: self.follower.state(),
            behind_bytes: self.follower.behind_bytes(),
        }
    }

    fn describe(&self) -> String {
        self.follower.path().display().to_string()
    }

    fn is_catching_up(&self, now: Timestamp) -> bool {
        self.catch_up.is_some_and(|until| now < until)
    }

    fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Unproven> {
        let (path, limits) = (self.follower.path(), self.follower.limits());
        let (path, limits, wall) = (path.to_owned(), limits.clone(), SystemTime::now());
        self.follower = Follower::resumed(path, limits, checkpoint, wall)?;
        self.catch_up = Some(Timestamp::default().after(CATCH_UP_MAX));
        Ok(())
    }

    fn checkpoint(&self, wall: SystemTime) -> Option<Checkpoint> {
        self.follower.checkpoint(wall)
    }
}

impl FileSource {
    /// Starts to follow `path`.
    pub(super) fn new(path: PathBuf, limits: Limits, notices: Notices) -> Self {
        let now = Instant::now();
        let mut this = Self {
            follower: Follower::new(path, limits),
            watch: None,
            next_watch: now,
            is_watch_warned: false,
            next_poll: now,
            is_hinted: false,
            idle_hints: 0,
            hints_from: now,
            busy_turns: 0,
            last_lines: now,
            catch_up: None,
            notices,
        };
        this.watch_if_due(now);
        this
    }

    /// Lets the watch rest while the file is busy, and wakes it afterwards.
    fn rest_while_busy(&mut self, now: Instant, had_lines: bool) {
        let without_lines = now.saturating_duration_since(self.last_lines);
        if had_lines {
            self.last_lines = now;
        }
        let Some(watch) = &mut self.watch else { return };
        let parent = file::parent_of(self.follower.path());
        if watch.is_resting {
            if had_lines || without_lines < BUSY_OVER {
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
        // A turn without lines is no sign of quiet: one turn reads the lines of many hints, and
        // what they leave behind is one more hint.
        if had_lines {
            let is_quick = without_lines <= BUSY_GAP;
            self.busy_turns = if is_quick {
                self.busy_turns.saturating_add(1)
            } else {
                0
            };
        }
        if self.busy_turns >= BUSY_HINTS_MAX && watch.watcher.unwatch(parent).is_ok() {
            watch.is_resting = true;
            while watch.hints.try_recv().is_ok() {} // It is of lines that are read soon anyway.
            self.next_poll = now + BUSY_SPACING;
        }
    }

    /// Makes the watch, or makes it anew when its directory is another one.
    fn watch_if_due(&mut self, now: Instant) {
        if now < self.next_watch {
            return;
        }
        self.next_watch = now + WATCH_RETRY;
        let parent = file::parent_of(self.follower.path());
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
                    self.notices.put(SourceNews::Unwatched {
                        directory: parent.to_owned(),
                        error: error.to_string(),
                    });
                }
            }
        }
    }
}
