//! Every broken set-up is found, and mended by pasting what is printed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use haproxy_autoscale::doctor::facts::{Answer, Daemon, LogFile, Report, Reported};
use haproxy_autoscale::doctor::{Code, Facts, Finding, Fix, Level, examine, is_well};

use super::cases::{Case, HOST, LOG, OURS, SERVERS, SOCKET};
use super::scene::Scene;
use crate::support::{Version, for_each_version, versions};

/// Findings of one set-up that are pasted one after the other.
const PASTES_MAX: usize = 8;
const WORKERS: usize = 4;

/// Whether what was broken is found, and then mended.
fn mend(case: &Case, version: &Version) -> Result<bool, String> {
    let named = format!("{} {}", case.code, case.how);
    let mut scene = Scene::new(case.is_live.then_some(version), case.edit);
    let (_, mut findings) = scene.look();
    let found = findings.iter().find(|it| it.code.as_str() == case.code);
    let Some(found) = found else {
        return Err(format!("{named}: not found, but {findings:#?}"));
    };
    if found.text.is_empty() || found.place.is_empty() {
        return Err(format!("{named}: says nothing: {found:?}"));
    }
    let mut pasted = Vec::new();
    for _ in 0..PASTES_MAX {
        let is_of_case = |it: &Finding| it.code.as_str() == case.code;
        if findings.iter().all(|it| !is_of_case(it)) && is_mended(case, &findings) {
            return Ok(true);
        }
        let next = findings
            .iter()
            .filter(|it| it.code.level() != Level::Advice && it.fix != Fix::None)
            .min_by_key(|it| !is_of_case(it))
            .cloned();
        let Some(next) = next else { break };
        if !scene.paste(&next) {
            break;
        }
        pasted.push(next);
        findings = scene.look().1;
    }
    if case.mends {
        return Err(format!(
            "{named}: pasted {pasted:#?}, and still {findings:#?}"
        ));
    }
    Ok(false)
}

/// Without a HAProxy it stays away, whatever is pasted.
fn is_mended(case: &Case, findings: &[Finding]) -> bool {
    !case.is_live || is_well(findings)
}

