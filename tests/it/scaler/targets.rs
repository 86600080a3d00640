//! Policies with a target: so many servers are wanted as take all of a number of the backend.

use std::time::Duration;

use haproxy_autoscale::measure::settings::{PolicySettings, Signal, TargetSettings, WindowSize};
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::seen::{Problem, ReasonCode};
use haproxy_autoscale::scaler::settings::BackendSettings;

use super::scenes::seconds;
use super::world::{World, settings};

fn target(signal: Signal, per_server: f64) -> TargetSettings {
    TargetSettings {
        measured: PolicySettings {
            window: WindowSize::Span(seconds(4)),
            min_samples: 2,
            breaches: 2,
            ..PolicySettings::new(signal, per_server)
        },
    }
}

/// A web1 that is always up and the spares web2 and web3.
fn world(signal: Signal, per_server: f64) -> World {
    let mut world = World::new(BackendSettings {
        targets: vec![target(signal, per_server)],
        ..settings()
    })
    .without("other");
    world.pass(seconds(2));
    world
}

fn up(world: &mut World) -> usize {
    let servers = ["web1", "web2", "web3"];
    servers.into_iter().filter(|it| world.is_up(it)).count()
}

#[test]
fn as_many_servers_are_brought_in_as_take_all_of_it_and_all_at_once() {
    let mut world = world(Signal::Concurrency, 20.0);
    world.sessions = 40;
    world.pass(seconds(20));
    assert_eq!(up(&mut world), 2, "{}", world.trace());
    world.sessions = 41;
    world.pass(seconds(20));
    assert_eq!(up(&mut world), 3, "{}", world.trace());
    assert_eq!(world.count(Change::Breach), 0, "{}", world.trace());
    let text = world.text_of(Change::WarmUp);
    assert!(
        text.contains("web3: concurrency mean 41 needs 3 servers at 20 each; 2 serving"),
        "{text}"
    );
}

#[test]
fn several_that_are_missing_set_out_together_at_most_as_many_as_there_are() {
    let mut world = world(Signal::Concurrency, 10.0);
    world.server("web2").is_alive = false; // Its warm-up takes the whole deadline.
    world.sessions = 1000;
    world.pass(seconds(12));
    // One serves, so one sets out; the next look finds two that serve or come.
    let starts = world
        .decisions
        .iter()
        .filter(|it| it.change == Change::WarmUp);
    let starts: Vec<_> = starts.map(|it| it.at).collect();
    assert_eq!(starts.len(), 2, "{}", world.trace());
    assert!(
        starts[1].since(starts[0]) >= seconds(1),
        "{}",
        world.trace()
    );
    assert!(world.is_up("web3"), "{}", world.trace());
}

#[test]
fn a_moment_asks_for_nobody() {
    let mut world = world(Signal::Concurrency, 20.0);
    world.sessions = 10;
    world.pass(seconds(20));
    world.sessions = 60;
    world.pass(seconds(2));
    world.sessions = 10;
    world.pass(seconds(20));
    assert_eq!(world.count(Change::WarmUp), 0, "{}", world.trace());
}

#[test]
fn a_server_goes_once_no_window_of_the_idle_timeout_wanted_it() {
    let mut world = world(Signal::Concurrency, 20.0);
    world.sessions = 50;
    world.pass(seconds(60));
    assert_eq!(up(&mut world), 3, "{}", world.trace());
    world.sessions = 30;
    world.pass(settings().idle_timeout * 4);
    assert_eq!(up(&mut world), 2, "{}", world.trace());
    let view = world.view();
    assert_eq!(view.next.code(), ReasonCode::Target, "{}", view.next);
    assert_eq!(
        view.next.to_string(),
        "web2 stays: concurrency of the last 30s needed 2 servers at 20 each, and 1 would be left; now 30"
    );
    world.sessions = 0;
    world.pass(settings().idle_timeout * 4);
    assert_eq!(up(&mut world), 1, "{}", world.trace());
}

