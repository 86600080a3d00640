//! What the listening sources have in common: how often they look after their socket, the words
//! for one that cannot be had, and the file of a Unix socket.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::log::lines::SourceState;
use crate::words::os_words::plain;

/// How often a socket that could not be had is tried again, and one that is there is looked after.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// HAProxy writes to the socket as a user of its own: owner and group may, others may not.
const SOCKET_MODE: u32 = 0o660;

/// Why nothing can be received.
pub(super) fn cannot_listen(what: &str, error: &io::Error) -> SourceState {
    let advice = if error.kind() == io::ErrorKind::PermissionDenied {
        if what.starts_with("unix:") {
            "let this daemon's user write to its directory"
        } else {
            "a port below 1024 needs CAP_NET_BIND_SERVICE; choose one above, such as 5514"
        }
    } else if error.kind() == io::ErrorKind::AddrInUse {
        "another program listens there; end it, or choose another one here and in haproxy.cfg"
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        "no interface of this machine has that address"
    } else if error.kind() == io::ErrorKind::NotFound {
        "its directory must be there"
    } else {
        "choose another one here and in haproxy.cfg"
    };
    let cause = plain(error);
    SourceState::Waiting(Arc::from(format!(
        "cannot listen on {what}: {cause}; {advice}; trying again"
    )))
}

/// The name of a Unix socket of ours. Removed when dropped, unless it is somebody else's by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

impl SocketFile {
    /// Makes a datagram socket there. One that was left behind by a process that was killed is
    /// replaced; one that somebody listens on, or anything that is no socket, is left alone.
    pub(super) fn bind(path: &Path) -> io::Result<(UnixDatagram, Self)> {
        if let Ok(found) = fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                let text = "a file that is not a socket already exists at this path";
                return Err(io::Error::other(text));
            }
            match UnixDatagram::unbound()?.connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path)?;
                }
                // Connected, or it is a socket of another kind, or nobody can tell.
                Ok(()) | Err(_) => return Err(io::ErrorKind::AddrInUse.into()),
            }
        }
        let socket = UnixDatagram::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
        let made = fs::symlink_metadata(path)?;
        let file = Self {
            path: path.to_owned(),
            id: (made.dev(), made.ino()),
        };
        Ok((socket, file))
    }

    /// The name still leads to our socket.
    pub(super) fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.id)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
