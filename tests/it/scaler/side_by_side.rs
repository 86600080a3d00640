//! Several servers of a backend on their way at once: a slow one holds up no other one, and together
//! they break no limit.

use haproxy_autoscale::measure::settings::Add;
use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds};
use super::server::Server;
use super::world::{Fault, World, settings};

/// Spares w1, w2 and so on beside the usual ones; each breach asks for that many.
fn with_spares(more: usize, add: u32) -> World {
    let mut settings = settings();
    settings.policies[0].add = Add::Servers(add);
    let mut world = World::new(settings);
    for number in 1..=more {
        let spare = Server::new(&format!("w{number}"), true, true);
        world.servers.push(spare);
    }
    world.pass(GAP);
    world
}

fn serving(world: &World) -> usize {
    let servers = world.servers.iter();
    servers.filter(|it| it.read.is_in_balance()).count()
}

fn on_their_way(world: &mut World) -> usize {
    let view = world.view();
    let servers = view.servers.iter();
    servers
        .filter(|it| matches!(it.stage, Stage::Warming | Stage::DrainingIn))
        .count()
}

#[test]
fn servers_that_one_breach_asks_for_come_side_by_side() {
    let mut world = with_spares(2, 4);
    world.requests(15, 900, GAP);
    assert_eq!(on_their_way(&mut world), 4, "{:?}", world.changes());
    world.pass(seconds(1));
    assert_eq!(world.count(Change::Enable), 4, "{:?}", world.changes());
}

#[test]
fn a_spare_that_warms_up_slowly_does_not_hold_up_the_replacement_of_a_dead_server() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.server("web2").is_alive = false; // Its warm-up takes the whole deadline of 20 s.
    world.requests(15, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 1);
    world.server("web1").is_alive = false;
    world.pass(seconds(4));
    assert!(world.is_up("web3"), "{:?}", world.changes());
    assert_eq!(world.count(Change::EnableFailed), 0, "web2 is still tried");
}

#[test]
fn a_drain_that_lasts_does_not_hold_up_a_spare() {
    let mut world = with_spares(0, 1);
    world.requests(15, 900, GAP);
    world.requests(60, 300, GAP * 5); // Past scale_up_cooldown, and not quiet.
    assert!(world.is_up("web2"));
    world.server("web2").read.sessions = 1;
    world.accepted(Verb::Disable, "web/web2", None);
    world.pass(seconds(2));
    assert!(!world.is_up("web2"));
    world.requests(18, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn max_counts_those_that_are_on_their_way() {
    let mut world = with_spares(4, 6);
    world.settings.max = Some(4);
    let settings = world.settings.clone();
    world.step(haproxy_autoscale::scaler::event::Event::Settings {
        backends: &[settings],
        is_elsewhere: false,
        was_pretended: false,
    });
    world.requests(15, 900, GAP);
    world.pass(seconds(10));
    assert_eq!(serving(&world), 4, "{:?}", world.changes());
    assert_eq!(world.count(Change::WarmUp), 2, "{:?}", world.changes());
}

#[test]
fn lines_that_the_counters_contradict_wake_one_spare_of_the_many_that_they_ask_for() {
    // All of them are checked, and reach full health in the same picture.
    let mut world = with_spares(4, 5);
    world.accepted(Verb::Pin, "web/web3", None);
    // Requests that HAProxy does not know of.
    for _ in 0..400 {
        world.line("web1", 900, 200);
        world.responses = 0;
        world.pass(GAP / 10);
    }
    world.pass(seconds(5));
    assert_eq!(world.count(Change::Enable), 1, "{}", world.trace());
}

#[test]
fn after_a_reload_no_more_than_32_are_warmed_up_at_once() {
    let mut world = with_spares(38, 40);
    world.requests(15, 900, GAP);
    assert_eq!(on_their_way(&mut world), 32, "{:?}", world.changes());
    world.pass(seconds(5));
    assert_eq!(world.count(Change::Enable), 40);
    world.requests(60, 300, GAP);
    world.reload();
    world.pass(seconds(1));
    for _ in 0..100 {
        assert!(on_their_way(&mut world) <= 32);
        world.pass(GAP / 4);
    }
    assert_eq!(serving(&world), 42, "{:?}", world.changes());
}

#[test]
fn two_spares_that_are_ordered_out_leave_one_after_the_other_and_min_is_kept() {
    let mut world = with_spares(0, 2);
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    world.settings.min = 3;
    let settings = world.settings.clone();
    world.step(haproxy_autoscale::scaler::event::Event::Settings {
        backends: &[settings],
        is_elsewhere: false,
        was_pretended: false,
    });
    world.pass(seconds(1));
    world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(1)))];
    world.accepted(Verb::Disable, "web/web2", None);
    world.accepted(Verb::Disable, "web/web3", None);
    for _ in 0..5_000 {
        world.pass(GAP / 100);
        assert!(serving(&world) >= 3, "{}", world.trace());
    }
    assert_eq!(serving(&world), 3, "{}", world.trace());
}

#[test]
fn a_pause_takes_all_of_them_back() {
    let mut world = with_spares(2, 4);
    world.requests(15, 900, GAP);
    world.pass(GAP * 2);
    world.accepted(Verb::Pause, "web", None);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Enable), 0, "{:?}", world.changes());
    assert_eq!(on_their_way(&mut world), 0);
}

#[test]
fn the_end_of_the_daemon_takes_all_of_them_back() {
    let mut world = with_spares(2, 4);
    world.requests(15, 900, GAP);
    world.pass(GAP * 4);
    let drained = |world: &World| {
        let servers = world.servers.iter();
        servers
            .filter(|it| it.read.admin_state() == AdminState::Drain)
            .count()
    };
    assert!(drained(&world) > 1, "{:?}", world.changes());
    world.stop();
    world.pass(seconds(1));
    assert_eq!(drained(&world), 0);
}
