//! New settings for a scaler at work, and a standstill of the daemon.

use std::time::Duration;

use haproxy_autoscale::measure::settings::Signal;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::settings::{BackendSettings, Spares};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds};
use super::server::Server;
use super::world::{Fault, World, policy, settings};

fn idle() -> World {
    let mut world = World::new(settings());
    world.pass(GAP);
    world
}

impl World {
    /// SIGHUP, with other settings for the backend.
    pub(crate) fn reconfigure(&mut self, settings: &BackendSettings) {
        reconfigure(self, std::slice::from_ref(settings));
    }
}

fn reconfigure(world: &mut World, backends: &[BackendSettings]) {
    world.step(Event::Settings {
        backends,
        is_elsewhere: false,
        was_pretended: false,
    });
}

fn streak(world: &mut World) -> u32 {
    world.view().policy.expect("a policy").streak
}

#[test]
fn a_policy_that_did_not_change_keeps_its_streak_and_its_window() {
    let mut world = idle();
    world.requests(12, 900, GAP);
    assert_eq!(streak(&mut world), 2);
    let mut next = settings();
    next.hold = seconds(1);
    next.drain_timeout = seconds(2);
    reconfigure(&mut world, &[next]);
    assert_eq!(streak(&mut world), 2);
    world.requests(3, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "the third window was half full");
}

