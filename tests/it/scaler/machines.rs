//! Spares that are off until they are needed: the machine starts, its server is proven and serves, and it
//! is stopped when nobody needs it, whatever its provider does.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::machine::{MachineVerb, PowerState};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds};
use super::world::{Fault, World, settings};

/// web2 runs on a machine that boots for 40 s; web3 is not there.
pub(super) fn one_machine() -> World {
    let mut world = World::new(settings())
        .without("web3")
        .with_machine("web2", 40);
    world.pass(GAP);
    world
}

/// web2 and web3 run on such machines.
pub(super) fn two_machines() -> World {
    let world = World::new(settings()).with_machine("web2", 40);
    let mut world = world.with_machine("web3", 40);
    world.pass(GAP);
    world
}

/// Slow requests for so long.
pub(super) fn slow(world: &mut World, lasts_s: u32) {
    world.requests(lasts_s * 10, 900, GAP);
}

/// Few fast ones for so long: it is quiet.
pub(super) fn quiet(world: &mut World, lasts_s: u32) {
    world.requests(lasts_s, 20, seconds(1));
}

pub(super) fn stage(world: &mut World, name: &str) -> Stage {
    let servers = world.view().servers;
    let server = servers.into_iter().find(|it| it.name == name);
    server.expect("a known server").stage
}

pub(super) fn texts(world: &World, change: Change) -> Vec<String> {
    let decisions = world.decisions.iter().filter(|it| it.change == change);
    decisions.map(ToString::to_string).collect()
}

#[test]
fn a_machine_that_is_off_starts_with_the_load_serves_and_is_stopped_when_it_is_quiet() {
    let mut world = one_machine();
    assert_eq!(stage(&mut world, "web2"), Stage::Off);
    slow(&mut world, 5);
    assert_eq!(stage(&mut world, "web2"), Stage::Starting);
    assert!(!world.is_up("web2"), "it boots");
    slow(&mut world, 45);
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(stage(&mut world, "web2"), Stage::Ready);
    let view = world
        .view()
        .servers
        .into_iter()
        .find(|it| it.name == "web2");
    let machine = view.and_then(|it| it.machine).expect("it has a machine");
    let boot = machine.boot.expect("it was measured");
    assert!((seconds(40)..seconds(43)).contains(&boot), "{boot:?}");
    quiet(&mut world, 200);
    assert_eq!(world.power("web2"), PowerState::Off);
    assert_eq!(stage(&mut world, "web2"), Stage::Off);
    let told: Vec<Change> = world.decisions.iter().map(|it| it.change).collect();
    let order = [
        Change::MachineStart,
        Change::WarmUp,
        Change::MachineStarted,
        Change::Enable,
        Change::Drain,
        Change::Disable,
        Change::MachineStop,
        Change::MachineStopped,
    ];
    let mut at = 0;
    for change in order {
        let found = told.iter().skip(at).position(|it| *it == change);
        at += found.unwrap_or_else(|| panic!("{change} after {at} of {told:?}")) + 1;
    }
    assert_eq!(world.starts("web2"), 1);
}

#[test]
fn a_second_boot_is_told_with_what_the_first_one_took() {
    let mut world = one_machine();
    slow(&mut world, 50);
    quiet(&mut world, 200);
    slow(&mut world, 50);
    let starts = texts(&world, Change::MachineStart);
    assert_eq!(starts.len(), 2, "{starts:?}");
    assert!(!starts[0].contains("last boot"), "{}", starts[0]);
    assert!(starts[1].contains("its last boot took 4"), "{}", starts[1]);
    assert_eq!(world.starts("web2"), 2, "each with a key of its own");
}

#[test]
fn a_start_that_fails_is_told_and_the_next_machine_is_started_at_once() {
    let mut world = two_machines();
    world.machine("web2").faults = vec![(MachineVerb::Start, Fault::Refused)];
    slow(&mut world, 3);
    assert_eq!(world.power("web2"), PowerState::Off);
    assert_eq!(
        world.power("web3"),
        PowerState::Starting,
        "{:?}",
        world.done
    );
    let failed = texts(&world, Change::MachineFailed);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("cannot start its machine: the provider's words"));
    slow(&mut world, 45);
    assert!(world.is_up("web3"));
}

