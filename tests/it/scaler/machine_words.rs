//! What a provider says is believed as far as it can be true: a machine that is woken is off for a while, one that
//! was seen on may be off by now, and one that says nothing holds up nobody.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::machine::{MachineVerb, PowerState};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::machines::{one_machine, quiet, slow, stage, texts, two_machines};
use super::scenes::{GAP, seconds};
use super::world::{Fault, World, settings};

/// web2's machine is woken, and off for everybody until its server answers.
fn one_that_is_woken(boot_s: u64) -> World {
    let mut world = one_machine();
    world.machine("web2").is_slow_to_begin = true;
    world.machine("web2").boot = seconds(boot_s);
    world
}

#[test]
fn a_machine_that_is_woken_and_off_while_it_boots_is_waited_for_until_start_timeout() {
    let mut world = one_that_is_woken(150);
    slow(&mut world, 160);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.count(Change::MachineFailed), 0, "{}", world.trace());
}

#[test]
fn a_wake_up_that_is_lost_is_repeated_each_minute_under_the_same_key() {
    let mut world = one_that_is_woken(30);
    world.machine("web2").lost_packets = 1;
    slow(&mut world, 110);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 1, "one key");
    assert_eq!(
        world.asked("web2", MachineVerb::Start),
        2,
        "{}",
        world.trace()
    );
    let starts = texts(&world, Change::MachineStart);
    assert!(starts[1].contains("attempt 2"), "{starts:?}");
}

#[test]
fn one_that_never_wakes_fails_at_start_timeout() {
    let mut world = one_that_is_woken(30);
    world.machine("web2").lost_packets = 9;
    slow(&mut world, 200);
    let failed = texts(&world, Change::MachineFailed);
    assert!(failed[0].contains("(start_timeout)"), "{failed:?}");
    let asked = world.asked("web2", MachineVerb::Start);
    assert!((2..=4).contains(&asked), "{asked}: {}", world.trace());
}

#[test]
fn a_warm_spare_whose_provider_hangs_serves_within_seconds() {
    let mut world = one_machine();
    slow(&mut world, 50);
    assert!(world.is_up("web2"));
    // Put away, with its machine left on.
    world
        .settings
        .machines
        .get_mut("web2")
        .expect("it has one")
        .may_stop = false;
    let settings = world.settings.clone();
    world.reconfigure(&settings);
    quiet(&mut world, 100);
    assert_eq!(stage(&mut world, "web2"), Stage::Maint, "{}", world.trace());
    world.machine("web2").faults = vec![
        (MachineVerb::Status, Fault::Lost),
        (MachineVerb::Start, Fault::Lost),
    ];
    world.server("web1").is_alive = false;
    world.pass(seconds(8));
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 1, "it ran: {}", world.trace());
}

#[test]
fn a_machine_that_somebody_switched_off_is_started_as_soon_as_its_server_does_not_answer() {
    let mut world = one_machine();
    slow(&mut world, 50);
    world
        .settings
        .machines
        .get_mut("web2")
        .expect("it has one")
        .may_stop = false;
    let settings = world.settings.clone();
    world.reconfigure(&settings);
    quiet(&mut world, 100);
    world.set_power("web2", PowerState::Off);
    // The provider hangs when it is asked whether it runs.
    world.machine("web2").faults = vec![(MachineVerb::Status, Fault::Lost)];
    slow(&mut world, 90);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.count(Change::EnableFailed), 0, "{}", world.trace());
}

#[test]
fn a_start_that_fails_when_nobody_waits_for_it_leaves_a_machine_that_others_run() {
    let mut world = one_machine();
    world.machine("web2").is_mute = true;
    world.set_power("web2", PowerState::On);
    world.machine("web2").start_takes = seconds(5);
    world.machine("web2").faults = vec![(MachineVerb::Start, Fault::Refused)];
    world.pass(seconds(10));
    world.server("web2").is_alive = false;
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    world.accepted(Verb::Disable, "web/web2", None);
    quiet(&mut world, 400);
    assert_eq!(
        world.asked("web2", MachineVerb::Stop),
        0,
        "{}",
        world.trace()
    );
}

#[test]
fn a_boot_that_is_called_off_is_not_stopped_at_once() {
    let mut world = one_machine();
    slow(&mut world, 10);
    assert_eq!(stage(&mut world, "web2"), Stage::Starting);
    world.accepted(Verb::Pause, "web/web2", None);
    world.accepted(Verb::Resume, "web/web2", None);
    slow(&mut world, 45);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(
        world.asked("web2", MachineVerb::Stop),
        0,
        "{}",
        world.trace()
    );
    assert_eq!(world.starts("web2"), 1);
}

#[test]
fn one_that_comes_up_after_its_limit_serves_where_it_is_still_wanted() {
    let mut world = one_machine();
    world.machine("web2").boot = seconds(200);
    slow(&mut world, 260);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 1, "{}", world.trace());
}

#[test]
fn what_runs_already_when_it_is_wanted_is_no_boot_that_is_measured() {
    let mut world = two_machines();
    slow(&mut world, 50);
    world.reload();
    slow(&mut world, 60);
    let started = texts(&world, Change::MachineStarted);
    let short = started.iter().find(|it| !it.contains("40."));
    assert_eq!(short, None, "{started:?}");
}

#[test]
fn after_a_stop_that_worked_a_start_has_a_key_of_its_own() {
    let mut world = one_machine();
    world.machine("web2").boot = seconds(200);
    slow(&mut world, 185);
    assert_eq!(world.count(Change::MachineFailed), 1, "{}", world.trace());
    quiet(&mut world, 300);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
    world.machine("web2").boot = seconds(20);
    slow(&mut world, 100);
    assert_eq!(world.starts("web2"), 2, "{}", world.trace());
}

