//! What a service manager is told, and what makes the watchdog bite.

use std::collections::VecDeque;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use haproxy_autoscale::daemon::{self, Supervisor};
use haproxy_autoscale::publish::hub::Hub;
use rustix::process::Signal;

use crate::support::{Daemon, DaemonConfig, wait_for};

/// For something that should take a moment; generous, machines under test are busy.
const SOON: Duration = Duration::from_secs(20);
/// Long enough that a daemon which feeds its watchdog several times in it would have done so.
const SILENCE: Duration = Duration::from_millis(1500);
/// `WATCHDOG_USEC`: a sign of life every 100 ms.
const WATCHDOG_US: &str = "200000";

/// A service manager's socket.
struct Manager {
    socket: UnixDatagram,
    seen: VecDeque<String>,
}

impl Manager {
    fn at(path: &Path) -> Self {
        Self::of(UnixDatagram::bind(path).unwrap())
    }

    fn of(socket: UnixDatagram) -> Self {
        Self {
            socket,
            seen: VecDeque::new(),
        }
    }

    /// The next message that came or comes within `limit`.
    fn next(&mut self, limit: Duration) -> Option<String> {
        let mut bytes = [0; 4096];
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let count = self.socket.recv(&mut bytes).ok()?;
        let text = String::from_utf8(bytes[..count].to_vec()).unwrap();
        self.seen.push_back(text.clone());
        Some(text)
    }

    /// Waits for one that begins like that; what came before it is gone.
    #[track_caller]
    fn wait_for(&mut self, start: &str) -> String {
        let end = Instant::now() + SOON;
        while Instant::now() < end {
            match self.next(SOON) {
                Some(text) if text.starts_with(start) => return text,
                Some(_) | None => {}
            }
        }
        panic!("no {start} in {SOON:?}, only {:?}", self.seen);
    }

    /// Takes all that has come so far.
    fn drain(&mut self) {
        while self.next(Duration::from_millis(1)).is_some() {}
    }

    /// All that comes within [`SILENCE`].
    fn listen(&mut self) -> Vec<String> {
        let end = Instant::now() + SILENCE;
        let mut heard = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            heard.extend(self.next(left.max(Duration::from_millis(1))));
        }
        heard
    }
}

/// A configuration of which nothing is there: neither HAProxy nor its log.
fn config(folder: &Path) -> DaemonConfig {
    DaemonConfig::at(&folder.join("admin.sock"), &folder.join("haproxy.log"))
}

fn started(folder: &Path) -> (Manager, Daemon) {
    let path = folder.join("notify.sock");
    let manager = Manager::at(&path);
    let daemon = config(folder)
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", WATCHDOG_US)
        .start();
    (manager, daemon)
}

#[test]
fn it_tells_that_it_is_ready_what_it_does_that_it_lives_and_that_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (mut manager, mut daemon) = started(folder.path());
    let ready = manager.wait_for("READY=1");
    assert_eq!(ready, format!("READY=1\nMAINPID={}", daemon.pid()));
    let status = manager.wait_for("STATUS=");
    assert!(status.starts_with("STATUS=acting; web "), "{status}");
    assert_eq!(status.lines().count(), 1, "{status}");
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1");
    }
    let (code, _) = daemon.terminate(SOON);
    assert_eq!(code, Some(0));
    manager.wait_for("STOPPING=1");
    manager.drain();
    let last = manager.seen.back().unwrap();
    assert!(last.starts_with("STOPPING=1"), "{last}");
    let readies = manager.seen.iter().filter(|it| it.starts_with("READY=1"));
    assert_eq!(readies.count(), 1, "{:?}", manager.seen);
}

#[test]
fn an_haproxy_that_never_answers_keeps_it_from_neither() {
    let folder = tempfile::tempdir().unwrap();
    let _never_accepts = UnixListener::bind(folder.path().join("admin.sock")).unwrap();
    let (mut manager, _daemon) = started(folder.path());
    manager.wait_for("READY=1");
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1");
    }
    assert!(
        manager.seen.iter().any(|text| text.starts_with("STATUS=")),
        "{:?}",
        manager.seen
    );
}

#[test]
fn a_sighup_is_told_from_its_beginning_to_its_end_whatever_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut manager, daemon) = started(folder.path());
    manager.wait_for("READY=1");
    let mut last_us = 0;
    for text in [None, Some("nonsense")] {
        if let Some(text) = text {
            std::fs::write(daemon.config(), text).unwrap();
        }
        daemon.signal(Signal::HUP);
        let reloading = manager.wait_for("RELOADING=1");
        let at_us = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        let at_us: u64 = at_us.unwrap().parse().unwrap();
        assert!(at_us > last_us, "{at_us} after {last_us}");
        last_us = at_us;
        manager.wait_for("READY=1");
    }
    wait_for("the bad file in the status line", SOON, || {
        manager.next(SOON);
        let last = manager.seen.iter().rfind(|it| it.starts_with("STATUS="));
        last.is_some_and(|it| it.ends_with("problems"))
    });
}

