//! Signals that are read from HAProxy and not from requests: how many wait, are open, arrive.

use std::time::Duration;

use haproxy_autoscale::measure::settings::{PolicySettings, Signal, Statistic, WindowSize};
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::seen::{Nobody, Problem};
use haproxy_autoscale::scaler::settings::BackendSettings;

use super::world::{World, settings};

fn policy(signal: Signal, above: f64) -> PolicySettings {
    PolicySettings {
        window: WindowSize::Span(Duration::from_secs(10)),
        min_samples: 2,
        breaches: 2,
        ..PolicySettings::new(signal, above)
    }
}

fn world(signal: Signal, above: f64) -> World {
    World::new(BackendSettings {
        policies: vec![policy(signal, above)],
        ..settings()
    })
}

/// Lets `seconds` pass, in each of which so many requests arrive; none is in the log.
fn arrive(world: &mut World, seconds: u64, rate: u64) {
    for _ in 0..seconds {
        world.arrived += rate;
        world.pass(Duration::from_secs(1));
    }
}

const GAP: Duration = Duration::from_secs(5);

#[test]
fn a_queue_without_a_line_in_the_log_brings_a_spare_in() {
    let mut world = world(Signal::QueueLength, 10.0);
    world.pass(GAP);
    world.queued = 25;
    world.pass(Duration::from_secs(60));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    let text = world.text_of(Change::Breach);
    assert!(text.contains("queue_length mean 25 > 10 over "), "{text}");
    assert!(text.contains(" looks in "), "{text}");
}

#[test]
fn servers_that_make_no_queue_shorter_are_not_asked_for_without_end() {
    let mut world = world(Signal::QueueLength, 10.0);
    world.pass(GAP);
    world.queued = 25;
    // The servers share the requests, which are no more than before; it is the queue that stays.
    for second in 0..240 {
        let servers: Vec<_> = ["web1", "web2"]
            .into_iter()
            .filter(|it| world.is_up(it))
            .collect();
        world.request(servers[second % servers.len()], 10);
        world.pass(Duration::from_secs(1));
    }
    let text = world.text_of(Change::NotHelping);
    assert!(
        text.contains("25 before the last spare joined, 25 since"),
        "{text}"
    );
}

#[test]
fn many_open_sessions_bring_spares_in_and_few_let_them_go() {
    let mut world = world(Signal::Concurrency, 50.0);
    world.pass(GAP);
    world.sessions = 120;
    world.pass(Duration::from_secs(60));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    let text = world.text_of(Change::Breach);
    assert!(text.contains("concurrency mean 120 > 50"), "{text}");
    // That more servers leave it where it is says nothing about them.
    assert_eq!(world.count(Change::NotHelping), 0, "{:?}", world.changes());
    world.sessions = 20;
    let quiet = settings().idle_timeout * 3 + Duration::from_secs(60);
    world.pass(quiet);
    assert!(!world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn between_its_threshold_and_quiet_nothing_comes_and_nothing_goes() {
    let mut world = world(Signal::Concurrency, 50.0);
    world.pass(GAP);
    world.sessions = 120;
    world.pass(Duration::from_secs(40));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.sessions = 40; // 80 % of the threshold.
    world.pass(settings().idle_timeout * 5);
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn arrivals_are_counted_in_a_second_and_with_decimals() {
    let mut world = world(Signal::RequestRate, 2.5);
    world.pass(GAP);
    arrive(&mut world, 60, 2);
    assert_eq!(world.count(Change::Breach), 0, "{:?}", world.changes());
    arrive(&mut world, 60, 3);
    assert!(world.is_up("web2"), "{:?}", world.changes());
    let text = world.text_of(Change::Breach);
    assert!(text.contains("request_rate mean 3.0/s > 2.5/s"), "{text}");
}

#[test]
fn status_shows_what_is_measured_in_its_unit() {
    let mut world = world(Signal::RequestRate, 2.5);
    world.pass(GAP);
    arrive(&mut world, 20, 4);
    let view = world.view().policy.expect("a policy");
    assert_eq!(view.settings.signal, Signal::RequestRate);
    let value = view.value.expect("a value");
    assert!((3.5..4.5).contains(&value), "{value}");
}

#[test]
fn requests_of_another_haproxy_are_no_arrivals() {
    let mut world = world(Signal::RequestRate, 100.0);
    world.pass(GAP);
    arrive(&mut world, 20, 4);
    world.arrived = 1_000_000_000;
    let settings = [world.settings.clone()];
    world.step(Event::Settings {
        backends: &settings,
        is_elsewhere: true,
        was_pretended: false,
    });
    arrive(&mut world, 60, 4);
    assert_eq!(world.count(Change::Breach), 0, "{:?}", world.changes());
}

#[test]
fn only_times_make_a_backend_slow() {
    let told = |signal| {
        let problem = Problem::Slow {
            signal,
            statistic: Statistic::Mean,
            value: Some(48.0),
            above: 20.0,
            why: Nobody::NoSpares,
        };
        problem.to_string()
    };
    let end = ", and nothing can help: there is no spare";
    for (signal, start) in [
        (Signal::ResponseTime, "slow (mean 48 ms > 20 ms)"),
        (Signal::QueueLength, "busy (queue_length mean 48 > 20)"),
        (Signal::RequestRate, "busy (request_rate mean 48/s > 20/s)"),
    ] {
        assert_eq!(told(signal), format!("{start}{end}"));
    }
}

/// Two servers that serve, four slots each, and two spares; a policy on the queue.
fn with_slots(signal: Signal, above: f64, queued: u32) -> World {
    let mut world = world(signal, above);
    for name in ["web1", "web2", "web3", "other"] {
        world.server(name).read.maxconn = Some(4);
    }
    world.pass(GAP);
    world.queued = queued;
    for _ in 0..600 {
        if world.count(Change::Breach) < 2 {
            world.pass(Duration::from_millis(100));
        }
    }
    world
}

#[test]
fn a_queue_asks_for_as_many_servers_as_have_slots_for_it() {
    let world = with_slots(Signal::QueueLength, 2.0, 4);
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
    // Twelve would fill three, and no more come at once than serve.
    let world = with_slots(Signal::QueueLength, 2.0, 12);
    assert_eq!(world.count(Change::WarmUp), 2, "{}", world.trace());
}

#[test]
fn without_a_maxconn_status_says_which_line_turns_the_queue_on() {
    let mut world = world(Signal::QueueLength, 10.0);
    world.pass(GAP);
    let said = world.view().votes.sentences().join("\n");
    assert!(said.contains("no server has a maxconn"), "{said}");
    assert!(said.contains("`default-server maxconn N`"), "{said}");
    world.server("web2").read.maxconn = Some(4);
    world.pass(GAP);
    assert!(world.view().votes.sentences().is_empty());
}

#[test]
fn where_no_policy_looks_at_the_queue_status_says_nothing_of_a_maxconn() {
    for signal in [Signal::ResponseTime, Signal::Concurrency] {
        let mut world = world(signal, 10.0);
        world.pass(GAP);
        assert!(world.view().votes.sentences().is_empty(), "{signal:?}");
    }
}
