//! How large the page of metrics is with many servers, and how long it takes: `HAPROXY_AUTOSCALE_SERVERS=10000`
//! and `--nocapture` say it of so many.

#![allow(clippy::print_stderr)] // the figures are shown, and what they must not exceed is held

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use haproxy_autoscale::config;
use haproxy_autoscale::metrics::{self, Counters, Format, Seen, Served};
use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::event::{Action, Event};
use haproxy_autoscale::words::picture::{BackendRead, Generation, Picture, ServerRead};
use haproxy_autoscale::words::time::Timestamp;

use super::front::seen;

/// Servers of a backend, the one that is always up included.
const OF_BACKEND: usize = 100;
/// Bytes for each server, and for what is there once or for each backend, at most.
const SERVER_BYTES_MAX: usize = 3000;
const BACKEND_BYTES_MAX: usize = 64 * 1024;

fn asked() -> usize {
    let asked = std::env::var("HAPROXY_AUTOSCALE_SERVERS").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(200)
}

fn configuration(backends: usize) -> String {
    let mut text = String::new();
    for backend in 0..backends {
        let spares: Vec<String> = (1..OF_BACKEND)
            .map(|it| format!("\"server{it}\""))
            .collect();
        let _ = write!(
            text,
            "[backend.backend{backend}]\nalways_up = [\"server0\"]\nspares = [{}]\n\
             response_time = \"500ms\"\n",
            spares.join(", ")
        );
    }
    text
}

/// What a daemon shows whose HAProxy has so many servers, all of which were seen once.
fn look(backends: usize) -> Seen {
    let Ok(loaded) = config::parse(&configuration(backends), "config.toml") else {
        panic!("a configuration");
    };
    let settings = loaded.config.backends.values().map(|it| it.scaler.clone());
    let now = Timestamp::from_ms(0);
    let mut scaler = Scaler::new(now, settings);
    let servers = (0..OF_BACKEND).map(|number| ServerRead {
        name: format!("server{number}"),
        admin: u32::from(number != 0),
        operational: if number == 0 { 2 } else { 0 },
        ..ServerRead::default()
    });
    let read = BackendRead {
        servers: servers.collect(),
        ..BackendRead::default()
    };
    let names = loaded.config.backends.keys();
    let picture = Picture {
        generation: Generation {
            pid: 1,
            start_time_s: 1,
        },
        backends: names.map(|name| (name.clone(), read.clone())).collect(),
        ..Picture::default()
    };
    for action in scaler.handle(now, Event::Tick) {
        if let Action::Read { id, .. } = action {
            let outcome = Ok(picture.clone());
            let _ = scaler.handle(now, Event::HaproxyRead { id, outcome });
        }
    }
    let policies = loaded.config.backends.iter();
    let policies = policies.map(|(name, it)| (name.as_str(), &it.scaler.policies[..]));
    let mut counters = Counters::new(policies, SystemTime::now());
    let views = scaler.snapshot(now);
    counters.pass(now, &views);
    let mut seen = seen();
    seen.report.backends = views;
    seen.counters = counters;
    seen
}

/// The resident memory of this process, bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse::<usize>().ok());
    pages.unwrap_or(0) * rustix::param::page_size()
}

#[test]
fn a_page_of_many_servers_is_as_large_as_its_servers_are_many() {
    let servers = asked();
    let backends = servers.div_ceil(OF_BACKEND);
    let seen = Arc::new(look(backends));
    assert_eq!(seen.report.backends.len(), backends);
    let shown: usize = seen.report.backends.iter().map(|it| it.servers.len()).sum();
    assert_eq!(shown, backends * OF_BACKEND);
    let began = Instant::now();
    let copy = Arc::new(Seen::clone(&seen));
    let copied = began.elapsed();
    for format in [Format::Classic, Format::OpenMetrics] {
        let before = resident();
        let began = Instant::now();
        let page = metrics::text(&copy, Served::default(), format).expect("a page");
        let took = began.elapsed();
        let series = page.lines().filter(|line| !line.starts_with('#')).count();
        let held = resident().saturating_sub(before);
        eprintln!(
            "{shown} servers in {backends} backends, {format:?}: {} bytes, {series} series, written in \
             {took:?}, {held} bytes more resident; a look copied in {copied:?}",
            page.len()
        );
        let most = shown * SERVER_BYTES_MAX + (backends + 1) * BACKEND_BYTES_MAX;
        assert!(page.len() < most, "{} bytes", page.len());
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}
