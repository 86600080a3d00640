//! An admin socket that is full, forbidden or another thing, and an HAProxy whose reload goes wrong
//! or changes names.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::Signal;

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, slow, web};
use crate::support::load::fetch;
use crate::support::{
    Backend, DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, Visitor,
    for_each_version_at_once, holds_within, wait_for,
};

/// Long enough for the daemon to do what it should not.
const A_WHILE: Duration = Duration::from_secs(3);
/// HAProxy's own `stats maxconn`.
const SOCKET_CONNECTIONS: usize = 10;

#[test]
fn a_reload_of_a_broken_haproxy_cfg_changes_nothing() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let good = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).master_worker();
        let mut haproxy = RealHaproxy::start(version, good.clone());
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        let worker = haproxy.worker_pid();
        haproxy.rewrite_config(good.defaults("nonsense here"));
        let is_refused = holds_within(SOON, || {
            haproxy.signal(Signal::USR2);
            std::thread::sleep(Duration::from_millis(500));
            haproxy.complaint().contains("unknown keyword 'nonsense'")
        });
        assert!(is_refused, "{}", haproxy.complaint());
        std::thread::sleep(A_WHILE);
        assert_eq!(haproxy.worker_pid(), worker, "{}", haproxy.complaint());
        assert_eq!(daemon.count("reload", "-"), 0, "{}", daemon.text());
        assert_eq!(states.path("web2"), ["maint", "ready"]);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn the_old_process_of_a_reload_is_not_believed_while_a_user_holds_it() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).master_worker();
        let haproxy = RealHaproxy::start(version, config);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        // Shorter than `hard-stop-after`: the old process ends with this request.
        let frontend = haproxy.frontend();
        let long = std::thread::spawn(move || fetch(frontend, "/?ms=4000"));
        wait_for("the long request", SOON, || {
            let visits = web1.visits().into_iter().chain(web2.visits());
            visits.filter(|visit| visit.path == "/?ms=4000").count() == 1
        });
        haproxy.reload();
        daemon.wait_for_nth("enable", "web2", 2, SOON);
        let answer = long.join().expect("the long request");
        assert!(answer.is_ok(), "{answer:?}");
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(daemon.count("reload", "-"), 1, "{}", daemon.text());
        assert_eq!(daemon.count("hold", "web2"), 0, "{}", daemon.text());
        assert_eq!(haproxy.server_state("web", "web2")["srv_admin_state"], "4");
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_socket_of_level_operator_that_becomes_admin_lets_the_spare_in() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let folder = tempfile::tempdir().expect("a folder");
        let ours = folder.path().join("ours.sock");
        let with_level = |level: &str| {
            HaproxyConfig::new(web(CHECK, &[&web1, &web2]))
                .global(format!("stats socket {} level {level}", ours.display()))
                .master_worker()
        };
        let mut haproxy = RealHaproxy::start(version, with_level("operator"));
        let states = StateWatch::start(&haproxy);
        let mut daemon = DaemonConfig::at(&ours, &haproxy.log()).start();
        let load = Load::open(haproxy.frontend(), RATE);
        let failed = daemon.wait_for("enable_failed", "web2", SOON);
        let said = "HAProxy answered \"Permission denied\"; write `level admin`";
        assert!(failed.text.contains(said), "{}", failed.text);
        let problems = daemon.problems();
        assert!(problems.contains("has level operator"), "{problems}");
        assert_eq!(daemon.status()["haproxy"]["connected"], true, "it can read");
        assert_eq!(states.of("web2"), ["maint"]);
        haproxy.rewrite_config(with_level("admin"));
        haproxy.reload();
        // The spare was put aside for a minute when its drain was refused; an order ends that.
        wait_for("the new process to be known", SOON, || {
            daemon.count("reload", "-") == 1 && daemon.stage("web2") == "maint"
        });
        daemon.ask(&["enable", "web/web2"]).succeeded();
        daemon.wait_for("enable", "web2", SOON);
        wait_for("the problem to be gone", SOON, || {
            !daemon.problems().contains("level operator")
        });
        assert!(daemon.is_running());
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_socket_whose_connections_are_used_up_is_said_and_found_again() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let mut daemon = DaemonConfig::new(&haproxy)
            .haproxy("timeout", "\"300ms\"")
            .start();
        wait_for("the first look", SOON, || daemon.stage("web2") == "maint");
        // The next one is accepted by the kernel and by nobody else.
        let mut idle: Vec<UnixStream> = Vec::new();
        wait_for("no answer", SOON, || {
            if idle.len() < SOCKET_CONNECTIONS {
                idle.extend(UnixStream::connect(haproxy.admin_socket()));
            }
            daemon.count("unreachable", "-") > 0
        });
        let said = daemon.wait_for("unreachable", "-", SOON);
        let socket = haproxy.admin_socket().display().to_string();
        assert!(said.text.contains(&socket), "{}", said.text);
        assert_eq!(daemon.status()["backends"][0]["state"], "unreachable");
        let load = Load::open(haproxy.frontend(), RATE);
        std::thread::sleep(A_WHILE);
        assert_eq!(daemon.count("unreachable", "-"), 1, "{}", daemon.text());
        assert_eq!(web2.count(Visitor::WarmUp), 0, "it acts on no picture");
        drop(idle);
        daemon.wait_for("reachable", "-", SOON);
        daemon.wait_for("enable", "web2", SOON);
        assert!(daemon.is_running());
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn something_else_under_the_name_of_the_socket_is_said_and_the_socket_found_again() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let mut daemon = DaemonConfig::new(&haproxy).start();
        wait_for("the first look", SOON, || daemon.stage("web2") == "maint");
        let (socket, aside) = (haproxy.admin_socket(), haproxy.folder().join("aside.sock"));
        std::fs::rename(&socket, &aside).expect("the socket is put aside");
        std::fs::write(&socket, "no socket").expect("a file of its name");
        daemon.wait_for("unreachable", "-", SOON);
        wait_for("what it is", SOON, || {
            daemon.problems().contains("not a socket")
        });
        assert_eq!(daemon.status()["haproxy"]["connected"], false);
        std::fs::rename(&aside, &socket).expect("the socket is put back");
        daemon.wait_for("reachable", "-", SOON);
        assert_eq!(daemon.count("reload", "-"), 0, "it is the same process");
        assert!(daemon.is_running());
    });
}

