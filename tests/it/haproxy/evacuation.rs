//! `evacuate`: a replacement first, whose machine is off, then the drain; by command and over HTTP.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;

use super::machines::{A_JOURNEY, SPARES, backend, daemon};
use super::scene::{RATE, SOON, fast};
use crate::support::load::exchange;
use crate::support::{
    HaproxyConfig, Hardware, Load, MachineRoom, RealHaproxy, ReservedPort, StateWatch, TinyServer,
    Visitor, for_each_version_at_once, wait_for,
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn an_evacuated_server_leaves_after_its_replacement_has_booted_and_users_do_not_notice() {
    for_each_version_at_once(|version| {
        let room = MachineRoom::new(&SPARES);
        let web1 = TinyServer::start("web1", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend(&web1, &room)));
        let (port, folder) = (ReservedPort::new(), tempfile::tempdir().expect("a folder"));
        let token = folder.path().join("token");
        std::fs::write(&token, format!("ops {TOKEN}\n")).expect("a token");
        let mode = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&token, mode).expect("its mode");
        let http = format!(
            "[http]\nlisten = \"{}\"\ntoken_file = \"{}\"\n",
            port.address(),
            token.display()
        );
        let daemon = daemon(&haproxy, &room, "start_timeout = \"20s\"")
            .more(&http)
            .start();
        let states = StateWatch::start(&haproxy);
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("the first look", SOON, || daemon.stage("web2") == "off");
        let order = ["evacuate", "web/web1", "--for", "20s", "--reason", "spot"];
        let text = daemon.ask(&order).succeeded();
        assert!(text.contains("web2 comes in first"), "{text}");
        let came = daemon.wait_for("enable", "web2", 2 * SOON);
        let left = daemon.wait_for("drain", "web1", 2 * SOON);
        assert!(
            came.at <= left.at,
            "the replacement first: {}",
            daemon.text()
        );
        wait_for("maint", SOON, || states.now("web1") == "maint");
        let before = (room.visits("web2", "user"), web1.count(Visitor::User));
        wait_for("users on web2", SOON, || {
            room.visits("web2", "user") > before.0 + 10
        });
        assert!(web1.count(Visitor::User) <= before.1 + 1, "nobody on web1");
        // The replacement goes, too: over HTTP, and its own replacement comes in first.
        let body = "{\"order\":\"evacuate\",\"target\":\"web/web2\",\"for\":\"20s\"}";
        let request = format!(
            "POST /api/v1/orders HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            port.address(),
            body.len()
        );
        let answer = exchange(port.address(), &request);
        assert_eq!(answer.status, Some(200), "{answer:?}\n{}", daemon.text());
        let came = daemon.wait_for("enable", "web3", 2 * SOON);
        let left = daemon.wait_for("drain", "web2", 2 * SOON);
        assert!(
            came.at <= left.at,
            "the replacement first: {}",
            daemon.text()
        );
        wait_for("maint", 2 * SOON, || states.now("web2") == "maint");
        // Nothing is needed for a while: who stands in stays.
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(daemon.stage("web3"), "ready", "{}", daemon.text());
        let shown: Value =
            serde_json::from_str(&daemon.ask(&["status", "--json"]).out).expect("JSON");
        assert!(shown.to_string().contains("evacuate"), "{shown}");
        assert!(
            load.failures().is_empty(),
            "{:?}\n{}",
            load.failures(),
            daemon.text()
        );
        assert_eq!(room.faults(), [""; 0]);
    });
}

#[test]
fn an_always_up_server_without_a_replacement_is_evacuated_by_force_only() {
    for_each_version_at_once(|version| {
        let room = MachineRoom::new(&SPARES);
        let web1 = TinyServer::start("web1", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend(&web1, &room)));
        let keys = "start_timeout = \"20s\"";
        let daemon = daemon(&haproxy, &room, keys)
            .backend("machines_at_once", "1")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("the first look", SOON, || daemon.stage("web2") == "off");
        for name in SPARES {
            daemon.ask(&["disable", &format!("web/{name}")]).succeeded();
        }
        let refused = daemon.ask(&["evacuate", "web/web1", "--for", "10s"]);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert!(format!("{refused:?}").contains("--force"), "{refused:?}");
        daemon.ask(&["evacuate", "web/web1", "--for", "4s", "--force"]);
        std::thread::sleep(Duration::from_secs(6));
        assert_eq!(
            daemon.stage("web1"),
            "ready",
            "the last that serves stays: {}",
            daemon.text()
        );
        assert!(
            load.failures().is_empty(),
            "{:?}\n{}",
            load.failures(),
            daemon.text()
        );
    });
}

#[test]
fn a_spare_that_leaves_before_its_replacement_has_booted_is_replaced_all_the_same() {
    for_each_version_at_once(|version| {
        let room = MachineRoom::new(&SPARES);
        let web1 = TinyServer::start("web1", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend(&web1, &room)));
        let daemon = daemon(&haproxy, &room, "start_timeout = \"60s\"").start();
        let states = StateWatch::start(&haproxy);
        let load = Load::open(haproxy.frontend(), RATE);
        wait_for("the first look", SOON, || daemon.stage("web2") == "off");
        daemon.ask(&["enable", "web/web2"]).succeeded();
        wait_for("web2", A_JOURNEY, || states.now("web2") == "ready");
        let hardware = Hardware {
            boot_ms: 8000,
            ..Hardware::default()
        };
        room.hardware("web3", hardware);
        daemon
            .ask(&["evacuate", "web/web2", "--for", "6s"])
            .succeeded();
        wait_for("maint", A_JOURNEY, || states.now("web2") == "maint");
        assert_ne!(states.now("web3"), "ready", "it boots: {}", daemon.text());
        // No other order makes that end sooner.
        let text = daemon
            .ask(&["disable", "web/web2", "--for", "1s"])
            .succeeded();
        assert!(text.contains("kept out until `enable`"), "{text}");
        daemon.wait_for("enable", "web3", 2 * A_JOURNEY);
        assert_eq!(states.now("web2"), "maint", "{}", daemon.text());
        // web3 serves still: its evacuation ends at once.
        daemon.ask(&["evacuate", "web/web3", "--for", "60s", "--force"]);
        let text = daemon.ask(&["enable", "web/web3"]).succeeded();
        assert!(text.contains("evacuated no more and stays"), "{text}");
        daemon.ask(&["enable", "web/web2"]).succeeded();
        wait_for("web2 again", A_JOURNEY, || states.now("web2") == "ready");
        assert_eq!(states.now("web3"), "ready", "{}", daemon.text());
        assert!(
            load.failures().is_empty(),
            "{:?}\n{}",
            load.failures(),
            daemon.text()
        );
        assert_eq!(room.faults(), [""; 0]);
    });
}
