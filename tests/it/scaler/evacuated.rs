//! What an `evacuate` leaves behind: a place that somebody takes, however long that lasts, and a mark that only
//! `enable` or `resume` takes away.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::machine::{MachineVerb, PowerState};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::machines::{slow, texts};
use super::scenes::{GAP, seconds};
use super::server::Server;
use super::world::{Fault, World, settings};

const HALF_A_MINUTE: Option<Duration> = Some(Duration::from_secs(30));
const TWO_MINUTES: Option<Duration> = Some(Duration::from_secs(120));

/// web1 is always up; web2 has come in because it was slow; `machines` are spares that boot for so long.
fn with_web2_in(machines: &[(&str, u64)]) -> World {
    let mut world = World::new(settings()).without("other").without("web3");
    for (name, _) in machines {
        world.servers.push(Server::new(name, true, true));
    }
    for (name, boot_s) in machines {
        world = world.with_machine(name, *boot_s);
    }
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{}", world.trace());
    world
}

/// Neither slow nor quiet, for so long.
fn busy(world: &mut World, lasts_s: u32) {
    world.requests(lasts_s * 5, 400, GAP * 2);
}

fn quiet(world: &mut World, lasts_s: u32) {
    world.requests(lasts_s, 20, seconds(1));
}

fn is_out(world: &mut World, name: &str) -> bool {
    world.server(name).read.is_maint()
}

fn stage(world: &mut World, name: &str) -> Stage {
    let servers = world.view().servers;
    let server = servers.into_iter().find(|it| it.name == name);
    server.expect("a known server").stage
}

fn note(world: &mut World, name: &str) -> String {
    let servers = world.view().servers;
    let server = servers.into_iter().find(|it| it.name == name);
    let note = server.and_then(|it| it.note);
    note.map_or_else(String::new, |it| it.to_string())
}

fn starts(world: &World, names: &[&str]) -> usize {
    names.iter().map(|name| world.starts(name)).sum()
}

#[test]
fn the_stand_in_of_a_spare_comes_though_the_spare_has_left_before_it() {
    let mut world = with_web2_in(&[("web3", 25)]);
    world.evacuate("web/web2", HALF_A_MINUTE);
    busy(&mut world, 20);
    assert!(
        is_out(&mut world, "web2"),
        "half of its time: {}",
        world.trace()
    );
    assert!(!world.is_up("web3"), "it boots");
    busy(&mut world, 12);
    assert!(world.is_up("web3"), "{}", world.trace());
    assert_eq!(world.asked("web3", MachineVerb::Stop), 0);
    assert_eq!(world.starts("web3"), 1);
    // From now on it is a spare as any other, and web2 is missed no more.
    quiet(&mut world, 100);
    assert!(is_out(&mut world, "web3"), "{}", world.trace());
    busy(&mut world, 30);
    assert_eq!(world.starts("web3"), 1, "{}", world.trace());
}

#[test]
fn it_comes_when_it_is_quiet_too_and_goes_again() {
    let mut world = with_web2_in(&[("web3", 40)]);
    world.evacuate("web/web2", HALF_A_MINUTE);
    quiet(&mut world, 45);
    assert!(is_out(&mut world, "web2"));
    assert!(world.is_up("web3"), "{}", world.trace());
    quiet(&mut world, 60);
    assert!(is_out(&mut world, "web3"), "{}", world.trace());
}

#[test]
fn a_spare_that_dies_before_its_stand_in_is_there_is_missed_once() {
    let mut world = with_web2_in(&[("web3", 25), ("web4", 25)]);
    world.evacuate("web/web2", TWO_MINUTES);
    busy(&mut world, 3);
    world.server("web2").is_alive = false;
    busy(&mut world, 40);
    assert!(world.is_up("web3"), "{}", world.trace());
    assert!(is_out(&mut world, "web2"), "{}", world.trace());
    assert_eq!(starts(&world, &["web3", "web4"]), 1, "{}", world.trace());
}

#[test]
fn an_always_up_server_that_dies_while_it_waits_is_missed_once() {
    let mut world = with_web2_in(&[("web3", 25), ("web4", 25)]);
    world.evacuate("web/web1", TWO_MINUTES);
    busy(&mut world, 3);
    world.server("web1").is_alive = false;
    busy(&mut world, 40);
    assert!(world.is_up("web3"), "{}", world.trace());
    assert_eq!(starts(&world, &["web3", "web4"]), 1, "{}", world.trace());
}

#[test]
fn a_restart_of_the_daemon_does_not_forget_that_one_is_missing() {
    let mut world = with_web2_in(&[("web3", 40)]);
    world.evacuate("web/web2", HALF_A_MINUTE);
    busy(&mut world, 20);
    assert!(is_out(&mut world, "web2"));
    let memory = world.scaler.memory(world.now);
    world.restart(Some(memory));
    busy(&mut world, 60);
    assert!(world.is_up("web3"), "{}", world.trace());
    assert_eq!(world.starts("web3"), 1, "{}", world.trace());
}

