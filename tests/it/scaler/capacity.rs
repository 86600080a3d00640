//! Servers that come and go: quiet, drains, dead servers, reloads, quarantine.

use std::time::Duration;

use haproxy_autoscale::measure::settings::Add;
use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::{Change, Reason};
use haproxy_autoscale::scaler::settings::{OnOpenSessions, Spares};
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds};
use super::world::{World, settings};

/// A world in which web2 has just joined because web1 was slow.
fn with_a_spare_in(mut world: World) -> World {
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world
}

fn stage(world: &mut World, name: &str) -> Stage {
    let view = world.view();
    view.servers
        .into_iter()
        .find(|server| server.name == name)
        .expect("a known server")
        .stage
}

#[test]
fn a_spare_goes_after_idle_timeout_of_quiet_by_way_of_drain() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.requests(30, 20, seconds(1));
    assert!(world.is_up("web2"), "not before 30 s of quiet");
    world.requests(15, 20, seconds(1));
    let last: Vec<_> = world.changes().into_iter().rev().take(2).collect();
    assert_eq!(
        last,
        vec![
            (Change::Disable, Some("web2")),
            (Change::Drain, Some("web2"))
        ]
    );
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn silence_counts_as_quiet_from_its_first_moment() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.pass(seconds(29));
    assert!(world.is_up("web2"));
    world.pass(seconds(3));
    assert!(!world.is_up("web2"));
}

#[test]
fn one_slow_request_does_not_postpone_quiet_for_ever() {
    let mut settings = settings();
    settings.idle_timeout = seconds(300);
    let mut world = with_a_spare_in(World::new(settings));
    for _ in 0..80 {
        world.requests(4, 20, seconds(1));
        world.requests(1, 1200, seconds(1));
    }
    assert!(
        !world.is_up("web2"),
        "a mean of 256 ms is below 60 % of 500 ms"
    );
}

#[test]
fn spares_go_one_at_a_time_last_in_first_out() {
    let mut settings = settings();
    settings.policies[0].add = Add::Servers(2);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    assert!(world.is_up("web2") && world.is_up("web3"));
    world.pass(seconds(60));
    let gone: Vec<_> = world
        .decisions
        .iter()
        .filter(|decision| decision.change == Change::Drain)
        .map(|decision| (decision.server.clone().unwrap_or_default(), decision.at))
        .collect();
    assert_eq!(gone.len(), 2);
    // HAProxy checks web2 and not web3, so web2 was the last one in.
    assert_eq!((gone[0].0.as_str(), gone[1].0.as_str()), ("web2", "web3"));
    assert!(
        gone[1].1.since(gone[0].1) >= seconds(5),
        "scale_down_cooldown"
    );
}

#[test]
fn a_drain_waits_for_open_sessions_and_where_wished_no_longer_than_its_timeout() {
    let mut settings = settings();
    settings.on_open_sessions = OnOpenSessions::Maint;
    let mut world = with_a_spare_in(World::new(settings.clone()));
    world.server("web2").read.sessions = 1;
    world.pass(seconds(33));
    assert_eq!(stage(&mut world, "web2"), Stage::DrainingOut);
    assert!(world.server("web2").read.is_drain());
    world.pass(seconds(10));
    assert!(world.server("web2").read.is_maint());
    assert!(world.text_of(Change::Disable).contains("1 session open"));
    let mut world = with_a_spare_in(World::new(settings));
    world.server("web2").read.sessions = 1;
    world.pass(seconds(33));
    world.server("web2").read.sessions = 0;
    world.pass(seconds(1));
    assert!(world.server("web2").read.is_maint());
    assert!(world.text_of(Change::Disable).contains("drained in"));
}

#[test]
fn load_that_returns_during_a_drain_gives_the_spare_back_at_once() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.server("web2").read.sessions = 1;
    world.pass(seconds(33));
    let warm_ups = world.count(Change::WarmUp);
    world.requests(5, 900, GAP);
    world.pass(GAP);
    assert!(world.is_up("web2"), "one breach is enough");
    assert_eq!(world.count(Change::WarmUp), warm_ups, "it is warm");

    let mut world = with_a_spare_in(World::new(settings()));
    world.server("web2").read.sessions = 1;
    world.pass(seconds(33));
    world.queued = 3;
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "waiting requests are enough");
}

