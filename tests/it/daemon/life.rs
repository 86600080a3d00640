//! The daemon's life: an HAProxy that hangs or is not there, lines counted, signals.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use haproxy_autoscale::publish::hub::{Hub, Taken};
use haproxy_autoscale::publish::record::What;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::{control, daemon};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::Signal;
use tokio::sync::oneshot;

use super::fake::{FakeHaproxy, Place, stop};
use crate::cli::program::{Running, SOON, program, run};
use crate::support::{Behaviour, LogFile, TinyServer, wait_for, wait_for_some};

/// Reading some thousand lines on a busy machine.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn every_line_is_counted_rejected_ones_included() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.request(10);
    place.log.append(b"");
    place.log.append(b"hello");
    place.log.append(&vec![b'x'; 20_000]);
    place.request(10);
    place.wait_for("all lines", |status| status["log"]["lines"] == 5);
    assert_eq!(place.json()["log"]["rejected"], 3);
}

#[test]
fn a_line_about_a_server_wakes_the_next_look_at_haproxy_and_nothing_else() {
    let place = Place::new();
    let text = std::fs::read_to_string(&place.config).unwrap();
    let rarely = text.replace("poll_interval = \"100ms\"", "poll_interval = \"1h\"");
    assert_ne!(text, rarely);
    std::fs::write(&place.config, rarely).unwrap();
    let haproxy = FakeHaproxy::start(&place.admin);
    let _daemon = place.daemon();
    place.wait_for("connected", |status| status["haproxy"]["connected"] == true);
    let reads = || {
        let lines = haproxy.lines().into_iter();
        lines
            .filter(|line| line.contains("show servers state web"))
            .count()
    };
    let before = reads();
    place.log.append(b"Server other/web1 is DOWN.");
    place
        .log
        .append(b"Server web/web1 is DOWN, reason: Layer4 timeout.");
    wait_for("another look", SOON, || reads() > before);
    for _ in 0..200 {
        place.log.append(b"backend web has no server available!");
    }
    place.wait_for("all lines", |status| status["log"]["lines"] == 202);
    // They are understood, and no sign of a wrong format.
    assert_eq!(place.json()["log"]["rejected"], 0);
    assert!(!place.status().succeeded().contains("can be read"));
    assert!(
        reads() < before + 100,
        "{} reads for 202 lines",
        reads() - before
    );
    let lines = haproxy.lines();
    assert!(
        !lines.iter().any(|line| line.starts_with("set ")),
        "{lines:?}"
    );
}

#[test]
fn a_breach_is_logged_by_episode_and_not_by_window() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let daemon = place.daemon();
    place.wait_for("connected", |status| status["haproxy"]["connected"] == true);
    let streak = |status: &serde_json::Value| status["backends"][0]["breaches"].as_u64();
    let mut status = place.json();
    let end = Instant::now() + LONG;
    while streak(&status) < Some(3) && Instant::now() < end {
        place.request(700);
        status = place.json();
    }
    assert!(streak(&status) >= Some(3), "{status}");
    let text = daemon.err.text();
    assert_eq!(text.matches("breach web: ").count(), 1, "{text}");
}

#[test]
fn an_haproxy_that_hangs_stops_neither_the_log_nor_status_nor_the_end() {
    let place = Place::new();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.wait_for("connected", |status| status["haproxy"]["connected"] == true);
    haproxy.hang();
    place.wait_for("not connected", |status| {
        status["haproxy"]["connected"] == false
    });
    for _ in 0..100 {
        place.request(700);
    }
    place.wait_for("the log is read", |status| status["log"]["lines"] == 100);
    let mut text = String::new();
    // At the first or, on a busy machine, at another time of asking.
    wait_for("an answer at once", SOON, || {
        let asked = Instant::now();
        text = place.status().succeeded();
        asked.elapsed() < Duration::from_secs(1)
    });
    assert!(text.contains("HAProxy does not answer"), "{text}");
    assert!(
        text.contains(place.admin.to_str().unwrap()),
        "what was tried: {text}"
    );
    stop(&mut daemon, Signal::TERM);
    let writes = haproxy
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("set "));
    assert_eq!(
        writes.collect::<Vec<_>>(),
        Vec::<String>::new(),
        "nothing on what is not known"
    );
}

#[test]
fn nothing_there_at_all_is_said_and_waited_for() {
    let place = Place::new();
    std::fs::remove_file(place.folder.path().join("x.log")).unwrap();
    let mut running = Running::start(&mut program(&["run", "-c", &place.config]));
    running.err.wait_for("waiting for it");
    running.err.wait_for(place.admin.to_str().unwrap());
    let text = place.status().succeeded();
    assert!(text.contains("x.log does not exist"), "{text}");
    assert!(text.contains("HAProxy does not answer"), "{text}");
    // Now both come.
    let _haproxy = FakeHaproxy::start(&place.admin);
    let log = LogFile::open(&place.folder.path().join("x.log"));
    place.wait_for("HAProxy", |status| status["haproxy"]["connected"] == true);
    running.err.wait_for("reading the log");
    log.append(b"whatever it is, it is a line");
    place.wait_for("the line", |status| status["log"]["lines"] == 1);
    stop(&mut running, Signal::INT);
}

