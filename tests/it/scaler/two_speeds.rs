//! Several policies side by side, each with a window and a step of its own.

use haproxy_autoscale::measure::settings::{Add, PolicySettings, WindowSize};
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::settings::BackendSettings;

use super::scenes::{GAP, seconds};
use super::server::Server;
use super::world::{World, policy, settings};

/// A fast one that doubles what serves when it is very slow for two seconds, and a slow one that adds one server when
/// it is a little slow for a minute. web1 and web2 are always up, four spares rest.
fn two_speeds() -> World {
    let fast = PolicySettings {
        above: 2000.0,
        window: WindowSize::Span(seconds(1)),
        breaches: 2,
        add: Add::Percent(100),
        ..policy()
    };
    let slow = PolicySettings {
        above: 400.0,
        window: WindowSize::Span(seconds(20)),
        breaches: 3,
        add: Add::Servers(1),
        ..policy()
    };
    let mut world = World::new(BackendSettings {
        policies: vec![fast, slow],
        always_up: vec!["web1".to_owned(), "web2".to_owned()],
        min: 2,
        ..settings()
    });
    world.servers = vec![
        Server::new("web1", false, true),
        Server::new("web2", false, true),
    ];
    let spares = ["web3", "web4", "web5", "web6"];
    let spares = spares.map(|name| Server::new(name, true, true));
    world.servers.extend(spares);
    world.pass(GAP);
    world
}

#[test]
fn a_rush_is_met_by_the_fast_policy_with_as_many_servers_as_serve() {
    let mut world = two_speeds();
    world.requests(45, 3000, GAP);
    assert_eq!(world.count(Change::WarmUp), 2, "{}", world.trace());
    let first = world
        .decisions
        .iter()
        .find(|it| it.change == Change::WarmUp);
    let first = first.expect("a warm-up");
    assert!(first.at.as_ms() < 3500, "{}", world.trace());
    let text = first.reason.to_string();
    assert!(text.contains("> 2000 ms"), "{text}");
}

#[test]
fn a_slow_rise_is_met_by_the_slow_policy_with_one_server_after_a_minute() {
    let mut world = two_speeds();
    world.requests(550, 500, GAP);
    assert_eq!(world.count(Change::WarmUp), 0, "{}", world.trace());
    world.requests(100, 500, GAP);
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
    let text = world.text_of(Change::WarmUp);
    assert!(text.contains("> 400 ms"), "{text}");
}

#[test]
fn of_two_that_ask_at_once_the_one_that_wants_more_wins() {
    let mut world = two_speeds();
    world.settings.policies[1].window = WindowSize::Span(seconds(1));
    world.settings.policies[1].breaches = 2;
    let next = [world.settings.clone()];
    world.step(haproxy_autoscale::scaler::event::Event::Settings {
        backends: &next,
        is_elsewhere: false,
        was_pretended: false,
    });
    world.requests(45, 3000, GAP);
    assert_eq!(world.count(Change::WarmUp), 2, "{}", world.trace());
    let text = world.text_of(Change::WarmUp);
    assert!(
        text.contains("> 2000 ms") && !text.contains("> 400 ms"),
        "{text}"
    );
}
