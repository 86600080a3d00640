//! The events of a whole daemon: killed at any moment, on a full disk.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use haproxy_autoscale::publish::event::Event;
use haproxy_autoscale::sim::dice::Dice;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::fake::{FakeHaproxy, Place, stop};
use super::faults::Disk;
use crate::support::program::{SOON, program, run};
use crate::support::wait_for;

/// Kills in the short form; `HAPROXY_AUTOSCALE_KILLS=100` for all that are promised.
const KILLS: usize = 20;

fn kills() -> usize {
    let asked = std::env::var("HAPROXY_AUTOSCALE_KILLS").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(KILLS)
}

/// All events, file after file.
fn written(state: &std::path::Path) -> Vec<Event> {
    let mut files: Vec<(u64, PathBuf)> = fs::read_dir(state)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let (_, rest) = name.split_once("events.ndjson")?;
            let id = match rest.strip_prefix('.') {
                None => u64::MAX,
                Some(rest) => rest.parse().ok()?,
            };
            Some((id, entry.path()))
        })
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|(_, path)| fs::read_to_string(path).unwrap());
    let lines = texts.collect::<String>();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn no_id_is_given_twice_or_left_out_over_kills_at_random_moments() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut dice = Dice::new(4711);
    for _ in 0..kills() {
        let mut daemon = program(&["run", "-c", &place.config]);
        let mut daemon = daemon.stderr(Stdio::null()).spawn().unwrap();
        wait_for("the control socket", SOON, || {
            UnixStream::connect(&place.control).is_ok()
        });
        let pid = Pid::from_child(&daemon);
        let killer = std::thread::spawn({
            let after = Duration::from_micros(dice.below(60_000));
            move || {
                std::thread::park_timeout(after);
                kill_process(pid, Signal::KILL).unwrap();
            }
        });
        while let Ok(stream) = UnixStream::connect(&place.control) {
            let _ = std::io::Write::write_all(&mut &stream, b"pause web\n");
            let _ = std::io::copy(&mut &stream, &mut std::io::sink());
        }
        killer.join().unwrap();
        daemon.wait().unwrap();
    }
    let mut daemon = place.daemon();
    stop(&mut daemon, Signal::TERM);
    let events = written(&place.state_dir());
    let ids: Vec<u64> = events.iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    assert!(ids.len() > kills() * 3, "{} events", ids.len());
    assert_eq!(events.last().unwrap().code, "stopping");
}

#[test]
fn a_full_disk_is_said_once_and_what_happens_meanwhile_is_written_when_there_is_room() {
    let place = Place::new().remembering();
    let Some(disk) = Disk::mount(&place.state_dir()) else {
        return;
    };
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    wait_for("the file", SOON, || !written(&place.state_dir()).is_empty());
    let ballast = disk.fill();
    for _ in 0..40 {
        place.order(&["pause", "web"]).succeeded();
    }
    daemon.err.wait_for("cannot keep events in");
    let problems = place.json()["problems"].to_string();
    assert!(problems.contains("events_not_kept"), "{problems}");
    fs::remove_file(&ballast).unwrap();
    place.order(&["resume", "web"]).succeeded();
    daemon.err.wait_for("events are kept on disk again");
    assert_eq!(daemon.err.text().matches("cannot keep events").count(), 1);
    let problems = place.json()["problems"].to_string();
    assert!(!problems.contains("events_not_kept"), "{problems}");
    stop(&mut daemon, Signal::TERM);
    let events = written(&place.state_dir());
    let ids: Vec<u64> = events.iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    assert!(ids.len() > 40);
}

#[test]
fn what_a_full_disk_did_not_take_before_a_kill_is_told_by_the_next_event_with_its_number() {
    let place = Place::new().remembering();
    let Some(disk) = Disk::mount(&place.state_dir()) else {
        return;
    };
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    wait_for("the file", SOON, || !written(&place.state_dir()).is_empty());
    let ballast = disk.fill();
    for _ in 0..40 {
        place.order(&["pause", "web"]).succeeded();
    }
    daemon.err.wait_for("cannot keep events in");
    daemon.stop(Signal::KILL);
    fs::remove_file(&ballast).unwrap();
    let before = written(&place.state_dir()).last().unwrap().id;
    let mut daemon = place.daemon();
    stop(&mut daemon, Signal::TERM);
    let events = written(&place.state_dir());
    let at = events.iter().position(|it| it.id > before).unwrap();
    let (next, lost) = (&events[at], events[at].id - before - 1);
    assert_eq!(next.code, "events_lost");
    assert_eq!(next.data["events"], lost);
    assert!(lost >= 10, "{lost} of 40 orders and what came with them");
}

