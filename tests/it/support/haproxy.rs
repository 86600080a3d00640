//! A real HAProxy, started for one test.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::haproxy_config::HaproxyConfig;
use super::holds_within;
use super::log_file::LogFile;
use super::port::ReservedPort;
use super::table::{Row, rows};
use super::versions::Version;

/// From the start of the process to the first answer of its admin socket.
const START_LIMIT: Duration = Duration::from_secs(10);
/// From a signal to a sign of it.
const SIGNAL_LIMIT: Duration = Duration::from_secs(1);
/// From SIGTERM to SIGKILL.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// One step on the admin socket.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);

/// A running HAProxy with a folder of its own: `haproxy.cfg`, `haproxy.log`, `haproxy.err`,
/// `admin.sock`, `operator.sock`. Ends when dropped.
///
/// The log comes through a pipe. With `haproxy … >> file` HAProxy 2.6 to 3.2 take `O_APPEND` off
/// their standard output with the first line that they write, so that a second start overwrites
/// the lines of the first, and a truncated file gets a hole.
pub struct RealHaproxy {
    binary: PathBuf,
    config: HaproxyConfig,
    folder: TempDir,
    frontend: ReservedPort,
    child: Option<Child>,
    log: Arc<LogFile>,
    log_thread: Option<JoinHandle<()>>,
}

impl RealHaproxy {
    /// Writes the configuration, starts HAProxy and waits until its admin socket answers.
    pub fn start(version: &Version, config: HaproxyConfig) -> Self {
        let folder = tempfile::Builder::new().prefix("haproxy-").tempdir();
        let folder = folder.expect("a temporary folder");
        let mut haproxy = Self {
            binary: version.path.clone(),
            config,
            log: Arc::new(LogFile::open(&folder.path().join("haproxy.log"))),
            folder,
            frontend: ReservedPort::new(),
            child: None,
            log_thread: None,
        };
        haproxy.write_config();
        haproxy.spawn();
        haproxy
    }

    /// Where users connect to.
    pub fn frontend(&self) -> SocketAddr {
        self.frontend.address()
    }

    /// The admin socket, level admin.
    pub fn admin_socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// A socket of level operator: it reads everything and may change nothing.
    pub fn operator_socket(&self) -> PathBuf {
        self.folder.path().join("operator.sock")
    }

