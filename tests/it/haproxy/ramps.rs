//! `weight_ramp` beside a real HAProxy: whose users a newcomer gets, and what stays of it.

use std::time::{Duration, Instant};

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, slow};
use crate::support::{
    Backend, Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// Long enough to be seen to grow.
const RAMP: Duration = Duration::from_secs(8);
/// That and a busy machine.
const GROWN: Duration = Duration::from_secs(20);

/// web1 always up and web2 a spare, each with `weight 100` and `flags`.
fn weighed(flags: &str, lines: &[&str], web1: &TinyServer, web2: &TinyServer) -> Backend {
    let mut backend = Backend::new("web");
    for line in lines {
        backend = backend.line(*line);
    }
    backend
        .server("web1", web1.address(), &format!("{CHECK} weight 100"))
        .server(
            "web2",
            web2.address(),
            &format!("{flags} weight 100 disabled"),
        )
}

fn ramped(haproxy: &RealHaproxy, ramp: &str) -> DaemonConfig {
    DaemonConfig::new(haproxy).backend("weight_ramp", ramp)
}

/// What `set server … weight` has made of web2's.
fn weight(haproxy: &RealHaproxy) -> u32 {
    let weight = &haproxy.server_state("web", "web2")["srv_uweight"];
    weight.parse().expect("a weight")
}

/// The part of the users that web2 gets within `span`, percent.
fn share(load: &Load, web2: &TinyServer, span: Duration) -> usize {
    let (all, own) = (load.count(), web2.count(Visitor::User));
    std::thread::sleep(span);
    let (all, own) = (load.count() - all, web2.count(Visitor::User) - own);
    100 * own / all.max(1)
}

#[test]
fn a_newcomers_share_grows_from_little_to_all_of_it() {
    for_each_version_at_once(|version| {
        for flags in ["", CHECK] {
            let (web1, web2) = (
                TinyServer::start("web1", slow()),
                TinyServer::start("web2", fast()),
            );
            let backend = weighed(flags, &[], &web1, &web2);
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            let load = Load::open(haproxy.frontend(), 2.0 * RATE);
            let daemon = ramped(&haproxy, "\"8s\"").start();
            daemon.wait_for("enable", "web2", SOON);
            let begin = Instant::now();
            let first = share(&load, &web2, RAMP / 4);
            let second = share(&load, &web2, RAMP / 4);
            wait_for("the whole weight", GROWN, || weight(&haproxy) == 100);
            let took = begin.elapsed();
            let last = share(&load, &web2, RAMP / 4);
            let shares = format!("{first} % {second} % {last} % {}", daemon.text());
            assert!(first <= 28 && first < second && second < last, "{shares}");
            assert!((40..=60).contains(&last), "{shares}");
            assert!(took + Duration::from_secs(1) >= RAMP, "{took:?}");
            daemon.wait_for_nth("ramp", "web2", 2, SOON);
            assert_users_content(&load, &[&web1, &web2]);
        }
    });
}

#[test]
fn a_newcomer_slower_than_the_others_is_backed_out_and_few_users_have_met_it() {
    for_each_version_at_once(|version| {
        let (web1, web2) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web2", Behaviour::delay_ms(450)),
        );
        let backend = weighed(CHECK, &[], &web1, &web2);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let load = Load::open(haproxy.frontend(), 2.0 * RATE);
        let daemon = ramped(&haproxy, "\"4s\"").start();
        daemon.wait_for("enable", "web2", SOON);
        let before = load.count();
        let told = daemon.wait_for("probation_failed", "web2", GROWN);
        assert!(
            told.text.contains("weight_ramp made it no faster"),
            "{}",
            told.text
        );
        daemon.wait_for("disable", "web2", SOON);
        let all = load.count() - before;
        let met = web2.count(Visitor::User);
        assert!(5 * met <= all, "{met} of {all} {}", daemon.text());
        wait_for("haproxy.cfg's weight", SOON, || weight(&haproxy) == 100);
        assert_eq!(haproxy.status("web", "web2"), "MAINT");
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_stop_a_kill_and_a_disable_leave_haproxy_cfgs_weight() {
    for_each_version_at_once(|version| {
        let (web1, web2) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web2", fast()),
        );
        let backend = weighed(CHECK, &[], &web1, &web2);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let load = Load::open(haproxy.frontend(), RATE);
        let folder = tempfile::tempdir().expect("a folder");
        let config = ramped(&haproxy, "\"10m\"").state_dir(folder.path());
        let mut killed = config.start();
        killed.wait_for("enable", "web2", SOON);
        assert_eq!(weight(&haproxy), 10, "{}", killed.text());
        killed.kill();
        assert_eq!(weight(&haproxy), 10);
        let mut second = config.start();
        wait_for("the weight after a kill", SOON, || weight(&haproxy) == 100);
        assert_eq!(second.stage("web2"), "ready", "{}", second.text());

        for times in 1..=2 {
            second.ask(&["disable", "web/web2"]).succeeded();
            second.wait_for_nth("disable", "web2", times, SOON);
            wait_for("the weight in maint", SOON, || weight(&haproxy) == 100);
            second.ask(&["enable", "web/web2"]).succeeded();
            second.wait_for_nth("enable", "web2", times, SOON);
            assert_eq!(weight(&haproxy), 10, "{}", second.text());
        }
        second.terminate(SOON);
        assert_eq!(weight(&haproxy), 100, "at the end: {}", second.text());
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn an_operators_weight_stays() {
    for_each_version_at_once(|version| {
        let (web1, web2) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web2", fast()),
        );
        let backend = weighed(CHECK, &[], &web1, &web2);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let _load = Load::open(haproxy.frontend(), RATE);
        let mut daemon = ramped(&haproxy, "\"20s\"").start();
        daemon.wait_for("enable", "web2", SOON);
        haproxy.command("set server web/web2 weight 37");
        wait_for("that it is said", SOON, || {
            daemon.text().contains("weight was set to 37 outside")
        });
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(weight(&haproxy), 37, "{}", daemon.text());
        daemon.terminate(SOON);
        assert_eq!(weight(&haproxy), 37);
    });
}

#[test]
fn where_haproxy_allows_none_there_is_none_and_that_is_said_once() {
    let rows: [(&str, &[&str], &str); 5] = [
        ("slowstart 4s", &[], "`slowstart` does it"),
        (
            "",
            &["balance first"],
            "`balance first` does not look at weights",
        ),
        ("", &["balance static-rr"], "static LB algorithm"),
        ("", &["balance source"], "static LB algorithm"),
        (
            "weight 1",
            &[],
            "give every server of this backend `weight 100`",
        ),
    ];
    for_each_version_at_once(|version| {
        for (flags, lines, why) in rows {
            let (web1, web2) = (
                TinyServer::start("web1", slow()),
                TinyServer::start("web2", fast()),
            );
            let mut backend = weighed(&format!("{CHECK} {flags}"), lines, &web1, &web2);
            if flags == "weight 1" {
                backend = Backend::new("web")
                    .server("web1", web1.address(), CHECK)
                    .server("web2", web2.address(), &format!("{CHECK} disabled"));
            }
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            let load = Load::open(haproxy.frontend(), RATE);
            let daemon = ramped(&haproxy, "\"20s\"").start();
            daemon.wait_for("enable", "web2", SOON);
            std::thread::sleep(Duration::from_secs(2));
            let text = daemon.text();
            assert_eq!(
                text.matches("weight_ramp does nothing").count(),
                1,
                "{text}"
            );
            assert!(text.contains(why), "{why}: {text}");
            assert_eq!(daemon.count("ramp", "web2"), 0, "{text}");
            let whole = if flags == "weight 1" { 1 } else { 100 };
            assert_eq!(weight(&haproxy), whole, "{text}");
            assert_users_content(&load, &[&web1, &web2]);
        }
    });
}

#[test]
fn observing_it_pretends_a_ramp_and_touches_no_weight() {
    for_each_version_at_once(|version| {
        let (web1, web2) = (
            TinyServer::start("web1", slow()),
            TinyServer::start("web2", fast()),
        );
        let backend = weighed(CHECK, &[], &web1, &web2);
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let load = Load::open(haproxy.frontend(), RATE);
        let daemon = ramped(&haproxy, "\"3s\"").argument("--observe").start();
        daemon.wait_for("enable", "web2", SOON);
        daemon.wait_for_nth("ramp", "web2", 2, SOON);
        let text = daemon.text();
        assert!(text.contains("begins with weight 10 of 100"), "{text}");
        assert!(text.contains("has its whole weight, 100"), "{text}");
        assert_eq!(haproxy.status("web", "web2"), "MAINT");
        assert_eq!(weight(&haproxy), 100);
        assert_users_content(&load, &[&web1]);
    });
}
