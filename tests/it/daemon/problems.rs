//! What monitoring asks for: problems with code and moment, exit codes, and what the daemon's log says
//! of mistakes that do not mend themselves.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use haproxy_autoscale::status::StatusError;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::fake::{FakeHaproxy, Place, stop};
use crate::support::program::{Running, SOON, program, run};
use crate::support::wait_for;

fn change(place: &Place, from: &str, to: &str) {
    let text = fs::read_to_string(&place.config).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&place.config, text.replace(from, to)).unwrap();
}

fn codes(status: &Value) -> Vec<&str> {
    let problems = status["problems"].as_array().unwrap().iter();
    problems.map(|it| it["code"].as_str().unwrap()).collect()
}

/// Slow requests until the daemon says that of the backend.
fn rush_until(place: &Place, what: &str, is: impl Fn(&Value) -> bool) {
    wait_for(what, SOON * 3, || {
        for _ in 0..20 {
            place.request(900);
        }
        is(&place.json())
    });
}

fn check(place: &Place) -> (Option<i32>, String) {
    let ran = run(&["status", "--check", "-c", &place.config]);
    (ran.code, ran.out)
}

fn age_s(moment: &Value) -> u64 {
    let moment = humantime::parse_rfc3339(moment.as_str().unwrap()).unwrap();
    let age = SystemTime::now().duration_since(moment);
    age.map_or(0, |age| age.as_secs())
}

#[test]
fn check_is_0_without_a_problem_2_with_one_and_3_without_a_daemon() {
    let place = Place::new();
    assert_eq!(check(&place).0, Some(3));
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    // A busy machine may keep the pretend HAProxy from answering for a moment.
    wait_for("no problem", SOON, || check(&place).0 == Some(0));
    fs::remove_file(place.folder.path().join("x.log")).unwrap();
    place.wait_for("the problems", |status| {
        let codes = codes(status);
        codes.contains(&"log_missing") && codes.contains(&"log_absent")
    });
    assert_eq!(check(&place).0, Some(2));
    // The text is the same, and without --check the exit code is.
    assert!(check(&place).1.contains("problem: "));
    assert_eq!(place.status().code, Some(0));
    let status = place.json();
    assert!(age_s(&status["problems"][0]["since"]) < 60, "{status}");
    stop(&mut daemon, Signal::TERM);
    assert_eq!(check(&place).0, Some(3));
}

