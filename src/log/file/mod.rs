//! Follows one growing file through rotation, truncation and replacement, and hands out whole
//! lines. Neither a clock nor a thread lives here: whoever calls [`Follower::turn`] says what time
//! it is, and how often it is called is how soon things are noticed.
//!
//! What is promised: no line twice, no half line, no two lines joined; every line under rotation by
//! renaming, also those written late to the renamed file and those of a file that came and went
//! between two turns. When a file is cut in place, only what was not yet read is lost.
//!
//! Over a restart the same holds between an orderly stop and the next start within a minute, if
//! everything proves that the log is what it was (see [`checkpoint`]); else it is read from its end.
//!
//! What nobody can see: a writer that completes, after its file was cut, a line whose first half was
//! cut away (the rest looks like a line; HAProxy and rsyslog write whole lines, a syslog daemon that
//! flushes full buffers does not); and what is written and cut away between two turns.
//!
//! What we give up on purpose, never to read a line twice: a file that came and went between two
//! turns and begins with a short line (under 64 bytes), with a hole, or with the first line of
//! another; lines written late to a renamed file after four younger ones, or, over a restart, to one
//! of which nothing had been read. An editor's changed copy of the log under its name is a new file.
//!
//! Order: within a file as written. Files that came and went between two turns are read in the order
//! of their last change, and by their numbers (`.2` before `.1`) where that is the same; so one that
//! was written to late may come after a younger one.

pub mod checkpoint;
mod heads;
mod open_file;
mod opened;
mod reached;
mod rotated;
mod siblings;
mod trouble;

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::open_file::{OpenFile, Shared};
use self::opened::FileId;
use self::trouble::{Kind, Trouble};
pub use crate::log::lines::{Counters, Item, SourceState};
use crate::words::time::Timestamp;

/// Bytes read in one turn at most.
pub const TURN_BYTES_MAX: usize = 256 * 1024;
/// Renamed files held open at most, beside the one under the log's name.
pub const OLD_FILES_MAX: usize = 4;
/// So often a start is tried that a rotation comes in between.
const STARTS_MAX: u32 = 16;
/// How long a renamed file must stand still before it is closed.
pub const ROTATE_GRACE: Duration = Duration::from_secs(30);
/// Whatever changed less than this ago is looked at again even if its times stand still: two
/// changes within one tick of the file system's clock have the same time.
const TIMES_SETTLE: Duration = Duration::from_secs(1);
/// `log.max_line_bytes` where nothing else is said.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// How a file is followed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A longer line is passed over in constant memory and reported as [`Item::TooLong`].
    pub max_line_bytes: usize,
    /// A renamed file is closed when it stood still for this long and the file now under the
    /// name has grown.
    pub rotate_grace: Duration,
    /// With more unread bytes in a file than this, go on with its newest half as many, at the
    /// beginning of a line. `None`: read everything, however old.
    pub skip_when_behind: Option<u64>,
    /// Where to begin in a file that is there when following starts.
    pub start: Start,
    /// Prove before each read that the file still is what it was. Only tests turn this off, to
    /// show that they notice.
    #[doc(hidden)]
    pub is_marker_checked: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_line_bytes: MAX_LINE_BYTES,
            rotate_grace: ROTATE_GRACE,
            skip_when_behind: None,
            start: Start::End,
            is_marker_checked: true,
        }
    }
}

/// Where to begin in a file that is there when following starts. One that appears later is always
/// read from its first line. [`Follower::resumed`] is the third way to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next line that is completed.
    End,
    /// With the first line.
    Beginning,
}

/// What one turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// There is more to read right now.
    pub more: bool,
    /// How the source stands after it.
    pub state: SourceState,
}

/// What stood under the name when following started and was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// Nothing, or nothing that could be a log.
    Absent,
    There(FileId),
    /// The directory does not let us see it.
    Unseen,
}

/// Follows the file under one name. See the module's text for what it promises.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    shared: Shared,
    current: Option<OpenFile>,
    /// Renamed or deleted files, oldest first.
    old: Vec<OpenFile>,
    first: First,
    /// Rotated files without a complete first line, which were there while the log still was.
    headless: Vec<FileId>,
    directory_seen: Option<(FileId, i64, i64)>,
    directory_changed_at: Timestamp,
    /// There were more new rotated files than could be held.
    is_scan_due: bool,
    /// Turns in a row in which no old file could be closed without losing something.
    waits_for_room: u32,
    trouble: Option<Trouble>,
    state: SourceState,
}

