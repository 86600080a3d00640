//! What the follower says to the operator about the file under the log's name. How it finds out
//! does not live here.

use std::fs::FileType;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use crate::log::lines::SourceState;

/// Why there is no file to read under the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Missing,
    MissingDirectory,
    Denied,
    NotAFile(Kind),
    /// The number of another error of the system.
    Other(Option<i32>),
}

/// What may stand under the name instead of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    Fifo,
    Socket,
    Device,
}

impl Kind {
    pub(super) fn of(file_type: FileType) -> Self {
        if file_type.is_dir() {
            Self::Directory
        } else if file_type.is_fifo() {
            Self::Fifo
        } else if file_type.is_socket() {
            Self::Socket
        } else {
            Self::Device
        }
    }

    const fn with_article(self) -> &'static str {
        match self {
            Self::Directory => "a directory",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
        }
    }
}

impl Trouble {
    pub(super) fn of(path: &Path, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            match std::fs::metadata(super::parent_of(path)) {
                Err(parent) if parent.kind() == io::ErrorKind::NotFound => Self::MissingDirectory,
                Ok(_) | Err(_) => Self::Missing,
            }
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            Self::Denied
        } else {
            Self::Other(error.raw_os_error())
        }
    }

    pub(super) fn state(self, path: &Path) -> SourceState {
        let path = path.display();
        match self {
            Self::Missing => SourceState::Waiting(Arc::from(format!(
                "log file {path} does not exist; waiting for it: if it never comes, the syslog \
                 daemon that writes it (rsyslog) may not be installed, or [log] source names \
                 another file than the one HAProxy's log goes to"
            ))),
            Self::MissingDirectory => SourceState::Waiting(Arc::from(format!(
                "log file {path} does not exist, nor does its directory; waiting for both: check \
                 the path in [log] source"
            ))),
            Self::Denied => SourceState::Refused(Arc::from(format!(
                "cannot open log file {path}: permission denied; let this daemon's user read it \
                 (on Debian: add it to group adm and restart the daemon); trying again"
            ))),
            Self::NotAFile(kind) => SourceState::Refused(Arc::from(format!(
                "cannot follow {path}: it is {}, not a regular file; set [log] source to the file \
                 that HAProxy's log is written to",
                kind.with_article()
            ))),
            Self::Other(errno) => {
                let error = errno.map_or_else(
                    || "unknown error".to_owned(),
                    |number| io::Error::from_raw_os_error(number).to_string(),
                );
                SourceState::Refused(Arc::from(format!(
                    "cannot read log file {path}: {error}; trying again"
                )))
            }
        }
    }
}
