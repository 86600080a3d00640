//! Every record as a numbered event: kept in a file, and the last ones in memory for whoever follows.
//! Numbered and written in a thread of its own, so that no disk can slow the loop that tells. Where the
//! file is and how it is kept whole lives in `journal`, reading it without a daemon in `history`.

pub mod history;
pub mod past;

mod journal;
mod numbers;
mod recent;
mod segments;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::sync::{oneshot, watch};

use self::journal::Journal;
use self::recent::Recent;
use super::event::Event;
use super::hub::{Hub, Readings, Taken};
use super::record::{News, Record, What};

/// Events in memory, for those who follow; as many that are for `events --all` alone.
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

/// To another place, or to none.
#[derive(Debug)]
struct Move {
    to: Option<Place>,
    /// Not before the event that says so, which is the last one in the old place.
    is_told: bool,
}

/// A daemon that told nothing of its end: its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UncleanEnd {
    pub last_id: u64,
    pub at: SystemTime,
}

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

    /// Those in memory with a higher number, oldest first, none missing between them. The first one's
    /// number tells whether some before it are.
    pub fn after(&self, id: u64) -> Vec<Arc<Entry>> {
        self.shared.recent().after(id)
    }

    /// All in memory with a higher number, oldest first: between the older ones those may be missing
    /// that are for `events --all` alone.
    pub fn remembered(&self, id: u64) -> Vec<Arc<Entry>> {
        self.shared.recent().remembered(id)
    }

    /// The last events of that backend, oldest first, but for those that are for `events --all` alone;
    /// however long ago they were.
    pub fn last_of(&self, backend: &str) -> Vec<Value> {
        let last = self.shared.recent().last_of(backend);
        let values = last.iter();
        let values = values.filter_map(|entry| serde_json::to_value(&entry.event).ok());
        values.collect()
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
        let moves = Move {
            to: place,
            is_told: false,
        };
        self.shared.recent().moves = Some(moves);
    }

    /// Keeps in another file what that hub is told from now on; the last event in the old one says so.
    pub fn move_to(&self, hub: &Hub, place: Option<Place>) {
        let file = place.as_ref().map(|place| place.file.clone());
        let moves = Move {
            to: place,
            is_told: true,
        };
        self.shared.recent().moves = Some(moves);
        hub.tell(Record::now(News::EventsMoved(file)));
    }

    /// Once, after the first event: how the daemon ended that wrote the file before, if it did not say so.
    pub fn take_unclean_end(&self) -> Option<UncleanEnd> {
        self.shared.recent().unclean_end.take()
    }
}

impl Entry {
    fn of(event: Event) -> Self {
        let line = event.json();
        Self { event, line }
    }

    /// The same with a number that is so much higher.
    fn raised(&self, by: u64) -> Arc<Self> {
        let mut event = self.event.clone();
        event.id = event.id.saturating_add(by);
        Arc::new(Self::of(event))
    }
}

impl Shared {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        // Nothing in here can be half-done.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_move(&self) -> Option<Move> {
        self.recent().moves.take()
    }
}

/// Gives each record its number.
struct Numbering {
    shared: Arc<Shared>,
    journal: Option<Journal>,
    next: u64,
    /// HAProxy has answered.
    is_answered: bool,
    unclean_end: Option<UncleanEnd>,
}

/// The last event of a daemon that did not say that it ends, or writes elsewhere.
fn unclean_end(last: &[Event]) -> Option<UncleanEnd> {
    let mut codes = last.iter().rev().map(|event| event.code.as_str());
    let word = codes.find(|code| ["started", "stopping", "events_moved"].contains(code));
    let event = last
        .last()
        .filter(|_| word.is_none_or(|it| it == "started"))?;
    Some(UncleanEnd {
        last_id: event.id,
        at: event.moment()?,
    })
}

impl Numbering {
    fn new(shared: Arc<Shared>, place: Option<Place>) -> Self {
        Self {
            shared,
            journal: place.map(Journal::at),
            next: 1,
            is_answered: false,
            unclean_end: None,
        }
    }

    fn run(mut self, mut readings: Readings) {
        while let Some(taken) = readings.blocking_next() {
            let is_announced = |it: &mut Move| it.is_told && matches!(taken, Taken::Record(_));
            let moves = self.shared.recent().moves.take_if(|it| !is_announced(it));
            if let Some(Move { to, .. }) = moves {
                self.move_to(to);
            }
            self.go_on();
            match taken {
                Taken::Record(record) if record.is_repeated() => {}
                Taken::Record(record) => {
                    self.add(&record);
                    if matches!(record.what, What::News(News::EventsMoved(_)))
                        && let Some(Move { to, .. }) = self.shared.take_move()
                    {
                        self.move_to(to);
                    }
                }
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

    fn move_to(&mut self, place: Option<Place>) {
        self.journal = match (self.journal.take(), place) {
            (Some(journal), Some(place)) => Some(journal.move_to(place)),
            (None, place) => place.map(Journal::at),
            (Some(journal), None) => {
                let lost = journal.give_up();
                if lost > 0 {
                    self.add_lost(lost, false);
                }
                None
            }
        };
    }

    /// Goes on behind what the file already has.
    fn go_on(&mut self) {
        let found = self.journal.as_mut().and_then(Journal::take_found);
        let Some(found) = found else { return };
        let given = self.next;
        let skipped = match self.take_raised() {
            // Those that waited had numbers already, and memory has shown them.
            Some(skipped) => skipped,
            None if given > 1 => found.next.saturating_sub(given),
            None => 0,
        };
        self.next = self.next.max(found.next);
        if given == 1 {
            self.unclean_end = unclean_end(&found.last);
        }
        // Whoever asks a new daemon for the last ones gets those of the one before it.
        let mut recent = self.shared.recent();
        if recent.is_empty() {
            recent.begin(found.last.into_iter().map(Entry::of), found.gone);
        }
        drop(recent);
        let lost = found.lost.max(skipped);
        if lost > 0 {
            self.add_lost(lost, found.is_at_most || skipped > 0);
        }
    }

    /// Has in memory the numbers of the file; how many numbers a follower misses.
    fn take_raised(&mut self) -> Option<u64> {
        let (from, by) = self.journal.as_mut()?.take_raised()?;
        self.shared.recent().raise(from, by);
        let skipped = from.saturating_add(by).saturating_sub(self.next);
        self.next = self.next.saturating_add(by);
        Some(skipped)
    }

    fn add_lost(&mut self, events: u64, is_at_most: bool) {
        self.add(&Record::now(News::EventsLost { events, is_at_most }));
    }

    /// On disk first: what a follower has seen is not given again.
    fn add(&mut self, record: &Record) {
        let mut entry = Arc::new(Entry::of(Event::of(self.next, record)));
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
        let before = self.next;
        let skipped = self.take_raised();
        if skipped.is_some() {
            entry = entry.raised(self.next - before);
        }
        self.next = self.next.saturating_add(1);
        let mut recent = self.shared.recent();
        recent.push(entry);
        if problem.is_none() && self.unclean_end.is_some() {
            // Nobody else writes the file now.
            recent.unclean_end = self.unclean_end.take();
        }
        recent.problem = problem;
        drop(recent);
        self.shared.newest.send_replace(self.next - 1);
        if missed > 0 {
            self.add_lost(missed, false); // The numbers were given; only the file has a gap.
        }
        if let Some(skipped) = skipped.filter(|skipped| *skipped > 0) {
            self.add_lost(skipped, true); // They are another daemon's, or were never given.
        }
    }
}
