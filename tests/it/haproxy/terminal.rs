//! `top` in a real terminal, which tmux plays, beside a real HAProxy: what is seen, and an order whose effect
//! is seen at HAProxy.

use std::process::Command;

use super::scene::{CHECK, RATE, SOON, fast, web};
use crate::support::{
    Daemon, DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, binary,
    for_each_version_at_once, wait_for,
};

/// A terminal of 80 × 24 with `top` in it, on a tmux server of its own.
struct Tmux {
    socket: tempfile::TempDir,
}

impl Tmux {
    fn start(daemon: &Daemon, arguments: &str) -> Self {
        let tmux = Self {
            socket: tempfile::tempdir().expect("a folder"),
        };
        let (binary, config) = (binary(), daemon.config());
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
        let tmux = Tmux::start(&daemon, "--interval 200ms");
        tmux.wait_for("acting · HAProxy");
        tmux.wait_for("web2");
        tmux.press(&["Down", "Down"]);
        tmux.press(&["e"]);
        tmux.wait_for("enable web/web2?");
        assert_eq!(states.path("web2"), ["maint"], "asked, not ordered");
        tmux.press(&["y"]);
        tmux.wait_for("kept in");
        wait_for("ready", SOON, || states.now("web2") == "ready");
        tmux.wait_for("2 of");
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
        let tmux = Tmux::start(&daemon, "--read-only");
        tmux.wait_for("acting · HAProxy");
        tmux.press(&["C-c"]);
        tmux.wait_for("ended with 0");
    });
}
