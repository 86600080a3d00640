//! The daemon is killed again and again while spares come and go at a real HAProxy.

#![allow(clippy::print_stderr)] // the seed is told beside a failure

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haproxy_autoscale::sim::dice::Dice;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use super::scene::{SOON, fast, slow};
use crate::support::haproxy::command_to;
use crate::support::table::{Row, admin_state, rows};
use crate::support::{
    Backend, Daemon, DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer,
    versions, wait_for,
};

/// How often the daemon is killed.
const KILLS: u32 = 200;
/// One of so many ends as a panic does in a release build: by SIGABRT.
const ABORTED_EACH: u32 = 4;
/// The longest life of a daemon that is killed, milliseconds; the shortest is 20.
const LIFE_MAX_MS: u64 = 500;
/// Fresh full health within some 200 ms. `inter` is also how long a check may wait for its connection,
/// and machines under test are busy.
const CHECK: &str = "check inter 150ms fastinter 30ms downinter 30ms rise 2 fall 2 disabled";
/// Try the same moments again: the seed that a run has printed.
const SEED: &str = "CRASH_SEED";
/// Requests a second at which nothing is saturated.
const RATE: f64 = 60.0;

/// Servers of backend `web` that are UP.
fn up(haproxy: &RealHaproxy) -> Vec<String> {
    let answer = command_to(&haproxy.admin_socket(), "show servers state web").unwrap_or_default();
    let is_running = |row: &Row<'_>| matches!(row.get("srv_op_state"), Some(&("1" | "2")));
    let rows = rows(&answer, ' ').into_iter();
    rows.filter(|row| admin_state(row) == "ready" && is_running(row))
        .filter_map(|row| row.get("srv_name").map(ToString::to_string))
        .collect()
}

/// Looks all the time whether anybody takes traffic.
struct Witness {
    samples: Arc<AtomicUsize>,
    alone: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Witness {
    fn start(haproxy: &RealHaproxy) -> Self {
        let socket = haproxy.admin_socket();
        let samples = Arc::new(AtomicUsize::new(0));
        let alone = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (samples, alone, stopped) = (samples.clone(), alone.clone(), stopped.clone());
            move || {
                while !stopped.load(Ordering::SeqCst) {
                    if let Ok(answer) = command_to(&socket, "show servers state web") {
                        samples.fetch_add(1, Ordering::SeqCst);
                        // A check that a busy machine answered too late is not our doing.
                        if !rows(&answer, ' ')
                            .iter()
                            .any(|row| admin_state(row) == "ready")
                        {
                            let mut alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
                            alone.push(answer);
                        }
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Self {
            samples,
            alone,
            stopped,
            thread: Some(thread),
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn config(haproxy: &RealHaproxy, state_dir: &std::path::Path) -> DaemonConfig {
    DaemonConfig::new(haproxy)
        .haproxy("poll_interval", "\"20ms\"")
        .backend("window", "3")
        .backend("min_span", "\"20ms\"")
        .backend("breaches", "1")
        .backend("idle_timeout", "\"120ms\"")
        .backend("scale_up_cooldown", "\"50ms\"")
        .backend("scale_down_cooldown", "\"50ms\"")
        .backend("drain_timeout", "\"300ms\"")
        .warm_up("requests", "1")
        .state_dir(state_dir)
}

/// Ends it by SIGKILL, or as `abort()` does, without an image of its memory on disk.
fn end(daemon: &mut Daemon, is_aborted: bool) {
    if !is_aborted {
        daemon.kill();
        return;
    }
    let pid = i32::try_from(daemon.pid()).ok().and_then(Pid::from_raw);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    prlimit(pid, Resource::Core, none).expect("no core files");
    daemon.signal(Signal::ABORT);
    assert_eq!(daemon.wait_for_exit(SOON), None, "ended by the signal");
}

#[test]
fn killed_at_200_moments_it_leaves_a_server_up_and_nothing_half_way() {
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
    let web1 = TinyServer::start("web1", fast());
    let web2 = TinyServer::start("web2", fast());
    let web3 = TinyServer::start("web3", fast());
    // HAProxy itself takes nobody out: whoever goes, goes because of us.
    let backend = Backend::new("web")
        .server("web1", web1.address(), "")
        .server("web2", web2.address(), CHECK)
        .server("web3", web3.address(), CHECK);
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&haproxy, folder.path());
    let states = StateWatch::start(&haproxy);
    let witness = Witness::start(&haproxy);
    let load = Load::open(haproxy.frontend(), RATE);
    let mut said = String::new();
    let mut is_always_up_gone = false;
    let mut alone = 0;
    for kill in 0..KILLS {
        // Whole lives in which spares are wanted, and whole lives in which they are not.
        let is_slow = (kill / 3) % 2 == 0;
        let behaviour = if is_slow { slow() } else { fast() };
        web1.change(|its| *its = behaviour);
        // Nobody else writes now: with a spare in, the always-up server may go for a while.
        let up = up(&haproxy);
        if is_always_up_gone {
            haproxy.set_state("web/web1", "ready");
            is_always_up_gone = false;
        } else if !is_slow && up.len() > 1 && dice.below(2) == 0 {
            haproxy.set_state("web/web1", "maint");
            is_always_up_gone = true;
            alone += 1;
        }
        let mut daemon = config.spawn();
        std::thread::sleep(Duration::from_millis(20 + dice.below(LIFE_MAX_MS)));
        assert!(daemon.is_running(), "it ended by itself: {}", daemon.text());
        end(&mut daemon, kill % ABORTED_EACH == 0);
        said += &daemon.text();
    }
    haproxy.set_state("web/web1", "ready");
    web1.change(|its| *its = fast());
    let last = config.start();
    wait_for("every spare to be in maint", SOON, || {
        ["web2", "web3"]
            .iter()
            .all(|name| states.now(name) == "maint")
    });
    said += &last.text();
    let figures = figures(&said, &states, &witness);
    eprintln!("{figures}, web1 away {alone} times");
    let dark = witness.alone.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(dark.first(), None, "nobody was UP ({SEED}={seed})");
    drop(dark);
    let holds = said.matches(" hold web/").count();
    assert_eq!(holds, 0, "taken for an operator ({SEED}={seed}): {said}");
    let failures = load.failures();
    assert!(
        failures.is_empty(),
        "{} users failed ({SEED}={seed}): {failures:?}",
        failures.len()
    );
    assert!(states.seen().len() > 40, "too little happened: {figures}");
}

/// What happened, for whoever wants to know whether it was enough.
fn figures(said: &str, states: &StateWatch, witness: &Witness) -> String {
    let told = |word: &str| said.matches(&format!(" {word} web/")).count();
    format!(
        "{KILLS} kills, {} changes of state, {} enables, {} drains, {} disables, {} found half-way, \
         {} samples",
        states.seen().len(),
        told("enable"),
        told("drain"),
        told("disable"),
        said.matches("a change was under way").count(),
        witness.samples.load(Ordering::SeqCst),
    )
}