#[test]
fn one_that_takes_too_long_is_not_waited_for_and_stopped_when_it_runs_after_all() {
    let mut world = two_machines();
    world.machine("web2").boot = seconds(400);
    slow(&mut world, 185);
    let failed = texts(&world, Change::MachineFailed);
    assert!(
        failed[0].contains("did not answer within 3m (start_timeout)"),
        "{failed:?}"
    );
    assert_eq!(
        world.power("web3"),
        PowerState::Starting,
        "the next one at once"
    );
    slow(&mut world, 50);
    assert!(world.is_up("web3"));
    quiet(&mut world, 300);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
    assert!(world.running().is_empty(), "{:?}", world.done);
    assert_eq!(world.starts("web2"), 1);
}

#[test]
fn a_start_whose_answer_is_lost_is_settled_by_asking_and_not_by_starting_again() {
    for fault in [Fault::AnswerLost, Fault::Lost] {
        let mut world = one_machine();
        world.machine("web2").faults = vec![(MachineVerb::Start, fault)];
        slow(&mut world, 60);
        let is_up = world.is_up("web2");
        assert_eq!(
            is_up,
            fault == Fault::AnswerLost,
            "{fault:?}: {:?}",
            world.done
        );
        slow(&mut world, 400);
        assert!(world.is_up("web2"), "{fault:?}: {}", world.trace());
        assert_eq!(
            world.starts("web2"),
            1,
            "one key, as long as it may take effect"
        );
    }
}

#[test]
fn a_start_that_was_accepted_and_does_nothing_fails_as_soon_as_the_machine_is_seen_off() {
    let mut world = two_machines();
    world.machine("web2").faults = vec![(MachineVerb::Start, Fault::Ignored)];
    slow(&mut world, 60);
    let failed = texts(&world, Change::MachineFailed);
    assert!(
        failed[0].contains("it was asked to start and is off"),
        "{failed:?}"
    );
    assert_eq!(world.power("web3"), PowerState::Starting);
}

#[test]
fn a_stop_that_hangs_or_fails_is_told_and_tried_again_later() {
    for fault in [Fault::Lost, Fault::Refused, Fault::Ignored] {
        let mut world = one_machine();
        slow(&mut world, 50);
        world.machine("web2").faults = vec![(MachineVerb::Stop, fault)];
        quiet(&mut world, 60);
        assert_eq!(world.asked("web2", MachineVerb::Stop), 1, "{fault:?}");
        assert_eq!(world.power("web2"), PowerState::On, "{fault:?}");
        quiet(&mut world, 400);
        let failed = texts(&world, Change::MachineFailed);
        assert_eq!(failed.len(), 1, "{fault:?}: {failed:?}");
        assert!(failed[0].contains("asked again in 1m"), "{failed:?}");
        assert_eq!(
            world.power("web2"),
            PowerState::Off,
            "{fault:?}: {}",
            world.trace()
        );
    }
}

#[test]
fn a_machine_that_dies_while_its_server_is_ready_is_told_replaced_and_started_again_when_needed() {
    let mut world = two_machines();
    slow(&mut world, 50);
    assert!(world.is_up("web2"));
    world.set_power("web2", PowerState::Off);
    world.requests(600, 100, GAP);
    let failed = texts(&world, Change::MachineFailed);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].contains("went off while the server was in use"),
        "{failed:?}"
    );
    assert!(world.is_up("web3"), "{}", world.trace());
    assert!(world.server("web2").read.is_maint(), "{}", world.trace());
    slow(&mut world, 200);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 2);
}

