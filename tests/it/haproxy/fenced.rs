//! Real fence agents beside a real HAProxy: Debian's `fence_dummy`, and agents that time out or do not know.
//! The state of its machine is a file; whoever watches it listens while it says `on`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::machines::A_JOURNEY;
use super::scene::{CHECK, SOON, assert_no_user_on, fast, slow, web};
use crate::support::program::in_repository;
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, versions, wait_for,
};

/// As a hypervisor does.
struct Watched {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<TinyServer>>,
}

impl Watched {
    fn start(file: PathBuf, mut server: TinyServer) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ours = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !ours.load(Ordering::SeqCst) {
                let state = fs::read_to_string(&file).unwrap_or_default();
                if state.trim() == "on" {
                    server.revive();
                } else {
                    server.die();
                }
                thread::sleep(Duration::from_millis(20));
            }
            server
        });
        Self {
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let ended = self.thread.take().map(JoinHandle::join);
        drop(ended);
    }
}

/// A table for a machine of that spare.
fn table(server: &str, agent: &str, options: &str) -> String {
    format!(
        "[backend.web.server.{server}.machine]\nprovider = \"fence\"\nagent = \"{agent}\"\n\
         options = {{ {options} }}\nstart_timeout = \"4s\"\nstop_timeout = \"8s\"\n"
    )
}

#[test]
fn a_fenced_machine_serves_beside_agents_that_time_out_or_do_not_know() {
    let Some(version) = versions().first() else {
        return;
    };
    if !Path::new("/usr/sbin/fence_dummy").exists() {
        let is_required = std::env::var_os("FENCE_REQUIRED").is_some();
        assert!(!is_required, "apt-get install fence-agents");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (agent, machines) = (
        folder.path().join("fence_files"),
        folder.path().join("machines"),
    );
    fs::copy(in_repository("tests/data/fence_files.py"), &agent).expect("an agent of ours");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("its mode");
    fs::create_dir(&machines).expect("a folder");
    // One that never comes to an end, and one that is neither on nor off.
    fs::write(machines.join("web3"), "pending").expect("a state");
    let hung = folder.path().join("fence_hangs");
    fs::write(
        &hung,
        "#!/bin/sh\ngrep -q action=status && exit 2\nexec sleep 1000\n",
    )
    .expect("one");
    fs::set_permissions(&hung, fs::Permissions::from_mode(0o755)).expect("its mode");
    let file = folder.path().join("dummy");
    fs::write(&file, "off").expect("a state");
    let web1 = TinyServer::start("web1", fast());
    let [web2, web3, web4] = ["web2", "web3", "web4"].map(|it| TinyServer::dead(it, fast()));
    let servers = [&web1, &web2, &web3, &web4];
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &servers)));
    let _web4 = Watched::start(file.clone(), web4);
    let options = format!("folder = \"{}\"", machines.display());
    let tables = [
        table("web2", &hung.display().to_string(), "ip = \"10.0.0.1\""),
        table("web3", &agent.display().to_string(), &options),
        table(
            "web4",
            "fence_dummy",
            &format!("status_file = \"{}\"", file.display()),
        ),
    ];
    let daemon = DaemonConfig::new(&haproxy)
        .backend("scale_up_cooldown", "\"1s\"")
        .backend("drain_timeout", "\"2s\"")
        .more(&tables.concat())
        .start();
    let load = Load::open(haproxy.frontend(), 20.0);
    wait_for("off", SOON, || daemon.stage("web4") == "off");
    web1.change(|its| *its = slow());
    let timed_out = daemon.wait_for("machine_failed", "web2", A_JOURNEY);
    assert!(timed_out.text.contains("4s"), "{}", timed_out.text);
    daemon.wait_for("machine_failed", "web3", A_JOURNEY);
    daemon.wait_for("enable", "web4", A_JOURNEY);
    wait_for("users", SOON, || load.count_of("web4") > 5);
    assert_eq!(fs::read_to_string(&file).expect("its state").trim(), "on");
    web1.change(|its| *its = fast());
    daemon.wait_for("machine_stopped", "web4", A_JOURNEY);
    assert_eq!(fs::read_to_string(&file).expect("its state").trim(), "off");
    assert_eq!(daemon.stage("web4"), "off", "{}", daemon.text());
    [&web2, &web3].into_iter().for_each(assert_no_user_on);
    let failures = load.failures();
    assert!(failures.is_empty(), "{failures:?}\n{}", daemon.text());
}
