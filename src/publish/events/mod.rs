//! Every record as a numbered event: kept in a file, and the last ones in memory for whoever follows.
//! Numbered and written in a thread of its own, so that no disk can slow the loop that tells. Where the
//! file is and how it is kept whole lives in `journal`, reading it without a daemon in `history`.

pub mod history;
mod journal;
mod numbers;
pub mod past;
mod segments;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{oneshot, watch};

use self::journal::Journal;
use super::event::Event;
use super::hub::{Hub, Readings, Taken};
use super::record::{MINOR, News, Record, What};

/// Events in memory, for those who follow.
pub const RECENT_MAX: usize = 1000;
/// Events that `explain` shows of a backend.
const EXPLAINED_MAX: usize = 10;
/// A daemon that ends waits so long for its last events to be written.
const END_LIMIT: Duration = Duration::from_millis(500);

/// Where events are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    /// Older ones go.
    pub keep: Duration,
    /// Its folder is ours: made if it is missing.
    pub is_own_folder: bool,
}

/// An event, and the line that it is.
#[derive(Clone, Debug)]
pub struct Entry {
    pub event: Event,
    /// JSON, without its end of line.
    pub line: String,
}

/// What the daemon's events are, for whoever follows them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    recent: Mutex<Recent>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Recent {
    entries: VecDeque<Arc<Entry>>,
    /// Why they are not kept on disk.
    problem: Option<String>,
    /// Another place, from the next event on.
    moves: Option<Move>,
}

/// To another place, or to none.
#[derive(Debug)]
struct Move(Option<Place>);

/// The thread that writes, at its end.
#[derive(Debug)]
pub struct Ending(oneshot::Receiver<()>);

impl Ending {
    /// Waits until all that was told is written, or for half a second. Every hub must be gone.
    pub async fn wait(self) {
        let _ = tokio::time::timeout(END_LIMIT, self.0).await;
    }
}

impl Events {
    /// Begins to number what that hub is told, and keeps it at `place`, if anywhere.
    pub fn start(hub: &Hub, place: Option<Place>) -> (Self, Ending) {
        let shared = Arc::new(Shared {
            recent: Mutex::default(),
            newest: watch::Sender::new(0),
        });
        let (readings, ours) = (hub.read(), Arc::clone(&shared));
        let (ends, ended) = oneshot::channel::<()>();
        let started = thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || {
                Numbering::new(ours, place).run(readings);
                drop(ends);
            });
        let events = Self { shared };
        if let Err(error) = started {
            let text = format!("cannot keep events: no thread: {error}");
            events.shared.recent().problem = Some(text);
        }
        (events, Ending(ended))
    }

    /// Those in memory with a higher number, oldest first. The first one's number tells whether some
    /// are missing.
    pub fn after(&self, id: u64) -> Vec<Arc<Entry>> {
        let recent = self.shared.recent();
        let first = recent.entries.partition_point(|it| it.event.id <= id);
        recent.entries.iter().skip(first).cloned().collect()
    }

    /// The last events of that backend, oldest first, but for those that are for `events --all` alone.
    pub fn last_of(&self, backend: &str) -> Vec<Value> {
        let all = self.after(0);
        let is_shown = |entry: &&Arc<Entry>| {
            let event = &entry.event;
            event.backend.as_deref() == Some(backend) && !MINOR.contains(&event.code.as_str())
        };
        let newest = all.iter().rev().filter(is_shown).take(EXPLAINED_MAX);
        let mut last: Vec<Value> = newest
            .filter_map(|entry| serde_json::to_value(&entry.event).ok())
            .collect();
        last.reverse();
        last
    }

    /// The number of the newest, whenever there is a new one: a follower that has read all up to a
    /// number waits for the next. One that is slow holds up nobody, and misses what is in memory no
    /// more.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.shared.newest.subscribe()
    }

    /// Why they are not kept on disk as they should be.
    pub fn problem(&self) -> Option<String> {
        self.shared.recent().problem.clone()
    }

    /// Keeps them there from the next one on.
    pub fn keep_at(&self, place: Option<Place>) {
        self.shared.recent().moves = Some(Move(place));
    }
}

impl Entry {
    fn of(event: Event) -> Self {
        let line = event.json();
        Self { event, line }
    }
}

impl Recent {
    fn push(&mut self, entry: Arc<Entry>) {
        if self.entries.len() >= RECENT_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

impl Shared {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        // Nothing in here can be half-done.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives each record its number.
struct Numbering {
    shared: Arc<Shared>,
    journal: Option<Journal>,
    next: u64,
    /// HAProxy has answered.
    is_answered: bool,
}

impl Numbering {
    fn new(shared: Arc<Shared>, place: Option<Place>) -> Self {
        Self {
            shared,
            journal: place.map(Journal::at),
            next: 1,
            is_answered: false,
        }
    }

    fn run(mut self, mut readings: Readings) {
        while let Some(taken) = readings.blocking_next() {
            let moves = self.shared.recent().moves.take();
            if let Some(Move(place)) = moves {
                self.journal = place.map(Journal::at);
            }
            self.go_on();
            match taken {
                Taken::Record(record) if record.is_repeated() => {}
                Taken::Record(record) => self.add(&record),
                Taken::Lost(events) => {
                    self.next = self.next.saturating_add(events);
                    self.add_lost(events, false);
                }
            }
            if !readings.has_more()
                && let Some(journal) = &mut self.journal
            {
                journal.sync();
            }
        }
    }

    /// Goes on behind what the file already has.
    fn go_on(&mut self) {
        let found = self.journal.as_mut().and_then(Journal::take_found);
        let Some(found) = found else { return };
        if found.next > self.next {
            self.next = found.next;
        }
        // Whoever asks a new daemon for the last ones gets those of the one before it.
        let first = self.shared.recent().entries.is_empty();
        for event in found.last.into_iter().filter(|_| first) {
            self.shared.recent().push(Arc::new(Entry::of(event)));
        }
        if found.lost > 0 {
            self.add_lost(found.lost, found.is_at_most);
        }
    }

    fn add_lost(&mut self, events: u64, is_at_most: bool) {
        self.add(&Record::now(News::EventsLost { events, is_at_most }));
    }

    /// On disk first: what a follower has seen is not given again.
    fn add(&mut self, record: &Record) {
        let entry = Arc::new(Entry::of(Event::of(self.next, record)));
        self.next = self.next.saturating_add(1);
        let mut missed = 0;
        let mut problem = None;
        self.is_answered |= matches!(record.what, What::News(News::Connected { .. }));
        if let Some(journal) = &mut self.journal {
            if self.is_answered {
                journal.begin();
            }
            missed = journal.write(&entry, record.at);
            problem = journal.problem().map(str::to_owned);
        }
        let mut recent = self.shared.recent();
        recent.push(entry);
        recent.problem = problem;
        drop(recent);
        self.shared.newest.send_replace(self.next - 1);
        if missed > 0 {
            self.add_lost(missed, false); // The numbers were given; only the file has a gap.
        }
    }
}
