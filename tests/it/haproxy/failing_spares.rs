//! Spares that must not get a user: dead, refusing, unhealthy.

use std::time::Duration;

use super::scene::{
    CHECK, FLAGS, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web,
};
use crate::support::{
    Behaviour, Daemon, DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer,
    Visitor, for_each_version_at_once, wait_for,
};

/// From the first try of a dead spare to the next one being ready.
const NEXT_SPARE_LIMIT: Duration = Duration::from_secs(6);

#[test]
fn a_dead_spare_never_serves_and_the_next_one_is_brought_in() {
    for flags in FLAGS {
        for_each_version_at_once(|version| {
            let web1 = TinyServer::start("web1", slow());
            let web2 = TinyServer::dead("web2", fast());
            let web3 = TinyServer::start("web3", fast().cold_for_requests(3, 100));
            let haproxy = RealHaproxy::start(
                version,
                HaproxyConfig::new(web(flags, &[&web1, &web2, &web3])),
            );
            let states = StateWatch::start(&haproxy);
            let daemon = DaemonConfig::new(&haproxy).start();
            let load = Load::open(haproxy.frontend(), RATE);
            let tried = daemon.wait_for("warm_up", "web2", SOON);
            let failed = daemon.wait_for("enable_failed", "web2", SOON);
            assert!(
                failed.text.contains("connection refused"),
                "{}",
                failed.text
            );
            let enabled = daemon.wait_for("enable", "web3", SOON);
            assert!(enabled.at - tried.at < NEXT_SPARE_LIMIT);
            wait_for("users on web3", SOON, || web3.count(Visitor::User) > 10);
            assert_eq!(states.of("web2"), ["maint"], "the dead spare");
            assert_eq!(haproxy.stat("web", "web2")["lbtot"], "0");
            assert!(!haproxy.log_text().contains(" web/web2 "));
            assert_users_content(&load, &[&web1, &web3]);
        });
    }
}

/// What `status` says of web2 while another spare is brought in beside it, as long as its warm-up fails.
#[track_caller]
fn assert_said_of_web2(daemon: &Daemon, what: &str) {
    let said = || daemon.problems();
    wait_for("the problem", SOON, || said().contains("warm_up_fails"));
    let (problems, checked) = (said(), daemon.ask(&["status", "--check"]));
    assert_eq!(checked.code, Some(2), "{}", checked.out);
    for text in ["web2: warm-up fails: ", what, "given up in "] {
        assert!(problems.contains(text), "{text}: {problems}");
    }
}

#[test]
fn a_dead_spare_that_an_operator_wants_in_holds_up_the_next_one_for_seconds_only() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::dead("web2", fast());
        let web3 = TinyServer::start("web3", fast());
        let haproxy =
            RealHaproxy::start(version, HaproxyConfig::new(web("", &[&web1, &web2, &web3])));
        let daemon = DaemonConfig::new(&haproxy).start();
        wait_for("the first look", SOON, || daemon.stage("web2") == "maint");
        daemon.ask(&["enable", "web/web2"]).succeeded();
        let tried = daemon.wait_for("warm_up", "web2", SOON);
        let load = Load::open(haproxy.frontend(), RATE);
        let enabled = daemon.wait_for("enable", "web3", SOON);
        assert!(enabled.at - tried.at < NEXT_SPARE_LIMIT + Duration::from_secs(2));
        assert_said_of_web2(&daemon, "connection refused");
        assert_eq!(
            daemon.count("enable_failed", "web2"),
            0,
            "it is still tried"
        );
        assert_eq!(daemon.stage("web2"), "warming");
        assert_users_content(&load, &[&web1, &web3]);
    });
}

#[test]
fn a_spare_that_answers_nothing_but_500_holds_up_the_next_one_for_seconds_only() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let broken = Behaviour {
            status: 500,
            ..Behaviour::default()
        };
        let web2 = TinyServer::start("web2", broken);
        let web3 = TinyServer::start("web3", fast());
        let haproxy =
            RealHaproxy::start(version, HaproxyConfig::new(web("", &[&web1, &web2, &web3])));
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        let tried = daemon.wait_for("warm_up", "web2", SOON);
        let enabled = daemon.wait_for("enable", "web3", SOON);
        assert!(enabled.at - tried.at < NEXT_SPARE_LIMIT);
        assert_said_of_web2(&daemon, "answered 500, expected 200-399");
        assert_no_user_on(&web2);
        assert_users_content(&load, &[&web1, &web3]);
    });
}

#[test]
fn spares_that_answer_500_and_404_to_the_warm_up_stay_in_maint() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let answering = |name, status| {
            let behaviour = Behaviour {
                status,
                ..Behaviour::default()
            };
            TinyServer::start(name, behaviour)
        };
        let (web2, web3) = (answering("web2", 500), answering("web3", 404));
        let haproxy =
            RealHaproxy::start(version, HaproxyConfig::new(web("", &[&web1, &web2, &web3])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .warm_up("deadline", "\"2s\"")
            .warm_up("timeout", "\"1s\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        for (server, status) in [("web2", "500"), ("web3", "404")] {
            let failed = daemon.wait_for("enable_failed", server, SOON);
            assert!(failed.text.contains(status), "{}", failed.text);
        }
        daemon.wait_for("no_spare", "-", SOON);
        for server in [&web2, &web3] {
            assert_eq!(states.of(server.name()), ["maint"]);
            assert!(server.count(Visitor::WarmUp) > 1);
            assert_no_user_on(server);
        }
        assert_users_content(&load, &[&web1]);
    });
}

#[test]
fn a_spare_that_haproxy_finds_unhealthy_goes_back_to_maint_without_a_user() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let sick = Behaviour {
            check_status: 503,
            ..fast()
        };
        let web2 = TinyServer::start("web2", sick);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .warm_up("deadline", "\"2s\"")
            .warm_up("timeout", "\"1s\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        let failed = daemon.wait_for("enable_failed", "web2", SOON);
        assert!(
            failed.text.contains("HAProxy's checks found it DOWN"),
            "{}",
            failed.text
        );
        wait_for("maint", SOON, || states.now("web2") == "maint");
        assert_eq!(states.of("web2"), ["maint", "drain", "maint"]);
        assert_eq!(web2.count(Visitor::WarmUp), 3, "its warm-up passed");
        assert!(web2.count(Visitor::Check) > 0);
        assert_no_user_on(&web2);
        assert_users_content(&load, &[&web1]);
    });
}
