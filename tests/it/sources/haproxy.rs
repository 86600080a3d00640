//! A real HAProxy logs straight to us, with no syslog daemon and no disk between.

use std::time::Duration;

use haproxy_autoscale::log::line::Parser;

use crate::support::{
    Backend, Behaviour, Daemon, DaemonConfig, HaproxyConfig, Load, RealHaproxy, ReservedPort,
    TinyServer, for_each_version_at_once, wait_for,
};

const REQUESTS: usize = 300;
const LIMIT: Duration = Duration::from_secs(60);

fn log(daemon: &Daemon, key: &str) -> usize {
    let number = daemon.status()["log"][key].as_u64();
    usize::try_from(number.unwrap_or(0)).unwrap()
}

/// Lines of `global` and a section of its own: each line of the log goes to that ADDR:PORT.
fn ring(config: HaproxyConfig, name: &str, format: &str, server: &str) -> HaproxyConfig {
    // A section ends where the next one begins.
    config
        .global(format!("ring {name}"))
        .global(format!("format {format}"))
        .global("maxlen 8192")
        .global("size 1048576")
        .global("timeout connect 5s")
        .global("timeout server 10s")
        .global(format!("server us {server}"))
}

#[test]
fn a_ring_keeps_the_lines_until_somebody_listens() {
    for_each_version_at_once(|version| {
        let port = ReservedPort::new();
        let web1 = TinyServer::start("web1", Behaviour::delay_ms(2));
        let backend = Backend::new("web").server("web1", web1.address(), "");
        let config = HaproxyConfig::new(backend).global("log ring@r len 8192 local0 info");
        let address = port.address().to_string();
        let haproxy = RealHaproxy::start(version, ring(config, "r", "rfc3164", &address));
        let load = Load::open(haproxy.frontend(), 100.0);
        wait_for("the requests", LIMIT, || load.count() >= 50);
        let requests = load.stop().len();
        super::run(async {
            let parser = Parser::httplog("haproxy");
            let mut source = super::open(&format!("tcp:{address}"));
            let mut parsed = 0;
            while parsed < requests {
                let lines = super::read(&mut source, 1).await;
                let is_request = |line: &&String| parser.parse(line.as_bytes()).is_ok();
                parsed += lines.iter().filter(is_request).count();
            }
            assert_eq!(parsed, requests);
        });
    });
}

#[test]
fn a_real_haproxy_logs_straight_to_each_of_the_network_sources() {
    for_each_version_at_once(|version| {
        let folder = tempfile::tempdir().unwrap();
        let (admin, socket) = (folder.path().join("admin"), folder.path().join("log"));
        let sources = [
            "udp:127.0.0.1:0".to_owned(),
            format!("unix:{}", socket.display()),
            "tcp:127.0.0.1:0".to_owned(),
            "tcp:127.0.0.1:0".to_owned(),
        ];
        // They listen before HAProxy starts; observing, so that several may stand beside it.
        let daemons = sources.map(|source| {
            DaemonConfig::at(&admin, &socket)
                .log("source", &format!("\"{source}\""))
                .argument("--observe")
                .start()
        });
        let address = |daemon: &Daemon| {
            let source = daemon.status()["log"]["source"].clone();
            let source = source.as_str().unwrap();
            source.split_once(':').unwrap().1.to_owned()
        };
        let [udp, unix, newlines, counted] = daemons.each_ref().map(address);
        let web1 = TinyServer::start("web1", Behaviour::delay_ms(2));
        let backend = Backend::new("web").server("web1", web1.address(), "");
        let mut config = HaproxyConfig::new(backend)
            .global(format!(
                "stats socket {} mode 600 level admin",
                admin.display()
            ))
            .global(format!("log {udp} len 8192 format rfc5424 local0 info"))
            .global(format!("log {unix} len 8192 format rfc3164 local0 info"))
            .global("log ring@lines len 8192 format rfc5424 local0 info")
            .global("log ring@counts len 8192 format rfc3164 local0 info");
        for (name, server) in [
            ("lines", newlines),
            ("counts", format!("{counted} log-proto octet-count")),
        ] {
            config = ring(config, name, "rfc5424", &server);
        }
        let haproxy = RealHaproxy::start(version, config);
        let load = Load::open(haproxy.frontend(), 75.0);
        wait_for("the requests", LIMIT, || load.count() >= REQUESTS);
        let answers = load.stop();
        // Of whichever status: HAProxy writes a line for each answer, also where a busy machine made
        // it a 503.
        let lost: Vec<_> = answers.iter().filter(|it| it.status.is_none()).collect();
        assert!(lost.is_empty(), "{lost:?}");
        for daemon in &daemons {
            let read = || log(daemon, "lines") - log(daemon, "rejected");
            let what = daemon.status()["log"].to_string();
            // A Unix socket holds ten datagrams (net.unix.max_dgram_qlen): while a busy machine does
            // not let the daemon read, HAProxy drops lines at once, and counts them.
            let is_unix = what.contains("\"unix:");
            let dropped = || if is_unix { haproxy.dropped_logs() } else { 0 };
            wait_for(&what, LIMIT, || read() + dropped() >= answers.len());
            assert!(
                read() == answers.len() || (read() < answers.len() && is_unix),
                "{}",
                daemon.text()
            );
            assert_eq!(log(daemon, "lost"), 0);
            let text = daemon.ask(&["status"]).out;
            assert!(
                text.contains("HAProxy answers")
                    || text.contains("HAProxy 2")
                    || text.contains("HAProxy 3"),
                "{text}"
            );
            assert!(!text.contains("contradict"), "{text}");
        }
    });
}
