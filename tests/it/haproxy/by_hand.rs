//! An operator's hand at HAProxy is respected.

use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, slow, web};
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// Long enough for the daemon to do what it should not.
const A_WHILE: Duration = Duration::from_secs(4);

#[test]
fn a_spare_put_into_maint_by_hand_is_left_there() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("scale_up_cooldown", "\"200ms\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        wait_for("users on the spare", SOON, || {
            web2.count(Visitor::User) > 10
        });
        haproxy.set_state("web/web2", "maint");
        let hold = daemon.wait_for("hold", "web2", SOON);
        assert!(
            hold.text.contains(
                "state changed from ready to maint outside this daemon; leaving it alone for 1h"
            ),
            "{}",
            hold.text
        );
        // Load asks for it all the time.
        let no_spare = daemon.wait_for("no_spare", "-", SOON);
        assert!(no_spare.text.contains("on hold"), "{}", no_spare.text);
        std::thread::sleep(A_WHILE);
        assert_eq!(states.path("web2"), ["maint", "ready", "maint"]);
        assert_eq!(daemon.count("warm_up", "web2"), 1);
        let note = daemon.status()["backends"][0]["servers"][1]["note"].to_string();
        assert!(note.contains("changed outside this daemon"), "{note}");
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_spare_enabled_by_hand_stays_for_the_time_of_the_hold_and_then_goes_like_any_other() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("idle_timeout", "\"1s\"")
            .backend("hold", "\"5s\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("a picture", SOON, || daemon.stage("web2") == "maint");
        haproxy.set_state("web/web2", "ready");
        let hold = daemon.wait_for("hold", "web2", SOON);
        std::thread::sleep(A_WHILE);
        assert_eq!(states.of("web2"), ["maint", "ready"]);
        let drained = daemon.wait_for("drain", "web2", SOON);
        assert!(drained.at - hold.at > A_WHILE);
        daemon.wait_for("disable", "web2", SOON);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn an_always_up_server_drained_by_hand_is_not_touched_and_a_spare_stands_in() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast().cold_for_requests(3, 100));
        let web4 = TinyServer::start("web4", fast());
        let backend = web(CHECK, &[&web1, &web2]).server("web4", web4.address(), CHECK);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("always_up", "[\"web1\", \"web4\"]")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("a picture", SOON, || daemon.stage("web2") == "maint");
        haproxy.set_state("web/web1", "drain");
        let enabled = daemon.wait_for("enable", "web2", Duration::from_secs(4));
        assert!(
            enabled.text.contains("always-up server web1 is draining"),
            "{}",
            enabled.text
        );
        std::thread::sleep(A_WHILE);
        assert_eq!(states.of("web1"), ["ready", "drain"]);
        assert_eq!(states.path("web2"), ["maint", "ready"]);
        assert_eq!(daemon.count("breach", "-"), 0);
        assert_users_content(&load, &[&web1, &web2, &web4]);
    });
}
