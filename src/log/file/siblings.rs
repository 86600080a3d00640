//! The rotated files beside the log, by their names. Which of them were read is told by their heads,
//! and reading them does not live here.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::opened::FileId;

/// Rotated files looked at in one directory; the newest ones.
pub(super) const SIBLINGS_MAX: usize = 256;
/// Words that people put behind the name of a rotated file, instead of a number or date.
const ROTATED_WORDS: [&str; 6] = ["old", "bak", "prev", "save", "rotated", "orig"];

/// A rotated file beside the log.
#[derive(Debug)]
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) modified: (i64, i64),
}

/// The rotated files of `path`, oldest first. A directory that cannot be read has none.
pub(super) fn list(path: &Path) -> Vec<Sibling> {
    let Some(name) = path.file_name() else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(super::parent_of(path)) else {
        return Vec::new();
    };
    let mut siblings: Vec<Sibling> = entries
        .flatten()
        .filter(|entry| is_rotated_name(name, &entry.file_name()))
        .filter_map(|entry| {
            // Not through symlinks: a link is another name of something, not a rotated file.
            let meta = entry.metadata().ok().filter(Metadata::is_file)?;
            Some(Sibling {
                path: entry.path(),
                id: FileId::of(&meta),
                modified: (meta.mtime(), meta.mtime_nsec()),
            })
        })
        .collect();
    siblings.sort_by(|left, right| {
        left.modified
            .cmp(&right.modified)
            .then_with(|| age_by_name(&right.path).cmp(&age_by_name(&left.path)))
            .then_with(|| left.path.cmp(&right.path))
    });
    let surplus = siblings.len().saturating_sub(SIBLINGS_MAX);
    siblings.drain(..surplus);
    siblings
}

/// Of two that were changed in the same instant, `.2` is older than `.1`, and `.10` than `.9`; dates
/// are compared as they are.
fn age_by_name(path: &Path) -> Option<u16> {
    let suffix = path.extension()?.to_str()?;
    suffix.parse().ok()
}

/// `haproxy.log.1`, `haproxy.log-20261121`, `haproxy.log.old`; not `haproxy.log.1.gz`, a
/// copy of what was read uncompressed, and not `haproxy.log.errors`, which is another log that may be
/// rotated at the same moment.
fn is_rotated_name(log: &OsStr, name: &OsStr) -> bool {
    let Some(suffix) = name.as_bytes().strip_prefix(log.as_bytes()) else {
        return false;
    };
    let Ok(suffix) = std::str::from_utf8(suffix) else {
        return false;
    };
    let Some(rest) = suffix.strip_prefix(['.', '-', '_', '~']) else {
        return false;
    };
    let is_part = |part: &str| {
        ROTATED_WORDS.contains(&part)
            || part
                .chars()
                .all(|char| char.is_ascii_digit() || "TZ:+".contains(char))
    };
    rest.split(['.', '-', '_', '~']).all(is_part)
}
