//! One open file: what of it was read, the proof that it is still the same content, and what
//! happens when it is not. Which files are open does not live here.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use rustix::fs::SeekFrom;
use serde::{Deserialize, Serialize};

use super::heads::{HEAD_BYTES_MAX, Head, KnownHeads, Proof};
use super::opened::FileId;
use super::reached::{MARKER_BYTES, Reached};
use super::{Limits, TIMES_SETTLE};
use crate::log::lines::{Counters, Item, LineBuffer};
use crate::words::time::Timestamp;

/// Read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What all open files of a follower share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) counters: Counters,
    pub(super) known: KnownHeads,
    buffer: Box<[u8]>,
}

impl Shared {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            counters: Counters::default(),
            known: KnownHeads::default(),
            buffer: vec![0; MARKER_BYTES + CHUNK_BYTES].into_boxed_slice(),
        }
    }
}

/// What is known about the first line.
#[derive(Debug)]
enum HeadState {
    /// All bytes read so far; the first line is not complete.
    Growing(Vec<u8>),
    Known(Head),
    /// Its place is a hole.
    None,
}

/// What `stat` says changes with the content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    fn of(meta: &Metadata) -> Self {
        Self {
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// How far a file was read, and what proves after a restart that it still is that file. Hashes are
/// those of [`KnownHeads::hash`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    pub(super) id: FileId,
    pub(super) head: Head,
    offset: u64,
    /// Of these, so many before the offset are a line that was not complete. `None`: the offset is
    /// in the middle of a line that is passed over.
    held_bytes: Option<u64>,
    marker_bytes: u64,
    marker_hash: u64,
}

#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    pub(super) id: FileId,
    reached: Reached,
    head: HeadState,
    lines: LineBuffer,
    seen: Seen,
    /// When its size or times were last seen to move, or when it was renamed.
    changed_at: Timestamp,
    /// It may be a copy of a file that was read: not read before its head proves that it is not.
    is_suspect: bool,
    /// Never looked at.
    is_fresh: bool,
}

impl OpenFile {
    /// To be read from its first byte.
    pub(super) fn at_beginning(file: File, meta: &Metadata, now: Timestamp, max: usize) -> Self {
        Self {
            file,
            id: FileId::of(meta),
            reached: Reached::default(),
            head: HeadState::Growing(Vec::new()),
            lines: LineBuffer::new(max),
            seen: Seen::of(meta),
            changed_at: now,
            is_suspect: false,
            is_fresh: true,
        }
    }

