//! The whole daemon against a real HAProxy.

mod back_within;
mod by_hand;
mod compressed;
mod crash;
mod evacuation;
mod failing_spares;
mod fenced;
mod formats;
mod hours;
mod in_and_out;
mod life;
mod light_load;
mod log_file;
mod long_boots;
mod machine_kills;
mod machines;
mod meters;
mod modes;
mod odd_servers;
mod orders;
mod overload;
mod ramps;
mod reload;
mod scene;
mod serving;
mod silence;
mod simulated;
mod socket;
mod terminal;
mod tuned;
mod weights;

/// Facts of HAProxy that the product's safety stands on, held for each version that it promises.
mod support_works {
    use std::time::Duration;

    use crate::support::load::{exchange, fetch, get};
    use crate::support::{
        Backend, Behaviour, HaproxyConfig, Load, RealHaproxy, SyslogFile, TinyServer, Visitor,
        for_each_version, holds_within, wait_for,
    };

    const SOON: Duration = Duration::from_secs(5);
    const CHECK: &str = "check inter 200ms fastinter 200ms downinter 200ms rise 2 fall 2";

    fn full_health(haproxy: &RealHaproxy, server: &str) -> bool {
        let state = haproxy.server_state("web", server);
        state["srv_check_result"] == "3" && state["srv_check_health"] == "3"
    }

    #[test]
    fn an_unchecked_dead_server_gets_users_the_moment_it_is_enabled() {
        for_each_version(|version| {
            let alive = TinyServer::start("web1", Behaviour::default());
            let dead = TinyServer::dead("web2", Behaviour::default());
            let backend = Backend::new("web")
                .server("web1", alive.address(), "")
                .server("web2", dead.address(), "disabled");
            let config = HaproxyConfig::new(backend)
                .defaults("retries 0")
                .defaults("no option redispatch");
            let haproxy = RealHaproxy::start(version, config);
            assert_eq!(haproxy.status("web", "web2"), "MAINT");
            assert_eq!(haproxy.server_state("web", "web2")["srv_admin_state"], "5");
            haproxy.set_state("web/web2", "ready");
            assert_eq!(haproxy.status("web", "web2"), "no check");
            assert_eq!(haproxy.server_state("web", "web2")["srv_admin_state"], "4");
            let answers: Vec<_> = (0..4).map(|_| fetch(haproxy.frontend(), "/")).collect();
            let failed = answers
                .iter()
                .filter(|answer| answer.status == Some(503))
                .count();
            assert_eq!(failed, 2, "every second user: {answers:?}");
            wait_for("the failures in the log", SOON, || {
                haproxy
                    .log_text()
                    .matches(" fe web/web2 0/0/-1/-1/")
                    .count()
                    == 2
            });
        });
    }

    #[test]
    fn drain_runs_the_checks_and_keeps_balanced_users_away() {
        for_each_version(|version| {
            let always_up = TinyServer::start("web1", Behaviour::default());
            let spare = TinyServer::start("web2", Behaviour::default());
            let dead = TinyServer::dead("web3", Behaviour::default());
            let backend = Backend::new("web")
                .server("web1", always_up.address(), CHECK)
                .server("web2", spare.address(), &format!("{CHECK} disabled"))
                .server("web3", dead.address(), &format!("{CHECK} disabled"));
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            assert_eq!(spare.count(Visitor::Check), 0, "checks in maint");
            haproxy.set_state("web/web2", "drain");
            haproxy.set_state("web/web3", "drain");
            // Leaving maint sets health to `rise` before any check: not yet proof of anything.
            let health = &haproxy.server_state("web", "web3")["srv_check_health"];
            assert!(health != "3", "full health of a dead server: {health}");
            wait_for("full health of the spare in drain", SOON, || {
                full_health(&haproxy, "web2")
            });
            assert!(spare.count(Visitor::Check) >= 1);
            wait_for("the dead one to be DOWN", SOON, || {
                haproxy.status("web", "web3").starts_with("DOWN")
            });
            for _ in 0..20 {
                assert_eq!(fetch(haproxy.frontend(), "/").server, "web1");
            }
            assert_eq!(spare.count(Visitor::User), 0);
            haproxy.set_state("web/web2", "ready");
            assert_eq!(haproxy.status("web", "web2"), "UP");
            let load = Load::closed(haproxy.frontend(), 2);
            wait_for("users on the spare", SOON, || load.count_of("web2") > 10);
            assert!(load.failures().is_empty(), "{:?}", load.failures());
        });
    }

