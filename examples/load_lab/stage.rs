//! The processes of a case: a real HAProxy and the daemon beside it, in a folder of their own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::case::{Case, Haproxy, Log};
use crate::seen::{Line, SERVERS, Seen};
use crate::servers::Servers;
use crate::support::haproxy::command_to;
use crate::support::program::undisturbed;
use crate::support::{LogFile, ReservedPort, holds_within};

/// From the start of a process to its first answer.
const START_LIMIT: Duration = Duration::from_secs(15);
/// From SIGTERM to SIGKILL.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// What the daemon is told in each case; a case may say otherwise.
const DAEMON: [(&str, &str); 11] = [
    // Sizing looks back on half a minute, which is as long as a case lasts.
    ("capacity", "\"off\""),
    ("response_time", "\"300ms\""),
    ("window", "15"),
    ("min_span", "\"1s\""),
    ("idle_timeout", "\"6s\""),
    ("scale_up_cooldown", "\"4s\""),
    ("scale_down_cooldown", "\"4s\""),
    ("grace", "\"2s\""),
    ("drain_timeout", "\"3s\""),
    ("always_up", "[\"web1\"]"),
    ("warm_up.path", "\"/warm\""),
];

/// Ends the processes and removes the folder when dropped.
pub struct Stage {
    folder: TempDir,
    haproxy: Child,
    daemon: Child,
    program: PathBuf,
    /// Where users come in.
    pub frontend: ReservedPort,
    threads: Vec<JoinHandle<()>>,
}

impl Stage {
    /// Starts HAProxy, then the daemon, and waits until the daemon has a picture of HAProxy.
    pub fn start(
        case: &Case,
        haproxy: &Path,
        daemon: &Path,
        servers: &Servers,
        seen: &Arc<Seen>,
    ) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("load-lab-").tempdir();
        let folder = folder.map_err(|error| format!("cannot make a folder: {error}"))?;
        let at = |name: &str| folder.path().join(name);
        let frontend = ReservedPort::new();
        let log_port = free_udp_port();
        let text = haproxy_cfg(
            &case.haproxy,
            folder.path(),
            frontend.address(),
            log_port,
            servers,
        );
        fs::write(at("haproxy.cfg"), text).map_err(|error| error.to_string())?;
        let text = config_toml(case, folder.path(), log_port);
        fs::write(at("config.toml"), text).map_err(|error| error.to_string())?;