#[test]
fn a_stop_is_decided_on_a_picture_that_is_newer_than_the_wish() {
    let mut world = one_machine();
    slow(&mut world, 50);
    quiet(&mut world, 95);
    // Whoever makes it ready by hand between two looks keeps its machine.
    world.by_hand("web2", AdminState::Ready);
    let stops = world.asked("web2", MachineVerb::Stop);
    world.pass(GAP);
    assert_eq!(
        world.asked("web2", MachineVerb::Stop),
        stops,
        "{}",
        world.trace()
    );
}

#[test]
fn a_provider_that_says_off_of_a_server_that_is_up_is_told_once() {
    let mut world = one_machine();
    slow(&mut world, 60);
    world.machine("web2").power = PowerState::Off;
    world.requests(8000, 300, GAP);
    let told = texts(&world, Change::Warning);
    let told: Vec<_> = told
        .iter()
        .filter(|it| it.contains("says that its machine is off"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let problems = world.view().problems;
    assert!(!problems.is_empty());
}

#[test]
fn nothing_is_asked_before_haproxy_has_told_the_address() {
    let mut world = World::new(settings())
        .without("web3")
        .with_machine("web2", 40);
    world.is_reachable = false;
    world.pass(seconds(30));
    assert_eq!(world.asked("web2", MachineVerb::Status), 0);
    world.is_reachable = true;
    world.pass(Duration::from_secs(10));
    assert!(
        world.asked("web2", MachineVerb::Status) > 0,
        "{}",
        world.trace()
    );
}

#[test]
fn a_stop_that_was_refused_is_asked_for_again_after_an_hour() {
    let mut world = one_machine();
    slow(&mut world, 50);
    world.machine("web2").is_forbidden = true;
    quiet(&mut world, 600);
    assert_eq!(
        world.asked("web2", MachineVerb::Stop),
        1,
        "{}",
        world.trace()
    );
    let failed = texts(&world, Change::MachineFailed);
    assert!(!failed[0].contains("not tried again"), "{failed:?}");
}

#[test]
fn a_machine_of_somebody_else_whose_application_is_down_is_neither_started_nor_stopped() {
    let mut world = one_machine();
    world.set_power("web2", PowerState::On);
    world.server("web2").is_alive = false;
    world.pass(seconds(310)); // It is seen to run.
    world.accepted(Verb::Enable, "web/web2", Some(seconds(3600)));
    world.requests(400, 20, seconds(1));
    assert_eq!(world.starts("web2"), 0, "{}", world.trace());
    assert_eq!(world.asked("web2", MachineVerb::Stop), 0);
    assert!(world.count(Change::EnableFailed) > 0, "{}", world.trace());
}

#[test]
fn a_repetition_that_fails_changes_nothing_for_the_start_that_was_accepted() {
    let mut world = one_that_is_woken(100);
    slow(&mut world, 5);
    world.machine("web2").faults = vec![(MachineVerb::Start, Fault::Refused)];
    slow(&mut world, 110);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 1, "{}", world.trace());
    assert_eq!(world.asked("web2", MachineVerb::Start), 2);
    quiet(&mut world, 200);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
}

#[test]
fn two_that_are_wanted_at_once_keep_to_what_may_run_at_once() {
    let mut world = two_machines();
    world.settings.machines_at_once = 1;
    world.settings.min = 4;
    world.begin_anew();
    world.pass(seconds(20));
    let started = world.starts("web2") + world.starts("web3");
    assert_eq!(started, 1, "{}", world.trace());
}

#[test]
fn computers_that_sleep_by_themselves_do_not_use_up_what_may_run_at_once() {
    let mut world = two_machines();
    world.settings.machines_at_once = 1;
    for machine in world.settings.machines.values_mut() {
        machine.may_stop = false;
    }
    world.begin_anew();
    world.machine("web2").is_mute = true;
    slow(&mut world, 50);
    assert!(world.is_up("web2"), "{}", world.trace());
    quiet(&mut world, 400);
    assert_eq!(stage(&mut world, "web2"), Stage::Maint, "{}", world.trace());
    world.set_power("web2", PowerState::Off);
    world.accepted(Verb::Disable, "web/web2", Some(seconds(3600)));
    slow(&mut world, 60);
    assert!(world.is_up("web3"), "{}", world.trace());
}

#[test]
fn a_machine_that_the_configuration_changes_while_it_boots_is_begun_anew() {
    let mut world = one_machine();
    slow(&mut world, 5);
    assert_eq!(stage(&mut world, "web2"), Stage::Starting);
    let machine = world.settings.machines.get_mut("web2").expect("it has one");
    machine.identity = 8;
    let settings = world.settings.clone();
    world.reconfigure(&settings);
    world.set_power("web2", PowerState::Off);
    slow(&mut world, 60);
    assert!(world.is_up("web2"), "{}", world.trace());
}

#[test]
fn a_stop_that_an_earlier_daemon_asked_for_is_looked_at_with_the_first_picture() {
    let mut world = one_machine();
    slow(&mut world, 50);
    quiet(&mut world, 90);
    assert!(
        world.asked("web2", MachineVerb::Stop) > 0,
        "{}",
        world.trace()
    );
    let mut memory = world.durable.clone();
    for server in memory
        .backends
        .values_mut()
        .flat_map(|it| it.servers.values_mut())
    {
        if let Some(machine) = &mut server.machine {
            machine.is_stopping = true;
        }
    }
    let before = world.asked("web2", MachineVerb::Status);
    world.restart(Some(memory));
    world.pass(seconds(5));
    assert!(
        world.asked("web2", MachineVerb::Status) > before,
        "{}",
        world.trace()
    );
}