/// Runs all of them on some threads; how many were mended.
fn mend_all(cases: &[&Case], version: &Version) -> usize {
    let (next, mended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match mend(case, version) {
                        Ok(is_mended) => {
                            mended.fetch_add(usize::from(is_mended), Ordering::Relaxed);
                        }
                        Err(fault) => faults.lock().unwrap().push(fault),
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    mended.into_inner()
}

#[test]
fn every_broken_set_up_is_found_and_mended_by_pasting_what_is_printed() {
    let Some(version) = versions().first() else {
        return;
    };
    let cases: Vec<&Case> = SOCKET
        .iter()
        .chain(&LOG)
        .chain(&SERVERS)
        .chain(&OURS)
        .chain(&HOST)
        .collect();
    let mended = mend_all(&cases, version);
    let by_hand = cases.iter().filter(|it| !it.mends).count();
    assert_eq!(mended, cases.len() - by_hand, "of {}", cases.len());
    assert!(mended >= 40);
}

/// A scene with a running HAProxy, in which something goes wrong afterwards.
pub(super) fn running(version: &Version) -> Scene {
    let scene = Scene::new(Some(version), |_, _| {});
    let (_, findings) = scene.look();
    assert!(is_well(&findings), "{findings:#?}");
    scene
}

#[track_caller]
pub(super) fn found(scene: &Scene, code: Code) -> Finding {
    let (_, findings) = scene.look();
    let finding = findings.iter().find(|it| it.code == code).cloned();
    finding.unwrap_or_else(|| panic!("no {code:?} in {findings:#?}"))
}

#[track_caller]
pub(super) fn is_well_again(scene: &Scene) {
    let (_, findings) = scene.look();
    assert!(is_well(&findings), "{findings:#?}");
}

#[test]
fn a_file_that_haproxy_does_not_run_with_yet_is_found_and_a_reload_ends_it() {
    let Some(version) = versions().first() else {
        return;
    };
    let mut scene = running(version);
    let path = scene.at("etc/haproxy/haproxy.cfg");
    let line = format!(
        "    server web3 {} check disabled\n\nfrontend origin",
        scene.server(1)
    );
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\nfrontend origin", &line)).unwrap();
    let finding = found(&scene, Code::CfgNotInForce);
    assert!(finding.text.contains("web/web3"), "{finding:?}");
    assert!(scene.paste(&finding));
    is_well_again(&scene);
}

#[test]
fn a_log_that_the_daemon_may_not_read_is_found() {
    let Some(version) = versions().first() else {
        return;
    };
    let mut scene = running(version);
    let log = scene.at("var/log/haproxy.log");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).unwrap();
    let finding = found(&scene, Code::LogUnreadable);
    assert!(scene.paste(&finding));
    is_well_again(&scene);
}

#[test]
fn a_log_that_has_stopped_is_found_by_haproxys_counters() {
    let Some(version) = versions().first() else {
        return;
    };
    let mut scene = running(version);
    fs::write(scene.at("var/log/haproxy.log"), "").unwrap();
    let finding = found(&scene, Code::LogStale);
    assert!(scene.paste(&finding));
    is_well_again(&scene);
}

#[test]
fn lines_of_another_name_are_found_without_a_haproxy_cfg_too() {
    let Some(version) = versions().first() else {
        return;
    };
    let mut scene = Scene::new(Some(version), |it, _| {
        it.config("[log]\n", "[log]\ntag = \"edge\"\n");
    });
    // The file is where nobody looks for it.
    let hidden = scene.at("etc/haproxy/other.cfg");
    fs::rename(scene.at("etc/haproxy/haproxy.cfg"), &hidden).unwrap();
    let finding = found(&scene, Code::LogUnread);
    assert_eq!(finding.fix.text(), "tag = \"haproxy\"");
    fs::rename(&hidden, scene.at("etc/haproxy/haproxy.cfg")).unwrap();
    assert!(scene.paste(&finding));
    is_well_again(&scene);
}

#[test]
fn a_format_from_a_variable_that_this_haproxy_does_not_set_is_found() {
    for_each_version(|version| {
        let mut scene = Scene::new(Some(version), |it, _| {
            let own = "    log-format \"${HAPROXY_HTTP_LOG_FMT} %ID\"";
            it.cfg("    option httplog", own);
            it.config(
                "[log]\n",
                "[log]\nformat = \"${HAPROXY_HTTP_LOG_FMT} %ID\"\n",
            );
        });
        if version.name.as_str() < "2.7" {
            let finding = found(&scene, Code::FormatRefused);
            assert!(scene.paste(&finding));
            let finding = found(&scene, Code::FormatDiffers);
            assert!(scene.paste(&finding));
        }
        let (_, findings) = scene.look();
        let grave = findings.iter().filter(|it| it.code.level() == Level::Error);
        assert_eq!(grave.count(), 0, "{findings:#?}");
    });
}

#[test]
fn haproxy_that_does_not_run_is_found() {
    let scene = Scene::new(None, |_, _| {});
    let finding = found(&scene, Code::SocketMissing);
    let command = format!(
        "sudo haproxy -c -f {} && sudo systemctl reload-or-restart haproxy",
        scene.at("etc/haproxy/haproxy.cfg").display()
    );
    assert_eq!(finding.fix.text(), command);
    // A HAProxy that was killed leaves its file behind, whose group says nothing.
    drop(UnixListener::bind(scene.at("run/haproxy/admin.sock")).unwrap());
    found(&scene, Code::SocketMissing);
    let (_, findings) = scene.look();
    assert!(
        findings.iter().all(|it| it.code != Code::SocketGroup),
        "{findings:#?}"
    );
}

#[test]
fn of_a_haproxy_that_does_not_run_nothing_is_said_but_that() {
    // As Debian ships it: the group comes from the directory, and is nobody's before the socket is made.
    let scene = Scene::new(None, |it, _| {
        let group = it.cfg.split(" group ").nth(1).expect("a group");
        let group = group.split(' ').next().expect("its name").to_owned();
        it.cfg(&format!(" group {group}"), "");
    });
    fs::write(scene.at("var/log/haproxy.log"), "").unwrap();
    let (_, findings) = scene.look();
    let grave = findings
        .iter()
        .filter(|it| it.code.level() != Level::Advice);
    let grave: Vec<Code> = grave.map(|it| it.code).collect();
    assert_eq!(grave, [Code::SocketMissing], "{findings:#?}");
}

#[test]
fn a_socket_that_says_something_else_is_found() {
    let scene = Scene::new(None, |_, _| {});
    let listener = UnixListener::bind(scene.at("run/haproxy/admin.sock")).unwrap();
    let talk = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
    });
    let finding = found(&scene, Code::SocketSilent);
    assert!(finding.text.contains("admin.sock"), "{finding:?}");
    talk.join().unwrap();
}

