//! `init`: from a haproxy.cfg with one spare to a daemon that observes, without an editor; and what it makes
//! of less.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use haproxy_autoscale::config;
use haproxy_autoscale::control;
use haproxy_autoscale::scaler::settings::{BackendSettings, Capacity, Spares};
use serde_json::Value;

use super::scene::{Files, Scene};
use crate::support::program::{SOON, program, run};
use crate::support::{Running, for_each_version, versions, wait_for, wait_for_some};
use crate::tune::logs::{Kind, World};

/// From `init` to a daemon that reads HAProxy and its log, on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

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
        std::os::unix::fs::chown(&folder, None, gid).expect("chown");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o2775)).expect("chmod");
}

fn root_of(scene: &Scene) -> String {
    scene.root.path().display().to_string()
}

#[test]
fn a_stock_debian_file_with_one_spare_leads_to_a_daemon_that_observes_without_an_editor() {
    for_each_version(|version| {
        let mut scene = Scene::new(Some(version), stock_debian);
        hand_on_the_group(&scene, scene.gid);
        scene.restart();
        let root = root_of(&scene);
        let started = Instant::now();
        let told = run(&["init", "--root", &root]).succeeded();
        assert!(
            told.contains("haproxy.cfg and the log have what it needs"),
            "{told}"
        );
        assert!(told.contains("always up web1; spare web2"), "{told}");
        let path = scene.at("etc/haproxy-autoscale/config.toml");
        let path = path.display().to_string();
        let checked = run(&["check", "-c", &path]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        let mut running = Running::start(&mut program(&["run", "-c", &path]));
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
        assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
        let doctor = run(&["doctor", "--root", &root]);
        assert_eq!(doctor.code, Some(0), "{doctor:?}");
        assert!(doctor.out.contains("observing"), "{}", doctor.out);
        running.kill();
    });
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
