//! The unit file: its score, its grammar, and that it names what the daemon uses.

#![allow(clippy::print_stderr)] // what could not be tested is said

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use haproxy_autoscale::config;
use haproxy_autoscale::runtime_api::Address;

use crate::support::binary;
use crate::support::program::{self, file};

/// The promise, in the tenths that `--threshold` takes.
const SCORE_TENTHS_MAX: &str = "15";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn unit() -> String {
    fs::read_to_string(folder().join("haproxy-autoscale.service")).unwrap()
}

/// Every value of that key, in order.
fn values(unit: &str, key: &str) -> Vec<String> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value.to_owned())
        .collect()
}

#[track_caller]
fn value(key: &str) -> String {
    let found = values(&unit(), key);
    assert_eq!(found.len(), 1, "{key}");
    found[0].clone()
}

/// Runs a tool of systemd's, which need not run for that; `None`, said loudly, where there is none.
fn systemd(tool: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(tool)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
    {
        Ok(output) => Some(output),
        Err(error) => {
            let is_required = std::env::var("HAPROXY_REQUIRED").is_ok_and(|value| value == "1");
            assert!(!is_required, "{tool}: {error}; install the package systemd");
            eprintln!("*** NOT TESTED: {tool}: {error}");
            None
        }
    }
}

fn told(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

#[test]
fn the_unit_scores_1_5_or_better() {
    let path = folder().join("haproxy-autoscale.service");
    let threshold = format!("--threshold={SCORE_TENTHS_MAX}");
    let arguments = [
        "security",
        "--offline=true",
        "--no-pager",
        &threshold,
        path.to_str().unwrap(),
    ];
    let Some(output) = systemd("systemd-analyze", &arguments) else {
        return;
    };
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    let score = told
        .lines()
        .find_map(|line| line.split_once("Overall exposure level for haproxy-autoscale.service: "));
    let (_, score) = score.unwrap_or_else(|| panic!("no score in {told}"));
    let score: f64 = score.split(' ').next().unwrap().parse().unwrap();
    assert!((0.0..=1.5).contains(&score), "{score}");
}

/// The threads of HTTP and of alerts go behind the one that decides: systemd's filter must let them.
#[test]
fn a_thread_may_make_itself_less_important() {
    let filters = values(&unit(), "SystemCallFilter");
    let place = |wanted: &dyn Fn(&str) -> bool| filters.iter().rposition(|it| wanted(it));
    let forbidden = place(&|it| it.starts_with('~') && it.contains("@resources"));
    let allowed = place(&|it| it == "setpriority");
    assert!(forbidden.is_some(), "{filters:?}");
    assert!(allowed > forbidden, "the later line wins: {filters:?}");
}

#[test]
fn systemd_understands_every_line_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("haproxy-autoscale.service");
    let program = value("ExecStart");
    let program = program.split(' ').next().unwrap();
    // It checks that the program is there.
    let unit = unit().replace(program, binary().to_str().unwrap());
    fs::write(&path, &unit).unwrap();
    let verify = |path: &Path| {
        systemd(
            "systemd-analyze",
            &["verify", "--man=no", path.to_str().unwrap()],
        )
    };
    let Some(output) = verify(&path) else { return };
    let complaints = |output: &Output| {
        let told = told(output);
        let ours = told
            .lines()
            .filter(|line| line.contains("haproxy-autoscale"));
        ours.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complaints(&output), [""; 0]);
    // It would have said so.
    fs::write(&path, unit.replace("WatchdogSec=", "WachdogSec=")).unwrap();
    assert_eq!(complaints(&verify(&path).unwrap()).len(), 1);
}

#[test]
fn its_paths_are_those_that_the_daemon_uses_by_itself() {
    let text = "[log]\nsource = \"/var/log/haproxy.log\"\n[backend.web]\n\
                always_up = [\"web1\"]\nresponse_time = \"500ms\"\n";
    let config = config::parse(text, "text").unwrap().config;
    let run = format!("/run/{}", value("RuntimeDirectory"));
    assert_eq!(config.control_socket.parent(), Some(Path::new(&run)));
    let state = PathBuf::from(format!("/var/lib/{}", value("StateDirectory")));
    assert_eq!(config.state_dir, Some(state));
    assert_eq!(value("StateDirectoryMode"), "0700");
    let Address::Unix(admin) = config.haproxy.socket else {
        panic!("no Unix socket");
    };
    assert_eq!(admin, Path::new("/run/haproxy/admin.sock"));
    let groups = value("SupplementaryGroups");
    assert_eq!(groups, "haproxy adm");

    let help = program::run(&["run", "--help"]).succeeded();
    let file = format!("/etc/{}/config.toml", value("ConfigurationDirectory"));
    assert!(help.contains(&format!("{file}]")), "{help}");
    let start = value("ExecStart");
    let program = start.strip_suffix(&format!(" run -c {file}"));
    let program = program.unwrap_or_else(|| panic!("{start}"));
    let to = Path::new(program).parent().unwrap().display().to_string();
    let install = format!("install target/release/haproxy-autoscale {to}/");
    for page in ["README.md", "docs/setting-up.md", "docs/operating.md"] {
        let text = fs::read_to_string(folder().join("..").join(page)).unwrap();
        assert!(
            text.contains(&install),
            "{page} does not install it in {to}"
        );
    }
    let reload = values(&unit(), "ExecReload");
    assert_eq!(reload[0], format!("{program} check -c {file}"));
    assert_eq!(reload[1], "/bin/kill -HUP $MAINPID");
}

#[test]
fn what_starting_again_cannot_help_is_not_tried_again() {
    assert_eq!(value("Type"), "notify");
    assert_eq!(value("Restart"), "on-failure");
    assert_eq!(value("RestartPreventExitStatus"), "75 78");
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "config.toml", "nonsense");
    assert_eq!(program::run(&["run", "-c", &config]).code, Some(78));
}

#[test]
fn its_user_is_made_without_a_shell_or_a_password() {
    let user = value("User");
    assert_eq!(value("Group"), user);
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    let path = folder().join("haproxy-autoscale.sysusers");
    let at = format!("--root={}", root.path().display());
    let Some(output) = systemd("systemd-sysusers", &[&at, path.to_str().unwrap()]) else {
        return;
    };
    assert!(output.status.success(), "{}", told(&output));
    let passwd = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    let row: Vec<&str> = passwd.trim_end().split(':').collect();
    assert_eq!(
        (row[0], row[5], row[6]),
        (&*user, "/var/lib/haproxy-autoscale", "/usr/sbin/nologin")
    );
    assert_ne!(row[2], "0");
    // The group of HAProxy's socket is made where HAProxy is not installed yet: without it the unit fails.
    let group = fs::read_to_string(root.path().join("etc/group")).unwrap();
    let names = group.lines().filter_map(|line| line.split(':').next());
    assert_eq!(names.collect::<Vec<_>>(), ["haproxy", &*user]);
}