#[test]
fn a_daemon_without_a_state_directory_shows_the_events_of_its_memory() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.order(&["pause", "web"]).succeeded();
    let shown = || run(&["events", "-c", &place.config]).succeeded();
    wait_for("the order", SOON, || shown().contains("pause by "));
    assert!(shown().contains("looks after web"));
    stop(&mut daemon, Signal::TERM);
    run(&["events", "-c", &place.config]).failed(1);
}

#[test]
fn why_nothing_is_done_is_an_event_when_that_has_changed_and_not_before() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    let reasons = || {
        let events = written(&place.state_dir());
        let reasons = events.into_iter().filter(|event| event.code == "reason");
        reasons.collect::<Vec<_>>()
    };
    wait_for("a first reason", Duration::from_secs(20), || {
        !reasons().is_empty()
    });
    let before = reasons().len();
    place.order(&["pause", "web"]).succeeded();
    wait_for("another one", Duration::from_secs(20), || {
        reasons().len() > before
    });
    let last = reasons().pop().unwrap();
    assert_eq!(last.backend.as_deref(), Some("web"));
    assert_eq!(last.data["reason"], "paused");
    assert_eq!(reasons().len(), before + 1, "one for each change");
    assert!(
        !daemon.err.text().contains("reason web"),
        "no line of the log"
    );
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn explain_says_what_stands_in_the_way_until_when_and_what_happened_last() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    place.order(&["pause", "--for", "1h", "web"]).succeeded();
    place.order(&["pin", "web/web2"]).succeeded();
    let explain = |more: &[&str]| run(&[&["explain", "-c", &place.config], more].concat());
    let text = explain(&["--json", "web"]).succeeded();
    let web: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&web["backend"], &web["serving"]),
        (&"web".into(), &1.into())
    );
    assert_eq!(web["reason"]["code"], "paused");
    let blocked = web["blocked_by"].as_array().unwrap();
    assert_eq!(blocked[0]["code"], "paused");
    assert!(blocked[0]["until"].is_string(), "{text}");
    assert_eq!(blocked[1]["code"], "pin");
    assert!(
        blocked[1]["text"].as_str().unwrap().contains("web2"),
        "{text}"
    );
    assert_eq!(web["next"]["code"], "nothing");
    let last = |web: &Value| web["last"].as_array().unwrap().clone();
    wait_for("the order among the last events", SOON, || {
        let text = explain(&["--json"]).succeeded();
        let web: Value = serde_json::from_str(&text).unwrap();
        last(&web).iter().any(|event| event["code"] == "order")
    });
    let text = explain(&[]).succeeded();
    assert!(text.contains("\n  why      paused: "), "{text}");
    assert!(
        text.contains("\n  blocked  pin: web2 is pinned by"),
        "{text}"
    );
    assert!(text.contains("  operator web/web2: pin by"), "{text}");
    // One word for what an order keeps, here and in NOTE.
    place.order(&["unpin", "web/web2"]).succeeded();
    place.order(&["resume", "web"]).succeeded();
    place.order(&["disable", "web/web2"]).succeeded();
    let text = explain(&[]).succeeded();
    assert!(
        text.contains("\n  blocked  order: web2 is kept out by"),
        "{text}"
    );
    let noted = run(&["status", "-c", &place.config]).succeeded();
    assert!(noted.contains("kept out by"), "{noted}");
    assert!(explain(&["api"]).failed(4).contains("no backend api"));
    stop(&mut daemon, Signal::TERM);
    explain(&[]).failed(3);
    // A new daemon knows what happened before it.
    let mut daemon = place.daemon();
    wait_for("the last events of the one before", SOON, || {
        explain(&[])
            .succeeded()
            .contains("operator web/web2: pin by")
    });
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn a_report_of_a_daemon_at_work_has_what_it_counted_up_to_now() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    (0..30).for_each(|_| place.request(700));
    wait_for("thirty requests", SOON, || {
        let text = run(&["report", "--json", "-c", &place.config]);
        let report: Value = serde_json::from_str(&text.out).unwrap_or_default();
        report["backends"][0]["requests"] == 30
    });
    let text = run(&["report", "--json", "-c", &place.config]).succeeded();
    let web = &serde_json::from_str::<Value>(&text).unwrap()["backends"][0];
    assert_eq!(web["slow_share"], 1.0);
    let seconds = |name: &str| web[name].as_f64().unwrap();
    assert!(seconds("server_seconds") > 0.0, "{text}");
    let ratio = seconds("saved_server_seconds") / seconds("server_seconds");
    assert!(
        (0.9..1.1).contains(&ratio),
        "one of two is in maint: {text}"
    );
    let events = written(&place.state_dir());
    assert!(
        events.iter().all(|event| event.code != "usage"),
        "asking writes nothing: {events:?}"
    );
    stop(&mut daemon, Signal::TERM);
    // Now it is told, and is what it was.
    let text = run(&["report", "--json", "-c", &place.config]).succeeded();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["backends"][0]["requests"], 30);
}

