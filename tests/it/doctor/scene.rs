//! A host below a temporary directory: haproxy.cfg, our configuration, a real HAProxy if wanted, a syslog
//! daemon, the files of systemd and the kernel. And the hand that pastes what `doctor` prints.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use haproxy_autoscale::doctor::{self, Facts, Finding, Fix, Host, Options};
use tempfile::TempDir;

use crate::support::{ReservedPort, SyslogFile, Version, holds_within};

const START_LIMIT: Duration = Duration::from_secs(10);
const LINES_LIMIT: Duration = Duration::from_millis(400);
/// Enough for what is judged by counters.
const REQUESTS: usize = 24;

/// What a case changes before anything starts.
pub(super) struct Files {
    pub(super) cfg: String,
    pub(super) config: String,
    /// More files of the host, by their paths.
    pub(super) others: Vec<(String, String)>,
}

impl Files {
    /// Replaces a part of haproxy.cfg.
    #[track_caller]
    pub(super) fn cfg(&mut self, from: &str, to: &str) {
        assert!(self.cfg.contains(from), "{from} is not in\n{}", self.cfg);
        self.cfg = self.cfg.replace(from, to);
    }

    /// Replaces a part of our configuration.
    #[track_caller]
    pub(super) fn config(&mut self, from: &str, to: &str) {
        assert!(
            self.config.contains(from),
            "{from} is not in\n{}",
            self.config
        );
        self.config = self.config.replace(from, to);
    }

    pub(super) fn other(&mut self, path: &str, text: &str) {
        self.others.retain(|(known, _)| known != path);
        self.others.push((path.to_owned(), text.to_owned()));
    }
}

pub(super) struct Scene {
    pub(super) root: TempDir,
    version: Option<Version>,
    haproxy: Option<Child>,
    syslog: SyslogFile,
    users: ReservedPort,
    servers: [ReservedPort; 2],
    pub(super) options: Options,
    /// Of the group that may open the admin socket.
    pub(super) gid: Option<u32>,
}

/// A group that this process may give to a file, with its number.
fn group() -> (String, u32) {
    let groups = fs::read_to_string("/etc/group").expect("/etc/group");
    let numbers: Vec<(String, u32)> = groups
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            Some((name, fields.nth(1)?.parse().ok()?))
        })
        .collect();
    let own = rustix::process::getegid().as_raw();
    let by = |wanted: &str| numbers.iter().find(|(name, _)| name == wanted).cloned();
    if rustix::process::geteuid().is_root() {
        by("haproxy")
            .or_else(|| by("daemon"))
            .expect("group daemon")
    } else {
        let found = numbers.iter().find(|(_, number)| *number == own);
        found.cloned().expect("a group of one's own")
    }
}

