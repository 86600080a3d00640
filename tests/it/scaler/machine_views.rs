//! What is seen of machines: what each does, what is wrong with it and for how long, when one that boots
//! is there, and how long all have run.

use std::time::Duration;

use haproxy_autoscale::scaler::ServerView;
use haproxy_autoscale::scaler::seen::{MachineView, Problem, ProblemCode};
use haproxy_autoscale::words::machine::{MachineVerb, PowerState};

use super::scenes::{GAP, seconds};
use super::world::{Fault, World, settings};

/// web2 runs on a machine that boots for 40 s; web3 is not there.
fn one_machine() -> World {
    let mut world = World::new(settings())
        .without("web3")
        .with_machine("web2", 40);
    world.pass(GAP);
    world
}

/// Slow requests for so long.
fn slow(world: &mut World, lasts_s: u64) {
    let until = world.now.after(seconds(lasts_s));
    while world.now < until {
        world.requests(1, 900, GAP);
    }
}

fn quiet(world: &mut World, lasts_s: u32) {
    world.requests(lasts_s, 20, seconds(1));
}

fn server(world: &mut World, name: &str) -> ServerView {
    let servers = world.view().servers;
    let server = servers.into_iter().find(|it| it.name == name);
    server.expect("a known server")
}

fn machine(world: &mut World) -> MachineView {
    server(world, "web2").machine.expect("it has a machine")
}

fn note(world: &mut World) -> String {
    let note = server(world, "web2").note;
    note.map(|note| note.to_string()).unwrap_or_default()
}

/// The text of that problem, if it is there.
fn problem(world: &mut World, code: ProblemCode) -> Option<String> {
    let problems = world.view().problems;
    let found = problems.iter().find(|it| it.code() == code);
    found.map(Problem::to_string)
}

fn used(world: &mut World) -> Option<Duration> {
    let usage = world.scaler.take_usage(world.now);
    usage.first().expect("a backend").1.machines
}

#[test]
fn a_note_says_what_the_machine_of_a_resting_spare_does_and_how_long_a_boot_takes() {
    let mut world = one_machine();
    assert!(note(&mut world).starts_with("its machine is off: "));
    assert!(!note(&mut world).contains("a start takes"), "nobody knows");
    slow(&mut world, 20);
    let said = note(&mut world);
    assert!(said.starts_with("its machine starts: 1"), "{said}");
    assert!(!said.contains("usually"), "{said}");
    slow(&mut world, 30);
    assert_eq!(note(&mut world), "", "it serves");
    quiet(&mut world, 200);
    let said = note(&mut world);
    assert!(said.ends_with("; a start takes 40s"), "{said}");
    slow(&mut world, 20);
    let said = note(&mut world);
    assert!(said.ends_with(", usually 40s"), "{said}");
    assert_eq!(server(&mut world, "web1").machine, None);
}

#[test]
fn what_comes_next_says_when_a_machine_that_boots_is_there_by_its_last_boot() {
    let mut world = one_machine();
    slow(&mut world, 20);
    let next = world.view().next.to_string();
    assert!(
        next.starts_with("web2's machine is being started, for 1"),
        "{next}"
    );
    slow(&mut world, 30);
    quiet(&mut world, 200);
    world.machine("web2").boot = seconds(90);
    slow(&mut world, 20);
    let next = world.view().next.to_string();
    let begin = "web2's machine is being started, its last boot took 40s: ready in about 2";
    assert!(next.starts_with(begin), "{next}");
    slow(&mut world, 30);
    let next = world.view().next.to_string();
    assert!(next.contains(" now; its last boot took 40s"), "{next}");
    slow(&mut world, 60);
    let next = world.view().next.to_string();
    assert!(!next.contains("machine"), "{next}");
}

#[test]
fn a_start_that_fails_is_a_problem_until_the_spare_is_tried_again_and_answers() {
    let mut world = one_machine();
    assert_eq!(problem(&mut world, ProblemCode::MachineFailed), None);
    world.machine("web2").faults = vec![(MachineVerb::Start, Fault::Refused)];
    slow(&mut world, 5);
    let said = problem(&mut world, ProblemCode::MachineFailed).expect("it failed");
    assert!(
        said.starts_with("web2: cannot start its machine: the provider's words"),
        "{said}"
    );
    assert!(said.contains("; it is not tried for "), "{said}");
    // It is tried again after its quarantine.
    slow(&mut world, 70);
    let said = problem(&mut world, ProblemCode::MachineFailed);
    assert!(said.is_some(), "it boots: nobody knows yet");
    slow(&mut world, 60);
    assert!(world.is_up("web2"), "{:?}", world.changes());
    assert_eq!(problem(&mut world, ProblemCode::MachineFailed), None);
}

