//! SIGHUP at a daemon at work: what stays, what changes, what waits.

use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::Signal;

use super::fake::{FakeHaproxy, Place, stop};
use crate::support::program::{Running, SOON, program, run};
use crate::support::wait_for;

/// A port that the kernel chooses.
const ANY_PORT: &str = "udp:127.0.0.1:0";
/// Reading what a whole buffer holds, on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn change(place: &Place, from: &str, to: &str) {
    let text = std::fs::read_to_string(&place.config).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&place.config, text.replace(from, to)).unwrap();
}

fn threshold_is(place: &Place, threshold_ms: f64) {
    place.wait_for("the threshold", |status| {
        status["backends"][0]["threshold_ms"] == threshold_ms
    });
}

#[test]
fn what_did_not_change_goes_on_as_if_nothing_had_happened() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    place.order(&["pin", "web/web2"]).succeeded();
    for _ in 0..30 {
        place.request(700);
    }
    place.wait_for("a breach", |status| status["backends"][0]["breaches"] == 1);
    change(
        &place,
        "poll_interval = \"100ms\"",
        "poll_interval = \"150ms\"",
    );
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("new configuration applied");
    let status = place.json();
    assert_eq!(status["backends"][0]["breaches"], 1, "{status}");
    assert_eq!(status["log"]["lines"], 30, "counted on");
    assert!(place.status().succeeded().contains("pinned"));
    // The log goes on where it was.
    place.request(10);
    place.wait_for("the next line", |status| status["log"]["lines"] == 31);
    assert_eq!(daemon.err.text().matches("reading the log").count(), 1);
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_bad_file_leaves_all_of_the_old_one_and_is_shown() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    change(
        &place,
        "response_time = \"500ms\"",
        "response_time = \"900ms\"\nbreeches = 2",
    );
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("error[E0002]");
    daemon
        .err
        .wait_for("is bad, the configuration stays as it was");
    // The file of an order or of `status` may have mistakes as long as it names the socket.
    assert_eq!(place.json()["backends"][0]["threshold_ms"], 500.0);
    let ran = place.status();
    assert!(
        ran.err.contains("has mistakes, `check` shows them"),
        "{ran:?}"
    );
    let text = ran.succeeded();
    assert!(
        text.contains("problem: SIGHUP:") && text.contains("`breeches`"),
        "{text}"
    );
    place.order(&["pause"]).succeeded();
    // Nor need it be TOML.
    change(&place, "breeches = 2", "breeches = \"2");
    let ran = place.order(&["resume"]);
    assert!(ran.err.contains("`check` shows them: line "), "{ran:?}");
    assert!(ran.err.contains("; asking the daemon on "), "{ran:?}");
    ran.succeeded();
    change(&place, "breeches = \"2", "");
    daemon.signal(Signal::HUP);
    threshold_is(&place, 900.0);
    assert!(
        !place.status().succeeded().contains("SIGHUP"),
        "the problem is gone"
    );
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_change_of_most_servers_waits_for_a_second_sighup() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    change(&place, "[backend.web]", "[backend.api]");
    change(&place, "[backend.web.warm_up]", "[backend.api.warm_up]");
    daemon.signal(Signal::HUP);
    daemon
        .err
        .wait_for("would treat 2 of 2 servers differently and waits");
    let status = place.json();
    assert_eq!(status["backends"][0]["name"], "web", "{status}");
    assert!(place.status().succeeded().contains("send SIGHUP once more"));
    // Another file is judged anew.
    change(&place, "500ms", "600ms");
    daemon.signal(Signal::HUP);
    place.wait_for("two warnings", |_| {
        daemon.err.text().matches("and waits; send SIGHUP").count() == 2
    });
    assert_eq!(place.json()["backends"][0]["name"], "web");
    daemon.signal(Signal::HUP);
    place.wait_for("the new backend", |status| {
        status["backends"][0]["name"] == "api"
    });
    daemon
        .err
        .wait_for("no longer in the configuration; no spare of it is enabled");
    daemon
        .err
        .wait_for("HAProxy has no backend api; it has web");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_backend_that_comes_begins_fresh_beside_the_others() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    let text = std::fs::read_to_string(&place.config).unwrap();
    let more = "[backend.api]\nalways_up = [\"api1\"]\nresponse_time = \"500ms\"\n";
    std::fs::write(&place.config, text + more).unwrap();
    daemon.signal(Signal::HUP);
    place.wait_for("both", |status| {
        status["backends"]
            .as_array()
            .is_some_and(|it| it.len() == 2)
    });
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn control_socket_log_and_admin_socket_are_exchanged_while_it_runs() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    place.order(&["pause"]).succeeded();
    let other = place.folder.path().join("other.sock");
    let _other = FakeHaproxy::start(&other);
    let log = place.folder.path().join("other.log");
    std::fs::write(&log, "").unwrap();
    change(&place, "control.sock", "new.sock");
    change(&place, "x.log", "other.log");
    change(&place, "admin.sock", "other.sock");
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("new configuration applied");
    place.read();
    let status = place.json();
    assert_eq!(status["log"]["source"], log.to_str().unwrap());
    assert!(!place.control.exists(), "the old control socket is gone");
    assert!(
        place.status().succeeded().contains("paused by "),
        "it stands all the same"
    );
    assert!(
        !daemon.err.text().contains(" hold "),
        "{}",
        daemon.err.text()
    );
    // The lock of the old one is free, that of the new one is taken.
    let said = run(&["run", "-c", &place.config]).failed(75);
    assert!(said.contains("other.sock"), "{said}");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn an_admin_socket_that_another_daemon_has_leaves_all_as_it_was() {
    let (first, second) = (Place::new(), Place::new());
    let _haproxies = [&first, &second].map(|place| FakeHaproxy::start(&place.admin));
    let _first = first.daemon();
    let mut daemon = second.daemon();
    second.read();
    change(
        &second,
        second.admin.to_str().unwrap(),
        first.admin.to_str().unwrap(),
    );
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("the configuration stays as it was");
    let text = second.status().succeeded();
    assert!(
        text.contains("problem: SIGHUP: another haproxy-autoscale"),
        "{text}"
    );
    assert_eq!(second.json()["haproxy"]["connected"], true);
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_control_socket_that_cannot_be_made_leaves_all_as_it_was() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    let good = std::fs::read_to_string(&place.config).unwrap();
    change(&place, "control.sock", "x.log/control.sock");
    change(&place, "500ms", "900ms");
    daemon.signal(Signal::HUP);
    daemon
        .err
        .wait_for("cannot listen on the new control socket");
    std::fs::write(&place.config, good).unwrap();
    assert_eq!(place.json()["backends"][0]["threshold_ms"], 500.0);
    assert!(
        place
            .status()
            .succeeded()
            .contains("problem: SIGHUP: cannot listen")
    );
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn observing_becomes_acting_and_back_without_a_hold() {
    let place = Place::new();
    let haproxy = FakeHaproxy::start(&place.admin);
    change(&place, "[haproxy]", "mode = \"observe\"\n[haproxy]");
    let mut daemon = Running::start(&mut program(&["run", "-c", &place.config]));
    daemon.err.wait_for("reading the log");
    place.read();
    place.order(&["enable", "web/web2"]).succeeded();
    daemon.err.wait_for("would enable web/web2");
    change(&place, "\"observe\"", "\"act\"");
    daemon.signal(Signal::HUP);
    place.wait_for("acting", |status| status["mode"] == "act");
    place.wait_for("what HAProxy really shows", |status| {
        let stage = &status["backends"][0]["servers"][1]["stage"];
        stage == "maint" || stage == "warming"
    });
    assert!(
        !daemon.err.text().contains(" hold "),
        "{}",
        daemon.err.text()
    );
    let lines = haproxy.lines();
    assert!(
        lines.iter().all(|line| line.starts_with("show ")),
        "nothing was written: {lines:?}"
    );
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn another_line_length_leaves_the_format_of_the_file() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let text = std::fs::read_to_string(&place.config).unwrap();
    let format = "[log]\nformat = '''log-format \"[%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc \
                  %ac/%fc/%bc/%sc/%rc %sq/%bq\"'''\n";
    let text = text.replace("[log]\n", format);
    std::fs::write(&place.config, &text).unwrap();
    let mut daemon = place.daemon();
    let text = text.replace("[log]\n", "[log]\nmax_line_bytes = 9000\n");
    std::fs::write(&place.config, text).unwrap();
    daemon.signal(Signal::HUP);
    wait_for("the log, opened again", SOON, || {
        daemon.err.text().matches("reading the log").count() == 2
    });
    let line = "[21/Nov/2026:23:36:31.172] fe web/web1 0/0/0/10/10 200 161 ---- 1/1/0/0/0 0/0";
    place.log.append(line.as_bytes());
    place.wait_for("the line", |status| status["log"]["lines"] == 1);
    assert_eq!(place.json()["log"]["rejected"], 0);
    stop(&mut daemon, Signal::TERM);
}

/// A daemon that listens where the kernel chose, and a sender to it.
fn listening(place: &Place) -> (Running, UdpSocket) {
    let log = place.folder.path().join("x.log");
    change(place, log.to_str().unwrap(), ANY_PORT);
    let daemon = Running::start(&mut program(&["run", "-c", &place.config]));
    daemon.err.wait_for("reading the log");
    place.read();
    let source = place.json()["log"]["source"].as_str().unwrap().to_owned();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender
        .connect(source.strip_prefix("udp:").unwrap())
        .unwrap();
    (daemon, sender)
}

#[test]
fn another_tag_leaves_the_socket_that_the_log_comes_to_open() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let (mut daemon, sender) = listening(&place);
    let send = |tag: &str, count: usize| {
        let line = format!(
            "<142>Nov 21 23:36:31 {tag}[7]: 127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe web/web1 \
             0/0/0/10/10 200 161 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\""
        );
        for _ in 0..count {
            sender.send(line.as_bytes()).unwrap();
        }
    };
    change(&place, "[log]\n", "[log]\ntag = \"edge\"\n");
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("new configuration applied");
    send("edge", 3);
    send("haproxy", 2);
    place.wait_for("all lines", |status| status["log"]["lines"] == 5);
    assert_eq!(place.json()["log"]["rejected"], 2);
    let text = daemon.err.text();
    assert!(!text.contains("cannot listen"), "{text}");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn what_another_source_lost_is_not_said_of_the_new_one() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let (mut daemon, sender) = listening(&place);
    sender.send(b"first").unwrap();
    place.wait_for("the first line", |status| status["log"]["lines"] == 1);
    // While it sleeps the socket's buffer fills.
    daemon.signal(Signal::STOP);
    for _ in 0..60_000 {
        sender.send(&[b'x'; 160]).unwrap();
    }
    daemon.signal(Signal::CONT);
    wait_for("losses", LONG, || daemon.err.text().contains("were lost"));
    let log = place.folder.path().join("x.log");
    change(&place, ANY_PORT, log.to_str().unwrap());
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("new configuration applied");
    let text = place.status().succeeded();
    assert!(!text.contains("were lost"), "{text}");
    stop(&mut daemon, Signal::TERM);
}
