//! A folder of the demo's own under the system's temporary folder, gone when the demo ends.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;

/// Names are tried in turn; more than this many left-overs of one process id do not happen.
const MAX_TRIES: u32 = 100;

/// A fresh folder, readable by nobody else, removed with all its contents on drop.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Creates it. Never takes a folder that was already there, so nobody can prepare one for us.
    ///
    /// # Errors
    ///
    /// What the system said, when no folder can be created.
    pub fn create() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for number in 0..MAX_TRIES {
            let path = parent.join(format!("haproxy-autoscale-demo-{}-{number}", process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is left to be told, and what stays is a few kilobytes in the temporary folder.
        let _ = fs::remove_dir_all(&self.path);
    }
}
