//! HAProxy that is reloaded more often than `idle_timeout`, as an ingress is.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::request::Request;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{BACKEND, World};

/// A line of a request that the process before the reload answered.
fn line_of_before(world: &mut World, took: Duration) {
    let ms = u32::try_from(took.as_millis()).ok();
    world.event(Request {
        backend: BACKEND,
        server: "web1",
        request_ms: Some(0),
        queue_ms: Some(0),
        connect_ms: Some(0),
        response_ms: ms,
        total_ms: ms,
        status: Some(200),
        tail: None,
    });
}

/// Reloads every 20 s, against 30 s of `idle_timeout`. `is_kept`: HAProxy keeps its states
/// (`load-server-state-from-file`).
fn reloaded(world: &mut World, times: u32, is_kept: bool) {
    for _ in 0..times {
        world.requests(40, 20, seconds(1) / 2);
        let servers = world.servers.clone();
        world.reload();
        if is_kept {
            world.servers = servers;
        }
    }
    world.requests(20, 20, seconds(1) / 2);
}

#[test]
fn reloads_more_often_than_idle_timeout_do_not_bring_an_idle_spare_back_each_time() {
    let mut world = with_a_spare_in();
    reloaded(&mut world, 8, false);
    assert!(!world.is_up("web2"));
    let warm_ups = world.count(Change::WarmUp);
    assert!(warm_ups <= 2, "{:?}", world.changes());
    assert_eq!(world.count(Change::Freeze), 0, "{:?}", world.changes());
}

#[test]
fn reloads_that_keep_states_more_often_than_idle_timeout_keep_no_spare_for_ever() {
    let mut world = with_a_spare_in();
    reloaded(&mut world, 3, true);
    assert!(!world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.count(Change::Drain), 1, "{:?}", world.changes());
}

#[test]
fn a_reload_brings_what_load_needs_back_as_before() {
    let mut world = with_a_spare_in();
    for _ in 0..4 {
        world.requests(40, 400, seconds(1) / 2);
        world.reload();
        world.requests(10, 400, seconds(1) / 2);
        assert!(world.is_up("web2"), "{:?}", world.changes());
    }
}

#[test]
fn lines_of_the_process_before_a_reload_contradict_no_counter() {
    let mut world = with_a_spare_in();
    world.requests(100, 20, GAP);
    world.reload();
    for _ in 0..40 {
        world.requests(1, 20, GAP);
        // A backlog that the old process works off, three for one of the new one's.
        for _ in 0..3 {
            let took = GAP * 60;
            line_of_before(&mut world, took);
        }
    }
    assert_eq!(world.count(Change::Freeze), 0, "{:?}", world.changes());
}

#[test]
fn a_log_that_is_silent_over_many_reloads_disables_nothing() {
    let mut world = with_a_spare_in();
    // Never enough between two reloads to be sure.
    for _ in 0..60 {
        for _ in 0..4 {
            world.pass(seconds(5) / 4);
            world.responses += 3;
        }
        let servers = world.servers.clone();
        world.reload();
        world.servers = servers;
    }
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.count(Change::Freeze), 1, "said once");
    assert_eq!(world.count(Change::Thaw), 0, "a reload repairs no log");
}

#[test]
fn haproxy_that_is_away_for_a_moment_does_not_end_quiet() {
    let mut world = with_a_spare_in();
    world.pass(seconds(25));
    world.is_reachable = false;
    world.pass(seconds(2));
    world.is_reachable = true;
    world.pass(seconds(6));
    assert_eq!(world.count(Change::Unreachable), 1);
    assert!(!world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn while_nearly_nothing_is_logged_the_freeze_does_not_come_and_go() {
    let mut world = with_a_spare_in();
    for second in 0..600 {
        world.pass(seconds(1));
        // `dontlog-normal`: bursts of requests, hours with hardly any, an error now and then.
        match second % 100 {
            0..30 => world.responses += 10,
            50 => world.line("web1", 20, 500),
            60 | 80 => world.responses += 1,
            _ => {}
        }
    }
    assert_eq!(world.count(Change::Freeze), 1, "{:?}", world.changes());
    assert_eq!(world.count(Change::Thaw), 0, "{:?}", world.changes());
    let problems = world.view().problems;
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let problems = problems.join("\n");
    assert!(!problems.contains(" 0 responses"), "{problems}");
    world.requests(60, 20, GAP * 3);
    assert_eq!(world.count(Change::Thaw), 1, "{:?}", world.changes());
}

#[test]
fn a_log_that_lost_lines_is_believed_again_when_haproxy_has_long_answered_nothing() {
    let mut world = with_a_spare_in();
    world.pass(seconds(3));
    world.responses += 40;
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Freeze), 1);
    world.pass(seconds(500));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.pass(seconds(200));
    assert_eq!(world.count(Change::Thaw), 1);
    assert!(!world.is_up("web2"), "{:?}", world.changes());
}