#[test]
fn who_comes_for_an_evacuated_stand_in_stands_in_for_whom_that_did() {
    // Whether the newcomer is there before the other one leaves, or after.
    for (boot_s, lasts) in [(1, TWO_MINUTES), (25, HALF_A_MINUTE)] {
        let machines = [("web3", boot_s), ("web4", boot_s), ("web5", boot_s)];
        let mut world = World::new(settings()).without("web3");
        for (name, _) in machines {
            world.servers.push(Server::new(name, true, true));
        }
        for (name, boot_s) in machines {
            world = world.with_machine(name, boot_s);
        }
        world.pass(GAP);
        world.server("web1").is_alive = false;
        busy(&mut world, 10);
        assert!(world.is_up("web2"), "it stands in: {}", world.trace());
        world.evacuate("web/web2", lasts);
        busy(&mut world, 60);
        assert!(is_out(&mut world, "web2") && world.is_up("web3"));
        assert_eq!(
            starts(&world, &["web3", "web4", "web5"]),
            1,
            "{boot_s}: {}",
            world.trace()
        );
        // The next one takes its place, too.
        world.evacuate("web/web3", lasts);
        busy(&mut world, 60);
        assert!(is_out(&mut world, "web3") && world.is_up("web4"));
        assert_eq!(world.starts("web5"), 0, "{boot_s}: {}", world.trace());
    }
}

#[test]
fn each_of_two_that_are_evacuated_at_once_goes_when_its_own_stand_in_serves() {
    let mut world = World::new(settings()).without("web3");
    for name in ["web3", "web4"] {
        world.servers.push(Server::new(name, true, true));
    }
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    world.evacuate("web/web2", TWO_MINUTES);
    world.evacuate("web/web1", TWO_MINUTES);
    busy(&mut world, 15);
    for (name, is_in) in [
        ("web1", false),
        ("web2", false),
        ("web3", true),
        ("web4", true),
    ] {
        assert_eq!(world.is_up(name), is_in, "{name}: {}", world.trace());
    }
}

#[test]
fn enable_before_it_has_left_ends_the_evacuation_there_and_then() {
    let mut world = World::new(settings()).without("other").without("web3");
    world = world.with_machine("web2", 50);
    world.pass(GAP);
    world.evacuate("web/web1", TWO_MINUTES);
    busy(&mut world, 10);
    assert!(note(&mut world, "web1").contains("evacuated"));
    let text = world.accepted(Verb::Enable, "web/web1", None);
    assert!(
        text.ends_with("it is evacuated no more and stays"),
        "{text}"
    );
    assert_eq!(note(&mut world, "web1"), "");
    assert!(
        world
            .refused(Verb::Disable, "web/web1")
            .contains("always-up")
    );
    quiet(&mut world, 150);
    assert!(world.is_up("web1") && !world.is_told("web1", AdminState::Drain));
    assert!(is_out(&mut world, "web2"), "{}", world.trace());
    assert!(
        !world.is_told("web2", AdminState::Ready),
        "nobody is missing"
    );
    assert_eq!(world.power("web2"), PowerState::Off);
}

#[test]
fn enable_of_a_spare_that_serves_still_keeps_it_in() {
    let mut world = with_web2_in(&[("web3", 50)]);
    world.evacuate("web/web2", TWO_MINUTES);
    busy(&mut world, 5);
    let text = world.accepted(Verb::Enable, "web/web2", None);
    assert!(
        text.contains("evacuated no more and stays; kept in for 10m"),
        "{text}"
    );
    assert!(note(&mut world, "web2").starts_with("kept in"));
    quiet(&mut world, 150);
    assert!(world.is_up("web2") && world.count(Change::Drain) == 0);
    assert!(is_out(&mut world, "web3"), "{}", world.trace());
}

#[test]
fn enable_of_a_spare_that_has_left_keeps_it_in_once_it_is_there() {
    let mut world = with_web2_in(&[("web3", 1)]);
    world.evacuate("web/web2", TWO_MINUTES);
    busy(&mut world, 20);
    assert!(is_out(&mut world, "web2"));
    let text = world.accepted(Verb::Enable, "web/web2", None);
    assert!(text.ends_with("kept in for 10m"), "{text}");
    assert!(
        note(&mut world, "web2").contains("evacuated"),
        "until it is in"
    );
    quiet(&mut world, 150);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert!(note(&mut world, "web2").starts_with("kept in"));
    assert!(
        is_out(&mut world, "web3"),
        "the stand-in goes: {}",
        world.trace()
    );
}

