//! Who may act: observing, not allowed to, and two at once.

use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web};
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// Another one runs.
const EXIT_LOCKED: i32 = 75;

#[test]
fn observing_touches_neither_haproxy_nor_a_spare_and_tells_what_it_would_do() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).argument("--observe").start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("would warm_up", "web2", SOON);
        daemon.wait_for("would enable", "web2", SOON);
        assert_eq!(daemon.status()["mode"], "observe");
        web1.change(|behaviour| *behaviour = fast());
        daemon.wait_for("would drain", "web2", SOON);
        daemon.wait_for("would disable", "web2", SOON);
        assert_eq!(states.seen().len(), 2, "{:?}", states.seen());
        assert!(web2.visits().is_empty(), "{:?}", web2.visits());
        assert_users_content(&load, &[&web1]);
    });
}

#[test]
fn observing_a_backend_that_is_down_its_spare_would_serve() {
    for_each_version_at_once(|version| {
        let mut web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let daemon = DaemonConfig::new(&haproxy).argument("--observe").start();
        wait_for("it reads HAProxy", SOON, || daemon.stage("web2") == "maint");
        web1.die();
        daemon.wait_for("would enable", "web2", SOON);
        wait_for("it would serve", SOON, || {
            let status = daemon.status();
            let servers = status["backends"][0]["servers"].as_array().cloned();
            servers
                .unwrap_or_default()
                .iter()
                .any(|it| it["name"] == "web2" && it["serving"] == true)
        });
        assert!(
            !daemon.text().contains("it is a backup"),
            "{}",
            daemon.text()
        );
    });
}

#[test]
fn an_operator_level_socket_is_said_and_nothing_is_changed() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let mut daemon = DaemonConfig::at(&haproxy.operator_socket(), &haproxy.log()).start();
        wait_for("the level", SOON, || {
            daemon.problems().contains("has level operator")
        });
        let out = daemon.ask(&["enable", "web/web2"]);
        let text = out.failed(1);
        assert!(text.contains("write `level admin`"), "{text}");
        let load = Load::open(haproxy.frontend(), RATE);
        let failed = daemon.wait_for("enable_failed", "web2", SOON);
        let said = "HAProxy answered \"Permission denied\"; write `level admin`";
        assert!(failed.text.contains(said), "{}", failed.text);
        let problems = daemon.problems();
        assert!(problems.contains("has level operator"), "{problems}");
        assert!(daemon.is_running());
        assert_eq!(states.of("web2"), ["maint"]);
        assert_no_user_on(&web2);
        assert_users_content(&load, &[&web1]);
    });
}

#[test]
fn of_two_acting_daemons_the_second_ends_and_an_observing_one_may_stand_beside() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let mut first = DaemonConfig::new(&haproxy).start();
        let mut second = DaemonConfig::new(&haproxy).spawn();
        assert_eq!(
            second.wait_for_exit(SOON),
            Some(EXIT_LOCKED),
            "{}",
            second.text()
        );
        let pid = format!("process {}", first.pid());
        assert!(second.text().contains(&pid), "{}", second.text());
        let observing = DaemonConfig::new(&haproxy).argument("--observe").start();
        assert_eq!(observing.status()["mode"], "observe");
        assert_eq!(first.status()["mode"], "act");
        // The lock ends with its holder.
        first.terminate(SOON);
        let third = DaemonConfig::new(&haproxy).start();
        assert_eq!(third.status()["mode"], "act");
        assert_eq!(web2.count(Visitor::WarmUp), 0);
    });
}

#[test]
fn by_a_link_to_the_same_socket_the_second_daemon_is_found_too() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1])));
        let link = haproxy.folder().join("link.sock");
        std::os::unix::fs::symlink(haproxy.admin_socket(), &link).expect("a link");
        let _first = DaemonConfig::new(&haproxy).start();
        let mut second = DaemonConfig::at(&link, &haproxy.log()).spawn();
        assert_eq!(
            second.wait_for_exit(Duration::from_secs(5)),
            Some(EXIT_LOCKED)
        );
    });
}
