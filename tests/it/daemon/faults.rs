//! Disks that are full or fail under a daemon: it says so, goes on, believes nothing that was cut off,
//! and recovers by itself. A limit on the size of files is a full disk that anybody can have;
//! `/proc/self/mem` is a file that gives EIO to anybody; the rest needs root and says when it has not.

#![allow(clippy::print_stderr)] // what could not be tested is said

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;

use super::fake::{FakeHaproxy, Place};
use crate::support::program::{Running, SOON, program};
use crate::support::{Behaviour, TinyServer, wait_for};

/// Where SIGXFSZ is ignored a file that may not grow is an error, as on a full disk.
const IGNORING_XFSZ: &str = "trap '' XFSZ; exec \"$@\"";
/// Fewer bytes than any state has.
const FULL: Option<u64> = Some(100);
/// What failed is tried again every ten seconds.
const RETRIED: Duration = Duration::from_secs(60);
/// Its CPU is watched for so long.
const WATCHED: Duration = Duration::from_secs(2);

/// A daemon on a disk that can be full for it.
fn daemon(place: &Place) -> Running {
    let ours = program(&["run", "-c", &place.config]);
    let mut command = Command::new("sh");
    command.args(["-c", IGNORING_XFSZ, "sh"]);
    command.arg(ours.get_program()).args(ours.get_args());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let running = Running::start(&mut command);
    running.err.wait_for("reading the log");
    running
}

/// From now on no file of that daemon can have more bytes.
fn limit(running: &Running, bytes: Option<u64>) {
    let pid = i32::try_from(running.child.id())
        .ok()
        .and_then(Pid::from_raw);
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, limit).expect("a limit on the size of files");
}

/// Ends it; how long that may take is tested elsewhere.
fn end(running: &mut Running) {
    let (code, _) = running.stop(Signal::TERM);
    assert_eq!(code, Some(0), "{}", running.err.text());
}

fn problems(place: &Place) -> String {
    place.status().succeeded()
}

/// Names and sizes of what is in the directory.
fn sizes(dir: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, entry.metadata().map_or(0, |meta| meta.len()))
    });
    sizes.collect()
}

/// It waits for better times without turning round and round.
fn assert_idle(running: &Running) {
    let used = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", running.child.id()));
        let mut total_ns = 0;
        for task in tasks.expect("its threads").flatten() {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let first = text.split(' ').next().and_then(|ns| ns.parse().ok());
            total_ns += first.unwrap_or(0);
        }
        Duration::from_nanos(total_ns)
    };
    let before = used();
    std::thread::sleep(WATCHED);
    let used = used().saturating_sub(before);
    assert!(used < WATCHED / 2, "{used:?} of CPU in {WATCHED:?}");
}

fn count(running: &Running, text: &str) -> usize {
    running.err.text().matches(text).count()
}

#[test]
fn an_order_on_a_disk_that_has_just_filled_up_says_that_it_is_not_kept() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let running = daemon(&place);
    place.read();
    let out = place.order(&["pause", "web"]).succeeded();
    assert!(!out.contains("cannot keep"), "{out}");
    limit(&running, FULL);
    let out = place.order(&["resume", "web"]).succeeded();
    assert!(out.contains("cannot keep the state in"), "{out}");
    assert!(out.contains("a restart knows those of before"), "{out}");
    let out = place.order(&["pin", "web/web2"]).succeeded();
    assert!(out.contains("cannot keep the state in"), "{out}");
    assert!(problems(&place).contains("problem: cannot keep the state in"));
    assert_eq!(count(&running, "WARN cannot keep the state in"), 1);
    assert_idle(&running);
    // What was cut off lies beside what was whole, and only that is believed.
    let torn = sizes(&place.state_dir());
    let torn = torn.iter().find(|(name, _)| name.ends_with(".state.new"));
    assert_eq!(torn.map(|(_, bytes)| *bytes), FULL, "{torn:?}");
    drop(running);
    let mut running = daemon(&place);
    place.read();
    let text = problems(&place);
    assert!(text.contains("paused by "), "as before: {text}");
    assert!(!text.contains("pinned"), "{text}");
    assert_eq!(count(&running, "remembered state"), 0);
    end(&mut running);
}

#[test]
fn a_disk_with_room_again_gets_what_it_could_not_take() {
    let place = Place::new().remembering();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let running = daemon(&place);
    place.read();
    limit(&running, FULL);
    place.order(&["pause", "web"]).succeeded();
    assert!(problems(&place).contains("cannot keep the state in"));
    limit(&running, None);
    wait_for("the state on disk", RETRIED, || {
        count(&running, "the state is kept on disk again") == 1
    });
    assert!(!problems(&place).contains("cannot keep"));
    drop(running);
    let mut running = daemon(&place);
    place.read();
    assert!(problems(&place).contains("paused by "));
    end(&mut running);
}

#[test]
fn a_disk_that_is_full_at_the_end_is_said() {
    let place = Place::new().remembering();
    let web2 = TinyServer::start("web2", Behaviour::default());
    let text = fs::read_to_string(&place.config).unwrap();
    let url = format!("warm_up_url = \"http://{}/\"\n", web2.address());
    fs::write(&place.config, text + "[backend.web.server.web2]\n" + &url).unwrap();
    let haproxy = FakeHaproxy::start(&place.admin);
    haproxy.never_answer_set();
    let mut running = daemon(&place);
    place.read();
    place.order(&["enable", "web/web2"]).succeeded();
    wait_for("the first command", SOON, || haproxy.first_set().is_some());
    place.request(10);
    wait_for_lines(&place, 1);
    limit(&running, FULL);
    // The way back is an intent of its own.
    let (code, _) = running.stop(Signal::TERM);
    let text = running.err.text();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("WARN cannot keep the state in"), "{text}");
    assert!(
        text.contains("WARN cannot remember where reading the log ended"),
        "{text}"
    );
}

