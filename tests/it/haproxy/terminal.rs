//! `top` in a real terminal, which tmux plays, beside a real HAProxy: what is seen, and an order whose effect
//! is seen at HAProxy.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::scene::{CHECK, RATE, SOON, fast, web};
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, binary,
    for_each_version_at_once, wait_for,
};

/// A terminal of 80 × 24 with `top` in it, on a tmux server of its own.
struct Tmux {
    socket: tempfile::TempDir,
}

impl Tmux {
    fn start(config: &Path, arguments: &str) -> Self {
        let tmux = Self {
            socket: tempfile::tempdir().expect("a folder"),
        };
        let binary = binary();
        let top = format!(
            "env -u NO_COLOR {} top -c {} {arguments}; echo ended with $?; sleep 60",
            binary.display(),
            config.display()
        );
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", &top]);
        tmux
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let ran = Command::new("tmux")
            .arg("-S")
            .arg(self.socket.path().join("tmux"))
            .args(["-f", "/dev/null"])
            .args(arguments)
            .output()
            .expect("tmux; tests/run installs it");
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    fn press(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let mut last = String::new();
        let seen = crate::support::holds_within(SOON, || {
            last = self.screen();
            last.contains(text)
        });
        assert!(seen, "{text:?} does not come:\n{last}");
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .arg("-S")
            .arg(self.socket.path().join("tmux"))
            .arg("kill-server")
            .output();
    }
}

#[test]
fn top_shows_it_gives_an_order_and_outlives_the_daemon() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let folder = tempfile::tempdir().expect("a folder");
        let config = DaemonConfig::new(&haproxy).state_dir(folder.path());
        let mut daemon = config.start();
        let _load = Load::open(haproxy.frontend(), RATE);
        wait_for("the first look", SOON, || daemon.stage("web2") == "maint");
        let tmux = Tmux::start(&daemon.config(), "--interval 200ms");
        tmux.wait_for("acting · HAProxy");
        tmux.wait_for("web2");
        // The daemon's, which is older than this terminal.
        tmux.wait_for("last 5 min · ┄ goal");
        tmux.press(&["Down", "Down"]);
        tmux.press(&["e"]);
        tmux.wait_for("enable web/web2?");
        assert_eq!(states.path("web2"), ["maint"], "asked, not ordered");
        tmux.press(&["y"]);
        tmux.wait_for("kept in");
        wait_for("ready", SOON, || states.now("web2") == "ready");
        tmux.wait_for("2 / 2  ");
        tmux.press(&["Tab"]);
        tmux.wait_for("web/web2");
        daemon.kill();
        tmux.wait_for("NO ANSWER");
        tmux.press(&["q"]);
        tmux.wait_for("ended with 0");
    });
}

#[test]
fn top_leaves_the_terminal_as_it_was_when_it_is_told_to_end() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1])));
        let daemon = DaemonConfig::new(&haproxy).start();
        let tmux = Tmux::start(&daemon.config(), "--read-only");
        tmux.wait_for("acting · HAProxy");
        tmux.press(&["C-c"]);
        tmux.wait_for("ended with 0");
    });
}

/// The lines that a daemon of before the curve was asked, which takes what it does not know for an order.
fn old_daemon(socket: &Path) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(socket).expect("a socket");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&asked);
    let backend = |name: &str| {
        json!({
            "name": name, "state": "ok", "statistic_ms": 66.0, "threshold_ms": 250.0, "breaches": 0,
            "breaches_needed": 3, "servers": [], "next": "no change", "serving": 1, "wanted": 1,
            "demand_per_s": 3.5, "in_flight": 0,
            "capacity": { "proved_per_s": null, "broken_per_s": null, "source": "none" },
            "reason": { "code": "nothing_to_do", "text": "no change" },
            "pause": null, "pin": null, "hold": null, "quarantine": null, "order": null,
            "window_requests": 20, "paused": null, "problems": [],
            "measure": { "signal": "response_time", "statistic": "mean", "value": 66.0,
                         "threshold": 250.0, "unit": "ms" },
            "carries": null, "votes": [],
        })
    };
    let status = json!({
        "mode": "act", "haproxy": { "version": "2.6.12", "connected": true },
        "log": { "source": "/var/log/haproxy.log", "lines": 42, "rejected": 0, "lag_ms": 12,
                 "state": "read", "lost": 0, "refused": 0 },
        "backends": [backend("web"), backend("api")], "problems": [],
    });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a caller");
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            let line = line.trim().to_owned();
            let answer = match &*line {
                "status" => status.to_string(),
                events if events.starts_with("events ") => String::new(),
                _ => json!({ "verdict": "refused", "texts": ["no such order"] }).to_string(),
            };
            lines.lock().expect("the lines").push(line);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    asked
}

#[test]
fn a_daemon_of_before_the_curve_is_asked_for_it_once_and_looks_make_the_curve() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control.sock");
    let asked = old_daemon(&socket);
    let config = folder.path().join("config.toml");
    let text = format!(
        "[haproxy]\nsocket = \"/run/haproxy/admin.sock\"\n[log]\nsource = \"/var/log/haproxy.log\"\n\
         [control]\nsocket = \"{}\"\n[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"250ms\"\n",
        socket.display()
    );
    std::fs::write(&config, text).expect("a configuration");
    let count = |word: &str| {
        let asked = asked.lock().expect("the lines");
        asked.iter().filter(|line| line.starts_with(word)).count()
    };
    let tmux = Tmux::start(&config, "--interval 200ms");
    tmux.wait_for("web: response_time mean 66 / 250 ms · since top began");
    wait_for("the question", SOON, || count("curve ") == 1);
    // Another backend is another question, to a daemon that has the answer.
    tmux.press(&["End"]);
    tmux.wait_for("api: response_time mean 66 / 250 ms · since top began");
    let looks = count("status");
    wait_for("more looks", SOON, || count("status") >= looks + 3);
    assert_eq!(count("curve "), 1);
}