#[test]
fn a_machine_that_runs_at_first_sight_is_told_and_left_on() {
    let mut world = World::new(settings()).with_machine("web2", 40);
    world.set_power("web2", PowerState::On);
    world.pass(GAP);
    quiet(&mut world, 1000);
    assert_eq!(world.power("web2"), PowerState::On);
    let told = texts(&world, Change::Warning);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("left as it is"), "{told:?}");
    assert_eq!(stage(&mut world, "web2"), Stage::Maint);
    // It is used like any other, and once we have sent it away it is ours to stop.
    slow(&mut world, 5);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 0, "it ran already");
    quiet(&mut world, 200);
    assert_eq!(world.power("web2"), PowerState::Off);
}

#[test]
fn what_was_seen_on_long_ago_is_asked_for_before_its_server_is() {
    let mut world = World::new(settings()).with_machine("web2", 40);
    world.set_power("web2", PowerState::On);
    world.pass(GAP);
    world.pass(seconds(100));
    world.set_power("web2", PowerState::Off);
    slow(&mut world, 5);
    assert_eq!(
        world.power("web2"),
        PowerState::Starting,
        "{}",
        world.trace()
    );
    assert_eq!(world.count(Change::EnableFailed), 0);
}

#[test]
fn with_stop_false_it_is_started_when_needed_and_never_stopped() {
    let mut world = one_machine();
    let machine = world.settings.machines.get_mut("web2");
    machine.expect("it has one").may_stop = false;
    world.begin_anew();
    world.pass(GAP);
    slow(&mut world, 50);
    quiet(&mut world, 1000);
    assert!(world.server("web2").read.is_maint());
    assert_eq!(world.power("web2"), PowerState::On);
    assert_eq!(world.asked("web2", MachineVerb::Stop), 0);
}

#[test]
fn no_more_starts_than_the_hour_allows_and_no_more_machines_at_once() {
    let mut world = two_machines();
    world.settings.machines_at_once = 1;
    world.begin_anew();
    world.pass(GAP);
    slow(&mut world, 120);
    assert_eq!(world.running().len(), 1);
    let none = texts(&world, Change::NoSpare);
    assert!(
        none.iter().any(|it| it.contains("machines_at_once")),
        "{none:?}"
    );

    let mut world = one_machine();
    world.settings.starts_per_hour = 2;
    world.begin_anew();
    world.pass(GAP);
    for _ in 0..4 {
        slow(&mut world, 50);
        quiet(&mut world, 200);
    }
    assert_eq!(world.starts("web2"), 2);
    let none = texts(&world, Change::NoSpare);
    assert!(
        none.iter().any(|it| it.contains("starts_per_hour")),
        "{none:?}"
    );
}

#[test]
fn a_warm_spare_stands_in_for_a_dead_server_as_fast_as_if_no_machine_booted() {
    let start = |has_machines: bool| {
        let mut world = World::new(settings());
        if has_machines {
            world.settings.tiers.insert("web3".to_owned(), 2);
            world = world.with_machine("web2", 180);
            world.pass(GAP);
            slow(&mut world, 4);
            assert_eq!(stage(&mut world, "web2"), Stage::Starting);
        }
        world.pass(seconds(2));
        world.server("web1").is_alive = false;
        let before = world.now;
        for _ in 0..1000 {
            if world.is_up("web3") || world.is_up("web2") {
                return world.now.since(before);
            }
            world.pass(Duration::from_millis(100));
        }
        panic!("nobody came: {}", world.trace());
    };
    let (without, with) = (start(false), start(true));
    // Without the machine web2 comes, which HAProxy checks; web3 is not checked.
    assert!(
        with <= without + Duration::from_millis(200),
        "{with:?} {without:?}"
    );
}

