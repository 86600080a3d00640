//! The log over restarts, and a daemon that was kept from reading it for long.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use haproxy_autoscale::runtime_api::Address;
use haproxy_autoscale::state::name;
use rustix::process::{Pid, Signal, kill_process};

use super::fake::{FakeHaproxy, Place, stop};
use crate::support::program::{Running, program};
use crate::support::wait_for;

/// Reading 100 MB, or what is left of it, on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A place whose daemon keeps something, and where it keeps where it was in the log.
fn place() -> (Place, PathBuf) {
    let place = Place::new();
    let dir = place.folder.path().join("state");
    let text = std::fs::read_to_string(&place.config).unwrap();
    let text = text.replace("dir = \"\"", &format!("dir = \"{}\"", dir.display()));
    std::fs::write(&place.config, text).unwrap();
    let name = name::file_name(&Address::Unix(place.admin.clone()), name::LOG_CHECKPOINT);
    (place, dir.join(name))
}

fn wait_for_lines(place: &Place, lines: usize) {
    place.wait_for("the lines", |status| status["log"]["lines"] == lines);
}

#[test]
fn a_restart_goes_on_in_the_log_and_takes_nothing_in_between_for_a_rush() {
    let (place, checkpoint) = place();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    for _ in 0..5 {
        place.request(10);
    }
    wait_for_lines(&place, 5);
    stop(&mut daemon, Signal::TERM);
    assert!(checkpoint.exists(), "{}", daemon.err.text());
    for _ in 0..200 {
        place.request(900);
    }
    place.log.rotate(&place.folder.path().join("x.log.1"));
    place.request(900);
    let mut daemon = place.daemon();
    daemon.err.wait_for("resuming the log");
    daemon.err.wait_for("code=log_resumed");
    wait_for_lines(&place, 201);
    assert!(!checkpoint.exists(), "it is used once");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(
        !daemon.err.text().contains("breach"),
        "{}",
        daemon.err.text()
    );
    place.request(10);
    wait_for_lines(&place, 202);
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn after_a_crash_or_a_change_of_the_log_it_starts_at_the_end() {
    let (place, checkpoint) = place();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.request(10);
    wait_for_lines(&place, 1);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    assert!(!checkpoint.exists());
    place.request(10);
    let mut daemon = place.daemon();
    place.request(10);
    wait_for_lines(&place, 1);
    stop(&mut daemon, Signal::TERM);
    let log = place.folder.path().join("x.log");
    std::fs::copy(&log, place.folder.path().join("x.log.1")).unwrap();
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(&log)
        .unwrap();
    place.request(10);
    let mut daemon = place.daemon();
    daemon.err.wait_for("starting at the end of the log");
    daemon.err.wait_for("was cut or rewritten");
    place.request(10);
    wait_for_lines(&place, 1);
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn sighup_loses_no_line() {
    let (place, _) = place();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.request(10);
    wait_for_lines(&place, 1);
    daemon.signal(Signal::HUP);
    for _ in 0..300 {
        place.request(10);
    }
    daemon.err.wait_for("SIGHUP");
    place.request(10);
    wait_for_lines(&place, 302);
    stop(&mut daemon, Signal::TERM);
}

#[test]
fn one_that_only_observes_leaves_nothing_behind() {
    let (place, checkpoint) = place();
    let text = std::fs::read_to_string(&place.config).unwrap();
    std::fs::write(&place.config, format!("mode = \"observe\"\n{text}")).unwrap();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.request(10);
    wait_for_lines(&place, 1);
    stop(&mut daemon, Signal::TERM);
    assert!(!checkpoint.exists());
}

#[test]
fn a_state_directory_that_cannot_be_written_is_said_and_nothing_else_is_wrong() {
    let (place, checkpoint) = place();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.request(10);
    wait_for_lines(&place, 1);
    // The daemon may be writing there, and make the directory anew.
    let dir = checkpoint.parent().unwrap();
    wait_for(
        "a file in place of the directory",
        Duration::from_secs(8),
        || {
            let _ = std::fs::remove_dir_all(dir);
            std::fs::write(dir, "not a directory").is_ok()
        },
    );
    stop(&mut daemon, Signal::TERM);
    let text = daemon.err.text();
    assert!(
        text.contains("cannot remember where reading the log ended"),
        "{text}"
    );
    assert!(text.contains("log-checkpoint"), "{text}");
}

/// A library that, loaded into the daemon, makes every write to disk hang.
fn hanging_disk(place: &Place) -> PathBuf {
    let source = place.folder.path().join("hang.c");
    let library = source.with_extension("so");
    let code = "unsigned sleep(unsigned); int fsync(int fd) { for (;;) sleep(60); }";
    std::fs::write(&source, code).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(
        compiled.unwrap().success(),
        "a C compiler is needed to build, too"
    );
    library
}

#[test]
fn a_disk_that_hangs_does_not_hold_up_the_end() {
    let (place, _) = place();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = Running::start(
        program(&["run", "-c", &place.config]).env("LD_PRELOAD", hanging_disk(&place)),
    );
    daemon.err.wait_for("reading the log");
    place.request(10);
    wait_for_lines(&place, 1);
    stop(&mut daemon, Signal::TERM);
    let text = daemon.err.text();
    assert!(
        text.contains("cannot remember where reading the log ended")
            && text.contains("the disk takes too long"),
        "{text}"
    );
}

#[test]
fn a_daemon_kept_from_reading_for_long_says_so_skips_and_reads_the_next_line() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut daemon = place.daemon();
    place.request(10);
    wait_for_lines(&place, 1);
    let pid = i32::try_from(daemon.child.id())
        .ok()
        .and_then(Pid::from_raw);
    let signal = |signal| kill_process(pid.unwrap(), signal).unwrap();
    signal(Signal::STOP);
    let log = place.folder.path().join("x.log");
    let text = std::fs::read_to_string(&log).unwrap();
    let mebibyte = text.repeat((1 << 20) / text.len() + 1);
    let mut file = OpenOptions::new().append(true).open(&log).unwrap();
    for _ in 0..100 {
        file.write_all(mebibyte.as_bytes()).unwrap();
    }
    signal(Signal::CONT);
    daemon.err.wait_for("skipped the oldest");
    let lines = |status: &serde_json::Value| status["log"]["lines"].as_u64().unwrap();
    wait_for("everything is read", LONG, || {
        let status = place.json();
        lines(&status) > 20_000 && status["log"]["lag_ms"] == 0
    });
    let before = lines(&place.json());
    let all = 100 * (mebibyte.len() / text.len()) as u64;
    assert!(before < all / 5, "{before} of {all} lines were read");
    place.request(10);
    place.wait_for("the next line", |status| lines(status) == before + 1);
    assert_eq!(place.json()["log"]["rejected"], 0, "no half line");
    stop(&mut daemon, Signal::TERM);
}
