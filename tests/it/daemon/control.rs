//! `status` and the control socket: its fields, its file, and callers of every kind.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::fake::{FakeHaproxy, Place, stop};
use crate::support::program::{Running, SOON, names_in_order, program, run};

/// The names of a backend in `status --json`.
const OF_A_BACKEND: [&str; 19] = [
    "name",
    "state",
    "statistic_ms",
    "threshold_ms",
    "breaches",
    "breaches_needed",
    "servers",
    "next",
    "serving",
    "wanted",
    "demand_per_s",
    "in_flight",
    "capacity",
    "reason",
    "pause",
    "pin",
    "hold",
    "quarantine",
    "order",
];
/// Those of a server.
const OF_A_SERVER: [&str; 12] = [
    "name",
    "role",
    "stage",
    "up",
    "serving",
    "weight",
    "note",
    "pause",
    "pin",
    "hold",
    "quarantine",
    "order",
];

/// The first object or list that `name` holds, as it was written.
fn inner<'a>(json: &'a str, name: &str) -> &'a str {
    let from = json.find(&format!("\"{name}\":")).unwrap() + name.len() + 3;
    let text = json[from..].trim_start_matches('[');
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..=at];
        }
    }
    panic!("no end of {name}: {json}");
}

#[test]
fn json_has_the_names_of_the_contract_and_nothing_else() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.wait_for("connected", |status| {
        status["haproxy"]["version"].is_string()
    });
    let out = run(&["status", "--json", "-c", &place.config]).succeeded();
    assert_eq!(out.lines().count(), 1);
    assert_eq!(
        names_in_order(&out),
        ["mode", "haproxy", "log", "backends", "problems"]
    );
    assert_eq!(
        names_in_order(inner(&out, "haproxy")),
        ["version", "connected"]
    );
    assert_eq!(
        names_in_order(inner(&out, "log")),
        ["source", "lines", "rejected", "lag_ms"]
    );
    assert_eq!(names_in_order(inner(&out, "backends")), OF_A_BACKEND);
    assert_eq!(names_in_order(inner(&out, "servers")), OF_A_SERVER);
}

#[test]
fn json_says_what_is() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.wait_for("connected", |status| {
        status["haproxy"]["version"].is_string()
    });
    let status = place.json();
    assert_eq!(status["mode"], "act");
    assert_eq!(status["haproxy"]["connected"], true);
    assert_eq!(
        status["log"]["source"],
        place.folder.path().join("x.log").to_str().unwrap()
    );
    let backend = &status["backends"][0];
    assert_eq!(backend["name"], "web");
    assert_eq!(backend["statistic_ms"], serde_json::Value::Null);
    assert_eq!(backend["threshold_ms"], 500.0);
    assert_eq!(
        (&backend["breaches"], &backend["breaches_needed"]),
        (&0.into(), &3.into())
    );
    let nothing = serde_json::Value::Null;
    let server = |name: &str, role: &str, stage: &str, is_up: bool| {
        serde_json::json!({
            "name": name, "role": role, "stage": stage, "up": is_up, "serving": is_up,
            "weight": 1, "note": nothing, "pause": nothing, "pin": nothing,
            "hold": nothing, "quarantine": nothing, "order": nothing,
        })
    };
    let servers = [
        server("web1", "always_up", "ready", true),
        server("web2", "spare", "maint", false),
    ];
    assert_eq!(backend["servers"], serde_json::json!(servers));
    assert_eq!(
        (
            &backend["serving"],
            &backend["wanted"],
            &backend["in_flight"]
        ),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(
        backend["capacity"],
        serde_json::json!({"proved_per_s": nothing, "broken_per_s": nothing, "source": "none"})
    );
    assert_eq!(backend["reason"]["code"], "nothing_to_do");
    assert_eq!(status["problems"], serde_json::json!([]));
}

#[test]
fn text_tells_people_the_same() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.wait_for("connected", |status| {
        status["haproxy"]["version"].is_string()
    });
    for _ in 0..4 {
        place.request(700);
    }
    place.wait_for("four lines", |status| status["log"]["lines"] == 4);
    let text = place.status().succeeded();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("web ") && lines[0].contains("mean 700 ms > 500 ms"),
        "{text}"
    );
    assert!(lines[0].contains("0 of 3 breaches"), "{text}");
    assert!(lines[1].trim_start().starts_with("next: "), "{text}");
    let row = |server: &str| {
        let line = lines
            .iter()
            .find(|line| line.trim_start().starts_with(server));
        line.unwrap().split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(row("SERVER"), ["SERVER", "ROLE", "STAGE", "SERVES", "NOTE"]);
    assert_eq!(row("web1"), ["web1", "always_up", "ready", "yes"]);
    assert_eq!(row("web2")[..4], ["web2", "spare", "maint", "-"]);
    let last = lines.last().unwrap();
    assert!(last.starts_with("acting · HAProxy 2.6"), "{text}");
    assert!(
        last.contains("x.log: 4 lines, 0 rejected, 0ms behind"),
        "{text}"
    );
}

