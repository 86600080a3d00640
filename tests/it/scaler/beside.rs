//! A spare whose warm-up fails, and the next one that sets out beside it: soon, and no more of them
//! serve than are wanted.

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::seen::{Problem, ProblemCode};
use haproxy_autoscale::words::order::Verb;
use std::time::Duration;

use super::scenes::{GAP, seconds};
use super::world::{World, settings};

/// Nobody listens on web2, and the backend is slow.
fn slow_with_a_dead_spare(world: &mut World) {
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
}

fn problems(world: &mut World) -> Vec<String> {
    let problems = world.view().problems;
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_spare_that_nobody_listens_on_holds_up_the_next_one_for_three_seconds_only() {
    let mut world = World::new(settings());
    slow_with_a_dead_spare(&mut world);
    world.requests(25, 900, GAP);
    assert!(!world.is_up("web3"), "web2 may be about to listen");
    world.requests(10, 900, GAP);
    assert!(world.is_up("web3"), "{}", world.trace());
    assert_eq!(world.count(Change::EnableFailed), 0, "web2 is still tried");
    world.pass(seconds(20));
    assert_eq!(world.count(Change::EnableFailed), 1, "{}", world.trace());
}

#[test]
fn a_cold_spare_that_listens_keeps_its_time() {
    let mut world = World::new(settings());
    world.server("web2").is_silent = true;
    slow_with_a_dead_spare(&mut world);
    world.requests(90, 900, GAP);
    assert!(!world.is_up("web3"), "{}", world.trace());
    world.requests(20, 900, GAP);
    assert!(world.is_up("web3"), "it never answers: {}", world.trace());
}

#[test]
fn of_two_that_come_for_one_place_the_first_one_serves_whenever_the_other_gets_there() {
    for late_ms in (0..6000).step_by(50) {
        let mut world = World::new(settings());
        slow_with_a_dead_spare(&mut world);
        world.pass(Duration::from_millis(late_ms));
        world.server("web2").is_alive = true;
        for _ in 0..400 {
            world.pass(Duration::from_millis(25));
            let in_balance = u32::from(world.is_up("web2")) + u32::from(world.is_up("web3"));
            assert!(in_balance <= 1, "after {late_ms} ms: {}", world.trace());
        }
        let came = world.count(Change::Enable);
        assert_eq!(came, 1, "after {late_ms} ms: {}", world.trace());
        assert_eq!(world.count(Change::EnableFailed), 0);
    }
}

#[test]
fn the_one_that_is_too_many_goes_back_and_that_is_said() {
    let mut world = World::new(settings());
    slow_with_a_dead_spare(&mut world);
    world.pass(seconds(6));
    assert!(world.is_up("web3"), "{}", world.trace());
    world.server("web2").is_alive = true;
    world.pass(seconds(3));
    assert!(world.server("web2").read.is_maint());
    let said = world.text_of(Change::Note);
    assert!(
        said.contains("not enabled: its place has been taken"),
        "{said}"
    );
}

#[test]
fn both_serve_when_two_are_wanted_by_then() {
    let mut world = World::new(settings());
    slow_with_a_dead_spare(&mut world);
    world.pass(seconds(6));
    assert!(world.is_up("web3"), "{}", world.trace());
    // After the cooldown it is slow again: web2, which is still tried, is the next one.
    for _ in 0..40 {
        world.request("web1", 900);
        world.request("web3", 900);
        world.pass(GAP);
    }
    world.server("web2").is_alive = true;
    for _ in 0..15 {
        world.request("web1", 900);
        world.request("web3", 900);
        world.pass(GAP);
    }
    assert!(world.is_up("web2"), "{}", world.trace());
}

#[test]
fn max_holds_however_they_come() {
    for late_ms in (0..6000).step_by(250) {
        let mut settings = settings();
        settings.max = Some(2);
        settings.policies[0].add = haproxy_autoscale::measure::settings::Add::Servers(2);
        let mut world = World::new(settings).without("other");
        slow_with_a_dead_spare(&mut world);
        world.pass(Duration::from_millis(late_ms));
        world.server("web2").is_alive = true;
        for _ in 0..400 {
            world.request("web1", 900);
            world.pass(Duration::from_millis(25));
            let servers = world.servers.iter();
            let in_balance = servers.filter(|it| it.read.is_in_balance()).count();
            assert!(in_balance <= 2, "after {late_ms} ms: {}", world.trace());
        }
        assert_eq!(world.count(Change::Enable), 1, "{}", world.trace());
        // At 3,000 both warm-ups pass within the same millisecond.
        assert!(late_ms <= 3_000 || world.is_up("web3"), "{}", world.trace());
    }
}

#[test]
fn a_dead_spare_that_an_operator_wants_in_does_not_hold_up_one_for_the_load() {
    let mut world = World::new(settings());
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.accepted(Verb::Enable, "web/web2", None);
    world.requests(40, 900, GAP);
    assert!(world.is_up("web3"), "{}", world.trace());
}

#[test]
fn a_replacement_of_a_dead_server_does_not_wait_for_a_dead_spare() {
    let mut world = World::new(settings());
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.server("web1").is_alive = false;
    world.pass(seconds(6));
    assert!(world.is_up("web3"), "{}", world.trace());
    world.server("web2").is_alive = true;
    world.pass(seconds(3));
    assert!(world.server("web2").read.is_maint(), "{}", world.trace());
}

#[test]
fn a_warm_up_that_fails_is_a_problem_with_its_numbers_as_long_as_it_does() {
    let mut world = World::new(settings());
    slow_with_a_dead_spare(&mut world);
    world.requests(25, 900, GAP);
    assert!(problems(&mut world).is_empty());
    world.pass(Duration::from_millis(600));
    let said = problems(&mut world);
    let text = "web2: warm-up fails: connection refused (12 attempts, 3.1s), given up in 16.9s; web3 is \
                brought in beside it";
    assert_eq!(said, [text], "{}", world.trace());
    let code = world.view().problems.first().map(Problem::code);
    assert_eq!(code, Some(ProblemCode::WarmUpFails));
    let next = world.view().next.to_string();
    assert!(next.starts_with("web3 gets users as soon as"), "{next}");
    assert!(
        next.contains("web2: warm-up fails: connection refused"),
        "{next}"
    );
    let warned = world.text_of(Change::Warning);
    assert!(warned.contains("web/web2: warm-up fails"), "{warned}");
    world.server("web2").is_alive = true;
    world.pass(seconds(2));
    assert!(
        problems(&mut world).is_empty(),
        "{:?}",
        problems(&mut world)
    );
}

#[test]
fn where_no_other_spare_is_left_both_are_said() {
    let mut world = World::new(settings()).without("web3").without("other");
    slow_with_a_dead_spare(&mut world);
    world.requests(45, 900, GAP);
    let said = problems(&mut world);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0].contains("and nothing can help: web2 is tried: "),
        "{said:#?}"
    );
    assert!(said[1].contains("given up in 15.5s"), "{said:#?}");
    assert_eq!(world.view().wanted, Some(2));
    world.server("web2").is_alive = true;
    world.requests(20, 900, GAP);
    assert!(
        world.is_up("web2"),
        "the only hope is not given up: {}",
        world.trace()
    );
}
