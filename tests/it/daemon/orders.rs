//! `pause`, `pin`, `enable` … through the real binary: exit codes, texts, who asked, and what is
//! remembered when the daemon is killed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use haproxy_autoscale::control;
use haproxy_autoscale::words::order::{Order, Place, Verb, Verdict};
use rustix::process::Signal;

use super::fake::{FakeHaproxy, Place as Folder, stop};
use crate::support::program::{Ran, Running, SOON, finish, program, run};
use crate::support::{Behaviour, TinyServer, holds_within, wait_for};

impl Folder {
    /// The same with a state directory in it.
    pub(super) fn remembering(self) -> Self {
        let dir = self.state_dir();
        let text = std::fs::read_to_string(&self.config).unwrap();
        let text = text.replace("dir = \"\"", &format!("dir = \"{}\"", dir.display()));
        std::fs::write(&self.config, text).unwrap();
        self
    }

    pub(super) fn state_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    pub(super) fn order(&self, arguments: &[&str]) -> Ran {
        run(&[arguments, &["-c", &self.config]].concat())
    }

    /// Waits until the daemon has read HAProxy.
    pub(super) fn read(&self) {
        self.wait_for("HAProxy's servers", |status| {
            let servers = status["backends"][0]["servers"].as_array();
            servers.is_some_and(|servers| servers.len() == 2)
        });
    }
}

fn state_file(dir: &Path) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "state"))
}

/// Who runs the tests, as an order of theirs is told.
pub(super) fn me() -> String {
    let id = std::process::Command::new("id").arg("-un").output();
    let name = id.ok().filter(|id| id.status.success()).map(|id| id.stdout);
    let name = name.map(|name| String::from_utf8_lossy(&name).trim().to_owned());
    name.unwrap_or_else(|| format!("uid {}", rustix::process::geteuid().as_raw()))
}

#[test]
fn a_pause_is_accepted_shown_with_who_asked_and_ended() {
    let place = Folder::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let daemon = place.daemon();
    place.read();
    let out = place.order(&["pause", "web", "--for", "90s"]).succeeded();
    let by = format!("by {}", me());
    assert_eq!(
        out,
        format!("web: pause {by}: nothing is changed here for 1m 30s\n")
    );
    let text = place.status().succeeded();
    assert!(text.contains(&format!("paused {by} for 1m")), "{text}");
    daemon.err.wait_for(&format!("operator web: pause {by}"));
    place.order(&["resume"]).succeeded();
    let text = place.status().succeeded();
    assert!(!text.contains("paused"), "{text}");
}

#[test]
fn exit_codes_tell_refused_unknown_and_not_running_apart() {
    let place = Folder::new();
    let said = place.order(&["pause"]).failed(3);
    assert!(said.contains("no daemon answers"), "{said}");
    let haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.read();
    let said = place.order(&["pin", "web/web9"]).failed(4);
    assert!(
        said.contains("no server web9") && said.contains("web1, web2"),
        "{said}"
    );
    let said = place.order(&["pause", "shop"]).failed(4);
    assert!(
        said.contains("no backend shop is looked after; there is web"),
        "{said}"
    );
    let said = place.order(&["enable", "shop/web1"]).failed(4);
    assert!(said.contains("shop"), "{said}");
    let said = place.order(&["disable", "web/web1"]).failed(1);
    assert!(said.contains("it is always-up"), "{said}");
    place.order(&["pin", "web/web2"]).succeeded();
    let said = place.order(&["enable", "web/web2"]).failed(1);
    assert!(said.contains("it is pinned; `unpin` it first"), "{said}");
    place.order(&["unpin", "web/web2"]).succeeded();
    place.order(&["unpin", "web/web2"]).succeeded();
    for wrong in [
        &["pin"][..],
        &["pin", "web"],
        &["enable", "web/"],
        &["pause", "we b"],
        &["pause", "web", "--for", "0s"],
        &["pause", "web", "--for", "20y"],
        &["pause", "web", "--for", "soon"],
        &["resume", "web", "--for", "1h"],
    ] {
        place.order(wrong).failed(2);
    }
    assert!(haproxy.lines().iter().all(|line| !line.starts_with("set ")));
}

#[test]
fn enable_of_a_dead_spare_never_writes_to_haproxy() {
    let place = Folder::new();
    let haproxy = FakeHaproxy::start(&place.admin);
    let daemon = place.daemon();
    place.read();
    let out = place.order(&["enable", "web/web2"]).succeeded();
    assert!(
        out.contains("warmed up, checked and then made ready; kept in for 1h"),
        "{out}"
    );
    daemon.err.wait_for("warm_up web/web2: asked for by ");
    daemon.err.wait_for("enable_failed web/web2");
    assert!(haproxy.lines().iter().all(|line| !line.starts_with("set ")));
}