        let mut daemon_child = None;
        if case.haproxy.log == Log::Udp {
            // It must listen before the first line is sent.
            daemon_child = Some(spawn_daemon(daemon, folder.path())?);
        }
        let mut haproxy_child = Command::new(haproxy)
            .arg(if case.haproxy.master { "-W" } else { "-db" })
            .arg("-f")
            .arg(at("haproxy.cfg"))
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(at("haproxy.err")).map_err(|error| error.to_string())?)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", haproxy.display()))?;
        let log = LogFile::open(&at("haproxy.log"));
        let output = haproxy_child.stdout.take().expect("a pipe");
        let log_thread = std::thread::spawn(move || log.append_all(output));
        let daemon_child = match daemon_child {
            Some(child) => Ok(child),
            None => spawn_daemon(daemon, folder.path()),
        };
        let mut daemon_child = match daemon_child {
            Ok(child) => child,
            Err(error) => {
                end(&mut haproxy_child);
                return Err(error);
            }
        };
        let stderr = daemon_child.stderr.take().expect("a pipe");
        let daemon_log = File::create(at("daemon.log")).map_err(|error| error.to_string())?;
        let collecting = Arc::clone(seen);
        let daemon_thread = std::thread::spawn(move || collect(stderr, daemon_log, &collecting));
        let mut stage = Self {
            folder,
            haproxy: haproxy_child,
            daemon: daemon_child,
            program: daemon.to_owned(),
            frontend,
            threads: vec![log_thread, daemon_thread],
        };
        stage.wait_until_both_answer().map(|()| stage)
    }

    fn wait_until_both_answer(&mut self) -> Result<(), String> {
        let mut ended = None;
        let answers = holds_within(START_LIMIT, || {
            ended = self.haproxy.try_wait().ok().flatten();
            ended.is_some()
                || command_to(&self.admin(), "show info").is_ok_and(|info| !info.is_empty())
        });
        if !answers || ended.is_some() {
            let said = fs::read_to_string(self.folder.path().join("haproxy.err"));
            return Err(format!(
                "HAProxy did not start: {}",
                said.unwrap_or_default().trim()
            ));
        }
        let sees = holds_within(START_LIMIT, || {
            let status = haproxy_autoscale::control::ask_status(&self.control());
            status.is_ok_and(|status| status.contains("\"connected\":true"))
        });
        if sees {
            return Ok(());
        }
        let said = fs::read_to_string(self.folder.path().join("daemon.log"));
        Err(format!(
            "the daemon did not find HAProxy:\n{}",
            said.unwrap_or_default().trim()
        ))
    }

    /// HAProxy's admin socket.
    pub fn admin(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// The daemon's control socket.
    pub fn control(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// How an operator's order is given: program, and the configuration's path.
    pub fn operator(&self) -> (PathBuf, PathBuf) {
        (self.program.clone(), self.folder.path().join("config.toml"))
    }

    /// The process that takes SIGUSR2.
    pub fn master(&self) -> u32 {
        self.haproxy.id()
    }

    /// Whether the daemon has ended by itself.
    pub fn daemon_ended(&mut self) -> Option<String> {
        let status = self.daemon.try_wait().ok().flatten()?;
        Some(format!("the daemon ended by itself ({status})"))
    }

    /// Copies what a person wants to read after a failure.
    pub fn keep(&self, to: &Path) {
        for name in [
            "haproxy.cfg",
            "config.toml",
            "haproxy.err",
            "daemon.log",
            "haproxy.log",
        ] {
            let _ = fs::create_dir_all(to);
            let _ = fs::copy(self.folder.path().join(name), to.join(name));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        end(&mut self.daemon);
        let info = command_to(&self.admin(), "show info").unwrap_or_default();
        end(&mut self.haproxy);
        // A master that had to be killed must not leave its worker behind.
        let worker = info.lines().find_map(|line| line.strip_prefix("Pid: "));
        let worker = worker.and_then(|pid| pid.trim().parse().ok());
        if let Some(pid) = worker.and_then(Pid::from_raw)
            && pid.as_raw_nonzero().get().unsigned_abs() != self.haproxy.id()
        {
            let _ = kill_process(pid, Signal::KILL);
        }
        for thread in self.threads.drain(..) {
            holds_within(STOP_LIMIT, || thread.is_finished());
        }
    }
}

fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    if !holds_within(STOP_LIMIT, || matches!(child.try_wait(), Ok(Some(_)))) {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn free_udp_port() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free UDP port");
    socket.local_addr().expect("its address")
}

fn spawn_daemon(program: &Path, folder: &Path) -> Result<Child, String> {
    undisturbed(program)
        .arg("run")
        .arg("-c")
        .arg(folder.join("config.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))
}

fn collect(stderr: impl std::io::Read, mut file: File, seen: &Seen) {
    for text in BufReader::new(stderr).lines().map_while(Result::ok) {
        let _ = std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes());
        let at = seen.now();
        seen.record().lines.push(Line { at, text });
    }
}

fn haproxy_cfg(
    haproxy: &Haproxy,
    folder: &Path,
    frontend: SocketAddr,
    log: SocketAddr,
    servers: &Servers,
) -> String {
    let target = match haproxy.log {
        Log::File => "stdout".to_owned(),
        Log::Udp => log.to_string(),
    };
    let admin = folder.join("admin.sock");
    let mut text = format!(
        "global\n    log {target} len 8192 format raw local0 info\n    \
         stats socket \"{}\" mode 600 level admin\n{}\n\
         defaults\n    mode http\n    log global\n    option httplog\n    timeout connect 1s\n    \
         timeout client 30s\n    timeout server 30s\n{}\n\
         frontend www\n    bind {frontend}\n    default_backend web\n{}\n\
         backend web\n    option httpchk GET /health\n{}",
        admin.display(),
        indented(haproxy.global),
        indented(haproxy.defaults),
        indented(haproxy.frontend),
        indented(haproxy.backend),
    )
    .replace("{folder}", &folder.display().to_string());
    for (index, name) in SERVERS.iter().enumerate() {
        let words = haproxy.servers[index];
        if words == "-" {
            continue;
        }
        let agent = servers.agent(index).port().to_string();
        let words = words.replace("{agent}", &agent);
        let disabled = if index == 0 { "" } else { " disabled" };
        let _ = writeln!(
            text,
            "    server {name} {} {words}{disabled}",
            servers.page(index)
        );
    }
    text + haproxy.more
}

fn indented(lines: &str) -> String {
    lines
        .lines()
        .fold(String::new(), |text, line| text + "    " + line + "\n")
}

fn config_toml(case: &Case, folder: &Path, log: SocketAddr) -> String {
    let source = match case.haproxy.log {
        Log::File => folder.join("haproxy.log").display().to_string(),
        Log::Udp => format!("udp:{log}"),
    };
    let socket = |name: &str| format!("\"{}\"", folder.join(name).display());
    let own = [
        ("haproxy.socket", socket("admin.sock")),
        ("log.source", format!("\"{source}\"")),
        ("control.socket", socket("control.sock")),
        ("state.dir", "\"\"".to_owned()),
    ];
    let mut keys: BTreeMap<&str, String> = BTreeMap::from(own);
    let told = DAEMON.iter().chain(case.daemon);
    keys.extend(told.map(|(key, value)| (*key, (*value).to_owned())));
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in keys.iter().filter(|(_, value)| !value.is_empty()) {
        let (table, key) = match key.split_once('.') {
            None => ("backend.web".to_owned(), *key),
            Some(("warm_up", key)) => ("backend.web.warm_up".to_owned(), key),
            Some((table, key)) => (table.to_owned(), key),
        };
        let _ = writeln!(tables.entry(table).or_default(), "{key} = {value}");
    }
    tables.iter().fold(String::new(), |text, (table, keys)| {
        text + &format!("[{table}]\n{keys}")
    })
}
