//! Rotated files beside the log: which of them came and went under its name between two looks and
//! have to be read, which are old or copies and are not, and how many may be held. What is read from
//! an open file lives in [`super::open_file`].

use std::fs::{self, File, Metadata};

use super::heads::Head;
use super::open_file::OpenFile;
use super::opened::{self, FileId};
use super::siblings::{self, Sibling};
use super::{First, Follower, OLD_FILES_MAX, TIMES_SETTLE, parent_of};
use crate::words::time::Timestamp;

/// See [`Follower::make_room`]: writers of so many old files never wait.
const WAITS_FOR_ROOM_MAX: u32 = 16;

impl Follower {
    /// Makes room for one more old file, if that loses nothing: one goes that was read to its end,
    /// and of these the one written to first, for it is the least likely to be written to again.
    /// Where each of them has something unread this waits, but not for ever.
    pub(super) fn make_room(&mut self) -> bool {
        if self.old.len() < OLD_FILES_MAX {
            self.waits_for_room = 0;
            return true;
        }
        let is_urgent = self.waits_for_room >= WAITS_FOR_ROOM_MAX;
        let oldest = (0..self.old.len())
            .filter_map(|index| Some((index, self.old.get(index)?.drained())))
            .filter_map(|(index, drained)| match drained {
                Some(modified) => Some((index, (true, modified))),
                None if is_urgent => Some((index, (false, (0, 0)))),
                None => None,
            })
            .min_by_key(|(_, (is_drained, modified))| (!is_drained, *modified));
        let Some((index, _)) = oldest else {
            self.waits_for_room += 1;
            return false;
        };
        self.waits_for_room = 0;
        self.old.remove(index).close(&mut self.shared);
        true
    }

    /// A file without content that proves anything is worth one that was written to before it.
    fn has_room_for(&self, modified: (i64, i64)) -> bool {
        self.old.len() < OLD_FILES_MAX
            || self
                .old
                .iter()
                .any(|file| !file.is_fresh() && file.modified() < modified)
    }

    /// Opens the rotated files that came and went under the name between two looks.
    /// True: there are some.
    pub(super) fn scan(&mut self, now: Timestamp) -> bool {
        /// Beside these the file that was just renamed is held.
        const NEW_FILES_MAX: usize = OLD_FILES_MAX - 1;
        self.is_scan_due = false;
        let mut opened = 0;
        // Newest first: nothing proves that these are copies, or that they are not.
        let mut headless = Vec::new();
        for sibling in siblings::list(&self.path) {
            let Some((file, meta, head)) = self.open_sibling(&sibling) else {
                continue;
            };
            if head.is_none() {
                headless.push(sibling);
            } else if opened == NEW_FILES_MAX {
                self.is_scan_due = true;
                return true;
            } else if self.hold_suspect(file, &meta, now) {
                opened += 1;
            } else {
                self.is_scan_due = true;
                return true;
            }
        }
        for sibling in headless.into_iter().rev() {
            let is_worth_it = opened < NEW_FILES_MAX && self.has_room_for(sibling.modified);
            match self.open_sibling(&sibling) {
                Some((file, meta, _)) if is_worth_it => {
                    if self.hold_suspect(file, &meta, now) {
                        opened += 1;
                    } else {
                        self.is_scan_due = true;
                    }
                }
                // When the unread ones have been read they may make room.
                Some(_) if opened > 0 => self.is_scan_due = true,
                Some(_) => self.headless.push(sibling.id),
                None => {}
            }
        }
        opened > 0 || self.is_scan_due
    }

    fn hold_suspect(&mut self, file: File, meta: &Metadata, now: Timestamp) -> bool {
        let has_room = self.make_room();
        if has_room {
            let max = self.shared.limits.max_line_bytes;
            self.shared.counters.rotations += 1;
            self.old
                .push(OpenFile::at_beginning(file, meta, now, max).suspected());
        }
        has_room
    }

