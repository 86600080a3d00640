//! Servers come and go by what one of them carries, before anything is slow.

use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::scaler::decision::{Change, Reason, Wanted};
use haproxy_autoscale::scaler::settings::Capacity;

use haproxy_autoscale::words::order::Verb;

use super::scenes::seconds;
use super::world::{World, settings};

/// One server carries 60 requests a second, and an operator has said so.
fn known(capacity: Capacity) -> World {
    let mut settings = settings();
    settings.capacity = capacity;
    settings.idle_timeout = seconds(30);
    let mut world = World::new(settings).without("other");
    world.pass(seconds(1));
    world
}

/// The same, where the share of a newcomer grows for a minute.
fn growing() -> World {
    let mut world = given();
    let mut settings = world.settings.clone();
    settings.weight_ramp = seconds(60);
    world = World::new(settings).without("other");
    for server in &mut world.servers {
        *server = server.clone().of_weight(100);
    }
    world.pass(seconds(1));
    world
}

fn given() -> World {
    known(Capacity::Given(Bracket::given(60.0)))
}

#[test]
fn a_demand_that_one_server_does_not_carry_brings_in_what_is_missing_before_anything_is_slow() {
    let mut world = given();
    world.load(110, 12);
    assert_eq!(world.count(Change::Breach), 0);
    assert_eq!(world.count(Change::Enable), 2, "{}", world.trace());
    let reasons = world.decisions.iter().filter_map(|it| {
        let Reason::Wanted(Wanted::Demand { need, serving }) = &it.reason else {
            return None;
        };
        Some((need.servers(), *serving))
    });
    let reasons: Vec<_> = reasons.collect();
    assert_eq!(reasons, [(2, 1), (3, 2)], "{}", world.trace());
}

#[test]
fn with_the_capacity_off_no_demand_brings_anybody_in() {
    let mut world = known(Capacity::Off);
    world.load(110, 20);
    assert_eq!(world.count(Change::WarmUp), 0, "{}", world.trace());
}

#[test]
fn a_demand_for_one_server_asks_for_no_other() {
    let mut world = given();
    world.load(40, 60);
    assert_eq!(world.count(Change::WarmUp), 0, "{}", world.trace());
}

#[test]
fn that_nothing_is_to_do_is_said_with_demand_capacity_and_need() {
    let mut world = given();
    world.load(40, 30);
    let next = world.view().next.to_string();
    for said in [
        "no change: ",
        " requests/s × ",
        " kept ready ÷ 60/s each = ",
        " → 1 wanted, 1 serving; ",
        " 60 ms, 500 ms allowed",
    ] {
        assert!(next.contains(said), "{said}: {next}");
    }
}

#[test]
fn a_spare_stays_as_long_as_the_demand_needs_it_and_goes_afterwards() {
    let mut world = given();
    world.load(80, 15);
    assert_eq!(world.count(Change::Enable), 1, "{}", world.trace());
    // Each answer takes 60 ms of 500: what is quiet by its times is not idle.
    world.load(80, 120);
    assert_eq!(world.count(Change::Drain), 0, "{}", world.trace());
    world.load(20, 90);
    assert_eq!(world.count(Change::Drain), 1, "{}", world.trace());
}

#[test]
fn a_moment_of_demand_asks_for_nobody() {
    let mut world = given();
    world.load(20, 30);
    world.arrived += 60; // Three seconds' worth at once.
    world.load(20, 30);
    assert_eq!(world.count(Change::WarmUp), 0, "{}", world.trace());
}

#[test]
fn a_demand_that_returns_while_a_spare_drains_gives_it_back_and_warms_up_no_other() {
    let mut world = given();
    world.load(80, 15);
    assert!(world.is_up("web2"), "{}", world.trace());
    world.server("web2").read.sessions = 1; // A long download.
    world.load(20, 65);
    assert_eq!(world.count(Change::Drain), 1, "{}", world.trace());
    world.load(80, 8);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
    assert_eq!(world.count(Change::NoSpare), 0, "{}", world.trace());
}

#[test]
fn what_a_demand_asked_for_and_misses_no_more_does_not_set_out() {
    let mut world = known(Capacity::Given(Bracket::given(10.0)));
    world.server("web2").is_alive = false; // Its warm-up takes the whole deadline.
    world.order(Verb::Pin, "web/web3", None);
    world.load(20, 12);
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
    world.load(1, 60);
    world.order(Verb::Unpin, "web/web3", None);
    world.load(1, 10);
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
}

#[test]
fn a_share_that_grows_is_on_its_way_and_brings_in_nobody_else() {
    let mut world = growing();
    world.load(80, 20);
    assert_eq!(world.count(Change::Enable), 1, "{}", world.trace());
    let weight = world.server("web2").read.weight;
    assert!(weight < 50, "{}", world.trace());
    world.load(80, 60);
    let weight = world.server("web2").read.weight;
    assert_eq!(weight, 100, "{}", world.trace());
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
    assert_eq!(world.count(Change::Drain), 0, "it is not idle either");
}

#[test]
fn a_demand_that_needs_more_than_what_grows_brings_the_next_one_in() {
    let mut world = growing();
    world.load(80, 20);
    assert_eq!(world.count(Change::Enable), 1, "{}", world.trace());
    world.load(140, 15);
    assert_eq!(world.count(Change::Enable), 2, "{}", world.trace());
    let weight = world.server("web2").read.weight;
    assert!(weight < 100, "{}", world.trace());
}

#[test]
fn a_release_against_the_load_is_obeyed_and_says_what_the_load_needs_and_how_long_it_stands() {
    let mut world = given();
    world.load(110, 12);
    let text = world.accepted(Verb::Release, "web", None);
    for part in [
        "kept out for 10m (`enable` or `resume` ends that sooner)",
        "; mind the load: ",
        " → 3 wanted; with release it has 1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    world.load(110, 5);
    assert_eq!(world.count(Change::Disable), 2, "{}", world.trace());
    let text = world.accepted(Verb::Release, "web", None);
    assert!(!text.contains("mind the load"), "nobody goes: {text}");
}
