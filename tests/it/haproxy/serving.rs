//! In service means that a server takes requests and answers them: seen where the users are.

use std::time::{Duration, Instant};

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web};
use crate::support::{
    Backend, Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, Visitor,
    for_each_version_at_once, holds_within, wait_for,
};

/// Long enough for the daemon to do what it should not.
const A_WHILE: Duration = Duration::from_secs(4);
/// 26 requests a second, as a server with four workers of 150 ms each.
const LIMITED: &str = "maxconn 4";

/// web1 and web2 with four workers each, and more users than one of them can answer.
fn four_workers(name: &str) -> TinyServer {
    TinyServer::start(name, Behaviour::capacity(4, 150))
}

/// Waits until requests queue in the backend, so that the newcomer comes into the trap.
fn wait_for_a_queue(haproxy: &RealHaproxy) {
    wait_for("a queue", SOON, || {
        haproxy.stat("web", "BACKEND")["qcur"]
            .parse()
            .is_ok_and(|queued: u32| queued > 3)
    });
}

#[test]
fn a_newcomer_takes_its_share_of_a_queue_and_no_user_fails() {
    for_each_version_at_once(|version| {
        for (limit1, limit2) in [
            (LIMITED, LIMITED),
            (LIMITED, ""),
            (LIMITED, "minconn 2 maxconn 4"),
        ] {
            let (web1, web2) = (four_workers("web1"), four_workers("web2"));
            let backend = Backend::new("web")
                .server("web1", web1.address(), &format!("{CHECK} {limit1}"))
                .server(
                    "web2",
                    web2.address(),
                    &format!("{CHECK} {limit2} disabled"),
                );
            let config = HaproxyConfig::new(backend).defaults("timeout queue 20s");
            let haproxy = RealHaproxy::start(version, config);
            let load = Load::open(haproxy.frontend(), RATE);
            wait_for_a_queue(&haproxy);
            let daemon = DaemonConfig::new(&haproxy).start();
            daemon.wait_for("enable", "web2", SOON);
            let (all, own) = (load.count(), web2.count(Visitor::User));
            std::thread::sleep(Duration::from_secs(2));
            let (all, own) = (load.count() - all, web2.count(Visitor::User) - own);
            assert!(
                4 * own >= all,
                "{limit1}/{limit2}: {own} of {all} {}",
                daemon.text()
            );
            load.set_rate(5.0);
            // What was lent for the queue is taken back.
            let own_limit = if limit2.is_empty() { "" } else { "4" };
            wait_for("the limit that haproxy.cfg gives", SOON, || {
                haproxy.stat("web", "web2")["slim"] == own_limit
            });
            assert_users_content(&load, &[&web1, &web2]);
        }
    });
}

#[test]
fn what_was_lent_is_taken_back_when_the_daemon_ends_and_after_a_crash() {
    for_each_version_at_once(|version| {
        let (web1, web2) = (four_workers("web1"), four_workers("web2"));
        let backend = Backend::new("web")
            .server("web1", web1.address(), &format!("{CHECK} {LIMITED}"))
            .server("web2", web2.address(), &format!("{CHECK} disabled"));
        let config = HaproxyConfig::new(backend).defaults("timeout queue 20s");
        let haproxy = RealHaproxy::start(version, config);
        let load = Load::open(haproxy.frontend(), 120.0);
        wait_for_a_queue(&haproxy);
        let folder = tempfile::tempdir().expect("a folder");
        let daemon = DaemonConfig::new(&haproxy).state_dir(folder.path());
        let limit = || haproxy.stat("web", "web2")["slim"].clone();
        let mut first = daemon.start();
        wait_for("a limit that is lent", SOON, || limit() == "4");
        first.kill();
        assert_eq!(limit(), "4");
        let mut second = daemon.start();
        assert!(!holds_within(Duration::from_millis(700), || limit().is_empty()));
        second.terminate(SOON);
        assert_eq!(limit(), "", "at the end: {}", second.text());
        // Without a limit it would get nothing of a queue: it was given all that waited.
        let before = web2.count(Visitor::User);
        wait_for("users on web2 after the end", SOON, || {
            web2.count(Visitor::User) > before + 20
        });
        drop(load);
    });
}

