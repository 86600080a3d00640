//! Logs that show less than there is, or more: no spare is lost to either.

use std::time::{Duration, Instant};

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, slow, web};
use crate::support::{
    Daemon, DaemonConfig, HaproxyConfig, Load, LogFile, RealHaproxy, StateWatch, SyslogFile,
    TinyServer, Visitor, for_each_version_at_once, wait_for,
};

/// Longer than what makes a signal empty, and `idle_timeout` after it.
const LONG_SILENCE: Duration = Duration::from_secs(14);
/// A flood lasts more than twice `idle_timeout`.
const FLOOD: Duration = Duration::from_secs(5);
/// Forged lines written at a time, a hundred times a second.
const FLOOD_LINES: usize = 30;

/// What must hold while HAProxy answers users whom the log does not show.
fn assert_frozen_and_kept(daemon: &Daemon, states: &StateWatch, silence: Duration) {
    let freeze = daemon.wait_for("freeze", "-", SOON);
    let says_numbers = freeze.text.contains("the log shows ") && freeze.text.contains("HAProxy");
    assert!(says_numbers, "{}", freeze.text);
    std::thread::sleep(silence);
    assert!(
        daemon.problems().contains("no scale-down"),
        "{}",
        daemon.problems()
    );
    assert_eq!(states.of("web2"), ["ready"], "{}", daemon.text());
    assert_eq!(daemon.status()["backends"][0]["state"], "blind");
}

#[test]
fn with_dontlog_normal_no_spare_goes() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let config =
            HaproxyConfig::new(web(CHECK, &[&web1, &web2])).defaults("option dontlog-normal");
        let haproxy = RealHaproxy::start(version, config);
        haproxy.set_state("web/web2", "ready");
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        assert_frozen_and_kept(&daemon, &states, LONG_SILENCE);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn with_a_sampled_log_no_spare_goes() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("sampled.log");
        let syslog = SyslogFile::udp(&log, true);
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).global(format!(
            "log {} len 8192 format rfc3164 sample 1:5 local0 info",
            syslog.target
        ));
        let haproxy = RealHaproxy::start(version, config);
        haproxy.set_state("web/web2", "ready");
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::at(&haproxy.admin_socket(), &log).start();
        let load = Load::open(haproxy.frontend(), RATE);
        // One line of five comes all the time, and tells of nothing but quiet.
        assert_frozen_and_kept(&daemon, &states, Duration::from_secs(6));
        assert!(syslog.lines() > 20);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn when_the_receiver_of_the_log_dies_under_traffic_no_spare_goes_until_it_lives_again() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let folder = tempfile::tempdir().expect("a folder");
        let (socket, log) = (folder.path().join("dev.log"), folder.path().join("log"));
        let syslog = SyslogFile::unix(&socket, &log, true);
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).global(format!(
            "log {} len 8192 format rfc3164 local0 info",
            syslog.target
        ));
        let haproxy = RealHaproxy::start(version, config);
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::at(&haproxy.admin_socket(), &log).start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        drop(syslog);
        web1.change(|behaviour| *behaviour = fast());
        daemon.wait_for("freeze", "-", SOON);
        std::thread::sleep(LONG_SILENCE);
        assert_eq!(states.path("web2"), ["maint", "ready"], "{}", daemon.text());
        std::fs::remove_file(&socket).expect("what the dead one left behind");
        let _again = SyslogFile::unix(&socket, &log, true);
        daemon.wait_for("thaw", "-", 3 * SOON);
        daemon.wait_for("disable", "web2", 2 * SOON);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

/// A request of that many milliseconds that HAProxy never had.
fn forged(ms: u32) -> String {
    format!(
        "127.0.0.1:48050 [22/Nov/2026:02:14:49.878] fe web/web1 0/0/0/{ms}/{ms} 200 90 - - \
         ---- 2/2/0/0/0 0/0 \"GET / HTTP/1.1\"\n"
    )
}

/// Writes such lines beside HAProxy's own for [`FLOOD`].
fn flood(haproxy: &RealHaproxy, ms: u32) {
    let log = LogFile::open(&haproxy.log());
    let lines = forged(ms).repeat(FLOOD_LINES);
    let end = Instant::now() + FLOOD;
    while Instant::now() < end {
        log.append(lines.trim_end().as_bytes());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_flood_of_forged_slow_lines_wakes_one_spare_at_most_and_disables_none() {
    for_each_version_at_once(|version| {
        let servers = ["web1", "web2", "web3", "web4"].map(|name| TinyServer::start(name, fast()));
        let [web1, web2, web3, web4] = &servers;
        let config = HaproxyConfig::new(web(CHECK, &[web1, web2, web3, web4]));
        let haproxy = RealHaproxy::start(version, config);
        haproxy.set_state("web/web2", "ready");
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("scale_up_cooldown", "\"200ms\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        flood(&haproxy, 900);
        daemon.wait_for("freeze", "-", SOON);
        assert_eq!(states.of("web2"), ["ready"], "{}", daemon.text());
        let woken = ["web3", "web4"].map(|name| daemon.count("enable", name));
        assert!(woken.iter().sum::<usize>() <= 1, "{}", daemon.text());
        assert_eq!(daemon.count("drain", "web3"), 0, "{}", daemon.text());
        assert_users_content(&load, &[web1, web2, web3]);
    });
}

#[test]
fn a_flood_of_forged_fast_lines_takes_no_spare_away() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        wait_for("users on the spare", SOON, || {
            web2.count(Visitor::User) > 10
        });
        flood(&haproxy, 1);
        let freeze = daemon.wait_for("freeze", "-", SOON);
        assert!(freeze.text.contains("lines"), "{}", freeze.text);
        assert_eq!(states.path("web2"), ["maint", "ready"], "{}", daemon.text());
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn while_haproxy_drops_lines_of_its_log_no_spare_goes() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let folder = tempfile::tempdir().expect("a folder");
        // Bound, and nobody reads: it fills up, and HAProxy drops what it has for it.
        let full = folder.path().join("full.sock");
        let _full = std::os::unix::net::UnixDatagram::bind(&full).expect("a socket");
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).global(format!(
            "log {} len 8192 format rfc3164 local0 info",
            full.display()
        ));
        let haproxy = RealHaproxy::start(version, config);
        haproxy.set_state("web/web2", "ready");
        let states = StateWatch::start(&haproxy);
        // Its own log is complete, so that nothing else speaks against going.
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        let freeze = daemon.wait_for("freeze", "-", SOON);
        assert!(freeze.text.contains("DroppedLogs"), "{}", freeze.text);
        std::thread::sleep(Duration::from_secs(6));
        assert_eq!(states.of("web2"), ["ready"], "{}", daemon.text());
        assert_eq!(daemon.count("freeze", "-"), 1, "{}", daemon.text());
        assert!(daemon.problems().contains("DroppedLogs"));
        assert_users_content(&load, &[&web1, &web2]);
    });
}