#[test]
fn orders_need_their_newline_and_names_that_could_be_names() {
    let place = Folder::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.read();
    for garbage in [&b"pause"[..], b"pause web/web2", b"PAUSE\n", b"paus\n"] {
        assert_eq!(
            place.ask(garbage),
            "{\"error\":\"unknown request\"}\n",
            "{garbage:?}"
        );
    }
    for wrong in [
        &b"pause web;shutdown\n"[..],
        b"pause web web2\n",
        b"pause \xc3\xa4\n",
        b"pause web for ever\n",
        b"pause for 18446744073709551615s 1000ms\n",
        b"pin a/b/c\n",
    ] {
        let answer = place.ask(wrong);
        assert!(answer.starts_with("{\"error\":"), "{answer}");
        assert!(!answer.contains("unknown request"), "{answer}");
    }
    let long = format!("pause {}\n", "x".repeat(2000));
    assert!(place.ask(long.as_bytes()).starts_with("{\"error\":"));
    assert!(!place.status().succeeded().contains("paused"));
    // Only the first line counts.
    let answer = place.ask(b"pause web for 1h 30m\nresume\n");
    assert!(
        answer.starts_with("{\"verdict\":\"accepted\",\"texts\":[\"web: pause"),
        "{answer}"
    );
    assert!(place.status().succeeded().contains("paused"));
}

#[test]
fn an_order_can_be_given_by_a_program_too() {
    let place = Folder::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.read();
    let order = Order {
        verb: Verb::Pause,
        place: Place::Everything,
        lasts: Some(Duration::from_millis(5_025_001)),
        by: None,
        is_forced: false,
        barred: None,
    };
    let reply = control::give_order(&place.control, &order).unwrap();
    assert_eq!(reply.verdict, Verdict::Accepted);
    assert!(reply.texts[0].contains("for 1h 23m"), "{reply:?}");
    // As many digits as a length of time can have when it is written out.
    let order = Order {
        lasts: Some(Duration::new(29_375_999, 999_999_999)),
        ..order
    };
    let reply = control::give_order(&place.control, &order).unwrap();
    assert_eq!(reply.verdict, Verdict::Accepted);
    let least = Order {
        lasts: Some(Duration::from_nanos(1)),
        ..order
    };
    let reply = control::give_order(&place.control, &least).unwrap();
    assert_eq!(reply.verdict, Verdict::Accepted);
}

#[test]
fn what_stands_for_a_while_says_how_much_longer_and_until_when() {
    let place = Folder::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    place.order(&["pin", "--for", "1h", "web/web2"]).succeeded();
    let text = place.status().succeeded();
    let (_, note) = text.split_once("pinned by ").expect(&text);
    assert!(note.contains(" for 59m 5"), "{text}");
    assert!(note.contains("s more, until 20"), "{text}");
    place.order(&["pin", "web/web2"]).succeeded();
    let text = place.status().succeeded();
    assert!(
        text.contains("pinned by ") && !text.contains("until"),
        "{text}"
    );
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn pauses_and_pins_survive_kill_9() {
    let place = Folder::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    place.order(&["pin", "web/web2"]).succeeded();
    place.order(&["pause", "--for", "2h"]).succeeded();
    // The answer came: it is on disk.
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    let mut daemon = place.daemon();
    place.read();
    let text = place.status().succeeded();
    assert!(
        text.contains("paused by ") && text.contains("for 1h 59m"),
        "{text}"
    );
    assert!(text.contains("pinned by "), "{text}");
    place.order(&["resume"]).succeeded();
    stop(&mut daemon, Signal::TERM);
    let _daemon = place.daemon();
    place.read();
    let text = place.status().succeeded();
    assert!(
        !text.contains("paused") && text.contains("pinned by "),
        "{text}"
    );
}

#[test]
fn what_a_change_is_about_is_on_disk_before_its_first_command() {
    let place = Folder::new().remembering();
    let web2 = TinyServer::start("web2", Behaviour::default());
    let text = std::fs::read_to_string(&place.config).unwrap();
    // Nobody gives the command up, and changes what is kept, while the test looks at it.
    let text = text.replace("timeout = \"300ms\"", "timeout = \"60s\"");
    let url = format!("warm_up_url = \"http://{}/\"\n", web2.address());
    std::fs::write(&place.config, text + "[backend.web.server.web2]\n" + &url).unwrap();
    let haproxy = FakeHaproxy::start(&place.admin);
    haproxy.never_answer_set();
    let _daemon = place.daemon();
    place.read();
    place.order(&["enable", "web/web2"]).succeeded();
    wait_for("the first command", SOON, || haproxy.first_set().is_some());
    let file = state_file(&place.state_dir()).expect("a state file");
    // A rename sets the time of the inode's last change: when the file was whole and in its place.
    let meta = std::fs::metadata(&file).unwrap();
    let seconds = u64::try_from(meta.ctime()).unwrap();
    let nanos = u32::try_from(meta.ctime_nsec()).unwrap();
    let renamed = UNIX_EPOCH + Duration::new(seconds, nanos);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"told\":[\"drain\""), "{text}");
    // The kernel's stamps are up to one tick old.
    let came = haproxy.first_set().unwrap();
    assert!(renamed <= came, "{renamed:?} after {came:?}");
}

