//! Who called: the kernel tells the user id, the password file the name. Behind `sudo` everybody is root,
//! so the client says who called it; that is believed of root alone, who could be anybody anyway.

use std::path::Path;

use crate::words::accounts::accounts;
use crate::words::by::{By, Inline};
use crate::words::files;

/// Largest password file that is read.
const PASSWD_BYTES_MAX: u64 = 1024 * 1024;
const ROOT: u32 = 0;

/// The caller of `sudo`, as the client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sudo {
    pub(super) uid: u32,
    pub(super) user: String,
}

/// Finds a user's name.
pub(super) type Names = fn(u32) -> Option<String>;

/// Whoever calls with that user id, what they say of `sudo`, and the reason that they give.
pub(super) fn by(uid: u32, sudo: Option<&Sudo>, reason: &str, name_of: Names) -> By {
    let sudo = sudo.filter(|sudo| uid == ROOT && sudo.uid != ROOT);
    let user = match sudo {
        Some(sudo) => name_of(sudo.uid).unwrap_or_else(|| sudo.user.clone()),
        None => name_of(uid).unwrap_or_default(),
    };
    By {
        uid,
        user: Inline::of(&user),
        is_sudo: sudo.is_some(),
        reason: Inline::of(reason),
    }
}

/// The name of that user; of users that are not in the file, as on hosts with a directory, nothing is known.
/// Reads the file: not for the loop's thread.
pub(super) fn name_of(uid: u32) -> Option<String> {
    let bytes = files::read(Path::new("/etc/passwd"), PASSWD_BYTES_MAX).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    named(&text, uid)
}

fn named(passwd: &str, uid: u32) -> Option<String> {
    let (name, _) = accounts(passwd).find(|(_, id)| *id == uid)?;
    Some(name.to_owned())
}

/// The caller of `sudo` that started this program, as `sudo` says.
pub(super) fn sudo() -> Option<Sudo> {
    if rustix::process::getuid().as_raw() != ROOT {
        return None;
    }
    let uid = std::env::var("SUDO_UID").ok()?.parse().ok()?;
    let user = std::env::var("SUDO_USER").unwrap_or_default();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_.-@$".contains(letter);
    let user: String = user.chars().filter(|letter| is_name(*letter)).collect();
    Some(Sudo { uid, user })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_is_believed_of_root_alone() {
        let alice = Sudo {
            uid: 4_000_000_001,
            user: "alice".to_owned(),
        };
        assert_eq!(
            by(ROOT, Some(&alice), "", name_of).to_string(),
            "alice (sudo)"
        );
        assert_eq!(by(ROOT, None, "", name_of).to_string(), "root");
        let other = by(4_000_000_000, Some(&alice), "", name_of);
        assert_eq!(other.to_string(), "uid 4000000000");
    }

    #[test]
    fn names_are_those_of_the_password_file_and_odd_lines_are_nobody() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\n\n:x:7:7::/:\nhalf:x\nweb:x:1000:1000::/:/bin/sh\n";
        assert_eq!(named(passwd, 1000).as_deref(), Some("web"));
        assert_eq!(named(passwd, 7), None);
        assert_eq!(named(passwd, 8), None);
    }
}
