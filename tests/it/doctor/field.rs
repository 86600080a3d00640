//! haproxy.cfg as people write it (`fixtures/haproxy_cfg/`): what is found in each, what must not be, and
//! that the lines that are printed mend it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use haproxy_autoscale::doctor::{self, Finding, Fix, Host, Level, Options, is_well};
use tempfile::TempDir;

use crate::support::program::run;
use crate::support::versions;

struct Field {
    folder: TempDir,
    path: PathBuf,
}

impl Field {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/haproxy_cfg");
        let path = folder.path().join(name);
        fs::copy(from.join(name), &path).expect(name);
        Self { folder, path }
    }

    fn look(&self) -> Vec<Finding> {
        let options = Options {
            host: Host::below(self.folder.path()),
            config: self.folder.path().join("config.toml"),
            cfg: vec![self.path.clone()],
            ..Options::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let facts = runtime
            .expect("a runtime")
            .block_on(doctor::gather(&options));
        doctor::examine(&facts)
    }

    /// Pastes the first thing that is no advice, until nothing else is left.
    fn mend(&self) -> Vec<String> {
        let mut pasted = Vec::new();
        for _ in 0..10 {
            let findings = self.look();
            let next = findings.iter().find(|it| it.code.level() != Level::Advice);
            let Some(next) = next else { break };
            let text = fs::read_to_string(&self.path).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            match &next.fix {
                Fix::Replace { line, text, .. } => {
                    lines.splice(line - 1..*line, [text.clone()]);
                }
                Fix::Below { line, text, .. } => lines.insert(*line, text.clone()),
                Fix::None | Fix::Key { .. } | Fix::Write { .. } | Fix::Run(_) => {
                    panic!("nothing to paste into haproxy.cfg: {next:?}")
                }
            }
            fs::write(&self.path, lines.join("\n") + "\n").unwrap();
            pasted.push(next.fix.text().trim().to_owned());
        }
        pasted
    }

    /// HAProxy takes the file too.
    fn passes(&self) {
        for version in versions() {
            let checked = Command::new(&version.path)
                .args(["-c", "-f"])
                .arg(&self.path)
                .output();
            let checked = checked.expect("HAProxy");
            assert!(
                checked.status.success(),
                "{}: {}\n{}",
                version.name,
                String::from_utf8_lossy(&checked.stderr),
                fs::read_to_string(&self.path).unwrap()
            );
        }
    }

    fn init(&self) -> crate::support::Ran {
        let cfg = self.path.display().to_string();
        let root = self.folder.path().display().to_string();
        run(&["init", "--print", "--haproxy-cfg", &cfg, "--root", &root])
    }
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    let mut codes: Vec<&str> = findings.iter().map(|it| it.code.as_str()).collect();
    // Of the place where the tests run.
    codes.retain(|it| !["config_missing", "haproxy_away"].contains(it));
    codes
}

