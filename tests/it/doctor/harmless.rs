//! What is printed to be pasted does no harm: nobody loses a server, a right or a user's session by it, and
//! where only a person can know, nothing is printed.

use std::fs;
use std::path::PathBuf;

use haproxy_autoscale::doctor::facts::{Answer, LogFile};
use haproxy_autoscale::doctor::host::Rights;
use haproxy_autoscale::doctor::{self, Code, Facts, Finding, Fix, Host, Level, Options, is_well};
use haproxy_autoscale::haproxy_cfg::Cfg;
use haproxy_autoscale::haproxy_cfg::words::Variables;
use tempfile::TempDir;

use super::scene::{Files, Scene, write};
use crate::support::program::run;
use crate::support::versions;

/// Two files, and nobody who runs.
fn look_at(cfg: &str, config: &str) -> Vec<Finding> {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |path: &str| folder.path().join(path);
    write(&at("etc/haproxy/haproxy.cfg"), cfg);
    if !config.is_empty() {
        write(&at("config.toml"), config);
    }
    gathered(&folder).1
}

fn gathered(folder: &TempDir) -> (Facts, Vec<Finding>) {
    let options = Options {
        host: Host::below(folder.path()),
        config: folder.path().join("config.toml"),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let facts = runtime
        .expect("a runtime")
        .block_on(doctor::gather(&options));
    let findings = doctor::examine(&facts);
    (facts, findings)
}

#[track_caller]
fn one(findings: &[Finding], code: Code) -> Finding {
    let found = findings.iter().find(|it| it.code == code).cloned();
    found.unwrap_or_else(|| panic!("no {code:?} in {findings:#?}"))
}

fn has(findings: &[Finding], code: Code) -> bool {
    findings.iter().any(|it| it.code == code)
}

const GLOBAL: &str = "global
    stats socket /run/haproxy/admin.sock mode 660 group haproxy level admin
    log /dev/log local0
defaults
    mode http
    log global
    option httplog
frontend users
    bind :80
    default_backend web
";
const CONFIG: &str = "[haproxy]\nsocket = \"/run/haproxy/admin.sock\"\n[backend.web]\n\
                      always_up = [\"web1\"]\nresponse_time = \"500ms\"\n";

fn backend(lines: &str, config: &str) -> Vec<Finding> {
    look_at(&format!("{GLOBAL}backend web\n{lines}\n"), config)
}

/// One line makes web1, web2 and web3.
fn template(files: &mut Files) {
    let line = files.cfg.lines().find(|it| it.contains("server web1"));
    let line = line.expect("web1").to_owned();
    let address = line
        .split_whitespace()
        .nth(2)
        .expect("an address")
        .to_owned();
    files.cfg(
        &line,
        &format!("    server-template web 1-3 {address} check"),
    );
    let second = files.cfg.lines().find(|it| it.contains("server web2"));
    let second = format!("{}\n", second.expect("web2"));
    files.cfg(&second, "");
}

#[test]
fn a_spare_of_a_template_gets_a_line_of_its_own_and_the_others_go_on_serving() {
    let Some(version) = versions().first() else {
        return;
    };
    let mut scene = Scene::new(Some(version), |it, _| {
        template(it);
        it.config.clear();
    });
    let root = scene.root.path().display().to_string();
    let told = run(&["init", "--root", &root]).succeeded();
    assert!(told.contains("PROPOSED: serves users now"), "{told}");
    let config = fs::read_to_string(scene.at("etc/haproxy-autoscale/config.toml")).unwrap();
    assert!(config.contains("spares = [\"web3\"]"), "{config}");
    assert!(config.contains("PROPOSED"), "{config}");
    let (_, findings) = scene.look();
    let finding = one(&findings, Code::SpareNotMarked);
    let lines: Vec<&str> = finding.fix.text().lines().collect();
    let [rest, spare] = lines[..] else {
        panic!("{finding:?}");
    };
    assert!(
        rest.contains("web 1-2") && rest.ends_with("check"),
        "{rest}"
    );
    assert!(
        spare.contains("web 3-3") && spare.ends_with("check disabled"),
        "{spare}"
    );
    assert!(scene.paste(&finding));
    let (facts, findings) = scene.look();
    assert!(is_well(&findings), "{findings:#?}");
    let said = facts.socket.said().expect("HAProxy");
    let servers = &said.picture.backends["web"].servers;
    let marked: Vec<&str> = servers
        .iter()
        .filter(|it| it.is_disabled_in_cfg())
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(marked, ["web3"]);
}

#[test]
fn a_spare_in_the_middle_of_a_template_leaves_a_line_before_and_one_behind_it() {
    let config = CONFIG.replace("always_up", "spares = [\"web2\"]\nalways_up");
    let lines = "    server-template web 1-4 pool:80 weight 0 check backup";
    let findings = backend(lines, &config);
    let finding = one(&findings, Code::SpareNotMarked);
    assert_eq!(
        finding.fix.text(),
        "    server-template web 1-1 pool:80 weight 0 check backup\n    server-template web 2-2 pool:80 weight 0 \
         check backup disabled\n    server-template web 3-4 pool:80 weight 0 check backup"
    );
    // Nothing else is mended in a line that makes others too.
    let line = findings
        .iter()
        .filter(|it| matches!(it.fix, Fix::Replace { .. }));
    assert_eq!(line.count(), 1, "{findings:#?}");
    // One line marks all of them, and one of them is always up.
    let findings = backend("    server-template web 1-3 pool:80 check disabled", CONFIG);
    let finding = one(&findings, Code::AlwaysUpDisabled);
    assert_eq!(
        finding.fix.text(),
        "    server-template web 1-1 pool:80 check\n    server-template web 2-3 pool:80 check disabled"
    );
}

#[test]
fn who_may_not_look_is_told_so_and_the_daemon_is_not_blamed() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::new(Some(version), |_, _| {});
    let adm = Rights {
        uid: 0,
        gid: 4,
        mode: 0o640,
    };
    let look = |change: &dyn Fn(&mut Facts)| {
        let (mut facts, _) = scene.look();
        facts.asker.uid = Some(65_534);
        facts.asker.gids.clear();
        facts.socket.answer = Answer::Forbidden("Permission denied".to_owned());
        facts.log.file = LogFile::Unreadable(Some(adm));
        change(&mut facts);
        doctor::examine(&facts)
    };
    let findings = look(&|_| {});
    assert!(is_well(&findings), "{findings:#?}");
    let needed = findings.iter().filter(|it| it.code == Code::SudoNeeded);
    assert_eq!(needed.count(), 2, "{findings:#?}");
    // A closed directory says nothing of the daemon either.
    let findings = look(&|it| it.log.file = LogFile::Unreadable(None));
    assert!(is_well(&findings), "{findings:#?}");
    let findings = look(&|it| it.reader.gids.retain(|gid| *gid != 4));
    assert!(has(&findings, Code::UnitGroups), "{findings:#?}");
}

