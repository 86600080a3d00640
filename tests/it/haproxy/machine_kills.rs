//! The daemon is killed again and again while it starts and stops machines beside a real HAProxy.

#![allow(clippy::print_stderr)] // the seed is told beside a failure

use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haproxy_autoscale::sim::dice::Dice;

use super::machines::{SPARES, backend};
use super::scene::{SOON, fast, slow};
use crate::support::{
    DaemonConfig, HaproxyConfig, Hardware, Load, MachineRoom, RealHaproxy, StateWatch, TinyServer,
    versions, wait_for,
};

/// Kills in the short form; `HAPROXY_AUTOSCALE_KILLS=200` for all that are promised.
const KILLS: usize = 20;
/// The longest life of a daemon that is killed, milliseconds; the shortest is 20.
const LIFE_MAX_MS: u64 = 1400;
/// Try the same moments again: the seed that a run has printed.
const SEED: &str = "MACHINE_KILLS_SEED";
/// Requests a second at which nothing is saturated.
const RATE: f64 = 40.0;
/// The hook takes its time before it does anything, longer than some daemons live.
const TAKES_TO_START: &str = "sleep 0.15";
const TAKES_TO_STOP: &str = "sleep 0.8";

fn kills() -> usize {
    let asked = std::env::var("HAPROXY_AUTOSCALE_KILLS").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(KILLS)
}

fn config(haproxy: &RealHaproxy, room: &MachineRoom, state_dir: &Path) -> DaemonConfig {
    DaemonConfig::new(haproxy)
        .haproxy("poll_interval", "\"20ms\"")
        .backend("window", "3")
        .backend("min_span", "\"20ms\"")
        .backend("breaches", "1")
        .backend("idle_timeout", "\"150ms\"")
        .backend("scale_up_cooldown", "\"50ms\"")
        .backend("scale_down_cooldown", "\"50ms\"")
        .backend("drain_timeout", "\"150ms\"")
        .backend("starts_per_hour", "3600")
        .warm_up("requests", "1")
        .state_dir(state_dir)
        .more(&room.tables("start_timeout = \"20s\"\nstop_timeout = \"2s\""))
}

/// Machines that boot quickly and whose hook takes its time.
fn room() -> MachineRoom {
    let room = MachineRoom::new(&SPARES);
    for name in SPARES {
        let hardware = Hardware {
            boot_ms: 150,
            cold_requests: 0,
            ..Hardware::default()
        };
        room.hardware(name, hardware);
        room.at(name, "start", TAKES_TO_START);
        room.at(name, "stop", TAKES_TO_STOP);
    }
    room
}

#[test]
fn a_daemon_killed_at_any_moment_leaves_no_machine_that_nobody_knows_and_starts_none_twice() {
    let Some(version) = versions().first() else {
        return;
    };
    let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| u64::from(now.subsec_nanos()) ^ now.as_secs())
    });
    eprintln!("{SEED}={seed}");
    let mut dice = Dice::new(seed);
    let room = room();
    let web1 = TinyServer::start("web1", fast());
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend(&web1, &room)));
    room.watches(&haproxy.admin_socket());
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&haproxy, &room, folder.path());
    let states = StateWatch::start(&haproxy);
    let load = Load::open(haproxy.frontend(), RATE);
    let mut said = String::new();
    for kill in 0..kills() {
        // Lives in which spares are wanted, and lives in which they are not.
        let behaviour = if (kill / 2) % 2 == 0 { slow() } else { fast() };
        web1.change(|its| *its = behaviour);
        let mut daemon = config.spawn();
        thread::sleep(Duration::from_millis(20 + dice.below(LIFE_MAX_MS)));
        assert!(daemon.is_running(), "it ended by itself: {}", daemon.text());
        daemon.kill();
        said += &daemon.text();
    }
    web1.change(|its| *its = fast());
    // What was started goes on without the one who has asked for it.
    wait_for("every hook to end", SOON, || !room.is_starting_any());
    let last = config.start();
    let all_off = || {
        SPARES.iter().all(|name| {
            last.stage(name) == "off" && states.now(name) == "maint" && !room.is_running(name)
        })
    };
    let are_off = crate::support::holds_within(2 * SOON, all_off);
    said += &last.text();
    let told = |word: &str| said.matches(&format!(" {word} web/")).count();
    let figures = format!(
        "{} kills, {} starts asked for, {} begun, {} enables, {} drains, {} stops asked for, {} done",
        kills(),
        told("machine_start"),
        SPARES
            .iter()
            .map(|name| room.count("start", name))
            .sum::<usize>(),
        told("enable"),
        told("drain"),
        told("machine_stop"),
        told("machine_stopped"),
    );
    eprintln!("{figures}");
    let calls = || room.calls().join("\n");
    assert!(are_off, "{SEED}={seed}\n{}\n{said}", calls());
    assert_eq!(room.faults(), [""; 0], "{SEED}={seed}\n{}\n{said}", calls());
    let failures = load.failures();
    assert!(failures.is_empty(), "{SEED}={seed}: {failures:?}");
    assert!(
        told("machine_start") > 1 && told("machine_stop") > 0,
        "too little happened: {figures}"
    );
}