#[test]
fn sigterm_and_sigint_end_it_and_leave_servers_as_they_are() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let haproxy = FakeHaproxy::start(&place.admin);
        let mut daemon = place.daemon();
        place.wait_for("connected", |status| status["haproxy"]["connected"] == true);
        let took = stop(&mut daemon, signal);
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(haproxy.lines().iter().all(|line| !line.starts_with("set ")));
        assert_eq!(daemon.out.text(), "", "all talk goes to standard error");
    }
}

#[test]
fn what_hangs_in_the_system_does_not_hold_up_the_end() {
    let place = Place::new();
    let web2 = TinyServer::start("web2", Behaviour::default());
    let text = std::fs::read_to_string(&place.config).unwrap();
    let text = text.replace("deadline = \"1s\"", "deadline = \"60s\"\ntls_verify = true");
    let url = format!("warm_up_url = \"https://{}/\"\n", web2.address());
    std::fs::write(&place.config, text + "[backend.web.server.web2]\n" + &url).unwrap();
    // Reading it never ends, like the lookup of a name whose server is gone.
    let certificates = place.folder.path().join("certificates");
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, &certificates, FileType::Fifo, mode, 0).unwrap();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut command = program(&["run", "-c", &place.config]);
    let mut daemon = Running::start(command.env("SSL_CERT_FILE", &certificates));
    daemon.err.wait_for("reading the log");
    place.read();
    place.order(&["enable", "web/web2"]).succeeded();
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let _held = wait_for_some("a reader that waits", SOON, || {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(nonblock);
        options.open(&certificates).ok()
    });
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn sighup_reads_the_file_again_all_or_nothing() {
    let place = Place::new();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.wait_for("connected", |status| status["haproxy"]["connected"] == true);
    let good = std::fs::read_to_string(&place.config).unwrap();
    std::fs::write(&place.config, good.replace("500ms", "500")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.err.wait_for("error[E");
    daemon.err.wait_for("the configuration stays as it was");
    std::fs::write(&place.config, good.replace("500ms", "900ms")).unwrap();
    daemon.signal(Signal::HUP);
    let is_new = |status: &serde_json::Value| status["backends"][0]["threshold_ms"] == 900.0;
    wait_for("the new threshold", SOON, || {
        let ran = run(&["status", "--json", "-c", &place.config]);
        // For an instant between the two nobody listens.
        ran.code == Some(0) && is_new(&serde_json::from_str(&ran.out).unwrap())
    });
    stop(&mut daemon, Signal::TERM);
    assert!(haproxy.lines().iter().all(|line| !line.starts_with("set ")));
}

#[test]
fn observing_sends_no_command_that_changes_anything() {
    let place = Place::new();
    let haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = Running::start(&mut program(&["run", "--observe", "-c", &place.config]));
    daemon.err.wait_for("reading the log");
    place.wait_for("connected", |status| status["haproxy"]["connected"] == true);
    assert_eq!(place.json()["mode"], "observe");
    let end = Instant::now() + Duration::from_secs(20);
    while !daemon.err.text().contains("would enable") && Instant::now() < end {
        place.request(700);
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.err.wait_for("would enable");
    stop(&mut daemon, Signal::TERM);
    let lines = haproxy.lines();
    assert!(
        lines.iter().all(|line| line.starts_with("show ")),
        "{lines:?}"
    );
}

/// What was decided because of lines. The counters of this HAProxy do not move with the log, which is
/// a freeze, and on a busy machine it may be asked before it listens.
fn besides_counters(seen: &[(Change, Option<String>)]) -> Vec<Change> {
    let beside = [
        Change::Note,
        Change::Freeze,
        Change::Unreachable,
        Change::Reachable,
    ];
    let changes = seen.iter().map(|(change, _)| *change);
    changes.filter(|change| !beside.contains(change)).collect()
}

#[test]
fn the_library_runs_it_and_shows_every_decision() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let config = haproxy_autoscale::config::load(place.config.as_ref()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let mut seen = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let log = std::thread::scope(|scope| {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        scope.spawn(|| {
            let is_done = is_done;
            while is_done.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout)
            {
                place.request(700);
            }
        });
        let until = async {
            let limit = tokio::time::sleep(Duration::from_secs(30));
            tokio::select! {
                _ = stopped => {}
                () = limit => {}
            }
        };
        let hub = Hub::new();
        let mut readings = hub.read();
        let look = async {
            while let Some(taken) = readings.next().await {
                let Taken::Record(record) = taken else {
                    panic!("{taken:?}");
                };
                let What::Decision { decision, .. } = &record.what else {
                    continue;
                };
                seen.push((decision.change, decision.server.clone()));
                // Nothing listens where the spare should be.
                if decision.change == Change::EnableFailed
                    && let Some(stop) = stop.take()
                {
                    let _ = stop.send(());
                }
            }
        };
        let run = async { tokio::join!(daemon::run(config.config, until, hub), look).0 };
        let ended = runtime.block_on(run);
        drop(done);
        ended
    });
    log.unwrap();
    let changes = besides_counters(&seen);
    let first = [
        Change::Breach,
        Change::Breach,
        Change::Breach,
        Change::WarmUp,
    ];
    assert_eq!(changes[..4], first, "{seen:?}");
    // More breaches may come while it is tried.
    assert!(changes.contains(&Change::EnableFailed), "{seen:?}");
    assert!(!changes.contains(&Change::Enable), "{seen:?}");
    let servers = seen.iter().filter_map(|(_, server)| server.as_deref());
    assert!(servers.clone().all(|server| server == "web2"), "{seen:?}");
}

/// Adds backends to the configuration, each like `web` but for its name.
fn add_backends<const N: usize>(place: &Place, names: [&str; N]) {
    let text = std::fs::read_to_string(&place.config).unwrap();
    let added = names.map(|name| {
        format!("[backend.{name}]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n")
    });
    std::fs::write(&place.config, text + &added.concat()).unwrap();
}

#[test]
fn an_outage_is_said_once_however_many_backends_it_cuts_off() {
    let place = Place::new();
    add_backends(&place, ["api", "shop", "blog"]);
    let mut running = Running::start(&mut program(&["run", "-c", &place.config]));
    running.err.wait_for("unreachable");
    place.wait_for("all backends are looked at", |status| {
        let backends = status["backends"].as_array().cloned().unwrap_or_default();
        backends.len() == 4 && backends.iter().all(|it| it["state"] == "unreachable")
    });
    let _haproxy = FakeHaproxy::start(&place.admin);
    running.err.wait_for("reachable: HAProxy answers again");
    running
        .err
        .wait_for("HAProxy has no backend api; it has web");
    stop(&mut running, Signal::TERM);
    let text = running.err.text();
    assert_eq!(text.matches("unreachable").count(), 1, "{text}");
}

#[test]
fn a_backend_that_haproxy_does_not_have_is_said_with_those_that_it_has() {
    let place = Place::new();
    let text = std::fs::read_to_string(&place.config).unwrap();
    std::fs::write(&place.config, text.replace("backend.web", "backend.wbe")).unwrap();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut running = Running::start(&mut program(&["run", "-c", &place.config]));
    running
        .err
        .wait_for("HAProxy has no backend wbe; it has web");
    assert_eq!(place.json()["haproxy"]["connected"], true);
    stop(&mut running, Signal::TERM);
}

#[test]
fn a_daemon_whose_standard_error_is_gone_goes_on() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut command = program(&["run", "-c", &place.config]);
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    wait_for("an answer", SOON, || {
        control::ask_status(&place.control).is_ok()
    });
    place.wait_for("connected", |status| status["haproxy"]["connected"] == true);
    for _ in 0..100 {
        place.request(700);
    }
    place.wait_for("the log is read", |status| status["log"]["lines"] == 100);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!place.control.exists(), "it cleaned up");
}