    /// The log file.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("haproxy.log")
    }

    /// The folder for anything else that this test needs; gone with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The log file's text so far.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Rotates the log file as logrotate does: renames it, and the next line starts a new one.
    pub fn rotate_log(&self, to: &Path) {
        self.log.rotate(to);
    }

    /// Lines written to the log file so far, over all rotations.
    pub fn log_lines(&self) -> usize {
        self.log.lines()
    }

    /// Sends one line to the admin socket and returns all that came back.
    pub fn command(&self, line: &str) -> String {
        self.try_command(line)
            .unwrap_or_else(|error| panic!("\"{line}\" to the admin socket: {error}"))
    }

    /// Like [`Self::command`], for moments when HAProxy may be away.
    pub fn try_command(&self, line: &str) -> std::io::Result<String> {
        command_to(&self.admin_socket(), line)
    }

    /// `set server SERVER state STATE` by an operator's hand; panics when HAProxy refuses.
    pub fn set_state(&self, server: &str, state: &str) {
        let answer = self.command(&format!("set server {server} state {state}"));
        assert_eq!(answer.trim(), "", "set server {server} state {state}");
    }

    /// One row of `show stat` by column name; `row` is a server or `BACKEND`.
    pub fn stat(&self, backend: &str, row: &str) -> BTreeMap<String, String> {
        let answer = self.command("show stat");
        row_with(&answer, ',', &[("pxname", backend), ("svname", row)])
    }

    /// `status` of `show stat`: `UP`, `no check`, `MAINT`, `DRAIN`, `DOWN`, `UP 1/3` …
    pub fn status(&self, backend: &str, server: &str) -> String {
        self.stat(backend, server)
            .remove("status")
            .unwrap_or_default()
    }

    /// One row of `show servers state` by column name.
    pub fn server_state(&self, backend: &str, server: &str) -> BTreeMap<String, String> {
        let answer = self.command(&format!("show servers state {backend}"));
        row_with(&answer, ' ', &[("srv_name", server)])
    }

    /// Lines of its log that it dropped itself, to whatever target, from `show info`.
    pub fn dropped_logs(&self) -> usize {
        let info = self.command("show info");
        let dropped = info
            .lines()
            .find_map(|line| line.strip_prefix("DroppedLogs: "));
        let dropped = dropped.and_then(|count| count.trim().parse().ok());
        dropped.expect("show info counts its DroppedLogs")
    }

    /// The worker's process id, from `show info`.
    pub fn worker_pid(&self) -> i32 {
        worker_pid(&self.command("show info")).expect("show info names its Pid")
    }

    /// Reloads like `systemctl reload haproxy` (SIGUSR2 to the master) and waits until another
    /// worker answers. Needs [`HaproxyConfig::master_worker`].
    pub fn reload(&self) {
        assert!(self.config.master_worker, "only a master can reload");
        let before = self.worker_pid();
        let reloads = || self.complaint().matches("Reloading HAProxy").count();
        let (reloads_before, mut sent) = (reloads(), None::<Instant>);
        let reloaded = holds_within(START_LIMIT, || {
            // A master that has just started executes itself once more, and loses the signals
            // that arrive in that moment.
            if sent.is_none_or(|sent| sent.elapsed() > SIGNAL_LIMIT) && reloads() == reloads_before
            {
                self.signal(Signal::USR2);
                sent = Some(Instant::now());
            }
            let info = self.try_command("show info").unwrap_or_default();
            worker_pid(&info).is_some_and(|pid| pid != before) && !info.contains("Stopping: 1")
        });
        assert!(
            reloaded,
            "no other worker after a reload: {}",
            self.complaint()
        );
    }

    /// Changes the configuration file for the next [`Self::reload`] or [`Self::restart`].
    pub fn rewrite_config(&mut self, config: HaproxyConfig) {
        self.config = config;
        self.write_config();
    }

    /// Stops HAProxy; its ports stay reserved, the log file and the socket's file stay.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        send(&child, Signal::TERM);
        if !holds_within(STOP_LIMIT, || matches!(child.try_wait(), Ok(Some(_)))) {
            // A master must not leave its worker behind.
            let info = self.try_command("show info").unwrap_or_default();
            if let Some(pid) = worker_pid(&info).and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(thread) = self.log_thread.take() {
            // An old worker of a reload may keep the pipe open longer.
            holds_within(STOP_LIMIT, || thread.is_finished());
        }
    }

    /// Starts it again after [`Self::stop`], on the same ports, with the same log file.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "HAProxy is running");
        self.spawn();
    }

    /// Stops and starts it.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Sends a signal to the process that was started: the master with `-W`. SIGSTOP on a plain
    /// HAProxy makes one that accepts and never answers.
    pub fn signal(&self, signal: Signal) {
        send(self.child.as_ref().expect("HAProxy is running"), signal);
    }

    /// What HAProxy wrote to its standard error so far.
    pub fn complaint(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("haproxy.err")).unwrap_or_default()
    }

    fn write_config(&self) {
        let text = self.config.render(
            self.frontend.address(),
            &self.admin_socket(),
            &self.operator_socket(),
        );
        std::fs::write(self.folder.path().join("haproxy.cfg"), text).expect("haproxy.cfg");
    }

    fn spawn(&mut self) {
        let complaints = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("haproxy.err"))
            .expect("a file for HAProxy's standard error");
        let mut command = Command::new(&self.binary);
        command.arg(if self.config.master_worker {
            "-W"
        } else {
            "-db"
        });
        command
            .arg("-f")
            .arg(self.folder.path().join("haproxy.cfg"))
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints);
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("starting {}: {error}", self.binary.display());
        });
        let output = child.stdout.take().expect("a pipe");
        let log = Arc::clone(&self.log);
        self.log_thread = Some(std::thread::spawn(move || log.append_all(output)));
        let child = self.child.insert(child);
        let mut exited = None;
        let socket = self.folder.path().join("admin.sock");
        let answers = holds_within(START_LIMIT, || {
            exited = child.try_wait().ok().flatten();
            exited.is_some()
                || worker_pid(&command_to(&socket, "show info").unwrap_or_default()).is_some()
        });
        assert!(
            answers && exited.is_none(),
            "HAProxy did not start ({exited:?}): {}",
            self.complaint()
        );
    }
}

impl Drop for RealHaproxy {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends one line to a Runtime API socket and returns all that came back.
pub fn command_to(socket: &Path, line: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(COMMAND_LIMIT))?;
    stream.set_write_timeout(Some(COMMAND_LIMIT))?;
    stream.write_all(line.as_bytes())?;
    stream.write_all(b"\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn worker_pid(info: &str) -> Option<i32> {
    let line = info.lines().find_map(|line| line.strip_prefix("Pid: "))?;
    line.trim().parse().ok()
}

fn send(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn row_with(answer: &str, separator: char, wanted: &[(&str, &str)]) -> BTreeMap<String, String> {
    let is_wanted = |row: &Row<'_>| {
        wanted
            .iter()
            .all(|(key, value)| row.get(key) == Some(value))
    };
    let row = rows(answer, separator).into_iter().find(is_wanted);
    let row = row.unwrap_or_else(|| panic!("no {wanted:?} in:\n{answer}"));
    row.into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