#[test]
fn the_socket_is_for_owner_and_group_and_goes_with_the_daemon() {
    let place = Place::with_control("new/control.sock");
    let mut daemon = place.daemon();
    let meta = std::fs::metadata(&place.control).unwrap();
    assert!(meta.file_type().is_socket());
    assert_eq!(meta.permissions().mode() & 0o777, 0o660);
    stop(&mut daemon, Signal::TERM);
    assert!(!place.control.exists());
    place.status().failed(3);
}

#[test]
fn a_socket_that_is_somebody_elses_by_now_stays() {
    let place = Place::new();
    let mut daemon = place.daemon();
    place.status().succeeded();
    std::fs::remove_file(&place.control).unwrap();
    let other = UnixListener::bind(&place.control).unwrap();
    stop(&mut daemon, Signal::TERM);
    assert!(place.control.exists(), "it is the other one's");
    drop(other);
}

#[test]
fn what_a_killed_daemon_left_behind_is_replaced() {
    let place = Place::new();
    drop(UnixListener::bind(&place.control).unwrap());
    assert!(place.control.exists(), "nobody listens, the name stays");
    let said = place.status().failed(3);
    assert!(said.contains("no daemon answers"), "{said}");
    let _daemon = place.daemon();
    place.status().succeeded();
}

#[test]
fn something_else_of_that_name_is_said_and_not_touched() {
    let place = Place::new();
    std::fs::write(&place.control, "mine").unwrap();
    let mut daemon = place.daemon();
    daemon.err.wait_for("not a socket");
    assert!(daemon.err.text().contains(place.control.to_str().unwrap()));
    stop(&mut daemon, Signal::TERM);
    assert_eq!(std::fs::read_to_string(&place.control).unwrap(), "mine");
}

#[test]
fn a_directory_that_cannot_be_made_is_said_and_the_daemon_goes_on() {
    // A file where a directory should be: not even root can make a socket in it.
    let place = Place::with_control("file/control.sock");
    std::fs::write(place.folder.path().join("file"), "").unwrap();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    daemon.err.wait_for("cannot listen on the control socket");
    daemon.err.wait_for("connected to HAProxy");
    assert!(!haproxy.lines().is_empty());
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn garbage_gets_an_answer_or_nothing_and_never_stops_the_daemon() {
    let place = Place::new();
    let _daemon = place.daemon();
    for garbage in [
        &b"\n"[..],
        b"stat\n",
        b"STATUS\n",
        b"status web\n",
        b"\xff\xfe\x00\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let answer = place.ask(garbage);
        assert_eq!(answer, "{\"error\":\"unknown request\"}\n", "{garbage:?}");
    }
    place.ask(&vec![b'x'; 10_000_000]);
    place.ask(b"");
    assert!(place.ask(b"status\n").starts_with("{\"mode\":\"act\""));
    assert!(
        place.ask(b"status").starts_with("{\"mode\":\"act\""),
        "without a newline too"
    );
    place.status().succeeded();
}

#[test]
fn twenty_callers_at_once_are_all_answered() {
    let place = Place::new();
    let _daemon = place.daemon();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| place.ask(b"status\n")))
            .collect();
        for answer in asked {
            assert!(answer.join().unwrap().starts_with("{\"mode\":"));
        }
    });
}

#[test]
fn callers_that_say_nothing_are_let_go_and_block_nobody_for_long() {
    let place = Place::new();
    let _daemon = place.daemon();
    // More than are served at a time.
    let silent: Vec<_> = (0..20)
        .map(|_| UnixStream::connect(&place.control).unwrap())
        .collect();
    let asked = Instant::now();
    place.status().succeeded();
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    for stream in silent {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let read = std::io::Read::read(&mut &stream, &mut [0; 1]);
        assert_eq!(read.unwrap(), 0, "let go");
    }
}

#[test]
fn somebody_else_who_answers_there_is_no_daemon_of_ours() {
    let place = Place::new();
    let listener = UnixListener::bind(&place.control).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(&stream), &mut asked).unwrap();
        assert_eq!(asked, "status\n");
        std::io::Write::write_all(&mut stream, b"hello\n").unwrap();
    });
    let said = place.status().failed(3);
    assert!(said.contains("not this program's daemon"), "{said}");
    answering.join().unwrap();
}

#[test]
fn a_second_acting_daemon_is_75_and_an_observing_one_may_stand_beside() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let daemon = place.daemon();
    let said = run(&["run", "-c", &place.config]).failed(75);
    let pid = daemon.child.id();
    assert!(said.contains(&format!("(process {pid})")), "{said}");
    assert!(said.contains("--observe"), "a way out: {said}");
    let mut observing = Running::start(&mut program(&["run", "--observe", "-c", &place.config]));
    observing.err.wait_for("another daemon listens there");
    stop(&mut observing, Signal::TERM);
    assert_eq!(place.json()["mode"], "act", "the first one still answers");
}
