//! The real receivers that `tests/receivers` fetches: Alertmanager and a mail server. No test lives here.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::receiver::Certificate;
use crate::support::program::{Running, in_repository, undisturbed};
use crate::support::{ReservedPort, wait_for};

/// From the start of a process to its first answer.
const START_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// `HAPROXY_AUTOSCALE_RECEIVERS`, which `tests/run` sets together with `RECEIVERS_REQUIRED=1`, or what
/// was fetched before; without both its tests are passed over.
pub(super) fn receivers() -> Option<PathBuf> {
    let given = std::env::var_os("HAPROXY_AUTOSCALE_RECEIVERS").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| PathBuf::from(in_repository(".haproxy/receivers")));
    let is_there = folder.join("usr/bin/prometheus-alertmanager").exists();
    let is_required = std::env::var_os("RECEIVERS_REQUIRED").is_some();
    assert!(
        is_there || !is_required,
        "no Alertmanager in {}; tests/receivers fetches it",
        folder.display()
    );
    is_there.then_some(folder)
}

/// A mail server with a folder of its own: `cert.pem`, `key.pem`, `mails`. Ends when dropped.
pub(super) struct MailServer {
    port: ReservedPort,
    pub(super) folder: TempDir,
    _running: Running,
}

impl MailServer {
    /// As `tests/data/smtp_server.py` says; `None` where there is none to be had.
    pub(super) fn start(mode: &str) -> Option<Self> {
        let packages = receivers()?.join("usr/lib/python3/dist-packages");
        let folder = tempfile::Builder::new().prefix("mail-").tempdir().unwrap();
        Certificate::new().write(folder.path());
        let port = ReservedPort::new();
        let path = |name: &str| folder.path().join(name);
        let mut command: Command = undisturbed("python3");
        command
            .arg(in_repository("tests/data/smtp_server.py"))
            .args([&port.address().port().to_string(), mode])
            .args([path("mails"), path("cert.pem"), path("key.pem")])
            .env("PYTHONPATH", packages);
        let running = Running::start(&mut command);
        wait_for("a mail server", START_LIMIT, || {
            running.err.text().contains("ready")
        });
        Some(Self {
            port,
            folder,
            _running: running,
        })
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> String {
        self.port.address().to_string()
    }

    /// What it took.
    pub(super) fn mails(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("mails"));
        let text = text.unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// An Alertmanager with a folder of its own. Ends when dropped.
pub(super) struct Alertmanager {
    port: ReservedPort,
    _folder: TempDir,
    _running: Running,
}

impl Alertmanager {
    pub(super) fn start() -> Option<Self> {
        let receivers = receivers()?;
        let program = receivers.join("usr/bin/prometheus-alertmanager");
        let folder = tempfile::Builder::new()
            .prefix("alertmanager-")
            .tempdir()
            .unwrap();
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(
            &config,
            "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n",
        )
        .unwrap();
        let port = ReservedPort::new();
        let mut command = undisturbed(program);
        command
            .current_dir(receivers)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .arg("--cluster.listen-address=");
        let running = Running::start(&mut command);
        let manager = Self {
            port,
            _folder: folder,
            _running: running,
        };
        wait_for("an Alertmanager", START_LIMIT, || manager.ask().is_some());
        Some(manager)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// The alerts that are active, with this code.
    pub(super) fn active(&self, code: &str) -> Vec<Value> {
        let alerts = self.ask().expect("an answer");
        let alerts = alerts.as_array().expect("a list").iter();
        alerts
            .filter(|it| it["labels"]["code"] == code)
            .cloned()
            .collect()
    }

    fn ask(&self) -> Option<Value> {
        let body = body_of(self.port.address(), "/api/v2/alerts?active=true")?;
        serde_json::from_str(&body).ok()
    }
}

/// What a GET of that path gives there.
pub(super) fn body_of(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some(body.to_owned())
}
