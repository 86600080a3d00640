//! The load at which so many servers were too slow is that of the windows that showed it.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds};
use super::world::{Fault, World, settings};

/// 20 a second.
const RUSH: Duration = Duration::from_millis(50);

/// As `with_a_spare_in`, with windows that last a second at least.
fn with_a_spare_in_by_seconds() -> World {
    let mut settings = settings();
    settings.policies[0].min_span = seconds(1);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(35, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world
}

/// web2 has come and gone, at one fast request a second.
fn with_a_spare_gone() -> World {
    let mut world = with_a_spare_in_by_seconds();
    for _ in 0..60 {
        world.requests(1, 20, seconds(1));
        if !world.is_up("web2") {
            break;
        }
    }
    assert!(!world.is_up("web2"), "{:?}", world.changes());
    world.pass(seconds(1));
    world
}

/// Lets the spare, which is in again, be quiet at that pace, and gives what is said of its staying.
fn what_is_said_at(world: &mut World, gap: Duration) -> String {
    let end = world.now.after(seconds(40));
    while world.now < end {
        world.requests(1, 20, gap);
    }
    world.text_of(Change::Stay)
}

/// The load that it says one server more was too slow at.
fn learned(text: &str) -> f64 {
    let rate = text
        .split_once("too slow at ")
        .and_then(|(_, rest)| rest.split_once(" requests/s"));
    rate.and_then(|(rate, _)| rate.parse().ok())
        .unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn what_a_sudden_rush_teaches_is_its_own_load_and_not_the_quiet_before_it() {
    let mut world = with_a_spare_gone();
    world.requests(60, 900, RUSH);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    let rate = learned(&what_is_said_at(&mut world, RUSH));
    assert!((13.0..=20.0).contains(&rate), "{rate}");

    let mut world = with_a_spare_gone();
    world.requests(60, 900, RUSH);
    world.pass(seconds(1));
    let text = what_is_said_at(&mut world, Duration::from_millis(150));
    assert_eq!(text, "", "7 requests a second are nothing like it");
    assert!(!world.is_up("web2"));
}

#[test]
fn what_a_rush_teaches_that_is_over_when_the_spare_arrives_is_its_own_load() {
    let mut world = with_a_spare_gone();
    world.state_faults = vec![(AdminState::Ready, Fault::Late(seconds(4)))];
    world.requests(60, 900, RUSH);
    world.requests(8, 20, seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    let rate = learned(&what_is_said_at(&mut world, RUSH));
    assert!((13.0..=20.0).contains(&rate), "{rate}");
}

#[test]
fn what_a_failed_step_down_teaches_is_the_load_of_the_servers_that_were_left() {
    let mut world = with_a_spare_in_by_seconds();
    for _ in 0..3000 {
        world.requests(1, 20, RUSH / 2);
        if !world.is_up("web2") {
            break;
        }
    }
    assert!(!world.is_up("web2"), "{:?}", world.changes());
    world.requests(60, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    let rate = learned(&what_is_said_at(&mut world, GAP));
    assert!((9.0..=15.0).contains(&rate), "{rate}");
}
