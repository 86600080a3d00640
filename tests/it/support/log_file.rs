//! A log file that somebody appends to and somebody else rotates.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Appends whole lines, each with one write, to a file that can be rotated as logrotate does.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
    lines: AtomicUsize,
}

impl LogFile {
    /// Opens or creates the file.
    pub fn open(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: Mutex::new(open(path)),
            lines: AtomicUsize::new(0),
        }
    }

    /// Appends a line, with or without its `\n`.
    pub fn append(&self, line: &[u8]) {
        let mut whole = line.trim_ascii_end().to_vec();
        whole.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&whole).expect("a line of a log file");
        self.lines.fetch_add(1, Ordering::SeqCst);
    }

    /// Appends everything that comes out of `source`, until its end.
    pub fn append_all(&self, source: impl Read) {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source
            .read_until(b'\n', &mut line)
            .is_ok_and(|bytes| bytes > 0)
        {
            self.append(&line);
            line.clear();
        }
    }

    /// Lines appended so far.
    pub fn lines(&self) -> usize {
        self.lines.load(Ordering::SeqCst)
    }

    /// Renames the file and goes on in a new one of the old name, between two lines.
    pub fn rotate(&self, to: &Path) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::rename(&self.path, to).expect("a rename");
        *file = open(&self.path);
    }
}

fn open(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    options.open(path).expect("a log file")
}
