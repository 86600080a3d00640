//! Machines whose providers hang, say nothing, or work on for a daemon that is gone.

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::machine::{MachineVerb, PowerState};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::machines::{one_machine, quiet, slow, stage, texts, two_machines};
use super::scenes::{GAP, seconds};
use super::world::{Fault, World, settings};

#[test]
fn a_stop_that_never_gets_beyond_stopping_is_told_and_tried_again() {
    let mut world = one_machine();
    slow(&mut world, 50);
    world.machine("web2").hangs_in_stop = true;
    quiet(&mut world, 250);
    let failed = texts(&world, Change::MachineFailed);
    assert!(!failed.is_empty(), "{}", world.trace());
    assert!(failed[0].contains("still runs"), "{failed:?}");
    world.machine("web2").hangs_in_stop = false;
    quiet(&mut world, 400);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
}

#[test]
fn a_provider_that_says_nothing_is_not_asked_all_the_time_and_its_machine_comes_again() {
    let mut world = one_machine();
    world.machine("web2").is_mute = true;
    let machine = world.settings.machines.get_mut("web2");
    machine.expect("it has one").may_stop = false;
    world.begin_anew();
    world.pass(GAP);
    for _ in 0..3 {
        slow(&mut world, 50);
        assert!(world.is_up("web2"), "{}", world.trace());
        quiet(&mut world, 400);
    }
    let asked = world.asked("web2", MachineVerb::Status);
    assert!(asked < 400, "asked {asked} times within 23 minutes");
    assert!(world.asked("web2", MachineVerb::Start) >= 1);
}

#[test]
fn machines_that_nobody_can_tell_of_do_not_use_up_what_may_run_at_once() {
    let mut world = two_machines();
    world.settings.machines_at_once = 1;
    for name in ["web2", "web3"] {
        world.machine(name).is_mute = true;
        let machine = world.settings.machines.get_mut(name).expect("it has one");
        machine.may_stop = false;
    }
    world.begin_anew();
    world.pass(GAP);
    slow(&mut world, 50);
    assert!(world.is_up("web2"), "{}", world.trace());
    quiet(&mut world, 700);
    world.set_power("web2", PowerState::Off); // It went to sleep by itself.
    world.server("web2").is_alive = false;
    slow(&mut world, 300);
    let is_up = world.is_up("web2") || world.is_up("web3");
    assert!(is_up, "{}", world.trace());
}

#[test]
fn a_start_that_was_refused_leaves_a_machine_that_others_run_as_it_is() {
    let mut world = one_machine();
    world.pass(seconds(100));
    world.set_power("web2", PowerState::On); // The operator's, who has locked it.
    world.machine("web2").faults = vec![(MachineVerb::Start, Fault::Refused); 20];
    slow(&mut world, 20);
    quiet(&mut world, 400);
    assert_eq!(
        world.asked("web2", MachineVerb::Stop),
        0,
        "{}",
        world.trace()
    );
    assert_eq!(world.power("web2"), PowerState::On);
}

#[test]
fn the_stand_in_for_a_machine_that_died_comes_to_its_end() {
    let mut world = two_machines();
    slow(&mut world, 50);
    world.requests(900, 300, GAP);
    assert!(world.is_up("web2"));
    world.set_power("web2", PowerState::Off);
    world.requests(900, 300, GAP);
    let is_up = world.is_up("web3") || world.is_up("web2");
    assert!(is_up, "one of them serves again: {}", world.trace());
}

#[test]
fn a_new_configuration_without_the_machine_ends_a_start_that_waits_for_it() {
    let mut world = one_machine();
    world.machine("web2").start_takes = seconds(100);
    slow(&mut world, 5);
    assert_eq!(stage(&mut world, "web2"), Stage::Starting);
    world.settings.machines.clear();
    let settings = world.settings.clone();
    world.reconfigure(&settings);
    world.pass(seconds(5));
    assert_ne!(
        stage(&mut world, "web2"),
        Stage::Starting,
        "{}",
        world.trace()
    );
    let told = texts(&world, Change::Warning);
    assert!(
        told.iter().any(|it| it.contains("stop it by hand")),
        "{told:?}"
    );
}

#[test]
fn a_daemon_that_is_killed_while_a_machine_boots_waits_for_it_again() {
    let mut world = one_machine();
    world.machine("web2").boot = seconds(100);
    slow(&mut world, 30);
    let memory = world.scaler.memory(world.now);
    world.restart(Some(memory));
    slow(&mut world, 100);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.count(Change::EnableFailed), 0, "{}", world.trace());
    assert_eq!(world.starts("web2"), 1);
}

