//! A small HTTP/1.1 server: slow, cold, dead or hanging at a word.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::port::ReservedPort;
use super::server_state::{Behaviour, State, Visit, Visitor};
use super::wait_for_some;

/// Connections at a time; more are closed at once.
const MAX_CONNECTIONS: usize = 1024;
/// A line of a request's head, and the number of them.
const MAX_LINE_BYTES: u64 = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// The key that RFC 6455 (1.2) has as its example, and the answer to it.
pub(super) const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const WEBSOCKET_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// A client that says nothing for so long is forgotten.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// Listening again after [`TinyServer::die`].
const LISTEN_LIMIT: Duration = Duration::from_secs(2);

/// A server that answers every path with `ok` and names itself in `X-Server`; one request a
/// connection. The query overrides: `/?ms=3000` takes so much longer (without keeping a worker),
/// `/?status=302` is answered with that status, `/?kib=2048` with so large a body, `/?age=60` may be
/// cached for so many seconds. A websocket is opened and stays so until the client closes it. Ends when
/// dropped.
pub struct TinyServer {
    name: String,
    port: ReservedPort,
    state: Arc<State>,
    listener: Option<Listener>,
}

/// The thread that accepts.
struct Listener {
    thread: JoinHandle<()>,
    stop: mpsc::Sender<()>,
}

impl TinyServer {
    /// Listens on a port of 127.0.0.1 that the kernel chose.
    pub fn start(name: &str, behaviour: Behaviour) -> Self {
        let mut server = Self::dead(name, behaviour);
        server.revive();
        server
    }

    /// Has a port, but nothing listens there until [`Self::revive`].
    pub fn dead(name: &str, behaviour: Behaviour) -> Self {
        Self {
            name: name.to_owned(),
            port: ReservedPort::new(),
            state: Arc::new(State::new(behaviour)),
            listener: None,
        }
    }

    /// `X-Server` of its answers.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens, dead or alive.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Changes its behaviour from the next request on (a hang at once).
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        self.state.change(change);
    }

    /// How it behaves now.
    pub fn behaviour(&self) -> Behaviour {
        self.state.behaviour()
    }

    /// Forgets all visits and is cold again, as after a restart of the machine.
    pub fn cool_down(&self) {
        self.state.forget_warmth();
    }

    /// Every request so far, in order of arrival.
    pub fn visits(&self) -> Vec<Visit> {
        self.state.visits()
    }

    /// How many requests came from such a visitor.
    pub fn count(&self, visitor: Visitor) -> usize {
        self.state.count(visitor)
    }

    /// Users that were answered by a cold server: what must never happen.
    pub fn cold_users(&self) -> usize {
        let visits = self.visits();
        visits
            .iter()
            .filter(|visit| visit.visitor == Visitor::User && visit.was_cold)
            .count()
    }

    /// Stops listening: connections are refused from now on. Requests under way are answered.
    pub fn die(&mut self) {
        if let Some(listener) = self.listener.take() {
            let _ = listener.stop.send(());
            // Wakes the thread out of accept().
            let _ = TcpStream::connect(self.address());
            let _ = listener.thread.join();
        }
    }

    /// Listens (again) on the same port.
    pub fn revive(&mut self) {
        if self.listener.is_some() {
            return;
        }
        let address = self.address();
        let listener = wait_for_some("a server to listen on its port", LISTEN_LIMIT, || {
            TcpListener::bind(address).ok()
        });
        let (stop, stopped) = mpsc::channel();
        let (state, name) = (Arc::clone(&self.state), self.name.clone());
        let thread = std::thread::spawn(move || accept_all(&listener, &stopped, &state, &name));
        self.listener = Some(Listener { thread, stop });
    }
}

impl Drop for TinyServer {
    fn drop(&mut self) {
        self.state.stop();
        self.die();
    }
}

fn accept_all(
    listener: &TcpListener,
    stopped: &mpsc::Receiver<()>,
    state: &Arc<State>,
    name: &str,
) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if stopped.try_recv().is_ok() {
            return;
        }
        let Ok(stream) = stream else { continue };
        if open.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (state, name, open) = (Arc::clone(state), name.to_owned(), Arc::clone(&open));
        std::thread::spawn(move || {
            let _ = serve(&stream, &state, &name);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// One request, one answer.
fn serve(stream: &TcpStream, state: &State, name: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(READ_LIMIT))?;
    stream.set_nodelay(true)?;
    let Some(head) = Head::read(stream)? else {
        return Ok(());
    };
    let extra = state.arrive(head.visitor(), &head.path, &head.host);
    let Some(status) = state.work(head.visitor(), extra) else {
        return Ok(());
    };
    let status = head.query("status").unwrap_or(status);
    if let Some(ms) = head.query("ms") {
        std::thread::sleep(Duration::from_millis(u64::from(ms)));
    }
    if head.is_websocket {
        return hold_open(stream, name);
    }
    let location = if (300..400).contains(&status) {
        "Location: /\r\n"
    } else {
        ""
    };
    let cache = head.query("age").map_or(String::new(), |seconds| {
        format!("Cache-Control: max-age={seconds}\r\n")
    });
    let body = match head.query("kib") {
        Some(kib) => "o".repeat(1024 * usize::from(kib)),
        None => "ok\n".to_owned(),
    };
    let length = body.len();
    let body = if head.method == "HEAD" { "" } else { &body };
    let mut stream = stream;
    stream.write_all(
        format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
             X-Server: {name}\r\n{location}{cache}Connection: close\r\n\r\n{body}"
        )
        .as_bytes(),
    )
}

/// A websocket on which nobody says anything.
fn hold_open(stream: &TcpStream, name: &str) -> std::io::Result<()> {
    let mut stream = stream;
    stream.write_all(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nX-Server: {name}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Accept: {WEBSOCKET_ACCEPT}\r\n\r\n"
        )
        .as_bytes(),
    )?;
    stream.set_read_timeout(None)?;
    std::io::copy(&mut stream, &mut std::io::sink())?;
    Ok(())
}

/// What is read of a request.
struct Head {
    method: String,
    path: String,
    host: String,
    agent: String,
    is_websocket: bool,
}

impl Head {
    /// Reads head and body; `None` when the client closed without a request.
    fn read(stream: &TcpStream) -> std::io::Result<Option<Self>> {
        let mut reader = BufReader::new(stream);
        let mut line = || -> std::io::Result<String> {
            let mut line = String::new();
            reader.by_ref().take(MAX_LINE_BYTES).read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Ok(None);
        };
        let mut head = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            host: String::new(),
            agent: String::new(),
            is_websocket: false,
        };
        let mut body_bytes = 0;
        for _ in 0..MAX_HEADERS {
            let header = line()?;
            let Some((name, value)) = header.split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "host" => value.trim().clone_into(&mut head.host),
                "user-agent" => value.trim().clone_into(&mut head.agent),
                "upgrade" => head.is_websocket = value.trim() == "websocket",
                "content-length" => body_bytes = value.trim().parse().unwrap_or(0),
                _ => {}
            }
        }
        std::io::copy(&mut reader.take(body_bytes), &mut std::io::sink())?;
        Ok(Some(head))
    }

    fn visitor(&self) -> Visitor {
        if self.agent.starts_with("haproxy-autoscale") {
            Visitor::WarmUp
        } else if self.method == "OPTIONS" || self.path == "/health" {
            Visitor::Check
        } else {
            Visitor::User
        }
    }

    fn query(&self, key: &str) -> Option<u16> {
        let (_, query) = self.path.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key)?.1.parse().ok()
    }
}
