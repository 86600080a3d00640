//! What everybody on the host could change: refused or said.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Daemon, DaemonConfig, wait_for};

/// For something that should take a moment; generous, machines under test are busy.
const SOON: Duration = Duration::from_secs(20);

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn config(folder: &Path) -> DaemonConfig {
    DaemonConfig::at(&folder.join("admin.sock"), &folder.join("haproxy.log"))
}

#[track_caller]
fn wait_for_problem(daemon: &Daemon, texts: &[&str]) {
    wait_for(&format!("{texts:?}"), SOON, || {
        let problems = daemon.status()["problems"].to_string();
        texts.iter().all(|text| problems.contains(text))
            && texts.iter().all(|text| daemon.text().contains(text))
    });
}

#[test]
fn a_configuration_that_everybody_may_write_is_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = config(folder.path()).start();
    let check = || daemon.ask(&["check"]);
    check().succeeded();
    set_mode(&daemon.config(), 0o666);
    let refused = check();
    assert_ne!(refused.code, Some(0));
    let told = refused.err;
    assert!(
        told.contains("this file is world-writable") && told.contains("chmod o-w"),
        "{told}"
    );
    assert!(!told.contains("name a plain file"), "{told}");
    // Nor at work.
    daemon.signal(Signal::HUP);
    wait_for_problem(&daemon, &["SIGHUP", "this file is world-writable"]);
    let code = daemon.ask(&["run"]).code;
    assert_eq!(code, Some(78));
}

#[test]
fn a_configuration_that_a_group_may_write_is_obeyed_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = config(folder.path()).start();
    let warned = || {
        let checked = daemon.ask(&["check"]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        checked.err.contains("warning[W0010]")
    };
    let owner = fs::metadata(daemon.config()).unwrap().uid();
    set_mode(&daemon.config(), 0o660);
    // Only root may give a file to a group that it is not in.
    let group = owner.wrapping_add(12345);
    if chown(daemon.config(), None, Some(group)).is_ok() {
        assert!(warned());
        set_mode(&daemon.config(), 0o640);
        assert!(!warned());
        set_mode(&daemon.config(), 0o660);
    }
    if chown(daemon.config(), None, Some(owner)).is_ok() {
        assert!(!warned(), "the owner's own group");
    }
}

#[test]
fn an_admin_socket_that_everybody_may_use_or_replace_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let admin = folder.path().join("admin.sock");
    let _listener = UnixListener::bind(&admin).unwrap();
    set_mode(&admin, 0o666);
    let daemon = config(folder.path()).start();
    wait_for_problem(&daemon, &["may give HAProxy orders over"]);
    drop(daemon);
    set_mode(&admin, 0o660);
    // Also if the directory is like /tmp.
    for mode in [0o777, 0o1777] {
        set_mode(folder.path(), mode);
        let daemon = config(folder.path()).start();
        wait_for_problem(&daemon, &["where the admin socket", "where the log"]);
    }
    set_mode(folder.path(), 0o755);
    let daemon = config(folder.path()).start();
    let problems = daemon.status()["problems"].to_string();
    assert!(!problems.contains("everybody"), "{problems}");
}

#[test]
fn a_state_directory_that_everybody_may_write_is_neither_believed_nor_used() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let with_state = || config(folder.path()).state_dir(&state);
    let mut daemon = with_state().start();
    daemon.ask(&["pause"]).succeeded();
    daemon.terminate(SOON);
    let kept = || fs::read_dir(&state).unwrap().flatten().next().unwrap();
    let before = fs::read(kept().path()).unwrap();
    set_mode(&state, 0o777);
    let mut daemon = with_state().start();
    wait_for_problem(
        &daemon,
        &["cannot keep the state", "everybody on this host"],
    );
    assert!(
        daemon.text().contains("is not believed"),
        "{}",
        daemon.text()
    );
    assert_eq!(
        daemon.status()["backends"][0]["paused"],
        serde_json::Value::Null
    );
    daemon.terminate(SOON);
    assert_eq!(fs::read(kept().path()).unwrap(), before);
    set_mode(&state, 0o700);
    let daemon = with_state().start();
    wait_for("the pause of before", SOON, || {
        daemon.status()["backends"][0]["paused"].is_string()
    });
}
