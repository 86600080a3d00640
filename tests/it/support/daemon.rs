//! The daemon under test: the built binary with a configuration of its own.

#![allow(clippy::print_stderr)] // what the daemon wrote is told beside a failure

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use haproxy_autoscale::control;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::haproxy::RealHaproxy;
use super::holds_within;
use super::program::{Ran, Running, Told, finish, undisturbed};

/// From the start of the process to its first answer on the control socket.
const START_LIMIT: Duration = Duration::from_secs(10);

/// What a configuration file is to hold. The defaults are made for tests: HAProxy is read often,
/// windows are short, `web1` alone is always up. Values are TOML: a text needs its quotes.
#[derive(Clone, Debug)]
pub struct DaemonConfig {
    /// [`super::binary`] unless set.
    binary: Option<PathBuf>,
    /// A program and its arguments that end up running the rest of the command line.
    through: Vec<String>,
    environment: BTreeMap<String, OsString>,
    arguments: Vec<String>,
    haproxy: BTreeMap<String, String>,
    log: BTreeMap<String, String>,
    backend: BTreeMap<String, String>,
    warm_up: BTreeMap<String, String>,
    /// More of the file, behind everything else.
    more: String,
    /// `""`: nothing is remembered.
    state_dir: PathBuf,
}

impl DaemonConfig {
    /// For backend `web` of that HAProxy.
    pub fn new(haproxy: &RealHaproxy) -> Self {
        Self::at(&haproxy.admin_socket(), &haproxy.log())
    }

