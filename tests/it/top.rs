//! The screen of `top`: what it shows of a look, what keys do. The same in a real terminal is in
//! `haproxy::terminal`.

use std::time::Duration;

use haproxy_autoscale::publish::event::Event;
use haproxy_autoscale::top::{Ask, Do, Options, Screen, Told, draw};
use haproxy_autoscale::words::order::{Place, Verb};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

fn options() -> Options {
    Options {
        interval: Duration::from_secs(1),
        read_only: false,
        backend: None,
        color: true,
    }
}

fn server(name: &str, role: &str, stage: &str) -> Value {
    json!({
        "name": name, "role": role, "stage": stage, "up": stage == "ready", "serving": stage == "ready",
        "weight": 100, "note": null,
        "pause": null, "pin": null, "hold": null, "quarantine": null, "order": null,
    })
}

fn backend(name: &str, state: &str, value: f64) -> Value {
    json!({
        "name": name, "state": state, "statistic_ms": value, "threshold_ms": 250.0,
        "breaches": 1, "breaches_needed": 3,
        "servers": [
            server(&format!("{name}1"), "always_up", "ready"),
            server(&format!("{name}2"), "spare", "ready"),
            server(&format!("{name}3"), "spare", "maint"),
        ],
        "next": format!("{name}3 comes in when two more windows are slow"),
        "serving": 2, "wanted": 2, "demand_per_s": 31.5, "in_flight": 4,
        "capacity": { "proved_per_s": 19.0, "broken_per_s": null, "source": "learned" },
        "reason": { "code": "not_enough_breaches", "text": "one of three windows was slow" },
        "pause": null, "pin": null, "hold": null, "quarantine": null, "order": null,
        "window_requests": 20, "paused": null, "problems": [],
        "measure": { "signal": "response_time", "statistic": "mean", "value": value,
                     "threshold": 250.0, "unit": "ms" },
        "carries": "one server carries 19/s", "votes": [],
    })
}

fn look(backends: &[Value]) -> Value {
    json!({
        "mode": "act", "haproxy": { "version": "2.6.12", "connected": true },
        "log": { "source": "/var/log/haproxy.log", "lines": 42, "rejected": 0, "lag_ms": 12,
                 "state": "read", "lost": 0, "refused": 0 },
        "backends": backends, "problems": [],
    })
}

fn screen_of(look: Value, options: Options) -> Screen {
    let mut screen = Screen::new(options);
    screen.take(Told::Looked(serde_json::from_value(look).unwrap()));
    screen
}

fn two_backends() -> Screen {
    screen_of(
        look(&[backend("web", "ok", 66.0), backend("api", "slow", 404.0)]),
        options(),
    )
}

fn event(id: u64, text: &str) -> Event {
    serde_json::from_value(json!({
        "id": id, "at": "2026-11-27T22:13:59.120Z", "level": "info", "code": "breach",
        "backend": "web", "server": null, "text": text, "data": {},
    }))
    .unwrap()
}

/// The screen as lines of text.
fn shown(screen: &Screen, columns: u16, rows: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, screen)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let cells = buffer.content.chunks(usize::from(columns));
    cells
        .map(|row| {
            row.iter()
                .map(ratatui::buffer::Cell::symbol)
                .collect::<String>()
        })
        .collect()
}

#[track_caller]
fn assert_shows(screen: &Screen, wanted: &str) {
    let lines = shown(screen, 80, 24);
    assert!(
        lines.iter().any(|line| line.contains(wanted)),
        "{wanted:?} is not in\n{}",
        lines.join("\n")
    );
}

#[track_caller]
fn assert_hides(screen: &Screen, unwanted: &str) {
    let text = shown(screen, 80, 24).join("\n");
    assert!(!text.contains(unwanted), "{unwanted:?} is in\n{text}");
}

