//! Which spare comes, which one goes, and what keeps it from that.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::{Change, Reason};
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::settings::{BackendSettings, Spares};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::server::Server;
use super::world::{Fault, World, settings};

fn idle() -> World {
    let mut world = World::new(settings());
    world.pass(GAP);
    world
}

fn reconfigure(world: &mut World, change: impl FnOnce(&mut BackendSettings)) {
    let mut next = settings();
    change(&mut next);
    world.step(Event::Settings {
        backends: &[next],
        is_elsewhere: false,
        was_pretended: false,
    });
}

#[test]
fn a_spare_that_came_for_load_stands_in_for_nobody() {
    let mut world = with_a_spare_in();
    world.server("web1").is_alive = false;
    world.requests(5, 400, seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn a_stand_in_that_dies_is_replaced_by_one_spare_and_not_by_two() {
    let mut world = World::new(settings());
    world.servers.push(Server::new("web4", true, true));
    world.requests(20, 20, GAP);
    world.server("web1").is_alive = false;
    world.requests(6, 20, seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.server("web2").is_alive = false;
    world.requests(20, 20, seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
    assert!(!world.is_up("web4"), "{:?}", world.changes());
}

#[test]
fn lost_capacity_that_is_back_needs_no_spare() {
    let mut world = idle();
    world.server("web1").is_alive = false;
    for _ in 0..10_000 {
        if world.count(Change::WarmUp) > 0 {
            break;
        }
        world.pass(Duration::from_millis(10));
    }
    assert_eq!(world.count(Change::WarmUp), 1);
    world.server("web1").is_alive = true;
    world.pass(Duration::from_millis(250));
    world.by_hand("web1", AdminState::Maint);
    world.by_hand("web1", AdminState::Ready);
    world.pass(seconds(3));
    assert_eq!(world.commands, 0, "{:?}", world.done);
    let notes = world.text_of(Change::Note);
    assert!(notes.contains("the missing server is back"), "{notes}");
}

#[test]
fn what_stands_in_for_a_dead_server_starts_no_cooldown() {
    let mut settings = settings();
    settings.scale_up_cooldown = seconds(600);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.server("web1").is_alive = false;
    world.pass(seconds(6));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

#[test]
fn a_dead_spare_goes_where_a_living_one_would_be_needed() {
    let mut settings = settings();
    settings.min = 2;
    let mut world = World::new(settings).without("web3");
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    world.server("web2").is_alive = false;
    world.requests(60, 20, seconds(1));
    assert!(world.server("web2").read.is_maint(), "it was no capacity");
}

#[test]
fn a_spare_on_hold_that_dies_is_not_replaced() {
    let mut world = idle();
    world.by_hand("web2", AdminState::Ready);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Hold), 1);
    world.server("web2").is_alive = false;
    world.pass(seconds(10));
    assert_eq!(world.count(Change::WarmUp), 0, "{:?}", world.changes());
}

#[test]
fn a_spare_beyond_our_reach_is_neither_brought_in_nor_sent_away() {
    // Its name is not resolved, or somebody gave it another address by hand.
    for beyond in [0x20, 0x40] {
        let mut world = World::new(settings());
        world.server("web2").read.admin |= beyond;
        world.pass(GAP);
        world.requests(15, 900, GAP);
        world.pass(seconds(1));
        assert!(world.is_up("web3"), "{:?}", world.changes());
        let answer = world.order(Verb::Enable, "web/web2", None);
        assert!(answer.text.contains("not resolved"), "{}", answer.text);
    }
    let mut world = with_a_spare_in();
    world.server("web2").read.admin |= 0x40;
    let commands = world.commands;
    world.pass(seconds(60));
    assert_eq!(world.commands, commands, "{:?}", world.done);
}

#[test]
fn a_ready_spare_that_another_server_tracks_is_neither_sent_away_nor_replaced() {
    let mut world = with_a_spare_in();
    world.server("web2").read.is_tracked = true;
    let commands = world.commands;
    world.pass(seconds(60));
    assert_eq!(world.commands, commands, "{:?}", world.done);
    let answer = world.order(Verb::Disable, "web/web2", None);
    assert!(answer.text.contains("tracked"), "{}", answer.text);

    let mut world = with_a_spare_in();
    world.server("web2").read.is_tracked = true;
    world.server("web2").is_alive = false;
    world.requests(10, 400, seconds(1));
    assert_eq!(world.commands, commands, "{:?}", world.done);
}

#[test]
fn a_server_that_is_no_spare_any_more_is_not_touched_whatever_stage_it_was_in() {
    let only_web3 = |settings: &mut BackendSettings| {
        settings.spares = Spares::Named(vec!["web3".to_owned()]);
    };
    let mut world = with_a_spare_in();
    reconfigure(&mut world, only_web3);
    let commands = world.commands;
    world.pass(seconds(100));
    assert_eq!(world.commands, commands, "ready: {:?}", world.done);
    world.server("web2").is_alive = false;
    world.requests(10, 400, seconds(1));
    assert_eq!(world.commands, commands, "DOWN: {:?}", world.done);

    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Drain);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Hold), 1);
    reconfigure(&mut world, only_web3);
    let commands = world.commands;
    world.pass(seconds(700));
    assert_eq!(world.commands, commands, "draining: {:?}", world.done);
}