#[test]
fn starts_of_an_earlier_daemon_count_within_the_hour() {
    let mut world = one_machine();
    world.settings.starts_per_hour = 1;
    world.begin_anew();
    world.pass(GAP);
    slow(&mut world, 50);
    quiet(&mut world, 200);
    assert_eq!(world.power("web2"), PowerState::Off);
    let memory = world.scaler.memory(world.now);
    world.restart(Some(memory));
    slow(&mut world, 60);
    assert_eq!(world.starts("web2"), 1, "{}", world.trace());
    let refused = world.refused(Verb::Enable, "web/web2");
    assert!(refused.contains("starts_per_hour"), "{refused}");
}

#[test]
fn a_stop_that_an_earlier_daemon_asked_for_is_over_before_the_server_comes_in_again() {
    let mut world = one_machine();
    slow(&mut world, 50);
    assert!(world.is_up("web2"));
    world.machine("web2").faults = vec![(MachineVerb::Stop, Fault::Late(seconds(40)))];
    for _ in 0..300 {
        if world.asked("web2", MachineVerb::Stop) == 0 {
            quiet(&mut world, 1);
        }
    }
    let memory = world.durable.clone();
    world.restart(Some(memory));
    for _ in 0..150 {
        slow(&mut world, 1);
        let is_cut = world.is_up("web2") && world.power("web2") != PowerState::On;
        assert!(!is_cut, "stopped while it serves: {}", world.trace());
    }
    assert!(world.is_up("web2"), "started again: {}", world.trace());
}

#[test]
fn a_stop_that_an_earlier_daemon_asked_for_in_vain_is_asked_for_again() {
    let mut world = one_machine();
    slow(&mut world, 50);
    world.machine("web2").faults = vec![(MachineVerb::Stop, Fault::Lost)];
    for _ in 0..300 {
        if world.asked("web2", MachineVerb::Stop) == 0 {
            quiet(&mut world, 1);
        }
    }
    let memory = world.durable.clone();
    world.restart(Some(memory));
    // When it should have worked at last.
    quiet(&mut world, 150);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
    assert_eq!(world.asked("web2", MachineVerb::Stop), 2);
}

#[test]
fn a_start_that_was_repeated_and_takes_effect_after_the_stop_is_stopped_again() {
    let mut world = one_machine();
    world.machine("web2").start_takes = seconds(400);
    slow(&mut world, 5);
    let memory = world.durable.clone();
    world.restart(Some(memory));
    world.machine("web2").start_takes = seconds(1);
    slow(&mut world, 60);
    assert!(world.is_up("web2"), "{}", world.trace());
    quiet(&mut world, 200);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
    quiet(&mut world, 300);
    assert_eq!(
        world.asked("web2", MachineVerb::Stop),
        2,
        "{}",
        world.trace()
    );
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
}

#[test]
fn a_machine_that_booted_when_haproxy_was_reloaded_is_stopped_when_there_is_no_room_for_it() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings)
        .without("web3")
        .with_machine("web2", 40);
    world.pass(GAP);
    world.by_hand("web1", AdminState::Drain);
    world.pass(seconds(9));
    assert_eq!(stage(&mut world, "web2"), Stage::Starting);
    world.reload();
    world.by_hand("web1", AdminState::Ready);
    quiet(&mut world, 300);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
}

#[test]
fn a_provider_that_knows_nothing_is_not_asked_all_the_time_while_its_server_is_down() {
    let mut world = one_machine();
    slow(&mut world, 50);
    assert!(world.is_up("web2"));
    let before = world.asked("web2", MachineVerb::Status);
    world.machine("web2").faults = vec![(MachineVerb::Status, Fault::Refused); 1000];
    world.server("web2").is_alive = false;
    slow(&mut world, 60);
    let asked = world.asked("web2", MachineVerb::Status) - before;
    assert!((1..=8).contains(&asked), "{asked}: {}", world.trace());
}

#[test]
fn a_machine_of_ours_is_told_at_once_when_haproxy_has_its_server_no_more() {
    let mut world = one_machine();
    slow(&mut world, 50);
    slow(&mut world, 30);
    world.servers.retain(|it| it.read.name != "web2");
    world.reload();
    slow(&mut world, 20);
    let told = texts(&world, Change::Warning);
    let is_told = told.iter().filter(|it| it.contains("web/web2")).count();
    assert_eq!(is_told, 1, "{told:?}");
}

