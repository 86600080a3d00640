//! Records `fixtures/` from a real HAProxy under a real load: `haproxy/record-fixtures`.
//!
//! `cargo run --release --example record -- [FOLDER [NAME…]]`. Everything that a log line says is
//! HAProxy's own; only the load, the servers and the hand that enables a spare are made here. What
//! each fixture shows is told in `fixtures/README.md`.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr
)]

#[path = "record/odd.rs"]
mod odd;
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use haproxy_autoscale::config;
use support::load::{abandon, exchange, fetch, get};
use support::{
    Backend, Behaviour, HaproxyConfig, Load, RealHaproxy, SyslogFile, TinyServer, Version,
    versions, wait_for,
};

/// From an answer to its line in the log.
const LINE_LIMIT: Duration = Duration::from_secs(5);
/// What HAProxy calls itself in syslog heads, instead of this machine's name.
const HOST_LINE: &str = "log-send-hostname lb1";
/// The formats of `log … format` whose heads are recorded.
const HEADS: [&str; 8] = [
    "raw", "rfc3164", "rfc5424", "local", "priority", "short", "timed", "iso",
];

/// The newer HAProxy of which the heads and the odd lines are recorded too.
const NEWER: &str = "3.2";

type Recording = fn(&Version, &Path);

/// Formats of lines; `fixtures/formats/NAME.toml` says each, for HAProxy and for us.
const FORMATS: [&str; 5] = ["httpslog", "clf", "custom", "json-like", "secret"];

const RECORDINGS: [(&str, Recording); 10] = [
    ("spike-then-idle", spike_then_idle),
    ("slow-single-request", slow_single_request),
    ("slow-always-up", slow_always_up),
    ("minus-one-and-nosrv", minus_one_and_nosrv),
    ("rotation", rotation),
    ("heads", heads),
    ("heads-3.2", heads),
    ("odd", odd::record),
    ("odd-3.2", odd::record),
    ("formats", formats),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"),
        PathBuf::from,
    );
    let names: Vec<String> = arguments.collect();
    let own = versions().first().expect("a real HAProxy, see tests/run");
    for (name, record) in RECORDINGS {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let version = if name.ends_with(NEWER) {
            versions().iter().find(|version| version.name == NEWER)
        } else {
            Some(own)
        };
        let Some(version) = version else {
            eprintln!("{name}: no HAProxy {NEWER} here, see tests/haproxy-versions");
            continue;
        };
        eprintln!("{name}, HAProxy {} …", version.name);
        // Recordings of many files have a folder of their own.
        let is_folder = name.starts_with("heads") || name.starts_with("odd");
        let folder = if is_folder {
            folder.join(name)
        } else {
            folder.clone()
        };
        fs::create_dir_all(&folder).expect("the fixtures' folder");
        record(version, &folder);
    }
}

/// A load and how long it lasts.
fn phase(load: &Load, per_second: f64, seconds: f64) {
    load.set_rate(per_second);
    sleep(Duration::from_secs_f64(seconds));
}

/// Ends the load, waits until HAProxy has logged all of it, and keeps the log.
fn finish(haproxy: RealHaproxy, load: Load, folder: &Path, name: &str) {
    let answers = load.stop();
    wait_for("a line for each answer", LINE_LIMIT, || {
        haproxy.log_lines() >= answers.len()
    });
    keep(haproxy, folder, name);
}

fn keep(mut haproxy: RealHaproxy, folder: &Path, name: &str) {
    // Before the farewell of a stopping HAProxy, which says nothing about the story.
    let text = haproxy.log_text();
    haproxy.stop();
    eprintln!("  {} lines", text.lines().count());
    fs::write(folder.join(name), text).expect("a fixture");
}

/// Two servers that saturate at 33 requests a second each, the second one a spare.
fn two_servers() -> (TinyServer, TinyServer, Backend) {
    let web1 = TinyServer::start("web1", Behaviour::capacity(2, 60));
    let web2 = TinyServer::start("web2", Behaviour::capacity(2, 60));
    let backend = Backend::new("web")
        .server("web1", web1.address(), "")
        .server("web2", web2.address(), "disabled");
    (web1, web2, backend)
}

fn spike_then_idle(version: &Version, folder: &Path) {
    let (_web1, _web2, backend) = two_servers();
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
    let load = Load::open(haproxy.frontend(), 0.0);
    phase(&load, 10.0, 4.0);
    phase(&load, 50.0, 6.5);
    haproxy.set_state("web/web2", "ready");
    phase(&load, 30.0, 4.0);
    phase(&load, 2.0, 4.0);
    haproxy.set_state("web/web2", "drain");
    sleep(Duration::from_secs(1));
    haproxy.set_state("web/web2", "maint");
    sleep(Duration::from_secs(11));
    finish(haproxy, load, folder, "spike-then-idle.log");
}