#[test]
fn a_pinned_spare_that_drains_goes_on_draining() {
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Drain);
    world.pass(seconds(3));
    world.order(Verb::Pin, "web/web2", None);
    world.order(Verb::Resume, "web/web2", None);
    world.pass(seconds(60));
    assert!(world.server("web2").read.is_drain(), "{:?}", world.done);
    world.order(Verb::Unpin, "web/web2", None);
    world.pass(seconds(30));
    assert!(world.server("web2").read.is_maint(), "{:?}", world.done);
}

#[test]
fn each_failure_in_a_row_doubles_the_quarantine() {
    let mut world = World::new(settings()).without("web3");
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(6000, 900, GAP);
    let spans: Vec<u64> = world
        .decisions
        .iter()
        .filter_map(|it| {
            let Reason::Failed {
                quarantined_for, ..
            } = &it.reason
            else {
                return None;
            };
            Some(quarantined_for.as_secs())
        })
        .collect();
    assert_eq!(spans, [60, 120, 240, 480]);
    world.server("web2").is_alive = true;
    world.requests(4500, 900, GAP);
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn after_a_reload_nothing_comes_back_that_was_an_operators_or_superfluous() {
    let mut world = idle();
    world.by_hand("web2", AdminState::Ready);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Hold), 1);
    world.reload();
    world.pass(seconds(10));
    assert_eq!(world.count(Change::WarmUp), 0, "an operator's");

    let mut world = with_a_spare_in();
    world.server("web2").read.queued = 1; // Keeps it in, however quiet it is.
    world.pass(seconds(60));
    assert!(world.is_up("web2"));
    world.reload();
    world.pass(seconds(10));
    assert_eq!(world.count(Change::WarmUp), 1, "superfluous");
}

#[test]
fn a_spare_is_wanted_back_over_two_reloads_and_not_when_its_place_is_taken_or_it_is_quiet() {
    // Each waits in a pause, so that the second reload finds it in maint.
    let reloaded = || {
        let mut world = with_a_spare_in();
        world.order(Verb::Pin, "web/web2", None);
        world.reload();
        world.pass(seconds(5));
        assert_eq!(world.count(Change::WarmUp), 1, "{:?}", world.changes());
        world
    };
    let mut world = reloaded();
    world.reload();
    world.pass(seconds(5));
    world.order(Verb::Unpin, "web/web2", None);
    world.pass(seconds(3));
    assert!(world.is_up("web2"), "twice: {:?}", world.changes());

    let mut world = reloaded();
    world.pass(seconds(60));
    world.order(Verb::Unpin, "web/web2", None);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::WarmUp), 1, "it has been quiet for long");

    let mut world = reloaded();
    reconfigure(&mut world, |settings| settings.max = Some(2));
    world.order(Verb::Unpin, "web/web2", None);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::WarmUp), 1, "`max` is reached");
}

#[test]
fn a_moment_of_quiet_does_not_keep_a_spare_from_coming_back() {
    let mut world = with_a_spare_in();
    world.requests(15, 20, seconds(1));
    world.order(Verb::Pause, "web", None);
    world.reload();
    world.pass(seconds(10));
    world.order(Verb::Resume, "web", None);
    world.pass(seconds(3));
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn a_spare_found_ready_is_no_newcomer_and_its_requests_count() {
    let mut world = World::new(settings());
    world.by_hand("web2", AdminState::Ready);
    world.pass(Duration::from_millis(10));
    for _ in 0..5 {
        world.request("web2", 900);
    }
    assert_eq!(world.count(Change::Breach), 1);
}

#[test]
fn requests_count_before_haproxy_has_been_read() {
    let mut world = World::new(settings());
    world.is_reachable = false;
    world.requests(5, 900, GAP);
    assert_eq!(world.count(Change::Breach), 1);
}

#[test]
fn ending_the_daemon_writes_nothing_before_the_first_command_of_a_change() {
    let mut world = idle();
    world.requests(15, 900, GAP);
    world.pass(GAP);
    assert_eq!(world.count(Change::WarmUp), 1);
    world.stop();
    assert_eq!(world.commands, 0, "in a warm-up");

    // On the way out the picture before the first command is awaited.
    let mut world = with_a_spare_in();
    let commands = world.commands;
    world.faults = Box::new(|_| Fault::Late(Duration::from_millis(500)));
    for _ in 0..10_000 {
        if world
            .view()
            .next
            .to_string()
            .contains("on its way to maint")
        {
            break;
        }
        world.pass(Duration::from_millis(50));
    }
    assert!(
        world
            .view()
            .next
            .to_string()
            .contains("web2 is on its way to maint")
    );
    world.stop();
    assert_eq!(world.commands, commands, "{:?}", world.done);
}

#[test]
fn a_spare_that_went_too_early_may_come_back_before_the_cooldown_of_its_coming_is_over() {
    let mut settings = settings();
    settings.scale_up_cooldown = seconds(600);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(40));
    assert!(!world.is_up("web2"), "it was quiet: {:?}", world.done);
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    assert!(world.is_up("web2"), "{:?}", world.done);
}
