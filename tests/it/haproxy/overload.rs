//! When more servers do not help, and when there is none left.

use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web};
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// Long enough for the daemon to do what it should not.
const A_WHILE: Duration = Duration::from_secs(4);

#[test]
fn when_every_server_is_slow_one_spare_is_tried_and_no_more() {
    for_each_version_at_once(|version| {
        // A database that all of them wait for.
        let servers = ["web1", "web2", "web3"].map(|name| TinyServer::start(name, slow()));
        let [web1, web2, web3] = &servers;
        let haproxy =
            RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[web1, web2, web3])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("scale_up_cooldown", "\"200ms\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        let verdict = daemon.wait_for("not_helping", "-", SOON);
        assert!(
            verdict.text.contains("no more servers for 5m"),
            "{}",
            verdict.text
        );
        std::thread::sleep(A_WHILE);
        assert_eq!(daemon.count("not_helping", "-"), 1, "{}", daemon.text());
        assert_eq!(daemon.status()["backends"][0]["state"], "not_helping");
        // What is there is kept, and nothing is added.
        assert_eq!(states.path("web2"), ["maint", "ready"]);
        assert_eq!(states.of("web3"), ["maint"]);
        assert_eq!(web3.count(Visitor::WarmUp), 0);
        assert_no_user_on(web3);
        assert_users_content(&load, &[web1, web2]);
    });
}

#[test]
fn when_every_server_is_down_none_is_disabled_and_a_living_spare_comes_in() {
    for_each_version_at_once(|version| {
        let mut web1 = TinyServer::start("web1", slow());
        let mut web2 = TinyServer::start("web2", fast());
        let web3 = TinyServer::start("web3", fast().cold_for_requests(3, 100));
        let haproxy = RealHaproxy::start(
            version,
            HaproxyConfig::new(web(CHECK, &[&web1, &web2, &web3])),
        );
        let states = StateWatch::start(&haproxy);
        // The second spare is not wanted for its speed.
        let daemon = DaemonConfig::new(&haproxy)
            .backend("scale_up_cooldown", "\"10m\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        web1.die();
        web2.die();
        let rescue = daemon.wait_for("enable", "web3", SOON);
        assert!(rescue.text.contains("DOWN"), "{}", rescue.text);
        wait_for("users on it", SOON, || web3.count(Visitor::User) > 10);
        std::thread::sleep(A_WHILE);
        assert_eq!(states.of("web1"), ["ready"]);
        assert_eq!(states.path("web2"), ["maint", "ready"], "{}", daemon.text());
        assert_eq!(states.path("web3"), ["maint", "ready"]);
        // One that was sent before is answered by whoever is there by then.
        let settled = rescue.at + Duration::from_secs(1);
        let failures = load.failures();
        let late: Vec<_> = failures
            .iter()
            .filter(|failed| failed.at > settled)
            .collect();
        assert!(late.is_empty(), "{late:?}");
        assert_eq!(web3.cold_users(), 0);
    });
}

#[test]
fn more_errors_than_answers_are_broken_and_not_slow() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        web1.change(|behaviour| behaviour.status = 500);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("broken in status", SOON, || {
            daemon.status()["backends"][0]["state"] == "broken"
        });
        std::thread::sleep(A_WHILE);
        assert_eq!(daemon.count("breach", "-"), 0, "{}", daemon.text());
        assert_eq!(states.of("web2"), ["maint"]);
        assert!(load.count() > 50);
    });
}
