//! The demo: what its HAProxy logs, and that its story comes to an end. The daemon's part is played by
//! hand where a whole life is needed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use haproxy_autoscale::demo::DemoError;
use haproxy_autoscale::demo::contrast::contrast;
use haproxy_autoscale::demo::httplog::request_line;
use haproxy_autoscale::demo::scenario::{
    BREACHES, Place, Scenario, THRESHOLD_MS, WARM_UP_REQUESTS,
};
use haproxy_autoscale::demo::scratch::Scratch;
use haproxy_autoscale::demo::story::{self, Told};
use haproxy_autoscale::demo::summary::sum_up;
use haproxy_autoscale::demo::voice::{Voice, wrapped};
use haproxy_autoscale::demo::world::World;
use haproxy_autoscale::scaler::decision::{Change, Decision, Note, Reason};
use haproxy_autoscale::sim::queues::Answer;
use haproxy_autoscale::sim::warmth::Warmth;
use haproxy_autoscale::words::time::Timestamp;
use regex::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;

use super::sim::row;

const SECOND_US: u64 = 1_000_000;

#[test]
fn enabling_at_once_makes_more_answers_slow_than_warming_up() {
    let both = contrast(&Scenario::default()).unwrap();
    assert_eq!(both.at_once.requests, both.warmed.requests);
    assert!(both.at_once.slow >= 3 * both.warmed.slow + 20, "{both:?}");
    assert!(
        both.at_once.worst_ms > 2.0 * both.warmed.worst_ms,
        "{both:?}"
    );
    assert!(
        both.breached_at_us < 15 * SECOND_US,
        "the story would be long: {both:?}"
    );
}

#[test]
fn a_finished_request_is_one_line_of_httplog() {
    let grammar = Regex::new(concat!(
        r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d demo haproxy\[\d+\]: ",
        r"127\.0\.0\.1:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] ",
        r"shop web/(web\d|<NOSRV>) \d+/-?\d+/-?\d+/-?\d+/\d+ \d{3} \d+ - - [-A-Za-z]{4} ",
        r#"\d+/\d+/\d+/\d+/\d+ \d+/\d+ "GET \S+ HTTP/1\.1"\n$"#,
    ))
    .unwrap();
    let started = UNIX_EPOCH + Duration::from_secs(1_709_164_799); // 2024-02-28T23:59:59Z
    let answer = Answer {
        arrived_us: 1_172_900,
        ended_us: 1_785_100,
        server: Some(0),
        status: 200,
        open: (5, 4),
    };
    let line = request_line(&answer, started, 4711, 3);
    assert!(grammar.is_match(&line), "{line}");
    assert_eq!(
        line,
        "Feb 29 00:00:00 demo haproxy[4711]: 127.0.0.1:32771 [29/Feb/2024:00:00:00.172] shop \
         web/web1 0/0/0/613/613 200 1254 - - ---- 5/5/5/4/0 0/0 \"GET /basket/3 HTTP/1.1\"\n"
    );
    let refused = Answer {
        server: None,
        status: 503,
        ended_us: 1_172_900,
        ..answer
    };
    let line = request_line(&refused, started, 4711, 4);
    assert!(grammar.is_match(&line), "{line}");
    assert!(
        line.contains(" web/<NOSRV> 0/-1/-1/-1/0 503 217 - - SC-- "),
        "{line}"
    );
}

#[test]
fn a_long_text_is_broken_between_words() {
    let lines = wrapped("one two three four five", 9);
    assert_eq!(lines, ["one two", "three", "four five"]);
    assert_eq!(wrapped("", 9), [""]);
}

#[test]
fn the_scratch_folder_is_private_and_goes_away() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = Scratch::create().unwrap();
    let path = scratch.path().to_owned();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    std::fs::write(scratch.file("something"), "x").unwrap();
    drop(scratch);
    assert!(!path.exists());
}

