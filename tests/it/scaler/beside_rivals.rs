//! Two that come for one place, whatever they are wanted for: how many serve in the end, and what
//! becomes of the other one.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::{Change, Reason};
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::server::Server;
use super::world::{Fault, World, settings};

impl World {
    /// How often that server's warm-up has begun.
    fn warm_ups_of(&self, name: &str) -> usize {
        let wanted = format!(" warm_up web/{name}");
        self.done.iter().filter(|it| it.ends_with(&wanted)).count()
    }

    fn dies(&mut self, name: &str) {
        self.server(name).is_alive = false;
    }

    fn lives(&mut self, name: &str) {
        self.server(name).is_alive = true;
    }

    /// Web2 and web3, of which one is wanted.
    fn spares_in(&mut self) -> u32 {
        u32::from(self.is_up("web2")) + u32::from(self.is_up("web3"))
    }
}

/// Nobody listens on web2, and the backend is slow.
fn slow_with_a_dead_spare(world: &mut World) {
    world.dies("web2");
    world.pass(GAP);
    world.requests(15, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 1, "{}", world.trace());
}

/// Web2 did not get there in time, and web3, which set out beside it, serves.
fn outrun() -> World {
    let mut world = World::new(settings());
    slow_with_a_dead_spare(&mut world);
    world.pass(seconds(6));
    assert!(world.is_up("web3"), "{}", world.trace());
    world
}

/// So many dead spares and `min` servers that are wanted.
fn farm(spares: u32, min: u32) -> World {
    let mut settings = settings();
    settings.min = min;
    let mut world = World::new(settings).without("web2").without("web3");
    for number in 0..spares {
        let spare = Server::new(&format!("spare{number}"), true, false);
        world.servers.push(spare);
    }
    world
}

/// Both warm-ups go on: web2 is ready first and serves, and web3 goes back though it gets there, too.
#[track_caller]
fn assert_web2_serves_and_web3_yields(world: &mut World) {
    world.lives("web2");
    world.pass(Duration::from_millis(2_500));
    assert!(world.is_up("web2"), "{}", world.trace());
    world.lives("web3");
    world.pass(seconds(4));
    assert!(!world.is_up("web3"), "{}", world.trace());
}

#[test]
fn a_warm_up_that_now_passes_and_now_fails_holds_up_the_next_one_no_longer_than_one_that_fails() {
    let mut world = World::new(settings());
    world.server("web2").is_flaky = true;
    slow_with_a_dead_spare(&mut world);
    world.requests(25, 900, GAP);
    assert!(!world.is_up("web3"), "{}", world.trace());
    world.requests(30, 900, GAP);
    assert!(world.is_up("web3"), "{}", world.trace());
    let warned = world.text_of(Change::Warning);
    assert_eq!(warned.matches("warm-up fails").count(), 1, "{warned}");
}

#[test]
fn after_a_reload_only_one_of_two_that_came_for_one_place_is_wanted_back() {
    for after_ms in [1_900, 6_000] {
        let mut world = World::new(settings());
        slow_with_a_dead_spare(&mut world);
        world.pass(Duration::from_millis(after_ms));
        while world.warm_ups_of("web3") == 0 {
            world.pass(Duration::from_millis(50));
        }
        world.reload();
        world.lives("web2");
        world.pass(seconds(4));
        assert!(world.is_up("web3"), "{}", world.trace());
        assert_eq!(world.warm_ups_of("web2"), 1, "{}", world.trace());
    }
}

#[test]
fn who_is_wanted_back_and_whoever_came_in_its_place_do_not_both_serve() {
    let mut world = with_a_spare_in();
    world.dies("web2");
    world.reload();
    world.requests(60, 900, GAP);
    assert!(world.is_up("web3"), "{}", world.trace());
    world.lives("web2");
    world.pass(seconds(4));
    assert_eq!(world.spares_in(), 1, "{}", world.trace());
}

#[test]
fn whoever_came_beside_a_spare_that_an_operator_wants_in_yields_to_it() {
    let mut world = World::new(settings());
    world.dies("web2");
    world.dies("web3");
    world.pass(GAP);
    world.accepted(Verb::Enable, "web/web2", None);
    world.requests(40, 900, GAP);
    assert_eq!(world.warm_ups_of("web3"), 1, "{}", world.trace());
    assert_web2_serves_and_web3_yields(&mut world);
}

#[test]
fn a_spare_that_is_needed_and_dead_after_a_reload_is_replaced_within_seconds() {
    let mut world = with_a_spare_in();
    world.dies("web2");
    world.reload();
    world.pass(seconds(6));
    assert!(world.is_up("web3"), "{}", world.trace());
    world.pass(seconds(20));
    assert_eq!(world.count(Change::EnableFailed), 1, "{}", world.trace());
    assert_eq!(world.spares_in(), 1, "{}", world.trace());
}