#[test]
fn a_server_that_died_while_draining_is_not_given_back() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.server("web2").read.sessions = 1;
    world.pass(seconds(33));
    world.server("web2").is_alive = false;
    world.pass(seconds(2));
    world.requests(5, 900, GAP);
    world.pass(seconds(1));
    assert!(!world.is_up("web2"));
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn a_dead_spare_is_quarantined_and_the_next_one_comes_at_once() {
    let mut world = World::new(settings());
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(25));
    assert!(world.is_up("web3"), "{:?}", world.changes());
    assert!(world.server("web2").read.is_maint());
    assert_eq!(world.count(Change::EnableFailed), 1);
    assert_eq!(world.count(Change::Breach), 3, "no new breach was needed");
    let note = world
        .view()
        .servers
        .remove(1)
        .note
        .expect("a note")
        .to_string();
    assert!(note.starts_with("quarantined for"), "{note}");
}

#[test]
fn a_spare_that_fails_haproxys_checks_goes_back_to_maint() {
    let mut world = World::new(settings()).without("web3");
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(Duration::from_millis(350));
    assert_eq!(stage(&mut world, "web2"), Stage::DrainingIn);
    world.server("web2").is_alive = false;
    world.pass(seconds(30));
    assert!(world.server("web2").read.is_maint());
    assert_eq!(world.count(Change::Enable), 0);
    assert_eq!(world.count(Change::EnableFailed), 1);
}

#[test]
fn a_failed_spare_is_tried_again_after_its_quarantine() {
    let mut world = World::new(settings()).without("web3");
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(25));
    assert_eq!(world.count(Change::EnableFailed), 1);
    world.requests(150, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 1, "quarantined for a minute");
    assert_eq!(
        world.count(Change::NoSpare),
        1,
        "said once, not at each window"
    );
    world.server("web2").is_alive = true;
    world.requests(600, 900, GAP);
    assert!(world.is_up("web2"));
}

#[test]
fn an_always_up_server_that_dies_brings_a_spare_in_without_any_breach() {
    let mut world = World::new(settings());
    world.requests(20, 20, GAP);
    world.server("web1").is_alive = false;
    world.pass(seconds(6));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(world.count(Change::Breach), 0);
    world.pass(seconds(600));
    assert_eq!(world.count(Change::Drain), 0, "it stays while web1 is dead");
    assert!(!world.is_up("web3"), "one for one");
    world.server("web1").is_alive = true;
    world.pass(seconds(600));
    assert!(!world.is_up("web2"), "and goes when web1 is back");
}

#[test]
fn an_always_up_server_that_an_operator_drained_is_replaced_and_not_touched() {
    let mut world = World::new(settings());
    world.requests(20, 20, GAP);
    world.by_hand("web1", AdminState::Drain);
    world.pass(seconds(60));
    assert!(world.is_up("web2"));
    assert!(world.server("web1").read.is_drain());
}

#[test]
fn fewer_than_min_bring_spares_in_at_once() {
    let mut settings = settings();
    settings.min = 3;
    let mut world = World::new(settings);
    world.pass(seconds(5));
    assert!(world.is_up("web2"));
    assert!(!world.is_up("web3"), "web1, other and web2 are three");
    world.pass(seconds(3600));
    assert!(world.is_up("web2"), "quiet never goes below min");
}

#[test]
fn max_counts_every_server_that_is_up() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(30, 900, GAP);
    assert!(!world.is_up("web2"), "web1 and other are two");
    assert_eq!(world.count(Change::NoSpare), 1);
}

#[test]
fn a_server_that_comes_back_while_a_spare_is_checked_takes_its_place_under_max() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings);
    world.by_hand("other", AdminState::Maint);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(Duration::from_millis(350));
    assert_eq!(stage(&mut world, "web2"), Stage::DrainingIn);
    world.by_hand("other", AdminState::Ready);
    world.pass(seconds(5));
    assert!(
        world.server("web2").read.is_maint(),
        "{:?}",
        world.changes()
    );
    assert_eq!(world.count(Change::EnableFailed), 0, "it did nothing wrong");
}

