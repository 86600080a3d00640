//! What only a running daemon has found is told with what mends it, each code with its own.

use std::collections::BTreeMap;
use std::fs;

use haproxy_autoscale::config::Config;
use haproxy_autoscale::doctor::facts::{ConfigState, Daemon, LogFile, Report, Reported};
use haproxy_autoscale::doctor::{Code, Facts, Finding, examine};
use haproxy_autoscale::words::listen::Listen;

use super::scene::{Files, Scene};

/// Those of the table in docs/messages.md.
fn codes() -> Vec<String> {
    let path = format!("{}/docs/messages.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let table = text.split("\n## Problems").nth(1).expect("a heading");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|it| it.strip_prefix("| `"));
    let cells = rows.filter_map(|it| it.split('|').next());
    let words = cells.flat_map(|it| it.split('`'));
    let is_code = |it: &&str| !it.trim().is_empty();
    words.filter(is_code).map(str::to_owned).collect()
}

fn scene(edit: impl FnOnce(&mut Files)) -> Scene {
    Scene::new(None, |it, _| {
        edit(it);
        it.other("usr/sbin/rsyslogd", "");
    })
}

/// The finding about that problem.
fn reported(facts: &Facts, code: &str, text: &str) -> Finding {
    let mut facts = facts.clone();
    facts.system.daemon = Daemon::Answers(Report {
        problems: vec![Reported {
            backend: Some("web".to_owned()),
            code: code.to_owned(),
            text: text.to_owned(),
        }],
        ..Report::default()
    });
    let findings = examine(&facts);
    let found = findings.iter().find(|it| it.code == Code::DaemonProblem);
    found
        .cloned()
        .unwrap_or_else(|| panic!("{code}: {findings:#?}"))
}

/// Facts of a host on which nothing else is wrong, with a daemon that has found something.
fn facts(scene: &Scene, change: impl FnOnce(&mut Config)) -> Facts {
    let (mut facts, _) = scene.look();
    if let ConfigState::Loaded(config) = &mut facts.config.state {
        change(config);
    }
    // Not what keeps it from running is asked here.
    facts.socket.answer = haproxy_autoscale::doctor::facts::Answer::NotAsked;
    facts
}

#[test]
fn each_problem_has_a_fix_of_its_own_and_none_is_to_look_at_status() {
    let scene = scene(|it| {
        it.cfg(
            "balance roundrobin",
            "balance roundrobin\n    option persist",
        );
    });
    let facts = facts(&scene, |config| {
        config.http.token_file = Some("/etc/token".into());
        config.http.listen = Listen::Tcp("127.0.0.1:9478".parse().unwrap());
    });
    let codes = codes();
    assert!(codes.len() > 35, "{codes:?}");
    let mut fixes: BTreeMap<String, String> = BTreeMap::new();
    for code in codes {
        let text = "it is so (chmod o-w /run/open); it has no token";
        let fix = reported(&facts, &code, text).fix.text().to_owned();
        assert!(!fix.is_empty(), "{code}");
        let is_vague = fix == "haproxy-autoscale status";
        // Users in front of HAProxy: only its own picture says which limit.
        assert!(!is_vague || code == "crowded", "{code}: {fix}");
        fixes.insert(code, fix);
    }
    for (code, part) in [
        ("slow_paused", "haproxy-autoscale resume"),
        ("short_max_reached", "max = 1"),
        ("slow_all_in", "ADDRESS:"),
        ("used_in_maint", "no option persist"),
        ("unreachable", "reload-or-restart haproxy"),
        ("errors", "haproxy-autoscale stats"),
        ("log_late", "top"),
        ("untrusted", "sudo chmod o-w /run/open"),
        ("config_not_applied", "check -c "),
        ("http_not_listening", "sport = :9478"),
        ("http_token", "openssl rand -hex 32"),
        ("state_not_kept", "install -d"),
        ("log_unreadable", "chgrp adm"),
    ] {
        assert!(fixes[code].contains(part), "{code}: {}", fixes[code]);
    }
}

#[test]
fn the_text_of_a_problem_decides_between_its_causes() {
    let scene = scene(|_| {});
    let facts = facts(&scene, |config| {
        config.http.token_file = Some("/etc/token".into());
    });
    for (code, text, fix) in [
        (
            "http_token",
            "cannot use /etc/token: others can read it, or its group can write it (mode 0644)",
            "sudo chmod 0640 /etc/token && sudo systemctl reload haproxy-autoscale",
        ),
        (
            "http_token",
            "cannot use /etc/token: Permission denied",
            "sudo chown haproxy-autoscale /etc/token && sudo systemctl reload haproxy-autoscale",
        ),
        // Whoever else has a token in it keeps it.
        (
            "http_token",
            "cannot use /etc/token: line 2 has no token of at least 16 letters",
            "sudoedit /etc/token && sudo systemctl reload haproxy-autoscale",
        ),
        (
            "slow_paused",
            "slow, and it is paused by root; `haproxy-autoscale resume web` ends that",
            "haproxy-autoscale resume web",
        ),
        (
            "slow_paused",
            "slow, and it is paused by root; `haproxy-autoscale resume` ends that",
            "haproxy-autoscale resume",
        ),
        ("state_not_kept", "no space is left in /var", "df -h "),
    ] {
        let finding = reported(&facts, code, text);
        assert!(finding.fix.text().starts_with(fix), "{finding:?}");
        assert_eq!(
            finding.fix.text().len() > fix.len(),
            fix == "df -h ",
            "{finding:?}"
        );
    }
}

#[test]
fn a_chroot_without_a_log_socket_is_what_keeps_the_log_silent() {
    let scene = scene(|it| {
        it.cfg(
            "    nbthread 1",
            "    nbthread 1\n    chroot /var/lib/haproxy",
        );
    });
    let mut facts = facts(&scene, |_| {});
    facts.log.file = LogFile::NotLooked;
    for code in ["log_incomplete", "log_absent", "log_missing"] {
        let fix = reported(&facts, code, "nothing comes").fix;
        let socket = format!(
            "'$AddUnixListenSocket /var/lib/haproxy{}",
            scene.root.path().display()
        );
        assert!(fix.text().contains(&socket), "{code}: {fix:?}");
        assert!(fix.text().contains("systemctl restart rsyslog"), "{fix:?}");
    }
    // Without a syslog daemon there is no socket to be had: lines go over UDP.
    fs::remove_file(scene.at("usr/sbin/rsyslogd")).unwrap();
    let fix = reported(&facts, "log_incomplete", "nothing comes").fix;
    assert!(fix.text().contains("log 127.0.0.1:5514"), "{fix:?}");
}

#[test]
fn of_a_haproxy_that_does_not_run_the_daemon_says_nothing_new() {
    let scene = scene(|_| {});
    let (mut facts, _) = scene.look();
    facts.system.daemon = Daemon::Answers(Report {
        problems: vec![Reported {
            backend: Some("web".to_owned()),
            code: "unreachable".to_owned(),
            text: "HAProxy does not answer".to_owned(),
        }],
        ..Report::default()
    });
    let findings = examine(&facts);
    assert!(findings.iter().any(|it| it.code == Code::SocketMissing));
    assert!(
        findings.iter().all(|it| it.code != Code::DaemonProblem),
        "{findings:#?}"
    );
}