#[test]
fn a_stop_that_fails_is_a_problem_until_the_machine_is_off() {
    let mut world = one_machine();
    slow(&mut world, 50);
    world.machine("web2").faults = vec![(MachineVerb::Stop, Fault::Refused)];
    let mut said = None;
    for _ in 0..120 {
        quiet(&mut world, 1);
        said = said.or_else(|| problem(&mut world, ProblemCode::MachineFailed));
    }
    let said = said.expect("it failed");
    assert!(
        said.starts_with("web2: cannot stop its machine: "),
        "{said}"
    );
    assert!(said.contains("; it is asked again in 5"), "{said}");
    quiet(&mut world, 200);
    assert_eq!(world.power("web2"), PowerState::Off);
    assert_eq!(problem(&mut world, ProblemCode::MachineFailed), None);
}

#[test]
fn a_machine_that_somebody_else_left_on_is_a_problem_if_we_could_stop_it() {
    let mut world = one_machine();
    world.set_power("web2", PowerState::On);
    world.pass(seconds(310));
    let said = problem(&mut world, ProblemCode::MachineUnused).expect("it runs");
    assert!(said.starts_with("web2: its machine has run for "), "{said}");
    assert!(said.contains("stop it by hand"), "{said}");
    assert!(note(&mut world).starts_with("its machine runs: "));
    // One that nobody is to stop may run.
    let machines = &mut world.settings.machines;
    machines.get_mut("web2").expect("its settings").may_stop = false;
    let mut world = World::new(world.settings.clone())
        .without("web3")
        .with_machine("web2", 40);
    let machines = &mut world.settings.machines;
    machines.get_mut("web2").expect("its settings").may_stop = false;
    world.begin_anew();
    world.set_power("web2", PowerState::On);
    world.pass(seconds(310));
    assert_eq!(problem(&mut world, ProblemCode::MachineUnused), None);
}

#[test]
fn a_machine_of_ours_whose_server_is_gone_is_a_problem() {
    let mut world = one_machine();
    slow(&mut world, 70);
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.requests(100, 20, GAP);
    let web2 = world.servers.iter().position(|it| it.read.name == "web2");
    world.servers.remove(web2.expect("it is there"));
    world.pass(seconds(310));
    let view = world.view();
    let unused = view
        .problems
        .iter()
        .find(|it| it.code() == ProblemCode::MachineUnused);
    let unused = unused.unwrap_or_else(|| panic!("{:?}", view.problems));
    assert_eq!(unused.server(), Some("web2"));
    assert!(unused.to_string().contains("HAProxy has no such server"));
}

#[test]
fn a_provider_that_does_not_say_what_a_machine_does_is_a_problem_until_it_does() {
    let mut world = one_machine();
    world.machine("web2").faults = vec![(MachineVerb::Status, Fault::Refused); 3];
    world.pass(seconds(310));
    let said = problem(&mut world, ProblemCode::MachineMute).expect("it does not say");
    assert!(
        said.starts_with("web2: nobody can tell what its machine does: "),
        "{said}"
    );
    world.machine("web2").faults = Vec::new();
    world.pass(seconds(310));
    assert_eq!(problem(&mut world, ProblemCode::MachineMute), None);
}

#[test]
fn what_machines_take_is_counted_from_their_start_to_their_stop_and_told_once() {
    let mut world = one_machine();
    assert_eq!(used(&mut world), Some(Duration::ZERO));
    slow(&mut world, 50);
    let boot = used(&mut world).expect("there is one");
    assert!((seconds(45)..seconds(51)).contains(&boot), "{boot:?}");
    assert_eq!(used(&mut world), Some(Duration::ZERO), "told once");
    let before = machine(&mut world);
    assert!(before.is_ours && before.starts == 1);
    quiet(&mut world, 300);
    let rest = used(&mut world).expect("there is one");
    assert!((seconds(20)..seconds(250)).contains(&rest), "{rest:?}");
    let after = machine(&mut world);
    assert_eq!(after.ran, boot + rest);
    assert!(!after.is_ours);
    quiet(&mut world, 300);
    assert_eq!(used(&mut world), Some(Duration::ZERO), "it is off");
    let mut without = World::new(settings());
    without.pass(seconds(60));
    assert_eq!(used(&mut without), None);
}