#[test]
fn enable_or_resume_in_the_middle_of_its_way_out_brings_an_always_up_server_back() {
    for verb in [Verb::Enable, Verb::Resume] {
        // It drains …
        let mut world = World::new(settings()).without("other");
        world.pass(GAP);
        world.server("web1").read.sessions = 3;
        world.evacuate("web/web1", TWO_MINUTES);
        world.pass(seconds(10));
        assert!(world.server("web1").read.is_drain());
        world.accepted(verb, "web/web1", None);
        quiet(&mut world, 150);
        assert!(world.is_up("web1"), "{verb}: {}", world.trace());
        assert_eq!(note(&mut world, "web1"), "");
        assert!(is_out(&mut world, "web2"), "{verb}: {}", world.trace());
        // … or is put into maint right now.
        let mut world = World::new(settings()).without("other");
        world.pass(GAP);
        let slowly = Fault::Late(seconds(2));
        world.state_faults.push((AdminState::Maint, slowly));
        world.evacuate("web/web1", TWO_MINUTES);
        for _ in 0..200 {
            if world.is_told("web1", AdminState::Maint) {
                break;
            }
            world.pass(GAP);
        }
        assert!(!is_out(&mut world, "web1") && world.is_told("web1", AdminState::Maint));
        world.accepted(verb, "web/web1", None);
        quiet(&mut world, 20);
        assert!(world.is_up("web1"), "{verb}: {}", world.trace());
        assert_eq!(note(&mut world, "web1"), "");
    }
}

#[test]
fn disable_and_release_do_not_make_an_evacuation_end_sooner() {
    for place in ["web/web2", "web"] {
        let mut world = with_web2_in(&[("web3", 1)]);
        let mut settings = world.settings.clone();
        settings.hold = seconds(20);
        world.reconfigure(&settings);
        world.server("web2").read.sessions = 1;
        world.evacuate("web/web2", TWO_MINUTES);
        busy(&mut world, 10);
        assert!(world.server("web2").read.is_drain(), "{}", world.trace());
        let verb = if place == "web" {
            Verb::Release
        } else {
            Verb::Disable
        };
        let text = world.accepted(verb, place, Some(seconds(10)));
        assert!(
            text.contains("evacuated and kept out until `enable` or `resume`"),
            "{text}"
        );
        world.server("web2").read.sessions = 0;
        world.requests(900, 900, GAP);
        assert!(is_out(&mut world, "web2"), "{place}: {}", world.trace());
        assert!(note(&mut world, "web2").contains("evacuated"));
    }
}

#[test]
fn an_enable_that_expires_before_it_could_come_leaves_it_evacuated() {
    let mut world = with_web2_in(&[("web3", 1)]);
    world.evacuate("web/web2", TWO_MINUTES);
    busy(&mut world, 20);
    world.server("web2").is_alive = false;
    world.accepted(Verb::Enable, "web/web2", Some(seconds(5)));
    busy(&mut world, 60);
    world.server("web2").is_alive = true;
    world.requests(900, 900, GAP);
    assert!(is_out(&mut world, "web2"), "{}", world.trace());
    assert_eq!(stage(&mut world, "web2"), Stage::Maint);
    world.accepted(Verb::Enable, "web/web2", None);
    busy(&mut world, 10);
    assert!(world.is_up("web2"), "{}", world.trace());
    assert_eq!(world.count(Change::Hold), 0);
}

#[test]
fn a_reload_that_brings_it_back_before_the_enable_does_ends_the_evacuation_too() {
    let mut world = World::new(settings()).without("other");
    world.pass(GAP);
    world.evacuate("web/web1", TWO_MINUTES);
    busy(&mut world, 10);
    assert!(is_out(&mut world, "web1"));
    world.accepted(Verb::Enable, "web/web1", None);
    world.reload();
    quiet(&mut world, 100);
    assert!(world.is_up("web1"), "{}", world.trace());
    assert_eq!(note(&mut world, "web1"), "");
    assert!(is_out(&mut world, "web2"), "{}", world.trace());
    assert!(is_out(&mut world, "web3"), "{}", world.trace());
}

#[test]
fn one_that_serves_still_when_its_time_is_over_is_told_once() {
    let mut world = World::new(settings())
        .without("other")
        .without("web3")
        .with_machine("web2", 400);
    world.pass(GAP);
    let told = world.accepted(Verb::Evacuate, "web/web1", Some(seconds(20)));
    assert!(told.contains("as soon as its machine runs"), "{told}");
    assert!(told.contains("if another one serves by then"), "{told}");
    world.requests(60, 20, seconds(1));
    assert!(world.is_up("web1"), "the last one: {}", world.trace());
    let told = texts(&world, Change::Warning);
    let overdue = told.iter().filter(|it| it.contains("its time is over"));
    assert_eq!(overdue.count(), 1, "{told:?}");
}

#[test]
fn whoever_is_on_its_way_for_the_load_may_be_what_serves_instead() {
    let mut world = World::new(settings())
        .without("web3")
        .with_machine("web2", 20);
    world.pass(GAP);
    slow(&mut world, 5);
    assert_eq!(world.starts("web2"), 1);
    world.accepted(Verb::Evacuate, "web/web1", Some(seconds(120)));
    slow(&mut world, 90);
    assert!(
        world.is_up("web2") && !world.is_up("web1"),
        "{}",
        world.trace()
    );
}