#[test]
fn an_always_up_server_of_weight_0_is_replaced_within_seconds_and_what_carries_alone_stays() {
    for_each_version_at_once(|version| {
        let (web1, web2) = (
            TinyServer::start("web1", fast()),
            TinyServer::start("web2", fast()),
        );
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let daemon = DaemonConfig::new(&haproxy)
            .haproxy("poll_interval", "\"500ms\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("users on web1", SOON, || load.count_of("web1") > 10);
        let begin = Instant::now();
        haproxy.command("set weight web/web1 0");
        daemon.wait_for("warm_up", "web2", Duration::from_secs(3));
        daemon.wait_for("enable", "web2", Duration::from_secs(3));
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        std::thread::sleep(A_WHILE);
        assert_eq!(daemon.stage("web2"), "ready", "{}", daemon.text());
        let refused = daemon.ask(&["disable", "web/web2"]);
        let text = refused.failed(1);
        assert!(text.contains("the last server that serves"), "{text}");
        let before = load.failures().len();
        haproxy.command("set weight web/web1 100%");
        daemon.wait_for("disable", "web2", SOON);
        assert_eq!(load.failures().len(), before, "{:?}", load.failures());
    });
}

#[test]
fn a_backup_spare_is_said_to_be_useless_and_not_taken() {
    for_each_version_at_once(|version| {
        let (web1, web2, web3) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web2", fast()),
            TinyServer::start("web3", fast()),
        );
        let backend = Backend::new("web")
            .server("web1", web1.address(), CHECK)
            .server("web2", web2.address(), &format!("{CHECK} backup disabled"))
            .server("web3", web3.address(), &format!("{CHECK} disabled"));
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let daemon = DaemonConfig::new(&haproxy).start();
        let warning = daemon.wait_for("warning", "-", SOON);
        assert!(
            warning.text.contains("web2 is marked `backup`"),
            "{}",
            warning.text
        );
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web3", SOON);
        wait_for("users on web3", SOON, || load.count_of("web3") > 10);
        assert_eq!(daemon.count("warm_up", "web2"), 0);
        assert_no_user_on(&web2);
        assert_users_content(&load, &[&web1, &web3]);
    });
}

#[test]
fn a_server_made_at_run_time_whose_checks_do_not_run_is_not_waited_for() {
    for_each_version_at_once(|version| {
        let (web1, web9) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web9", fast()),
        );
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1])));
        let address = web9.address();
        let answer = haproxy.command(&format!("add server web/web9 {address} check inter 200ms"));
        assert!(answer.contains("registered"), "{answer}");
        let daemon = DaemonConfig::new(&haproxy)
            .backend("spares", "[\"web9\"]")
            .start();
        let warning = daemon.wait_for("warning", "-", SOON);
        assert!(
            warning.text.contains("`enable health web/web9`"),
            "{}",
            warning.text
        );
        let load = Load::open(haproxy.frontend(), RATE);
        let enable = daemon.wait_for("enable", "web9", SOON);
        assert!(enable.text.contains("do not run"), "{}", enable.text);
        wait_for("users on web9", SOON, || load.count_of("web9") > 10);
        assert_users_content(&load, &[&web1, &web9]);
    });
}

#[test]
fn a_spare_whose_pages_fail_is_out_within_50_of_its_requests_or_a_second() {
    for_each_version_at_once(|version| {
        let wrong = Behaviour {
            user_status: Some(500),
            ..fast()
        };
        let (web1, web2, web3) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web2", wrong),
            TinyServer::start("web3", fast()),
        );
        let haproxy = RealHaproxy::start(
            version,
            HaproxyConfig::new(web(CHECK, &[&web1, &web2, &web3])),
        );
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        let enabled = daemon.wait_for("enable", "web2", SOON);
        daemon.wait_for("probation_failed", "web2", SOON);
        let drained_after = enabled.at.elapsed();
        let failures = load.failures().len();
        assert!(
            failures <= 50 || drained_after < Duration::from_secs(1),
            "{failures} after {drained_after:?}"
        );
        daemon.wait_for("disable", "web2", SOON);
        daemon.wait_for("enable", "web3", SOON);
        wait_for("users on web3", SOON, || load.count_of("web3") > 10);
        assert_eq!(load.failures().len(), web2.count(Visitor::User));
    });
}

#[test]
fn a_spare_that_haproxys_checks_find_down_does_not_block_the_next_one() {
    for_each_version_at_once(|version| {
        let sick = Behaviour {
            check_status: 503,
            ..fast()
        };
        let (web1, web2, web3) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web2", sick),
            TinyServer::start("web3", fast()),
        );
        let backend = web(CHECK, &[&web1, &web2, &web3]).line("option httpchk GET /health");
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        let failed = daemon.wait_for("enable_failed", "web2", SOON);
        assert!(failed.text.contains("found it DOWN"), "{}", failed.text);
        daemon.wait_for("enable", "web3", SOON);
        assert_no_user_on(&web2);
        assert_users_content(&load, &[&web1, &web3]);
    });
}
