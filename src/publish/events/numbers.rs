//! What is known of given numbers beside the events themselves, in one small file that is written in
//! place: a disk without a free byte takes that. Its lock is what keeps two daemons from one file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::words::files;

/// Numbers that are reserved at once: should the events be removed, none of theirs comes again.
const RESERVED: u64 = 1024;
/// Two numbers of 20 digits, a blank and the end of the line.
const BYTES: u64 = 42;

/// The numbers that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// None was given above it.
    pub(super) reserved: u64,
    /// The last one that could not be written; 0: all were.
    pub(super) unwritten: u64,
}

/// The file, locked.
#[derive(Debug)]
pub(super) struct Numbers {
    file: File,
    given: Given,
}

fn path_of(events: &Path) -> PathBuf {
    let mut name = events.as_os_str().to_owned();
    name.push(".numbers");
    PathBuf::from(name)
}

/// What it says; nothing when it is not there or cannot be understood.
///
/// # Errors
/// It is there and cannot be read.
pub(super) fn given(events: &Path) -> io::Result<Given> {
    match files::read(&path_of(events), BYTES) {
        Ok(bytes) => Ok(decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Given::default()),
        Err(error) => Err(error),
    }
}

fn decode(bytes: &[u8]) -> Given {
    let text = str::from_utf8(bytes).unwrap_or_default();
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(reserved)), Some(Ok(unwritten))) => Given {
            reserved,
            unwritten,
        },
        _ => Given::default(),
    }
}

impl Numbers {
    /// Makes and locks it.
    ///
    /// # Errors
    /// What the system said, or that another daemon has it.
    pub(super) fn lock(events: &Path) -> io::Result<Self> {
        let file = files::open_or_make(&path_of(events))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            if error == rustix::io::Errno::WOULDBLOCK {
                return io::Error::other(
                    "another daemon writes it; give this one a file of its own",
                );
            }
            error.into()
        })?;
        let given = given(events)?;
        Ok(Self { file, given })
    }

    /// Before the event of that number is written.
    pub(super) fn reserve(&mut self, id: u64) -> io::Result<()> {
        if id < self.given.reserved {
            return Ok(());
        }
        self.write(Given {
            reserved: id.saturating_add(RESERVED),
            ..self.given
        })
    }

    /// The event of that number could not be written; 0: all are.
    pub(super) fn unwritten(&mut self, id: u64) -> io::Result<()> {
        if id == self.given.unwritten {
            return Ok(());
        }
        self.write(Given {
            unwritten: id,
            ..self.given
        })
    }

    fn write(&mut self, given: Given) -> io::Result<()> {
        let Given {
            reserved,
            unwritten,
        } = given;
        let text = format!("{reserved:020} {unwritten:020}\n");
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.given = given;
        Ok(())
    }
}
