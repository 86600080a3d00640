//! The spares are asked as a warm-up asks them: dead ones, those that answer otherwise than expected, and
//! those that a daemon does not try are found, each with what mends it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use haproxy_autoscale::control;
use haproxy_autoscale::doctor::{Code, Level};
use serde_json::Value;

use super::broken::{found, is_well_again};
use super::scene::Scene;
use crate::support::program::SOON;
use crate::support::{Running, binary, versions, wait_for};

/// More spares than are asked at once would take longer, one after the other.
const SPARES: usize = 40;

/// A server that says that to `/`, and 200 to `/ready`.
fn server(status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut read = [0; 2048];
            let count = stream.read(&mut read).unwrap_or(0);
            let is_ready = read[..count].starts_with(b"GET /ready ");
            let status = if is_ready { "200 OK" } else { status };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// web2 is that address, and `more` stands in its backend.
fn scene(address: SocketAddr, more: &str) -> Option<Scene> {
    let version = versions().first()?;
    Some(Scene::new(Some(version), |it, _| {
        let line = it.cfg.lines().find(|it| it.contains("server web2"));
        let line = line.expect("web2").to_owned();
        let backend = format!("    server web2 {address} check disabled\n{more}");
        it.cfg(&format!("{line}\n"), &backend);
    }))
}

/// Nobody listens there.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

#[test]
fn a_dead_spare_is_an_error_where_no_other_answers_and_a_warning_beside_one_that_does() {
    let dead = nobody();
    let Some(alone) = scene(dead, "") else { return };
    let finding = found(&alone, Code::SpareDead);
    assert_eq!(finding.level, Level::Error);
    assert!(finding.text.contains("spare web/web2"), "{finding:?}");
    assert!(finding.text.contains("connection refused"), "{finding:?}");
    assert!(finding.place.contains("haproxy.cfg:"), "{finding:?}");
    assert_eq!(finding.fix.text(), format!("curl -ik 'http://{dead}/'"));
    let other = server("200 OK");
    let beside = format!("    server web3 {other} check disabled\n");
    let beside = scene(nobody(), &beside).expect("HAProxy");
    assert_eq!(found(&beside, Code::SpareDead).level, Level::Warning);
}

#[test]
fn a_status_that_is_not_expected_is_told_with_the_line_that_takes_it() {
    for (status, lines, fix) in [
        ("404 Not Found", "", "expect_status = \"200-399,404\""),
        (
            "404 Not Found",
            "    option httpchk GET /ready\n",
            "path = \"/ready\"",
        ),
        ("401 Unauthorized", "", "expect_status = \"200-399,401\""),
    ] {
        let Some(mut scene) = scene(server(status), lines) else {
            return;
        };
        let finding = found(&scene, Code::SpareAnswer);
        assert_eq!(finding.fix.text(), fix, "{finding:?}");
        assert!(finding.text.contains(&status[..3]), "{finding:?}");
        assert!(finding.text.contains("200-399"), "{finding:?}");
        assert_eq!(finding.level, Level::Error);
        assert!(scene.paste(&finding));
        is_well_again(&scene);
    }
    let Some(broken) = scene(server("500 Internal Server Error"), "") else {
        return;
    };
    let finding = found(&broken, Code::SpareAnswer);
    assert!(finding.fix.text().starts_with("curl"), "{finding:?}");
}

#[test]
fn a_narrow_expectation_is_widened_to_what_is_usual() {
    let Some(scene) = scene(server("302 Found"), "") else {
        return;
    };
    is_well_again(&scene);
    let path = scene.at("etc/haproxy-autoscale/config.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("\n[backend.web.warm_up]\nexpect_status = \"200\"\n");
    fs::write(&path, text).unwrap();
    let finding = found(&scene, Code::SpareAnswer);
    assert_eq!(finding.fix.text(), "expect_status = \"200-399\"");
}

#[test]
fn many_spares_that_say_nothing_are_asked_at_the_same_time() {
    // Takes connections and never answers.
    let silent: Vec<TcpListener> = (0..SPARES)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let lines = silent.iter().enumerate().map(|(index, it)| {
        let address = it.local_addr().expect("an address");
        format!("    server more{index} {address} check disabled\n")
    });
    let Some(scene) = scene(server("200 OK"), &lines.collect::<String>()) else {
        return;
    };
    let path = scene.at("etc/haproxy-autoscale/config.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("\n[backend.web.warm_up]\ntimeout = \"1s\"\n");
    fs::write(&path, text).unwrap();
    let started = Instant::now();
    let (_, findings) = scene.look();
    let dead = findings.iter().filter(|it| it.code == Code::SpareDead);
    assert_eq!(dead.count(), SPARES, "{findings:#?}");
    let lasted = started.elapsed();
    assert!(lasted < Duration::from_secs(8), "{lasted:?}");
}

#[test]
fn a_spare_that_a_running_daemon_keeps_in_quarantine_is_named() {
    let dead = nobody();
    let Some(scene) = scene(dead, "") else { return };
    let config = scene.at("etc/haproxy-autoscale/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    // An order brings it in at once, and fails.
    let quick = "\n[backend.web.warm_up]\ndeadline = \"5s\"\n";
    fs::write(&config, text + quick).unwrap();
    let path = config.display().to_string();
    let mut command = std::process::Command::new(binary());
    let mut daemon = Running::start(command.args(["run", "-c", &path]));
    let socket = scene.at("run/control.sock");
    let status = || -> Value {
        let answer = control::ask_status(&socket).unwrap_or_default();
        serde_json::from_str(&answer).unwrap_or_default()
    };
    wait_for("a daemon", SOON, || {
        status()["haproxy"]["connected"] == true
    });
    let ordered = crate::support::program::run(&["enable", "web/web2", "-c", &path]);
    assert_eq!(ordered.code, Some(0), "{ordered:?}");
    wait_for("a quarantine", SOON, || {
        let servers = status()["backends"][0]["servers"].clone();
        servers
            .as_array()
            .is_some_and(|all| all.iter().any(|it| !it["quarantine"].is_null()))
    });
    let finding = found(&scene, Code::SpareDead);
    assert!(
        finding.text.contains("the daemon does not try it until 2"),
        "{finding:?}"
    );
    // It lives again, and is still not tried.
    let listener = TcpListener::bind(dead).expect("the same port");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 2048]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let finding = found(&scene, Code::SpareQuarantined);
    assert_eq!(finding.level, Level::Warning);
    assert!(finding.text.contains("web/web2 until 2"), "{finding:?}");
    assert!(finding.text.contains("It answers now"), "{finding:?}");
    daemon.kill();
}
