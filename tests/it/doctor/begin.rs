//! `init`: from a haproxy.cfg with one spare to a daemon that observes, without an editor; and what it makes
//! of less.

#![allow(clippy::print_stderr)] // what could not be tested is said

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use haproxy_autoscale::config;
use haproxy_autoscale::control;
use haproxy_autoscale::scaler::settings::{BackendSettings, Capacity, Spares};
use serde_json::Value;

use super::scene::{Files, Scene};
use crate::support::program::{SOON, run, undisturbed};
use crate::support::{
    Running, Version, binary, for_each_version, versions, wait_for, wait_for_some,
};
use crate::tune::logs::{Kind, World};

/// From `init` to a daemon that reads HAProxy and its log, on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);
/// Nobody's, as `User=haproxy-autoscale`.
const USER: u32 = 64_001;
/// As in the scene's `/etc/group`.
const ADM: u32 = 4;

/// Debian's own `global` and `defaults`, but for the paths, and for what needs root.
fn stock_debian(files: &mut Files, root: &Path) {
    let root = root.display();
    let (_, frontends) = files
        .cfg
        .split_once("\nfrontend users")
        .expect("a frontend");
    files.cfg = format!(
        "global
\tlog {root}/dev/log\tlocal0
\tlog {root}/dev/log\tlocal1 notice
\tlog-tag haproxy
\tstats socket {root}/run/haproxy/admin.sock mode 660 level admin
\tstats timeout 30s

defaults
\tlog\tglobal
\tmode\thttp
\toption\thttplog
\toption\tdontlognull
        timeout connect 5000
        timeout client  50000
        timeout server  50000

frontend users{frontends}"
    );
    files.config.clear();
}

/// As systemd-tmpfiles makes /run/haproxy: what is made in it belongs to its group.
fn hand_on_the_group(scene: &Scene, gid: Option<u32>) {
    let folder = scene.at("run/haproxy");
    if rustix::process::geteuid().is_root() {
        chown(&folder, None, gid).expect("chown");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o2775)).expect("chmod");
}

fn root_of(scene: &Scene) -> String {
    scene.root.path().display().to_string()
}

/// Who runs the daemon.
#[derive(Clone, Copy, Debug, PartialEq)]
enum As {
    Oneself,
    /// The unit's user, in its groups; `init` is root's.
    Unit,
}

/// `init`, then `run`: how long until it reads HAProxy and its log.
fn begin(version: &Version, by: As) -> Duration {
    let mut scene = Scene::new(Some(version), stock_debian);
    hand_on_the_group(&scene, scene.gid);
    scene.restart();
    let root = root_of(&scene);
    let mut through: Vec<String> = Vec::new();
    let mut daemon = binary();
    if by == As::Unit {
        daemon = for_the_unit(&scene);
        let groups = format!("--groups={},{ADM}", scene.gid.expect("a group"));
        let user = USER.to_string();
        let words = ["setpriv", "--reuid", &user, "--regid", &user, &groups];
        through.extend(words.map(str::to_owned));
    }
    let started = Instant::now();
    let told = run(&["init", "--root", &root]).succeeded();
    assert!(
        told.contains("haproxy.cfg and the log have what it needs"),
        "{told}"
    );
    assert!(told.contains("always up web1; spare web2"), "{told}");
    let path = scene.at("etc/haproxy-autoscale/config.toml");
    let path = path.display().to_string();
    through.extend([daemon.display().to_string()]);
    through.extend(["run", "-c", &path].map(str::to_owned));
    let mut command = undisturbed(&through[0]);
    let mut running = Running::start(command.args(&through[1..]));
    let socket = scene.at("run/haproxy-autoscale/control.sock");
    let status =
        || -> Option<Value> { serde_json::from_str(&control::ask_status(&socket).ok()?).ok() };
    let is_connected = |it: &Value| it["haproxy"]["connected"] == true;
    let first = wait_for_some("a daemon", SOON, || status().filter(is_connected));
    assert_eq!(first["mode"], "observe", "{first}");
    scene.ask();
    wait_for("lines of the log", SOON, || {
        status().is_some_and(|it| it["log"]["lines"].as_u64() > Some(0))
    });
    let lasted = started.elapsed();
    let doctor = run(&["doctor", "--root", &root]);
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    assert!(doctor.out.contains("observing"), "{}", doctor.out);
    // It is the only thing to say of a daemon that runs.
    assert!(!doctor.out.contains("daemon_"), "{}", doctor.out);
    running.kill();
    lasted
}

