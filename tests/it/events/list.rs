//! The command `events`: what it shows of the file, and how it follows it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use haproxy_autoscale::publish::record::News;
use serde_json::Value;

use super::file::{DAY, Teller, place};
use crate::support::program::{Running, file, program, run};

/// A configuration whose events are in that file, and whose daemon does not run.
pub(super) fn config(folder: &Path, events: &Path) -> String {
    let events = events.display();
    let control = folder.join("control.sock");
    let text = format!(
        "[control]\nsocket = \"{}\"\n[events]\nfile = \"{events}\"\n[backend.web]\n\
         always_up = [\"web1\"]\nresponse_time = \"500ms\"\n",
        control.display()
    );
    file(folder, "config.toml", text)
}

fn reason(backend: &str) -> News {
    News::Reason {
        backend: backend.to_owned(),
        reason: "cooldown",
        text: "nothing for 20s: scale_up_cooldown".to_owned(),
    }
}

/// Three backends' news, and the file that they are in.
fn told() -> (tempfile::TempDir, PathBuf, String) {
    let (folder, events) = place();
    let teller = Teller::start(&events);
    teller.tell_at(SystemTime::now() - 3 * DAY);
    teller.tell(reason("web"));
    teller.tell(News::UnknownBackend {
        backend: "api".to_owned(),
        known: Vec::new(),
    });
    teller.end();
    let config = config(folder.path(), &events);
    (folder, events, config)
}

fn lines(out: &str) -> Vec<Value> {
    let lines = out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn events_are_shown_without_a_daemon_and_reasons_for_doing_nothing_when_all_is_asked_for() {
    let (_folder, events, config) = told();
    let out = run(&["events", "-c", &config]).succeeded();
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(
        out.contains("  WARNING: HAProxy has no backend api\n"),
        "{out}"
    );
    let all = run(&["events", "--all", "-c", &config]).succeeded();
    assert_eq!(all.lines().count(), 4, "{all}");
    assert!(all.contains("  reason web: nothing for 20s"), "{all}");
    let json = run(&["events", "--all", "--json", "-c", &config]).succeeded();
    assert_eq!(
        json,
        std::fs::read_to_string(events).unwrap(),
        "as the file"
    );
    assert_eq!(lines(&json)[2]["data"]["reason"], "cooldown");
}

#[test]
fn events_can_be_those_since_a_moment_and_of_one_backend() {
    let (_folder, _events, config) = told();
    let shown = |more: &[&str]| {
        let arguments = ["events", "--all", "--json", "-c", &config];
        lines(&run(&[&arguments, more].concat()).succeeded())
    };
    assert_eq!(shown(&["--since", "1h"]).len(), 3);
    assert_eq!(shown(&["--since", "4d"]).len(), 4);
    assert_eq!(shown(&["--since", "2000-01-01"]).len(), 4);
    assert_eq!(shown(&["--since", "2100-01-01T10:00:00+01:00"]).len(), 0);
    let of_web = shown(&["--backend", "web"]);
    assert_eq!(of_web.len(), 1);
    assert_eq!(of_web[0]["backend"], "web");
    let error = run(&["events", "--since", "soon", "-c", &config]).failed(2);
    assert!(error.contains("03:10"), "{error}");
}

#[test]
fn events_f_goes_on_through_rotations_and_shows_each_once() {
    let (folder, events) = place();
    let teller = Teller::start(&events);
    teller.wait_for(1);
    let config = config(folder.path(), &events);
    let follow = Running::start(&mut program(&["events", "-f", "--json", "-c", &config]));
    follow.out.wait_for("\"id\":1,");
    let start = SystemTime::now();
    // Each is a file of its own: it is four days later.
    for number in 1..=20_u32 {
        teller.tell_at(start + number * 4 * DAY);
        if number % 7 == 0 {
            follow.out.wait_for(&format!("\"id\":{},", number + 1));
        }
    }
    follow.out.wait_for("\"id\":21,");
    let ids: Vec<u64> = lines(&follow.out.text())
        .iter()
        .map(|line| line["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, (1..=21).collect::<Vec<_>>());
    teller.end();
}

#[test]
fn where_no_events_are_it_says_what_was_tried() {
    let (folder, events) = place();
    let config = config(folder.path(), &events);
    let error = run(&["events", "-c", &config]).failed(1);
    assert!(error.contains("events.ndjson: No such file"), "{error}");
    assert!(error.contains("no daemon answers"), "{error}");
}

#[test]
fn an_empty_list_says_so_and_an_unknown_backend_is_an_error() {
    let (_folder, _events, config) = told();
    let listed = |more: &[&str]| run(&[&["events", "-c", &config], more].concat());
    let none = listed(&["--since", "2100-01-01"]);
    assert_eq!(none.code, Some(0), "{none:?}");
    assert!(
        none.err.ends_with("no events since 2100-01-01 00:00\n"),
        "{none:?}"
    );
    let none = listed(&["--backend", "web"]);
    assert_eq!(none.code, Some(0), "{none:?}");
    let wanted = "no events of web yet; `--all` shows why nothing was done\n";
    assert!(none.err.ends_with(wanted), "{none:?}");
    let error = listed(&["-f", "--backend", "wbe"]).failed(1);
    assert!(error.contains("no backend wbe in "), "{error}");
    assert!(error.contains("; known: web\n"), "{error}");
}
