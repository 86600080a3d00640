//! The server beside a loop that is played here: one that is slow, that answers late, or not at all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use haproxy_autoscale::config::{self, Config};
use haproxy_autoscale::http::{Front, Wish};
use haproxy_autoscale::metrics::{self, Seen};
use haproxy_autoscale::publish::events::{Events, Place};
use haproxy_autoscale::publish::hub::Hub;
use haproxy_autoscale::status::{LogCondition, Report};
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use tokio::runtime::Runtime;

use super::client::{SOON, TOKEN, token_file};
use crate::support::{ReservedPort, holds_within, wait_for};

/// Longer than the server waits for the loop before it says so.
const LATE: Duration = Duration::from_secs(15);

/// The file with events.
pub(super) const EVENTS: &str = "events.jsonl";

/// The loop's end of the server, and nothing else of a daemon.
pub(super) struct Loop {
    pub(super) front: Front,
    pub(super) hub: Hub,
    runtime: Runtime,
    pub(super) address: SocketAddr,
    folder: tempfile::TempDir,
    _port: ReservedPort,
}

/// Events are in a file beside the tokens.
fn config(listen: &str, token: &Path) -> Config {
    let text = format!(
        "[haproxy]\nsocket = \"/nonexistent/admin.sock\"\n[log]\nsource = \"/nonexistent/log\"\n\
         [backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n\
         [http]\nlisten = \"{listen}\"\ntoken_file = \"{}\"\n\
         [events]\nfile = \"{}\"\n",
        token.display(),
        token.with_file_name(EVENTS).display()
    );
    match config::parse(&text, "config.toml") {
        Ok(loaded) => loaded.config,
        Err(errors) => panic!("{}", errors.report(false)),
    }
}

pub(super) fn seen() -> Seen {
    seen_of(0)
}

/// With so many backends.
fn seen_of(backends: usize) -> Seen {
    let names: Vec<String> = (0..backends)
        .map(|number| format!("backend{number}"))
        .collect();
    let at = SystemTime::now();
    Seen {
        at,
        report: Report {
            mode: config("", Path::new("/nonexistent/token")).mode,
            version: None,
            source: "/nonexistent/log".to_owned(),
            lines: 0,
            rejected: 0,
            lost: 0,
            refused: 0,
            log: LogCondition::Read,
            lag: Duration::ZERO,
            problems: Vec::new(),
            backends: Vec::new(),
        },
        counters: metrics::Counters::new(names.iter().map(|it| (it.as_str(), &[][..])), at),
        log: haproxy_autoscale::log::lines::Counters::default(),
        socket: "/nonexistent/admin.sock".to_owned(),
    }
}

impl Loop {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"))
    }

    /// In a folder with events of a daemon before.
    pub(super) fn start_in(folder: tempfile::TempDir) -> Self {
        let hub = Hub::new();
        let place = Place {
            file: folder.path().join(EVENTS),
            keep: Duration::from_secs(24 * 60 * 60),
            is_own_folder: false,
        };
        let (events, _) = Events::start(&hub, Some(place));
        let port = ReservedPort::new();
        token_file(folder.path());
        let runtime = tokio::runtime::Builder::new_current_thread();
        let mut played = Self {
            front: Front::new(&hub, &events),
            hub,
            runtime: { runtime }.enable_all().build().expect("a runtime"),
            address: port.address(),
            folder,
            _port: port,
        };
        played.serve();
        wait_for("HTTP", SOON, || TcpStream::connect(played.address).is_ok());
        played
    }

    fn config(&self, listen: &str) -> Config {
        config(listen, &self.folder.path().join("token"))
    }

    /// As SIGHUP does.
    fn serve(&mut self) {
        let config = self.config(&self.address.to_string());
        self.front.serve(&config);
    }

    /// What is wanted, if it is within that time.
    pub(super) fn wish(&mut self, limit: Duration) -> Option<Wish> {
        let next = async { tokio::time::timeout(limit, self.front.next()).await };
        self.runtime.block_on(next).ok()
    }

    fn send(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(LATE)).expect("a limit");
        let length = body.len();
        let head = format!("{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n");
        let token = format!("Authorization: Bearer {TOKEN}\r\n");
        let kind = "Content-Type: application/json\r\nConnection: close\r\n\r\n";
        let request = format!("{head}{token}{kind}{body}");
        stream.write_all(request.as_bytes()).expect("a request");
        stream
    }

    /// A connection into which little goes that nobody reads.
    pub(super) fn small(&self) -> TcpStream {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_recv_buffer_size(&socket, 4096).expect("a small buffer");
        connect(&socket, &self.address).expect("a connection");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(SOON)).expect("a limit");
        stream
    }

    /// Asks until the loop is asked for a look; what came of asking before is of no interest.
    fn is_asked_again(&mut self) -> bool {
        holds_within(SOON, || {
            let _asking = self.send("GET /metrics", "");
            matches!(self.wish(Duration::from_millis(200)), Some(Wish::Look))
        })
    }
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_loop_that_answered_late_is_asked_again() {
    let mut played = Loop::start();
    let asking = played.send("GET /metrics", "");
    assert!(matches!(played.wish(SOON), Some(Wish::Look)));
    let told = answer(asking);
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    played.front.publish(seen());
    assert!(played.is_asked_again());
}