    /// To be read from its end: from the beginning of the line that is being written, so that
    /// this one is whole when it is complete.
    pub(super) fn at_end(
        file: File,
        meta: &Metadata,
        now: Timestamp,
        shared: &mut Shared,
    ) -> io::Result<Self> {
        let max = shared.limits.max_line_bytes;
        let mut this = Self::at_beginning(file, meta, now, max);
        let size = meta.len();
        let window_bytes = usize::try_from(size).unwrap_or(usize::MAX);
        let mut window = vec![0; window_bytes.min(max.saturating_add(1))];
        let start = size.saturating_sub(window.len() as u64);
        let count = this.file.read_at(&mut window, start)?;
        window.truncate(count);
        let target = match window.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => start + newline as u64 + 1,
            // Its beginning is further back than a line may be long.
            None if start > 0 => start + count as u64,
            None => 0,
        };
        if target > 0 {
            this.jump(target)?;
            this.learn_head(shared)?;
        }
        Ok(this)
    }

    /// To be read from where its reading was once given up.
    pub(super) fn at_offset(
        file: File,
        meta: &Metadata,
        now: Timestamp,
        shared: &mut Shared,
        offset: u64,
    ) -> io::Result<Self> {
        let mut this = Self::at_beginning(file, meta, now, shared.limits.max_line_bytes);
        this.jump(offset)?;
        this.learn_head(shared)?;
        Ok(this)
    }

    /// What proves after a restart how far it was read; `None` when nothing can.
    pub(super) fn mark(&self, shared: &Shared) -> Option<Mark> {
        if self.is_suspect || self.reached.offset() == 0 {
            return None;
        }
        let head = self
            .known_head(&shared.known)
            .filter(|head| head.is_telling())?;
        Some(Mark {
            id: self.id,
            head,
            offset: self.reached.offset(),
            held_bytes: self.lines.held_bytes().map(|bytes| bytes as u64),
            marker_bytes: self.reached.marker().len() as u64,
            marker_hash: shared.known.hash(self.reached.marker()),
        })
    }

    /// To be read from its mark; `None` when it is not the file or not the content of the mark.
    pub(super) fn at_mark(
        file: File,
        meta: &Metadata,
        now: Timestamp,
        shared: &mut Shared,
        mark: &Mark,
    ) -> io::Result<Option<Self>> {
        let marker_bytes = usize::try_from(mark.marker_bytes).unwrap_or(usize::MAX);
        let is_possible = meta.is_file()
            && FileId::of(meta) == mark.id
            && mark.head.is_telling()
            && (1..=MARKER_BYTES).contains(&marker_bytes)
            && (mark.marker_bytes..=meta.len()).contains(&mark.offset);
        if !is_possible || shared.known.read_head(&file)? != Some(mark.head) {
            return Ok(None);
        }
        let mut before = vec![0; marker_bytes];
        file.read_exact_at(&mut before, mark.offset - mark.marker_bytes)?;
        if shared.known.hash(&before) != mark.marker_hash {
            return Ok(None);
        }
        let mut this = Self::at_beginning(file, meta, now, shared.limits.max_line_bytes);
        this.head = HeadState::Known(mark.head);
        let held_bytes = mark.held_bytes.unwrap_or(0);
        this.jump(mark.offset.saturating_sub(held_bytes))?;
        if mark.held_bytes.is_some() {
            // It is the beginning of a line, even if NULs stand before it.
            this.lines.drop_held();
        }
        Ok(Some(this))
    }

    /// The proof that another file is a copy of what was read of this one.
    pub(super) fn proof(&self, known: &KnownHeads) -> Option<Proof> {
        let head = self.known_head(known)?;
        Some(Proof::new(head, &self.reached))
    }

    /// The head; that of a file whose first line was completed after it was opened behind it, or
    /// stands behind a hole, is read now.
    fn known_head(&self, known: &KnownHeads) -> Option<Head> {
        match &self.head {
            HeadState::Known(head) => Some(*head),
            HeadState::None => self.read_head(known),
            HeadState::Growing(_) => None,
        }
    }

    /// It is to be read only once its head proves that it was not read before.
    pub(super) fn suspected(mut self) -> Self {
        self.is_suspect = true;
        self
    }

    /// Bytes seen to be there and not read.
    pub(super) const fn behind_bytes(&self) -> u64 {
        if self.is_suspect {
            return 0;
        }
        self.seen.size.saturating_sub(self.reached.offset())
    }

    pub(super) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    pub(super) const fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// Its head as it is now.
    pub(super) fn read_head(&self, known: &KnownHeads) -> Option<Head> {
        known.read_head(&self.file).ok().flatten()
    }

    /// When it was last written to, if it was looked at and all that is there now has been read.
    pub(super) fn drained(&self) -> Option<(i64, i64)> {
        let seen = Seen::of(&self.file.metadata().ok()?);
        let is_drained = self.is_suspect || seen.size == self.reached.offset();
        (!self.is_fresh && is_drained).then_some(seen.modified)
    }

    /// When it was last written to, as far as seen: seconds and nanoseconds of the file system.
    pub(super) const fn modified(&self) -> (i64, i64) {
        self.seen.modified
    }

    /// Not one line of it has been handed out.
    pub(super) const fn is_untouched(&self) -> bool {
        matches!(self.head, HeadState::Growing(_))
    }

    /// Something has been read from it.
    pub(super) const fn has_grown(&self) -> bool {
        self.reached.offset() > 0
    }

    /// Starts to measure how long it stands still.
    pub(super) fn touch(&mut self, now: Timestamp) {
        self.changed_at = now;
    }

    pub(super) fn quiet_for(&self, now: Timestamp) -> Duration {
        now.since(self.changed_at)
    }

    /// Its file is given up: a half line will never be whole.
    pub(super) fn close(mut self, shared: &mut Shared) {
        self.drop_half_line(&mut shared.counters);
        if let Some(head) = self.known_head(&shared.known) {
            shared.known.insert(head);
            shared.known.keep_proof(Proof::new(head, &self.reached));
        }
    }

    fn drop_half_line(&mut self, counters: &mut Counters) {
        counters.dropped_partial += u64::from(self.lines.drop_held());
    }

    /// Reads what is new, at most `budget` bytes, and takes those off it. False: it is a copy of
    /// a file that was read, and must be closed.
    pub(super) fn look(
        &mut self,
        now: Timestamp,
        budget: &mut usize,
        shared: &mut Shared,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> io::Result<bool> {
        let is_fresh = std::mem::take(&mut self.is_fresh);
        let seen = Seen::of(&self.file.metadata()?);
        if seen != self.seen {
            self.note_shrinking(seen.size, &mut shared.counters);
            self.seen = seen;
            self.changed_at = now;
        } else if !is_fresh && self.behind_bytes() == 0 && self.quiet_for(now) > TIMES_SETTLE {
            return Ok(true);
        }
        if self.is_suspect {
            match shared.known.read_head(&self.file)? {
                None => return Ok(true),
                Some(head) if !head.is_telling() || shared.known.contains(head) => {
                    return Ok(false);
                }
                Some(_) => self.is_suspect = false,
            }
        }
        while *budget > 0 {
            let count = self.read_chunk(*budget, shared, sink)?;
            if count == 0 {
                break;
            }
            *budget = budget.saturating_sub(count);
            self.skip_when_behind(shared)?;
        }
        Ok(true)
    }

    /// Marker and new data in one read; returns the number of new bytes, 0 at the end.
    fn read_chunk(
        &mut self,
        budget: usize,
        shared: &mut Shared,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> io::Result<usize> {
        let is_checked = shared.limits.is_marker_checked;
        let unread = self.seen.size.saturating_sub(self.reached.offset());
        let wanted = usize::try_from(unread)
            .unwrap_or(usize::MAX)
            .min(budget)
            .min(CHUNK_BYTES);
        // The buffer leaves this struct for the call, so that both can be borrowed.
        let mut buffer = std::mem::take(&mut shared.buffer);
        let outcome = self
            .reached
            .read(&self.file, &mut buffer, wanted, is_checked);
        let result = match outcome {
            Ok(Some(data)) if self.seen.size >= self.reached.offset() => {
                self.consume(data, shared, sink);
                self.jump_over_hole(data).map(|()| data.len())
            }
            Ok(_) => self.restart(shared),
            Err(error) => Err(error),
        };
        shared.buffer = buffer;
        result
    }

    fn consume(&mut self, data: &[u8], shared: &mut Shared, sink: &mut dyn FnMut(Item<'_>)) {
        if let HeadState::Growing(prefix) = &mut self.head {
            let room = HEAD_BYTES_MAX.saturating_sub(prefix.len()).min(data.len());
            prefix.extend_from_slice(data.get(..room).unwrap_or_default());
            if let Some(head) = shared.known.head_of(prefix) {
                shared.known.insert(head);
                self.head = HeadState::Known(head);
            } else if prefix.len() == HEAD_BYTES_MAX {
                self.head = HeadState::None;
            }
        }
        self.lines.feed(data, &mut shared.counters, sink);
        shared.counters.bytes += data.len() as u64;
        self.reached.pass(data);
    }

    /// The file was cut or rewritten in place. With its old first line it is a part of what was
    /// read, and only what comes next is new; else all of it is new.
    fn restart(&mut self, shared: &mut Shared) -> io::Result<usize> {
        shared.counters.truncations += 1;
        self.drop_half_line(&mut shared.counters);
        let now_there = shared.known.read_head(&self.file)?;
        let is_same = match (&self.head, now_there) {
            (HeadState::Known(before), Some(after)) => *before == after,
            (HeadState::Known(_) | HeadState::Growing(_) | HeadState::None, _) => false,
        };
        self.seen = Seen::of(&self.file.metadata()?);
        if is_same && self.seen.size > 0 {
            self.jump(self.seen.size)?;
        } else {
            self.reached = Reached::default();
            self.head = HeadState::Growing(Vec::new());
        }
        // Whatever is there now is read by the next chunk, which must not take this for the end.
        Ok(usize::from(self.behind_bytes() > 0))
    }

    /// Goes on at `target`: with the next line, if that is not the beginning of one.
    fn jump(&mut self, target: u64) -> io::Result<()> {
        self.reached.jump(&self.file, target)?;
        if self.reached.is_line_start() {
            self.lines.drop_held();
        } else {
            self.lines.resync();
        }
        Ok(())
    }

    fn learn_head(&mut self, shared: &mut Shared) -> io::Result<()> {
        self.head = match shared.known.read_head(&self.file)? {
            Some(head) => {
                shared.known.insert(head);
                HeadState::Known(head)
            }
            None => HeadState::None,
        };
        Ok(())
    }

    /// Goes on with the newest half of the limit when more than the limit is waiting.
    fn skip_when_behind(&mut self, shared: &mut Shared) -> io::Result<()> {
        let behind = self.behind_bytes();
        let Some(limit) = shared
            .limits
            .skip_when_behind
            .filter(|limit| behind > *limit)
        else {
            return Ok(());
        };
        if matches!(self.head, HeadState::Growing(_)) {
            self.learn_head(shared)?;
        }
        let before = self.reached.offset();
        self.drop_half_line(&mut shared.counters);
        self.jump(self.seen.size - limit / 2)?;
        shared.counters.skipped_bytes += self.reached.offset().saturating_sub(before);
        Ok(())
    }

    /// Passes over the rest of a hole at once instead of reading its NULs.
    fn jump_over_hole(&mut self, data: &[u8]) -> io::Result<()> {
        let is_hole = data.len() >= CHUNK_BYTES
            && self.lines.is_at_line_start()
            && data.iter().all(|byte| *byte == 0);
        if !is_hole {
            return Ok(());
        }
        // Any error means that the file system cannot tell, or that no data follows: read on.
        match rustix::fs::seek(&self.file, SeekFrom::Data(self.reached.offset())) {
            Ok(data_at) if data_at > self.reached.offset() => {
                self.jump_nuls(data_at.min(self.seen.size))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn jump_nuls(&mut self, target: u64) -> io::Result<()> {
        self.jump(target)?;
        // The NULs before the target are no half line.
        self.lines.drop_held();
        Ok(())
    }

    fn note_shrinking(&self, size: u64, counters: &mut Counters) {
        let seen_end = self.seen.size.max(self.reached.offset());
        if size < self.reached.offset() {
            counters.lost_bytes += seen_end - self.reached.offset();
        }
    }
}
