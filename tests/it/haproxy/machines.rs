//! Spares that are off until they are needed, beside a real HAProxy: machines that boot, fail, hang and lie.
//! Here each machine is a process that a hook starts; kills of the daemon are in `machine_kills`.

use std::thread;
use std::time::Duration;

use super::scene::{CHECK, SOON, fast, slow};
use crate::support::load::{exchange, get};
use crate::support::{
    Backend, Behaviour, Daemon, DaemonConfig, HaproxyConfig, Hardware, Load, MachineRoom,
    RealHaproxy, TinyServer, Version, for_each_version_at_once, holds_within, versions, wait_for,
};

/// For what takes a boot, a warm-up and a look at the log; generous.
pub(super) const A_JOURNEY: Duration = Duration::from_secs(30);
/// Until a machine that nobody needs is off: after a reload none is stopped for a minute.
const OFF_LIMIT: Duration = Duration::from_secs(100);
/// Requests a second: enough to see what is slow.
const RATE: f64 = 20.0;
/// What the hook does when it never comes to an end, whoever asks it to.
const HANGS: &str = "trap '' TERM\nexec sleep 1000";

/// web1 is always up; web2 and web3 have machines, all off. What is first ends first.
pub(super) struct Scene {
    pub(super) load: Load,
    pub(super) daemon: Daemon,
    pub(super) haproxy: RealHaproxy,
    pub(super) web1: TinyServer,
    pub(super) room: MachineRoom,
}

pub(super) const SPARES: [&str; 2] = ["web2", "web3"];

/// web1 and the spares of that room.
pub(super) fn backend(web1: &TinyServer, room: &MachineRoom) -> Backend {
    let mut backend = Backend::new("web")
        // A machine that dies takes a request along; the next server can have it.
        .line("retry-on conn-failure empty-response response-timeout")
        .server("web1", web1.address(), CHECK);
    for name in SPARES {
        backend = backend.server(name, room.address(name), &format!("{CHECK} disabled"));
    }
    backend
}

pub(super) fn daemon(haproxy: &RealHaproxy, room: &MachineRoom, keys: &str) -> DaemonConfig {
    DaemonConfig::new(haproxy)
        .backend("scale_up_cooldown", "\"1s\"")
        .backend("drain_timeout", "\"2s\"")
        .more(&room.tables(keys))
}

impl Scene {
    /// It is quiet. `keys` are those of both machines.
    fn start(version: &Version, keys: &str) -> Self {
        let room = MachineRoom::new(&SPARES);
        let web1 = TinyServer::start("web1", fast());
        let config = HaproxyConfig::new(backend(&web1, &room)).master_worker();
        let haproxy = RealHaproxy::start(version, config);
        room.watches(&haproxy.admin_socket());
        let daemon = daemon(&haproxy, &room, keys).start();
        let scene = Self {
            load: Load::open(haproxy.frontend(), RATE),
            daemon,
            haproxy,
            web1,
            room,
        };
        scene.is_off("web2");
        scene
    }

    fn is_slow(&self) {
        self.web1.change(|its| *its = slow());
    }

    fn is_quiet(&self) {
        self.web1.change(|its| *its = fast());
    }

    #[track_caller]
    fn serves(&self, name: &str) {
        self.daemon.wait_for("enable", name, A_JOURNEY);
        let before = self.room.visits(name, "user");
        wait_for(&format!("users on {name}"), SOON, || {
            self.room.visits(name, "user") > before + 3
        });
    }

    #[track_caller]
    fn is_in(&self, name: &str, stage: &str) {
        let holds = holds_within(A_JOURNEY, || self.daemon.stage(name) == stage);
        assert!(
            holds,
            "{name} is {}, not {stage}:\n{}",
            self.daemon.stage(name),
            self.told()
        );
    }

    /// As the daemon says it and as it is.
    #[track_caller]
    fn is_off(&self, name: &str) {
        let is_off = || self.daemon.stage(name) == "off" && !self.room.is_running(name);
        let stage = || self.daemon.stage(name);
        assert!(
            holds_within(OFF_LIMIT, is_off),
            "{name} is {}:\n{}",
            stage(),
            self.told()
        );
    }

    #[track_caller]
    fn both_are_off(&self) {
        for name in SPARES {
            self.is_off(name);
        }
    }

    fn told(&self) -> String {
        format!("{:#?}\n{}", self.room.calls(), self.daemon.text())
    }

    /// No user was refused, met a cold server or was cut off by a stop.
    #[track_caller]
    fn users_are_content(&self) {
        let failures = self.load.failures();
        assert!(failures.is_empty(), "{failures:?}\n{}", self.told());
        assert_eq!(self.room.faults(), [""; 0], "{}", self.told());
    }
}

