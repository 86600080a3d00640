//! The demo's pretend world: what it answers, how its load behaves, what it writes, and that its
//! story comes to an end. The daemon's part is played by hand where a whole life is needed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use haproxy_autoscale::demo::DemoError;
use haproxy_autoscale::demo::contrast::contrast;
use haproxy_autoscale::demo::httplog::request_line;
use haproxy_autoscale::demo::load::{Arrivals, RateCurve};
use haproxy_autoscale::demo::model::{Answer, Model};
use haproxy_autoscale::demo::pretend_haproxy::{PretendHaproxy, Traffic};
use haproxy_autoscale::demo::scenario::{
    BREACHES, Place, Scenario, THRESHOLD_MS, WARM_UP_REQUESTS,
};
use haproxy_autoscale::demo::scratch::Scratch;
use haproxy_autoscale::demo::story::{self, Told};
use haproxy_autoscale::demo::summary::sum_up;
use haproxy_autoscale::demo::voice::{Voice, wrapped};
use haproxy_autoscale::demo::warmth::Warmth;
use haproxy_autoscale::demo::world::World;
use haproxy_autoscale::scaler::decision::{Change, Decision, Note, Reason};
use haproxy_autoscale::words::time::Timestamp;
use regex::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;

const SECOND_US: u64 = 1_000_000;

fn pretend() -> PretendHaproxy {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    PretendHaproxy::new(
        4711,
        1_795_312_498,
        &[
            ("web1", address(18_981), false),
            ("web2", address(18_982), true),
        ],
    )
}

/// One server's row of a reply whose header begins with `#`, by column name.
fn row(reply: &str, separator: char, server: &str) -> BTreeMap<String, String> {
    let mut lines = reply.lines().skip_while(|line| !line.starts_with('#'));
    let header = lines.next().unwrap().trim_start_matches("# ");
    let line = lines
        .find(|line| line.split(separator).any(|cell| cell == server))
        .unwrap_or_else(|| panic!("no {server} in {reply}"));
    let names: Vec<_> = header.split(separator).collect();
    let cells: Vec<_> = line.split(separator).collect();
    assert_eq!(names.len(), cells.len(), "{line}");
    let pairs = names.into_iter().zip(cells);
    pairs
        .map(|(name, cell)| (name.into(), cell.into()))
        .collect()
}

/// (operational state, admin mask, health, check state, check result, status in `show stat`)
fn seen(haproxy: &mut PretendHaproxy, at_us: u64) -> [String; 6] {
    let state = haproxy.answer("show servers state web", at_us);
    let state = row(&state, ' ', "web2");
    let stat = haproxy.answer("show stat web 4 -1", at_us);
    let stat = row(&stat, ',', "web2");
    [
        state["srv_op_state"].clone(),
        state["srv_admin_state"].clone(),
        state["srv_check_health"].clone(),
        state["srv_check_state"].clone(),
        state["srv_check_result"].clone(),
        stat["status"].clone(),
    ]
}

#[test]
fn a_spares_whole_life_reads_as_haproxy_2_6_writes_it() {
    let mut haproxy = pretend();
    let mut now_us = SECOND_US;
    assert_eq!(
        seen(&mut haproxy, now_us),
        ["0", "5", "0", "14", "0", "MAINT"]
    );

    assert_eq!(
        haproxy.answer("set server web/web2 state drain", now_us),
        "\n"
    );
    assert_eq!(
        seen(&mut haproxy, now_us),
        ["2", "12", "2", "6", "0", "DRAIN 1/3"]
    );
    assert!(!haproxy.takes_traffic(1));

    now_us += SECOND_US;
    assert!(
        haproxy
            .checks_due(now_us)
            .iter()
            .any(|(index, _)| *index == 1)
    );
    haproxy.check_ended(1, true, now_us);
    assert_eq!(
        seen(&mut haproxy, now_us),
        ["2", "12", "4", "6", "3", "DRAIN"]
    );

    assert_eq!(
        haproxy.answer("set server web/web2 state ready", now_us),
        "\n"
    );
    assert_eq!(seen(&mut haproxy, now_us), ["2", "4", "4", "6", "3", "UP"]);
    assert!(haproxy.takes_traffic(1));

    assert_eq!(
        haproxy.answer("set server web/web2 state drain", now_us),
        "\n"
    );
    assert_eq!(
        seen(&mut haproxy, now_us),
        ["2", "12", "4", "6", "3", "DRAIN"]
    );
    assert_eq!(
        haproxy.answer("set server web/web2 state maint", now_us),
        "\n"
    );
    assert_eq!(
        seen(&mut haproxy, now_us),
        ["0", "5", "0", "14", "3", "MAINT"]
    );
    assert_eq!(haproxy.writes(0), 0);
}

#[test]
fn enable_server_gives_traffic_before_any_check_has_passed() {
    let mut haproxy = pretend();
    assert_eq!(haproxy.answer("enable server web/web2", SECOND_US), "\n");
    assert_eq!(
        seen(&mut haproxy, SECOND_US),
        ["2", "4", "2", "6", "0", "UP 1/3"]
    );
    assert!(haproxy.takes_traffic(1));
    haproxy.check_ended(1, false, SECOND_US);
    assert_eq!(seen(&mut haproxy, SECOND_US)[5], "DOWN");
    assert!(!haproxy.takes_traffic(1));
    haproxy.check_ended(1, true, SECOND_US);
    assert_eq!(seen(&mut haproxy, SECOND_US)[5], "DOWN 1/2");
    haproxy.check_ended(1, true, SECOND_US);
    assert_eq!(seen(&mut haproxy, SECOND_US)[5], "UP");
}

