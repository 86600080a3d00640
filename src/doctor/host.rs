//! The host as files: everything that `init` and `doctor` look at lies below one root, so that a test can
//! make a host of its own. Only reads.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::words::accounts::accounts;

/// More than any file of settings holds.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Where haproxy.cfg is, the usual places first.
const CFG_PLACES: [&str; 4] = [
    "/etc/haproxy/haproxy.cfg",
    "/usr/local/etc/haproxy/haproxy.cfg",
    "/etc/haproxy.cfg",
    "/usr/local/etc/haproxy.cfg",
];
/// Where people keep the parts of a larger one (`EXTRAOPTS="-f /etc/haproxy/conf.d"`).
const CFG_PARTS: &str = "/etc/haproxy/conf.d";
/// Admin sockets of Debian, Red Hat and what people write (counted in public files).
const SOCKET_PLACES: [&str; 6] = [
    "/run/haproxy/admin.sock",
    "/var/lib/haproxy/stats",
    "/var/run/haproxy.sock",
    "/run/haproxy.sock",
    "/run/haproxy/haproxy.sock",
    "/tmp/haproxy.sock",
];
/// Logs of HAProxy alone.
const LOG_PLACES: [&str; 3] = [
    "/var/log/haproxy.log",
    "/var/log/haproxy/haproxy.log",
    "/var/log/haproxy-traffic.log",
];

/// Where things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    root: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self::below("/")
    }
}

impl Host {
    /// A host whose `/` is that directory.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A path of the host.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Whether that path is the host's `path`.
    pub fn is(&self, found: &str, path: &str) -> bool {
        found == path || Path::new(found) == self.at(path)
    }

    /// The text of a file; `None` where it cannot be read.
    pub fn text(&self, path: &str) -> Option<String> {
        read(&self.at(path))
    }

    /// The texts of the files with that ending in a directory, in the order of their names.
    pub fn texts_in(&self, directory: &str, ending: &str) -> Vec<(PathBuf, String)> {
        let Ok(entries) = fs::read_dir(self.at(directory)) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.to_string_lossy().ends_with(ending));
        paths.sort();
        let texts = paths.into_iter();
        texts
            .filter_map(|path| Some((path.clone(), read(&path)?)))
            .collect()
    }

    pub fn exists(&self, path: &str) -> bool {
        self.at(path).exists()
    }

    /// The haproxy.cfg in a usual place, and behind it the directory of its parts, where there is one.
    pub fn cfg(&self) -> Vec<PathBuf> {
        let parts = self.at(CFG_PARTS);
        let files = self.first(&CFG_PLACES).into_iter();
        files.chain(parts.is_dir().then_some(parts)).collect()
    }

    /// The socket in a usual place.
    pub fn socket(&self) -> Option<PathBuf> {
        self.first(&SOCKET_PLACES)
    }

    /// The log in a usual place.
    pub fn log(&self) -> Option<PathBuf> {
        self.first(&LOG_PLACES)
    }

    fn first(&self, places: &[&str]) -> Option<PathBuf> {
        let mut paths = places.iter().map(|path| self.at(path));
        paths.find(|path| path.exists())
    }

    /// Users or groups by name, with their numbers: `/etc/passwd`, `/etc/group`.
    pub fn numbers(&self, file: &str) -> BTreeMap<String, u32> {
        let text = self.text(file).unwrap_or_default();
        let rows = accounts(&text);
        rows.map(|(name, number)| (name.to_owned(), number))
            .collect()
    }

    /// The members of a group, by its file.
    pub fn members(&self, group: &str) -> Vec<String> {
        let text = self.text("/etc/group").unwrap_or_default();
        let row = text
            .lines()
            .find(|line| line.split(':').next() == Some(group));
        let members = row.and_then(|row| row.split(':').nth(3)).unwrap_or("");
        members
            .split(',')
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// systemd runs it.
    pub fn has_systemd(&self) -> bool {
        self.exists("/run/systemd/system")
    }

    /// A syslog daemon that writes files is installed.
    pub fn has_rsyslog(&self) -> bool {
        self.exists("/usr/sbin/rsyslogd") || self.exists("/usr/sbin/syslog-ng")
    }

    /// Red Hat, Rocky, Alma, Fedora.
    pub fn is_red_hat(&self) -> bool {
        self.exists("/etc/redhat-release")
    }
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Who owns a file, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    pub uid: u32,
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
}

impl Rights {
    pub fn of(found: &Metadata) -> Self {
        Self {
            uid: found.uid(),
            gid: found.gid(),
            mode: found.mode() & 0o777,
        }
    }

    /// Whether somebody has all of these bits, given as for the owner: `0o600`.
    pub fn grants(self, who: &Somebody, bits: u32) -> bool {
        if who.uid == Some(0) {
            return true;
        }
        let needed = if who.uid == Some(self.uid) {
            bits
        } else if who.gids.contains(&self.gid) {
            bits >> 3
        } else {
            bits >> 6
        };
        self.mode & needed == needed
    }
}

/// A user with groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Somebody {
    pub name: String,
    pub uid: Option<u32>,
    pub gids: Vec<u32>,
}