#[test]
fn a_machine_starts_under_load_serves_and_is_stopped_when_it_is_quiet() {
    for_each_version_at_once(|version| {
        let scene = Scene::start(version, "start_timeout = \"20s\"");
        assert_eq!(scene.room.count("start", "web2"), 0);
        // Two workers of 30 ms each: 66 requests a second are the most that web1 can do.
        scene.web1.change(|its| *its = Behaviour::capacity(2, 30));
        scene.load.set_rate(75.0);
        scene.daemon.wait_for("machine_start", "web2", A_JOURNEY);
        scene.serves("web2");
        scene.daemon.wait_for("machine_started", "web2", SOON);
        scene.load.set_rate(RATE);
        let (begun, run) = (
            scene.daemon.wait_for("disable", "web2", A_JOURNEY),
            A_JOURNEY,
        );
        let stop = scene.daemon.wait_for("machine_stop", "web2", run);
        assert!(begun.at <= stop.at, "in maint first");
        scene.daemon.wait_for("machine_stopped", "web2", SOON);
        scene.is_off("web2");
        let visits = ["warm-up", "check", "user"].map(|it| scene.room.visits("web2", it) > 2);
        assert_eq!(visits, [true; 3], "warmed up, checked, used");
        assert_eq!(scene.room.count("start", "web2"), 1);
        assert_eq!(scene.room.count("stop", "web2"), 1);
        assert_eq!(scene.room.count("start", "web3"), 0, "it was never needed");
        scene.users_are_content();
    });
}