#[test]
fn a_renamed_backend_is_said_and_the_others_go_on() {
    for_each_version_at_once(|version| {
        let servers =
            ["web1", "web2", "wiki1", "wiki2"].map(|name| TinyServer::start(name, fast()));
        let [web1, web2, wiki1, wiki2] = &servers;
        let with_name = |name: &str| {
            let wiki = Backend::new(name)
                .server("wiki1", wiki1.address(), CHECK)
                .server("wiki2", wiki2.address(), &format!("{CHECK} disabled"));
            HaproxyConfig::new(web(CHECK, &[web1, web2]))
                .backend(wiki)
                .master_worker()
        };
        let mut haproxy = RealHaproxy::start(version, with_name("wiki"));
        let mut daemon = DaemonConfig::new(&haproxy)
            .more("[backend.wiki]\nalways_up = [\"wiki1\"]\nresponse_time = \"100ms\"\n")
            .start();
        wait_for("the first look", SOON, || daemon.stage("web2") == "maint");
        haproxy.rewrite_config(with_name("pages"));
        haproxy.reload();
        wait_for("the name to be missed", SOON, || {
            let is_said = daemon.text().contains("no backend wiki; it has web, pages");
            is_said && daemon.status()["backends"][1]["state"] == "unknown"
        });
        web1.change(|behaviour| *behaviour = slow());
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        assert_eq!(
            daemon.text().matches("no backend wiki").count(),
            1,
            "{}",
            daemon.text()
        );
        assert!(daemon.is_running());
        assert_eq!(wiki2.count(Visitor::WarmUp), 0);
        assert_users_content(&load, &[web1, web2]);
    });
}
