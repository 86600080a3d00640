//! What `status` says happens next is what happens.

use std::time::Duration;

use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::seen::{BackendState, ReasonCode};
use haproxy_autoscale::scaler::settings::Capacity;
use haproxy_autoscale::words::order::Verb;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{World, settings};

#[test]
fn with_every_spare_in_nothing_waits_for_a_cooldown() {
    let mut settings = settings();
    settings.scale_up_cooldown = seconds(600);
    let mut world = World::new(settings).without("web3");
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(3));
    assert!(world.is_up("web2"));
    world.requests(6, 900, GAP);
    let next = world.view().next.to_string();
    assert_eq!(next, "nothing: the only spare serves already");
}

#[test]
fn at_max_no_warm_up_is_announced() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(6, 900, GAP);
    let next = world.view().next.to_string();
    assert!(
        next.contains("2 servers are in and that is `max`"),
        "{next}"
    );
}

#[test]
fn a_quarantined_spare_is_none_to_bring_in_and_said_so() {
    let mut world = World::new(settings()).without("web3");
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(25));
    world.requests(6, 900, GAP);
    let next = world.view().next.to_string();
    assert!(next.contains("nothing: web2 quarantined for"), "{next}");
    assert!(next.contains("connection refused"), "{next}");
}

#[test]
fn what_a_server_in_transition_waits_for_is_said() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    let mut said = Vec::new();
    for _ in 0..200 {
        if world.is_up("web2") {
            break;
        }
        said.push(world.view().next.to_string());
        world.pass(Duration::from_millis(20));
    }
    for text in [
        "web2 gets users as soon as its warm-up and HAProxy's checks have passed",
        "web2 gets users as soon as HAProxy's checks have passed",
    ] {
        assert!(said.iter().any(|it| it == text), "{text}: {said:#?}");
    }
}

#[test]
fn what_a_pause_keeps_back_is_what_comes_after_it_and_is_not_said_when_the_load_has_gone() {
    let mut world = World::new(settings());
    world.pass(GAP);
    // As often as it may be: web2 is left out for a while.
    for _ in 0..6 {
        world.order(Verb::Enable, "web/web2", None);
        world.pass(seconds(2));
        world.order(Verb::Disable, "web/web2", Some(seconds(1)));
        world.pass(seconds(3));
    }
    world.order(Verb::Pause, "web", None);
    world.requests(30, 900, GAP);
    let next = world.view().next.to_string();
    assert!(next.contains("would warm up and enable web3"), "{next}");
    assert!(world.text_of(Change::Paused).contains("web/web3"));
    world.requests(60, 20, GAP);
    let quiet = world.view().next.to_string();
    assert_eq!(quiet, "nothing, it is paused");
    world.requests(30, 900, GAP);
    world.order(Verb::Resume, "web", None);
    world.requests(10, 900, GAP);
    world.pass(seconds(3));
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn in_a_pause_no_spare_is_said_to_go() {
    let mut world = with_a_spare_in();
    world.order(Verb::Pause, "web", None);
    world.pass(seconds(15));
    let next = world.view().next.to_string();
    assert!(
        next.starts_with("nothing, it is paused; otherwise web2 goes in "),
        "{next}"
    );
}

#[test]
fn while_it_is_slow_the_way_in_is_told_and_not_why_none_goes() {
    let mut settings = settings();
    settings.scale_up_cooldown = Duration::ZERO;
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(3));
    assert!(world.is_up("web2"));
    let mut said = 0;
    for _ in 0..60 {
        world.requests(1, 900, GAP);
        let view = world.view();
        if view.state == BackendState::Slow {
            let next = view.next.to_string();
            assert!(!next.contains("no spare is put away"), "{next}");
            assert_ne!(view.next.code(), ReasonCode::Busy, "{next}");
            said += 1;
        }
    }
    assert!(said > 10, "{said}");
}

#[test]
fn the_first_slow_answers_name_the_spare_that_comes_if_they_last() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(4, 900, GAP); // No window is complete yet.
    let view = world.view();
    assert_eq!(view.state, BackendState::Slow);
    assert_eq!(
        view.next.to_string(),
        "warm up web2 if the next 3 windows are above 500 ms too (0 of 3)"
    );
}

#[test]
fn that_nothing_is_to_do_is_said_with_what_was_measured_against_what_is_allowed() {
    let mut world = World::new(settings()).without("other");
    world.pass(GAP);
    let next = world.view().next;
    assert_eq!(next.code(), ReasonCode::NothingToDo);
    assert_eq!(next.to_string(), "no change: no request to judge; 1 server");
    world.requests(100, 60, GAP);
    let next = world.view().next.to_string();
    assert!(
        next.starts_with("no change: mean 60 ms, 500 ms allowed; "),
        "{next}"
    );
    assert!(next.ends_with(" requests/s on 1 server"), "{next}");
}

#[test]
fn what_is_needed_beyond_all_servers_is_said_with_how_many_there_are() {
    let mut settings = settings();
    settings.capacity = Capacity::Given(Bracket::given(10.0));
    let mut world = World::new(settings).without("other").without("web3");
    world.pass(GAP);
    let mut load = |ms: u32| {
        for _ in 0..600 {
            world.arrived += 6;
            (0..6).for_each(|_| world.request("web1", ms));
            world.pass(GAP);
        }
        let view = world.view();
        (view.next.to_string(), view.capacity.sentence())
    };
    let (next, _) = load(400); // Neither slow nor quiet.
    assert!(next.starts_with("nothing: 60 requests/s × "), "{next}");
    assert!(next.contains(" ÷ 10/s each = "), "{next}");
    let end = " wanted; 2 serving, 2 exist; the only spare serves already";
    assert!(next.ends_with(end), "{next}");
    let (next, carries) = load(60);
    assert!(next.starts_with("web2 stays: 60 requests/s × "), "{next}");
    assert!(next.ends_with(" wanted, 2 exist"), "{next}");
    let carries = carries.unwrap_or_default();
    assert!(carries.ends_with("no more servers exist"), "{carries}");
}