#[test]
fn a_number_that_swings_about_the_edge_of_a_server_makes_none_come_and_go() {
    let mut world = world(Signal::Concurrency, 20.0);
    // Half a period is shorter than idle_timeout: what was wanted a moment ago is wanted still.
    let half = settings().idle_timeout / 2;
    let half_periods = 80;
    for turn in 0..half_periods {
        world.sessions = if turn % 2 == 0 { 19 } else { 21 };
        world.pass(half);
    }
    assert_eq!(world.count(Change::Enable), 1, "{}", world.trace());
    assert_eq!(world.count(Change::Drain), 0, "{}", world.trace());
    // One that is slower than that brings at most one change in each idle_timeout.
    let half = settings().idle_timeout * 2;
    let before = world.count(Change::Enable) + world.count(Change::Drain);
    for turn in 0..20 {
        world.sessions = if turn % 2 == 0 { 19 } else { 21 };
        world.pass(half);
    }
    let changes = world.count(Change::Enable) + world.count(Change::Drain) - before;
    assert!((10..=21).contains(&changes), "{changes}: {}", world.trace());
}

#[test]
fn the_highest_vote_wins_and_a_server_goes_only_when_all_agree() {
    let mut world = World::new(BackendSettings {
        targets: vec![
            target(Signal::Concurrency, 20.0),
            target(Signal::RequestRate, 10.0),
        ],
        ..settings()
    })
    .without("other");
    world.pass(seconds(2));
    let arrive = |world: &mut World, lasts_s: u64, rate: u64| {
        for _ in 0..lasts_s {
            world.arrived += rate;
            world.pass(seconds(1));
        }
    };
    world.sessions = 30;
    arrive(&mut world, 40, 25);
    assert_eq!(up(&mut world), 3, "the rate wants three: {}", world.trace());
    arrive(&mut world, 90, 1);
    assert_eq!(
        up(&mut world),
        2,
        "the sessions want two: {}",
        world.trace()
    );
    world.sessions = 1;
    arrive(&mut world, 90, 1);
    assert_eq!(up(&mut world), 1, "{}", world.trace());
}

#[test]
fn a_target_that_max_does_not_allow_is_a_problem_with_its_numbers() {
    let mut world = World::new(BackendSettings {
        targets: vec![target(Signal::Concurrency, 20.0)],
        max: Some(2),
        ..settings()
    })
    .without("other");
    world.pass(seconds(2));
    world.sessions = 100;
    world.pass(seconds(60));
    assert_eq!(up(&mut world), 2, "{}", world.trace());
    let view = world.view();
    assert_eq!(view.wanted, Some(5));
    assert_eq!(view.next.code(), ReasonCode::MaxReached, "{}", view.next);
    let short = view
        .problems
        .iter()
        .find(|it| matches!(it, Problem::Short { .. }));
    let text = short.expect("a problem").to_string();
    assert!(
        text.starts_with(
            "concurrency mean 100 needs 5 servers at 20 each; 2 serving, and nothing can help"
        ),
        "{text}"
    );
    assert_eq!(world.count(Change::NoSpare), 1, "{}", world.trace());
}

#[test]
fn nobody_goes_before_a_whole_idle_timeout_was_watched() {
    let mut world = world(Signal::Concurrency, 20.0);
    world.sessions = 30;
    world.pass(seconds(60));
    assert_eq!(up(&mut world), 2, "{}", world.trace());
    // The daemon stood still: what was seen says nothing of now.
    world.step(haproxy_autoscale::scaler::event::Event::Gap {
        lasted: Duration::from_secs(600),
    });
    world.sessions = 1;
    world.pass(settings().idle_timeout);
    assert_eq!(up(&mut world), 2, "{}", world.trace());
    world.pass(settings().idle_timeout * 2);
    assert_eq!(up(&mut world), 1, "{}", world.trace());
}
