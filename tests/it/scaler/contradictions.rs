//! When log and HAProxy's counters contradict each other, when that is over, and what may happen
//! meanwhile.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::LogState;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{World, settings};

#[test]
fn a_few_lines_less_are_no_contradiction() {
    let mut world = with_a_spare_in();
    world.pass(seconds(3));
    world.responses += 18;
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Freeze), 0, "18 of 18 are too few");
    world.requests(60, 20, GAP); // From here on it is compared anew.
    world.pass(seconds(3));
    world.requests(100, 20, GAP / 100);
    world.responses += 30;
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Freeze), 0, "30 of 130 are too few");
}

#[test]
fn a_log_that_dies_after_a_good_time_is_noticed_within_some_forty_requests() {
    let mut world = with_a_spare_in();
    world.requests(3000, 20, GAP);
    world.responses += 62;
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Freeze), 1);
}

#[test]
fn counters_that_an_operator_cleared_contradict_nothing() {
    let mut world = with_a_spare_in();
    world.requests(10, 20, GAP);
    world.pass(seconds(3));
    world.responses = 0;
    world.requests(60, 20, seconds(1));
    assert_eq!(world.count(Change::Freeze), 0);
    assert!(!world.is_up("web2"));
}

#[test]
fn lines_without_requests_freeze_scaling_down() {
    let mut world = with_a_spare_in();
    for _ in 0..900 {
        world.pass(GAP);
        world.line("web1", 20, 200);
    }
    assert_eq!(world.count(Change::Freeze), 1);
    let text = world.text_of(Change::Freeze);
    assert!(text.contains("is this the log of that HAProxy?"), "{text}");
    assert!(world.is_up("web2"));
}

#[test]
fn a_contradiction_is_over_after_ten_seconds_of_agreement_and_no_sooner() {
    let mut world = with_a_spare_in();
    world.pass(seconds(3));
    world.responses += 40;
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Freeze), 1);
    world.requests(60, 20, GAP);
    assert_eq!(world.count(Change::Thaw), 0);
    world.requests(200, 20, GAP);
    assert_eq!(world.count(Change::Thaw), 1);
    let times: Vec<_> = world
        .decisions
        .iter()
        .filter(|it| matches!(it.change, Change::Freeze | Change::Thaw))
        .map(|it| it.at)
        .collect();
    assert!(times[1].since(times[0]) >= seconds(6), "{times:?}");
}

#[test]
fn slow_lines_that_come_twice_bring_one_spare_in_and_no_more() {
    let mut world = World::new(settings());
    world.pass(GAP);
    for _ in 0..60 {
        world.pass(GAP);
        world.request("web1", 900);
        world.line("web1", 900, 200);
    }
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    for _ in 0..200 {
        world.pass(GAP);
        world.request("web1", 900);
        world.line("web1", 900, 200);
    }
    assert!(!world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn a_spare_that_came_in_on_good_lines_is_none_that_forged_ones_woke() {
    let mut world = with_a_spare_in();
    world.requests(200, 400, GAP);
    for _ in 0..60 {
        world.pass(GAP);
        world.line("web1", 900, 200);
    }
    world.pass(seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn a_log_that_was_late_for_a_moment_ends_quiet() {
    for state in [LogState::Lagging, LogState::Absent, LogState::Incomplete] {
        let mut world = with_a_spare_in();
        world.pass(seconds(25));
        world.log_state(state);
        world.log_state(LogState::Flowing);
        world.pass(seconds(25));
        assert!(world.is_up("web2"), "quiet begins anew");
        world.log_state(LogState::Flowing);
        world.pass(seconds(8));
        assert!(!world.is_up("web2"), "flowing as before ends nothing");
    }
}

#[test]
fn requests_that_fail_are_not_quiet_however_fast_the_others_are() {
    let mut world = with_a_spare_in();
    for _ in 0..300 {
        for status in [200, 502, 502] {
            world.pass(GAP);
            world.responses += 1;
            world.line("web1", 20, status);
        }
    }
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn a_silent_log_is_noticed_while_ever_more_requests_are_open() {
    let mut world = World::new(settings());
    world.pass(GAP);
    // A server that answers 65 of 105 requests a second: what is open explains what is missing, if
    // nobody looks twice.
    for tenth in 0..140 {
        world.responses += 6;
        world.sessions = 4 * tenth;
        world.pass(Duration::from_millis(100));
    }
    let text = world.text_of(Change::Freeze);
    assert!(text.contains("the log shows 0 lines"), "{text}");
    for _ in 0..600 {
        world.responses += 1;
        world.pass(Duration::from_millis(100));
    }
    assert_eq!(world.count(Change::Thaw), 0, "it is as silent as before");
}
