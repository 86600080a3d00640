//! A real HAProxy's log on its way into the daemon: late, rotated, complete.

use std::time::{Duration, Instant};

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, slow, web};
use crate::support::{
    Daemon, DaemonConfig, HaproxyConfig, Load, LogFile, RealHaproxy, StateWatch, SyslogFile,
    TinyServer, for_each_version_at_once, wait_for,
};

/// Longer than what makes a signal empty, and `idle_timeout` after it.
const LONG_SILENCE: Duration = Duration::from_secs(14);
/// A slow request that HAProxy never had.
const FORGED: &str = "127.0.0.1:48050 [22/Nov/2026:02:14:49.878] fe web/web1 0/0/3/900/903 200 90 - - \
                      ---- 2/2/0/0/0 0/0 \"GET / HTTP/1.1\"";

fn lines_of(daemon: &Daemon) -> usize {
    let lines = daemon.status()["log"]["lines"].as_u64();
    usize::try_from(lines.unwrap_or(0)).expect("a small number")
}

#[test]
fn a_log_that_is_missing_at_first_is_said_and_read_from_its_first_line_on() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (socket, log) = (
            folder.path().join("dev.log"),
            folder.path().join("late.log"),
        );
        // HAProxy writes to a socket that nobody has opened yet, as before rsyslog's start.
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2])).global(format!(
            "log {} len 8192 format rfc3164 local0 info",
            socket.display()
        ));
        let haproxy = RealHaproxy::start(version, config);
        let daemon = DaemonConfig::at(&haproxy.admin_socket(), &log).start();
        let problems = daemon.problems();
        assert!(problems.contains(&log.display().to_string()), "{problems}");
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("some users", SOON, || load.count() > 20);
        assert_eq!(daemon.count("breach", "-"), 0);
        let syslog = SyslogFile::unix(&socket, &log, true);
        daemon.wait_for("enable", "web2", SOON);
        assert!(
            !daemon.problems().contains("late.log"),
            "{}",
            daemon.problems()
        );
        load.set_rate(0.0);
        wait_for("every line", SOON, || {
            syslog.lines() > 0 && lines_of(&daemon) == syslog.lines()
        });
        // HAProxy's messages about itself are no lines that could not be read.
        let text = std::fs::read_to_string(&log).expect("the log");
        let is_message = |line: &&str| line.contains("Server ") || line.contains("backend ");
        let others = text.lines().filter(|line| !line.contains("] fe web/"));
        let others = others.filter(|line| !is_message(line));
        assert_eq!(daemon.status()["log"]["rejected"], others.count());
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn rotation_in_the_middle_of_load_loses_no_line() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web("", &[&web1, &web2])));
        let daemon = DaemonConfig::new(&haproxy).start();
        let before = haproxy.log_lines();
        let load = Load::open(haproxy.frontend(), 100.0);
        for rotation in 1..=4 {
            wait_for("some users", SOON, || load.count() > rotation * 50);
            let name = format!("haproxy.log.{rotation}");
            haproxy.rotate_log(&haproxy.folder().join(name));
        }
        wait_for("some more", SOON, || load.count() > 250);
        load.set_rate(0.0);
        std::thread::sleep(Duration::from_millis(100));
        let answers = load.stop();
        // Of whichever status: each answer is a line, also where a busy machine made it a 503.
        let answered = answers.iter().filter(|answer| answer.status.is_some());
        let answered = answered.count();
        wait_for("every line", SOON, || {
            lines_of(&daemon) == haproxy.log_lines() - before
        });
        // On a busy machine HAProxy itself drops lines: a Unix socket holds only ten.
        let dropped = haproxy.dropped_logs();
        let logged = haproxy.log_lines() - before;
        assert!(logged + dropped >= answered, "{logged} {dropped}");
        if dropped == 0 {
            // The counters of the same HAProxy agree with what was read.
            assert_eq!(
                daemon.status()["backends"][0]["problems"],
                serde_json::json!([])
            );
        }
    });
}

#[test]
fn a_log_that_shows_nothing_of_the_traffic_freezes_scaling_down() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        haproxy.set_state("web/web2", "ready");
        let states = StateWatch::start(&haproxy);
        // The wrong file: it is there and nobody writes to it.
        let wrong = haproxy.folder().join("wrong.log");
        std::fs::write(&wrong, "").expect("an empty file");
        let daemon = DaemonConfig::at(&haproxy.admin_socket(), &wrong).start();
        let load = Load::open(haproxy.frontend(), RATE);
        let freeze = daemon.wait_for("freeze", "-", SOON);
        assert!(
            freeze.text.contains("the log shows 0 lines"),
            "{}",
            freeze.text
        );
        // Without lines for so long it would be quiet, if HAProxy did not know better.
        std::thread::sleep(LONG_SILENCE);
        assert_eq!(states.of("web2"), ["ready"], "{}", daemon.text());
        assert!(daemon.problems().contains("no scale-down"));
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_silent_log_is_quiet_when_haproxy_has_no_traffic_either() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web("", &[&web1, &web2])));
        haproxy.set_state("web/web2", "ready");
        let daemon = DaemonConfig::new(&haproxy).start();
        let drained = daemon.wait_for("drain", "web2", LONG_SILENCE + SOON);
        assert!(drained.text.contains("no requests"), "{}", drained.text);
        daemon.wait_for("disable", "web2", SOON);
    });
}

#[test]
fn forged_lines_alone_wake_one_spare_and_no_more() {
    for_each_version_at_once(|version| {
        let servers = ["web1", "web2", "web3"].map(|name| TinyServer::start(name, fast()));
        let [web1, web2, web3] = &servers;
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web("", &[web1, web2, web3])));
        let states = StateWatch::start(&haproxy);
        let log = LogFile::open(&haproxy.folder().join("forged.log"));
        let daemon = DaemonConfig::at(
            &haproxy.admin_socket(),
            &haproxy.folder().join("forged.log"),
        )
        .backend("scale_up_cooldown", "\"200ms\"")
        .start();
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            log.append(FORGED.as_bytes());
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon.wait_for("freeze", "-", SOON);
        assert_eq!(states.of("web2"), ["maint", "ready"], "{}", daemon.text());
        assert_eq!(states.of("web3"), ["maint"], "{}", daemon.text());
        assert!(
            daemon
                .problems()
                .contains("is this the log of that HAProxy?")
        );
    });
}