#[test]
fn a_haproxy_cfg_that_is_none_is_found() {
    let mut scene = Scene::new(None, |_, _| {});
    scene.options.cfg = vec![scene.at("etc/haproxy/gone.cfg")];
    found(&scene, Code::CfgUnreadable);
}

#[test]
fn what_is_worth_knowing_of_the_host_is_advice() {
    let scene = Scene::new(None, |it, _| {
        it.other("sys/fs/selinux/enforce", "1");
        it.other(
            "etc/logrotate.d/haproxy",
            "/var/log/haproxy.log {\n    daily\n    copytruncate\n}\n",
        );
    });
    found(&scene, Code::Selinux);
    let finding = found(&scene, Code::Copytruncate);
    assert_eq!(finding.fix.text(), "    nocopytruncate");
}

#[test]
fn a_log_that_was_just_rotated_has_not_stopped() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = running(version);
    let log = scene.at("var/log/haproxy.log");
    fs::copy(&log, scene.at("var/log/haproxy.log.1")).unwrap();
    fs::write(&log, "").unwrap();
    is_well_again(&scene);
}

/// What is found where one fact is another.
fn found_if(scene: &Scene, change: impl FnOnce(&mut Facts)) -> Vec<Code> {
    let (mut facts, _) = scene.look();
    change(&mut facts);
    let findings = examine(&facts);
    let grave = findings
        .iter()
        .filter(|it| it.code.level() != Level::Advice);
    grave.map(|it| it.code).collect()
}

#[test]
fn what_haproxy_and_the_daemon_report_is_found() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = running(version);
    let dropped = |lines, requests| {
        found_if(&scene, |facts| {
            if let Answer::Said(said) = &mut facts.socket.answer {
                said.picture.dropped_logs = lines;
                said.picture.requests = requests;
            }
        })
    };
    assert_eq!(dropped(100, 10_000), [Code::LogDropped]);
    assert_eq!(dropped(100, 100_000), []);
    let off = |seconds| {
        found_if(&scene, |facts| {
            if let LogFile::Read(read) = &mut facts.log.file {
                read.off_s = Some(seconds);
            }
        })
    };
    assert_eq!(off(-1_300), [Code::LogClock]);
    assert_eq!(off(7_200), [], "another zone");
    assert_eq!(off(-494_773), [], "an old log that was copied");
    let forbidden = found_if(&scene, |facts| {
        facts.socket.answer = Answer::Forbidden("Permission denied".to_owned());
        facts.reader.gids.clear();
        facts.system.unit = None;
    });
    assert_eq!(forbidden, [Code::SocketForbidden]);
    let problem = found_if(&scene, |facts| {
        facts.system.daemon = Daemon::Answers(Report {
            problems: vec![Reported {
                backend: Some("web".to_owned()),
                code: "slow_no_spare".to_owned(),
                text: "users wait".to_owned(),
            }],
            ..Report::default()
        });
    });
    assert_eq!(problem, [Code::DaemonProblem]);
}

/// Codes that no set-up of these tests has: why.
const ELSEWHERE: [&str; 36] = [
    // Advice, in `healthy` and `field`.
    "nothing_to_scale",
    "haproxy_away",
    "log_threads",
    "no_maxconn",
    "queue_trap",
    "slowstart",
    "shutdown_sessions",
    "balance_hash",
    "use_server",
    "small_maxconn",
    "warm_up_path",
    "config_missing",
    "observing",
    "daemon_away",
    "cfg_missing",
    "cfg_incomplete",
    "sudo_needed",
    "daemon_problem",
    // In `spares`.
    "spare_dead",
    "spare_answer",
    "spare_quarantined",
    // In `machines`.
    "machine_program",
    "machine_open",
    "machine_answer",
    // In tests of their own above.
    "cfg_not_in_force",
    "log_unreadable",
    "log_stale",
    "log_unread",
    "socket_missing",
    "socket_silent",
    "cfg_unreadable",
    "selinux",
    "copytruncate",
    // By facts that are made up.
    "socket_forbidden",
    "log_dropped",
    "log_clock",
];

#[test]
fn every_code_has_a_set_up_or_a_reason_why_not() {
    let cases = [&SOCKET[..], &LOG, &SERVERS, &OURS, &HOST];
    let cases = cases.into_iter().flatten().map(|it| it.code);
    let known: BTreeSet<&str> = cases.chain(ELSEWHERE).collect();
    let all: BTreeSet<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
    assert_eq!(known, all);
}