#[test]
fn slow_without_a_spare_that_can_help_is_a_problem() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    // Its only spare is dead.
    rush_until(&place, "helpless", |status| {
        codes(status).contains(&"slow_no_spare")
    });
    let status = place.json();
    let backend = &status["backends"][0];
    assert_eq!(check(&place).0, Some(2));
    let spare = &backend["servers"][1];
    assert_eq!(spare["quarantine"]["reason"], "it failed", "{status}");
    assert!(age_s(&spare["quarantine"]["since"]) < 30, "{status}");
    assert_eq!(backend["reason"]["code"], "no_spare", "{status}");
    let next = backend["next"].as_str().unwrap();
    assert!(next.contains("web2 quarantined"), "{next}");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn slow_and_paused_is_a_problem_that_says_how_to_end_it() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    run(&["pause", "web", "-c", &place.config]).succeeded();
    wait_for("a pause alone is none", SOON, || check(&place).0 == Some(0));
    rush_until(&place, "slow and paused", |status| {
        codes(status).contains(&"slow_paused")
    });
    let status = place.json();
    let mut problems = status["problems"].as_array().unwrap().iter();
    let problem = problems.find(|it| it["code"] == "slow_paused").unwrap();
    let text = problem["text"].as_str().unwrap();
    assert!(
        text.starts_with("web: slow (mean 900 ms > 500 ms)"),
        "{text}"
    );
    assert!(text.contains("`haproxy-autoscale resume web`"), "{text}");
    let backend = &status["backends"][0];
    assert_eq!(backend["reason"]["code"], "paused");
    let pause = &backend["pause"];
    assert!(age_s(&pause["since"]) < 60, "{pause}");
    assert_eq!(pause["until"], Value::Null);
    let me = super::orders::me();
    assert_eq!(pause["by"], me);
    let told = format!("paused by {me}, since {}", pause["since"].as_str().unwrap());
    let text = place.status().out;
    assert!(text.contains(&told[..told.len() - 3]), "{text}");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn who_ordered_what_since_when_survives_a_restart_and_is_said_at_the_start() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    run(&["pause", "--for", "2h", "-c", &place.config]).succeeded();
    run(&["pin", "web/web2", "-c", &place.config]).succeeded();
    let pause_of = |status: &Value| status["backends"][0]["pause"].clone();
    let pin_of = |status: &Value| status["backends"][0]["servers"][1]["pin"].clone();
    let before = place.json();
    assert!(pause_of(&before)["until"].is_string(), "{before}");
    stop(&mut daemon, Signal::TERM);
    let mut daemon = place.daemon();
    place.read();
    let after = place.json();
    // To the second, and a second may have begun in between.
    for (one, other) in [
        (pause_of(&before), pause_of(&after)),
        (pin_of(&before), pin_of(&after)),
    ] {
        assert!(age_s(&one["since"]).abs_diff(age_s(&other["since"])) <= 1);
        assert_eq!(one["by"], other["by"]);
    }
    daemon.err.wait_for("from before the start: paused by ");
    daemon
        .err
        .wait_for("nothing is changed until `haproxy-autoscale resume`");
    daemon
        .err
        .wait_for("from before the start: web/web2: pinned by ");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_name_that_haproxy_does_not_have_is_a_warning() {
    let place = Place::new();
    change(
        &place,
        "[\"web1\"]",
        "[\"web1\", \"wbe9\"]\nspares = [\"web2\", \"wbe3\"]",
    );
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    for said in ["always_up lists wbe9, but", "spares lists wbe3, but"] {
        daemon.err.wait_for(said);
        let text = daemon.err.text();
        let line = text.lines().find(|line| line.contains(said)).unwrap();
        assert!(line.contains("WARN"), "{line}");
    }
    place.wait_for("two problems", |status| {
        codes(status) == ["unknown_server", "unknown_server"]
    });
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_backend_that_haproxy_does_not_have_is_said_once() {
    let place = Place::new();
    change(&place, "backend.web", "backend.wep");
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    daemon
        .err
        .wait_for("HAProxy has no backend wep; it has web");
    wait_for("more looks", SOON, || haproxy.lines().len() > 8);
    stop(&mut daemon, Signal::TERM);
    let text = daemon.err.text();
    assert_eq!(text.matches("no such backend").count(), 0, "{text}");
    assert_eq!(text.matches("has no backend").count(), 1, "{text}");
}

#[test]
fn an_order_that_is_refused_is_logged_as_refused() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    run(&["disable", "web/web1", "-c", &place.config]).failed(1);
    daemon
        .err
        .wait_for("WARN refused: operator web/web1: disable");
    run(&["pause", "wep", "-c", &place.config]).failed(4);
    daemon.err.wait_for("WARN refused: operator wep: ");
    run(&["pause", "web", "-c", &place.config]).succeeded();
    daemon.err.wait_for("INFO operator web: pause");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_mistyped_socket_leaves_no_state_behind() {
    let place = Place::new().remembering();
    change(&place, "admin.sock", "amdin.sock");
    let mut daemon = place.daemon();
    place.wait_for("unreachable", |status| {
        status["backends"][0]["state"] == "unreachable"
    });
    stop(&mut daemon, Signal::TERM);
    let dir = place.state_dir();
    let left: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_log_that_is_away_for_a_moment_was_rotated_and_is_no_warning() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    let log = place.folder.path().join("x.log");
    // Until it was seen that it is away: no longer than logrotate and rsyslog take.
    fs::rename(&log, place.folder.path().join("x.log.1")).unwrap();
    wait_for("it is away", SOON, || {
        let text = run(&["status", "-c", &place.config]).out;
        text.contains("0 rejected, missing")
    });
    let status = place.json();
    let is_alarmed = |code: &&str| code.starts_with("log_");
    assert!(!codes(&status).iter().any(is_alarmed), "{status}");
    fs::write(&log, "").unwrap();
    daemon.err.wait_for("was rotated: reading the new one");
    assert!(
        daemon.err.text().contains("INFO the log "),
        "{}",
        daemon.err.text()
    );
    assert!(
        !daemon.err.text().contains("waiting for it"),
        "{}",
        daemon.err.text()
    );
    fs::remove_file(&log).unwrap();
    daemon.err.wait_for("waiting for it");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_log_that_is_not_there_is_not_0ms_behind() {
    let place = Place::new();
    fs::remove_file(place.folder.path().join("x.log")).unwrap();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = Running::start(&mut program(&["run", "-c", &place.config]));
    daemon.err.wait_for("waiting for it");
    place.read();
    let text = place.status().succeeded();
    assert!(text.contains("0 lines, 0 rejected, missing · "), "{text}");
    assert_eq!(place.json()["log"]["lag_ms"], Value::Null);
    place.wait_for("the reason", |status| {
        status["backends"][0]["reason"]["code"] == "blind"
    });
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn who_may_not_ask_is_told_how_he_may() {
    let path = Path::new("/run/haproxy-autoscale/control.sock");
    let error = StatusError::unanswered(path, io::ErrorKind::PermissionDenied.into());
    let text = error.to_string();
    assert!(
        text.contains("use sudo, or join group haproxy-autoscale"),
        "{text}"
    );
    assert!(!text.contains("start one"), "{text}");
    let error = StatusError::unanswered(path, io::ErrorKind::NotFound.into());
    assert!(error.to_string().contains("no daemon answers on /run/"));
}

#[test]
fn relative_paths_are_relative_to_the_configuration_for_every_command() {
    let place = Place::new();
    let here = place.folder.path().display().to_string();
    let text = fs::read_to_string(&place.config).unwrap();
    let text = text.replace(&format!("{here}/"), "");
    let text = text.replace("dir = \"\"", "dir = \"state\"");
    assert!(text.contains("source = \"x.log\"") && text.contains("socket = \"admin.sock\""));
    fs::write(&place.config, text).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let command = |args: &[&str]| {
        let mut command = program(args);
        command.current_dir(elsewhere.path());
        command
    };
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = Running::start(&mut command(&["run", "-c", &place.config]));
    daemon.err.wait_for("reading the log");
    for args in [
        &["pause", "-c", &place.config][..],
        &["status", "-c", &place.config],
        &["check", "-c", &place.config],
    ] {
        let output = command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
    // Also beside the file, where it has no folder in its name.
    let mut beside = program(&["status", "--json", "-c", "config.toml"]);
    let output = beside.current_dir(place.folder.path()).output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["log"]["source"], json!(format!("{here}/x.log")));
    // And of a file with mistakes, of which nothing but the control socket is read.
    change(&place, "response_time", "respnse_time");
    let output = command(&["status", "-c", &place.config]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    wait_for("the state", SOON, || place.state_dir().is_dir());
    stop(&mut daemon, Signal::TERM);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
