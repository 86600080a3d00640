//! Where reading ended and how that is proven after a restart, so that the next daemon goes on there;
//! and the small file in between. How a file is read does not live here.
//!
//! Never a line twice: the checkpoint is written when the daemon stops in an orderly way, and
//! removed before the next one reads its first line. So it is never older than what was read. After
//! a crash there is none, and following starts at the end of the log.
//!
//! To the new follower the time in between is one long pause between two turns: what was rotated
//! meanwhile is found as ever. Only that the log is the one it was has to be proven from its
//! content, because no file was held open: device, inode, first line and the bytes before the offset
//! must all be what they were.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::heads::{Head, KnownHeads};
use super::open_file::{Mark, OpenFile, Shared};
use super::opened::{self, FileId};
use super::siblings;
use super::{First, Follower, Limits, OLD_FILES_MAX};
use crate::words::files;
use crate::words::time::{Timestamp, ms_since_1970};

/// An older checkpoint is not believed, by the wall clock: what was logged before is no news.
pub const GAP_MAX: Duration = Duration::from_secs(60);
/// The checkpoint's name in `[state] dir` as it was when there was one for all daemons. It is taken once
/// more, and never written.
const OLD_FILE_NAME: &str = "log-checkpoint";
/// Of this layout of the file, and of the hashes in it. Those of version 1 were made by std's hasher,
/// which another compiler may change.
const VERSION: u32 = 2;
/// A larger file is not one of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// First lines of rotated files that are remembered; those of a year of daily rotation.
const HEADS_MAX: usize = 512;
/// So often its files are looked for when a rotation comes in between.
const LOOKS_MAX: u32 = 4;
/// A file system may write down times this much earlier than the clock says.
const TIMES_SLACK: Duration = Duration::from_secs(1);

/// Where a follower was in its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// When it was made: milliseconds since 1970 by the wall clock.
    saved_at_ms: u64,
    /// Makes the hashes comparable.
    salt: u64,
    /// The file that had the log's name; `None` when nothing had been handed out of it.
    log: Option<Mark>,
    /// Renamed files that were still held, oldest first.
    old: Vec<Mark>,
    /// First lines of files that must not be read from their beginning.
    known: Vec<Head>,
}

/// Why following does not go on where it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// Made too long ago, or in the future; `None` in the future.
    #[error("{}", gap_text(*.0))]
    Gap(Option<Duration>),
    /// The log that was read is neither under its name nor beside it, or is not what it was.
    #[error("the log that the daemon before read is gone or was cut or rewritten")]
    Changed,
}

fn gap_text(gap: Option<Duration>) -> String {
    gap.map_or_else(
        || "the clock was set back since the daemon before ended".to_owned(),
        |gap| {
            let (gap, max) = (gap.as_secs(), GAP_MAX.as_secs());
            format!("the daemon before ended {gap} s ago, more than {max} s")
        },
    )
}

