//! The file of events while a daemon writes it: whole lines, complete files renamed, the oldest removed.
//! A disk that is full or broken loses nothing that memory holds: it is written when the disk takes it.
//!
//! It knows no clock: how old a file is follows from the times in its events.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::event::Event;
use super::numbers::{self, Numbers};
use super::segments::{
    self, ALL_BYTES_MAX, SEGMENT_BYTES_MAX, Segment, complete, last_event, last_events, tail,
};
use super::{Entry, Place, RECENT_MAX};
use crate::words::files;

/// A file that holds this part of the time that events are kept is complete, however small it is.
const SEGMENTS_PER_KEEP: u32 = 10;

/// What was found at the start.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// The last events, oldest first.
    pub(super) last: Vec<Event>,
    /// The highest number of those that were left out between them.
    pub(super) gone: u64,
    /// The number to go on with.
    pub(super) next: u64,
    /// Numbers before it whose events are nowhere.
    pub(super) lost: u64,
    /// `lost` is the most that it can be.
    pub(super) is_at_most: bool,
}

/// One file of events, with those before it.
#[derive(Debug)]
pub(super) struct Journal {
    place: Place,
    is_found: bool,
    /// HAProxy has answered: a mistyped socket is to leave no file behind.
    may_begin: bool,
    open: Option<Open>,
    /// Events that wait for the disk.
    unwritten: VecDeque<Arc<Entry>>,
    /// Events that were given up since the last one that was written.
    missed: u64,
    /// The number of ours that the disk was told last as one that is not written; 0: none.
    told_unwritten: u64,
    /// The file was open once: the numbers that are reserved are ours.
    was_open: bool,
    /// From the first of these numbers on, ours are so much higher than they were.
    raised: Option<(u64, u64)>,
    problem: Option<String>,
}

/// The file that grows.
#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// Number and time of its first event.
    first: Option<(u64, SystemTime)>,
    numbers: Numbers,
}

impl Journal {
    /// Nothing is touched yet.
    pub(super) fn at(place: Place) -> Self {
        Self {
            place,
            is_found: false,
            may_begin: false,
            open: None,
            unwritten: VecDeque::new(),
            missed: 0,
            told_unwritten: 0,
            was_open: false,
            raised: None,
            problem: None,
        }
    }

    /// Goes on in another place; what waits is written there.
    pub(super) fn move_to(self, place: Place) -> Self {
        if place.file == self.place.file {
            return Self { place, ..self };
        }
        Self {
            may_begin: self.may_begin,
            unwritten: self.unwritten,
            missed: self.missed,
            ..Self::at(place)
        }
    }

    /// Ends; how many events were never written.
    pub(super) fn give_up(self) -> u64 {
        self.missed.saturating_add(self.unwritten.len() as u64)
    }

    /// Numbers of ours that the file had already: from the first one on, all are higher by the second.
    pub(super) const fn take_raised(&mut self) -> Option<(u64, u64)> {
        self.raised.take()
    }