#[test]
fn a_reload_of_haproxy_in_any_phase_ends_with_the_machine_in_use_or_off() {
    for after_s in [1, 3, 10, 30, 42, 45, 50, 60, 70, 80, 85, 90, 100] {
        let mut world = one_machine();
        for second in 0..120 {
            if second == after_s {
                world.reload();
            }
            if second < 60 {
                slow(&mut world, 1);
            } else {
                quiet(&mut world, 1);
            }
        }
        quiet(&mut world, 400);
        assert!(world.server("web2").read.is_maint(), "after {after_s} s");
        assert_eq!(
            world.power("web2"),
            PowerState::Off,
            "after {after_s} s: {}",
            world.trace()
        );
        let starts = world.starts("web2");
        assert!(starts <= 2, "after {after_s} s: {starts}");
    }
}

#[test]
fn a_pause_starts_and_stops_no_machine() {
    let mut world = one_machine();
    world.order(Verb::Pause, "web", None);
    slow(&mut world, 60);
    assert_eq!(world.asked("web2", MachineVerb::Start), 0);
    world.order(Verb::Resume, "web", None);
    slow(&mut world, 60);
    assert!(world.is_up("web2"));
    world.machine("web2").faults = vec![(MachineVerb::Stop, Fault::Refused)];
    world.order(Verb::Disable, "web/web2", None);
    world.pass(seconds(2));
    assert_eq!(
        world.asked("web2", MachineVerb::Stop),
        1,
        "it failed and is tried again"
    );
    world.order(Verb::Pause, "web", None);
    quiet(&mut world, 300);
    assert_eq!(world.power("web2"), PowerState::On, "{}", world.trace());
    world.order(Verb::Resume, "web", None);
    quiet(&mut world, 20);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
}

#[test]
fn release_stops_what_we_started() {
    let mut world = two_machines();
    slow(&mut world, 100);
    assert_eq!(world.running().len(), 2, "{}", world.trace());
    world.order(Verb::Release, "web", None);
    quiet(&mut world, 60);
    assert!(world.running().is_empty(), "{}", world.trace());
}

#[test]
fn a_server_that_is_not_wanted_any_more_while_it_boots_has_its_machine_stopped() {
    let mut world = one_machine();
    slow(&mut world, 5);
    assert_eq!(stage(&mut world, "web2"), Stage::Starting);
    world.order(Verb::Disable, "web/web2", None);
    quiet(&mut world, 200);
    assert!(world.running().is_empty(), "{}", world.trace());
}

#[test]
fn sessions_of_an_operators_doing_keep_a_machine_on() {
    let mut world = one_machine();
    slow(&mut world, 50);
    world.server("web2").read.sessions = 1;
    quiet(&mut world, 300);
    assert_eq!(world.power("web2"), PowerState::On);
    world.server("web2").read.sessions = 0;
    quiet(&mut world, 60);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
}

#[test]
fn a_hand_at_the_server_keeps_its_machine_as_it_is() {
    let mut world = one_machine();
    slow(&mut world, 50);
    assert!(world.is_up("web2"));
    world.by_hand("web2", AdminState::Maint);
    quiet(&mut world, 300);
    assert_eq!(
        world.power("web2"),
        PowerState::On,
        "the operator may work on it"
    );
    quiet(&mut world, 1000);
    let is_on = world.power("web2") == PowerState::On;
    assert!(is_on, "also when the hold is over: {}", world.trace());
    let told = texts(&world, Change::Warning);
    assert!(
        told.iter().any(|it| it.contains("left as it is")),
        "{told:?}"
    );
}

#[test]
fn killed_at_any_moment_it_starts_none_twice_and_leaves_none_running_that_nobody_knows() {
    for kill_ms in (0..180_000_u64).step_by(1_700) {
        let mut world = two_machines();
        let mut is_killed = false;
        let began = world.now;
        for second in 0..200 {
            if !is_killed && world.now.since(began) >= Duration::from_millis(kill_ms) {
                is_killed = true;
                let memory = world.durable.clone();
                world.restart(Some(memory));
            }
            if second < 90 {
                slow(&mut world, 1);
            } else {
                quiet(&mut world, 1);
            }
        }
        assert!(is_killed);
        quiet(&mut world, 1000);
        assert!(
            world.running().is_empty(),
            "killed after {kill_ms} ms: {}",
            world.trace()
        );
    }
}