/// Why a checkpoint that is there is not used.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read, is none, or cannot be removed.
    #[error("the checkpoint in [state] dir cannot be used: {0}")]
    File(#[from] io::Error),
    /// It is not about what is there now.
    #[error(transparent)]
    Unproven(#[from] Unproven),
}

impl Follower {
    /// Where this follower is, at `wall`. `None` when nothing could prove it later: nothing was
    /// read, or the log's first line is too short (under 64 bytes) to tell it from others.
    pub fn checkpoint(&self, wall: SystemTime) -> Option<Checkpoint> {
        let shared = &self.shared;
        let log = match &self.current {
            Some(file) if !file.is_untouched() => Some(file.mark(shared)?),
            Some(_) | None => None,
        };
        let old = self.old.iter().filter_map(|file| file.mark(shared));
        let old: Vec<Mark> = old.collect();
        let mut known = shared.known.newest(HEADS_MAX);
        // Known so that no copy is read before them; they themselves are yet to be read.
        let untouched = self
            .files()
            .filter(|file| file.is_untouched() && !file.is_suspect());
        for head in untouched.filter_map(|file| file.read_head(&shared.known)) {
            known.retain(|known| *known != head);
        }
        known.extend(old.iter().chain(&log).map(|mark| mark.head));
        if log.is_none() && old.is_empty() {
            return None;
        }
        Some(Checkpoint {
            saved_at_ms: ms_since_1970(wall),
            salt: shared.known.salt(),
            log,
            old,
            known,
        })
    }

    /// Goes on at a checkpoint, if everything proves that `path` leads to the log that it is about,
    /// or did so before it was rotated.
    ///
    /// # Errors
    /// [`Unproven`]: start with [`Follower::new`], at the end.
    pub fn resumed(
        path: PathBuf,
        limits: Limits,
        checkpoint: &Checkpoint,
        wall: SystemTime,
    ) -> Result<Self, Unproven> {
        let gap = ms_since_1970(wall).checked_sub(checkpoint.saved_at_ms);
        let gap = gap.map(Duration::from_millis);
        if gap.is_none_or(|gap| gap > GAP_MAX) {
            return Err(Unproven::Gap(gap));
        }
        let mut this = Self::blank(path, limits);
        this.shared.known = KnownHeads::restored(checkpoint.salt, &checkpoint.known);
        this.first = First::Absent;
        let mut there = this.open_marked(checkpoint);
        for mark in checkpoint.old.iter().take(OLD_FILES_MAX) {
            this.old.extend(resume(&mut there, mark, &mut this.shared));
        }
        let last_read = checkpoint.log.as_ref().or(checkpoint.old.last());
        let log = checkpoint.log.as_ref();
        this.current = log.and_then(|mark| resume(&mut there, mark, &mut this.shared));
        let is_proven = this.files().last().map(|file| file.id) == last_read.map(|mark| mark.id);
        let successor = this.successor()?;
        if !is_proven {
            return Err(Unproven::Changed);
        }
        if checkpoint.log.is_none() {
            // The one of which nothing was read may have been rotated since, and others with it.
            this.is_scan_due = true;
            this.current = successor;
        }
        this.note_older_siblings(checkpoint.saved_at_ms);
        Ok(this)
    }

    /// Opens the files of the checkpoint, whatever their names are now.
    fn open_marked(&self, checkpoint: &Checkpoint) -> Vec<(File, Metadata)> {
        let marks = || checkpoint.old.iter().chain(&checkpoint.log);
        let mut opened: Vec<(File, Metadata)> = Vec::new();
        for _ in 0..LOOKS_MAX {
            let log = fs::metadata(&self.path).ok().filter(Metadata::is_file);
            let log = log.map(|meta| (self.path.clone(), FileId::of(&meta)));
            let siblings = siblings::list(&self.path).into_iter();
            let named = siblings.map(|sibling| (sibling.path, sibling.id));
            let marked = |id| marks().any(|mark| mark.id == id);
            for (path, _) in log.into_iter().chain(named).filter(|(_, id)| marked(*id)) {
                // The names may have been shifted since they were listed.
                opened.extend(opened::open(&path).ok().filter(|(_, meta)| {
                    let id = FileId::of(meta);
                    let is_open = opened.iter().any(|(_, meta)| FileId::of(meta) == id);
                    marked(id) && !is_open
                }));
            }
            if opened.len() == marks().count() {
                break;
            }
        }
        opened
    }

    /// Another file than those that were read, under the log's name: nothing of it was ever read,
    /// or nothing is proven.
    fn successor(&self) -> Result<Option<OpenFile>, Unproven> {
        let opened = opened::open(&self.path).ok();
        let Some((file, meta)) = opened.filter(|(_, meta)| meta.is_file()) else {
            return Ok(None);
        };
        if self.files().any(|held| held.id == FileId::of(&meta)) {
            return Ok(None);
        }
        let known = &self.shared.known;
        let head = known.read_head(&file).map_err(|_| Unproven::Changed)?;
        if head.is_some_and(|head| !head.is_telling() || known.contains(head)) {
            return Err(Unproven::Changed);
        }
        let max = self.shared.limits.max_line_bytes;
        let now = Timestamp::default();
        Ok(Some(OpenFile::at_beginning(file, &meta, now, max)))
    }

    /// What was last written to before the checkpoint did not come and go after it, even if its
    /// first line is unknown: somebody unpacked it.
    fn note_older_siblings(&mut self, saved_at_ms: u64) {
        let saved_at = Duration::from_millis(saved_at_ms).saturating_sub(TIMES_SLACK);
        let saved_at = (
            i64::try_from(saved_at.as_secs()).unwrap_or(i64::MAX),
            i64::from(saved_at.subsec_nanos()),
        );
        for sibling in siblings::list(&self.path) {
            let is_open = self.files().any(|file| file.id == sibling.id);
            let is_older = sibling.modified < saved_at;
            if is_older && !is_open && !self.shared.known.note(&sibling) {
                self.headless.push(sibling.id);
            }
        }
    }
}

/// The marked file, if all proofs hold.
fn resume(there: &mut Vec<(File, Metadata)>, mark: &Mark, shared: &mut Shared) -> Option<OpenFile> {
    let index = there
        .iter()
        .position(|(_, meta)| FileId::of(meta) == mark.id)?;
    let (file, meta) = there.remove(index);
    OpenFile::at_mark(file, &meta, Timestamp::default(), shared, mark)
        .ok()
        .flatten()
}

/// The place of a daemon's checkpoint on disk.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    dir: PathBuf,
    name: String,
    owner: Owner,
}