#[test]
fn nobody_is_sent_into_the_group_of_root() {
    let scene = Scene::new(None, |_, _| {});
    let look = |mode, has_cfg: bool| {
        let (mut facts, _) = scene.look();
        facts.system.unit = None;
        facts.reader.uid = Some(1_000);
        facts.reader.gids.clear();
        facts.asker = facts.reader.clone();
        facts.socket.rights = Some(Rights {
            uid: 0,
            gid: 0,
            mode,
        });
        facts.socket.answer = Answer::Forbidden("Permission denied".to_owned());
        if !has_cfg {
            facts.cfg = None;
        }
        doctor::examine(&facts)
    };
    for (mode, has_cfg) in [(0o660, true), (0o600, true), (0o660, false), (0o755, false)] {
        let text = format!("{:?}", look(mode, has_cfg));
        assert!(!text.contains("usermod"), "{mode:o} {text}");
        assert!(text.contains("mode 660 group"), "{mode:o} {text}");
    }
}

#[test]
fn weights_are_changed_for_none_but_ours_and_then_to_those_of_the_others() {
    let config = CONFIG.replace("always_up", "spares = [\"web3\"]\nalways_up");
    let lines = "    server web1 10.0.0.1:80 check weight 0\n    server web2 10.0.0.2:80 check weight 50\n    \
                 server web3 10.0.0.3:80 check weight 0 disabled\n    server old 10.0.0.4:80 weight 0";
    let findings = backend(lines, &config);
    let weight = |code| one(&findings, code).fix.text().to_owned();
    assert!(weight(Code::AlwaysUpWeight).contains("web1 10.0.0.1:80 check weight 50"));
    assert!(weight(Code::SpareWeight).contains("weight 50 disabled"));
    assert!(
        !format!("{findings:?}").contains("web/old"),
        "{findings:#?}"
    );
    let agent =
        "    server web1 10.0.0.1:80 check\n    server web2 10.0.0.2:80 check agent-check disabled";
    let finding = one(&backend(agent, CONFIG), Code::AgentWeight);
    assert!(matches!(finding.fix, Fix::Below { .. }));
    assert_eq!(finding.fix.text().trim(), "default-server weight 100");
    let shared = agent.replace("10.0.0.1:80", "10.0.0.1:80 weight 2");
    let finding = one(&backend(&shared, CONFIG), Code::AgentWeight);
    assert_eq!(finding.fix, Fix::None);
}

