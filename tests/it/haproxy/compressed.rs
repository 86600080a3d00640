//! A day of load in seven minutes, a sawtooth and a steady load beside a real HAProxy, told nothing but the
//! goal. Too long for every run:
//! `cargo test --release --test it -- --ignored --nocapture haproxy::compressed`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use haproxy_autoscale::simulate::load::shapes::Shape;
use haproxy_autoscale::simulate::scenario::Scenario;

use super::simulated::{Workers, haproxy, scenario, users};
use crate::support::{Daemon, DaemonConfig, RealHaproxy, Version, for_each_version};

const SECONDS: u32 = 420;
const GOAL: Duration = Duration::from_millis(500);

/// What one of these servers carries within the goal, nearly.
const CARRIES: &str = "\"60/s\"";
/// With that told, so many requests may be slow.
const TOLD_SLOW_PERCENT: f64 = 0.6;

/// What users and the operator may see at most.
#[derive(Clone, Copy)]
struct Aim {
    shape: Shape,
    peak_per_s: f64,
    slow_percent: f64,
    changes: usize,
}

const AIMS: [Aim; 3] = [
    Aim {
        shape: Shape::Day,
        peak_per_s: 152.0,
        slow_percent: 1.5,
        changes: 8,
    },
    Aim {
        shape: Shape::Sawtooth,
        peak_per_s: 152.0,
        slow_percent: 2.5,
        changes: 16,
    },
    Aim {
        shape: Shape::Steady,
        peak_per_s: 75.0,
        slow_percent: 2.0,
        changes: 8,
    },
];

fn daemon(haproxy: &RealHaproxy, capacity: &str) -> Daemon {
    let daemon = DaemonConfig::new(haproxy)
        .haproxy("poll_interval", "\"1s\"")
        .backend("response_time", "\"500ms\"")
        .backend("window", "15")
        .backend("min_span", "\"1s\"")
        .backend("grace", "\"2s\"")
        .backend("capacity", capacity)
        .backend("idle_timeout", "\"30s\"")
        .backend("scale_up_cooldown", "\"3s\"")
        .backend("scale_down_cooldown", "\"6s\"");
    daemon.start()
}

/// Plays one shape; gives what is wrong.
fn play(aim: &Aim, scenario: &Scenario, haproxy: &RealHaproxy, capacity: &str) -> Vec<String> {
    let daemon = daemon(haproxy, capacity);
    let is_over = AtomicBool::new(false);
    let ((took, failed), servers) = thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut seen = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                seen.extend(daemon.status()["backends"][0]["serving"].as_f64());
                thread::sleep(Duration::from_secs(1));
            }
            seen.iter().sum::<f64>() / seen.len().max(1) as f64
        });
        let users = users(&scenario.load, haproxy.frontend());
        is_over.store(true, Ordering::Relaxed);
        (users, serving.join().expect("a mean"))
    });
    let slow = took.iter().filter(|took| **took > GOAL).count() + failed;
    let slow = 100.0 * slow as f64 / (took.len() + failed).max(1) as f64;
    let told = daemon.told();
    let is_change = |text: &str| text.contains(" enable ") || text.contains(" disable ");
    let changes = told.iter().filter(|it| is_change(&it.text)).count();
    let what = format!("{:?}, maxconn {:?}", aim.shape, scenario.maxconn);
    #[allow(clippy::print_stdout)] // The figures of a run.
    {
        println!(
            "{what}: {slow:.2} % slow, {failed} failed, {servers:.2} servers, {changes} changes"
        );
    }
    let mut faults = Vec::new();
    if slow > aim.slow_percent {
        faults.push(format!("{what}: {slow:.2} % slow"));
    }
    if failed > 0 {
        faults.push(format!("{what}: {failed} failed"));
    }
    if changes > aim.changes {
        faults.push(format!("{what}: {changes} changes"));
    }
    faults
}

#[test]
#[ignore = "seven minutes"]
fn a_day_a_sawtooth_and_a_steady_load_are_carried_by_servers_that_nobody_told_anything() {
    let cases: Vec<_> = AIMS
        .iter()
        .flat_map(|aim| [(*aim, None), (*aim, Some(4))])
        .collect();
    all_at_once(&cases, "\"learn\"");
}

#[test]
#[ignore = "seven minutes"]
fn who_knows_what_a_server_carries_is_hardly_ever_too_late() {
    let day_and_sawtooth = AIMS.iter().take(2);
    let cases: Vec<_> = day_and_sawtooth
        .map(|aim| Aim {
            slow_percent: TOLD_SLOW_PERCENT,
            ..*aim
        })
        .flat_map(|aim| [(aim, None), (aim, Some(4))])
        .collect();
    all_at_once(&cases, CARRIES);
}

fn all_at_once(cases: &[(Aim, Option<u32>)], capacity: &str) {
    for_each_version(|version| {
        let faults: Vec<String> = thread::scope(|scope| {
            let threads = cases
                .iter()
                .map(|(aim, maxconn)| scope.spawn(move || case(version, aim, *maxconn, capacity)));
            let threads: Vec<_> = threads.collect();
            let faults = threads.into_iter();
            faults.flat_map(|it| it.join().expect("a case")).collect()
        });
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}

fn case(version: &Version, aim: &Aim, maxconn: Option<u32>, capacity: &str) -> Vec<String> {
    let rates = aim.shape.rates_per_s(SECONDS, aim.peak_per_s);
    let scenario = Scenario {
        min: 1,
        maxconn,
        ..scenario(4, rates)
    };
    let names = scenario.names.iter();
    let servers: Vec<Workers> = names.map(|name| Workers::start(name)).collect();
    let haproxy = haproxy(version, &scenario, &servers, "check inter 1s");
    play(aim, &scenario, &haproxy, capacity)
}
