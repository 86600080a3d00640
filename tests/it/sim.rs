//! The pretend HAProxy and its queues: what it answers, to the byte, and how its load behaves.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use haproxy_autoscale::demo::scenario::{SERVICE_MS, WORKERS};
use haproxy_autoscale::demo::story::mean_ms;
use haproxy_autoscale::sim::arrivals::{Arrivals, RateCurve};
use haproxy_autoscale::sim::haproxy::Haproxy;
use haproxy_autoscale::sim::queues::{Answer, Balance, Machine, Model, Queues, Traffic};
use haproxy_autoscale::sim::warmth::Warmth;

const SECOND_US: u64 = 1_000_000;

fn pretend() -> Haproxy {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    Haproxy::new(
        4711,
        1_795_312_498,
        &[
            ("web1", address(18_981), false),
            ("web2", address(18_982), true),
        ],
    )
}

/// One server's row of a reply whose header begins with `#`, by column name.
pub(crate) fn row(reply: &str, separator: char, server: &str) -> BTreeMap<String, String> {
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
fn seen(haproxy: &mut Haproxy, at_us: u64) -> [String; 6] {
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
    assert!(!haproxy.servers[1].read.is_up());

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
    assert!(haproxy.servers[1].read.is_up());

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
    assert_eq!(haproxy.servers[0].writes, 0);
}

#[test]
fn enable_server_gives_traffic_before_any_check_has_passed() {
    let mut haproxy = pretend();
    assert_eq!(haproxy.answer("enable server web/web2", SECOND_US), "\n");
    assert_eq!(
        seen(&mut haproxy, SECOND_US),
        ["2", "4", "2", "6", "0", "UP 1/3"]
    );
    assert!(haproxy.servers[1].read.is_up());
    haproxy.check_ended(1, false, SECOND_US);
    assert_eq!(seen(&mut haproxy, SECOND_US)[5], "DOWN");
    assert!(!haproxy.servers[1].read.is_up());
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
    assert_eq!(haproxy.servers[1].writes, 0);
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
    haproxy.servers[0].traffic = traffic;
    haproxy.refused = 2;
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
    let machine = || Machine {
        workers: WORKERS,
        service_ms: SERVICE_MS,
        warmth: Warmth::warm(),
    };
    let mut queues = Queues::new(Balance::InTurn, vec![machine(), machine()]);
    queues.set_takes_traffic(0, true);
    Model::new(Arrivals::new(curve, 7), queues)
}

#[test]
fn answers_slow_down_above_capacity_and_recover_with_the_spare() {
    let mut model = model(60.0);
    let first = mean_ms(&model.advance(SECOND_US)).unwrap();
    let second = mean_ms(&model.advance(3 * SECOND_US)).unwrap();
    assert!(second > 2.0 * first, "{first} then {second}");
    model.queues.set_takes_traffic(1, true);
    model.advance(12 * SECOND_US); // the first server works off what had piled up
    let last = mean_ms(&model.advance(14 * SECOND_US)).unwrap();
    assert!(last < 150.0, "{last}");
}

#[test]
fn answers_stay_fast_below_capacity_and_fail_without_a_server() {
    let mut model = model(14.0);
    let answers = model.advance(20 * SECOND_US);
    assert!(mean_ms(&answers).unwrap() < 130.0);
    assert!(answers.iter().all(|answer| answer.status == 200));
    model.queues.set_takes_traffic(0, false);
    let answers = model.advance(25 * SECOND_US);
    assert!(answers.last().is_some_and(Answer::is_failed));
    assert_eq!(
        model.queues.refused,
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
