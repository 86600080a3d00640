//! A daemon beside a pretend HAProxy that can fall silent and come back. No test lives here.

use std::fs::DirEntry;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haproxy_autoscale::sim::haproxy::Haproxy;
use haproxy_autoscale::sim::micros;
use tempfile::TempDir;

use crate::support::{DaemonConfig, LogFile, serve};

/// From an incident to its message, where a busy machine has time for it.
pub(super) const TOLD: Duration = Duration::from_secs(30);

pub(super) struct Place {
    pub(super) folder: TempDir,
    _log: LogFile,
    is_silent: Arc<AtomicBool>,
}

impl Place {
    /// With `web/web1` ready and `web/web2` a spare.
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("alerts-")
            .tempdir()
            .unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let servers = [("web1", address(9), false), ("web2", address(9), true)];
        let haproxy = Mutex::new(Haproxy::new(4711, 1_795_312_498, &servers));
        let is_silent = Arc::<AtomicBool>::default();
        let (started, silent) = (Instant::now(), Arc::clone(&is_silent));
        serve(&folder.path().join("admin.sock"), move |line| {
            let mut haproxy = haproxy.lock().unwrap_or_else(PoisonError::into_inner);
            let is_heard = !silent.load(Ordering::SeqCst);
            is_heard.then(|| haproxy.answer(line, micros(started.elapsed())))
        });
        Self {
            _log: LogFile::open(&folder.path().join("x.log")),
            folder,
            is_silent,
        }
    }

    /// HAProxy accepts, and answers nothing, or answers again.
    pub(super) fn silence(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::SeqCst);
    }

    /// A daemon with those tables.
    pub(super) fn config(&self, tables: &str) -> DaemonConfig {
        let path = |name: &str| self.folder.path().join(name);
        DaemonConfig::at(&path("admin.sock"), &path("x.log"))
            .haproxy("timeout", "\"300ms\"")
            .more(tables)
    }

    /// The same, with a place for its state.
    pub(super) fn remembering(&self, tables: &str) -> DaemonConfig {
        self.config(tables).state_dir(&self.state_dir())
    }

    pub(super) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The file of what was told.
    pub(super) fn kept_alerts(&self) -> PathBuf {
        let files = std::fs::read_dir(self.state_dir()).unwrap().flatten();
        let is_it = |file: &DirEntry| file.file_name().to_string_lossy().contains("alerts");
        let file = { files }.find(is_it).expect("what was told is kept");
        file.path()
    }
}

/// `[[alert]]` with those lines.
pub(super) fn alert(lines: &str) -> String {
    format!("[[alert]]\n{lines}\n")
}

/// A webhook called `name` that is told problems there, as JSON.
pub(super) fn webhook(name: &str, url: &str) -> String {
    alert(&format!(
        "kind = \"webhook\"\nname = \"{name}\"\nurl = \"{url}\"\non = [\"problem\"]"
    ))
}
