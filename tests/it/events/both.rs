//! What `events` and `report` make of the two files: that of daemons that act and that of daemons that observe.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use haproxy_autoscale::config;
use haproxy_autoscale::publish::record::{LooksAfter, News, Record, What};
use serde_json::Value;

use super::file::{Teller, connected};
use super::report::usage;
use crate::support::program::{file, run};

const MINUTE: Duration = Duration::from_secs(60);

/// A configuration that acts, and the files of acting and observing daemons.
fn places(folder: &Path) -> (String, PathBuf, PathBuf) {
    let state = folder.join("state");
    let text = format!(
        "mode = \"act\"\n[haproxy]\nsocket = \"{0}/admin.sock\"\n[control]\nsocket = \"{0}/control.sock\"\n\
         [state]\ndir = \"{1}\"\n[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n",
        folder.display(),
        state.display()
    );
    let path = file(folder, "config.toml", text);
    let config = config::load(Path::new(&path)).unwrap().config;
    let (acted, observed) = (config.events_file(), config.other_events_file());
    (path, acted.unwrap(), observed.unwrap())
}

fn started(is_observing: bool) -> News {
    News::Started {
        version: "1",
        looks_after: LooksAfter {
            socket: "/x".to_owned(),
            backends: vec!["web".to_owned()],
            is_observing,
        },
    }
}

fn counted(is_pretended: bool) -> News {
    let News::Usage { backend, usage, .. } = usage(5) else {
        unreachable!()
    };
    News::Usage {
        backend,
        usage,
        is_pretended,
    }
}

/// A daemon that told that, so many minutes ago each.
fn lived(file: &Path, told: Vec<(u32, News)>) {
    let teller = Teller::silent(file, Duration::from_secs(30 * 24 * 3600));
    let now = SystemTime::now();
    for (ago, news) in told {
        let (at, what) = (now - ago * MINUTE, What::News(news));
        teller.hub.tell(Record { at, what });
    }
    teller.end();
}

/// Observed, then acted.
fn a_change_to_act() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let (path, acted, observed) = places(folder.path());
    let life = |ago: u32, is_observing: bool| {
        vec![
            (ago, started(is_observing)),
            (ago, connected()),
            (ago - 5, counted(is_observing)),
            (ago - 10, counted(is_observing)),
            (ago - 10, News::Stopping),
        ]
    };
    lived(&observed, life(60, true));
    lived(&acted, life(30, false));
    (folder, path)
}

fn shown(path: &str, more: &[&str]) -> Vec<Value> {
    let out = run(&[&["events", "--json", "-c", path], more].concat()).succeeded();
    let lines = out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn events_reach_back_into_the_time_of_observing_and_mark_it() {
    let (_folder, path) = a_change_to_act();
    let events = shown(&path, &[]);
    let told: Vec<_> = events
        .iter()
        .map(|it| {
            (
                it["code"].as_str().unwrap(),
                it["data"]["pretended"] == true,
            )
        })
        .collect();
    let life = |is_pretended| ["started", "connected", "stopping"].map(|code| (code, is_pretended));
    assert_eq!(told, [life(true), life(false)].concat());
    let text = run(&["events", "-c", &path]).succeeded();
    let marked = text.lines().filter(|line| line.contains("  [observe] "));
    assert_eq!(marked.count(), 3, "{text}");
    let late = shown(&path, &["--since", "45m"]);
    assert_eq!(late.len(), 3, "what was before is left out: {late:?}");
}

#[test]
fn a_report_tells_what_was_pretended_apart_from_what_was_done() {
    let (_folder, path) = a_change_to_act();
    let out = run(&["report", "--json", "-c", &path]).succeeded();
    let report: Value = serde_json::from_str(&out).unwrap();
    let sums: Vec<_> = report["backends"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["name"].as_str(),
                it["pretended"].as_bool(),
                it["requests"].as_u64(),
            )
        })
        .collect();
    let web = |is_pretended| (Some("web"), Some(is_pretended), Some(2000));
    assert_eq!(sums, [web(false), web(true)]);
    let text = run(&["report", "-c", &path]).succeeded();
    assert!(
        text.contains("web (observing: what would have been)"),
        "{text}"
    );
    assert_eq!(text.matches("unknown   23h 40m").count(), 1, "{text}");
}

#[test]
fn what_an_observer_beside_an_acting_daemon_told_is_not_its_story() {
    let folder = tempfile::tempdir().unwrap();
    let (path, acted, observed) = places(folder.path());
    let told = |began, is_observing| {
        vec![
            (began, started(is_observing)),
            (began, connected()),
            (25, counted(is_observing)),
            (20, counted(is_observing)),
        ]
    };
    lived(
        &observed,
        [told(30, true), vec![(15, counted(true))]].concat(),
    );
    lived(
        &acted,
        [told(31, false), vec![(1, News::Stopping)]].concat(),
    );
    let events = shown(&path, &["--all"]);
    assert!(
        events.iter().all(|it| it["data"]["pretended"] != true),
        "{events:?}"
    );
    let out = run(&["report", "--json", "-c", &path]).succeeded();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["backends"][0]["requests"], 2000);
    assert_eq!(
        report["backends"][1]["requests"], 1000,
        "of the time that only it counted"
    );
}