#[test]
fn a_damaged_memory_is_put_aside_and_the_daemon_starts_without() {
    let place = Folder::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    place.order(&["pause"]).succeeded();
    stop(&mut daemon, Signal::TERM);
    let file = state_file(&place.state_dir()).expect("a state file");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let daemon = place.daemon();
    daemon.err.wait_for("is damaged or was cut off");
    place.read();
    let text = place.status().succeeded();
    assert!(!text.contains("paused"), "{text}");
    assert!(text.contains("what was remembered is lost"), "{text}");
    wait_for("a new file", SOON, || {
        state_file(&place.state_dir()).is_some()
    });
}

#[test]
fn a_state_dir_that_cannot_be_is_said_once_and_shown_and_stops_nothing() {
    let place = Folder::new().remembering();
    std::fs::write(place.state_dir(), "a file").unwrap();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    daemon.err.wait_for("cannot keep the state in");
    place.read();
    let text = place.status().succeeded();
    assert!(text.contains("problem: cannot keep the state in"), "{text}");
    let out = place.order(&["pause", "web"]).succeeded();
    assert!(out.contains("kept in memory alone"), "{out}");
    assert!(place.status().succeeded().contains("paused by "));
    place.order(&["resume"]).succeeded();
    place.order(&["enable", "web/web2"]).succeeded();
    daemon.err.wait_for("enable_failed web/web2");
    stop(&mut daemon, Signal::TERM);
    assert!(!haproxy.lines().is_empty());
    let text = daemon.err.text();
    let said = text
        .lines()
        .filter(|line| line.contains("WARN cannot keep the state in"));
    assert_eq!(said.count(), 1, "{text}");
}

#[test]
fn an_observing_daemon_pretends_and_keeps_nothing_but_events_in_a_file_of_its_own() {
    let place = Folder::new().remembering();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = Running::start(&mut program(&["run", "--observe", "-c", &place.config]));
    daemon.err.wait_for("reading the log");
    place.read();
    let out = place.order(&["enable", "web/web2"]).succeeded();
    assert!(
        out.contains("observing: this is pretended and not remembered"),
        "{out}"
    );
    daemon.err.wait_for("would enable web/web2");
    stop(&mut daemon, Signal::TERM);
    assert!(haproxy.lines().iter().all(|line| line.starts_with("show ")));
    let left = std::fs::read_dir(place.state_dir()).unwrap().flatten();
    let names = left.map(|entry| entry.file_name().into_string().unwrap());
    let others = names.filter(|name| !name.contains(".observed.ndjson"));
    assert_eq!(others.count(), 0, "an acting daemon beside it has all else");
}

#[test]
fn events_are_those_of_the_daemon_that_runs_or_ran_last_and_of_one_in_the_other_mode_before_it() {
    let place = Folder::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let events = || run(&["events", "-c", &place.config]);
    let mut acting = place.daemon();
    place.read();
    place.order(&["pause"]).succeeded();
    wait_for("its events", SOON, || {
        events().succeeded().contains("pause")
    });
    stop(&mut acting, Signal::TERM);
    let mut observing = Running::start(&mut program(&["run", "--observe", "-c", &place.config]));
    observing.err.wait_for("reading the log");
    place.read();
    place.order(&["enable", "web/web2"]).succeeded();
    wait_for("its events", SOON, || {
        events().succeeded().contains("would enable web/web2")
    });
    stop(&mut observing, Signal::TERM);
    let shown = events().succeeded();
    let line = |of: &str| {
        let at = shown.lines().position(|line| line.contains(of));
        at.unwrap_or_else(|| panic!("{of}: {shown}"))
    };
    let lines = [
        "pause",
        "  stopping",
        "  [observe] haproxy-autoscale",
        "would enable web/web2",
        "  [observe] stopping",
    ]
    .map(line);
    assert!(lines.is_sorted(), "{lines:?}: {shown}");
}

#[test]
fn a_daemon_that_was_stopped_for_long_counts_nothing_of_before() {
    let place = Folder::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let daemon = place.daemon();
    place.read();
    daemon.signal(Signal::STOP);
    // Longer than the 5 s that a busy machine may be late.
    std::thread::sleep(Duration::from_secs(7));
    for _ in 0..100 {
        place.request(700);
    }
    daemon.signal(Signal::CONT);
    daemon.err.wait_for("stood still for");
    place.wait_for("the lines", |status| status["log"]["lines"] == 100);
    let is_breached = || daemon.err.text().contains(" breach web");
    assert!(!holds_within(Duration::from_secs(2), is_breached));
}

