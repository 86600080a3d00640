//! Who besides us may change what the daemon relies on: the admin socket and the log. Said, and
//! nothing else: the operator may have reasons. What others can write is not believed in
//! `config` and `state`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::config::Config;
use crate::runtime_api::Address;

/// Everybody on the host may write.
const WRITABLE_BY_ALL: u32 = 0o002;
/// In such a directory only the owner of a file may rename or remove it.
const STICKY: u32 = 0o1000;
/// Directories above a file that are looked at.
const PARENTS_MAX: usize = 64;

/// One sentence for each thing that strangers could change. What is not there yet is no matter.
pub(super) fn problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if let Address::Unix(path) = &config.haproxy.socket {
        let is_socket_open = fs::metadata(path).is_ok_and(|found| {
            found.file_type().is_socket() && found.mode() & WRITABLE_BY_ALL != 0
        });
        if is_socket_open {
            problems.push(format!(
                "everybody on this host may give HAProxy orders over {}: write `mode 660` on its \
                 `stats socket` line in haproxy.cfg",
                path.display()
            ));
        }
        problems.extend(open_parent(path, "the admin socket"));
    }
    if let Some(path) = config.log.source.file() {
        problems.extend(open_parent(path, "the log"));
    }
    problems
}

/// A directory in which everybody could put something else into the place of `path`. The directory
/// of a file itself must not even be like `/tmp`: whoever comes first has the name.
fn open_parent(path: &Path, what: &str) -> Option<String> {
    let parents = path.ancestors().skip(1).take(PARENTS_MAX).enumerate();
    let (_, open) = parents
        .filter(|(_, parent)| !parent.as_os_str().is_empty())
        .find(|(distance, parent)| {
            fs::metadata(parent).is_ok_and(|found| {
                found.mode() & WRITABLE_BY_ALL != 0
                    && (*distance == 0 || found.mode() & STICKY == 0)
            })
        })?;
    Some(format!(
        "everybody on this host may write in {}, where {what} {} is, and could replace it: take \
         that right away (chmod o-w) or put {what} elsewhere",
        open.display(),
        path.display()
    ))
}