#[test]
fn a_log_of_another_format_or_program_is_said_with_the_way_out() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let daemon = place.daemon();
    place.wait_for("the daemon", |status| status["mode"] == "act");
    let line = "Nov 21 23:36:31 lb1 lb[7]: 127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe web/web1 \
                0/0/0/1/1 200 87 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"\n";
    let log = place.folder.path().join("x.log");
    let mut log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(log)
        .unwrap();
    log.write_all(line.repeat(30).as_bytes()).unwrap();
    daemon
        .err
        .wait_for("none of the log's 30 lines can be read (other_program 30)");
    daemon.err.wait_for("set tag = \"lb\" under [log]");
    assert!(
        place
            .status()
            .succeeded()
            .contains("set tag = \"lb\" under [log]")
    );
}

#[test]
fn a_log_that_cannot_be_read_any_more_is_said_after_however_many_good_lines() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let daemon = place.daemon();
    let good = "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe web/web1 0/0/0/1/1 200 87 - - ---- \
                1/1/0/0/0 0/0 \"GET / HTTP/1.1\"\n";
    let log = place.folder.path().join("x.log");
    let mut log = OpenOptions::new().append(true).open(log).unwrap();
    let mut written = 0;
    let mut write = |line: &str, count: usize| {
        log.write_all(line.repeat(count).as_bytes()).unwrap();
        written += count;
        let all = written;
        wait_for("all lines", LONG, || place.json()["log"]["lines"] == all);
    };
    write(good, 5000);
    // HAProxy was given another format.
    write("{\"status\": 200}\n", 2500);
    daemon.err.wait_for("of the log's last ");
    assert!(place.status().succeeded().contains("under [log]"));
    assert!(place.status().succeeded().contains("they are JSON"));
    // What stood before does not matter once the last lines can be read.
    write(good, 60);
    assert!(!place.status().succeeded().contains("under [log]"));
}
