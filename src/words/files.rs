//! Files that we keep for ourselves: read without being led astray, written whole or not at all.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::limits::may_everybody_write;

/// What the others of the host may not do with a secret.
const OTHERS: u32 = 0o007;
/// What its group may not do, either.
const GROUP_WRITES: u32 = 0o020;

/// Nobody but those whom the operator chose can have written in that directory.
///
/// # Errors
/// For the operator: everybody may.
pub fn trusted(dir: &Metadata) -> io::Result<()> {
    if may_everybody_write(dir) {
        return Err(io::Error::other(
            "everybody on this host may write in its directory (chmod 700)",
        ));
    }
    Ok(())
}

/// Opens a file to read it. Follows no link and waits for no pipe.
///
/// # Errors
/// What the system said.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
}

/// The same to read and write it, made for us alone if it is missing.
///
/// # Errors
/// What the system said.
pub fn open_or_make(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
}

/// All of a regular file, at most one byte more than `bytes_max`. Follows no link and waits for no
/// pipe.
///
/// # Errors
/// What the system said, or that it is no regular file.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file that others than its owner and group cannot read, and its group cannot write: a
/// password, tokens. Waits for no pipe.
///
/// # Errors
/// What the system said, or what to do; never what is in it.
pub fn secret(path: &Path, bytes_max: usize) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags(OFlags::NONBLOCK))
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if found.mode() & (OTHERS | GROUP_WRITES) != 0 {
        let shown = path.display();
        return Err(io::Error::other(format!(
            "others can read it, or its group can write it (mode {:04o}); `chmod 0640 {shown}`, and \
             change what is in it if others may have read that",
            found.mode() & 0o7777
        )));
    }
    let mut text = String::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() > bytes_max {
        return Err(io::Error::other(format!(
            "it is larger than {bytes_max} bytes"
        )));
    }
    Ok(text)
}

/// Writes the file anew and has it on disk before it returns: whoever reads it, even after a power
/// failure, finds the old content or the new one. Makes the directory, but not its parents.
///
/// # Errors
/// What the system said, or that everybody may write in the directory.
pub fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(dir) {
        Ok(found) => trusted(&found)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).create(dir)?;
        }
        Err(error) => return Err(error),
    }
    let new = dir.join(format!("{name}.new"));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(flags(OFlags::NOFOLLOW))
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, dir.join(name))?;
    sync(dir)
}

/// Has on disk what was renamed or removed in that directory.
///
/// # Errors
/// What the system said.
pub fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// As the standard library takes them.
pub fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or(0)
}
