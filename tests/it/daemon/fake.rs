//! A pretend HAProxy on a real admin socket, which can fall silent, and a daemon beside it. No test
//! lives here.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use haproxy_autoscale::sim::haproxy::Haproxy;
use haproxy_autoscale::sim::micros;
use rustix::process::Signal;

use crate::support::program::{Ran, Running, SOON, file, program, run};
use crate::support::{LogFile, serve, wait_for};

/// The admin socket of a pretend HAProxy with `web/web1` ready and `web/web2` a spare.
pub(super) struct FakeHaproxy {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_hanging: AtomicBool,
    never_answers_set: AtomicBool,
    lines: Mutex<Vec<(SystemTime, String)>>,
}

impl FakeHaproxy {
    pub(super) fn start(socket: &Path) -> Self {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        // Port 9 is nobody's: the spare is dead.
        let servers = [("web1", address(9), false), ("web2", address(9), true)];
        let haproxy = Mutex::new(Haproxy::new(4711, 1_795_312_498, &servers));
        let started = Instant::now();
        let shared = Arc::<Shared>::default();
        let ours = Arc::clone(&shared);
        serve(socket, move |line| {
            let is_heard = ours.hear(line);
            let mut haproxy = haproxy.lock().unwrap_or_else(PoisonError::into_inner);
            is_heard.then(|| haproxy.answer(line, micros(started.elapsed())))
        });
        Self { shared }
    }

    /// From now on it accepts and never answers.
    pub(super) fn hang(&self) {
        self.shared.is_hanging.store(true, Ordering::SeqCst);
    }

    /// Every line that it was sent.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.shared.lines();
        lines.iter().map(|(_, line)| line.clone()).collect()
    }

    /// From now on it takes commands that change something and never answers them.
    pub(super) fn never_answer_set(&self) {
        self.shared.never_answers_set.store(true, Ordering::SeqCst);
    }

    /// When the first command came that changes something.
    pub(super) fn first_set(&self) -> Option<SystemTime> {
        let lines = self.shared.lines();
        let set = lines.iter().find(|(_, line)| line.starts_with("set "))?;
        Some(set.0)
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Vec<(SystemTime, String)>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a line; whether it is obeyed and answered.
    fn hear(&self, line: &str) -> bool {
        self.lines().push((SystemTime::now(), line.to_owned()));
        let is_lost = line.starts_with("set ") && self.never_answers_set.load(Ordering::SeqCst);
        !is_lost && !self.is_hanging.load(Ordering::SeqCst)
    }
}

/// A folder with a configuration and everything that it names.
pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    pub(super) config: String,
    pub(super) log: LogFile,
    pub(super) control: PathBuf,
    pub(super) admin: PathBuf,
}

impl Place {
    pub(super) fn new() -> Self {
        Self::with_control("control.sock")
    }

    /// `control` is the control socket's path in the folder.
    pub(super) fn with_control(control: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (admin, control, log) = (path("admin.sock"), path(control), path("x.log"));
        let [admin_text, control_text, log_text] =
            [&admin, &control, &log].map(|path| path.display());
        let text = format!(
            "[haproxy]\nsocket = \"{admin_text}\"\ntimeout = \"300ms\"\n\
             poll_interval = \"100ms\"\n[log]\nsource = \"{log_text}\"\n\
             [control]\nsocket = \"{control_text}\"\n[state]\ndir = \"\"\n\
             [backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n\
             [backend.web.warm_up]\ndeadline = \"1s\"\n"
        );
        Self {
            config: file(folder.path(), "config.toml", text),
            log: LogFile::open(&log),
            folder,
            control,
            admin,
        }
    }

    /// Starts the daemon and waits until it reads the log.
    pub(super) fn daemon(&self) -> Running {
        let running = Running::start(&mut program(&["run", "-c", &self.config]));
        running.err.wait_for("reading the log");
        running
    }

    pub(super) fn status(&self) -> Ran {
        run(&["status", "-c", &self.config])
    }

    /// What the daemon says about itself.
    pub(super) fn json(&self) -> serde_json::Value {
        let out = run(&["status", "--json", "-c", &self.config]).succeeded();
        serde_json::from_str(&out).unwrap()
    }

    /// Waits until it says that.
    #[track_caller]
    pub(super) fn wait_for(&self, what: &str, is: impl Fn(&serde_json::Value) -> bool) {
        wait_for(what, SOON, || is(&self.json()));
    }

    /// One request of so many milliseconds.
    pub(super) fn request(&self, response_ms: u32) {
        let line = format!(
            "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe web/web1 0/0/0/{response_ms}/{response_ms} \
             200 161 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\""
        );
        self.log.append(line.as_bytes());
    }

    /// Sends that to the control socket; what came back until the daemon hung up.
    pub(super) fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(&self.control).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        // It may hang up before it has read everything.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Ends a daemon as systemd does, with exit code 0; how long that took.
#[track_caller]
pub(super) fn stop(running: &mut Running, signal: Signal) -> Duration {
    let (code, took) = running.stop(signal);
    assert_eq!(code, Some(0), "{}", running.err.text());
    // What hangs, hangs for longer; what is promised is 2 s, where the machine has time for it.
    assert!(took < Duration::from_secs(10), "{took:?}");
    took
}
