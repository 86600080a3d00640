//! Signals that are read from HAProxy itself: what waits, what is open, what arrives.

use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, web};
use crate::support::{
    Backend, Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// Two that set out together are told in one breath; a window is a second.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A daemon that knows nothing of response times.
fn policy(haproxy: &RealHaproxy, signal: &str, above: &str) -> DaemonConfig {
    DaemonConfig::new(haproxy)
        .default_of("response_time")
        .default_of("window")
        .more(&format!(
            "[[backend.web.policy]]\nsignal = \"{signal}\"\nabove = {above}\nwindow = \"1s\"\nbreaches = 2\n"
        ))
}

#[test]
fn requests_that_wait_or_are_open_bring_a_spare_in_that_takes_them() {
    for_each_version_at_once(|version| {
        for (signal, above) in [("queue_length", "3"), ("concurrency", "7.5")] {
            let web1 = TinyServer::start("web1", Behaviour::capacity(4, 150));
            let web2 = TinyServer::start("web2", Behaviour::capacity(4, 150));
            let flags = format!("{CHECK} maxconn 4");
            let config = HaproxyConfig::new(web(&flags, &[&web1, &web2]));
            let haproxy = RealHaproxy::start(version, config.defaults("timeout queue 20s"));
            let load = Load::open(haproxy.frontend(), RATE);
            let daemon = policy(&haproxy, signal, above).start();
            let told = daemon.wait_for("enable", "web2", 2 * SOON);
            assert!(
                told.text.contains(&format!("{signal} mean ")),
                "{}",
                told.text
            );
            assert!(
                told.text.contains(&format!(" > {above} over ")),
                "{}",
                told.text
            );
            wait_for("users on the spare", SOON, || {
                web2.count(Visitor::User) > 10
            });
            let measure = &daemon.status()["backends"][0]["measure"];
            assert_eq!(measure["signal"], signal, "{measure}");
            assert_eq!(measure["unit"], "count", "{measure}");
            assert_users_content(&load, &[&web1, &web2]);
        }
    });
}

#[test]
fn a_rate_of_requests_brings_a_spare_in_and_lets_it_go() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let load = Load::open(haproxy.frontend(), RATE);
        let daemon = policy(&haproxy, "request_rate", "20")
            .default_of("poll_interval")
            .haproxy("poll_interval", "\"500ms\"")
            .start();
        wait_for("the word for it", 2 * SOON, || {
            let text = daemon.ask(&["status"]).out;
            text.contains("BUSY  request_rate ")
        });
        let told = daemon.wait_for("enable", "web2", 2 * SOON);
        assert!(told.text.contains("/s > 20/s over "), "{}", told.text);
        load.set_rate(4.0);
        daemon.wait_for("disable", "web2", 2 * SOON);
        assert_users_content(&load, &[&web1, &web2]);
    });
}

#[test]
fn a_target_brings_in_as_many_servers_as_take_all_that_is_open_and_lets_them_go() {
    for_each_version_at_once(|version| {
        let servers: Vec<_> = ["web1", "web2", "web3"]
            .map(|name| TinyServer::start(name, Behaviour::capacity(64, 300)))
            .into();
        let servers: Vec<&TinyServer> = servers.iter().collect();
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &servers)));
        // By Little's law some 24 requests are open.
        let load = Load::open(haproxy.frontend(), 80.0);
        let daemon = DaemonConfig::new(&haproxy)
            .default_of("response_time")
            .default_of("window")
            .default_of("poll_interval")
            .haproxy("poll_interval", "\"500ms\"")
            .more(
                "[[backend.web.policy]]\nsignal = \"concurrency\"\nper_server = 10\nwindow = \"1s\"\nbreaches = 2\n",
            )
            .start();
        let told = daemon.wait_for("enable", "web2", 2 * SOON);
        assert!(told.text.contains(" at 10 each"), "{}", told.text);
        daemon.wait_for("enable", "web3", 2 * SOON);
        let shown = daemon.ask(&["status"]).out;
        assert!(shown.contains("concurrency mean 2"), "{shown}");
        assert!(shown.contains(" needs 3 servers at 10 each"), "{shown}");
        load.set_rate(8.0);
        daemon.wait_for("disable", "web3", 2 * SOON);
        daemon.wait_for("disable", "web2", 2 * SOON);
        assert_users_content(&load, &servers);
    });
}

#[test]
fn a_queue_brings_in_as_many_servers_at_once_as_have_slots_for_it() {
    for_each_version_at_once(|version| {
        let servers: Vec<_> = ["web1", "web2", "web3", "web4"]
            .map(|name| TinyServer::start(name, Behaviour::capacity(4, 200)))
            .into();
        let servers: Vec<&TinyServer> = servers.iter().collect();
        let flags = format!("{CHECK} maxconn 4");
        let mut backend = Backend::new("web").line("balance leastconn");
        for (index, server) in servers.iter().enumerate() {
            let disabled = if index < 2 { "" } else { " disabled" };
            backend = backend.server(
                server.name(),
                server.address(),
                &format!("{flags}{disabled}"),
            );
        }
        let config = HaproxyConfig::new(backend).defaults("timeout queue 20s");
        let haproxy = RealHaproxy::start(version, config);
        // Two servers carry 40 a second, so that 20 more wait after each second.
        let load = Load::open(haproxy.frontend(), 60.0);
        let daemon = policy(&haproxy, "queue_length", "8")
            .default_of("always_up")
            .backend("always_up", "[\"web1\", \"web2\"]")
            .start();
        let third = daemon.wait_for("warm_up", "web3", 2 * SOON);
        let fourth = daemon.wait_for("warm_up", "web4", SOON);
        let apart = fourth.at.saturating_duration_since(third.at);
        assert!(apart < AT_ONCE, "{apart:?} apart: {}", daemon.text());
        daemon.wait_for("enable", "web3", 2 * SOON);
        daemon.wait_for("enable", "web4", 2 * SOON);
        let shown = daemon.ask(&["status"]).out;
        assert!(!shown.contains("no server has a maxconn"), "{shown}");
        assert_users_content(&load, &servers);
    });
}