#[test]
fn another_machine_behind_the_same_server_is_not_the_one_that_we_started() {
    let mut world = one_machine();
    slow(&mut world, 50);
    assert!(world.is_up("web2"));
    let machine = world.settings.machines.get_mut("web2").expect("it has one");
    machine.identity = 8;
    let settings = world.settings.clone();
    world.reconfigure(&settings);
    world.pass(seconds(3));
    let told = texts(&world, Change::Warning);
    assert!(
        told.iter().any(|it| it.contains("stop it by hand")),
        "{told:?}"
    );
    let key = world.plant["web2"].keys.keys().next_back().copied();
    quiet(&mut world, 300);
    slow(&mut world, 60);
    let next = world.plant["web2"].keys.keys().next_back().copied();
    assert!(world.is_up("web2") && next > key, "{}", world.trace());
}

#[test]
fn a_machine_that_somebody_else_stops_while_it_is_wanted_is_not_asked_without_a_pause() {
    let mut world = one_machine();
    world.machine("web2").faults = vec![(MachineVerb::Start, Fault::AnswerLost)];
    world.machine("web2").boot = seconds(1000);
    slow(&mut world, 2);
    world.set_power("web2", PowerState::Stopping);
    let before = world.asked("web2", MachineVerb::Status);
    slow(&mut world, 60);
    let asked = world.asked("web2", MachineVerb::Status) - before;
    assert!(asked < 60, "asked {asked} times within a minute");
}

#[test]
fn a_start_that_takes_longer_than_the_last_boot_is_not_waited_for_alone() {
    let mut world = two_machines();
    slow(&mut world, 50);
    assert!(world.is_up("web2"), "it boots in 40 s");
    quiet(&mut world, 300);
    assert_eq!(world.power("web2"), PowerState::Off);
    world.machine("web2").start_takes = seconds(170);
    slow(&mut world, 90);
    let told = texts(&world, Change::Warning);
    let is_told = |it: &String| it.contains("has not started after") && it.contains("took 4");
    assert_eq!(told.iter().filter(|it| is_told(it)).count(), 1, "{told:?}");
    assert_eq!(world.starts("web3"), 2, "{}", world.trace());
    slow(&mut world, 40);
    assert!(world.is_up("web3"), "{}", world.trace());
    quiet(&mut world, 400);
    assert!(world.running().is_empty(), "{}", world.trace());
}

#[test]
fn of_two_that_cost_the_same_the_one_that_runs_comes_first() {
    let mut world = World::new(settings()).with_machine("web2", 40);
    world.pass(GAP);
    slow(&mut world, 4);
    assert!(world.is_up("web3"), "{}", world.trace());
    assert_eq!(world.starts("web2"), 0, "{}", world.trace());
}

#[test]
fn one_whose_stop_may_take_effect_yet_comes_last() {
    let mut world = two_machines();
    slow(&mut world, 50);
    assert!(world.is_up("web2"));
    let before = world.starts("web3");
    world.machine("web2").faults = vec![(MachineVerb::Stop, Fault::Lost)];
    world.machine("web2").is_mute = true;
    quiet(&mut world, 260);
    let failed = texts(&world, Change::MachineFailed);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(world.power("web2"), PowerState::On, "{}", world.trace());
    slow(&mut world, 5);
    assert_eq!(world.starts("web3"), before + 1, "{}", world.trace());
}

#[test]
fn a_machine_that_the_configuration_names_again_is_still_ours() {
    let mut world = one_machine();
    slow(&mut world, 50);
    let named = world.settings.clone();
    world.settings.machines.clear();
    let without = world.settings.clone();
    world.reconfigure(&without);
    world.pass(seconds(30));
    world.settings = named.clone();
    world.reconfigure(&named);
    slow(&mut world, 5);
    assert!(world.is_up("web2"), "{}", world.trace());
    quiet(&mut world, 300);
    assert_eq!(world.power("web2"), PowerState::Off, "{}", world.trace());
}

#[test]
fn release_names_a_machine_of_ours_whose_server_haproxy_has_no_more() {
    let mut world = one_machine();
    slow(&mut world, 80);
    world.servers.retain(|it| it.read.name != "web2");
    world.reload();
    slow(&mut world, 20);
    let told = world.accepted(Verb::Release, "web", None);
    assert!(
        told.contains("web2 stays: HAProxy has no such server any more"),
        "{told}"
    );
}

#[test]
fn answers_to_orders_tell_what_becomes_of_the_machine() {
    let mut world = one_machine();
    let told = world.accepted(Verb::Enable, "web/web2", None);
    assert!(
        told.contains("its machine is started; then it is warmed up"),
        "{told}"
    );
    world.pass(seconds(60));
    assert!(world.is_up("web2"), "{}", world.trace());
    let told = world.accepted(Verb::Disable, "web/web2", None);
    assert!(told.contains("then its machine is stopped"), "{told}");
}
