//! Recorded logs as blocks of whole lines: paths, `-` for standard input, compression by its magic
//! bytes.
//!
//! For `parse`, `stats` and `replay`, which read to the end. A growing file is followed elsewhere,
//! and what a line says is not decided here.

mod block;
mod magic;
mod names;
mod order;
mod period;
mod progress;
mod reader;
mod threads;
mod zstd;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::reader::{Count, Reader};
use crate::words::os_words::plain;

pub use self::block::{BLOCK_BYTES, Block, Line, Lines};
pub use self::names::Names;
pub use self::order::Spans;
pub use self::period::{Period, Reading, Sieve};
pub use self::progress::Progress;
pub use self::threads::{in_order, in_order_on, on_threads};

/// The name of standard input on the command line.
pub const STDIN: &str = "-";
/// What standard input is called in errors.
const STDIN_WORDS: &str = "standard input";
/// Pipes that are read twice are kept in memory; more than this is refused.
const KEPT_BYTES_MAX: u64 = 1 << 30;

/// Why a log could not be read, in the operator's words.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It could not be opened, or a read failed half-way (a damaged gzip file, for one).
    #[error("cannot read {name}: {}", plain(source))]
    Read {
        /// The path as given, or `standard input`.
        name: String,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// A period is wanted, and a line says nothing of when it was.
    #[error(
        "cannot tell what lies between --since and --until: {}",
        crate::log::line::NO_DATE
    )]
    NoDate,
    /// A directory where a file was expected.
    #[error("cannot read {path}: it is a directory; name the log files in it")]
    Directory {
        /// The path as given.
        path: String,
    },
}

/// Logs by name, in the order in which they will be read; [`LogSet::read`] reads them, as often as
/// wanted once [`LogSet::keep_pipes`] was called.
#[derive(Clone, Debug)]
pub struct LogSet {
    logs: Vec<Log>,
    progress: Progress,
}

/// One log that has not been opened.
#[derive(Clone, Debug)]
struct Log {
    /// As given, or [`STDIN_WORDS`].
    name: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Path,
    Stdin,
    Kept(Arc<[u8]>),
}

impl LogSet {
    /// Logs in the order given. Nothing is opened or looked for yet.
    pub fn new(names: &[String]) -> Self {
        let logs = names.iter().map(|name| Log::new(name));
        Self {
            logs: logs.collect(),
            progress: Progress::default(),
        }
    }

    /// Looks for all of them, so that a wrong name is said before hours of reading.
    ///
    /// # Errors
    /// A path that does not exist, may not be read or is a directory.
    pub fn check(&self) -> Result<(), InputError> {
        for log in &self.logs {
            log.is_pipe()?;
        }
        Ok(())
    }

    /// Reads standard input and other pipes into memory, so that all can be read twice. Includes
    /// [`LogSet::check`].
    ///
    /// # Errors
    /// A path that does not exist or is a directory; a pipe that cannot be read, or that holds more
    /// than 1 GiB.
    pub fn keep_pipes(&mut self) -> Result<(), InputError> {
        self.check()?;
        for log in &mut self.logs {
            if log.is_pipe()? {
                let bytes = log.keep().map_err(|source| log.error(source))?;
                log.place = Place::Kept(bytes);
            }
        }
        Ok(())
    }

    /// Tells `progress` of all further reading, which is going to be `times` times all of it.
    pub fn watch(&mut self, progress: &Progress, times: u64) {
        let mut sizes = self.logs.iter().map(Log::stored_bytes);
        let total = sizes.try_fold(0_u64, |total, size| total.checked_add(size?));
        progress.expect(total.unwrap_or(0).saturating_mul(times));
        self.progress = progress.clone();
    }

    /// Their names as given, in the order in which they are read.
    pub fn names(&self) -> Vec<String> {
        self.logs.iter().map(|log| log.name.clone()).collect()
    }

    /// Reads them from their beginning.
    pub fn read(&self, max_line_bytes: usize) -> Logs {
        Logs {
            names: self.names(),
            queue: self.logs.clone(),
            next: 0,
            open: None,
            count: Arc::clone(&self.progress.read),
            max_line_bytes,
        }
    }
}

impl Log {
    fn new(name: &str) -> Self {
        if name == STDIN {
            return Self {
                name: STDIN_WORDS.to_owned(),
                place: Place::Stdin,
            };
        }
        Self {
            name: name.to_owned(),
            place: Place::Path,
        }
    }

    /// Whether it can be read once only: standard input, a FIFO, a terminal, `<(…)` of a shell.
    fn is_pipe(&self) -> Result<bool, InputError> {
        match &self.place {
            Place::Path => {
                let metadata = std::fs::metadata(&self.name).map_err(|it| self.error(it))?;
                if metadata.is_dir() {
                    return Err(InputError::Directory {
                        path: self.name.clone(),
                    });
                }
                Ok(!metadata.is_file())
            }
            Place::Stdin => Ok(true),
            Place::Kept(_) => Ok(false),
        }
    }

