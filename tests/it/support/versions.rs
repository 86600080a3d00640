//! Which versions of the real HAProxy there are to test against.
//!
//! `tests/run` finds and fetches them and names them in `HAPROXY_AUTOSCALE_HAPROXY`, a list of
//! NAME=PATH divided by colons: `2.6=/usr/sbin/haproxy:3.0=/…/haproxy`. A plain `cargo test` looks
//! in the usual places and in `.haproxy/`.

#![allow(clippy::print_stderr)] // which version failed is told beside the failure

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The environment's list.
pub const LIST: &str = "HAPROXY_AUTOSCALE_HAPROXY";
/// Set to `1` by `tests/run`: no HAProxy at all is a failure.
pub const REQUIRED: &str = "HAPROXY_REQUIRED";
/// Only this version, by name: `HAPROXY_ONLY=3.0 cargo test`.
pub const ONLY: &str = "HAPROXY_ONLY";

/// One HAProxy to test against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `2.6`.
    pub name: String,
    /// The binary, or the script that starts it.
    pub path: PathBuf,
}

/// Every HAProxy there is, the system's own first. Says so loudly when there is none; panics when
/// `HAPROXY_REQUIRED=1`.
pub fn versions() -> &'static [Version] {
    static FOUND: OnceLock<Vec<Version>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found = match std::env::var(LIST) {
            Ok(list) if !list.is_empty() => parse(&list),
            _ => search(),
        };
        if let Ok(only) = std::env::var(ONLY) {
            found.retain(|version| version.name == only);
        }
        if found.is_empty() {
            let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
            assert!(!required, "no HAProxy found and {REQUIRED}=1: run tests/run");
            // Not eprintln!: the test harness would keep it to itself when all passes.
            let _ = writeln!(
                std::io::stderr(),
                "\n*** NOT TESTED: no HAProxy found. Every test against a real HAProxy is skipped.\n\
                 *** `tests/run` installs or unpacks one and runs them.\n"
            );
        }
        found
    })
}

/// Runs `test` against each HAProxy in turn and names the version in the failure, if any.
pub fn for_each_version(test: impl Fn(&Version) + std::panic::RefUnwindSafe) {
    for version in versions() {
        eprintln!("against HAProxy {}", version.name);
        if let Err(panic) = std::panic::catch_unwind(|| test(version)) {
            eprintln!("*** failed against HAProxy {}", version.name);
            std::panic::resume_unwind(panic);
        }
    }
}

/// The same for a test that mostly waits: against all of them at the same time. `test` gets its
/// version's name in every failure.
pub fn for_each_version_at_once(test: impl Fn(&Version) + Sync) {
    std::thread::scope(|scope| {
        let test = &test;
        let running: Vec<_> = versions()
            .iter()
            .map(|version| (version, scope.spawn(move || test(version))))
            .collect();
        let mut failure = None;
        for (version, thread) in running {
            if let Err(panic) = thread.join() {
                eprintln!("*** failed against HAProxy {}", version.name);
                failure = Some(panic);
            }
        }
        if let Some(panic) = failure {
            std::panic::resume_unwind(panic);
        }
    });
}

fn parse(list: &str) -> Vec<Version> {
    list.split(':')
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let (name, path) = entry
                .split_once('=')
                .unwrap_or_else(|| panic!("{LIST}: \"{entry}\" is not NAME=PATH"));
            assert!(Path::new(path).is_file(), "{LIST}: no file {path}");
            Version {
                name: name.to_owned(),
                path: path.into(),
            }
        })
        .collect()
}

fn search() -> Vec<Version> {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    candidates.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    candidates.truncate(64);
    let mut cached: Vec<_> = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(".haproxy")
        .read_dir()
        .map(|folder| folder.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    cached.sort();
    candidates.extend(cached);
    let mut found: Vec<Version> = Vec::new();
    for path in candidates.into_iter().map(|folder| folder.join("haproxy")) {
        if let Some(name) = path.is_file().then(|| name_of(&path)).flatten()
            && found.iter().all(|version| version.name != name)
        {
            found.push(Version { name, path });
        }
    }
    found
}

/// `2.6` of `HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/`.
fn name_of(path: &Path) -> Option<String> {
    let output = Command::new(path).arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split("ersion ").nth(1)?;
    let mut parts = number.split(['.', '-', ' ']);
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}