    /// For backend `web` of whatever listens there.
    pub fn at(socket: &Path, log: &Path) -> Self {
        let pairs = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()));
            owned.collect::<BTreeMap<String, String>>()
        };
        Self {
            binary: None,
            through: Vec::new(),
            environment: BTreeMap::new(),
            arguments: Vec::new(),
            haproxy: pairs(&[("poll_interval", "\"100ms\"")]),
            log: BTreeMap::new(),
            backend: pairs(&[
                ("always_up", "[\"web1\"]"),
                ("response_time", "\"100ms\""),
                ("window", "6"),
                ("min_span", "\"200ms\""),
                ("grace", "\"0s\""),
                // Sizing looks back on half a minute, and these tests last seconds.
                ("capacity", "\"off\""),
                ("idle_timeout", "\"2s\""),
                ("scale_down_cooldown", "\"1s\""),
            ]),
            warm_up: BTreeMap::new(),
            more: String::new(),
            state_dir: PathBuf::new(),
        }
        .haproxy("socket", &format!("\"{}\"", socket.display()))
        .log("source", &format!("\"{}\"", log.display()))
    }

    /// Runs another binary: [`super::release_binary`].
    #[must_use]
    pub fn binary(mut self, binary: PathBuf) -> Self {
        self.binary = Some(binary);
        self
    }

    /// Started by another program, which must become the daemon: `setpriv …`.
    #[must_use]
    pub fn through(mut self, command: &[&str]) -> Self {
        self.through = command.iter().map(ToString::to_string).collect();
        self
    }

    /// One more variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// One more argument of `run`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets a key of `[haproxy]`.
    #[must_use]
    pub fn haproxy(mut self, key: &str, value: &str) -> Self {
        self.haproxy.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a key of `[log]`.
    #[must_use]
    pub fn log(mut self, key: &str, value: &str) -> Self {
        self.log.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a key of `[backend.web]`.
    #[must_use]
    pub fn backend(mut self, key: &str, value: &str) -> Self {
        self.backend.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Goes back to the product's own default for a key that is otherwise set for tests.
    #[must_use]
    pub fn default_of(mut self, key: &str) -> Self {
        self.haproxy.remove(key);
        self.backend.remove(key);
        self
    }

    /// Sets a key of `[backend.web.warm_up]`.
    #[must_use]
    pub fn warm_up(mut self, key: &str, value: &str) -> Self {
        self.warm_up.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds tables of one's own, for example another backend.
    #[must_use]
    pub fn more(mut self, tables: &str) -> Self {
        self.more.push_str(tables);
        self
    }

    /// Remembers there; without this nothing is remembered.
    #[must_use]
    pub fn state_dir(mut self, dir: &Path) -> Self {
        dir.clone_into(&mut self.state_dir);
        self
    }

    /// Writes the file, starts the daemon and waits until it answers `status`.
    pub fn start(&self) -> Daemon {
        let mut daemon = self.spawn();
        let mut exited = None;
        let answers = holds_within(START_LIMIT, || {
            exited = daemon.running.child.try_wait().ok().flatten();
            exited.is_some() || daemon.try_status().is_some()
        });
        assert!(
            answers && exited.is_none(),
            "the daemon did not start ({exited:?}):\n{}",
            daemon.text()
        );
        daemon
    }

    /// The same without waiting for anything, for a daemon that is to end at once.
    pub fn spawn(&self) -> Daemon {
        let folder = tempfile::Builder::new().prefix("daemon-").tempdir();
        self.spawn_in(folder.expect("a temporary folder"))
    }

    /// The same in a folder that was prepared for it; the control socket comes to be there.
    pub fn spawn_in(&self, folder: TempDir) -> Daemon {
        let config = folder.path().join("config.toml");
        std::fs::write(&config, self.render(folder.path())).expect("config.toml");
        let binary = self.binary.clone().unwrap_or_else(super::binary);
        let mut command = match self.through.split_first() {
            Some((program, arguments)) => {
                let mut command = undisturbed(program);
                command.args(arguments).arg(&binary);
                command
            }
            None => undisturbed(&binary),
        };
        command.arg("run").arg("-c").arg(&config);
        command.args(&self.arguments).envs(&self.environment);
        Daemon {
            running: Running::start(&mut command),
            binary,
            folder,
        }
    }

    fn render(&self, folder: &Path) -> String {
        let control = format!("\"{}\"", folder.join("control.sock").display());
        let control = BTreeMap::from([("socket".to_owned(), control)]);
        let state = format!("\"{}\"", self.state_dir.display());
        let state = BTreeMap::from([("dir".to_owned(), state)]);
        let mut text = String::new();
        for (name, keys) in [
            ("haproxy", &self.haproxy),
            ("log", &self.log),
            ("control", &control),
            ("state", &state),
            ("backend.web", &self.backend),
            ("backend.web.warm_up", &self.warm_up),
        ] {
            let _ = writeln!(text, "[{name}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text + &self.more
    }
}

impl Told {
    /// It tells this change (`enable`, `would drain`) of this server, or of the backend or all of
    /// HAProxy (`-`).
    pub fn is(&self, change: &str, server: &str) -> bool {
        let words = format!(" {change} ");
        let Some((_, rest)) = self.text.split_once(&words) else {
            return server == "-" && self.text.contains(&format!(" {change}: "));
        };
        let place = rest.split_once(": ").map_or(rest, |(place, _)| place);
        place.split_once('/').map_or("-", |(_, server)| server) == server
    }
}

/// A running daemon with a folder of its own. Killed when dropped.
pub struct Daemon {
    running: Running,
    binary: PathBuf,
    folder: TempDir,
}

impl Daemon {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Everything it wrote so far, line by line.
    pub fn told(&self) -> Vec<Told> {
        self.running.err.told()
    }

    /// The same as one text, to be shown when a test fails.
    pub fn text(&self) -> String {
        self.running.err.text()
    }

    /// How often it told this change of this server, see [`Told::is`].
    pub fn count(&self, change: &str, server: &str) -> usize {
        let told = self.told();
        told.iter().filter(|told| told.is(change, server)).count()
    }

    /// Waits until it has told this change of this server `times` times; returns that line.
    #[track_caller]
    pub fn wait_for_nth(&self, change: &str, server: &str, times: usize, limit: Duration) -> Told {
        let nth = || {
            let told = self.told();
            told.into_iter()
                .filter(|told| told.is(change, server))
                .nth(times - 1)
        };
        let found = holds_within(limit, || nth().is_some());
        assert!(
            found,
            "no {change} of {server} within {limit:?} (number {times}):\n{}",
            self.text()
        );
        nth().expect("just found")
    }

    /// Waits until it has told this change of this server; returns that line.
    #[track_caller]
    pub fn wait_for(&self, change: &str, server: &str, limit: Duration) -> Told {
        self.wait_for_nth(change, server, 1, limit)
    }

    /// What the daemon answers on its control socket.
    pub fn status(&self) -> Value {
        self.try_status()
            .unwrap_or_else(|| panic!("no status:\n{}", self.text()))
    }

    /// The same, `None` while nobody answers. It is what the text of `status` is made from, with
    /// notes and problems, which `status --json` leaves out.
    pub fn try_status(&self) -> Option<Value> {
        let answer = control::ask_status(&self.control_socket()).ok()?;
        Some(serde_json::from_str(&answer).expect("the daemon answers in JSON"))
    }

    /// Where it is asked.
    pub fn control_socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// Runs another command of the binary with this daemon's configuration.
    pub fn ask(&self, arguments: &[&str]) -> Ran {
        let mut command = undisturbed(&self.binary);
        command.args(arguments).arg("-c").arg(self.config());
        finish(&mut command, b"")
    }

    /// The stage that `status` shows for a server of backend `web`.
    pub fn stage(&self, server: &str) -> String {
        let status = self.status();
        let servers = status["backends"][0]["servers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let found = servers.iter().find(|row| row["name"] == server);
        let stage = found.and_then(|row| row["stage"].as_str().map(str::to_owned));
        stage.unwrap_or_default()
    }

    /// Everything in `problems` of `status`, of the daemon and of its backends.
    pub fn problems(&self) -> String {
        let status = self.status();
        format!(
            "{} {}",
            status["problems"], status["backends"][0]["problems"]
        )
    }

    /// Still running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.running.child.try_wait(), Ok(None))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Sends SIGTERM; the exit code, and how long it took. Panics when it does not end.
    pub fn terminate(&mut self, limit: Duration) -> (Option<i32>, Duration) {
        let sent = Instant::now();
        self.signal(Signal::TERM);
        (self.wait_for_exit(limit), sent.elapsed())
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Waits for its end; the exit code.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Option<i32> {
        let status = self.running.ended(limit);
        self.running.close();
        status.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.running.kill();
        if std::thread::panicking() {
            eprintln!("--- what the daemon wrote ---\n{}", self.text());
        }
    }
}