#[test]
fn what_only_a_person_knows_is_asked_and_not_printed_as_a_line() {
    let servers = "    server web1 10.0.0.1:80 check\n    server web2 10.0.0.2:80 check disabled";
    for balance in ["source", "uri", "hdr(host)"] {
        let findings = backend(&format!("    balance {balance}\n{servers}"), CONFIG);
        assert_eq!(one(&findings, Code::BalanceHash).fix, Fix::None);
        let queue = one(&findings, Code::NoMaxconn);
        assert_eq!(queue.fix.text().trim(), "default-server maxconn N");
        assert!(queue.text.contains("tune"), "{queue:?}");
    }
}

#[test]
fn a_socket_for_all_is_not_made_an_admin_socket_for_all() {
    let servers = "backend web\n    server web1 10.0.0.1:80 check\n    server web2 10.0.0.2:80 check disabled\n";
    let look = |socket: &str, config: &str| {
        let line = "/run/haproxy/admin.sock mode 660 group haproxy level admin";
        look_at(
            &format!("{}{servers}", GLOBAL.replace(line, socket)),
            config,
        )
    };
    let findings = look("/run/haproxy/admin.sock mode 666", CONFIG);
    assert!(!has(&findings, Code::SocketOpen), "{findings:#?}");
    let fix = one(&findings, Code::SocketLevel).fix;
    assert!(fix.text().contains("mode 660 group haproxy"), "{fix:?}");
    let near = CONFIG.replace("/run/haproxy/admin.sock", "tcp:127.0.0.1:9999");
    let fix = one(&look("*:9999", &near), Code::SocketLevel).fix;
    assert!(fix.text().contains("127.0.0.1:9999 level admin"), "{fix:?}");
    // The daemon comes from another host.
    let far = CONFIG.replace("/run/haproxy/admin.sock", "tcp:10.0.0.9:9999");
    let finding = one(&look("*:9999 level admin", &far), Code::SocketOpen);
    assert_eq!(finding.fix, Fix::None);
    assert!(finding.text.contains("firewall"), "{finding:?}");
}

