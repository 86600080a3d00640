//! A daemon that serves HTTP, and a client that sends any bytes. No test here.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{Backend, Daemon, DaemonConfig, ReservedPort, TinyServer, wait_for};

/// For something that should take a moment; generous, machines under test are busy.
pub(super) const SOON: Duration = Duration::from_secs(10);
/// The token of `ops` in [`token_file`].
pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A daemon and where it serves.
pub(super) struct Served {
    pub(super) daemon: Daemon,
    pub(super) address: SocketAddr,
    pub(super) folder: tempfile::TempDir,
    _port: ReservedPort,
}

/// Starts that daemon with `[http]` on a free port of loopback, and a token.
pub(super) fn serve(config: DaemonConfig) -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    let port = ReservedPort::new();
    let address = port.address();
    let token = token_file(folder.path());
    let http = format!(
        "[http]\nlisten = \"{address}\"\ntoken_file = \"{}\"\n",
        token.display()
    );
    let daemon = config.more(&http).start();
    wait_for("HTTP", SOON, || TcpStream::connect(address).is_ok());
    Served {
        daemon,
        address,
        folder,
        _port: port,
    }
}

/// A daemon beside no HAProxy and without a log: enough for whoever only asks. Each has places of its
/// own: two daemons never act on the same socket.
pub(super) fn alone() -> DaemonConfig {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let nowhere = PathBuf::from(format!("/nonexistent/{}-{number}", std::process::id()));
    DaemonConfig::at(&nowhere.join("admin.sock"), &nowhere.join("log"))
}

/// The same, serving.
pub(super) fn serve_alone() -> Served {
    serve(alone())
}

/// Backend `web`: the first server always up, the others spares that HAProxy checks.
pub(super) fn web(servers: &[&TinyServer]) -> Backend {
    let check = "check inter 200ms fastinter 200ms downinter 200ms rise 2 fall 2";
    let mut backend = Backend::new("web");
    for (index, server) in servers.iter().enumerate() {
        let disabled = if index == 0 { "" } else { " disabled" };
        let flags = format!("{check}{disabled}");
        backend = backend.server(server.name(), server.address(), &flags);
    }
    backend
}

pub(super) fn token_file(folder: &Path) -> PathBuf {
    let path = folder.join("token");
    std::fs::write(&path, format!("# who may order\nops {TOKEN}\n")).expect("a token");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("its mode");
    path
}

/// An answer in parts.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no answer: {text:?}")),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
}

impl Served {
    /// `GET` with those lines of header.
    pub(super) fn get(&self, path: &str, headers: &[&str]) -> Answer {
        self.ask("GET", path, headers, "")
    }

    /// An order with the right token.
    pub(super) fn order(&self, body: &str) -> Answer {
        let token = format!("Authorization: Bearer {TOKEN}");
        self.post(&[&token, "Content-Type: application/json"], body)
    }

    /// `POST /api/v1/orders` with those lines of header.
    pub(super) fn post(&self, headers: &[&str], body: &str) -> Answer {
        self.ask("POST", "/api/v1/orders", headers, body)
    }

    fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut lines = vec![format!("{method} {path} HTTP/1.1")];
        if !headers.iter().any(|it| it.starts_with("Host:")) {
            lines.push(format!("Host: {}", self.address));
        }
        lines.extend(headers.iter().map(|it| (*it).to_owned()));
        lines.push(format!("Content-Length: {}", body.len()));
        let head = lines.join("\r\n");
        let text = self.send(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes());
        Answer::read(&text)
    }

    /// Sends those bytes; all that comes back until the end.
    pub(super) fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // Who is refused early closes before all is sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same as an answer.
    pub(super) fn answer_to(&self, bytes: &[u8]) -> Answer {
        Answer::read(&self.send(bytes))
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a limit");
        stream
    }
}

/// The body of what is served there; empty while nobody answers.
pub(super) fn body_of(address: SocketAddr, path: &str) -> String {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = ask().unwrap_or_default();
    answer
        .split_once("\r\n\r\n")
        .map_or_else(String::new, |(_, body)| body.to_owned())
}