    /// Its length; `None` if that shows at its end only.
    fn stored_bytes(&self) -> Option<u64> {
        match &self.place {
            Place::Path => {
                let metadata = std::fs::metadata(&self.name).ok()?;
                metadata.is_file().then_some(metadata.len())
            }
            Place::Stdin => None,
            Place::Kept(bytes) => u64::try_from(bytes.len()).ok(),
        }
    }

    fn open(&self, count: &Count) -> Result<Reader, InputError> {
        let is_pipe = self.is_pipe()?;
        let reader = match &self.place {
            Place::Path => {
                File::open(&self.name).and_then(|file| Reader::new(file, is_pipe, count))
            }
            Place::Stdin => Reader::new(io::stdin(), is_pipe, count),
            Place::Kept(bytes) => Reader::new(Cursor::new(Arc::clone(bytes)), is_pipe, count),
        };
        reader.map_err(|source| self.error(source))
    }

    /// All of a pipe.
    fn keep(&self) -> io::Result<Arc<[u8]>> {
        let mut reader: Box<dyn Read> = match &self.place {
            Place::Path => Box::new(File::open(&self.name)?),
            Place::Stdin => Box::new(io::stdin()),
            Place::Kept(bytes) => return Ok(Arc::clone(bytes)),
        };
        let mut bytes = Vec::new();
        let limited = &mut (&mut reader).take(KEPT_BYTES_MAX + 1);
        limited.read_to_end(&mut bytes)?;
        if bytes.len() as u64 > KEPT_BYTES_MAX {
            let text = "more than 1 GiB, which does not fit into memory: give a file instead";
            return Err(io::Error::other(text));
        }
        Ok(bytes.into())
    }

    fn error(&self, source: io::Error) -> InputError {
        InputError::Read {
            name: self.name.clone(),
            source,
        }
    }
}

/// Logs that are being read, one after the other. May be moved to another thread.
pub struct Logs {
    names: Vec<String>,
    /// The same logs, if they were not open from the start.
    queue: Vec<Log>,
    /// The log that comes after the open one.
    next: usize,
    open: Option<Reader>,
    count: Count,
    max_line_bytes: usize,
}

impl Logs {
    /// Opens logs to be read once, in the order given: `-` is standard input, anything else a path;
    /// each may be compressed. Lines have up to `max_line_bytes` bytes, line end not counted.
    /// Each is opened when its turn comes.
    pub fn open(names: &[String], max_line_bytes: usize) -> Self {
        LogSet::new(names).read(max_line_bytes)
    }

    /// The same for one reader; `name` stands for it in errors. What it gives is handed out at
    /// once.
    pub fn from_reader(
        name: &str,
        reader: impl Read + Send + 'static,
        max_line_bytes: usize,
    ) -> Result<Self, InputError> {
        let count = Count::default();
        let open = Reader::new(reader, true, &count).map_err(|source| InputError::Read {
            name: name.to_owned(),
            source,
        })?;
        Ok(Self {
            names: vec![name.to_owned()],
            queue: Vec::new(),
            next: 1,
            open: Some(open),
            count,
            max_line_bytes,
        })
    }

    /// Fills `block` with the next lines, of one log; `false` at the end of all.
    ///
    /// A file gives about [`BLOCK_BYTES`] at once, a pipe what is there. The unterminated last line
    /// of a log counts.
    ///
    /// # Errors
    /// The log is named. All whole lines before the error have been handed out; what was read of the
    /// line before it is lost: half a line is never evidence. The next call goes on with the next
    /// log.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, InputError> {
        loop {
            if let Some(reader) = &mut self.open {
                let log = self.next.saturating_sub(1);
                match reader.fill(block, log, self.max_line_bytes) {
                    Ok(true) => return Ok(true),
                    Ok(false) => self.open = None,
                    Err(source) => {
                        self.open = None;
                        return Err(self.error(log, source));
                    }
                }
            }
            let Some(log) = self.queue.get(self.next) else {
                return Ok(false);
            };
            self.next += 1;
            self.open = Some(log.open(&self.count)?);
        }
    }

    /// The logs' names as given, in the order in which they are read; [`Block::log`] is an index of
    /// this.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Bytes read so far from all logs, by this and earlier readings of the same [`LogSet`], as they are stored: compressed ones before they are
    /// unpacked.
    pub fn bytes_read(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn error(&self, log: usize, source: io::Error) -> InputError {
        InputError::Read {
            name: self.names.get(log).cloned().unwrap_or_default(),
            source,
        }
    }
}