#[test]
fn a_dead_server_is_replaced_by_whichever_spare_is_ready_first() {
    let mut world = World::new(settings());
    world.dies("web2");
    world.dies("web3");
    world.pass(GAP);
    world.dies("web1");
    while world.warm_ups_of("web3") == 0 {
        world.pass(GAP);
    }
    assert_web2_serves_and_web3_yields(&mut world);
    let said = world.text_of(Change::Note);
    assert!(!said.contains("is back"), "web1 is dead: {said}");
    assert!(said.contains("its place has been taken"), "{said}");
}

#[test]
fn whichever_is_ready_first_gets_the_last_place_below_max() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings).without("other");
    world.dies("web3");
    slow_with_a_dead_spare(&mut world);
    while world.warm_ups_of("web3") == 0 {
        world.pass(GAP);
    }
    assert_web2_serves_and_web3_yields(&mut world);
}

#[test]
fn an_operator_who_wants_a_spare_in_that_is_on_its_way_gets_it() {
    let mut world = outrun();
    world.accepted(Verb::Enable, "web/web2", None);
    world.lives("web2");
    world.pass(seconds(4));
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.warm_ups_of("web2"), 1, "{}", world.trace());
}

#[test]
fn a_warm_up_that_passes_late_is_welcome_where_it_is_slow_and_nobody_else_is_left() {
    let mut world = outrun();
    // After the cooldown it is slow again.
    for _ in 0..60 {
        world.request("web1", 900);
        world.request("web3", 900);
        world.pass(GAP);
    }
    assert_eq!(world.count(Change::NoSpare), 1, "{}", world.trace());
    world.lives("web2");
    world.pass(seconds(4));
    assert!(world.is_up("web2"), "{}", world.trace());
}

#[test]
fn a_ready_that_takes_effect_late_takes_the_place_that_two_came_for() {
    let mut world = World::new(settings());
    world.state_faults = vec![
        (AdminState::Ready, Fault::Late(seconds(8))),
        (AdminState::Maint, Fault::Lost),
    ];
    world.dies("web3");
    slow_with_a_dead_spare(&mut world);
    while world.warm_ups_of("web3") == 0 {
        world.pass(GAP);
    }
    world.lives("web2");
    for _ in 0..150 {
        if world.count(Change::Enable) > 0 {
            break;
        }
        world.pass(GAP);
    }
    assert!(world.is_up("web2"), "{}", world.trace());
    world.lives("web3");
    world.pass(seconds(4));
    assert!(!world.is_up("web3"), "{}", world.trace());
}

#[test]
fn no_further_warm_up_begins_while_dozens_fail() {
    let mut world = farm(80, 40);
    for number in 0..80 {
        world.dies(&format!("spare{number}"));
    }
    world.pass(seconds(8));
    assert_eq!(world.count(Change::WarmUp), 38, "below min");

    let mut world = farm(80, 60);
    world.pass(seconds(8));
    let in_traffic = world.count(Change::Enable);
    assert_eq!(in_traffic, 58, "{:?}", world.changes());
    for number in 0..80 {
        world.dies(&format!("spare{number}"));
    }
    let before = world.count(Change::WarmUp);
    world.settings.min = 1;
    let next = [world.settings.clone()];
    world.step(Event::Settings {
        backends: &next,
        is_elsewhere: false,
        was_pretended: false,
    });
    world.reload();
    world.pass(seconds(8));
    assert_eq!(world.count(Change::WarmUp) - before, 32, "wanted back");
}

#[test]
fn the_effect_of_a_departure_that_took_hours_is_not_told_by_what_was_before_it_began() {
    let mut world = with_a_spare_in();
    world.server("web2").read.sessions = 1;
    world.requests(100, 20, seconds(1) / 2);
    assert!(world.server("web2").read.is_drain(), "{}", world.trace());
    world.requests(60, 20, seconds(60));
    world.requests(40, 100, seconds(1) / 2);
    world.server("web2").read.sessions = 0;
    world.requests(160, 100, seconds(1) / 2);
    assert!(world.server("web2").read.is_maint(), "{}", world.trace());
    let effects = world.decisions.iter().filter_map(|it| {
        let Reason::Effect(effect) = &it.reason else {
            return None;
        };
        (!effect.came).then_some(effect.before.mean_ms)
    });
    let effects: Vec<_> = effects.collect();
    assert_eq!(effects, [Some(100.0)], "{}", world.trace());
}
