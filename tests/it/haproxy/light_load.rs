//! Open is not busy, and arrived is not served: what fills HAProxy's counters and costs no server anything
//! asks for no spare, and does not hide a real breach.

use std::collections::BTreeMap;
use std::time::Duration;

use haproxy_autoscale::measure::served::Goal;
use haproxy_autoscale::measure::settings::Signal;
use haproxy_autoscale::runtime_api::Address;
use haproxy_autoscale::scaler::memory::{BackendMemory, CapacityMemory, Memory};
use haproxy_autoscale::state::{encode, name, wall_ms};
use haproxy_autoscale::words::time::Timestamp;
use tempfile::TempDir;

use super::scene::{CHECK, SOON, web};
use crate::support::load::get;
use crate::support::{
    Backend, Behaviour, Daemon, DaemonConfig, HaproxyConfig, Load, OpenSessions, RealHaproxy,
    TinyServer, Version, for_each_version_at_once,
};

/// Long enough for the daemon to do what it should not.
const A_WHILE: Duration = Duration::from_secs(12);
/// A server carries 66 requests a second.
const WORKERS: usize = 4;
const SERVICE_MS: u64 = 60;
/// Requests a second that are light for one server, and that are too much.
const LIGHT: f64 = 15.0;
const HEAVY: f64 = 110.0;

const GOAL_MS: f64 = 400.0;

/// A HAProxy with web1 and two spares, a daemon that learned yesterday what they carry and hold, and one
/// that looks on and was told.
struct Scene {
    _state: TempDir,
    _servers: Vec<TinyServer>,
    haproxy: RealHaproxy,
    learns: Daemon,
    is_told: Daemon,
    users: Load,
}

impl Scene {
    fn start(version: &Version, config: impl Fn(HaproxyConfig) -> HaproxyConfig) -> Self {
        Self::with_backend(version, |it| it, config)
    }

    fn with_backend(
        version: &Version,
        backend: impl Fn(Backend) -> Backend,
        config: impl Fn(HaproxyConfig) -> HaproxyConfig,
    ) -> Self {
        let start = |name| TinyServer::start(name, Behaviour::capacity(WORKERS, SERVICE_MS));
        let servers = ["web1", "web2", "web3"].map(start);
        let own = backend(web(CHECK, &servers.each_ref()));
        let own = HaproxyConfig::new(own).defaults("timeout server 60s");
        let haproxy = RealHaproxy::start(version, config(own));
        let state = learned_yesterday(&haproxy);
        let daemon = |capacity: &str| {
            DaemonConfig::new(&haproxy)
                .state_dir(state.path())
                .backend("response_time", &format!("\"{GOAL_MS}ms\""))
                .backend("window", "15")
                .backend("min_span", "\"1s\"")
                .backend("capacity", &format!("\"{capacity}\""))
        };
        let learns = daemon("learn").start();
        let is_told = daemon("50/s").argument("--observe").start();
        let users = Load::open(haproxy.frontend(), LIGHT);
        Self {
            _state: state,
            _servers: servers.into(),
            haproxy,
            learns,
            is_told,
            users,
        }
    }

    /// Nobody is slow: neither of the two asks for anything.
    #[track_caller]
    fn assert_asks_for_nothing(&self) {
        let known = self.learns.status()["backends"][0]["capacity"]["proved_per_s"].as_f64();
        assert_eq!(known, Some(50.0), "{}", self.learns.text());
        std::thread::sleep(A_WHILE);
        for daemon in [&self.learns, &self.is_told] {
            let text = daemon.text();
            let asked = text.lines().find(|line| line.contains("warm_up"));
            assert_eq!(asked, None, "{}\n{text}", daemon.status()["backends"][0]);
        }
        assert_eq!(self.users.failures().len(), 0);
    }

    /// More users than one server can answer: a spare comes.
    #[track_caller]
    fn assert_a_breach_brings_one_in(&self, spare: &str) {
        self.users.set_rate(HEAVY);
        self.learns.wait_for("enable", spare, 2 * SOON);
    }
}

