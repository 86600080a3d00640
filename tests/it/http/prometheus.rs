//! A real Prometheus and its promtool: the alert rules that are shipped, and a scrape of a daemon
//! beside a real HAProxy.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::client::{SOON, serve, web};
use crate::support::load::exchange;
use crate::support::program::{finish, in_repository, undisturbed};
use crate::support::{
    Behaviour, DaemonConfig, HaproxyConfig, RealHaproxy, ReservedPort, Running, TinyServer,
    holds_within, versions, wait_for,
};

/// From the start of a Prometheus to what it says about a target.
const SCRAPE_LIMIT: Duration = Duration::from_secs(30);

/// A folder with `prometheus` and `promtool`.
pub(super) struct Prometheus(PathBuf);

/// `HAPROXY_AUTOSCALE_PROMETHEUS`, or what is installed. `tests/run` sets it, and
/// `PROMETHEUS_REQUIRED=1`; without both its tests are passed over.
pub(super) fn promtool() -> Option<Prometheus> {
    let given = std::env::var_os("HAPROXY_AUTOSCALE_PROMETHEUS").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| PathBuf::from("/usr/bin"));
    let is_there = folder.join("promtool").exists() && folder.join("prometheus").exists();
    let is_required = std::env::var_os("PROMETHEUS_REQUIRED").is_some();
    assert!(
        is_there || !is_required,
        "no Prometheus in {}; tests/prometheus fetches one",
        folder.display()
    );
    is_there.then_some(Prometheus(folder))
}

impl Prometheus {
    fn tool(&self) -> Command {
        undisturbed(self.0.join("promtool"))
    }

    /// What `promtool check metrics` finds, and nothing else.
    pub(super) fn check_metrics(&self, page: &str) -> String {
        let mut command = self.tool();
        let ran = finish(command.args(["check", "metrics"]), page.as_bytes());
        let found = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code == Some(0), found.is_empty(), "{found}");
        found
    }

    /// Panics with what `promtool check rules` finds in that file.
    pub(super) fn check_rules(&self, path: &str) {
        finish(self.tool().args(["check", "rules", path]), b"").succeeded();
    }
}

#[test]
fn each_alert_rule_fires_when_it_should_and_only_then() {
    let Some(prometheus) = promtool() else { return };
    prometheus.check_rules(&in_repository("monitoring/alerts.yml"));
    let mut command = prometheus.tool();
    let cases = in_repository("monitoring/alerts_test.yml");
    let told = finish(command.args(["test", "rules", &cases]), b"").succeeded();
    assert!(told.contains("SUCCESS"), "{told}");
}

/// The state of each alert: `firing`, `pending`.
fn alerts(api: &str) -> Vec<(String, String)> {
    let Ok(answer) = serde_json::from_str::<Value>(api) else {
        return Vec::new();
    };
    let alerts = answer["data"]["alerts"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = alerts.iter();
    pairs
        .map(|it| (text(&it["labels"]["alertname"]), text(&it["state"])))
        .collect()
}

#[test]
fn a_prometheus_scrapes_a_daemon_and_an_alert_fires_and_resolves() {
    let Some(prometheus) = promtool() else { return };
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(5));
    let web2 = TinyServer::start("web2", Behaviour::delay_ms(5));
    let config = HaproxyConfig::new(web(&[&web1, &web2]));
    let mut haproxy = RealHaproxy::start(&versions()[0], config);
    let served = serve(DaemonConfig::new(&haproxy));
    wait_for("the first look", SOON, || {
        served.daemon.stage("web2") == "maint"
    });
    let folder = tempfile::tempdir().expect("a folder");
    // The rules as they are shipped, at once instead of after minutes.
    let rules = std::fs::read_to_string(in_repository("monitoring/alerts.yml")).expect("the rules");
    let at_once: String = rules
        .lines()
        .map(|line| {
            let is_wait = line.trim_start().starts_with("for: ");
            if is_wait {
                String::new()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    std::fs::write(folder.path().join("alerts.yml"), at_once).expect("rules");
    let target = served.address;
    let text = format!(
        "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [alerts.yml]\n\
         scrape_configs:\n- job_name: haproxy-autoscale\n  static_configs:\n  - targets: ['{target}']\n"
    );
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, text).expect("a configuration");
    let port = ReservedPort::new();
    let mut command = undisturbed(prometheus.0.join("prometheus"));
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={}", port.address()));
    let running = Running::start(&mut command);
    let ask = |path: &str| super::client::body_of(port.address(), path);
    let is = |name: &str, state: &str| {
        let wanted = (name.to_owned(), state.to_owned());
        alerts(&ask("/api/v1/alerts")).contains(&wanted)
    };
    let up = "/api/v1/query?query=haproxy_autoscale_server_stage%7Bstage%3D%22maint%22%7D";
    let is_scraped = holds_within(SCRAPE_LIMIT, || ask(up).contains("\"web2\""));
    assert!(
        is_scraped,
        "{}\n{}",
        ask("/api/v1/targets"),
        running.err.text()
    );
    let targets = ask("/api/v1/targets");
    assert!(
        targets.contains("\"health\":\"up\"") && targets.contains("\"lastError\":\"\""),
        "{targets}"
    );
    assert!(!is("HaproxyAutoscaleHaproxyDown", "firing"));
    haproxy.stop();
    wait_for("an alert", SCRAPE_LIMIT, || {
        is("HaproxyAutoscaleHaproxyDown", "firing")
    });
    haproxy.start_again();
    wait_for("its end", SCRAPE_LIMIT, || {
        !is("HaproxyAutoscaleHaproxyDown", "firing") && ask(up).contains("\"web2\"")
    });
    let health = exchange(target, "GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(health.status, Some(200));
}
