//! The files that events are in: `NAME`, which grows, and `NAME.ID` for each that is complete, with the
//! number of its first event. Writing them lives in `journal`, showing what is in them in `history`.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::event::Event;
use super::RECENT_MAX;
use crate::words::files;

/// All files together are at most so large.
pub(super) const ALL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A file of this size is complete.
pub(super) const SEGMENT_BYTES_MAX: u64 = ALL_BYTES_MAX / 16;
/// The end of a file in which its last event is looked for: many times the longest one.
const TAIL_BYTES: u64 = 256 * 1024;
/// So every line begins.
const LINE_BEGINS: &[u8] = b"{\"id\":";

/// One of the files that events are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub path: PathBuf,
    pub bytes: u64,
    /// The number of its first event; `None`: it still grows.
    pub first_id: Option<u64>,
}

/// All of them, oldest first; the one that grows is the last, if it is there.
///
/// # Errors
/// The folder cannot be listed. One that does not exist has no files.
pub(super) fn segments(file: &Path) -> io::Result<Vec<Segment>> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = own.strip_prefix(&*name) else {
            continue;
        };
        let first_id = rest.strip_prefix('.').and_then(|id| id.parse().ok());
        if !rest.is_empty() && first_id.is_none() {
            continue;
        }
        let Ok(metadata) = entry.metadata() else {
            continue; // It was removed just now.
        };
        if metadata.is_file() {
            found.push(Segment {
                path: entry.path(),
                bytes: metadata.len(),
                first_id,
            });
        }
    }
    found.sort_by_key(|it| it.first_id.unwrap_or(u64::MAX));
    Ok(found)
}

/// The name of a file that is complete.
pub(super) fn complete(file: &Path, first_id: u64) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{first_id}"));
    PathBuf::from(name)
}

/// The complete lines of a file of events, one after another.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    reader: BufReader<&'a File>,
    line: Vec<u8>,
    end: u64,
}

impl<'a> Lines<'a> {
    /// From that byte on, at which a line begins.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn from(file: &'a File, from: u64) -> io::Result<Self> {
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(from))?;
        Ok(Self {
            reader,
            line: Vec::new(),
            end: from,
        })
    }

    /// The next one; `None`: there is no other yet. One that is half written comes when it is whole.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line)?;
        if read == 0 || self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.end += read as u64;
        Ok(Some(Line(&self.line)))
    }

    /// Where the last one ends.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }
}

/// A complete line of a file of events.
#[derive(Debug)]
pub(super) struct Line<'a>(&'a [u8]);

impl Line<'_> {
    /// Its event, if it is one with a higher number than that.
    pub(super) fn after(&self, id: u64) -> Option<Event> {
        let event = serde_json::from_slice::<Event>(self.0).ok();
        event.filter(|event| event.id > id)
    }
}

/// The end of a file of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tail {
    /// Where its last complete line ends.
    pub(super) whole_bytes: u64,
    /// Its last event.
    pub(super) last: Option<Event>,
    /// Something is in it, and none of it is an event.
    pub(super) is_foreign: bool,
}

/// Looks at the end of a file.
///
/// # Errors
/// What the system said.
pub(super) fn tail(file: &File) -> io::Result<Tail> {
    let mut file = file;
    let bytes = file.metadata()?.len();
    let from = bytes.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut end)?;
    let whole = end.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |at| at + 1);
    let lines = end.get(..whole).unwrap_or_default();
    let mut lines = lines.rsplit(|byte| *byte == b'\n');
    let last = lines.find_map(|line| serde_json::from_slice::<Event>(line).ok());
    // One line alone, which was torn, is what a power failure may leave.
    let is_foreign = last.is_none() && (whole > 0 || from > 0 || end.len() as u64 >= TAIL_BYTES);
    Ok(Tail {
        whole_bytes: from + whole as u64,
        last,
        is_foreign,
    })
}

/// It begins as the first line of every file of events, as far as it goes: what is cut off is ours.
///
/// # Errors
/// What the system said.
pub(super) fn begins_as_events(file: &File) -> io::Result<bool> {
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    file.take(LINE_BEGINS.len() as u64)
        .read_to_end(&mut start)?;
    Ok(LINE_BEGINS.starts_with(&start))
}

/// Number and time of its first event.
///
/// # Errors
/// What the system said.
pub(super) fn first(file: &File) -> io::Result<Option<(u64, SystemTime)>> {
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let mut lines = BufReader::new(file.take(TAIL_BYTES)).split(b'\n');
    let event = lines.find_map(|line| serde_json::from_slice::<Event>(&line.ok()?).ok());
    Ok(event.and_then(|event| Some((event.id, event.moment()?))))
}

/// The last events of the newest file that has any, oldest first: as many as memory takes, of both kinds.
/// And the highest number of those that were left out.
///
/// # Errors
/// A file cannot be listed or read.
pub(super) fn last_events(file: &Path) -> io::Result<(Vec<Event>, u64)> {
    for segment in segments(file)?.iter().rev() {
        let Ok(mut opened) = files::open(&segment.path) else {
            continue;
        };
        let from = segment.bytes.saturating_sub(SEGMENT_BYTES_MAX);
        opened.seek(SeekFrom::Start(from))?;
        let (mut shown, mut minor, mut gone) = (VecDeque::new(), VecDeque::new(), 0);
        // One at a time: all of them at once would stay in memory.
        for line in BufReader::new(opened.take(SEGMENT_BYTES_MAX)).split(b'\n') {
            let Ok(event) = serde_json::from_slice::<Event>(&line?) else {
                continue;
            };
            let part = if event.is_minor() {
                &mut minor
            } else {
                &mut shown
            };
            part.push_back(event);
            if part.len() > RECENT_MAX
                && let Some(oldest) = part.pop_front()
            {
                gone = oldest.id.max(gone);
            }
        }
        let mut events: Vec<Event> = shown.into_iter().chain(minor).collect();
        events.sort_by_key(|event| event.id);
        if !events.is_empty() {
            return Ok((events, gone));
        }
    }
    Ok((Vec::new(), 0))
}

/// The last event of all, from the newest file that has one.
///
/// # Errors
/// A file cannot be listed or read.
pub(super) fn last_event(file: &Path) -> io::Result<Option<Event>> {
    for segment in segments(file)?.iter().rev() {
        let opened = match files::open(&segment.path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if let Some(last) = tail(&opened)?.last {
            return Ok(Some(last));
        }
    }
    Ok(None)
}
