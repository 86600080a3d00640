//! What one server carries, beside the model: kept over restarts, and shown.

use std::time::Duration;

use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::memory::CapacityMemory;
use haproxy_autoscale::scaler::seen::{CapacitySource, ReasonCode};
use haproxy_autoscale::scaler::settings::Capacity;
use haproxy_autoscale::sim::server;
use haproxy_autoscale::words::picture::{AdminState, ServerCounters};

use super::scenes::{GAP, seconds};
use super::world::{World, settings};

/// A world that learns; web1 and `other` serve.
fn world(capacity: Capacity) -> World {
    let mut settings = settings();
    settings.capacity = capacity;
    settings.policies[0].min_span = seconds(1);
    let mut world = World::new(settings);
    world.pass(GAP);
    world
}

/// For `span` users ask `per_s` times a second, evenly, and are answered after `ms`.
fn steady(world: &mut World, per_s: u32, ms: u32, span: Duration) {
    let end = world.now.after(span);
    world.sessions = per_s * ms / 1000;
    while world.now < end {
        world.pass(Duration::from_secs(1) / per_s);
        world.arrived += 1;
        let server = ["web1", "other"][usize::from(world.arrived.is_multiple_of(2))];
        world.request(server, ms);
    }
    world.sessions = 0;
}

/// A world that has learned from a rush what breaks two servers, and from the time before what does not.
fn taught() -> World {
    let mut world = world(Capacity::Learn);
    steady(&mut world, 20, 100, seconds(150));
    steady(&mut world, 40, 700, seconds(10));
    world.stop(); // An orderly end takes what is not a minute old, too.
    world
}

fn kept(world: &World) -> Option<CapacityMemory> {
    let memory = world.scaler.memory(world.now);
    memory.backends.get("web").and_then(|it| it.capacity)
}

fn restart(world: &mut World) {
    let memory = world.scaler.memory(world.now);
    world.restart(Some(memory));
    world.pass(GAP);
}

#[test]
fn what_one_server_carries_outlives_the_daemon() {
    let mut world = taught();
    let before = kept(&world).expect("it has learned");
    let (proved, broken) = (before.proved_per_s.unwrap(), before.broken_per_s.unwrap());
    assert!((9.0..=11.0).contains(&proved), "{before:?}");
    assert!((10.0..=20.0).contains(&broken), "{before:?}");
    restart(&mut world);
    let after = kept(&world).expect("it is not forgotten");
    assert!(!after.differs(&before, 1e-9), "{before:?} {after:?}");
    // Whichever process of HAProxy answers.
    let memory = world.scaler.memory(world.now);
    world.reload();
    world.restart(Some(memory));
    world.pass(seconds(3));
    let after = kept(&world).expect("it is not forgotten");
    assert!(!after.differs(&before, 1e-3), "{before:?} {after:?}");
}

#[test]
fn what_was_learned_for_another_goal_is_forgotten() {
    let mut world = taught();
    world.settings.policies[0].above = 501.0;
    restart(&mut world);
    assert_eq!(kept(&world), None);
}

#[test]
fn what_an_operator_gives_is_not_kept_and_what_is_kept_does_not_overrule_it() {
    let mut world = taught();
    world.settings.capacity = Capacity::Given(Bracket::given(60.0));
    restart(&mut world);
    assert_eq!(kept(&world), None);
    let capacity = world.view().capacity;
    assert_eq!(capacity.source, CapacitySource::Given);
    assert_eq!(capacity.proved_per_s, Some(60.0));
    assert_eq!(
        capacity.broken_per_s, None,
        "nobody has said where it breaks"
    );
}

#[test]
fn what_is_kept_changes_at_most_once_a_minute_and_only_by_more_than_a_little() {
    let mut world = world(Capacity::Learn);
    let (mut newest, mut changed_at) = (kept(&world), Vec::new());
    for second in 0..900_u32 {
        // A load that goes up by a request a second each minute.
        steady(&mut world, 20 + second / 60, 100, seconds(1));
        let next = kept(&world);
        if next != newest {
            changed_at.push(world.now);
            newest = next;
        }
    }
    assert!(changed_at.len() >= 2, "{changed_at:?}");
    let mut pairs = changed_at.windows(2);
    // It is looked at each second, and HAProxy every two.
    assert!(
        pairs.all(|pair| pair[1].since(pair[0]) >= seconds(58)),
        "{changed_at:?}"
    );
    // A quiet hour teaches nothing but that what broke is a little less certain.
    let mut world = taught();
    let before = kept(&world).expect("it has learned");
    newest = Some(before);
    let mut changes = 0;
    for _ in 0..3600 {
        world.pass(seconds(1));
        let next = kept(&world);
        changes += u32::from(next != newest);
        newest = next;
    }
    let after = newest.expect("it is not forgotten");
    assert!(changes <= 2, "{changes}: {before:?} {after:?}");
}