/// What happens to machines, by name.
type Journey = (&'static str, fn(&Version));

/// A start that fails: the next one serves, and the first one is off.
fn a_start_fails(version: &Version) {
    let scene = Scene::start(version, "start_timeout = \"20s\"");
    scene
        .room
        .at("web2", "start", "echo no room on the host >&2\nexit 1");
    scene.is_slow();
    let failed = scene.daemon.wait_for("machine_failed", "web2", A_JOURNEY);
    assert!(
        failed.text.contains("no room on the host"),
        "{}",
        failed.text
    );
    scene.serves("web3");
    scene.is_quiet();
    scene.both_are_off();
    scene.users_are_content();
}

/// One that takes too long: the next one serves, and it is stopped.
fn a_boot_takes_too_long(version: &Version) {
    let scene = Scene::start(version, "start_timeout = \"4s\"");
    let boot_ms = 1_000_000;
    scene.room.hardware(
        "web2",
        Hardware {
            boot_ms,
            ..Hardware::default()
        },
    );
    scene.is_slow();
    let failed = scene.daemon.wait_for("machine_failed", "web2", A_JOURNEY);
    assert!(failed.text.contains("4s"), "{}", failed.text);
    scene.serves("web3");
    scene.is_quiet();
    scene.both_are_off();
    assert_eq!(scene.room.visits("web2", "user"), 0);
    assert!(scene.room.count("stop", "web2") >= 1);
    scene.users_are_content();
}

/// One whose start is ended at its limit and succeeds after it: it is stopped again.
fn a_start_succeeds_after_its_limit(version: &Version) {
    let scene = Scene::start(version, "start_timeout = \"3s\"");
    // The cloud goes on with it after whoever asked for it is gone.
    let late = "(trap '' TERM; sleep 6; boot) </dev/null >/dev/null 2>&1 &\nexec sleep 1000";
    scene.room.at("web2", "start", late);
    scene.room.at(
        "web2",
        "status",
        "lives || { echo '{\"state\":\"starting\"}'; exit 0; }",
    );
    scene.is_slow();
    scene.daemon.wait_for("machine_failed", "web2", A_JOURNEY);
    scene.serves("web3");
    wait_for("its late start", A_JOURNEY, || {
        scene.room.is_running("web2")
    });
    // It is off from now on when it does not run.
    scene.room.at("web2", "status", "");
    scene.is_quiet();
    scene.both_are_off();
    assert!(scene.room.count("stop", "web2") >= 1, "{}", scene.told());
    scene.users_are_content();
}

/// A stop that hangs but did it: what `status` says counts. One that hangs and did nothing: it is said, and
/// the machine is used again when the need comes back.
fn a_stop_hangs(version: &Version) {
    let scene = Scene::start(version, "start_timeout = \"20s\"\nstop_timeout = \"2s\"");
    scene.room.at("web2", "stop", &format!("halt\n{HANGS}"));
    scene.is_slow();
    scene.serves("web2");
    scene.is_quiet();
    scene.is_off("web2");
    scene.room.at("web2", "stop", HANGS);
    scene.is_slow();
    scene.daemon.wait_for_nth("enable", "web2", 2, A_JOURNEY);
    scene.is_quiet();
    scene.daemon.wait_for("machine_failed", "web2", A_JOURNEY);
    assert!(scene.room.is_running("web2"));
    let starts = scene.room.count("start", "web2");
    scene.is_slow();
    scene.daemon.wait_for_nth("enable", "web2", 3, A_JOURNEY);
    assert_eq!(
        scene.room.count("start", "web2"),
        starts,
        "it runs: {}",
        scene.told()
    );
    scene.users_are_content();
}

/// One that dies while it is ready: HAProxy retries whom it had, and another one serves.
fn a_machine_dies_while_it_serves(version: &Version) {
    let scene = Scene::start(version, "start_timeout = \"20s\"");
    scene.is_slow();
    scene.serves("web2");
    scene.room.kill("web2");
    wait_for("another one in service", A_JOURNEY, || {
        let told = |name| scene.daemon.count("enable", name);
        told("web3") > 0 || told("web2") > 1
    });
    wait_for("users on it", SOON, || {
        SPARES
            .iter()
            .any(|name| scene.daemon.stage(name) == "ready" && scene.room.is_running(name))
    });
    scene.is_quiet();
    scene.both_are_off();
    scene.users_are_content();
}

#[test]
fn machines_that_fail_are_late_hang_or_die_end_in_use_or_off_and_users_do_not_notice() {
    // The daemon's part is the same whichever HAProxy it is.
    let Some(version) = versions().first() else {
        return;
    };
    let scenes: [Journey; 5] = [
        ("start fails", a_start_fails),
        ("too long", a_boot_takes_too_long),
        ("late success", a_start_succeeds_after_its_limit),
        ("stop hangs", a_stop_hangs),
        ("dies", a_machine_dies_while_it_serves),
    ];
    thread::scope(|scope| {
        let running = scenes.map(|(name, scene)| {
            let spawned = thread::Builder::new().name(name.to_owned());
            spawned
                .spawn_scoped(scope, move || scene(version))
                .expect("a thread")
        });
        // Each is to end before the failure of one is told.
        let failures = running.map(|it| it.join().err());
        if let Some(failure) = failures.into_iter().flatten().next() {
            std::panic::resume_unwind(failure);
        }
    });
}

#[test]
fn haproxy_is_reloaded_while_a_machine_starts_warms_up_serves_drains_and_stops() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::start(version, "start_timeout = \"30s\"\nstop_timeout = \"20s\"");
    let hardware = Hardware {
        boot_ms: 2000,
        cold_ms: 500,
        ..Hardware::default()
    };
    scene.room.hardware("web2", hardware);
    scene.room.at("web2", "stop", "sleep 3");
    scene.is_slow();
    for phase in ["starting", "warming"] {
        scene.is_in("web2", phase);
        scene.haproxy.reload();
    }
    scene.serves("web2");
    scene.haproxy.reload();
    scene.daemon.wait_for_nth("enable", "web2", 2, A_JOURNEY);
    scene.serves("web2");
    assert_eq!(scene.room.count("start", "web2"), 1, "{}", scene.told());
    // Somebody is on it when it is drained, and still is when HAProxy is reloaded.
    let frontend = scene.haproxy.frontend();
    let long: Vec<_> = (0..4)
        .map(|_| thread::spawn(move || exchange(frontend, &get("/?ms=4500", &[]))))
        .collect();
    scene.is_quiet();
    scene.is_in("web2", "draining-out");
    scene.haproxy.reload();
    for user in long {
        let answer = user.join().expect("a user");
        assert!(answer.is_ok(), "{answer:?}");
    }
    let in_time = holds_within(OFF_LIMIT, || scene.daemon.stage("web2") == "stopping");
    assert!(in_time, "{}", scene.told());
    scene.haproxy.reload();
    scene.is_off("web2");
    assert_eq!(scene.room.count("start", "web3"), 0, "{}", scene.told());
    scene.users_are_content();
}

#[test]
fn an_observing_daemon_asks_no_machine_and_does_not_claim_that_one_started() {
    let Some(version) = versions().first() else {
        return;
    };
    let room = MachineRoom::new(&SPARES);
    let web1 = TinyServer::start("web1", slow());
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend(&web1, &room)));
    let config = daemon(&haproxy, &room, "start_timeout = \"20s\"");
    let daemon = config.argument("--observe").start();
    let _load = Load::open(haproxy.frontend(), RATE);
    daemon.wait_for("would enable", "web2", A_JOURNEY);
    assert_eq!(
        daemon.count("would machine_start", "web2"),
        1,
        "{}",
        daemon.text()
    );
    assert!(
        !daemon.text().contains("machine_started"),
        "{}",
        daemon.text()
    );
    assert_eq!(room.calls(), [""; 0], "nobody was asked");
}