#[test]
fn a_loop_is_asked_again_though_whoever_asked_has_left() {
    let mut played = Loop::start();
    drop(played.send("GET /metrics", ""));
    assert!(matches!(played.wish(SOON), Some(Wish::Look)));
    played.front.publish(seen());
    assert!(played.is_asked_again());
}

#[test]
fn health_is_not_told_from_an_old_look() {
    let mut played = Loop::start();
    played.front.publish(seen());
    let health = |played: &Loop| {
        played.front.beat(); // It turns; only it does not answer.
        answer(played.send("GET /healthz", ""))
    };
    assert!(health(&played).contains("cannot be reached"));
    wait_for("the look is too old", LATE, || {
        let told = health(&played);
        told.starts_with("HTTP/1.1 503 ") && told.contains("the loop does not answer")
    });
    assert!(matches!(played.wish(SOON), Some(Wish::Look)));
    let asking = played.send("GET /healthz", "");
    played.front.publish(seen());
    let told = answer(asking);
    assert!(told.contains("cannot be reached"), "{told}");
}

#[test]
fn an_order_that_is_not_answered_may_still_be_obeyed() {
    let mut played = Loop::start();
    let order = "{\"order\":\"pause\"}";
    let late = played.send("POST /api/v1/orders", order);
    let Some(Wish::Order(_, kept)) = played.wish(SOON) else {
        panic!("no order");
    };
    let dropped = played.send("POST /api/v1/orders", order);
    assert!(matches!(played.wish(SOON), Some(Wish::Order(..))));
    for asking in [dropped, late] {
        let told = answer(asking);
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
        assert!(told.contains("it may still be obeyed"), "{told}");
    }
    drop(kept);
}

#[test]
fn who_came_with_a_token_that_is_none_any_more_is_let_go() {
    let mut played = Loop::start();
    let mut listening = played.send("GET /api/v1/events", "");
    let mut heard = Vec::new();
    let mut hear = |limit: Duration| {
        listening.set_read_timeout(Some(limit)).expect("a limit");
        let mut piece = [0; 1024];
        let read = listening.read(&mut piece);
        heard.extend_from_slice(&piece[..*read.as_ref().unwrap_or(&0)]);
        (read.ok(), String::from_utf8_lossy(&heard).into_owned())
    };
    wait_for("the beginning", SOON, || hear(SOON).1.contains("retry: "));
    played.serve();
    let (read, _) = hear(Duration::from_millis(500));
    assert_ne!(read, Some(0), "the same tokens");
    let token = played.folder.path().join("token");
    std::fs::write(token, TOKEN.replace('0', "z")).expect("another token");
    played.serve();
    wait_for("the end", SOON, || hear(SOON).0 == Some(0));
    assert!(TcpStream::connect(played.address).is_ok());
}

#[test]
fn a_pipe_is_no_file_of_tokens_and_holds_up_nobody() {
    let mut played = Loop::start();
    let token = played.folder.path().join("token");
    std::fs::remove_file(&token).expect("the token");
    let made = std::process::Command::new("mkfifo").arg(&token).status();
    assert!(made.expect("mkfifo").success());
    played.serve();
    wait_for("why nobody may order", SOON, || {
        let problems = played.front.problems();
        problems
            .iter()
            .any(|(_, text)| text.contains("it is no file"))
    });
    let index = answer(played.send("GET /", ""));
    assert!(index.starts_with("HTTP/1.1 200 "), "{index}");
}

#[test]
fn what_is_switched_off_has_no_problem() {
    let mut played = Loop::start();
    std::fs::remove_file(played.folder.path().join("token")).expect("the token");
    played.serve();
    wait_for("a problem", SOON, || !played.front.problems().is_empty());
    let off = played.config("");
    played.front.serve(&off);
    wait_for("nothing", SOON, || {
        TcpStream::connect(played.address).is_err()
    });
    let has_one = holds_within(Duration::from_millis(300), || {
        !played.front.problems().is_empty()
    });
    assert!(!has_one, "{:?}", played.front.problems());
}