#[test]
fn refusals_are_haproxys_own_words() {
    let mut haproxy = pretend();
    let words = [
        ("set server web/nope state ready", "No such server.\n\n"),
        ("set server nope/web2 state ready", "No such backend.\n\n"),
        (
            "set server web state ready",
            "Require 'backend/server'.\n\n",
        ),
        ("set server", "Require 'backend/server'.\n\n"),
        (
            "set server web/web2 state bogus",
            "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n",
        ),
        ("show servers state nope", "Can't find backend.\n\n"),
        ("show stat nope 4 -1", "No such proxy.\n\n"),
    ];
    for (command, expected) in words {
        assert_eq!(haproxy.answer(command, 0), expected, "{command}");
    }
    let usage = haproxy.answer("set server web/web2", 0);
    assert!(usage.starts_with("usage: set server <backend>/<server> addr | "));
    let unknown = haproxy.answer("ENABLE server web/web2", 0);
    assert!(unknown.starts_with("Unknown command, but maybe one of"));
    assert_eq!(haproxy.writes(1), 0);
}

#[test]
fn commands_on_one_line_are_answered_in_order_each_with_an_empty_line() {
    let mut haproxy = pretend();
    let reply = haproxy.answer(
        "show cli level;set server web/web2 state maint;show backend",
        0,
    );
    assert_eq!(reply, "admin\n\n\n# name\nweb\n\n");
    let info = haproxy.answer("show info", 7 * SECOND_US);
    for line in [
        "Name: HAProxy",
        "Pid: 4711",
        "Uptime_sec: 7",
        "Start_time_sec: 1795312498",
    ] {
        assert!(info.lines().any(|seen| seen == line), "{line}");
    }
    assert!(info.ends_with("Tainted: 0\n\n"));
}

#[test]
fn counters_stand_in_the_backend_row() {
    let mut haproxy = pretend();
    let traffic = Traffic {
        open: 3,
        given: 10,
        answered: 7,
    };
    haproxy.set_traffic(0, traffic);
    haproxy.set_refused(2);
    let reply = haproxy.answer("show stat web 2 -1", 0);
    let backend = row(&reply, ',', "BACKEND");
    let expected = [
        ("scur", "3"),
        ("qcur", "0"),
        ("hrsp_2xx", "7"),
        ("hrsp_5xx", "2"),
        ("act", "1"),
        ("status", "UP"),
    ];
    for (column, value) in expected {
        assert_eq!(backend[column], value, "{column}");
    }
    assert!(
        !reply.contains("web1"),
        "only the BACKEND row was asked for"
    );
    let all = haproxy.answer("show stat", 0);
    assert_eq!(all.lines().filter(|line| line.contains(',')).count(), 5);
}

fn model(rate_per_s: f64) -> Model {
    let curve = RateCurve {
        calm_per_s: rate_per_s,
        rush_per_s: rate_per_s,
        rises_at_us: 0,
        ramp_us: 1,
        falls_at_us: None,
    };
    let mut model = Model::new(
        Arrivals::new(curve, 7),
        vec![Warmth::warm(), Warmth::warm()],
    );
    model.set_takes_traffic(0, true);
    model
}

fn mean_ms(answers: &[Answer]) -> f64 {
    story::mean_ms(answers).unwrap()
}

#[test]
fn answers_slow_down_above_capacity_and_recover_with_the_spare() {
    let mut model = model(60.0);
    let first = mean_ms(&model.advance(SECOND_US));
    let second = mean_ms(&model.advance(3 * SECOND_US));
    assert!(second > 2.0 * first, "{first} then {second}");
    model.set_takes_traffic(1, true);
    model.advance(12 * SECOND_US); // the first server works off what had piled up
    let last = mean_ms(&model.advance(14 * SECOND_US));
    assert!(last < 150.0, "{last}");
}

#[test]
fn answers_stay_fast_below_capacity_and_fail_without_a_server() {
    let mut model = model(14.0);
    let answers = model.advance(20 * SECOND_US);
    assert!(mean_ms(&answers) < 130.0);
    assert!(answers.iter().all(|answer| answer.status == 200));
    model.set_takes_traffic(0, false);
    let answers = model.advance(25 * SECOND_US);
    assert!(answers.last().is_some_and(Answer::is_failed));
    assert_eq!(
        model.refused(),
        answers.iter().filter(|a| a.is_failed()).count() as u64
    );
}

#[test]
fn the_same_seed_gives_the_same_answers_whatever_the_steps() {
    let mut whole = model(42.0);
    let at_once = whole.advance(5 * SECOND_US);
    let mut stepwise = model(42.0);
    let steps = (0..=5_000).flat_map(|ms| stepwise.advance(ms * 1000));
    assert_eq!(steps.collect::<Vec<_>>(), at_once);
}

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