#[test]
fn named_spares_are_tried_in_the_order_of_the_list() {
    let mut settings = settings();
    settings.spares = Spares::Named(vec!["web3".to_owned(), "web2".to_owned()]);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web3") && !world.is_up("web2"));
}

#[test]
fn a_reload_brings_a_needed_spare_back_by_the_full_warm_path() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.requests(20, 400, GAP);
    world.reload();
    assert!(!world.is_up("web2"));
    let (at, warm_ups) = (world.now, world.count(Change::WarmUp));
    world.requests(30, 400, GAP);
    let back = world
        .decisions
        .iter()
        .rfind(|decision| decision.change == Change::WarmUp);
    assert!(back.is_some_and(|decision| decision.at.since(at) <= seconds(3)));
    assert_eq!(world.count(Change::WarmUp), warm_ups + 1);
    world.requests(70, 400, GAP);
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn a_reload_does_not_bring_back_what_was_about_to_go() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.server("web2").read.sessions = 1;
    world.pass(seconds(33));
    assert_eq!(stage(&mut world, "web2"), Stage::DrainingOut);
    world.reload();
    world.pass(seconds(60));
    assert!(!world.is_up("web2"));
}

#[test]
fn a_spare_that_is_found_ready_is_adopted_and_goes_when_it_is_quiet() {
    let mut world = World::new(settings());
    world.by_hand("web2", AdminState::Ready);
    world.pass(seconds(20));
    assert!(world.is_up("web2"));
    world.pass(seconds(20));
    assert!(!world.is_up("web2"));
    assert_eq!(world.count(Change::Hold), 0);
}

#[test]
fn a_spare_that_is_found_draining_is_put_away_and_never_made_ready_cold() {
    let mut world = World::new(settings());
    world.by_hand("web2", AdminState::Drain);
    world.server("web2").read.sessions = 1;
    world.pass(seconds(1));
    world.requests(5, 900, GAP);
    assert!(!world.is_up("web2"));
    world.pass(seconds(20));
    assert!(world.server("web2").read.is_drain(), "a session is open");
    world.server("web2").read.sessions = 0;
    world.pass(seconds(5));
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn the_reasons_name_rule_numbers_and_window() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.pass(seconds(40));
    let texts: Vec<String> = world.decisions.iter().map(ToString::to_string).collect();
    let all = texts.join("\n");
    assert!(
        all.contains("breach web: mean 900 ms > 500 ms over 5 requests"),
        "{all}"
    );
    assert!(all.contains("(3 of 3)"), "{all}");
    assert!(
        all.contains("enable web/web2: mean 900 ms > 500 ms"),
        "{all}"
    );
    assert!(all.contains("HAProxy's checks passed"), "{all}");
    assert!(
        all.contains("drain web/web2: quiet for 30.7s (no requests)"),
        "{all}"
    );
    assert!(all.contains("disable web/web2: drained in"), "{all}");
}

#[test]
fn ending_the_daemon_takes_back_what_is_between_two_stages_and_nothing_else() {
    let mut world = with_a_spare_in(World::new(settings()));
    world.stop();
    world.pass(GAP);
    assert!(world.is_up("web2"), "ready servers stay");

    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(Duration::from_millis(350));
    assert_eq!(stage(&mut world, "web2"), Stage::DrainingIn);
    world.stop();
    world.pass(GAP);
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn what_was_owed_to_a_streak_is_forgotten_with_it() {
    let mut world = World::new(settings()).without("web3");
    world.server("web2").is_alive = false;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(25));
    world.server("web2").is_alive = true;
    world.requests(100, 20, seconds(1));
    assert!(!world.is_up("web2"), "the load has long gone");
    let reason = world
        .decisions
        .iter()
        .find(|decision| decision.change == Change::NoSpare);
    assert!(matches!(
        reason.map(|it| &it.reason),
        Some(Reason::NoSpare { .. })
    ));
}