/// Puts the name where the link leads from now on.
fn lead(link: &Path, to: &Path) {
    let new = link.with_extension("new");
    symlink(to, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[test]
fn a_log_that_gives_io_errors_is_said_once_and_read_on_when_it_does_not() {
    let place = Place::new();
    let _haproxy = FakeHaproxy::start(&place.admin);
    let (link, real) = (
        place.folder.path().join("x.log"),
        place.folder.path().join("real.log"),
    );
    fs::rename(&link, &real).unwrap();
    lead(&link, &real);
    let mut running = place.daemon();
    place.request(10);
    wait_for_lines(&place, 1);
    for times in 1..=2_usize {
        // Nothing is mapped at its beginning.
        lead(&link, Path::new("/proc/self/mem"));
        let said = "x.log: Input/output error";
        wait_for("the error", SOON, || count(&running, said) == times);
        assert!(problems(&place).contains(said));
        assert!(problems(&place).contains("no scaling: there is no log to read"));
        assert_idle(&running);
        lead(&link, &real);
        place.request(10);
        wait_for_lines(&place, times + 1);
        wait_for("no problem", SOON, || {
            !problems(&place).contains("problem: ")
        });
    }
    end(&mut running);
}

fn wait_for_lines(place: &Place, lines: usize) {
    place.wait_for("the lines", |status: &Value| {
        status["log"]["lines"] == lines
    });
}

/// A small file system of its own; gone with this.
pub(super) struct Disk(PathBuf);

impl Disk {
    /// `None`, and said, where that is not allowed.
    pub(super) fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs"]);
        let mounted = mount.arg(at).output();
        if mounted.as_ref().is_ok_and(|out| out.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("NOT TESTED without the right to mount: {mounted:?}");
        None
    }

    /// Leaves no room, until what it returns is removed.
    pub(super) fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        while file.write_all(&[b'x'; 512]).is_ok() {}
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_state_dir_without_a_byte_left_stops_nothing() {
    let place = Place::new().remembering();
    let Some(disk) = Disk::mount(&place.state_dir()) else {
        return;
    };
    let _haproxy = FakeHaproxy::start(&place.admin);
    let mut running = daemon(&place);
    place.read();
    place.request(10);
    wait_for_lines(&place, 1);
    let ballast = disk.fill();
    place.order(&["enable", "web/web2"]).succeeded();
    running.err.wait_for("enable_failed web/web2");
    let out = place.order(&["pause", "web"]).succeeded();
    assert!(out.contains("No space left on device"), "{out}");
    assert!(problems(&place).contains("No space left on device"));
    assert_idle(&running);
    fs::remove_file(&ballast).unwrap();
    wait_for("the state on disk", RETRIED, || {
        count(&running, "the state is kept on disk again") == 1
    });
    disk.fill();
    end(&mut running);
    let text = running.err.text();
    assert!(
        text.contains("cannot remember where reading the log ended"),
        "{text}"
    );
    let mut running = daemon(&place);
    place.read();
    assert!(problems(&place).contains("paused by "));
    end(&mut running);
}

#[test]
fn a_log_whose_disk_fills_up_or_goes_and_comes_back_is_read_line_by_line() {
    let place = Place::new();
    let dir = place.folder.path().join("log");
    let Some(disk) = Disk::mount(&dir) else {
        return;
    };
    let text = fs::read_to_string(&place.config).unwrap();
    fs::write(&place.config, text.replace("x.log", "log/x.log")).unwrap();
    let log = dir.join("x.log");
    let _haproxy = FakeHaproxy::start(&place.admin);
    fs::write(&log, "").unwrap();
    let mut running = place.daemon();
    let line = "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe web/web1 0/0/0/10/10 200 161 - - ---- \
                1/1/0/0/0 0/0 \"GET / HTTP/1.1\"\n";
    let append = |bytes: &[u8]| {
        let file = fs::OpenOptions::new().create(true).append(true).open(&log);
        file.unwrap().write(bytes).unwrap_or(0)
    };
    assert_eq!(append(line.as_bytes()), line.len());
    wait_for_lines(&place, 1);
    // A writer that has room for half of what it has to say, and says the rest later.
    let ballast = disk.fill();
    let lines = line.repeat(100);
    let mut written = append(lines.as_bytes());
    assert!(written < lines.len(), "{written}");
    let whole = written / line.len() + 1;
    wait_for_lines(&place, whole);
    assert_idle(&running);
    fs::remove_file(ballast).unwrap();
    written += append(&lines.as_bytes()[written..]);
    assert_eq!(written, lines.len());
    wait_for_lines(&place, 101);
    // The disk goes away under the writer's feet; what it still writes is read.
    let mut held = fs::OpenOptions::new().append(true).open(&log).unwrap();
    drop(disk);
    running.err.wait_for("does not exist; waiting for it");
    held.write_all(line.as_bytes()).unwrap();
    wait_for_lines(&place, 102);
    assert!(problems(&place).contains("there is no log to read"));
    assert_idle(&running);
    let _disk = Disk::mount(&dir).expect("a file system");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    append(line.as_bytes());
    wait_for_lines(&place, 103);
    wait_for("no problem with the file", SOON, || {
        let text = problems(&place);
        !text.contains("no log to read") && !text.contains("does not exist")
    });
    assert_eq!(place.json()["log"]["rejected"], 0, "no half line");
    end(&mut running);
}