#[test]
fn a_new_place_for_events_is_used_from_the_next_one_on_and_its_ids_go_on() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    wait_for("the file", SOON, || !written(&place.state_dir()).is_empty());
    let elsewhere = place.folder.path().join("elsewhere.ndjson");
    let text = fs::read_to_string(&place.config).unwrap();
    let events = format!("[events]\nfile = \"{}\"\n", elsewhere.display());
    fs::write(&place.config, text + &events).unwrap();
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("new configuration applied");
    wait_for("the new file", SOON, || {
        let text = fs::read_to_string(&elsewhere).unwrap_or_default();
        text.contains("config_applied")
    });
    stop(&mut daemon, Signal::TERM);
    let before = written(&place.state_dir()).last().unwrap().id;
    let text = fs::read_to_string(&elsewhere).unwrap();
    let ids: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Event>(line).unwrap().id)
        .collect();
    assert_eq!(ids[0], before + 1);
    assert_eq!(ids, (ids[0]..ids[0] + ids.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_start_after_a_kill_says_so_and_one_after_an_end_does_not() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    wait_for("the file", SOON, || !written(&place.state_dir()).is_empty());
    stop(&mut daemon, Signal::TERM);
    let daemon = place.daemon();
    place.read();
    place.order(&["pause", "web"]).succeeded();
    daemon.signal(Signal::KILL);
    drop(daemon);
    let last = written(&place.state_dir()).last().unwrap().id;
    let mut daemon = place.daemon();
    let wanted = format!("(last event {last}): it was killed or crashed");
    daemon.err.wait_for(&wanted);
    wait_for("the event", SOON, || {
        let events = written(&place.state_dir());
        events.iter().any(|it| it.code == "unclean_end")
    });
    stop(&mut daemon, Signal::TERM);
    let events = written(&place.state_dir());
    let told: Vec<_> = events
        .iter()
        .filter(|it| it.code == "unclean_end")
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].data["last_id"], last);
    let (text, at) = (&told[0].text, "ended without saying so at about 20");
    assert!(text.contains(at), "{text}");
}

#[test]
fn a_sighup_is_no_start_and_the_last_event_of_a_file_says_where_the_next_one_is() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    wait_for("the file", SOON, || !written(&place.state_dir()).is_empty());
    daemon.signal(Signal::HUP);
    daemon
        .err
        .wait_for("SIGHUP: configuration read again, it has not changed");
    let text = fs::read_to_string(&place.config).unwrap();
    let text = text.replace("mode = \"act\"\n", "");
    fs::write(&place.config, format!("mode = \"observe\"\n{text}")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.err.wait_for(
        "SIGHUP: configuration read again, new configuration applied: the daemon looks after web",
    );
    let shown = || run(&["events", "-c", &place.config]).succeeded();
    wait_for("the new file", SOON, || {
        shown().contains("configuration applied")
    });
    fs::write(&place.config, format!("mode = \"act\"\n{text}")).unwrap();
    daemon.signal(Signal::HUP);
    wait_for("the old file", SOON, || {
        shown().matches("configuration applied").count() == 2
    });
    stop(&mut daemon, Signal::TERM);
    let shown = run(&["events", "-c", &place.config, "--json"]).succeeded();
    let codes = |wanted: &[&str]| {
        let events = shown
            .lines()
            .map(|line| serde_json::from_str::<Event>(line).unwrap());
        let events = events.filter(|it| wanted.contains(&it.code.as_str()));
        let told = events.map(|it| (it.code, it.data.contains_key("pretended")));
        told.collect::<Vec<_>>()
    };
    let told = codes(&[
        "started",
        "events_moved",
        "config_applied",
        "stopping",
        "unclean_end",
    ]);
    let told: Vec<_> = told
        .iter()
        .map(|(code, is_pretended)| (code.as_str(), *is_pretended))
        .collect();
    let wanted = [
        ("started", false),
        ("events_moved", false),
        ("config_applied", true),
        ("events_moved", true),
        ("config_applied", false),
        ("stopping", false),
    ];
    assert_eq!(told, wanted, "{shown}");
}