/// Lets that user find what systemd would make for it, and the log for its group alone.
fn for_the_unit(scene: &Scene) -> PathBuf {
    let open = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    };
    open(scene.root.path(), 0o755);
    for (folder, mode) in [
        ("run/haproxy-autoscale", 0o750),
        ("var/lib/haproxy-autoscale", 0o700),
    ] {
        let folder = scene.at(folder);
        fs::create_dir_all(&folder).expect("a folder");
        open(&folder, mode);
        chown(&folder, Some(USER), Some(USER)).expect("chown");
    }
    let log = scene.at("var/log/haproxy.log");
    chown(&log, None, Some(ADM)).expect("chown");
    open(&log, 0o640);
    // The build may lie where only root gets to.
    let program = scene.at("haproxy-autoscale");
    fs::copy(binary(), &program).expect("a copy");
    open(&program, 0o755);
    program
}

#[test]
fn a_stock_debian_file_with_one_spare_leads_to_a_daemon_that_observes_without_an_editor() {
    for_each_version(|version| {
        let lasted = begin(version, As::Oneself);
        eprintln!("a daemon that observes after {lasted:?}");
        assert!(lasted < LIMIT, "{lasted:?}");
    });
}

#[test]
fn the_same_file_serves_the_units_user_with_its_groups() {
    let can_setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    if !rustix::process::geteuid().is_root() || !can_setpriv {
        eprintln!("*** NOT TESTED: only root can become the unit's user, by setpriv");
        return;
    }
    let Some(version) = versions().first() else {
        return;
    };
    let lasted = begin(version, As::Unit);
    eprintln!("a daemon of the unit's user that observes after {lasted:?}");
    assert!(lasted < LIMIT, "{lasted:?}");
}

#[test]
fn what_is_there_already_is_not_overwritten() {
    let scene = Scene::new(None, |_, _| {});
    let root = root_of(&scene);
    let path = scene.at("etc/haproxy-autoscale/config.toml");
    let before = fs::read_to_string(&path).unwrap();
    let said = run(&["init", "--root", &root]).failed(1);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let printed = run(&["init", "--root", &root, "--print"]).succeeded();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        before,
        "--print writes nothing"
    );
    run(&["init", "--root", &root, "--force"]).succeeded();
    assert_eq!(fs::read_to_string(&path).unwrap(), printed);
}

/// What `init` makes of the log of yesterday.
fn learned_of(log: &str) -> BackendSettings {
    let scene = Scene::new(None, |it, _| it.config.clear());
    fs::write(scene.at("var/log/haproxy.log.1"), log).unwrap();
    run(&["init", "--root", &root_of(&scene)]).succeeded();
    let path = scene.at("etc/haproxy-autoscale/config.toml");
    let loaded = config::load(&path).expect("a configuration without mistakes");
    loaded.config.backends["web"].scaler.clone()
}

#[test]
fn yesterdays_log_gives_a_goal_by_its_calm_moments_whatever_rush_is_in_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/spike-then-idle.log");
    let web = learned_of(&fs::read_to_string(path).unwrap());
    // Half of its requests took longer than a second; in peace they take some 60 ms.
    let goal = web.policies.first().expect("a goal").above;
    assert!((150.0..=500.0).contains(&goal), "{goal}");
    assert_eq!(web.always_up, ["web1"]);
    assert_eq!(web.spares, Spares::Named(vec!["web2".to_owned()]));
}

#[test]
fn yesterdays_log_gives_what_one_server_carries_where_it_tells() {
    // Four workers of 60 ms: some 60 a second; the load climbs to that and a little beyond.
    let climb = (0..1_200).map(|second| 6.0 + f64::from(second) * 0.05);
    let world = World {
        rates_per_s: climb.collect(),
        ..World::new(Kind::Workers(4), "exp:60ms", 7)
    };
    let web = learned_of(&world.log());
    let Capacity::From(bracket) = &web.capacity else {
        panic!("{:?}", web.capacity);
    };
    let proved = bracket.proved.expect("a rate").value;
    assert!((30.0..70.0).contains(&proved), "{proved}");
}

#[test]
fn a_socket_alone_is_enough() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::new(Some(version), |it, _| it.config.clear());
    fs::rename(
        scene.at("etc/haproxy/haproxy.cfg"),
        scene.at("etc/haproxy/hidden"),
    )
    .unwrap();
    let (root, socket) = (root_of(&scene), scene.at("run/haproxy/admin.sock"));
    let log = scene.at("var/log/haproxy.log").display().to_string();
    let socket = socket.display().to_string();
    let arguments = [
        "init", "--print", "--root", &root, "--socket", &socket, "--log", &log,
    ];
    let config = run(&arguments).succeeded();
    assert!(config.contains("always_up = [\"web1\"]"), "{config}");
    assert!(config.contains("spares = [\"web2\"]"), "{config}");
    assert!(config.contains("level admin"), "{config}");
    fs::remove_dir_all(scene.at("run/haproxy")).unwrap();
    let said = run(&["init", "--print", "--root", &root]).failed(1);
    assert!(said.contains("--haproxy-cfg"), "{said}");
}