#[test]
fn a_pause_of_an_earlier_daemon_holds_when_observing_becomes_acting() {
    let place = Folder::new().remembering();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    place.order(&["pause", "--for", "2h"]).succeeded();
    place.order(&["pin", "web/web2"]).succeeded();
    stop(&mut daemon, Signal::TERM);
    let acting = std::fs::read_to_string(&place.config).unwrap();
    std::fs::write(&place.config, format!("mode = \"observe\"\n{acting}")).unwrap();
    let mut daemon = place.daemon();
    place.read();
    assert!(!place.status().succeeded().contains("paused"));
    std::fs::write(&place.config, acting).unwrap();
    daemon.signal(Signal::HUP);
    place.wait_for("acting", |status| status["mode"] == "act");
    place.read();
    let text = place.status().succeeded();
    assert!(
        text.contains("paused by ") && text.contains("for 1h 59m"),
        "{text}"
    );
    assert!(text.contains("pinned by "), "{text}");
    stop(&mut daemon, Signal::TERM);
    // And it is still remembered.
    let mut daemon = place.daemon();
    place.read();
    assert!(place.status().succeeded().contains("paused by "));
    stop(&mut daemon, Signal::TERM);
    assert!(haproxy.lines().iter().all(|line| line.starts_with("show ")));
}

#[test]
fn the_reason_of_an_order_is_shown_kept_over_a_restart_and_told_with_the_event() {
    let place = Folder::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    let why = "deploy for \"4.2\" because of 7";
    let out = place.order(&["pause", "web", "--reason", why]);
    let out = out.succeeded();
    let told = format!("pause by {} ({why}): nothing is changed here", me());
    assert!(out.contains(&told), "{out}");
    assert_eq!(place.json()["backends"][0]["pause"]["reason"], why);
    stop(&mut daemon, Signal::TERM);
    let mut daemon = place.daemon();
    assert_eq!(place.json()["backends"][0]["pause"]["reason"], why);
    assert!(place.status().succeeded().contains(why));
    let events = run(&["events", "-c", &place.config]).succeeded();
    assert!(events.contains(&told), "{events}");
    let long = "x".repeat(101);
    let error = place.order(&["pause", "--reason", &long]).failed(2);
    assert!(error.contains("at most 100 bytes"), "{error}");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn an_order_behind_sudo_names_who_called_it() {
    if rustix::process::geteuid().as_raw() != 0 {
        return; // It is believed of root alone: a test beside the code says so.
    }
    let place = Folder::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    let mut order = program(&["pause", "-c", &place.config, "web"]);
    order
        .env("SUDO_UID", "3999999999")
        .env("SUDO_USER", "alice; x");
    finish(&mut order, b"").succeeded();
    assert_eq!(place.json()["backends"][0]["pause"]["by"], "alicex (sudo)");
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn an_order_against_the_load_is_obeyed_with_a_word_about_it() {
    let place = Folder::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    let calm = place.order(&["pause", "web"]).succeeded();
    assert!(!calm.contains("mind the load"), "{calm}");
    place.order(&["resume", "web"]).succeeded();
    wait_for("a word about the load", SOON, || {
        place.request(700);
        let out = place.order(&["pause", "web"]).succeeded();
        out.contains("; mind the load: it is slow now (mean 700 ms > 500 ms)")
    });
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn release_sends_every_spare_away_that_may_go_and_says_of_the_others_why_they_stay() {
    let place = Folder::new();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.read();
    let out = place.order(&["release"]).succeeded();
    assert!(
        out.contains("web: release by ") && out.contains("no spare is in"),
        "{out}"
    );
    // An operator brings it in behind our back, and takes that back.
    let mut admin = std::os::unix::net::UnixStream::connect(&place.admin).unwrap();
    std::io::Write::write_all(&mut admin, b"set server web/web2 state ready\n").unwrap();
    std::io::copy(&mut admin, &mut std::io::sink()).unwrap();
    wait_for("it to be seen", SOON, || {
        place.json()["backends"][0]["servers"][1]["stage"] == "ready"
    });
    let out = place.order(&["release", "web"]).succeeded();
    assert!(
        out.contains("web2: drained, then put into maint and kept out"),
        "{out}"
    );
    wait_for("maint", SOON, || {
        place.json()["backends"][0]["servers"][1]["stage"] == "maint"
    });
    let sets = haproxy.lines();
    assert!(
        sets.iter()
            .any(|line| line == "set server web/web2 state drain"),
        "{sets:?}"
    );
    let error = place.order(&["release", "web/web2"]).failed(2);
    assert!(error.contains("name a backend"), "{error}");
    stop(&mut daemon, Signal::TERM);
}
