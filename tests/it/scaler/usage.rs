//! What is counted for `report`.

use std::time::Duration;

use haproxy_autoscale::measure::account::Usage;
use haproxy_autoscale::measure::settings::{PolicySettings, WindowSize};
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::order::Verb;

use super::scenes::seconds;
use super::world::{World, policy, settings};

fn take(world: &mut World) -> Usage {
    let mut all = world.scaler.take_usage(world.now);
    all.remove(0).1
}

fn with_windows(sizes: &[u32]) -> World {
    let of_size = |size: &u32| PolicySettings {
        window: WindowSize::Requests(*size),
        ..policy()
    };
    let mut settings = settings();
    settings.policies = sizes.iter().map(of_size).collect();
    let mut world = World::new(settings);
    world.pass(seconds(1));
    take(&mut world);
    world
}

#[test]
fn servers_are_counted_for_a_minute_after_the_last_look_however_often_it_is_told() {
    let mut world = World::new(settings());
    world.pass(seconds(300));
    let usage = take(&mut world);
    assert_eq!(usage.span, seconds(300));
    assert!(usage.known > seconds(299), "{usage:?}");
    world.is_reachable = false;
    let (mut known, mut servers) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..120 {
        world.pass(seconds(5));
        let seen = world.scaler.usage(world.now).remove(0).1;
        let usage = take(&mut world);
        assert_eq!(seen, usage, "asking is no taking");
        known += usage.known;
        servers += usage.servers;
    }
    assert!(known <= seconds(60), "{known:?} of ten minutes");
    assert!(servers <= 2 * known, "{servers:?}: two are not in maint");
    world.is_reachable = true;
    world.pass(seconds(120));
    take(&mut world);
    world.pass(seconds(60));
    assert_eq!(take(&mut world).known, seconds(60));
}

#[test]
fn a_night_without_requests_is_not_above_the_threshold() {
    let mut world = with_windows(&[5]);
    world.requests(1, 20, seconds(1));
    (0..10).for_each(|_| world.pass(seconds(3600)));
    world.requests(4, 900, seconds(1));
    world.pass(seconds(1));
    let above = take(&mut world).above_goal;
    assert!(above >= seconds(3) && above <= seconds(4), "{above:?}");
}

#[test]
fn more_is_never_above_the_threshold_than_was_since_it_was_told() {
    let mut world = with_windows(&[5]);
    world.requests(4, 900, seconds(20));
    take(&mut world);
    world.requests(1, 900, seconds(1));
    let usage = take(&mut world);
    assert!(usage.above_goal <= usage.span, "{usage:?}");
    assert!(usage.above_goal > Duration::ZERO, "{usage:?}");
}

#[test]
fn of_two_windows_that_end_together_the_longer_one_counts() {
    for sizes in [[5, 10], [10, 5]] {
        let mut world = with_windows(&sizes);
        world.requests(10, 900, seconds(1));
        assert_eq!(take(&mut world).above_goal, seconds(9), "{sizes:?}");
    }
}

#[test]
fn many_gaps_between_requests_count_rather_too_little_than_too_much() {
    let mut world = with_windows(&[40]);
    for _ in 0..20 {
        world.requests(1, 900, seconds(1));
        world.requests(1, 900, seconds(60));
    }
    let above = take(&mut world).above_goal;
    assert!(above <= seconds(20), "{above:?}");
}

#[test]
fn what_a_departure_did_is_told_with_what_was_before_it_and_the_share_that_others_took() {
    let mut world = World::new(settings());
    world.pass(seconds(1));
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(5));
    assert!(world.is_up("web2"), "{}", world.trace());
    let eight = |world: &mut World, own: u32, ms: u32| {
        for number in 0..8 {
            world.request(if number < own { "web2" } else { "web1" }, ms);
            world.pass(Duration::from_millis(125));
        }
    };
    (0..70).for_each(|_| eight(&mut world, 2, 66));
    world.accepted(Verb::Disable, "web/web2", None);
    (0..90).for_each(|_| eight(&mut world, 0, 70));
    let effects = world.decisions.iter();
    let effects = effects.filter(|it| it.change == Change::Effect);
    let texts: Vec<String> = effects.map(|it| it.reason.to_string()).collect();
    let last = texts.last().expect("an effect");
    assert!(
        last.starts_with("mean 66 ms before, 70 ms after; the others took its 25 %; 8"),
        "{texts:?}"
    );
    assert!(
        texts[0].contains("; it takes 25 % of the requests"),
        "{texts:?}"
    );
}
