//! The daemon as the unit runs it: a user of its own, the group of the admin socket, the group of the
//! log, and nothing else. Only root can try that.

#![allow(clippy::print_stderr)] // what could not be tested is said

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use crate::support::{
    Backend, Behaviour, Daemon, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, binary,
    for_each_version, holds_within, wait_for,
};

/// For something that should take a moment; generous, machines under test are busy.
const SOON: Duration = Duration::from_secs(20);
/// Nobody's: `User=haproxy-autoscale`, `SupplementaryGroups=haproxy adm`.
const USER: u32 = 64_001;
const HAPROXY: u32 = 64_002;
const ADM: u32 = 64_003;

/// A HAProxy whose admin socket is for group HAPROXY and whose log is for group ADM.
struct Host {
    haproxy: RealHaproxy,
    folder: tempfile::TempDir,
    _servers: [TinyServer; 2],
    _load: Load,
}

impl Host {
    fn start(version: &crate::support::Version) -> Self {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let admin = folder.path().join("admin.sock");
        let servers = [("web1", 150), ("web2", 5)]
            .map(|(name, ms)| TinyServer::start(name, Behaviour::delay_ms(ms)));
        let check = "check inter 200ms fastinter 200ms downinter 200ms rise 2 fall 2";
        let backend = Backend::new("web")
            .server("web1", servers[0].address(), check)
            .server("web2", servers[1].address(), &format!("{check} disabled"));
        let socket = format!(
            "stats socket {} mode 660 level admin gid {HAPROXY}",
            admin.display()
        );
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend).global(socket));
        open_to_all(haproxy.folder());
        chown(haproxy.log(), None, Some(ADM)).unwrap();
        fs::set_permissions(haproxy.log(), fs::Permissions::from_mode(0o640)).unwrap();
        let load = Load::open(haproxy.frontend(), 40.0);
        Self {
            haproxy,
            folder,
            _servers: servers,
            _load: load,
        }
    }

    /// Starts the daemon as USER in those groups, with a state directory of its own.
    fn daemon(&self, groups: &str) -> Daemon {
        let state = self.folder.path().join("state");
        if !state.exists() {
            fs::create_dir(&state).unwrap();
            fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
            chown(&state, Some(USER), Some(USER)).unwrap();
        }
        // The build may lie where only root gets to.
        let program = self.folder.path().join("haproxy-autoscale");
        if !program.exists() {
            fs::copy(binary(), &program).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        chown(folder.path(), Some(USER), Some(USER)).unwrap();
        let user = USER.to_string();
        let groups = format!("--groups={groups}");
        let through = ["setpriv", "--reuid", &user, "--regid", &user, &groups];
        let admin = self.folder.path().join("admin.sock");
        DaemonConfig::at(&admin, &self.haproxy.log())
            .binary(program)
            .state_dir(&state)
            .through(&[&through[..], &["--no-new-privs"]].concat())
            .spawn_in(folder)
    }
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        // Not a failure: who is no root cannot become somebody else.
        eprintln!("NOT TESTED without root: the daemon as another user");
    }
    is_root
}

#[test]
fn two_groups_are_all_that_it_needs() {
    if !is_root() {
        return;
    }
    for_each_version(|version| {
        let host = Host::start(version);
        let mut daemon = host.daemon(&format!("{HAPROXY},{ADM}"));
        daemon.wait_for("enable", "web2", SOON);
        assert_eq!(daemon.problems(), "[] []");
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let fact = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(fact("Uid:"), [USER.to_string().as_str(); 4].join(" "));
        assert_eq!(fact("CapEff:"), "0000000000000000");
        assert_eq!(daemon.terminate(SOON).0, Some(0));
        // Not before: while it runs, the next state lies beside the last for as long as it is written.
        let kept = fs::read_dir(host.folder.path().join("state")).unwrap();
        let mut kept: Vec<_> = kept.flatten().collect();
        for file in &kept {
            let meta = file.metadata().unwrap();
            let found = (meta.uid(), meta.mode() & 0o777);
            assert_eq!(found, (USER, 0o600), "{file:?}");
        }
        // Where it was in the log is kept if the log's first line is long enough to prove it later,
        // which a message of HAProxy's own need not be.
        let is_state = |path: &Path| path.extension().is_none_or(|it| it != "log-checkpoint");
        kept.retain(|file| is_state(&file.path()));
        assert_eq!(
            kept.len(),
            3,
            "the state, the events and their numbers, and nothing else: {kept:?}"
        );
    });
}

#[test]
fn without_the_group_of_the_admin_socket_it_says_so_and_goes_on() {
    if !is_root() {
        return;
    }
    for_each_version(|version| {
        let host = Host::start(version);
        let mut daemon = host.daemon(&ADM.to_string());
        wait_for("what is forbidden", SOON, || {
            let text = daemon.text();
            text.contains("admin.sock") && text.contains("ermission denied")
        });
        assert!(holds_within(SOON, || daemon.try_status().is_some()));
        assert!(
            daemon.problems().contains("ermission denied"),
            "{}",
            daemon.problems()
        );
        assert!(daemon.is_running());
    });
}

#[test]
fn without_the_group_of_the_log_it_says_so_and_goes_on() {
    if !is_root() {
        return;
    }
    for_each_version(|version| {
        let host = Host::start(version);
        let mut daemon = host.daemon(&HAPROXY.to_string());
        wait_for("what is forbidden", SOON, || {
            let text = daemon.text();
            text.contains("haproxy.log") && text.contains("ermission denied")
        });
        assert!(holds_within(SOON, || daemon.try_status().is_some()));
        assert!(daemon.is_running());
    });
}