#[test]
fn a_log_that_is_nowhere_and_one_that_comes_to_us_are_not_mistaken() {
    let servers = "backend web\n    server web1 10.0.0.1:80 check\n    server web2 10.0.0.2:80 check disabled\n";
    let no_target = GLOBAL.replace("    log /dev/log local0\n", "");
    let own =
        "frontend b\n    bind :81\n    no log\n    log /dev/log local0\n    default_backend web\n";
    let findings = look_at(&format!("{no_target}{own}{servers}"), CONFIG);
    assert!(!has(&findings, Code::LogNotUsed), "{findings:#?}");
    one(&findings, Code::NoLog);
    let remote = GLOBAL.replace("/dev/log", "192.0.2.9:5514");
    let remote = format!("{remote}{servers}");
    one(&look_at(&remote, CONFIG), Code::LogRemote);
    for source in ["udp:192.0.2.9:5514", "tcp:192.0.2.9:5514"] {
        let config = format!("{CONFIG}[log]\nsource = \"{source}\"\nallow_remote = true\n");
        let findings = look_at(&remote, &config);
        assert!(!has(&findings, Code::LogRemote), "{findings:#?}");
        assert!(!has(&findings, Code::ConfigBroken), "{findings:#?}");
    }
}

#[test]
fn the_parts_of_haproxy_cfg_are_read_and_those_that_are_missing_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |path: &str| folder.path().join(path);
    write(&at("etc/haproxy/haproxy.cfg"), GLOBAL);
    let web = "backend web\n    server web1 10.0.0.1:80 check\n    server web2 10.0.0.2:80 check disabled\n";
    write(&at("etc/haproxy/conf.d/web.cfg"), web);
    let (facts, findings) = gathered(&folder);
    assert_eq!(facts.cfg.as_ref().map(|it| it.files.len()), Some(2));
    assert!(!has(&findings, Code::NothingToScale), "{findings:#?}");
    let files =
        ["etc/haproxy/haproxy.cfg", "etc/haproxy/conf.d"].map(|it| at(it).display().to_string());
    let root = folder.path().join("none").display().to_string();
    let ran = run(&[
        "doctor",
        "--root",
        &root,
        "--haproxy-cfg",
        &files[0],
        "--haproxy-cfg",
        &files[1],
    ]);
    assert!(ran.out.contains("web.cfg"), "{ran:?}");
}

#[test]
fn a_backend_that_haproxy_alone_knows_means_that_a_file_is_missing() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::new(Some(version), |it, _| it.config.clear());
    let (mut facts, _) = scene.look();
    let files = [(PathBuf::from("haproxy.cfg"), GLOBAL.to_owned())];
    facts.cfg = Some(Cfg::parse(&files, Variables::new()));
    let findings = doctor::examine(&facts);
    assert!(!has(&findings, Code::NothingToScale), "{findings:#?}");
    let finding = one(&findings, Code::CfgIncomplete);
    assert!(finding.text.contains("web"), "{finding:?}");
    assert_eq!(finding.code.level(), Level::Advice);
}

#[test]
fn a_server_that_serves_is_proposed_with_what_becomes_of_it() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::new(Some(version), |it, _| {
        it.config.clear();
        it.cfg(" disabled", "");
        let tcp = "\nbackend db\n    mode tcp\n    server db1 127.0.0.1:9\n    server db2 127.0.0.1:9\n\nfrontend origin";
        it.cfg("\nfrontend origin", tcp);
    });
    let cfg = scene.at("etc/haproxy/haproxy.cfg");
    fs::rename(&cfg, scene.at("etc/haproxy/hidden")).unwrap();
    let root = scene.root.path().display().to_string();
    let socket = scene.at("run/haproxy/admin.sock").display().to_string();
    let told = run(&["init", "--root", &root, "--socket", &socket]).succeeded();
    assert!(told.contains("PROPOSED: serves users now"), "{told}");
    assert!(!told.contains("have what it needs"), "{told}");
    assert!(told.contains("--haproxy-cfg"), "{told}");
    let config = fs::read_to_string(scene.at("etc/haproxy-autoscale/config.toml")).unwrap();
    assert!(config.contains("PROPOSED"), "{config}");
    assert!(!config.contains("backend.db"), "{config}");
}
