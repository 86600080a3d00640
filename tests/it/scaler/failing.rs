//! Servers that answer worse than the others do, and what becomes of them.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::{AdminState, Balance};

use super::service::{serve, with_a_newcomer};
use super::world::{Fault, World, settings};

const GAP: Duration = Duration::from_millis(200);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_spare_whose_requests_fail_leaves_at_once_is_quarantined_and_the_next_one_comes() {
    let mut world = with_a_newcomer();
    let begin = world.now;
    for _ in 0..20 {
        if !world.is_up("web2") {
            break;
        }
        world.users("web1", 3, 0);
        world.users("web2", 3, 3);
        world.pass(Duration::from_millis(100));
    }
    assert!(!world.is_up("web2"), "{:?}", world.done);
    assert!(world.now.since(begin) <= seconds(1), "{:?}", world.now);
    world.pass(seconds(4));
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("not tried for 1m"), "{said}");
    assert!(world.server("web2").read.is_maint());
    assert!(world.is_up("web3"), "what it came for is still missing");
}

#[test]
fn a_failing_spare_that_no_command_moves_is_told_to_go_every_few_seconds_only() {
    for fault in [Fault::Ignored, Fault::Refused] {
        let mut world = with_a_newcomer();
        let before = world.commands;
        world.state_faults = vec![(AdminState::Drain, fault); 100_000];
        for _ in 0..100 {
            world.users("web1", 3, 0);
            world.users("web2", 3, 3);
            world.pass(Duration::from_millis(100));
        }
        assert!(world.is_up("web2"), "{:?}", world.done);
        let told = world.commands - before;
        assert!((2..=4).contains(&told), "{fault:?}: {told} times in 10 s");
    }
}

#[test]
fn errors_that_all_servers_have_are_nobodys_fault() {
    let mut world = with_a_newcomer();
    for _ in 0..30 {
        world.users("web1", 5, 3);
        world.users("web2", 5, 3);
        world.pass(Duration::from_millis(100));
    }
    assert_eq!(world.count(Change::ProbationFailed), 0);
    assert!(world.is_up("web2"));
}

#[test]
fn a_failing_spare_stays_where_nobody_else_would_serve_and_that_is_said() {
    let mut world = World::new(settings())
        .without("other")
        .without("web3")
        .counting();
    world.pass(seconds(3));
    world.server("web1").is_alive = false;
    world.pass(seconds(4));
    assert!(world.is_up("web2"), "it stands in");
    for _ in 0..30 {
        world.users("web2", 5, 5);
        world.pass(Duration::from_millis(100));
    }
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("too few other servers serve"), "{said}");
    assert_eq!(world.count(Change::ProbationFailed), 1, "once");
    assert!(world.is_up("web2"));
}

#[test]
fn a_stand_in_that_fails_nearly_all_its_requests_is_replaced() {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(seconds(3));
    world.server("web1").is_alive = false;
    world.pass(seconds(4));
    assert!(world.is_up("web2"), "it stands in");
    for _ in 0..60 {
        world.users("web2", 5, 5);
        world.pass(Duration::from_millis(100));
    }
    assert!(world.is_up("web3"), "{:?}", world.done);
}

#[test]
fn a_failing_spare_is_no_server_that_min_counts() {
    let mut settings = settings();
    settings.min = 2;
    let mut world = World::new(settings).without("other").counting();
    world.pass(seconds(3));
    assert!(world.is_up("web2"));
    serve(&mut world, seconds(6), 5, 5, true);
    assert!(world.is_up("web3"), "{:?}", world.done);
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn spares_that_fail_together_do_not_hide_each_other() {
    let mut settings = settings();
    settings.policies[0].add = haproxy_autoscale::measure::settings::Add::Servers(2);
    let mut world = World::new(settings).without("other").counting();
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(3));
    assert!(world.is_up("web2") && world.is_up("web3"));
    for _ in 0..120 {
        for (name, fails) in [("web1", false), ("web2", true), ("web3", true)] {
            if world.is_up(name) {
                world.users(name, 3, if fails { 3 } else { 0 });
            }
        }
        world.pass(Duration::from_millis(100));
    }
    assert!(
        !world.is_up("web2") && !world.is_up("web3"),
        "{:?}",
        world.done
    );
}

