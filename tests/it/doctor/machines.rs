//! Spares that are off until they are needed: what starts and stops them is looked at and asked, and nobody
//! blames a spare that is off.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use haproxy_autoscale::doctor::{Code, Fix};

use super::broken::{found, is_well_again};
use super::scene::Scene;
use crate::support::{ReservedPort, versions};

/// A host whose web2 has a machine with these keys; nobody listens at web2 if it is off.
fn scene(keys: &str, is_off: bool) -> Option<Scene> {
    let version = versions().first()?;
    // It stays nobody's while this process runs.
    let nobody = Box::leak(Box::new(ReservedPort::new())).address();
    let scene = Scene::new(Some(version), |it, root| {
        let keys = keys.replace("HOOK", &root.join("etc/machine").display().to_string());
        it.config.push_str("\n[backend.web.server.web2.machine]\n");
        it.config.push_str(&keys);
        it.config.push('\n');
        if is_off {
            let line = it.cfg.lines().find(|it| it.contains("server web2"));
            let line = line.expect("web2").to_owned();
            it.cfg(&line, &format!("    server web2 {nobody} check disabled"));
        }
    });
    Some(scene)
}

fn hook(scene: &Scene, text: &str) {
    let path = scene.at("etc/machine");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    mode(&path, 0o755);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const EXEC: &str = "provider = \"exec\"\ncommand = [\"HOOK\", \"it's\"]";

#[test]
fn a_spare_that_is_off_by_its_machine_is_nobodys_fault() {
    let Some(scene) = scene(EXEC, true) else {
        return;
    };
    hook(&scene, "[ $1 != status ] || exit 2");
    is_well_again(&scene);
    // One whose machine runs should answer.
    hook(&scene, "exit 0");
    found(&scene, Code::SpareDead);
}

/// As long as the daemon would wait.
#[test]
fn a_slow_program_has_the_whole_status_timeout_to_answer() {
    let Some(scene) = scene(&format!("{EXEC}\nstatus_timeout = \"30s\""), true) else {
        return;
    };
    hook(&scene, "[ $1 != status ] || { sleep 10.5; exit 2; }");
    is_well_again(&scene);
}

#[test]
fn a_program_that_is_not_there_is_found() {
    let Some(scene) = scene(EXEC, false) else {
        return;
    };
    let finding = found(&scene, Code::MachineProgram);
    assert!(
        finding.place.ends_with("[backend.web.server.web2.machine]"),
        "{finding:?}"
    );
    assert_eq!(finding.fix, Fix::None);
    hook(&scene, "[ $1 = list ] || exit 2");
    is_well_again(&scene);
    mode(&scene.at("etc/machine"), 0o644);
    let path = scene.at("etc/machine");
    let fix = Fix::run(format!("sudo chmod 0755 {}", path.display()));
    assert_eq!(found(&scene, Code::MachineProgram).fix, fix);
}

#[test]
fn a_program_that_others_could_change_is_found_and_not_run() {
    let Some(mut scene) = scene(EXEC, false) else {
        return;
    };
    let ran = scene.at("ran");
    hook(
        &scene,
        &format!("touch {}; [ $1 = list ] || exit 2", ran.display()),
    );
    mode(&scene.at("etc/machine"), 0o757);
    let finding = found(&scene, Code::MachineOpen);
    assert!(!ran.exists());
    assert!(scene.paste(&finding), "{finding:?}");
    is_well_again(&scene);
    assert!(ran.exists());
}

#[test]
fn a_program_that_does_not_know_its_machine_is_found_with_what_it_said() {
    let Some(scene) = scene(EXEC, false) else {
        return;
    };
    hook(&scene, "echo 'no such domain' >&2; exit 1");
    let finding = found(&scene, Code::MachineAnswer);
    assert!(
        finding.text.contains("it ended with 1: no such domain"),
        "{finding:?}"
    );
    let path = scene.at("etc/machine");
    let Fix::Run(by_hand) = &finding.fix else {
        panic!("{finding:?}");
    };
    let begin = "sudo -u haproxy-autoscale env HAS_VERB=status HAS_BACKEND=web HAS_SERVER=web2 HAS_MACHINE=web2 ";
    let end = format!(" '{}' status 'it'\\''s'", path.display());
    assert!(
        by_hand.starts_with(begin) && by_hand.ends_with(&end),
        "{by_hand}"
    );
}

/// What the command prints at a terminal is what the daemon would have heard.
#[test]
fn a_program_that_lists_nothing_is_found_and_the_command_can_be_pasted() {
    let Some(scene) = scene(EXEC, false) else {
        return;
    };
    hook(
        &scene,
        "[ $1 = status ] && exit 0; echo \"$HAS_VERB-$HAS_SERVER-$2\" >&2; exit 64",
    );
    let finding = found(&scene, Code::MachineAnswer);
    assert!(
        finding.text.contains("`list`") && finding.text.contains("it ended with 64: list--it's"),
        "{finding:?}"
    );
    let Fix::Run(by_hand) = &finding.fix else {
        panic!("{finding:?}");
    };
    let (_, by_hand) = by_hand.split_once(" env ").unwrap();
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("env {by_hand}")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "list--it's\n");
}

#[test]
fn an_agent_that_is_not_installed_is_found_with_its_package() {
    let keys = "provider = \"fence\"\nagent = \"fence_nobody_has\"";
    let Some(scene) = scene(keys, false) else {
        return;
    };
    let finding = found(&scene, Code::MachineProgram);
    assert_eq!(finding.fix, Fix::run("sudo apt-get install fence-agents"));
}

#[test]
fn an_agent_that_fails_is_asked_whether_it_reaches_anything() {
    let keys = "provider = \"fence\"\nagent = \"HOOK\"";
    let Some(scene) = scene(keys, false) else {
        return;
    };
    hook(
        &scene,
        "read action; [ $action != action=monitor ] || exit 0; echo broken >&2; exit 1",
    );
    let finding = found(&scene, Code::MachineAnswer);
    assert!(
        finding
            .text
            .contains("reaches what it commands, but does not know"),
        "{finding:?}"
    );
    hook(&scene, "echo broken >&2; exit 1");
    let finding = found(&scene, Code::MachineAnswer);
    assert!(
        finding.text.contains("does not reach what it commands"),
        "{finding:?}"
    );
}

#[test]
fn wake_on_lan_alone_is_not_asked() {
    let keys = "provider = \"wol\"\nmac = \"52:54:00:12:34:56\"";
    let Some(scene) = scene(keys, true) else {
        return;
    };
    is_well_again(&scene);
}

#[test]
fn a_program_of_the_daemons_user_is_right_and_is_not_run_by_root() {
    // The user of the scene's unit.
    const DAEMON: u32 = 990;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let Some(scene) = scene(EXEC, false) else {
        return;
    };
    let ran = scene.at("ran");
    hook(
        &scene,
        &format!("touch {}; [ $1 = list ] || exit 2", ran.display()),
    );
    std::os::unix::fs::chown(scene.at("etc/machine"), Some(DAEMON), None).unwrap();
    is_well_again(&scene);
    assert!(!ran.exists());
    std::os::unix::fs::chown(scene.at("etc/machine"), Some(DAEMON + 1), None).unwrap();
    let path = scene.at("etc/machine");
    let fix = Fix::run(format!("sudo chown root:root {}", path.display()));
    assert_eq!(found(&scene, Code::MachineOpen).fix, fix);
}