    #[test]
    fn a_cookie_reaches_a_draining_server_but_not_one_in_maint() {
        for_each_version(|version| {
            let always_up = TinyServer::start("web1", Behaviour::default());
            let spare = TinyServer::start("web2", Behaviour::default());
            let backend = Backend::new("web")
                .line("cookie SRV insert indirect nocache")
                .server("web1", always_up.address(), "cookie one")
                .server("web2", spare.address(), "cookie two disabled");
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            let request = get("/", &["Cookie: SRV=two"]);
            assert_eq!(exchange(haproxy.frontend(), &request).server, "web1");
            haproxy.set_state("web/web2", "drain");
            assert_eq!(exchange(haproxy.frontend(), &request).server, "web2");
        });
    }

    #[test]
    fn putting_the_last_server_into_maint_is_not_refused_and_users_get_503() {
        for_each_version(|version| {
            let only = TinyServer::start("web1", Behaviour::default());
            let backend = Backend::new("web").server("web1", only.address(), CHECK);
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            assert!(fetch(haproxy.frontend(), "/").is_ok());
            haproxy.set_state("web/web1", "maint");
            assert_eq!(fetch(haproxy.frontend(), "/").status, Some(503));
            wait_for("the line of the refused user", SOON, || {
                haproxy
                    .log_text()
                    .contains(" fe web/<NOSRV> 0/-1/-1/-1/0 503 ")
            });
            assert_eq!(haproxy.stat("web", "BACKEND")["hrsp_5xx"], "1");
        });
    }

    #[test]
    fn maint_does_not_cut_a_request_under_way() {
        for_each_version(|version| {
            let always_up = TinyServer::start("web1", Behaviour::default());
            let spare = TinyServer::start("web2", Behaviour::delay_ms(400));
            let backend = Backend::new("web")
                .server("web1", always_up.address(), "disabled")
                .server("web2", spare.address(), "");
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            let frontend = haproxy.frontend();
            let user = std::thread::spawn(move || fetch(frontend, "/"));
            wait_for("a request on the spare", SOON, || {
                haproxy.stat("web", "web2")["scur"] == "1"
            });
            haproxy.set_state("web/web2", "maint");
            assert_eq!(haproxy.stat("web", "web2")["scur"], "1");
            let answer = user.join().expect("the user's thread");
            assert_eq!((answer.status, answer.server.as_str()), (Some(200), "web2"));
        });
    }

    #[test]
    fn a_reload_silently_takes_back_what_was_enabled() {
        for_each_version(|version| {
            let always_up = TinyServer::start("web1", Behaviour::default());
            let spare = TinyServer::start("web2", Behaviour::default());
            let backend = Backend::new("web")
                .server("web1", always_up.address(), "")
                .server("web2", spare.address(), "disabled");
            let config = HaproxyConfig::new(backend).master_worker();
            let haproxy = RealHaproxy::start(version, config);
            haproxy.set_state("web/web2", "ready");
            assert_eq!(haproxy.server_state("web", "web2")["srv_admin_state"], "4");
            let load = Load::closed(haproxy.frontend(), 2);
            wait_for("users on the spare", SOON, || load.count_of("web2") > 10);
            let before = haproxy.worker_pid();
            haproxy.reload();
            // On a busy machine the old one may still take a connection or two.
            wait_for("another worker and its states", SOON, || {
                let state = haproxy.server_state("web", "web2");
                haproxy.worker_pid() != before && state["srv_admin_state"] == "5"
            });
            let failures = load.failures();
            assert!(failures.is_empty(), "{failures:?}");
        });
    }

    #[test]
    fn a_restart_keeps_port_log_and_socket() {
        for_each_version(|version| {
            let server = TinyServer::start("web1", Behaviour::default());
            let backend = Backend::new("web").server("web1", server.address(), "");
            let mut haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            assert!(fetch(haproxy.frontend(), "/before").is_ok());
            wait_for("the first line", SOON, || {
                haproxy.log_text().contains("GET /before")
            });
            haproxy.stop();
            assert!(haproxy.try_command("show info").is_err());
            assert!(fetch(haproxy.frontend(), "/").status.is_none());
            haproxy.start_again();
            assert!(fetch(haproxy.frontend(), "/after").is_ok());
            let both = || {
                let log = haproxy.log_text();
                log.contains("GET /before") && log.contains("GET /after")
            };
            assert!(
                holds_within(SOON, both),
                "{} {}",
                haproxy.log_text(),
                haproxy.complaint()
            );
        });
    }