/// One command on the admin socket, as any client would send it.
async fn ask(socket: &Path, command: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream
        .write_all(format!("{command}\n").as_bytes())
        .await
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

async fn get(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

fn decision(change: Change) -> Decision {
    Decision {
        at: Timestamp::default(),
        backend: Some("web".to_owned()),
        server: Some("web2".to_owned()),
        change,
        reason: Reason::Note(Note::Answers),
    }
}

/// Waits until the spare's row of `show servers state` is as wanted.
async fn until(socket: &Path, is_wanted: impl Fn(&BTreeMap<String, String>) -> bool) {
    loop {
        let state = ask(socket, "show servers state web").await;
        if is_wanted(&row(&state, ' ', "web2")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the daemon does, done by hand over the same sockets.
async fn by_hand(place: &Place, scenario: &Scenario, decisions: mpsc::Sender<Decision>) {
    let socket = &place.admin_socket;
    let breached_at_us = contrast(scenario).unwrap().breached_at_us;
    tokio::time::sleep(Duration::from_micros(breached_at_us)).await;
    for _ in 0..BREACHES {
        decisions.try_send(decision(Change::Breach)).unwrap();
    }
    decisions.try_send(decision(Change::WarmUp)).unwrap();
    let state = ask(socket, "show servers state web").await;
    let spare = row(&state, ' ', "web2");
    let address = format!("{}:{}", spare["srv_addr"], spare["srv_port"]);
    for _ in 0..WARM_UP_REQUESTS {
        assert!(get(&address).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(ask(socket, "set server web/web2 state drain").await, "\n");
    until(socket, |spare| {
        spare["srv_check_health"] == "4" && spare["srv_check_result"] == "3"
    })
    .await;
    assert_eq!(ask(socket, "set server web/web2 state ready").await, "\n");
    decisions.try_send(decision(Change::Enable)).unwrap();
    tokio::time::sleep(scenario.rush_after_enable + 2 * scenario.ramp).await;
    assert_eq!(ask(socket, "set server web/web2 state drain").await, "\n");
    decisions.try_send(decision(Change::Drain)).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ask(socket, "set server web/web2 state maint").await, "\n");
    decisions.try_send(decision(Change::Disable)).unwrap();
}

fn short_scenario() -> Scenario {
    Scenario {
        calm: Duration::from_millis(1500),
        ramp: Duration::from_millis(500),
        rush_after_enable: Duration::from_secs(2),
        epilogue: Duration::from_millis(300),
        limit: Duration::from_secs(25),
        rush_per_s: 46.0,
        ..Scenario::default()
    }
}

async fn told_by_hand(haproxy: Option<&Path>, scenario: &Scenario) -> (Told, String, Scratch) {
    let scratch = Scratch::create().unwrap();
    let place = Place::within(&scratch);
    let mut world = World::start(haproxy, scenario, &place).await.unwrap();
    let (sender, mut decisions) = mpsc::channel(64);
    let mut text = Vec::new();
    let mut voice = Voice::new(&mut text, false);
    story::introduce(&mut voice, haproxy.is_some()).unwrap();
    let story = story::tell(&mut world, scenario, &mut decisions, &mut voice);
    let (told, ()) = tokio::join!(story, by_hand(&place, scenario, sender));
    let told = told.unwrap();
    sum_up(&told, &mut voice).unwrap();
    (told, String::from_utf8(text).unwrap(), scratch)
}

#[tokio::test]
async fn the_story_is_told_to_its_end() {
    let (told, text, scratch) = told_by_hand(None, &short_scenario()).await;
    assert!(told.enabled_us > told.breached_us, "{text}");
    assert!(
        told.answers.iter().all(|answer| !answer.is_failed()),
        "{text}"
    );
    assert_eq!(told.always_up_writes, Some(0));
    assert_eq!(told.looks.1, 0, "the always-up server was always UP");
    let verdict = told.verdict.unwrap();
    assert!(verdict.at_once.slow > 20, "{text}");
    for part in [
        "SLOW",
        "fast",
        "web2 ready",
        "web2 maint",
        "enable the spare at once",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let next = words.join(" ");
    assert!(next.contains("haproxy-autoscale init"), "{text}");
    assert!(next.contains("haproxy-autoscale doctor"), "{text}");
    let too_long: Vec<_> = text
        .lines()
        .filter(|line| line.chars().count() > 80)
        .collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
    assert!(!text.contains('\u{1b}'), "no colour was asked for");
    // The log was rotated once, and no request was lost between the two files.
    let mut lines = 0;
    for name in ["haproxy.log.1", "haproxy.log"] {
        let log = std::fs::read_to_string(scratch.file(name)).unwrap();
        lines += log.lines().filter(|line| line.contains(" web/web")).count();
        assert!(log.ends_with('\n'));
    }
    assert!(
        lines >= told.answers.len(),
        "{lines} of {}",
        told.answers.len()
    );
}

#[tokio::test]
async fn a_story_that_does_not_come_about_says_so_and_ends() {
    let scratch = Scratch::create().unwrap();
    let place = Place::within(&scratch);
    let scenario = Scenario {
        limit: Duration::from_millis(700),
        ..Scenario::default()
    };
    let mut world = World::start(None, &scenario, &place).await.unwrap();
    let (_sender, mut decisions) = mpsc::channel(1);
    let mut text = Vec::new();
    let mut voice = Voice::new(&mut text, false);
    let error = story::tell(&mut world, &scenario, &mut decisions, &mut voice)
        .await
        .unwrap_err();
    assert!(matches!(error, DemoError::Story { .. }), "{error}");
    assert!(error.to_string().contains("no slow window"), "{error}");
}

#[tokio::test]
async fn a_haproxy_that_is_not_there_is_said_with_its_path() {
    let scratch = Scratch::create().unwrap();
    let place = Place::within(&scratch);
    let program = Path::new("/nowhere/haproxy");
    let error = World::start(Some(program), &Scenario::default(), &place)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/haproxy"), "{error}");
}

#[test]
fn the_threshold_lies_above_a_warm_server_and_below_a_cold_one() {
    assert!(THRESHOLD_MS > 120.0 && Warmth::cold().next_cold_ms().unwrap() > THRESHOLD_MS);
    assert_eq!(Warmth::warm().next_cold_ms(), None);
}