#[test]
fn debians_file_lacks_a_spare_and_a_group_and_nothing_else() {
    let field = Field::new("01-debian-web.cfg");
    let findings = field.look();
    assert_eq!(codes(&findings), ["socket_group", "no_spare", "no_maxconn"]);
    let text = format!("{findings:?}");
    assert!(
        !text.contains("notice") && !text.contains("stats)"),
        "{text}"
    );
    let pasted = field.mend();
    assert!(pasted.contains(&"server portal-c 10.20.0.13:8080 check disabled".to_owned()));
    let socket = "stats socket /run/haproxy/admin.sock mode 660 group haproxy level admin expose-fd listeners";
    assert!(pasted.contains(&socket.to_owned()), "{pasted:?}");
    assert!(is_well(&field.look()));
    field.passes();
    let config = field.init().succeeded();
    for part in [
        "always_up = [\"portal-a\", \"portal-b\"]",
        "spares = [\"portal-c\"]",
        "path = \"/health\"",
        "mode = \"observe\"",
        "/run/haproxy/admin.sock",
        "var/log/haproxy.log",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
    assert!(!config.contains("backend.stats"), "{config}");
}

#[test]
fn red_hats_file_lacks_a_level_and_somebody_who_listens() {
    let field = Field::new("02-red-hat.cfg");
    let findings = field.look();
    assert_eq!(
        codes(&findings),
        [
            "socket_level",
            "source_differs",
            "socket_group",
            "no_spare",
            "no_maxconn"
        ]
    );
    let pasted = field.mend();
    for line in [
        "stats socket /var/lib/haproxy/stats mode 660 group haproxy level admin",
        "log 127.0.0.1:5514 len 8192 format rfc5424 local2",
        "server  app3 192.0.2.63:5003 check disabled",
    ] {
        assert!(pasted.contains(&line.to_owned()), "{line}: {pasted:?}");
    }
    assert!(is_well(&field.look()));
    field.passes();
    let config = field.init().succeeded();
    assert!(
        config.contains("source = \"udp:127.0.0.1:5514\""),
        "{config}"
    );
    assert!(!config.contains("static"), "{config}");
}

#[test]
fn a_silent_container_gets_all_its_lines_at_once() {
    let field = Field::new("03-container-silent.cfg");
    let told = field.init();
    assert!(told.out.contains("NOT USABLE YET"), "{}", told.out);
    for line in [
        "stats socket",
        "log 127.0.0.1:5514",
        "log global",
        "option httplog",
        "check disabled",
    ] {
        assert!(told.err.contains(line), "{line}: {}", told.err);
    }
    assert!(told.err.contains("volume"), "{}", told.err);
    let pasted = field.mend();
    assert!(pasted.contains(&"server api3 172.28.0.13:3000 check disabled".to_owned()));
    assert_eq!(pasted.len(), 5, "{pasted:?}");
    assert!(is_well(&field.look()));
    field.passes();
    let config = field.init().succeeded();
    assert!(!config.contains("NOT USABLE"), "{config}");
    assert!(
        config.contains("always_up = [\"api1\", \"api2\"]"),
        "{config}"
    );
}

#[test]
fn a_container_that_logs_to_stdout_is_left_in_peace() {
    let field = Field::new("04-container-stdout.cfg");
    assert_eq!(codes(&field.look()), ["log_threads"]);
    field.passes();
    let config = field.init().succeeded();
    for part in [
        "source = \"-\"",
        "spares = [\"shop2\"]",
        "path = \"/healthz\"",
        "host = \"shop.example\"",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
}

#[test]
fn many_sites_of_one_server_each_have_nothing_to_scale_and_no_fault() {
    let field = Field::new("05-many-sites.cfg");
    let findings = field.look();
    assert_eq!(codes(&findings), ["nothing_to_scale"]);
    assert!(is_well(&findings));
    let text = format!("{findings:?}");
    assert!(
        text.contains("server www-2 ADDRESS:8080 check disabled"),
        "{text}"
    );
    assert!(!text.contains("acme"), "{text}");
    let said = field.init().failed(1);
    assert!(said.contains("nothing to scale"), "{said}");
}

#[test]
fn one_line_for_all_servers_becomes_two() {
    let field = Field::new("06-template.cfg");
    assert_eq!(codes(&field.look()), ["template_spare", "no_maxconn"]);
    let config = field.init().succeeded();
    assert!(config.contains("spares = [\"node4\"]"), "{config}");
    let pasted = field.mend();
    assert_eq!(pasted.len(), 1, "{pasted:?}");
    assert!(
        pasted[0].contains("node 4-4 192.0.2.70:8080 disabled"),
        "{pasted:?}"
    );
    assert!(is_well(&field.look()));
    field.passes();
}

#[test]
fn a_queue_per_server_brings_advice_on_the_algorithm() {
    let field = Field::new("07-maxconn-queue.cfg");
    let findings = field.look();
    assert_eq!(
        codes(&findings),
        ["socket_group", "no_spare", "queue_trap", "slowstart"]
    );
    let trap = findings
        .iter()
        .find(|it| it.code == doctor::Code::QueueTrap)
        .unwrap();
    assert_eq!(trap.fix.text().trim(), "balance leastconn");
    assert!(trap.text.contains("abortonclose"), "{trap:?}");
    assert!(field.init().err.contains("queue_time"));
    let pasted = field.mend();
    assert!(pasted.contains(&"server rails3 10.44.0.13:3000 check maxconn 20 disabled".to_owned()));
    assert_eq!(codes(&field.look()), ["queue_trap", "slowstart"]);
    let config = field.init().succeeded();
    for part in [
        "path = \"/up\"",
        "spares = [\"rails3\"]",
        "always_up = [\"rails1\", \"rails2\"]",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
}

#[test]
fn cookies_and_a_page_that_says_sorry_are_no_fault() {
    let field = Field::new("08-sticky-and-sorry.cfg");
    assert_eq!(codes(&field.look()), ["no_maxconn"]);
    field.passes();
    let config = field.init().succeeded();
    assert!(config.contains("always_up = [\"app1\"]"), "{config}");
    assert!(!config.contains("sorry"), "{config}");
}

#[test]
fn a_database_is_not_for_this_program() {
    let field = Field::new("09-database.cfg");
    let findings = field.look();
    assert_eq!(codes(&findings), ["nothing_to_scale"]);
    assert!(findings[0].text.contains("mode tcp"), "{findings:?}");
    assert!(field.init().failed(1).contains("no response time"));
    let config = "[haproxy]\nsocket = \"/run/haproxy/admin.sock\"\n[backend.postgres_read]\n\
                  always_up = [\"pg1\"]\nresponse_time = \"500ms\"\n";
    fs::write(field.folder.path().join("config.toml"), config).unwrap();
    let findings = field.look();
    let tcp = findings
        .iter()
        .find(|it| it.code == doctor::Code::BackendTcp)
        .unwrap();
    assert!(tcp.text.contains("tcplog has no Tr"), "{tcp:?}");
    let cut = findings
        .iter()
        .find(|it| it.code == doctor::Code::ShutdownSessions)
        .unwrap();
    assert_eq!(
        cut.fix.text().trim(),
        "default-server inter 3s fall 3 rise 2"
    );
}

#[test]
fn a_format_of_ones_own_and_a_tag_are_taken_over() {
    let field = Field::new("10-own-format.cfg");
    let findings = field.look();
    assert_eq!(codes(&findings), ["no_spare"]);
    let config = field.init().succeeded();
    for part in [
        "format = \"${HAPROXY_HTTP_LOG_FMT} %ID\"",
        "tag = \"edge\"",
        "[backend.www]",
        "[backend.api]",
        "path = \"/_health\"",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
}

#[test]
fn a_template_is_told_from_a_file_and_gets_a_condition() {
    let field = Field::new("01-debian-web.cfg");
    let text = fs::read_to_string(&field.path).unwrap();
    let (before, _) = text.split_once("\tserver portal-a").unwrap();
    let looped =
        "{% for one in portals %}\n\tserver {{ one.name }} {{ one.address }} check\n{% endfor %}\n";
    fs::write(&field.path, format!("{before}{looped}")).unwrap();
    let findings = field.look();
    assert_eq!(codes(&findings), ["template_spare"]);
    let line =
        "\tserver {{ one.name }} {{ one.address }} check{{ \" disabled\" if one.spare else \"\" }}";
    assert_eq!(findings[0].fix.text(), line);
    assert!(field.init().failed(1).contains("template"));
}