    /// Nothing stands under the name; something may have done so since the last look.
    pub(super) fn scan_without_log(&mut self, now: Timestamp) -> bool {
        self.first = First::Absent;
        self.may_directory_have_changed(now) && self.scan(now)
    }

    /// The directory has other times than at the last look, or changed so lately that they need not
    /// show it.
    fn may_directory_have_changed(&mut self, now: Timestamp) -> bool {
        let directory = self.directory();
        if directory != self.directory_seen {
            self.directory_seen = directory;
            self.directory_changed_at = now;
        }
        now.since(self.directory_changed_at) <= TIMES_SETTLE
    }

    /// A rotated file that may never have been read, with its head if that is complete.
    fn open_sibling(&self, sibling: &Sibling) -> Option<(File, Metadata, Option<Head>)> {
        let is_open = |id| self.files().any(|file| file.id == id);
        if is_open(sibling.id) || self.headless.contains(&sibling.id) {
            return None;
        }
        // The names may have been shifted since they were listed, and a link have come to stand there.
        let (file, meta) = opened::open_itself(&sibling.path).ok()?;
        let head = self.shared.known.read_head(&file).ok()?;
        let is_known =
            head.is_some_and(|head| !head.is_telling() || self.shared.known.contains(head));
        let is_wanted = meta.is_file() && !is_known && !is_open(FileId::of(&meta));
        is_wanted.then_some((file, meta, head))
    }

    /// Notes the rotated files that appeared while the log itself stayed what it is: copies, and
    /// old files unpacked by somebody. They are never read.
    pub(super) fn note_new_siblings(&mut self, now: Timestamp) {
        if !self.may_directory_have_changed(now) {
            return;
        }
        let path = self.path.clone();
        let current = self.current.as_ref().map(|file| file.id);
        // The names are listed first: if the log still is under its name after that, nothing that
        // was listed can have been the log since the last look.
        self.note_siblings(|_| {
            fs::metadata(&path).is_ok_and(|meta| Some(FileId::of(&meta)) == current)
        });
    }

    /// Notes what is beside the log, if nothing was rotated meanwhile; says whether it did.
    pub(super) fn note_siblings(&mut self, is_valid: impl Fn(&Self) -> bool) -> bool {
        let siblings = siblings::list(&self.path);
        if !is_valid(self) {
            self.directory_seen = None;
            return false;
        }
        self.headless.clear();
        for sibling in siblings {
            let is_open = self.files().any(|file| file.id == sibling.id);
            if !is_open && !self.shared.known.note(&sibling) {
                self.headless.push(sibling.id);
            }
        }
        true
    }

    pub(super) fn directory(&self) -> Option<(FileId, i64, i64)> {
        use std::os::unix::fs::MetadataExt;

        let meta = fs::metadata(parent_of(&self.path)).ok()?;
        Some((FileId::of(&meta), meta.mtime(), meta.mtime_nsec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::file::Limits;

    #[test]
    fn a_link_that_has_come_to_stand_under_a_listed_name_is_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = |name: &str| dir.path().join(name);
        let text = format!("{:x<80}\n", "a line");
        fs::write(place("haproxy.log"), "").expect("the log");
        let follower = Follower::new(place("haproxy.log"), Limits::default());
        fs::write(place("haproxy.log.1"), &text).expect("a rotated file");
        let listed = siblings::list(&place("haproxy.log")).remove(0);
        assert!(follower.open_sibling(&listed).is_some());
        // Its own turn is over: what it leads to may have been read under the log's name.
        fs::write(place("elsewhere"), &text).expect("another log");
        fs::rename(place("haproxy.log.1"), place("haproxy.log.2")).expect("a shift");
        std::os::unix::fs::symlink(place("elsewhere"), place("haproxy.log.1")).expect("a link");
        assert!(follower.open_sibling(&listed).is_none());
    }
}
