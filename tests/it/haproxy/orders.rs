//! An operator's orders to a daemon beside a real HAProxy, over restarts too.

use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web};
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// Long enough for the daemon to do what it should not.
const A_WHILE: Duration = Duration::from_secs(3);

#[test]
fn enable_warms_up_checks_and_keeps_in_and_disable_drains() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast().cold_for_requests(2, 50));
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("idle_timeout", "\"1s\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("the first look", SOON, || daemon.stage("web2") == "maint");
        let text = daemon
            .ask(&["enable", "web/web2", "--for", "1h"])
            .succeeded();
        assert!(
            text.contains("warmed up, checked and then made ready; kept in for 1h"),
            "{text}"
        );
        daemon.wait_for("enable", "web2", SOON);
        assert!(web2.count(Visitor::WarmUp) >= 3 && web2.count(Visitor::Check) > 0);
        wait_for("users", SOON, || web2.count(Visitor::User) > 5);
        std::thread::sleep(A_WHILE);
        assert_eq!(
            states.path("web2"),
            ["maint", "ready"],
            "kept although it is quiet"
        );
        daemon.ask(&["disable", "web/web2"]).succeeded();
        daemon.wait_for("disable", "web2", SOON);
        wait_for("maint", SOON, || states.now("web2") == "maint");
        assert_eq!(states.path("web2"), ["maint", "ready", "maint"]);
        assert_eq!(daemon.count("drain", "web2"), 1);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_pause_survives_kill_9_and_nothing_is_written_until_resume() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let folder = tempfile::tempdir().expect("a folder");
        let states = StateWatch::start(&haproxy);
        let config = DaemonConfig::new(&haproxy).state_dir(folder.path());
        let mut first = config.start();
        first.ask(&["pause"]).succeeded();
        first.kill();
        let second = config.start();
        let load = Load::open(haproxy.frontend(), RATE);
        second.wait_for("paused", "web2", SOON);
        std::thread::sleep(A_WHILE);
        assert_eq!(states.of("web2"), ["maint"]);
        assert_no_user_on(&web2);
        assert_eq!(web2.count(Visitor::WarmUp), 0);
        second.ask(&["resume"]).succeeded();
        second.wait_for("enable", "web2", SOON);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_pause_in_the_middle_of_the_checks_takes_the_spare_back_to_maint() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        // Full health takes seconds.
        let check = "check inter 2s fastinter 2s downinter 2s rise 3 fall 3";
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(check, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("draining-in", SOON, || {
            daemon.stage("web2") == "draining-in" && states.now("web2") == "drain"
        });
        let text = daemon.ask(&["pause", "web", "--for", "1h"]).succeeded();
        assert!(text.contains("web2 is in transition"), "{text}");
        wait_for("maint", SOON, || states.now("web2") == "maint");
        std::thread::sleep(A_WHILE);
        assert_eq!(states.of("web2"), ["maint", "drain", "maint"]);
        assert_users_content(&load, &[&web1]);
    });
}

#[test]
fn a_spare_drained_by_hand_while_the_daemon_was_dead_is_on_hold() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let folder = tempfile::tempdir().expect("a folder");
        let config = DaemonConfig::new(&haproxy).state_dir(folder.path());
        let mut first = config.start();
        let load = Load::open(haproxy.frontend(), RATE);
        first.wait_for("enable", "web2", SOON);
        first.terminate(SOON);
        haproxy.set_state("web/web2", "drain");
        let second = config.start();
        second.wait_for("hold", "web2", SOON);
        std::thread::sleep(A_WHILE);
        assert_eq!(
            haproxy.status("web", "web2").split(' ').next(),
            Some("DRAIN")
        );
        assert_users_content(&load, &[&web1, &web2]);
    });
}