/// Whose checkpoint it is: another daemon's in the same directory is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The log that it reads.
    pub log: String,
    /// The HAProxy that it acts on.
    pub haproxy: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    owner: Owner,
    checkpoint: Checkpoint,
}

impl CheckpointFile {
    /// Of that name in the directory `dir`.
    pub fn new(dir: &Path, name: &str, owner: Owner) -> Self {
        Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            owner,
        }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    /// Puts a checkpoint there, whole or not at all. There must be no turn of its follower after it
    /// was made.
    ///
    /// # Errors
    /// What the system said.
    pub fn save(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let content = serde_json::to_vec(&Content {
            version: VERSION,
            owner: self.owner.clone(),
            checkpoint: checkpoint.clone(),
        })?;
        files::write(&self.dir, &self.name, &content)
    }

    /// Takes the checkpoint away, so that it is used once; `None` when there is none of this
    /// daemon. One that an older version left under the old name is taken likewise.
    ///
    /// # Errors
    /// It cannot be read or is none, or it cannot be removed and must not be used.
    pub fn take(&self) -> io::Result<Option<Checkpoint>> {
        // Both go, whichever is newer: none may be found again.
        let old = self.take_from(&self.dir.join(OLD_FILE_NAME));
        let own = self.take_from(&self.path())?;
        Ok(own
            .into_iter()
            .chain(old?)
            .max_by_key(|checkpoint| checkpoint.saved_at_ms))
    }

    fn take_from(&self, path: &Path) -> io::Result<Option<Checkpoint>> {
        let (file, meta) = match opened::open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let content = if meta.is_file() {
            fs::metadata(&self.dir)
                .and_then(|dir| files::trusted(&dir))
                .and_then(|()| read_content(file))
        } else {
            Err(io::Error::other("not a regular file"))
        };
        if let Ok(content) = &content
            && content.owner != self.owner
        {
            return Ok(None);
        }
        fs::remove_file(path)?;
        // After a power failure it must not be there again.
        files::sync(&self.dir)?;
        content.map(|content| Some(content.checkpoint))
    }
}

fn read_content(file: File) -> io::Result<Content> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is too large"));
    }
    let content: Content = serde_json::from_slice(&bytes)?;
    if content.version == VERSION {
        Ok(content)
    } else {
        Err(io::Error::other(format!(
            "its version is {}, this daemon reads {VERSION}",
            content.version
        )))
    }
}