#[test]
fn one_that_is_stopped_gives_no_sign_of_life_until_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut manager, daemon) = started(folder.path());
    manager.wait_for("WATCHDOG=1");
    daemon.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", daemon.pid());
    wait_for("a stopped process", SOON, || {
        std::fs::read_to_string(&stat).unwrap().contains(") T ")
    });
    manager.drain();
    assert_eq!(manager.listen(), [""; 0]);
    daemon.signal(Signal::CONT);
    manager.wait_for("WATCHDOG=1");
}

#[test]
fn a_loop_that_is_stuck_gives_no_sign_of_life_whatever_else_goes_on_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify.sock");
    let mut manager = Manager::at(&path);
    let text = format!(
        "[haproxy]\nsocket = \"{0}/admin.sock\"\n[log]\nsource = \"{0}/x.log\"\n\
         [control]\nsocket = \"{0}/control.sock\"\n[state]\ndir = \"\"\n\
         [backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n",
        folder.path().display()
    );
    let config = haproxy_autoscale::config::parse(&text, "text").unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let is_stuck = Arc::new(AtomicBool::new(false));
    let stuck = Arc::clone(&is_stuck);
    let thread =
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let supervisor = Supervisor::new(path.as_os_str(), Some(Duration::from_millis(200)));
            runtime.block_on(async {
            let (_sender, reloads) = tokio::sync::mpsc::channel(1);
            let stop = async move {
                let _ = stopped.await;
            };
            let supervisor = supervisor.unwrap();
            let mut daemon =
                pin!(daemon::run_with(config.config, stop, reloads, supervisor, Hub::new()));
            // The runtime goes on with every task but the loop.
            loop {
                tokio::select! {
                    ended = &mut daemon, if !stuck.load(Ordering::SeqCst) => break ended.unwrap(),
                    () = tokio::time::sleep(Duration::from_millis(5)) => {}
                }
            }
        });
        });
    manager.wait_for("WATCHDOG=1");
    is_stuck.store(true, Ordering::SeqCst);
    manager.listen(); // What was under way.
    assert_eq!(manager.listen(), [""; 0]);
    is_stuck.store(false, Ordering::SeqCst);
    manager.wait_for("WATCHDOG=1");
    manager.wait_for("WATCHDOG=1");
    stop.send(()).unwrap();
    thread.join().unwrap();
}

#[test]
fn an_abstract_name_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("haproxy-autoscale-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let mut manager = Manager::of(UnixDatagram::bind_addr(&address).unwrap());
    let _daemon = config(folder.path())
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .start();
    manager.wait_for("READY=1");
    let heard = manager.listen();
    assert!(
        !heard.iter().any(|it| it.starts_with("WATCHDOG")),
        "no watchdog was asked for: {heard:?}"
    );
}

#[test]
fn the_watchdog_of_another_process_is_not_fed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify.sock");
    let mut manager = Manager::at(&path);
    let config = config(folder.path())
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", WATCHDOG_US);
    let other = config.clone().env("WATCHDOG_PID", "1").start();
    manager.wait_for("READY=1");
    manager.wait_for("STATUS=");
    manager.listen();
    let fed = |manager: &Manager| manager.seen.iter().any(|it| it == "WATCHDOG=1");
    assert!(!fed(&manager), "{:?}", manager.seen);
    drop(other);
    let through = ["/bin/sh", "-c", "WATCHDOG_PID=$$ exec \"$@\"", "sh"];
    let _own = config.through(&through).start();
    manager.wait_for("WATCHDOG=1");
}

#[test]
fn a_service_manager_that_cannot_be_reached_is_said_once_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone.sock");
    for name in [gone.to_str().unwrap(), "vsock:2:1234", "relative"] {
        let mut daemon = config(folder.path())
            .env("NOTIFY_SOCKET", name)
            .env("WATCHDOG_USEC", WATCHDOG_US)
            .start();
        let said = || {
            daemon
                .text()
                .matches("cannot tell the service manager")
                .count()
        };
        wait_for("a word about it", SOON, || said() > 0);
        assert_eq!(daemon.status()["mode"], "act");
        assert_eq!(said(), 1, "{}", daemon.text());
        assert_eq!(daemon.terminate(SOON).0, Some(0));
    }
}