    /// What daemons before this one wrote; once, as soon as it can be read.
    pub(super) fn take_found(&mut self) -> Option<Found> {
        if self.is_found {
            return None;
        }
        match self.look() {
            Ok(found) => {
                self.is_found = true;
                self.renumber(found.next - 1);
                Some(found)
            }
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    fn look(&self) -> io::Result<Found> {
        let (known, last) = self.known()?;
        let (last_events, gone) = last_events(&self.place.file)?;
        Ok(Found {
            last: last_events,
            gone,
            next: known.saturating_add(1),
            lost: known.saturating_sub(last.unwrap_or(0)),
            is_at_most: last.is_none(),
        })
    }

    /// The highest number that others may have given, and that of the last event in the file.
    fn known(&self) -> io::Result<(u64, Option<u64>)> {
        let last = last_event(&self.place.file)?.map(|last| last.id);
        let given = numbers::given(&self.place.file)?;
        let is_ours = given.unwritten == self.told_unwritten;
        let unwritten = if is_ours { 0 } else { given.unwritten };
        let known = match last {
            Some(last) => last.max(unwritten),
            None if self.was_open => unwritten,
            None => given.reserved.max(unwritten),
        };
        Ok((known, last))
    }

    /// Numbers those that wait anew if others have given their numbers meanwhile.
    fn renumber(&mut self, known: u64) {
        let first = self.unwritten.front().map(|entry| entry.event.id);
        let Some(first) = first.filter(|first| *first <= known) else {
            return;
        };
        let by = known.saturating_add(1) - first;
        for entry in &mut self.unwritten {
            *entry = entry.raised(by);
        }
        self.raised = Some((first, by));
    }

    /// HAProxy has answered.
    pub(super) const fn begin(&mut self) {
        self.may_begin = true;
    }

    /// Why the file is not as it should be.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Writes that event, and those that wait; returns how many were given up, if it had to give up
    /// any now: all since the last one that was written.
    pub(super) fn write(&mut self, entry: &Arc<Entry>, now: SystemTime) -> u64 {
        self.unwritten.push_back(Arc::clone(entry));
        match self.flush(now) {
            Ok(()) => {
                if self.unwritten.is_empty() {
                    self.missed = 0;
                }
                self.problem = None;
            }
            Err(error) => {
                let last = self.unwritten.back().map_or(0, |entry| entry.event.id);
                if let Some(open) = &mut self.open
                    && open.numbers.unwritten(last).is_ok()
                {
                    // A disk that does not even take that is read-only or gone.
                    self.told_unwritten = last;
                }
                self.fail(&error);
            }
        }
        if self.unwritten.len() <= RECENT_MAX {
            return 0;
        }
        self.missed += self.unwritten.len() as u64;
        self.unwritten.clear();
        self.missed
    }

    /// Has on disk what was written.
    pub(super) fn sync(&self) {
        if let Some(open) = &self.open {
            let _ = open.file.sync_data(); // What fails here fails when it is written, too.
        }
    }

    fn fail(&mut self, error: &io::Error) {
        let file = self.place.file.display();
        self.problem = Some(format!(
            "cannot keep events in {file}: {error}; the last {RECENT_MAX} are kept in memory, and \
             are written when that is over"
        ));
    }

    fn flush(&mut self, now: SystemTime) -> io::Result<()> {
        if !self.is_found {
            return Err(io::Error::other("what is in it cannot be read"));
        }
        if self
            .open
            .as_ref()
            .is_some_and(|it| !it.is_at(&self.place.file))
        {
            self.open = None; // Somebody has renamed or removed it.
        }
        if self.open.is_none() && (self.may_begin || self.place.file.exists()) {
            let open = Open::at(&self.place)?;
            // Nobody else writes it from here on: its last number is the last one.
            let (known, _) = self.known()?;
            self.renumber(known);
            self.open = Some(open);
            self.was_open = true;
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        while let Some(entry) = self.unwritten.front() {
            if open.is_complete(entry, now, self.place.keep) {
                open.rotate(&self.place, now)?;
            }
            open.append(entry, now)?;
            self.unwritten.pop_front();
        }
        open.numbers.unwritten(0)?;
        self.told_unwritten = 0;
        Ok(())
    }
}

impl Open {
    /// Goes on behind the last whole line: a half one is what a kill or a full disk leaves.
    fn at(place: &Place) -> io::Result<Self> {
        let folder = place.file.parent().unwrap_or(Path::new("/"));
        match fs::metadata(folder) {
            Ok(found) => files::trusted(&found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && place.is_own_folder => {
                DirBuilder::new().mode(0o700).create(folder)?;
            }
            Err(error) => return Err(error),
        }
        let numbers = Numbers::lock(&place.file)?;
        let file = grown(&place.file)?;
        let tail = tail(&file)?;
        if tail.is_foreign {
            return Err(foreign());
        }
        if file.metadata()?.len() > tail.whole_bytes {
            if !segments::begins_as_events(&file)? {
                return Err(foreign());
            }
            file.set_len(tail.whole_bytes)?;
        }
        Ok(Self {
            first: segments::first(&file)?,
            file,
            bytes: tail.whole_bytes,
            numbers,
        })
    }

    /// It has that name still.
    fn is_at(&self, path: &Path) -> bool {
        let id = |found: io::Result<fs::Metadata>| found.map(|it| (it.dev(), it.ino())).ok();
        let named = id(fs::symlink_metadata(path));
        named.is_some() && named == id(self.file.metadata())
    }

    /// The next event belongs into another file.
    fn is_complete(&self, next: &Entry, now: SystemTime, keep: Duration) -> bool {
        let is_full = self.bytes + next.line.len() as u64 > SEGMENT_BYTES_MAX;
        let is_old = self.first.is_some_and(|(_, at)| {
            let age = now.duration_since(at).unwrap_or_default();
            age > keep / SEGMENTS_PER_KEEP
        });
        self.bytes > 0 && (is_full || is_old)
    }

    fn append(&mut self, entry: &Entry, now: SystemTime) -> io::Result<()> {
        self.numbers.reserve(entry.event.id)?;
        let line = format!("{}\n", entry.line);
        if let Err(error) = self.file.write_all_at(line.as_bytes(), self.bytes) {
            let _ = self.file.set_len(self.bytes); // Else the next one is written over it.
            return Err(error);
        }
        self.bytes += line.len() as u64;
        self.first.get_or_insert((entry.event.id, now));
        Ok(())
    }

    /// Begins another file, and removes what is too much or too old.
    fn rotate(&mut self, place: &Place, now: SystemTime) -> io::Result<()> {
        let first_id = self.first.map_or(0, |(id, _)| id);
        self.file.sync_data()?;
        fs::rename(&place.file, complete(&place.file, first_id))?;
        self.file = grown(&place.file)?;
        (self.bytes, self.first) = (0, None);
        let folder = place.file.parent().unwrap_or(Path::new("/"));
        files::sync(folder)?;
        remove_oldest(place, now)
    }
}

fn foreign() -> io::Error {
    io::Error::other("what is in it are no events; it stays as it is, name another file")
}

/// The file that grows, made if it is missing.
fn grown(path: &Path) -> io::Result<File> {
    let file = files::open_or_make(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Removes files until the rest is not too much, and of those that are too old one: a clock that is
/// wrong for a while must not cost all of the history.
fn remove_oldest(place: &Place, now: SystemTime) -> io::Result<()> {
    let all = segments::segments(&place.file)?;
    let mut bytes: u64 = all.iter().map(|it| it.bytes).sum();
    let mut complete = all.iter().filter(|it| it.first_id.is_some());
    let mut oldest = complete.next();
    while let Some(segment) = oldest.filter(|_| bytes > ALL_BYTES_MAX - SEGMENT_BYTES_MAX) {
        fs::remove_file(&segment.path)?;
        bytes = bytes.saturating_sub(segment.bytes);
        oldest = complete.next();
    }
    match oldest.filter(|segment| is_too_old(segment, now, place.keep)) {
        Some(segment) => fs::remove_file(&segment.path),
        None => Ok(()),
    }
}

fn is_too_old(segment: &Segment, now: SystemTime, keep: Duration) -> bool {
    let last = files::open(&segment.path).and_then(|file| tail(&file));
    let at = last.ok().and_then(|tail| tail.last?.moment());
    at.is_some_and(|at| now.duration_since(at).unwrap_or_default() > keep)
}