    #[test]
    fn an_operator_socket_reads_and_may_not_write() {
        for_each_version(|version| {
            let server = TinyServer::start("web1", Behaviour::default());
            let backend = Backend::new("web").server("web1", server.address(), "");
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
            let socket = haproxy.operator_socket();
            let answer = crate::support::haproxy::command_to(&socket, "show info").expect("answer");
            assert!(answer.contains("Pid: "));
            let answer =
                crate::support::haproxy::command_to(&socket, "set server web/web1 state maint")
                    .expect("answer");
            assert_eq!(answer.trim(), "Permission denied");
        });
    }

    #[test]
    fn the_configurations_that_we_show_are_valid() {
        for_each_version(|version| {
            for name in ["demo.cfg", "your-haproxy.cfg"] {
                let output = std::process::Command::new(&version.path)
                    .args(["-c", "-f"])
                    .arg(format!("{}/haproxy/{name}", env!("CARGO_MANIFEST_DIR")))
                    .envs([("DEMO_DIR", "/nowhere"), ("DEMO_PORT", "18080")])
                    .envs(["WEB1", "WEB2", "WEB3"].map(|web| (web, "127.0.0.1:18101")))
                    .output()
                    .expect("haproxy -c");
                let complaint = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{name}: {complaint}");
                assert!(!complaint.contains("WARNING"), "{name}: {complaint}");
            }
        });
    }

    #[test]
    fn a_server_with_few_workers_gets_slow_under_load_and_fast_again_with_help() {
        let server = TinyServer::start("web1", Behaviour::capacity(2, 20));
        let load = Load::open(server.address(), 150.0);
        wait_for("slow answers", SOON, || {
            let answers = load.answers();
            answers
                .last()
                .is_some_and(|last| last.took > Duration::from_millis(100))
        });
        load.set_rate(20.0);
        wait_for("fast answers", SOON, || {
            let answers = load.answers();
            answers
                .last()
                .is_some_and(|last| last.took < Duration::from_millis(60))
        });
        assert!(load.stop().iter().all(|answer| answer.status == Some(200)));
    }

    #[test]
    fn a_tiny_server_is_cold_dead_and_hung_at_a_word() {
        let cold = Behaviour::default().cold_for_requests(2, 1000);
        let mut server = TinyServer::start("web1", cold);
        let warm_up =
            get("/", &["User-Agent: haproxy-autoscale/0"]).replace("User-Agent: load\r\n", "");
        let took = |request: &str| exchange(server.address(), request).took.as_millis();
        assert!(took(&warm_up) >= 1000 && took(&warm_up) >= 1000 && took(&get("/", &[])) < 1000);
        assert_eq!((server.count(Visitor::WarmUp), server.cold_users()), (2, 0));
        server.die();
        assert!(
            fetch(server.address(), "/")
                .error
                .expect("refused")
                .contains("refused")
        );
        server.revive();
        assert!(fetch(server.address(), "/").is_ok());
        server.change(|behaviour| behaviour.hang = true);
        let address = server.address();
        let user = std::thread::spawn(move || fetch(address, "/"));
        assert!(!holds_within(Duration::from_millis(100), || user.is_finished()));
        server.change(|behaviour| behaviour.hang = false);
        assert!(user.join().expect("the user's thread").is_ok());
    }

    #[test]
    fn a_syslog_receiver_writes_lines_and_rotates_between_them() {
        for_each_version(|version| {
            let server = TinyServer::start("web1", Behaviour::default());
            let folder = tempfile::tempdir().expect("a folder");
            let (log, old) = (folder.path().join("log"), folder.path().join("log.1"));
            let syslog = SyslogFile::udp(&log, true);
            let backend = Backend::new("web").server("web1", server.address(), "");
            let config = HaproxyConfig::new(backend)
                .global(format!("log {} format rfc3164 local0 info", syslog.target));
            let haproxy = RealHaproxy::start(version, config);
            assert!(fetch(haproxy.frontend(), "/before").is_ok());
            wait_for("the first line", SOON, || syslog.lines() == 1);
            syslog.rotate(&old);
            assert!(fetch(haproxy.frontend(), "/after").is_ok());
            wait_for("the second line", SOON, || syslog.lines() == 2);
            let text = std::fs::read_to_string(&old).expect("the old file");
            assert!(
                text.contains(" haproxy[") && text.contains("GET /before"),
                "{text}"
            );
            assert!(!text.starts_with('<'), "{text}");
            let text = std::fs::read_to_string(&log).expect("the new file");
            assert!(text.contains("GET /after"), "{text}");
        });
    }
}
