//! The events after a number, read from a daemon's files a piece at a time: files that ended before it
//! are not opened, and nothing is held between two pieces but the place in one file. Reading all of
//! them, and going on where they end, lives in `history`.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::super::event::Event;
use super::segments::{Lines, Segment, segments};
use crate::words::files;

/// A look at the files ends after so many bytes, whatever is in them.
const LOOK_BYTES_MAX: u64 = 1024 * 1024;

/// Listings until a file is where it was listed; files are renamed once in days.
const LISTINGS_MAX: usize = 5;

/// Reads on from one event.
#[derive(Debug)]
pub struct Past {
    file: PathBuf,
    /// The number of the last one that was handed out.
    last: u64,
    at: Option<At>,
}

/// A place in one of the files.
#[derive(Debug)]
struct At {
    file: File,
    bytes: u64,
    /// The number of the file's first event; `None`: it still grows.
    first_id: Option<u64>,
}

impl Past {
    /// From the event after that number on. Reads nothing yet.
    pub const fn after(file: PathBuf, last: u64) -> Self {
        Self {
            file,
            last,
            at: None,
        }
    }

    /// The number of the last event that was handed out, or the one to begin after.
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Hands out what comes next, oldest first, until `each` has enough and says `false`, or for a
    /// megabyte of files; whether there may be more.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&mut self, mut each: impl FnMut(&Event) -> bool) -> io::Result<bool> {
        let mut looked = 0;
        if self.at.is_none() {
            self.at = self.begin()?;
        }
        while let Some(at) = &mut self.at {
            let mut lines = Lines::from(&at.file, at.bytes)?;
            // One that is half written comes from memory when it is whole.
            while let Some(line) = lines.next_line()? {
                let has_enough = line.after(self.last).is_some_and(|event| {
                    self.last = event.id;
                    !each(&event)
                });
                looked += lines.end() - at.bytes;
                at.bytes = lines.end();
                if has_enough || looked >= LOOK_BYTES_MAX {
                    return Ok(true);
                }
            }
            let Some(first_id) = at.first_id else {
                return Ok(false);
            };
            self.at = self.open(|it| it.first_id.is_none_or(|id| id > first_id))?;
        }
        Ok(false)
    }

    /// The file that has the next event, or the first one behind it.
    fn begin(&self) -> io::Result<Option<At>> {
        let next = self.last.saturating_add(1);
        let has_it = |it: &Segment| it.first_id.is_some_and(|id| id <= next);
        let from = segments(&self.file)?
            .iter()
            .rev()
            .find(|it| has_it(it))
            .and_then(|it| it.first_id);
        self.open(|it| from.is_none_or(|from| it.first_id.is_none_or(|id| id >= from)))
    }

    /// The oldest file that is meant, if there is one.
    fn open(&self, is_meant: impl Fn(&Segment) -> bool) -> io::Result<Option<At>> {
        let oldest = || Ok::<_, io::Error>(segments(&self.file)?.into_iter().find(&is_meant));
        let mut found = oldest()?;
        for _ in 0..LISTINGS_MAX {
            let Some(segment) = &found else { break };
            let opened = files::open(&segment.path);
            // It may have been renamed or removed in between: then another one has its place.
            let listed = oldest()?;
            let is_same = listed.as_ref().map(|it| &it.path) == Some(&segment.path);
            match opened {
                Ok(file) if is_same => {
                    return Ok(Some(At {
                        file,
                        bytes: 0,
                        first_id: segment.first_id,
                    }));
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(_) | Err(_) => {}
            }
            found = listed;
        }
        Ok(None)
    }
}
