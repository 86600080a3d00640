//! The main job: a spare comes in under load, warm, and goes when it is quiet.

use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web};
use crate::support::load::{exchange, get};
use crate::support::{
    Backend, Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer,
    Version, Visitor, for_each_version_at_once, wait_for,
};

/// Requests that a spare needs to be warm; as many as the warm-up sends.
const COLD_REQUESTS: u32 = 3;

fn a_spare_comes_in_warm_and_goes_in_peace(version: &Version, flags: &str) {
    let web1 = TinyServer::start("web1", Behaviour::capacity(2, 30));
    let spare = |name| {
        let cold = Behaviour::capacity(4, 10).cold_for_requests(COLD_REQUESTS, 300);
        TinyServer::start(name, cold)
    };
    let (web2, web3) = (spare("web2"), spare("web3"));
    let haproxy = RealHaproxy::start(
        version,
        HaproxyConfig::new(web(flags, &[&web1, &web2, &web3])),
    );
    let states = StateWatch::start(&haproxy);
    let daemon = DaemonConfig::new(&haproxy)
        .backend("response_time", "\"200ms\"")
        .start();
    // Two workers of 30 ms each: 66 requests a second are the most that web1 can do.
    let load = Load::open(haproxy.frontend(), 100.0);
    let enabled = daemon.wait_for("enable", "web2", SOON);
    wait_for("users on the spare", SOON, || {
        web2.count(Visitor::User) > 30
    });
    let effect = daemon.wait_for("effect", "web2", SOON).text;
    assert!(
        effect.contains(" before, ") && effect.contains(" ms after; it takes "),
        "{effect}"
    );
    load.set_rate(20.0);
    let drained = daemon.wait_for("drain", "web2", 2 * SOON);
    let disabled = daemon.wait_for("disable", "web2", SOON);
    assert!(enabled.at < drained.at && drained.at < disabled.at);
    wait_for("maint to be seen", SOON, || states.now("web2") == "maint");
    assert_users_content(&load, &[&web1, &web2, &web3]);
    let visits = web2.visits();
    let first_user = visits
        .iter()
        .position(|visit| visit.visitor == Visitor::User);
    let before = &visits[..first_user.expect("users on web2")];
    let warm_ups = before
        .iter()
        .filter(|visit| visit.visitor == Visitor::WarmUp);
    assert_eq!(warm_ups.count(), COLD_REQUESTS as usize);
    assert_no_user_on(&web3);
    assert_eq!(states.of("web1"), ["ready"], "the always-up server");
    assert_eq!(
        states.of("web3"),
        ["maint"],
        "the spare that was not needed"
    );
    assert_eq!(states.path("web2"), ["maint", "ready", "maint"]);
    assert_eq!(daemon.count("drain", "web2"), 1);
    let checked = flags.contains("check");
    let checks = before
        .iter()
        .filter(|visit| visit.visitor == Visitor::Check);
    assert_eq!(
        checks.count() > 0,
        checked,
        "a fresh check before the first user"
    );
    let proof = if checked {
        "HAProxy's checks passed"
    } else {
        "HAProxy does not check it"
    };
    for part in ["warmed up with 3 requests", proof, "(3 of 3)"] {
        assert!(enabled.text.contains(part), "{part}: {}", enabled.text);
    }
}

#[test]
fn under_load_a_checked_spare_answers_users_only_after_its_warm_up_and_goes_when_it_is_quiet() {
    for_each_version_at_once(|version| a_spare_comes_in_warm_and_goes_in_peace(version, CHECK));
}

#[test]
fn under_load_an_unchecked_spare_answers_users_only_after_its_warm_up_and_goes_when_it_is_quiet() {
    for_each_version_at_once(|version| a_spare_comes_in_warm_and_goes_in_peace(version, ""));
}

#[test]
fn a_second_spare_comes_in_when_one_is_not_enough_and_the_last_one_in_is_the_first_one_out() {
    for_each_version_at_once(|version| {
        let servers = ["web1", "web2", "web3"].map(|name| TinyServer::start(name, slow()));
        let [web1, web2, web3] = &servers;
        // Each spare helps, and is not enough.
        web1.change(|behaviour| *behaviour = Behaviour::delay_ms(600));
        let haproxy =
            RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[web1, web2, web3])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("scale_up_cooldown", "\"500ms\"")
            .backend("idle_timeout", "\"1s\"")
            // Wide enough that each window has its share of every server.
            .backend("window", "24")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        daemon.wait_for("enable", "web3", SOON);
        daemon.wait_for("no_spare", "-", SOON);
        for server in &servers {
            server.change(|behaviour| *behaviour = fast());
        }
        let last_in = daemon.wait_for("disable", "web3", SOON);
        let first_in = daemon.wait_for("disable", "web2", SOON);
        assert!(last_in.at < first_in.at);
        assert!(
            first_in.at - last_in.at > Duration::from_secs(1),
            "scale_down_cooldown"
        );
        assert_users_content(&load, &[web1, web2, web3]);
        assert_eq!(states.of("web1"), ["ready"]);
    });
}

#[test]
fn a_dead_always_up_server_brings_a_spare_in_without_any_breach() {
    for_each_version_at_once(|version| {
        let mut web1 = TinyServer::start("web1", fast());
        let web4 = TinyServer::start("web4", fast());
        let web2 = TinyServer::start("web2", fast().cold_for_requests(3, 100));
        let backend: Backend = web(CHECK, &[&web1, &web2]).server("web4", web4.address(), CHECK);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("always_up", "[\"web1\", \"web4\"]")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("some users", SOON, || load.count() > 10);
        web1.die();
        let enabled = daemon.wait_for("enable", "web2", SOON);
        assert!(
            enabled.text.contains("always-up server web1 is DOWN"),
            "{}",
            enabled.text
        );
        assert_eq!(daemon.count("breach", "-"), 0, "{}", daemon.text());
        wait_for("users on the spare", SOON, || web2.count(Visitor::User) > 5);
        // It stays for as long as the other one is dead, however quiet it is.
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(states.now("web2"), "ready");
        web1.revive();
        daemon.wait_for("disable", "web2", 2 * SOON);
        assert_users_content(&load, &[&web1, &web2, &web4]);
        assert_eq!(states.of("web1"), ["ready"]);
        assert_eq!(states.of("web4"), ["ready"]);
    });
}

#[test]
fn load_returning_during_a_drain_gives_the_spare_back() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        web1.change(|behaviour| *behaviour = fast());
        // Requests that are under way for so long that the drain cannot end.
        let frontend = haproxy.frontend();
        wait_for("users on the spare", SOON, || web2.count(Visitor::User) > 5);
        let long: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(move || exchange(frontend, &get("/?ms=8000", &[]))))
            .collect();
        daemon.wait_for("drain", "web2", SOON);
        wait_for("draining-out in status", SOON, || {
            daemon.stage("web2") == "draining-out"
        });
        web1.change(|behaviour| *behaviour = slow());
        let back = daemon.wait_for_nth("enable", "web2", 2, Duration::from_secs(4));
        assert!(
            back.text.contains("was draining, is wanted again"),
            "{}",
            back.text
        );
        wait_for("the second ready", SOON, || states.now("web2") == "ready");
        assert_eq!(states.path("web2"), ["maint", "ready", "drain", "ready"]);
        for thread in long {
            assert!(thread.join().expect("a long request").is_ok());
        }
        assert_eq!(daemon.count("warm_up", "web2"), 1, "it was warm");
        assert_users_content(&load, &[&web1, &web2]);
    });
}
