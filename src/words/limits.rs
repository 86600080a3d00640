//! Limits that several rooms keep to: how long the path of a socket may be, and who may write what we
//! rely on. What is said about it belongs to whoever asks.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Longest path of a Unix socket, bytes (`sun_path` of unix(7), less its NUL).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// Everybody on the host may write it.
pub fn may_everybody_write(found: &Metadata) -> bool {
    found.mode() & OTHERS_WRITE != 0
}

/// Its group may write it.
pub fn may_group_write(found: &Metadata) -> bool {
    found.mode() & GROUP_WRITES != 0
}

/// Everybody may rename and remove what others have put in that directory: without the sticky bit of
/// `/tmp` its owner alone does not decide what is there.
pub fn may_everybody_replace(directory: &Metadata) -> bool {
    may_everybody_write(directory) && !is_sticky(directory)
}

/// Only the owner of what is in that directory may rename and remove it.
pub fn is_sticky(directory: &Metadata) -> bool {
    directory.mode() & STICKY != 0
}