impl Scene {
    /// A host on which all is well but for what `edit` does.
    pub(super) fn new(version: Option<&Version>, edit: impl FnOnce(&mut Files, &Path)) -> Self {
        let root = tempfile::Builder::new()
            .prefix("host-")
            .tempdir()
            .expect("a folder");
        for folder in [
            "run/haproxy",
            "var/lib",
            "var/log",
            "dev",
            "etc/haproxy",
            "etc/haproxy-autoscale",
        ] {
            fs::create_dir_all(root.path().join(folder)).expect(folder);
        }
        let at = |path: &str| root.path().join(path);
        let syslog = SyslogFile::unix(&at("dev/log"), &at("var/log/haproxy.log"), true);
        let users = ReservedPort::new();
        let servers = [ReservedPort::new(), ReservedPort::new()];
        let (group, gid) = group();
        let mut files = Files {
            cfg: cfg(root.path(), &group, users.address(), &servers),
            config: config(root.path()),
            others: Vec::new(),
        };
        files.other(
            "etc/group",
            &format!("root:x:0:\nadm:x:4:\n{group}:x:{gid}:\nhaproxy-autoscale:x:990:\n"),
        );
        files.other(
            "etc/passwd",
            "root:x:0:0::/:\nhaproxy-autoscale:x:990:990::/:\n",
        );
        files.other(
            "etc/systemd/system/haproxy-autoscale.service",
            &format!("[Service]\nUser=haproxy-autoscale\nSupplementaryGroups={group} adm\n"),
        );
        edit(&mut files, root.path());
        for (path, text) in &files.others {
            write(&at(path), text);
        }
        write(&at("etc/haproxy/haproxy.cfg"), &files.cfg);
        if !files.config.is_empty() {
            write(&at("etc/haproxy-autoscale/config.toml"), &files.config);
        }
        let options = Options {
            host: Host::below(root.path()),
            config: at("etc/haproxy-autoscale/config.toml"),
            is_config_named: false,
            cfg: Vec::new(),
            socket: None,
            log: None,
            asks_spares: true,
        };
        let mut scene = Self {
            root,
            version: version.cloned(),
            haproxy: None,
            syslog,
            users,
            servers,
            options,
            gid: Some(gid),
        };
        scene.restart();
        scene
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub(super) fn server(&self, index: usize) -> SocketAddr {
        self.servers[index].address()
    }

    /// Starts HAProxy with the file as it is now, and sends some requests.
    pub(super) fn restart(&mut self) {
        self.stop();
        let Some(version) = &self.version else {
            return;
        };
        let complaints = fs::File::create(self.at("haproxy.err")).expect("a file");
        let mut child = Command::new(&version.path)
            .args(["-db", "-f"])
            .arg(self.at("etc/haproxy/haproxy.cfg"))
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints)
            .spawn()
            .expect("HAProxy");
        let address = self.users.address();
        let mut ended = None;
        let is_up = holds_within(START_LIMIT, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || TcpStream::connect(address).is_ok()
        });
        let complaint = fs::read_to_string(self.at("haproxy.err")).unwrap_or_default();
        let cfg = fs::read_to_string(self.at("etc/haproxy/haproxy.cfg")).unwrap_or_default();
        self.haproxy = Some(child);
        assert!(is_up && ended.is_none(), "{complaint}\n{cfg}");
        self.ask();
    }

    /// Some requests of users.
    pub(super) fn ask(&self) {
        let before = self.syslog.lines();
        for _ in 0..REQUESTS {
            let mut answer = Vec::new();
            if let Ok(mut stream) = TcpStream::connect(self.users.address()) {
                let _ = stream.set_read_timeout(Some(START_LIMIT));
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                let _ = stream.read_to_end(&mut answer);
            }
        }
        holds_within(LINES_LIMIT, || self.syslog.lines() >= before + REQUESTS);
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.haproxy.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) fn look(&self) -> (Facts, Vec<Finding>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let facts = runtime.block_on(doctor::gather(&self.options));
        let findings = doctor::examine(&facts);
        (facts, findings)
    }

    /// Does what the finding says; whether there was something to do.
    pub(super) fn paste(&mut self, finding: &Finding) -> bool {
        let is_done = match &finding.fix {
            Fix::None => false,
            Fix::Replace { file, line, text } => edit_lines(file, |lines| {
                lines.splice(line - 1..*line, [text.clone()]);
            }),
            Fix::Below {
                file, line, text, ..
            } => edit_lines(file, |lines| lines.insert(*line, text.clone())),
            Fix::Key { table, text } => {
                let path = self.options.config.clone();
                let before = fs::read_to_string(&path).unwrap_or_default();
                // What a person fills in, who knows where the server answers.
                let address = self.servers[1].address().to_string();
                let text = &text.replace("127.0.0.1:8080", &address);
                fs::write(&path, with_key(&before, table, text)).expect("our configuration");
                true
            }
            Fix::Write { path, text } => {
                write(path, text);
                true
            }
            Fix::Run(command) => self.run(command),
        };
        if is_done {
            self.restart();
        }
        is_done
    }

    /// What such a command would do to this host.
    fn run(&self, command: &str) -> bool {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            [
                "sudo",
                "systemctl",
                "restart" | "reload",
                "haproxy" | "rsyslog",
            ]
            | [
                "sudo",
                "haproxy",
                "-c",
                ..,
                "&&",
                "sudo",
                "systemctl",
                "reload-or-restart",
                "haproxy",
            ] => true,
            ["sudo", "sysctl", "-w", setting] => {
                let (key, value) = setting.split_once('=').expect("a value");
                let path = format!("proc/sys/{}", key.replace('.', "/"));
                write(&self.at(&path), value);
                true
            }
            ["sudo", "groupadd", "--system", group] => edit_lines(&self.at("etc/group"), |lines| {
                lines.push(format!("{group}:x:991:"));
            }),
            ["sudo", "chmod", "go-w", path] => {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("chmod");
                true
            }
            ["sudo", "chgrp", "adm", path, ..] => {
                let mode = if rustix::process::geteuid().is_root() {
                    std::os::unix::fs::chown(path, None, Some(4)).expect("chgrp");
                    0o640
                } else {
                    0o644
                };
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
                true
            }
            _ => false,
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(super) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn edit_lines(path: &Path, edit: impl FnOnce(&mut Vec<String>)) -> bool {
    let text = fs::read_to_string(path).expect("a file that is there");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    edit(&mut lines);
    fs::write(path, lines.join("\n") + "\n").expect("writable");
    true
}

/// Our configuration with these keys in that table, in the place of those that are there.
pub(super) fn with_key(config: &str, table: &str, keys: &str) -> String {
    let mut lines: Vec<String> = config.lines().map(str::to_owned).collect();
    for key in keys.lines() {
        let name = key.split('=').next().unwrap_or_default().trim();
        let header = format!("[{table}]");
        let start = if table.is_empty() {
            0
        } else if let Some(at) = lines.iter().position(|line| line.trim() == header) {
            at + 1
        } else {
            lines.extend([String::new(), header]);
            lines.len()
        };
        let length = lines[start..].iter().position(|line| line.starts_with('['));
        let end = length.map_or(lines.len(), |length| start + length);
        let is_it = |line: &String| line.split('=').next().is_some_and(|it| it.trim() == name);
        match lines[start..end].iter().position(is_it) {
            Some(at) => key.clone_into(&mut lines[start + at]),
            None => lines.insert(start, key.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

fn cfg(root: &Path, group: &str, users: SocketAddr, servers: &[ReservedPort; 2]) -> String {
    let root = root.display();
    let [first, second] = [0, 1].map(|index| servers[index].address());
    format!(
        "global
    log {root}/dev/log local0
    log-tag haproxy
    stats socket {root}/run/haproxy/admin.sock mode 660 group {group} level admin
    nbthread 1

defaults
    log global
    mode http
    option httplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s

frontend users
    bind {users}
    default_backend web

backend web
    balance roundrobin
    server web1 {first} check
    server web2 {second} check disabled

frontend origin
    no log
    bind {first}
    bind {second}
    http-request return status 200
"
    )
}

fn config(root: &Path) -> String {
    let root = root.display();
    format!(
        "[haproxy]
socket = \"{root}/run/haproxy/admin.sock\"

[log]
source = \"{root}/var/log/haproxy.log\"

[control]
socket = \"{root}/run/control.sock\"

[state]
dir = \"{root}/var/lib\"

[backend.web]
always_up = [\"web1\"]
response_time = \"500ms\"
"
    )
}