#[test]
fn only_a_changed_policy_starts_anew() {
    let mut first = settings();
    let mut other = policy();
    other.signal = Signal::ServerTime;
    first.policies.push(other.clone());
    let mut world = World::new(first.clone());
    world.pass(GAP);
    world.requests(10, 900, GAP);
    let mut next = first;
    next.policies[0].above = 10_000.0;
    reconfigure(&mut world, &[next]);
    assert_eq!(streak(&mut world), 2, "the second one goes on");
    world.requests(5, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
}

#[test]
fn holds_quarantines_and_cooldowns_stay() {
    let mut world = idle();
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    world.by_hand("web2", AdminState::Maint);
    world.pass(seconds(3));
    let mut next = settings();
    next.idle_timeout = seconds(60);
    reconfigure(&mut world, &[next]);
    world.requests(100, 900, GAP);
    assert!(!world.is_up("web2"), "on hold");
    assert!(world.is_up("web3"));
}

#[test]
fn a_new_threshold_holds_from_the_next_window_on() {
    let mut world = idle();
    let mut next = settings();
    next.policies[0].above = 2_000.0;
    reconfigure(&mut world, &[next]);
    world.requests(60, 900, GAP);
    assert_eq!(world.count(Change::Breach), 0);
}

#[test]
fn a_change_of_a_server_that_is_no_spare_any_more_is_taken_back_first() {
    let mut world = idle();
    world.order(Verb::Enable, "web/web2", None);
    for _ in 0..1000 {
        if world.server("web2").read.is_drain() {
            break;
        }
        world.pass(Duration::from_millis(1));
    }
    assert!(world.server("web2").read.is_drain());
    let mut next = settings();
    next.spares = Spares::Named(vec!["web3".to_owned()]);
    reconfigure(&mut world, &[next]);
    world.pass(seconds(2));
    assert!(world.server("web2").read.is_maint());
    let view = world.view();
    let role = view
        .servers
        .iter()
        .find(|it| it.name == "web2")
        .unwrap()
        .role;
    assert_eq!(role.as_str(), "other");
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    assert!(!world.is_up("web2") && world.is_up("web3"));
}

#[test]
fn a_backend_that_goes_leaves_its_enabled_spares_and_says_which() {
    let mut world = idle();
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    let mut other = settings();
    other.name = "api".to_owned();
    reconfigure(&mut world, &[other]);
    assert!(world.is_up("web2"));
    let said = world
        .decisions
        .iter()
        .any(|it| it.reason.to_string().ends_with("left enabled: web2"));
    assert!(said, "{:?}", world.changes());
    assert_eq!(world.view().name, "api", "the new one is looked after");
}

#[test]
fn a_backend_that_goes_in_the_middle_of_a_change_takes_that_back_first() {
    let mut world = idle();
    world.order(Verb::Enable, "web/web2", None);
    for _ in 0..1000 {
        if world.server("web2").read.is_drain() {
            break;
        }
        world.pass(Duration::from_millis(1));
    }
    let mut other = settings();
    other.name = "api".to_owned();
    reconfigure(&mut world, &[other]);
    world.pass(seconds(2));
    assert!(world.server("web2").read.is_maint());
    assert_eq!(world.view().name, "api");
}

#[test]
fn a_pause_of_everything_holds_for_a_backend_that_comes_later() {
    let mut world = idle();
    world.order(Verb::Pause, "", None);
    let mut other = settings();
    other.name = "api".to_owned();
    reconfigure(&mut world, &[settings(), other]);
    let now = world.now;
    let views = world.scaler.snapshot(now);
    assert!(
        views.iter().all(|view| view.standings.pause.is_some()),
        "{views:?}"
    );
    assert_eq!(views.len(), 2);
}

#[test]
fn what_a_new_configuration_would_treat_differently_is_counted() {
    let world = idle();
    // web1 is always-up, web2 and web3 are spares, `other` is nobody's.
    let affected = world.scaler.affected(&[settings()]);
    assert_eq!((affected.servers, affected.changed), (3, 0));
    let mut next = settings();
    next.spares = Spares::Named(vec!["web2".to_owned()]);
    let affected = world.scaler.affected(&[next]);
    assert_eq!((affected.servers, affected.changed), (3, 1));
    assert!(!affected.is_most());
    let affected = world.scaler.affected(&[]);
    assert_eq!((affected.servers, affected.changed), (3, 3));
    assert!(affected.is_most());
}

#[test]
fn no_window_straddles_a_standstill_and_nothing_begins_right_after_it() {
    let mut world = idle();
    world.requests(14, 900, GAP);
    world.step(Event::Gap {
        lasted: seconds(120),
    });
    assert_eq!(streak(&mut world), 0);
    let before = world.count(Change::Breach);
    // What was written meanwhile comes in at once.
    world.requests(40, 900, Duration::from_millis(1));
    world.pass(seconds(1));
    assert_eq!(world.count(Change::WarmUp), 0);
    assert_eq!(
        world.count(Change::Breach),
        before,
        "late lines fill no window"
    );
    world.pass(seconds(4));
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
}

#[test]
fn a_standstill_takes_a_spare_that_is_half_way_back_and_starts_quiet_anew() {
    let mut world = idle();
    world.order(Verb::Enable, "web/web3", Some(Duration::from_millis(1)));
    world.pass(Duration::from_millis(100));
    world.step(Event::Gap {
        lasted: seconds(120),
    });
    world.pass(seconds(3));
    assert!(!world.is_up("web3"), "its warm-up is too long ago");
    world.requests(100, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    world.pass(seconds(25));
    world.step(Event::Gap {
        lasted: seconds(600),
    });
    world.pass(seconds(25));
    assert!(world.is_up("web2"), "the standstill was no quiet");
    world.pass(seconds(20));
    assert!(!world.is_up("web2"));
}

#[test]
fn a_server_found_missing_right_after_a_standstill_is_looked_at_twice() {
    let mut world = idle();
    world.step(Event::Gap {
        lasted: seconds(120),
    });
    world.by_hand("web1", AdminState::Maint);
    world.pass(seconds(4));
    assert_eq!(world.count(Change::WarmUp), 0, "checks may lag behind");
    world.pass(seconds(3));
    assert!(world.is_up("web2"));
}

/// web2 has a machine that boots for so long and is on its way; so is web3.
fn two_on_their_way(boot_s: u64) -> World {
    let mut world = World::new(settings());
    world.servers.push(Server::new("web4", true, true));
    world = world.with_machine("web2", boot_s);
    world.pass(GAP);
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    world.server("web3").read.check = world.server("web4").read.check;
    world.server("web3").is_alive = false;
    world.order(Verb::Enable, "web/web3", None);
    world.pass(seconds(1));
    world
}

#[test]
fn what_one_server_has_to_finish_holds_up_no_machine_that_boots() {
    let mut world = two_on_their_way(100);
    let mut next = world.settings.clone();
    next.spares = Spares::Named(["web2", "web4"].map(str::to_owned).to_vec());
    next.hold = seconds(700);
    // The command that takes web3 back takes its time.
    let slowly = Fault::Late(seconds(1));
    world.state_faults.push((AdminState::Maint, slowly));
    world.reconfigure(&next);
    world.pass(seconds(3));
    let text = world.accepted(Verb::Enable, "web/web4", None);
    assert!(text.contains("kept in for 11m 40s"), "{text}");
    world.pass(seconds(5));
    assert!(world.is_up("web4"), "{}", world.trace());
    assert!(world.server("web3").read.is_maint());
    // web2 goes on, under the one key; a server that dies meanwhile is replaced.
    world.pass(seconds(110));
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 1);
}

#[test]
fn new_settings_wait_for_the_servers_that_they_take_away_and_say_so() {
    let mut world = idle();
    world.order(Verb::Enable, "web/web2", None);
    for _ in 0..1000 {
        if world.server("web2").read.is_drain() {
            break;
        }
        world.pass(Duration::from_millis(1));
    }
    let mut next = settings();
    next.spares = Spares::Named(vec!["web3".to_owned()]);
    world.reconfigure(&next);
    let waits = world.scaler.settings_wait_for();
    let waits: Vec<String> = waits.iter().map(ToString::to_string).collect();
    assert_eq!(waits, ["web/web2"]);
    let refused = world.refused(Verb::Enable, "web/web3");
    assert!(refused.contains("about to be applied"), "{refused}");
    world.pass(seconds(2));
    assert!(world.scaler.settings_wait_for().is_empty());
    world.accepted(Verb::Enable, "web/web3", None);
}

#[test]
fn a_machine_that_is_named_no_more_while_it_boots_fails_at_its_time() {
    let mut world = World::new(settings()).with_machine("web2", 30);
    world.machine("web2").boot = seconds(100_000);
    world.pass(GAP);
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(5));
    let mut next = world.settings.clone();
    next.machines.clear();
    world.reconfigure(&next);
    world.pass(Duration::from_millis(197_500));
    assert_eq!(world.count(Change::EnableFailed), 1, "{}", world.trace());
    let failed = world
        .decisions
        .iter()
        .find(|it| it.change == Change::EnableFailed);
    let text = failed.map(|it| it.reason.to_string()).unwrap_or_default();
    assert!(text.contains("connection refused"), "{text}");
}

#[test]
fn a_warm_up_under_way_has_the_time_that_it_was_given() {
    let mut world = idle();
    world.server("web2").is_alive = false;
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    let mut next = settings();
    next.warm_up_deadline = seconds(5);
    world.reconfigure(&next);
    world.pass(seconds(10));
    assert_eq!(world.count(Change::EnableFailed), 0, "{}", world.trace());
    world.pass(seconds(9));
    let mut failed = world.decisions.iter();
    let failed = failed.find(|it| it.change == Change::EnableFailed);
    let text = failed.map(|it| it.reason.to_string()).unwrap_or_default();
    assert!(text.contains("connection refused"), "{text}");
}
