//! Which programs may be run: those that nobody could change but root and the user that we run as. Such a
//! program has the rights of the daemon, and starts and stops machines.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::words::limits::{may_everybody_replace, may_everybody_write, may_group_write};
use crate::words::os_words::plain;

const ROOT: u32 = 0;
const ANYBODY_RUNS: u32 = 0o111;
/// Folders above a program that are looked at.
const FOLDERS_MAX: usize = 64;

/// Why a program is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is none of that name, or it cannot be reached.
    Missing { path: PathBuf, why: String },
    /// It is there and cannot be run.
    NotExecutable { path: PathBuf },
    /// It, or a folder of it, belongs to somebody else.
    Owner { path: PathBuf, uid: u32 },
    /// Others than its owner can write it, or rename what is in it.
    Writable { path: PathBuf, mode: u32 },
}

impl Fault {
    /// It in words, without the way out.
    pub fn what(&self) -> String {
        match self {
            Self::Missing { path, why } => format!("{} cannot be run: {why}", path.display()),
            Self::NotExecutable { path } => {
                format!("{} is no program that we may run", path.display())
            }
            Self::Owner { path, uid } => format!(
                "{} belongs to user {uid}, who could change what is run",
                path.display()
            ),
            Self::Writable { path, mode } => format!(
                "others than its owner could change {} (mode {mode:04o})",
                path.display()
            ),
        }
    }

    /// What mends it, if a command does.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => None,
            Self::NotExecutable { path } => Some(format!("chmod 0755 {}", path.display())),
            Self::Owner { path, .. } => Some(format!("chown root:root {}", path.display())),
            Self::Writable { path, .. } => Some(format!("chmod go-w {}", path.display())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what())?;
        match self.fix() {
            Some(fix) => write!(formatter, "; `{fix}`"),
            None => Ok(()),
        }
    }
}

/// Whether that program may be run by us. Of a link, both ends are looked at.
///
/// # Errors
/// The first reason why not.
pub(super) fn check(program: &Path) -> Result<(), Fault> {
    let ours = rustix::process::geteuid().as_raw();
    let real = check_for(program, ours)?;
    access(&real, Access::EXEC_OK).map_err(|_| Fault::NotExecutable { path: real })
}

/// Whether it is a program that the user of that number may believe. Gives its real path.
///
/// # Errors
/// The first reason why not.
pub(super) fn check_for(program: &Path, ours: u32) -> Result<PathBuf, Fault> {
    let missing = |why: &str| Fault::Missing {
        path: program.to_owned(),
        why: why.to_owned(),
    };
    let real = fs::canonicalize(program).map_err(|error| missing(&plain(&error)))?;
    let found = fs::metadata(&real).map_err(|error| missing(&plain(&error)))?;
    if !found.is_file() {
        return Err(missing("it is no file"));
    }
    belongs(&real, &found, ours)?;
    folders(program, ours)?;
    folders(&real, ours)?;
    if found.mode() & ANYBODY_RUNS == 0 {
        return Err(Fault::NotExecutable { path: real });
    }
    Ok(real)
}

/// Nobody else could put something else into its place.
fn folders(program: &Path, ours: u32) -> Result<(), Fault> {
    let folders = program.ancestors().skip(1).take(FOLDERS_MAX).enumerate();
    for (distance, folder) in folders {
        let Ok(found) = fs::metadata(folder) else {
            continue;
        };
        if distance == 0 {
            belongs(folder, &found, ours)?;
        }
        if may_everybody_replace(&found) {
            return Err(writable(folder, &found));
        }
    }
    Ok(())
}

fn belongs(path: &Path, found: &fs::Metadata, ours: u32) -> Result<(), Fault> {
    let uid = found.uid();
    if ![ROOT, ours].contains(&uid) {
        return Err(Fault::Owner {
            path: path.to_owned(),
            uid,
        });
    }
    // Root's group is nobody else.
    if may_everybody_write(found) || may_group_write(found) && found.gid() != ROOT {
        return Err(writable(path, found));
    }
    Ok(())
}

fn writable(path: &Path, found: &fs::Metadata) -> Fault {
    Fault::Writable {
        path: path.to_owned(),
        mode: found.mode() & 0o7777,
    }
}
