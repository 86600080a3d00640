//! Which programs may be run: those that nobody could change but root and the user that we run as. Such a
//! program has the rights of the daemon, and starts and stops machines.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{self, Component, Path, PathBuf};

use rustix::fs::{Access, access};

use crate::words::limits::{is_sticky, may_everybody_write, may_group_write};
use crate::words::os_words::plain;

const ROOT: u32 = 0;
const ANYBODY_RUNS: u32 = 0o111;
/// Links on the way to a program; the kernel follows 40.
const LINKS_MAX: usize = 40;

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
                "{} belongs to user {uid}, who could change what is run: read it before it becomes root's",
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

/// Whether that program may be run by us. Gives the path to run, in whose folders nobody else can put anything.
///
/// # Errors
/// The first reason why not.
pub(super) fn check(program: &Path) -> Result<PathBuf, Fault> {
    let ours = rustix::process::geteuid().as_raw();
    let path = check_for(program, ours)?;
    match access(&path, Access::EXEC_OK) {
        Ok(()) => Ok(path),
        Err(_) => Err(Fault::NotExecutable { path }),
    }
}

/// Whether it is a program that the user of that number may believe. Links anywhere in its path are followed one by
/// one, and each folder that one stands in is looked at. Gives its path with real folders; a link at its end stays
/// one, since some programs go by the name that they are called (fence agents).
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
    let called = in_real_folder(program).map_err(|error| missing(&plain(&error)))?;
    let way = path::absolute(program).map_err(|error| missing(&plain(&error)))?;
    match walk(&way, ours) {
        Ok(()) => {}
        Err(Stop::Fault(fault)) => return Err(fault),
        Err(Stop::Lost(error)) => return Err(missing(&plain(&error))),
    }
    if found.mode() & ANYBODY_RUNS == 0 {
        return Err(Fault::NotExecutable { path: real });
    }
    Ok(called)
}

/// The path with no link in it but its end.
fn in_real_folder(path: &Path) -> io::Result<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok(fs::canonicalize(folder)?.join(name)),
        (None, _) | (_, None) => fs::canonicalize(path),
    }
}

/// Why a way is not followed to its end.
enum Stop {
    Fault(Fault),
    Lost(io::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// Goes the way that the kernel goes, and looks at each folder on it: nobody else can put something else there.
fn walk(way: &Path, ours: u32) -> Result<(), Stop> {
    let mut ahead: VecDeque<OsString> = steps(way).collect();
    // Where we are, without a link in it.
    let mut folder = PathBuf::from("/");
    let mut links = 0;
    while let Some(step) = ahead.pop_front() {
        if step == ".." {
            folder.pop();
            continue;
        }
        let next = folder.join(step);
        let found = fs::symlink_metadata(&next)?;
        is_safe(&folder, &next, &found, ours)?;
        if !found.is_symlink() {
            folder = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(io::Error::from(rustix::io::Errno::LOOP).into());
        }
        let to = fs::read_link(&next)?;
        if to.has_root() {
            folder = PathBuf::from("/");
        }
        ahead = steps(&to).chain(ahead).collect();
    }
    Ok(())
}

/// The parts of a path that lead anywhere.
fn steps(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|step| match step {
        Component::Normal(_) | Component::ParentDir => Some(step.as_os_str().to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// What was found in that folder stays there: the folder belongs to root or us, and others write at most into a
/// sticky one such as `/tmp`, where they cannot rename what is ours.
fn is_safe(folder: &Path, inside: &Path, found: &fs::Metadata, ours: u32) -> Result<(), Stop> {
    let above = fs::symlink_metadata(folder)?;
    is_owned(folder, &above, ours)?;
    if !may_others_write(&above) {
        return Ok(());
    }
    if !is_sticky(&above) {
        return Err(writable(folder, &above).into());
    }
    Ok(is_owned(inside, found, ours)?)
}

fn belongs(path: &Path, found: &fs::Metadata, ours: u32) -> Result<(), Fault> {
    is_owned(path, found, ours)?;
    if may_others_write(found) {
        return Err(writable(path, found));
    }
    Ok(())
}

fn is_owned(path: &Path, found: &fs::Metadata, ours: u32) -> Result<(), Fault> {
    let uid = found.uid();
    if [ROOT, ours].contains(&uid) {
        return Ok(());
    }
    Err(Fault::Owner {
        path: path.to_owned(),
        uid,
    })
}

/// Root's group is nobody else.
fn may_others_write(found: &fs::Metadata) -> bool {
    may_everybody_write(found) || may_group_write(found) && found.gid() != ROOT
}

fn writable(path: &Path, found: &fs::Metadata) -> Fault {
    Fault::Writable {
        path: path.to_owned(),
        mode: found.mode() & 0o7777,
    }
}
