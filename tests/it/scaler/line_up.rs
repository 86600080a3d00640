//! In which order spares come and go: tiers, and strong ones before weak ones where nobody has said so.

use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::seen::Outlook;
use haproxy_autoscale::scaler::settings::{BackendSettings, Capacity, Spares};
use haproxy_autoscale::words::shift::{Shift, TimeOfDay};

use super::scenes::{GAP, seconds};
use super::world::{BACKEND, World, settings};

/// The servers of that change, in their order.
fn who(world: &World, change: Change) -> Vec<&str> {
    let all = world.decisions.iter().filter(|it| it.change == change);
    all.filter_map(|it| it.server.as_deref()).collect()
}

fn with_tiers(tiers: &[(&str, u32)]) -> BackendSettings {
    let tiers = tiers.iter().map(|(name, tier)| ((*name).to_owned(), *tier));
    BackendSettings {
        tiers: tiers.collect(),
        ..settings()
    }
}

/// Three servers are to serve for so long.
fn three_for(world: &mut World, lasts_s: u64) {
    let shift = Shift {
        from: world.now,
        to: world.now.after(seconds(lasts_s)),
        min: 3,
        until: TimeOfDay {
            hour: 18,
            minute: 0,
        },
    };
    world.step(Event::Shifts {
        backend: BACKEND,
        shifts: &[shift],
    });
}

/// Both spares come in for a while and go.
fn in_and_out(with: BackendSettings) -> World {
    let mut world = World::new(with).without("other");
    world.pass(seconds(1));
    three_for(&mut world, 10);
    world.pass(settings().idle_timeout * 4);
    world
}

#[test]
fn a_spare_of_a_higher_tier_is_taken_later_and_goes_earlier() {
    for (dear, other) in [("web2", "web3"), ("web3", "web2")] {
        let world = in_and_out(with_tiers(&[(dear, 2)]));
        let told = world.trace();
        assert_eq!(who(&world, Change::WarmUp), [other, dear], "{told}");
        assert_eq!(who(&world, Change::Drain), [dear, other], "{told}");
    }
}

#[test]
fn within_a_tier_the_configured_order_holds() {
    let mut with = with_tiers(&[("web2", 2), ("web3", 2)]);
    with.spares = Spares::Named(vec!["web3".to_owned(), "web2".to_owned()]);
    let world = in_and_out(with);
    assert_eq!(
        who(&world, Change::WarmUp),
        ["web3", "web2"],
        "{}",
        world.trace()
    );
}

#[test]
fn the_dear_spare_goes_first_although_another_one_came_last() {
    let mut world = World::new(with_tiers(&[("web2", 2)])).without("other");
    world.server("web3").is_alive = false;
    world.pass(seconds(1));
    three_for(&mut world, 160);
    world.pass(seconds(40));
    assert!(world.is_up("web2"), "{}", world.trace());
    world.server("web3").is_alive = true;
    world.pass(seconds(110));
    assert!(world.is_up("web3"), "it came last: {}", world.trace());
    world.pass(settings().idle_timeout * 4);
    assert_eq!(
        who(&world, Change::Drain),
        ["web2", "web3"],
        "{}",
        world.trace()
    );
}

/// web1 of weight 100, of which an operator says that it carries 60 requests a second; web2 is weak and web3
/// strong.
fn uneven(with: BackendSettings) -> World {
    let mut world = World::new(BackendSettings {
        capacity: Capacity::Given(Bracket::given(60.0)),
        ..with
    })
    .without("other");
    for (name, weight) in [("web1", 100), ("web2", 10), ("web3", 256)] {
        world.server(name).read.weight = weight;
    }
    world.pass(seconds(1));
    world
}

#[test]
fn the_strong_spare_is_taken_when_one_is_enough() {
    let mut world = uneven(settings());
    world.load(100, 12);
    assert_eq!(who(&world, Change::WarmUp), ["web3"], "{}", world.trace());
}

#[test]
fn a_breach_takes_the_spare_that_is_as_strong_as_the_first_server() {
    let mut world = uneven(settings());
    let mut with = settings();
    with.capacity = Capacity::Off;
    world.step(Event::Settings {
        backends: &[with],
        is_elsewhere: false,
        was_pretended: false,
    });
    world.requests(7, 900, GAP);
    let view = world.view();
    let Outlook::Comes { spare, .. } = view.next else {
        panic!("{:?}", view.next);
    };
    assert_eq!(spare, "web3");
    world.requests(10, 900, GAP);
    assert_eq!(who(&world, Change::WarmUp), ["web3"], "{}", world.trace());
}

#[test]
fn where_the_weak_one_is_enough_too_the_order_of_haproxy_holds() {
    let mut world = uneven(settings());
    world.server("web2").read.weight = 100;
    world.load(70, 12);
    assert_eq!(who(&world, Change::WarmUp), ["web2"], "{}", world.trace());
}

#[test]
fn an_order_that_an_operator_gave_wins_over_strength() {
    let order = vec!["web2".to_owned(), "web3".to_owned()];
    let mut world = uneven(BackendSettings {
        spares: Spares::Named(order),
        ..settings()
    });
    world.load(100, 12);
    assert_eq!(
        who(&world, Change::WarmUp),
        ["web2", "web3"],
        "{}",
        world.trace()
    );
    // So do tiers.
    let mut world = uneven(BackendSettings {
        tiers: [("web3".to_owned(), 2)].into(),
        ..settings()
    });
    world.load(100, 12);
    assert_eq!(
        who(&world, Change::WarmUp),
        ["web2", "web3"],
        "{}",
        world.trace()
    );
}

#[test]
fn a_weak_spare_goes_where_the_strong_one_that_came_last_is_needed() {
    let order = vec!["web2".to_owned(), "web3".to_owned()];
    let mut world = uneven(BackendSettings {
        spares: Spares::Named(order),
        ..settings()
    });
    world.load(100, 12);
    assert_eq!(who(&world, Change::Enable).len(), 2, "{}", world.trace());
    world.load(100, 120);
    assert_eq!(who(&world, Change::Drain), ["web2"], "{}", world.trace());
    assert!(world.is_up("web3"), "{}", world.trace());
}