impl Follower {
    /// Starts to follow `path`: what is in it and beside it now is old. Nothing has to be there.
    pub fn new(path: PathBuf, limits: Limits) -> Self {
        let (mut this, mut is_steady) = Self::started(path, limits);
        for _ in 1..STARTS_MAX {
            if is_steady {
                break;
            }
            (this, is_steady) = Self::started(this.path, this.shared.limits);
        }
        this
    }

    /// False: something was rotated between the looks at the log and at what is beside it, and the
    /// log of the whole day might be taken for a file that came and went.
    fn started(path: PathBuf, limits: Limits) -> (Self, bool) {
        let mut this = Self::blank(path, limits);
        this.directory_seen = this.directory();
        let first = this.what_is_there();
        this.first = first;
        let is_noted = this.note_siblings(|this| this.what_is_there() == first);
        this.look_at_path(Timestamp::default());
        let is_steady = match first {
            First::There(id) => is_noted && this.is_current(id),
            First::Absent | First::Unseen => is_noted,
        };
        (this, is_steady)
    }

    fn what_is_there(&self) -> First {
        match fs::metadata(&self.path) {
            Ok(meta) if meta.is_file() => First::There(FileId::of(&meta)),
            Ok(_) => First::Absent,
            Err(error) if error.kind() == io::ErrorKind::NotFound => First::Absent,
            Err(_) => First::Unseen,
        }
    }

    /// Nothing was looked at.
    fn blank(path: PathBuf, limits: Limits) -> Self {
        Self {
            path,
            shared: Shared::new(limits),
            current: None,
            old: Vec::with_capacity(OLD_FILES_MAX),
            first: First::Unseen,
            headless: Vec::new(),
            directory_seen: None,
            directory_changed_at: Timestamp::default(),
            is_scan_due: false,
            waits_for_room: 0,
            trouble: None,
            state: SourceState::Reading,
        }
    }

    /// The name that is followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is followed.
    pub const fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// What has been read so far.
    pub const fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// How the file stood at the last turn.
    pub const fn state(&self) -> &SourceState {
        &self.state
    }

    /// Bytes that the last turn saw and left unread, in all open files.
    pub fn behind_bytes(&self) -> u64 {
        self.files().map(OpenFile::behind_bytes).sum()
    }

    pub fn open_files(&self) -> usize {
        self.files().count()
    }

    /// Reads what is new, at most [`TURN_BYTES_MAX`] bytes, and looks what became of the file.
    /// `now` must not go backwards.
    pub fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> Turn {
        let mut budget = TURN_BYTES_MAX;
        let read = self.read(now, &mut budget, sink);
        let more = budget == 0 || self.look_at_path(now);
        if let Err(error) = read {
            self.set_trouble(Some(Trouble::Other(error.raw_os_error())));
        }
        self.let_go(now);
        Turn {
            more,
            state: self.state.clone(),
        }
    }

    fn files(&self) -> impl Iterator<Item = &OpenFile> {
        self.old.iter().chain(&self.current)
    }

