//! How the daemon ends, and what it finds when it starts.

use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web};
use crate::support::{
    Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// From SIGTERM to the end.
const STOP_LIMIT: Duration = Duration::from_secs(2);

#[test]
fn sigterm_puts_a_half_way_spare_back_and_leaves_ready_servers_as_they_are() {
    for_each_version_at_once(|version| {
        // The first spare helps, and is not enough.
        let web1 = TinyServer::start("web1", Behaviour::delay_ms(450));
        let web2 = TinyServer::start("web2", slow());
        // Its warm-up passes and HAProxy's check never does: it stays between drain and ready.
        let sick = Behaviour {
            check_status: 503,
            ..fast()
        };
        let web3 = TinyServer::start("web3", sick);
        let haproxy = RealHaproxy::start(
            version,
            HaproxyConfig::new(web(CHECK, &[&web1, &web2, &web3])),
        );
        let states = StateWatch::start(&haproxy);
        let mut daemon = DaemonConfig::new(&haproxy)
            .backend("scale_up_cooldown", "\"200ms\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        wait_for("draining-in", SOON, || states.now("web3") == "drain");
        wait_for("draining-in in status", SOON, || {
            daemon.stage("web3") == "draining-in"
        });
        let (code, took) = daemon.terminate(SOON);
        assert_eq!(code, Some(0), "{}", daemon.text());
        assert!(took < STOP_LIMIT, "{took:?}");
        wait_for("maint", SOON, || states.now("web3") == "maint");
        assert_eq!(states.now("web2"), "ready");
        assert_eq!(states.of("web1"), ["ready"]);
        assert_no_user_on(&web3);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn sigterm_during_a_warm_up_ends_at_once_and_changes_nothing() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let hanging = Behaviour {
            hang: true,
            ..fast()
        };
        let web2 = TinyServer::start("web2", hanging);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web("", &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let mut daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("the warm-up", SOON, || web2.count(Visitor::WarmUp) > 0);
        assert_eq!(daemon.stage("web2"), "warming");
        let (code, took) = daemon.terminate(SOON);
        assert_eq!(code, Some(0));
        assert!(took < STOP_LIMIT, "{took:?}");
        assert_eq!(states.of("web2"), ["maint"]);
        assert_users_content(&load, &[&web1]);
    });
}

#[test]
fn a_spare_that_is_ready_when_the_daemon_starts_is_adopted_and_goes_when_it_is_quiet() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let load = Load::open(haproxy.frontend(), RATE);
        let mut first = DaemonConfig::new(&haproxy).start();
        first.wait_for("enable", "web2", SOON);
        first.terminate(SOON);
        let second = DaemonConfig::new(&haproxy).start();
        wait_for("adoption", SOON, || second.stage("web2") == "ready");
        web1.change(|behaviour| *behaviour = fast());
        second.wait_for("disable", "web2", SOON);
        wait_for("maint to be seen", SOON, || states.now("web2") == "maint");
        assert_eq!(states.path("web2"), ["maint", "ready", "maint"]);
        assert_eq!(second.count("drain", "web2"), 1);
        assert_eq!(second.count("hold", "web2"), 0);
        assert_users_content(&load, &[&web1, &web2]);
    });
}
