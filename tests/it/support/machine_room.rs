//! Machines that are processes: started and stopped by a hook of ours, each a small HTTP server on loopback.
//! `tests/data/machine_hook.sh` and `tests/data/machine.py` are what they are made of.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::port::ReservedPort;
use super::program::in_repository;

/// How a machine boots and serves.
#[derive(Clone, Copy, Debug)]
pub struct Hardware {
    /// From its start until it listens, milliseconds.
    pub boot_ms: u64,
    /// Requests worked on at a time …
    pub workers: u32,
    /// … and how long each takes, milliseconds.
    pub request_ms: u64,
    /// The first so many requests …
    pub cold_requests: u32,
    /// … take so much longer, milliseconds.
    pub cold_ms: u64,
}

impl Default for Hardware {
    fn default() -> Self {
        Self {
            boot_ms: 300,
            workers: 8,
            request_ms: 5,
            cold_requests: 3,
            cold_ms: 100,
        }
    }
}

/// A folder with the hook and its machines, each with a port of its own. All of them end when this is
/// dropped, those that a hook starts later too.
pub struct MachineRoom {
    folder: TempDir,
    ports: BTreeMap<String, ReservedPort>,
}

impl MachineRoom {
    /// Machines of those names, all off.
    pub fn new(names: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("machines-").tempdir();
        let folder = folder.expect("a temporary folder");
        let ports = names.iter();
        let room = Self {
            folder,
            ports: ports
                .map(|name| ((*name).to_owned(), ReservedPort::new()))
                .collect(),
        };
        for (source, name) in [("machine_hook.sh", "hook"), ("machine.py", "machine.py")] {
            let source = in_repository(&format!("tests/data/{source}"));
            fs::copy(source, room.path(name)).expect("a file of ours");
            fs::set_permissions(room.path(name), fs::Permissions::from_mode(0o755)).expect("mode");
        }
        for name in names {
            room.hardware(name, Hardware::default());
        }
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where that machine listens when it runs.
    pub fn address(&self, name: &str) -> SocketAddr {
        self.ports[name].address()
    }

    /// The program.
    pub fn hook(&self) -> String {
        self.path("hook").display().to_string()
    }

    /// Tables of the configuration: all of them are machines of spares of backend `web`, with those keys.
    pub fn tables(&self, keys: &str) -> String {
        let mut text = String::new();
        for name in self.ports.keys() {
            let hook = self.hook();
            let _ = writeln!(
                text,
                "[backend.web.server.{name}.machine]\nprovider = \"exec\"\ncommand = [\"{hook}\"]\n{keys}"
            );
        }
        text
    }

    /// Each machine asks HAProxy there, when it is stopped, whether its server rests.
    pub fn watches(&self, admin_socket: &Path) {
        let path = admin_socket.display().to_string();
        fs::write(self.path("admin"), path).expect("the name of a socket");
    }

    /// How it boots and serves from its next start on.
    pub fn hardware(&self, name: &str, its: Hardware) {
        let Hardware {
            boot_ms,
            workers,
            request_ms,
            cold_requests,
            cold_ms,
        } = its;
        let (seconds, rest) = (boot_ms / 1000, boot_ms % 1000);
        let text =
            format!("{seconds}.{rest:03} {workers} {request_ms} {cold_requests} {cold_ms}\n");
        fs::write(self.path(&format!("{name}.settings")), text).expect("its settings");
    }

    /// What the hook does first at that verb, in shell; it may end there. `""`: nothing.
    pub fn at(&self, name: &str, verb: &str, shell: &str) {
        let next = self.path(&format!("{name}.{verb}.next"));
        fs::write(&next, format!("{shell}\n")).expect("its script");
        fs::rename(next, self.path(&format!("{name}.{verb}"))).expect("its script");
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Every run of the hook, `begin VERB SERVER ID ATTEMPT`, and `end …` when it came to its end.
    pub fn calls(&self) -> Vec<String> {
        self.lines("calls")
    }

    /// How often the hook was run for that.
    pub fn count(&self, verb: &str, name: &str) -> usize {
        let start = format!("begin {verb} {name} ");
        let calls = self.calls();
        calls.iter().filter(|call| call.starts_with(&start)).count()
    }

    /// How many `user`s (or `check`s, `warm-up`s) it has had.
    pub fn visits(&self, name: &str, visitor: &str) -> usize {
        let visits = self.lines(&format!("{name}.visits"));
        visits.iter().filter(|visit| *visit == visitor).count()
    }

    fn pid(&self, name: &str) -> Option<Pid> {
        let text = fs::read_to_string(self.path(&format!("{name}.pid"))).ok()?;
        let pid = text.trim().parse().ok()?;
        // One that has ended and that nobody waits for has no folder.
        let lives = Path::new("/proc").join(text.trim()).join("cwd").exists();
        lives.then(|| Pid::from_raw(pid))?
    }

    /// It runs.
    pub fn is_running(&self, name: &str) -> bool {
        self.pid(name).is_some()
    }

    /// A start is at work.
    pub fn is_starting_any(&self) -> bool {
        let files = fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten();
        files
            .filter(|file| file.file_name().to_string_lossy().contains(".under-way."))
            .any(|file| {
                let pid = fs::read_to_string(file.path()).unwrap_or_default();
                Path::new("/proc").join(pid.trim()).join("cwd").exists()
            })
    }

    /// The plug is pulled.
    pub fn kill(&self, name: &str) {
        if let Some(pid) = self.pid(name) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// What must not have happened: cold users, users cut by a stop, a second start beside the first.
    pub fn faults(&self) -> Vec<String> {
        self.lines("faults")
    }
}

impl Drop for MachineRoom {
    fn drop(&mut self) {
        // One that is being started ends itself when it does not find its folder any more.
        for name in self.ports.keys() {
            self.kill(name);
        }
    }
}