#[test]
fn an_always_up_server_whose_requests_fail_is_no_capacity_and_is_never_touched() {
    let mut world = with_a_newcomer();
    for _ in 0..600 {
        world.users("web1", 3, 3);
        world.users("web2", 3, 0);
        world.pass(Duration::from_millis(100));
    }
    assert!(world.is_up("web2"), "it carries alone, however quiet it is");
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("web/web1: "), "{said}");
    assert!(said.contains("it is no spare and stays"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn where_the_request_chooses_its_server_errors_are_said_and_nobody_leaves() {
    let mut world = with_a_newcomer();
    world.balance = Balance::ByHash;
    serve(&mut world, seconds(5), 5, 5, true);
    assert!(world.is_up("web2"));
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("by what the request says"), "{said}");
}

#[test]
fn with_nobody_serving_a_spare_that_failed_is_tried_again_within_seconds() {
    let mut world = World::new(settings())
        .without("other")
        .without("web3")
        .counting();
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(25));
    assert_eq!(world.count(Change::EnableFailed), 1);
    world.server("web2").is_alive = true;
    world.server("web1").is_alive = false;
    world.pass(seconds(15));
    assert!(world.is_up("web2"), "{:?}", world.done);
}

#[test]
fn few_requests_are_judged_over_a_longer_time() {
    let mut world = with_a_newcomer();
    for _ in 0..60 {
        world.users("web1", 1, 0);
        world.users("web2", 1, 1);
        world.pass(seconds(2));
        if !world.is_up("web2") {
            return;
        }
    }
    panic!("{:?}", world.done);
}

#[test]
fn failures_in_a_row_are_forgiven_only_by_good_service() {
    let mut world = with_a_newcomer();
    world.server("web3").read.weight = 0; // No candidate.
    for _ in 0..3 {
        for _ in 0..30 {
            if !world.is_up("web2") {
                break;
            }
            world.users("web1", 3, 0);
            world.users("web2", 3, 3);
            world.pass(Duration::from_millis(100));
        }
        world.pass(seconds(3));
        for _ in 0..700 {
            if world.is_up("web2") {
                break;
            }
            world.requests(1, 900, GAP);
            world.pass(Duration::from_millis(400));
        }
    }
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("not tried for 1m"), "{said}");
    assert!(said.contains("not tried for 2m"), "{said}");
}

#[test]
fn an_operators_word_keeps_even_a_failing_spare_in() {
    let mut world = with_a_newcomer();
    world.order(Verb::Enable, "web/web2", None);
    serve(&mut world, seconds(3), 5, 5, true);
    assert!(world.is_up("web2"));
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("an operator wants it so"), "{said}");
}

#[test]
fn a_spare_that_is_ten_times_slower_is_said_to_be_and_leaves() {
    let mut world = with_a_newcomer();
    let begin = world.now;
    while world.now.since(begin) < seconds(10) {
        for server in ["web1", "web2"] {
            world.users(server, 2, 0);
            world.request(server, if server == "web2" { 900 } else { 50 });
            world.request(server, if server == "web2" { 900 } else { 50 });
        }
        world.pass(GAP);
    }
    let said = world.decisions.iter();
    let said = said.filter(|it| it.change == Change::ProbationFailed);
    let first = said.map(|it| it.at.since(begin)).min();
    assert!(first.is_some_and(|after| after < seconds(7)), "{first:?}");
    world.pass(seconds(5));
    let said = world.text_of(Change::ProbationFailed);
    assert!(said.contains("it goes if that lasts"), "{said}");
    assert!(said.contains("it is drained"), "{said}");
    assert!(!world.is_up("web2"), "{said}");
}

#[test]
fn a_warm_up_for_load_makes_way_for_a_spare_that_fails() {
    let mut settings = settings();
    settings.policies[0].add = haproxy_autoscale::measure::settings::Add::Servers(2);
    let mut world = World::new(settings).without("other").counting();
    world.pass(GAP);
    world.server("web3").is_alive = false; // Its warm-up takes as long as it may.
    world.requests(15, 900, GAP);
    for _ in 0..50 {
        world.users("web1", 3, 0);
        if world.is_up("web2") {
            world.users("web2", 3, 3);
        }
        world.pass(Duration::from_millis(100));
    }
    assert!(world.server("web2").read.is_maint(), "{:?}", world.done);
}

#[test]
fn a_server_that_fails_where_most_are_too_slow_has_too_much_to_do_unless_it_fails_at_once() {
    for (others_ms, sessions, leaves) in [(2_000, 40, false), (400, 40, true), (2_000, 0, true)] {
        let mut world = with_a_newcomer();
        world.order(Verb::Pin, "web/web3", None);
        world.server("web1").read.sessions = 40;
        world.server("web2").read.sessions = sessions;
        // A minute in which nothing fails, so that they may judge each other, and then it does.
        for tenth in 0..640 {
            let failed = if tenth < 620 { 0 } else { 3 };
            for (name, failed) in [("web1", 0), ("web2", failed)] {
                world.users(name, 3, failed);
                world.request(name, others_ms);
            }
            world.pass(Duration::from_millis(100));
        }
        let told = world.count(Change::ProbationFailed) > 0;
        assert_eq!(told, leaves, "{others_ms} {sessions} {}", world.trace());
    }
}
