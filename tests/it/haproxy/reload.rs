//! HAProxy reloaded, restarted, away, and not there yet.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, slow, web};
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, Visitor, for_each_version_at_once,
    wait_for,
};

/// What was taken away is on its way back this soon …
const ON_ITS_WAY: Duration = Duration::from_secs(3);
/// … and takes users again this soon.
const BACK: Duration = Duration::from_secs(10);

#[test]
fn a_needed_spare_comes_back_after_a_reload_and_no_user_fails() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast().cold_for_requests(3, 100));
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).master_worker();
        let haproxy = RealHaproxy::start(version, config);
        let daemon = DaemonConfig::new(&haproxy)
            .default_of("poll_interval")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        wait_for("users on the spare", SOON, || {
            web2.count(Visitor::User) > 10
        });
        let reloaded = Instant::now();
        haproxy.reload();
        // On a busy machine the old one may still take a connection or two.
        wait_for("the new worker's states", SOON, || {
            haproxy.server_state("web", "web2")["srv_admin_state"] == "5"
        });
        let on_its_way = daemon.wait_for_nth("warm_up", "web2", 2, SOON);
        assert!(
            on_its_way.at - reloaded < ON_ITS_WAY,
            "{:?}",
            on_its_way.at - reloaded
        );
        assert!(
            on_its_way.text.contains("and still is"),
            "{}",
            on_its_way.text
        );
        let back = daemon.wait_for_nth("enable", "web2", 2, SOON);
        assert!(back.at - reloaded < BACK, "{:?}", back.at - reloaded);
        let before = web2.count(Visitor::User);
        wait_for("users on it again", SOON, || {
            web2.count(Visitor::User) > before + 10
        });
        assert_eq!(daemon.count("reload", "-"), 1);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

/// Between two reloads of an HAProxy whose configuration changes all the time, as an ingress's.
const RELOADS_EVERY: Duration = Duration::from_secs(5);

#[test]
fn reloads_more_often_than_idle_timeout_neither_keep_a_spare_nor_freeze_anything() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).master_worker();
        let haproxy = RealHaproxy::start(version, config);
        let daemon = DaemonConfig::new(&haproxy)
            .default_of("poll_interval")
            .backend("idle_timeout", "\"6s\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        // The load falls to what web1 answers in no time.
        web1.change(|behaviour| *behaviour = fast());
        load.set_rate(8.0);
        for _ in 0..5 {
            std::thread::sleep(RELOADS_EVERY);
            haproxy.reload();
        }
        daemon.wait_for_nth("reload", "-", 5, SOON);
        let warm_ups = daemon.count("warm_up", "web2");
        assert!(warm_ups <= 3, "{}", daemon.text());
        // It stays away from now on, reloaded or not.
        std::thread::sleep(RELOADS_EVERY);
        haproxy.reload();
        daemon.wait_for_nth("reload", "-", 6, SOON);
        assert_eq!(daemon.stage("web2"), "maint", "{}", daemon.text());
        assert_eq!(daemon.count("warm_up", "web2"), warm_ups);
        assert_eq!(daemon.count("freeze", "-"), 0, "{}", daemon.text());
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_needed_spare_comes_back_after_a_restart() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast().cold_for_requests(3, 100));
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2]));
        let mut haproxy = RealHaproxy::start(version, config);
        let daemon = DaemonConfig::new(&haproxy)
            .default_of("poll_interval")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        wait_for("users on the spare", SOON, || {
            web2.count(Visitor::User) > 10
        });
        haproxy.restart();
        let restarted = Instant::now();
        let on_its_way = daemon.wait_for_nth("warm_up", "web2", 2, SOON);
        assert!(
            on_its_way.at.saturating_duration_since(restarted) < ON_ITS_WAY,
            "{:?}",
            on_its_way.at - restarted
        );
        let back = daemon.wait_for_nth("enable", "web2", 2, SOON);
        assert!(back.at - restarted < BACK);
        let before = web2.count(Visitor::User);
        wait_for("users on it again", SOON, || {
            web2.count(Visitor::User) > before + 10
        });
        let failures = load.failures();
        let since: Vec<_> = failures
            .iter()
            .filter(|answer| answer.at > restarted)
            .collect();
        assert!(since.is_empty(), "{since:?}");
        assert_eq!(web2.cold_users(), 0);
    });
}

#[test]
fn a_haproxy_that_goes_away_is_said_once_and_found_again() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let mut haproxy =
            RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let mut daemon = DaemonConfig::new(&haproxy).start();
        wait_for("a connection", SOON, || {
            daemon.status()["haproxy"]["connected"] == true
        });
        haproxy.stop();
        daemon.wait_for("unreachable", "-", SOON);
        std::thread::sleep(Duration::from_secs(2));
        assert!(daemon.is_running());
        assert_eq!(daemon.count("unreachable", "-"), 1, "{}", daemon.text());
        let status = daemon.status();
        assert_eq!(status["haproxy"]["connected"], false);
        assert_eq!(status["backends"][0]["state"], "unreachable");
        let socket = haproxy.admin_socket().display().to_string();
        assert!(daemon.problems().contains(&socket), "{}", daemon.problems());
        haproxy.start_again();
        daemon.wait_for("reachable", "-", SOON);
        assert_eq!(daemon.status()["haproxy"]["connected"], true);
        // And it works as before.
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_haproxy_that_is_not_there_yet_is_waited_for() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let mut haproxy =
            RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        haproxy.stop();
        let _ = std::fs::remove_file(haproxy.admin_socket());
        let daemon = DaemonConfig::new(&haproxy).start();
        let socket = haproxy.admin_socket().display().to_string();
        let said = daemon.wait_for("unreachable", "-", SOON);
        assert!(said.text.contains(&socket), "{}", said.text);
        assert_eq!(daemon.status()["haproxy"]["connected"], false);
        haproxy.start_again();
        daemon.wait_for("reachable", "-", SOON);
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_haproxy_that_hangs_is_said_and_status_answers_all_the_same() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web("", &[&web1, &web2])));
        let mut daemon = DaemonConfig::new(&haproxy)
            .haproxy("timeout", "\"300ms\"")
            .start();
        wait_for("a connection", SOON, || {
            daemon.status()["haproxy"]["connected"] == true
        });
        // It accepts connections and never answers.
        haproxy.signal(Signal::STOP);
        daemon.wait_for("unreachable", "-", SOON);
        // At the first or, on a busy machine, at another time of asking.
        wait_for("an answer at once", SOON, || {
            let asked = Instant::now();
            assert_eq!(daemon.status()["haproxy"]["connected"], false);
            asked.elapsed() < Duration::from_secs(1)
        });
        haproxy.signal(Signal::CONT);
        daemon.wait_for("reachable", "-", SOON);
        assert_eq!(daemon.count("reload", "-"), 0, "it is the same process");
        assert!(daemon.is_running());
    });
}