fn slow_single_request(version: &Version, folder: &Path) {
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(15));
    let web2 = TinyServer::start("web2", Behaviour::delay_ms(15));
    let backend = Backend::new("web")
        .server("web1", web1.address(), "")
        .server("web2", web2.address(), "disabled");
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
    let load = Load::open(haproxy.frontend(), 0.0);
    phase(&load, 20.0, 4.0);
    let frontend = haproxy.frontend();
    let report = std::thread::spawn(move || fetch(frontend, "/report?ms=4000"));
    phase(&load, 20.0, 9.0);
    assert!(report.join().expect("the slow request").is_ok());
    finish(haproxy, load, folder, "slow-single-request.log");
}

fn slow_always_up(version: &Version, folder: &Path) {
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(300));
    let spares = ["web2", "web3"].map(|name| TinyServer::start(name, Behaviour::delay_ms(20)));
    let mut backend = Backend::new("web").server("web1", web1.address(), "");
    for spare in &spares {
        backend = backend.server(spare.name(), spare.address(), "disabled");
    }
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
    let load = Load::open(haproxy.frontend(), 0.0);
    phase(&load, 10.0, 7.0);
    haproxy.set_state("web/web2", "ready");
    phase(&load, 10.0, 8.0);
    haproxy.set_state("web/web3", "ready");
    phase(&load, 10.0, 8.0);
    finish(haproxy, load, folder, "slow-always-up.log");
}

fn rotation(version: &Version, folder: &Path) {
    let (_web1, _web2, backend) = two_servers();
    let (log, old) = (folder.join("rotation.log"), folder.join("rotation.log.1"));
    let _ = fs::remove_file(&log);
    let syslog = SyslogFile::udp(&log, true);
    let config = HaproxyConfig::new(backend)
        .global(HOST_LINE)
        .global(format!(
            "log {} len 4096 format rfc3164 local0 info",
            syslog.target
        ));
    let haproxy = RealHaproxy::start(version, config);
    let load = Load::open(haproxy.frontend(), 0.0);
    phase(&load, 10.0, 3.0);
    phase(&load, 50.0, 3.0);
    syslog.rotate(&old);
    phase(&load, 50.0, 3.0);
    haproxy.set_state("web/web2", "ready");
    phase(&load, 20.0, 3.0);
    let answers = load.stop();
    wait_for("a line for each answer", LINE_LIMIT, || {
        syslog.lines() > answers.len()
    });
    eprintln!("  {} lines", syslog.lines());
}

/// Five backends that fail each in its own way, and a frontend that answers some paths itself.
fn every_way_to_fail([web1, queue1, hung1, dead1]: [SocketAddr; 4]) -> HaproxyConfig {
    HaproxyConfig::new(Backend::new("web").server("web1", web1, ""))
        .backend(Backend::new("queue").line("timeout queue 500ms").server(
            "queue1",
            queue1,
            "maxconn 2",
        ))
        .backend(
            Backend::new("hung")
                .line("timeout server 800ms")
                .server("hung1", hung1, ""),
        )
        .backend(Backend::new("dead").server("dead1", dead1, ""))
        .backend(Backend::new("empty").server("empty1", web1, "disabled"))
        .defaults("retries 1")
        .defaults("option abortonclose")
        .defaults("timeout http-request 700ms")
        .defaults("timeout tarpit 300ms")
        .frontend("stats enable")
        .frontend("stats uri /stats")
        .frontend("http-request deny if { path /denied }")
        .frontend("http-request tarpit if { path /tarpit }")
        .frontend("http-request redirect location / if { path /old }")
        .frontend("http-request return status 204 if { path /answered-here }")
        .frontend("use_backend %[path,field(2,/)] if { path_beg /queue/ /hung/ /dead/ /empty/ }")
}

