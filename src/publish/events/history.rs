//! The events of a daemon, read from its files; no daemon is needed. Through rotations nothing is
//! missing and nothing comes twice: files are opened before they can be renamed, and numbers only grow.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::event::Event;
use super::segments::{Lines, last_event, segments, tail};
use crate::words::files;

/// Listings until two of them agree; files are renamed once in days.
const LISTINGS_MAX: usize = 5;

/// Reads a daemon's events, and goes on where it ended.
#[derive(Debug)]
pub struct Reader {
    file: PathBuf,
    /// The file that grows, and where its last line that was read ends.
    growing: Option<(File, u64)>,
    last_id: u64,
}

impl Reader {
    /// From the oldest event on.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(file: PathBuf) -> io::Result<Self> {
        files::open(&file)?;
        Ok(Self {
            file,
            growing: None,
            last_id: 0,
        })
    }

    /// When the last one was told, by the wall clock; `None`: there is none, or it cannot be read.
    pub fn newest(&self) -> Option<SystemTime> {
        last_event(&self.file).ok()??.moment()
    }

    /// Hands out every event that is new, oldest first; files that ended before `since` are left out.
    /// Events that were written while it reads come with the next call.
    ///
    /// # Errors
    /// A file cannot be read, or what `each` returned.
    pub fn read(
        &mut self,
        since: Option<SystemTime>,
        mut each: impl FnMut(Event) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some((file, from)) = &mut self.growing {
            *from = lines(file, *from, &mut self.last_id, &mut each)?;
            if is_at(file, &self.file) {
                return Ok(());
            }
            // It is complete: what came after the last look, and then the files behind it.
            lines(file, *from, &mut self.last_id, &mut each)?;
            self.growing = None;
        }
        for (file, is_growing) in open_all(&self.file)? {
            let is_old = since.is_some_and(|since| {
                let last = tail(&file).ok().and_then(|tail| tail.last?.moment());
                last.is_some_and(|last| last < since)
            });
            let from = if is_old && !is_growing {
                0
            } else {
                lines(&file, 0, &mut self.last_id, &mut each)?
            };
            if is_growing {
                self.growing = Some((file, from));
            }
        }
        Ok(())
    }
}

/// Every file, opened; whether it still grows.
fn open_all(path: &Path) -> io::Result<Vec<(File, bool)>> {
    let mut opened = Vec::new();
    let mut before = Vec::new();
    for _ in 0..LISTINGS_MAX {
        let listed = segments(path)?;
        let names: Vec<_> = listed.iter().map(|it| it.path.clone()).collect();
        if names == before {
            break; // None was renamed while they were opened.
        }
        opened.clear();
        for segment in listed {
            match files::open(&segment.path) {
                Ok(file) => opened.push((file, segment.first_id.is_none())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        before = names;
    }
    Ok(opened)
}

/// Hands out the complete lines from there on; where the last one ends.
fn lines(
    file: &File,
    from: u64,
    last_id: &mut u64,
    each: &mut impl FnMut(Event) -> io::Result<()>,
) -> io::Result<u64> {
    let mut lines = Lines::from(file, from)?;
    while let Some(line) = lines.next_line()? {
        if let Some(event) = line.after(*last_id) {
            *last_id = event.id;
            each(event)?;
        }
    }
    Ok(lines.end())
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |it: &std::fs::Metadata| (it.dev(), it.ino());
    match (std::fs::symlink_metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => id(&named) == id(&open),
        (Ok(_) | Err(_), _) => false,
    }
}