fn press(screen: &mut Screen, code: KeyCode) -> Do {
    screen.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn type_in(screen: &mut Screen, text: &str) {
    for letter in text.chars() {
        press(screen, KeyCode::Char(letter));
    }
}

/// The order that was given, if one was.
fn ordered(what: Do) -> Option<(Verb, Place)> {
    match what {
        Do::Ask(Ask::Order(order)) => Some((order.verb, order.place)),
        Do::Ask(Ask::Every(_) | Ask::Curve(_)) | Do::Nothing | Do::Quit => None,
    }
}

#[test]
fn eighty_by_twenty_four_shows_state_value_servers_and_what_comes_next() {
    let screen = two_backends();
    for wanted in [
        "acting · HAProxy 2.6.12 · log 12 ms behind",
        "no problem",
        "SLOW",
        "2 / 2  ",
        "31.5/s",
        "66 / 250 ms",
        "404 / 250 ms",
        "next: web3 comes in when two more windows are slow",
        "one server carries 19/s",
        "? help",
    ] {
        assert_shows(&screen, wanted);
    }
}

#[test]
fn a_terminal_of_any_size_is_drawn_without_a_panic() {
    let mut screen = two_backends();
    for code in [
        KeyCode::Null,
        KeyCode::Char('?'),
        KeyCode::Tab,
        KeyCode::Tab,
    ] {
        press(&mut screen, code);
        for columns in [1, 2, 20, 59, 60, 61, 80, 200] {
            for rows in [1, 2, 3, 11, 12, 13, 24, 25, 60] {
                shown(&screen, columns, rows);
            }
        }
    }
}

#[test]
fn a_filter_keeps_the_servers_it_names_and_their_backend() {
    let mut screen = two_backends();
    press(&mut screen, KeyCode::Char('/'));
    type_in(&mut screen, "api2");
    press(&mut screen, KeyCode::Enter);
    assert_shows(&screen, "api2");
    assert_hides(&screen, "web1");
    assert_hides(&screen, "api1");
    press(&mut screen, KeyCode::Esc);
    assert_shows(&screen, "web1");
}

#[test]
fn a_long_event_is_shown_in_whole_and_the_newest_is_at_the_bottom() {
    let mut screen = two_backends();
    let long = format!(
        "breach web: {}the end of it",
        "a word and another ".repeat(8)
    );
    screen.take(Told::Happened(vec![
        event(1, &long),
        event(2, "the newest"),
    ]));
    press(&mut screen, KeyCode::Char('2'));
    let lines = shown(&screen, 80, 24);
    let row = |text: &str| lines.iter().position(|line| line.contains(text));
    assert!(row("the end of it").is_some(), "{}", lines.join("\n"));
    assert!(row("breach web:") < row("the end of it") && row("the end of it") < row("the newest"));
    press(&mut screen, KeyCode::Up);
    assert_hides(&screen, "the newest");
    assert_shows(&screen, "events, 1 newer ones below");
}

#[test]
fn letters_of_a_filter_are_no_keys() {
    let mut screen = two_backends();
    press(&mut screen, KeyCode::Char('/'));
    for letter in ['q', 'd', 'y', ' ', 'R'] {
        assert!(matches!(
            press(&mut screen, KeyCode::Char(letter)),
            Do::Nothing
        ));
    }
    assert_shows(&screen, "/qdy R");
}

#[test]
fn an_order_is_given_after_a_yes_and_says_before_what_it_does() {
    let mut screen = two_backends();
    press(&mut screen, KeyCode::Down);
    press(&mut screen, KeyCode::Down);
    assert!(ordered(press(&mut screen, KeyCode::Char('d'))).is_none());
    assert_shows(&screen, "disable web/web2?");
    assert_shows(
        &screen,
        "1 would serve, 2 wanted: this is against the load.",
    );
    let (verb, place) = ordered(press(&mut screen, KeyCode::Char('y'))).expect("an order");
    assert_eq!(verb, Verb::Disable);
    let Place::Server(name) = place else {
        panic!("{place:?}");
    };
    assert_eq!((&*name.backend, &*name.server), ("web", "web2"));
}

#[test]
fn any_key_but_yes_gives_no_order() {
    for code in [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Char('Y'),
        KeyCode::Char(' '),
    ] {
        let mut screen = two_backends();
        press(&mut screen, KeyCode::Char(' '));
        assert_shows(&screen, "pause web?");
        assert!(ordered(press(&mut screen, code)).is_none(), "{code:?}");
        assert_shows(&screen, "not given: pause web");
    }
}

#[test]
fn a_backend_is_not_enabled_and_that_is_said() {
    let mut screen = two_backends();
    press(&mut screen, KeyCode::F(9));
    assert_shows(&screen, "choose a server to enable");
    assert!(ordered(press(&mut screen, KeyCode::Char('y'))).is_none());
}

#[test]
fn read_only_gives_no_order() {
    let options = Options {
        read_only: true,
        ..options()
    };
    let mut screen = screen_of(look(&[backend("web", "ok", 66.0)]), options);
    for letter in ['e', 'd', 'p', ' ', 'R'] {
        press(&mut screen, KeyCode::Char(letter));
        assert!(ordered(press(&mut screen, KeyCode::Char('y'))).is_none());
    }
    assert_shows(&screen, "--read-only");
}

#[test]
fn what_was_paused_is_resumed_and_what_was_pinned_is_unpinned() {
    let standing =
        json!({ "since": "2026-11-27T10:00:00Z", "until": null, "by": "root", "reason": null });
    let mut web = backend("web", "ok", 66.0);
    *web.get_mut("pause").unwrap() = standing.clone();
    *web.pointer_mut("/servers/0/pin").unwrap() = standing;
    let mut screen = screen_of(look(&[web]), options());
    press(&mut screen, KeyCode::Char(' '));
    assert_eq!(
        ordered(press(&mut screen, KeyCode::Char('y'))).unwrap().0,
        Verb::Resume
    );
    press(&mut screen, KeyCode::Down);
    press(&mut screen, KeyCode::Char('p'));
    assert_eq!(
        ordered(press(&mut screen, KeyCode::Char('y'))).unwrap().0,
        Verb::Unpin
    );
}

#[test]
fn a_daemon_that_is_gone_is_said_and_what_was_seen_stays() {
    let mut screen = two_backends();
    screen.take(Told::Silent("no daemon answers".to_owned()));
    assert_shows(
        &screen,
        "NO ANSWER, what stands here is old: no daemon answers",
    );
    assert_shows(&screen, "web2");
}

#[test]
fn a_daemon_that_comes_back_and_counts_anew_is_heard() {
    let mut screen = two_backends();
    screen.take(Told::Happened(vec![event(5000, "of the first daemon")]));
    screen.take(Told::Silent("no daemon answers".to_owned()));
    assert_shows(&screen, "of the first daemon");
    screen.take(Told::Happened(vec![event(40, "of the second daemon")]));
    assert_shows(&screen, "of the second daemon");
    assert_hides(&screen, "of the first daemon");
}

#[test]
fn the_worst_come_first_when_sorted_so_and_the_choice_stays() {
    let mut screen = two_backends();
    press(&mut screen, KeyCode::Char('s'));
    press(&mut screen, KeyCode::Char('s'));
    let lines = shown(&screen, 80, 24);
    let row = |name: &str| lines.iter().position(|line| line.starts_with(name));
    assert!(row("api ") < row("web "), "{}", lines.join("\n"));
    assert_shows(&screen, "next: web3 comes in");
}

#[test]
fn a_name_with_control_letters_moves_no_cursor() {
    let web = backend("web", "ok", 66.0);
    let text = web.to_string().replace("\"web1\"", r#""w\u001b[2Jeb\n1""#);
    let screen = screen_of(look(&[serde_json::from_str(&text).unwrap()]), options());
    let lines = shown(&screen, 80, 24).join("");
    assert!(!lines.contains('\u{1b}'), "{lines:?}");
}

fn hour(backend: &str, level: &[Option<f64>]) -> Told {
    let hour =
        json!({ "backend": backend, "step_s": 10, "level": level, "mean_ms": [], "events": [] });
    Told::Curve(serde_json::from_value(hour).unwrap())
}

/// The rows of the curve, the highest first.
fn curve(screen: &Screen) -> Vec<String> {
    let lines = shown(screen, 80, 24);
    let title = lines.iter().position(|line| line.contains("┄ goal"));
    let title = title.unwrap_or_else(|| panic!("no curve in\n{}", lines.join("\n")));
    lines.into_iter().skip(title).take(4).collect()
}

#[test]
fn the_curve_begins_with_the_daemons_last_hour_and_goes_on_with_what_is_looked_at() {
    let mut screen = two_backends();
    assert!(curve(&screen)[0].contains("since top began"));
    // Twenty minutes ago it was slow, and then nothing came.
    let mut level = vec![Some(66.0); 60];
    level.extend([Some(1000.0); 6]);
    level.extend([None; 54]);
    screen.take(hour("web", &level));
    let rows = curve(&screen);
    assert!(
        rows[0].contains("last 30 min · ┄ goal · highest 1000 ms"),
        "{rows:?}"
    );
    let bars = |rows: &[String], from: usize, to: usize| {
        let row = rows.last().unwrap().chars().skip(from).take(to - from);
        row.collect::<String>()
    };
    assert_eq!(
        bars(&rows, 0, 26).trim_matches([' ', '┄']),
        "",
        "before the daemon: {rows:?}"
    );
    assert!(bars(&rows, 27, 53).chars().all(|it| it == '▂'), "{rows:?}");
    assert!(rows[1].contains('█'), "{rows:?}");
    assert_eq!(bars(&rows, 57, 79).trim_matches([' ', '┄']), "", "{rows:?}");
    screen.take(Told::Looked(
        serde_json::from_value(look(&[backend("web", "slow", 1990.0)])).unwrap(),
    ));
    let rows = curve(&screen);
    assert!(rows[0].contains("highest 1990 ms"), "now: {rows:?}");
    assert!(rows[1].ends_with('█'), "{rows:?}");
}

#[test]
fn a_curve_of_another_backend_or_of_no_point_changes_nothing() {
    let mut screen = two_backends();
    screen.take(hour("gone", &[Some(9999.0)]));
    screen.take(hour("web", &[]));
    assert!(curve(&screen)[0].contains("since top began · ┄ goal · highest 66 ms"));
}

#[test]
fn the_goal_is_a_line_and_what_is_above_it_reaches_over_it() {
    let mut screen = two_backends();
    screen.take(hour("web", &[Some(10.0), None, Some(1000.0)]));
    let rows = curve(&screen);
    let goal = rows.iter().skip(1).filter(|row| row.contains('┄'));
    assert_eq!(goal.count(), 1, "{rows:?}");
    assert!(rows[1].contains('█') && !rows[1].contains('┄'), "{rows:?}");
}

#[test]
fn the_sentence_about_capacity_is_never_cut_and_the_last_change_says_why() {
    let mut web = backend("web", "ok", 66.0);
    web["next"] = json!(
        "no change: 95 requests/s × 1.29 kept ready ÷ 33/s each = 3.8 → 4 wanted; 3 serving, 3 exist"
    );
    web["carries"] = json!(
        "one server carries 33 requests/s within 200 ms (not proved yet, broke at 46); now 95/s on 3; 3 are \
         enough up to 73/s, and no more servers exist"
    );
    web["pause"] = json!({ "since": "2026-11-27T10:00:00Z", "until": null, "by": "alice (sudo)", "reason": "a release" });
    let mut screen = screen_of(look(&[web]), options());
    let mut enabled = event(
        7,
        "enable web/web2: mean 1259 ms > 200 ms over 52 requests in 1s",
    );
    enabled.code = "enable".to_owned();
    enabled.server = Some("web2".to_owned());
    screen.take(Told::Happened(vec![
        enabled,
        event(8, "breach web: mean 300 ms > 200 ms"),
    ]));
    for wanted in [
        "3 exist",
        "no more servers exist",
        "paused: web by alice (sudo): a release, since 2026-11-27T10:00:00Z",
        "last: 11-27 22:13:59Z enable web/web2: mean 1259 ms > 200 ms over 52 requests in",
    ] {
        assert_shows(&screen, wanted);
    }
    press(&mut screen, KeyCode::Down);
    assert_hides(&screen, "last:");
    press(&mut screen, KeyCode::Down);
    assert_shows(&screen, "last: 11-27 22:13:59Z enable web/web2");
}

#[test]
fn a_problem_is_shown_in_whole_with_since_when_and_a_cut_event_says_that_it_is_cut() {
    let mut web = backend("web", "slow", 660.0);
    let text = "slow (mean 660 ms > 250 ms), and nothing can help: all spares serve already (2), none is left";
    web["problems"] =
        json!([{ "code": "no_spare", "text": text, "since": "2026-11-27T22:10:00Z" }]);
    let mut screen = screen_of(look(&[web]), options());
    assert_shows(&screen, "none is left, since 11-27 22:10:00Z");
    screen.take(Told::Happened(vec![event(1, &"word ".repeat(40))]));
    let lines = shown(&screen, 80, 24);
    let of_event = lines
        .iter()
        .find(|line| line.starts_with("22:13:59Z"))
        .unwrap();
    assert!(of_event.trim_end().ends_with('…'), "{of_event:?}");
}

#[test]
fn what_it_works_with_is_one_line_however_long_and_health_stands_below() {
    let mut observed = look(&[backend("web", "ok", 66.0)]);
    observed["mode"] = json!("observe");
    let screen = screen_of(observed, options());
    let lines = shown(&screen, 80, 24);
    assert!(
        lines[0].contains("observing, nothing is changed · HAProxy"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("no problem "), "{lines:?}");
}

/// A newer daemon has stages, states and parts of a server that this one has not heard of.
#[test]
fn a_stage_and_a_state_that_nobody_knows_are_shown_as_they_come() {
    let mut web = backend("web", "dreaming", 66.0);
    web["servers"][2]["stage"] = json!("rebooting");
    web["servers"][2]["machine"] = json!({ "state": "on", "boot_ms": 31_000 });
    let mut screen = screen_of(look(&[web]), options());
    assert_shows(&screen, "rebooting");
    assert_shows(&screen, "DREAMING");
    press(&mut screen, KeyCode::End);
    for letter in ['e', 'd', 'p', ' '] {
        press(&mut screen, KeyCode::Char(letter));
        assert_shows(&screen, "web/web3?");
        assert!(
            ordered(press(&mut screen, KeyCode::Char('y'))).is_some(),
            "{letter}"
        );
    }
    press(&mut screen, KeyCode::Char('3'));
    assert_shows(&screen, "DREAMING");
}
