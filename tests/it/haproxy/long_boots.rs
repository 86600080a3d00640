//! Machines that boot for minutes hold up nobody who is warm already.

#![allow(clippy::print_stderr)] // the times are told

use std::thread;
use std::time::{Duration, Instant};

use super::scene::{CHECK, RATE, SOON, fast, slow};
use crate::support::{
    Backend, DaemonConfig, HaproxyConfig, Hardware, Load, MachineRoom, RealHaproxy, TinyServer,
    Version, versions, wait_for,
};

/// How much longer the warm spare may take beside them: what two runs of the same differ by on a busy machine.
const NOISE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, PartialEq)]
enum Machines {
    /// No spare has one.
    None,
    /// Two have one, off.
    Off,
    /// Both are asked for and boot for minutes.
    Booting,
}

/// From the death of an always-up server, with the other one slow from that moment on, until the warm
/// spare has had a user.
fn warm_spare_serves_after(version: &Version, machines: Machines) -> Duration {
    let room = MachineRoom::new(&["web2", "web3"]);
    let (web1, web4) = (
        TinyServer::start("web1", fast()),
        TinyServer::start("web4", fast()),
    );
    let mut web5 = TinyServer::start("web5", fast());
    let spare = format!("{CHECK} disabled");
    let mut backend = Backend::new("web")
        .server("web1", web1.address(), CHECK)
        .server("web5", web5.address(), CHECK);
    if machines != Machines::None {
        for name in ["web2", "web3"] {
            let boot_ms = 180_000;
            room.hardware(
                name,
                Hardware {
                    boot_ms,
                    ..Hardware::default()
                },
            );
            backend = backend.server(name, room.address(name), &spare);
        }
    }
    backend = backend.server("web4", web4.address(), &spare);
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
    let mut config = DaemonConfig::new(&haproxy).backend("always_up", "[\"web1\", \"web5\"]");
    if machines != Machines::None {
        config = config.more(&room.tables("start_timeout = \"5m\""));
    }
    let daemon = config.start();
    let load = Load::open(haproxy.frontend(), RATE);
    wait_for("some users", SOON, || load.count() > 10);
    if machines == Machines::Booting {
        for name in ["web2", "web3"] {
            daemon.ask(&["enable", &format!("web/{name}")]).succeeded();
            wait_for("its boot", SOON, || room.is_running(name));
        }
    }
    let died = Instant::now();
    web5.die();
    web1.change(|its| *its = slow());
    daemon.wait_for("enable", "web4", 2 * SOON);
    wait_for("users on the warm spare", SOON, || {
        load.count_of("web4") > 0
    });
    let took = died.elapsed();
    let failures = load.failures();
    assert!(failures.is_empty(), "{failures:?}\n{}", daemon.text());
    took
}

#[test]
fn machines_that_boot_for_minutes_do_not_hold_up_the_warm_spare() {
    let Some(version) = versions().first() else {
        return;
    };
    let kinds = [Machines::None, Machines::Off, Machines::Booting];
    let took = thread::scope(|scope| {
        let runs = kinds.map(|kind| scope.spawn(move || warm_spare_serves_after(version, kind)));
        runs.map(|run| run.join().expect("a run"))
    });
    let [without, off, booting] = took;
    eprintln!(
        "the warm spare serves after {without:?} without machines, {off:?} beside two that are off, {booting:?} beside two that boot"
    );
    assert!(
        off < without + NOISE && booting < without + NOISE,
        "{took:?}"
    );
}
