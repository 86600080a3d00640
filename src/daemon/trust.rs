//! Who besides us may change what the daemon relies on: the admin socket and the log. Said, and
//! nothing else: the operator may have reasons. What others can write is not believed in
//! `config` and `state`.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::Daemon;
use crate::config::Config;
use crate::publish::record::{News, Untrusted};
use crate::runtime_api::Address;
use crate::words::limits::{may_everybody_replace, may_everybody_write};

/// Directories above a file that are looked at.
const PARENTS_MAX: usize = 64;

impl Daemon {
    /// Tells what strangers could change, when it is something new.
    pub(super) fn look_around(&mut self) {
        let found = look(&self.config);
        for untrusted in found.iter().filter(|it| !self.distrust.contains(it)) {
            self.tell(News::Untrusted(untrusted.clone()));
        }
        self.distrust = found;
    }
}

/// Each thing that strangers could change. What is not there yet is no matter.
fn look(config: &Config) -> Vec<Untrusted> {
    let mut found = Vec::new();
    if let Address::Unix(path) = &config.haproxy.socket {
        let is_socket_open = fs::metadata(path)
            .is_ok_and(|found| found.file_type().is_socket() && may_everybody_write(&found));
        if is_socket_open {
            found.push(Untrusted::Socket { path: path.clone() });
        }
        found.extend(open_parent(path, "the admin socket"));
    }
    if let Some(path) = config.log.source.file() {
        found.extend(open_parent(path, "the log"));
    }
    found
}

/// A directory in which everybody could put something else into the place of `path`. The directory
/// of a file itself must not even be like `/tmp`: whoever comes first has the name.
fn open_parent(path: &Path, what: &'static str) -> Option<Untrusted> {
    let parents = path.ancestors().skip(1).take(PARENTS_MAX).enumerate();
    let (_, open) = parents
        .filter(|(_, parent)| !parent.as_os_str().is_empty())
        .find(|(distance, parent)| {
            fs::metadata(parent).is_ok_and(|found| {
                may_everybody_replace(&found) || *distance == 0 && may_everybody_write(&found)
            })
        })?;
    Some(Untrusted::Directory {
        directory: open.to_owned(),
        what,
        path: path.to_owned(),
    })
}