#[test]
fn what_was_learned_is_seen_with_its_age_and_after_a_restart_without_one() {
    let mut world = world(Capacity::Learn);
    let capacity = world.view().capacity;
    assert_eq!(
        (capacity.source, capacity.proved_per_s),
        (CapacitySource::None, None)
    );
    assert_eq!(capacity.sentence(), None);
    steady(&mut world, 20, 100, seconds(150));
    let capacity = world.view().capacity;
    assert_eq!(capacity.source, CapacitySource::Learned);
    assert!(
        capacity
            .proved_per_s
            .is_some_and(|it| (9.0..=11.0).contains(&it)),
        "{capacity:?}"
    );
    assert!(
        capacity
            .demand_per_s
            .is_some_and(|it| (18.0..=22.0).contains(&it)),
        "{capacity:?}"
    );
    assert!(
        capacity.proved_ago.is_some_and(|ago| ago < seconds(150)),
        "{capacity:?}"
    );
    assert_eq!(capacity.broken_per_s, None);
    let sentence = capacity.sentence().expect("known");
    assert!(
        sentence.starts_with("one server carries at least 10 requests/s within 500 ms"),
        "{sentence}"
    );
    restart(&mut world);
    let after = world.view().capacity;
    assert_eq!(
        (after.source, after.proved_ago),
        (CapacitySource::Learned, None)
    );
    assert!(after.proved_per_s.is_some());
    world.is_reachable = false;
    world.pass(seconds(30));
    assert_eq!(
        world.view().capacity.demand_per_s,
        None,
        "an old picture says nothing of now"
    );
}

#[test]
fn a_bracket_from_an_old_log_is_the_logs_until_the_load_has_taught_another() {
    let mut bracket = Bracket::given(5.0);
    bracket.broken = None;
    let mut world = world(Capacity::From(bracket));
    assert_eq!(world.view().capacity.source, CapacitySource::Log);
    steady(&mut world, 20, 100, seconds(90));
    assert_eq!(world.view().capacity.source, CapacitySource::Learned);
}

#[test]
fn another_bracket_in_the_configuration_takes_the_place_of_what_was_learned() {
    let mut world = world(Capacity::Learn);
    steady(&mut world, 20, 100, seconds(90));
    assert!(world.view().capacity.proved_per_s > Some(8.0));
    let named = |world: &mut World, proved: f64| {
        let mut next = world.settings.clone();
        let mut bracket = Bracket::given(proved);
        bracket.broken = None;
        next.capacity = Capacity::From(bracket);
        world.step(Event::Settings {
            backends: &[next],
            is_elsewhere: false,
            was_pretended: false,
        });
        world.view().capacity.proved_per_s
    };
    assert_eq!(named(&mut world, 3.0), Some(3.0));
    assert_eq!(named(&mut world, 4.0), Some(4.0));
    steady(&mut world, 20, 100, seconds(90));
    let learned = world.view().capacity.proved_per_s;
    assert!(learned > Some(8.0), "{learned:?}");
    // The same file once more.
    assert_eq!(named(&mut world, 4.0), learned);
}

#[test]
fn a_spare_that_the_load_needs_stays_and_is_wanted_and_goes_when_the_load_has_gone() {
    let mut world = world(Capacity::Given(Bracket::given(10.0)));
    steady(&mut world, 26, 50, seconds(120));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    let view = world.view();
    assert_eq!(view.next.code(), ReasonCode::Needed, "{}", view.next);
    let text = view.next.to_string();
    assert!(text.contains("stays: 26 requests/s × "), "{text}");
    assert!(text.contains(" kept ready ÷ 10/s each = "), "{text}");
    assert!(text.ends_with(" wanted, 4 exist"), "{text}");
    assert!(
        view.wanted >= Some(3) && view.wanted >= view.serving,
        "{view:?}"
    );
    // The load of a while ago still counts.
    steady(&mut world, 5, 50, seconds(20));
    let text = world.view().next.to_string();
    assert!(
        text.contains("stays: the load of the last 30s needed up to "),
        "{text}"
    );
    steady(&mut world, 5, 50, seconds(120));
    assert!(!world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.view().next.code(), ReasonCode::NothingToDo);
}

#[test]
fn a_spare_that_is_only_pretended_to_serve_teaches_nothing() {
    for is_pretended in [false, true] {
        let mut world = world(Capacity::Learn);
        let spare = &mut world.server("web3").read;
        server::set_state(spare, AdminState::Ready);
        spare.counters = (!is_pretended).then(ServerCounters::default);
        steady(&mut world, 20, 100, seconds(150));
        world.stop();
        assert_eq!(kept(&world).is_none(), is_pretended);
    }
}

#[test]
fn a_spare_goes_at_a_load_under_which_nothing_ever_broke() {
    let mut world = world(Capacity::Learn);
    server::set_state(&mut world.server("web3").read, AdminState::Ready);
    world.restart(None); // First sight adopts it.
    for second in 1..=400 {
        // It takes its share of what arrives.
        world.server("web3").read.counters = Some(ServerCounters {
            taken: second * 10,
            ended: second * 10,
            ..ServerCounters::default()
        });
        steady(&mut world, 20, 20, seconds(1));
    }
    assert_eq!(world.count(Change::Drain), 1, "{}", world.trace());
}