/// What servers carried and held, as a daemon keeps it.
fn learned_yesterday(haproxy: &RealHaproxy) -> TempDir {
    let web = BackendMemory {
        capacity: Some(CapacityMemory {
            goal: Goal {
                signal: Signal::ResponseTime,
                ms: GOAL_MS,
            },
            proved_per_s: Some(50.0),
            held: Some(4.0),
            broken_per_s: Some(60.0),
            service_ms: Some(60.0),
        }),
        ..BackendMemory::default()
    };
    let memory = Memory {
        backends: BTreeMap::from([("web".to_owned(), web)]),
        ..Memory::default()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let name = name::file_name(&Address::Unix(haproxy.admin_socket()), name::STATE);
    let text = encode(&memory, Timestamp::default(), wall_ms());
    std::fs::write(folder.path().join(name), text).expect("a state file");
    folder
}

#[test]
fn open_websockets_are_no_load() {
    for_each_version_at_once(|version| {
        let scene = Scene::start(version, |it| it.defaults("timeout tunnel 60s"));
        let open = OpenSessions::websockets(scene.haproxy.frontend(), 300);
        scene.assert_asks_for_nothing();
        scene.assert_a_breach_brings_one_in("web2");
        open.close();
    });
}

#[test]
fn slow_downloads_are_no_load() {
    for_each_version_at_once(|version| {
        let scene = Scene::start(version, |it| {
            // Or everything would be in some buffer before anybody has read it.
            it.global("tune.sndbuf.client 16384")
                .global("tune.rcvbuf.server 16384")
        });
        let open = OpenSessions::downloads(scene.haproxy.frontend(), 50, 2048);
        scene.assert_asks_for_nothing();
        scene.assert_a_breach_brings_one_in("web2");
        open.close();
    });
}

#[test]
fn long_polls_bring_one_spare_in_for_nothing_at_most() {
    for_each_version_at_once(|version| {
        let scene = Scene::start(version, |it| it);
        let poll = get("/?ms=8000", &[]);
        // Users do not poll in step: a part of them ends in each second.
        let begin = |_| {
            let some = Load::closed_with(scene.haproxy.frontend(), 13, &poll);
            std::thread::sleep(Duration::from_secs(1));
            some
        };
        let polls: Vec<Load> = (0..8).map(begin).collect();
        std::thread::sleep(A_WHILE);
        std::thread::sleep(A_WHILE);
        let asked = |daemon: &Daemon, change: &str| {
            let told = ["web2", "web3"].map(|server| daemon.count(change, server));
            told.iter().sum::<usize>()
        };
        let learns = asked(&scene.learns, "warm_up");
        assert!(learns <= 1, "{learns} spares:\n{}", scene.learns.text());
        let told = asked(&scene.is_told, "would warm_up");
        assert!(told <= 1, "{told} spares:\n{}", scene.is_told.text());
        let next = if learns == 0 { "web2" } else { "web3" };
        scene.assert_a_breach_brings_one_in(next);
        drop(polls);
    });
}

#[test]
fn what_haproxys_cache_answers_is_no_load() {
    for_each_version_at_once(|version| {
        let scene = Scene::with_backend(
            version,
            |backend| {
                backend
                    .line("http-request cache-use pages")
                    .line("http-response cache-store pages")
            },
            |it| it.section("cache pages\n    total-max-size 4\n    max-age 60"),
        );
        let cached = get("/?age=60", &[]);
        let hits = Load::open_with(scene.haproxy.frontend(), 9.0 * LIGHT, &cached);
        scene.assert_asks_for_nothing();
        let log = std::fs::read_to_string(scene.haproxy.log()).expect("the log");
        let answered = log.lines().filter(|line| line.contains("web/<CACHE>"));
        assert!(answered.count() > 800, "most of them come from the cache");
        scene.assert_a_breach_brings_one_in("web2");
        drop(hits);
    });
}

#[test]
fn what_haproxy_denies_or_redirects_is_no_load() {
    for_each_version_at_once(|version| {
        let scene = Scene::with_backend(
            version,
            |backend| {
                backend
                    .line("http-request deny if { path /denied }")
                    .line("http-request redirect location / if { path /moved }")
            },
            |it| it,
        );
        let frontend = scene.haproxy.frontend();
        let denied = Load::open_with(frontend, 4.0 * LIGHT, &get("/denied", &[]));
        let moved = Load::open_with(frontend, 4.0 * LIGHT, &get("/moved", &[]));
        scene.assert_asks_for_nothing();
        for (load, status) in [(&denied, 403), (&moved, 302)] {
            let answers = load.answers();
            assert!(answers.len() > 400, "{}", answers.len());
            assert!(answers.iter().all(|it| it.status == Some(status)));
        }
        scene.assert_a_breach_brings_one_in("web2");
    });
}