fn minus_one_and_nosrv(version: &Version, folder: &Path) {
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(10));
    let queue1 = TinyServer::start("queue1", Behaviour::delay_ms(400));
    let hung1 = TinyServer::start("hung1", Behaviour::default());
    hung1.change(|behaviour| behaviour.hang = true);
    let dead1 = TinyServer::dead("dead1", Behaviour::default());
    let servers = [&web1, &queue1, &hung1, &dead1].map(TinyServer::address);
    let haproxy = RealHaproxy::start(version, every_way_to_fail(servers));
    let frontend = haproxy.frontend();
    let load = Load::open(frontend, 15.0);
    for path in [
        "/denied",
        "/tarpit",
        "/old",
        "/answered-here",
        "/stats",
        "/empty/",
        "/dead/",
    ] {
        for _ in 0..3 {
            fetch(frontend, path);
        }
    }
    fetch(frontend, "/?status=500");
    fetch(frontend, "/?status=404");
    exchange(frontend, "this is not HTTP\r\n\r\n");
    exchange(frontend, "GET / HTTP/1.1\r\nHost: never finished\r\n");
    exchange(frontend, "HEAD / HTTP/1.0\r\nConnection: close\r\n\r\n");
    // A client that leaves in the middle of its own request, and two that leave before the answer.
    abandon(
        frontend,
        "GET / HTTP/1.1\r\nHost: left",
        Duration::from_millis(50),
    );
    abandon(frontend, &get("/?ms=500", &[]), Duration::from_millis(100));
    abandon(
        frontend,
        &get("/hung/abandoned", &[]),
        Duration::from_millis(100),
    );
    let crowd = Load::open_with(frontend, 15.0, &get("/queue/", &[]));
    let patient = Load::open_with(frontend, 6.0, &get("/hung/", &[]));
    sleep(Duration::from_secs(2));
    abandon(
        frontend,
        &get("/queue/left", &[]),
        Duration::from_millis(100),
    );
    sleep(Duration::from_secs(1));
    let beside = [crowd.stop(), patient.stop()].concat();
    assert!(
        beside.iter().any(|answer| answer.status == Some(503)),
        "a queue timeout"
    );
    assert!(
        beside.iter().any(|answer| answer.status == Some(504)),
        "a server timeout"
    );
    haproxy.set_state("web/web1", "maint");
    sleep(Duration::from_millis(300));
    haproxy.set_state("web/web1", "ready");
    sleep(Duration::from_secs(1));
    finish(haproxy, load, folder, "minus-one-and-nosrv.log");
}

fn heads(version: &Version, folder: &Path) {
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(2));
    let web2 = TinyServer::start("web2", Behaviour::delay_ms(2));
    let mut config = HaproxyConfig::new(
        Backend::new("web")
            .server("web1", web1.address(), "")
            .server("web2", web2.address(), "disabled"),
    )
    .global(HOST_LINE);
    let mut receivers = Vec::new();
    for format in HEADS {
        let file = folder.join(format!("{format}.log"));
        let _ = fs::remove_file(&file);
        let syslog = SyslogFile::udp(&file, false);
        config = config.global(format!(
            "log {} len 4096 format {format} local0",
            syslog.target
        ));
        receivers.push(syslog);
    }
    let haproxy = RealHaproxy::start(version, config);
    for number in 0..8 {
        fetch(haproxy.frontend(), &format!("/before/{number}"));
    }
    haproxy.set_state("web/web2", "ready");
    for number in 0..8 {
        fetch(haproxy.frontend(), &format!("/both/{number}"));
    }
    haproxy.set_state("web/web2", "maint");
    exchange(haproxy.frontend(), "this is not HTTP\r\n\r\n");
    fetch(haproxy.frontend(), "/after");
    for syslog in &receivers {
        wait_for("a line for each event", LINE_LIMIT, || syslog.lines() >= 20);
    }
}

fn formats(version: &Version, folder: &Path) {
    for name in FORMATS {
        let web1 = TinyServer::start("web1", Behaviour::delay_ms(20));
        let web2 = TinyServer::dead("web2", Behaviour::delay_ms(2));
        let backend = Backend::new("web")
            .server("web1", web1.address(), "")
            .server("web2", web2.address(), "disabled");
        let file = folder.join("formats").join(format!("{name}.toml"));
        let loaded = config::load(&file).expect("a configuration");
        let option = match loaded.config.log.format.as_str() {
            "clf" => "option httplog clf",
            "httpslog" => "option httpslog",
            format => format,
        };
        let config = HaproxyConfig::new(backend)
            .defaults("retries 0")
            .defaults(option)
            .frontend("http-request deny if { path /denied }")
            .frontend("http-request tarpit if { path /tarpit }")
            .frontend("timeout tarpit 200ms");
        let haproxy = RealHaproxy::start(version, config);
        let frontend = haproxy.frontend();
        for number in 0..4 {
            fetch(frontend, &format!("/before/{number}?q=\"1\""));
        }
        for path in ["/denied", "/tarpit"] {
            fetch(frontend, path);
        }
        exchange(frontend, "this is not HTTP\r\n\r\n");
        // Nobody listens at web2: 503.
        haproxy.set_state("web/web2", "ready");
        haproxy.set_state("web/web1", "maint");
        fetch(frontend, "/refused");
        haproxy.set_state("web/web2", "maint");
        fetch(frontend, "/nobody");
        haproxy.set_state("web/web1", "ready");
        fetch(frontend, "/after");
        wait_for("a line for each event", LINE_LIMIT, || {
            requests(&haproxy.log_text()) >= 10
        });
        keep(haproxy, folder, &format!("formats/{name}.log"));
    }
}

/// Lines that are no messages of HAProxy's own.
fn requests(text: &str) -> usize {
    let is_message = |line: &&str| line.starts_with("Server ") || line.starts_with("backend ");
    text.lines().filter(|line| !is_message(line)).count()
}