    /// Old files first, so that lines come in the order in which they were written.
    fn read(
        &mut self,
        now: Timestamp,
        budget: &mut usize,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> io::Result<()> {
        self.know_the_untouched();
        let mut index = 0;
        while let Some(file) = self.old.get_mut(index) {
            // An old file that cannot be read any more must not stop the new one.
            if file
                .look(now, budget, &mut self.shared, sink)
                .unwrap_or(false)
            {
                index += 1;
            } else {
                self.old.remove(index).close(&mut self.shared);
            }
        }
        match &mut self.current {
            Some(file) if !self.is_scan_due => {
                file.look(now, budget, &mut self.shared, sink).map(|_| ())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What is about to be read from the log itself must not be read from a copy of it first: a
    /// `copytruncate` may be under way.
    fn know_the_untouched(&mut self) {
        let untouched = self.current.as_ref().filter(|file| file.is_untouched());
        if let Some(file) = untouched.filter(|_| self.old.iter().any(OpenFile::is_suspect))
            && let Some(head) = file.read_head(&self.shared.known)
        {
            self.shared.known.insert(head);
        }
    }

    /// Looks which file stands under the name. True: there is more to read because of it. Called
    /// only when everything known was read.
    fn look_at_path(&mut self, now: Timestamp) -> bool {
        if self.is_scan_due {
            self.scan(now);
            return true;
        }
        let found = fs::metadata(&self.path).map_err(|error| Trouble::of(&self.path, &error));
        let opened = found.and_then(|meta| {
            if !meta.is_file() {
                return Err(Trouble::NotAFile(Kind::of(meta.file_type())));
            }
            if self.is_current(FileId::of(&meta)) {
                return Ok(None);
            }
            let (file, meta) =
                opened::open(&self.path).map_err(|error| Trouble::of(&self.path, &error))?;
            if meta.is_file() {
                Ok(Some((file, meta)))
            } else {
                Err(Trouble::NotAFile(Kind::of(meta.file_type())))
            }
        });
        match opened {
            Ok(None) => {
                self.set_trouble(None);
                self.note_new_siblings(now);
                false
            }
            Ok(Some((file, meta))) => match self.replace(file, &meta, now) {
                Ok(()) => {
                    self.set_trouble(None);
                    true
                }
                Err(error) => {
                    self.set_trouble(Some(Trouble::of(&self.path, &error)));
                    false
                }
            },
            Err(trouble) => {
                let is_missing = matches!(trouble, Trouble::Missing | Trouble::MissingDirectory);
                if is_missing && self.trouble != Some(trouble) {
                    self.directory_changed_at = now;
                }
                self.set_trouble(Some(trouble));
                is_missing && self.scan_without_log(now)
            }
        }
    }

    fn is_current(&self, id: FileId) -> bool {
        self.current.as_ref().is_some_and(|file| file.id == id)
    }

    /// Another file stands under the name.
    fn replace(&mut self, file: File, meta: &Metadata, now: Timestamp) -> io::Result<()> {
        let id = FileId::of(meta);
        if self.current.is_some() && !self.make_room() {
            return Ok(());
        }
        let returned = self.old.iter().position(|old| old.id == id);
        let next = match returned {
            Some(index) => self.old.remove(index),
            None => self.open_next(file, meta, now)?,
        };
        self.first = First::Absent;
        let Some(mut before) = self.current.replace(next) else {
            self.scan(now);
            return Ok(());
        };
        self.shared.counters.rotations += 1;
        before.touch(now);
        self.old.push(before);
        self.scan(now);
        // A directory that is read while names are shifted may hide one of them: once more.
        self.is_scan_due = true;
        Ok(())
    }

    /// The file now under the name: from its first byte, unless it was there before us or is one
    /// that was read before and comes back.
    fn open_next(&mut self, file: File, meta: &Metadata, now: Timestamp) -> io::Result<OpenFile> {
        let is_first = match self.first {
            First::Absent => false,
            First::There(id) => id == FileId::of(meta),
            First::Unseen => true,
        };
        let is_wanted = is_first && self.shared.limits.start == Start::Beginning;
        if is_first && !is_wanted {
            if let First::Unseen = self.first {
                self.note_siblings(|_| true);
            }
            return OpenFile::at_end(file, meta, now, &mut self.shared);
        }
        if let Some(offset) = self
            .shared
            .known
            .proven_offset(&file)?
            .filter(|_| !is_first)
        {
            return OpenFile::at_offset(file, meta, now, &mut self.shared, offset);
        }
        if let Some(offset) = self.copied_offset(&file)? {
            return OpenFile::at_offset(file, meta, now, &mut self.shared, offset);
        }
        let max = self.shared.limits.max_line_bytes;
        Ok(OpenFile::at_beginning(file, meta, now, max))
    }

    /// How far a file that is held was read, if the new one is a copy of it: an editor writes one
    /// and renames it.
    fn copied_offset(&self, file: &File) -> io::Result<Option<u64>> {
        let known = &self.shared.known;
        let Some(head) = known.read_head(file)?.filter(|head| head.is_telling()) else {
            return Ok(None);
        };
        let proofs = self.files().filter_map(|held| held.proof(known));
        let offsets = proofs
            .filter(|proof| proof.holds_for(file, head))
            .map(|proof| proof.offset());
        Ok(offsets.max())
    }

    /// Closes old files that stood still for long enough while the file under the name has grown.
    ///
    /// Another old file is no proof that the writer of this one went on: which of two came later
    /// is not known when both came and went between two looks.
    fn let_go(&mut self, now: Timestamp) {
        let under_the_name = self.current.as_ref().filter(|_| self.trouble.is_none());
        if !under_the_name.is_some_and(OpenFile::has_grown) {
            return;
        }
        let grace = self.shared.limits.rotate_grace;
        for index in (0..self.old.len()).rev() {
            let is_over = self
                .old
                .get(index)
                .is_some_and(|file| file.behind_bytes() == 0 && file.quiet_for(now) >= grace);
            if is_over {
                self.old.remove(index).close(&mut self.shared);
            }
        }
    }

    fn set_trouble(&mut self, trouble: Option<Trouble>) {
        if trouble == self.trouble {
            return;
        }
        self.trouble = trouble;
        self.state = trouble.map_or(SourceState::Reading, |trouble| trouble.state(&self.path));
    }
}

/// The directory of a file's name; `.` for a bare name.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}
