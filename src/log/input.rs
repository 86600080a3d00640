//! Recorded logs as whole lines: a path, `-` for standard input, gzip by its magic bytes.
//!
//! For `parse`, `stats` and `replay`, which read to the end. A growing file is followed elsewhere,
//! and what a line says is not decided here.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// The name of standard input on the command line.
pub const STDIN: &str = "-";
/// The first two bytes of every gzip member (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Bytes asked for in one read.
const READ_BYTES: usize = 64 * 1024;
/// What may follow the longest line: a carriage return and a newline.
const LINE_END_BYTES: usize = 2;

/// Why a log could not be read, in the operator's words.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It could not be opened, or a read failed half-way (a damaged gzip file, for one).
    #[error("cannot read {name}: {}", without_number(source))]
    Read {
        /// The path as given, or `standard input`.
        name: String,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// A directory where a file was expected.
    #[error("cannot read {path}: it is a directory; name the log files in it")]
    Directory {
        /// The path as given.
        path: String,
    },
}

/// One line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// All of it, without its newline and one carriage return before that.
    Whole(&'a [u8]),
    /// Longer than the limit; only this beginning of it was kept.
    TooLong(&'a [u8]),
}

/// Whole lines of one reader, in memory bounded by the length limit.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    max_line_bytes: usize,
}

impl<R: BufRead> Lines<R> {
    /// Lines of up to `max_line_bytes` bytes, line end not counted.
    pub fn new(reader: R, max_line_bytes: usize) -> Self {
        Self {
            reader,
            line: Vec::new(),
            max_line_bytes,
        }
    }

    /// The next line, the unterminated last one included; `None` at the end.
    ///
    /// Errors are the reader's. What was read of the line before an error is lost: half a line is
    /// never evidence.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let limit = self.max_line_bytes.saturating_add(LINE_END_BYTES);
        let limit_u64 = u64::try_from(limit).unwrap_or(u64::MAX);
        let read = (&mut self.reader)
            .take(limit_u64)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        if read == limit && !self.line.ends_with(b"\n") {
            self.reader.skip_until(b'\n')?;
        }
        let text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Ok(Some(match text.get(..self.max_line_bytes) {
            Some(start) if text.len() > start.len() => Line::TooLong(start),
            Some(_) | None => Line::Whole(text),
        }))
    }
}

/// An opened log.
pub struct Input {
    name: String,
    lines: Lines<Box<dyn BufRead>>,
}

impl Input {
    /// The next line; `None` at the end. See [`Lines::next_line`].
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, InputError> {
        let name = &self.name;
        self.lines.next_line().map_err(|source| InputError::Read {
            name: name.clone(),
            source,
        })
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Input")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Opens a log: `-` is standard input, anything else a path; either may be compressed by gzip, in
/// one member or several.
pub fn open(path: &str, max_line_bytes: usize) -> Result<Input, InputError> {
    if path == STDIN {
        return from_reader("standard input", io::stdin().lock(), max_line_bytes);
    }
    let failed = |source| InputError::Read {
        name: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(InputError::Directory {
            path: path.to_owned(),
        });
    }
    from_reader(path, file, max_line_bytes)
}

/// The same for any reader; `name` stands for it in errors.
pub fn from_reader(
    name: &str,
    mut reader: impl Read + 'static,
    max_line_bytes: usize,
) -> Result<Input, InputError> {
    let mut start = Vec::with_capacity(GZIP_MAGIC.len());
    // A pipe may give one byte at a time, so that looking into a buffer could see half the magic.
    (&mut reader)
        .take(GZIP_MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(|source| InputError::Read {
            name: name.to_owned(),
            source,
        })?;
    let is_gzip = start == GZIP_MAGIC;
    let whole = BufReader::with_capacity(READ_BYTES, Cursor::new(start).chain(reader));
    let reader: Box<dyn BufRead> = if is_gzip {
        Box::new(BufReader::with_capacity(
            READ_BYTES,
            MultiGzDecoder::new(whole),
        ))
    } else {
        Box::new(whole)
    };
    Ok(Input {
        name: name.to_owned(),
        lines: Lines::new(reader, max_line_bytes),
    })
}

/// The system's words without ` (os error 2)`, which tells an operator nothing.
fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
