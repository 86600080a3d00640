//! Spares that others depend on, that have no address, that hang, and that hold a user for long.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, assert_users_content, fast, slow, web};
use crate::support::load::get;
use crate::support::{
    Backend, Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, StateWatch, TinyServer,
    Visitor, for_each_version_at_once, wait_for,
};

/// Long enough for the daemon to do what it should not.
const A_WHILE: Duration = Duration::from_secs(3);
/// One step of a websocket.
const STEP: Duration = Duration::from_secs(10);

#[test]
fn a_spare_that_other_servers_track_is_not_touched() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let web3 = TinyServer::start("web3", fast());
        let other = Backend::new("other").server("other1", web2.address(), "track web/web2");
        let config = HaproxyConfig::new(web(CHECK, &[&web1, &web2, &web3])).backend(other);
        let haproxy = RealHaproxy::start(version, config);
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("scale_up_cooldown", "\"200ms\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web3", SOON);
        std::thread::sleep(A_WHILE);
        let note = daemon.status()["backends"][0]["servers"][1]["note"].to_string();
        assert!(note.contains("other servers track it"), "{note}");
        assert_eq!(states.of("web2"), ["maint"], "{}", daemon.text());
        assert_eq!(web2.count(Visitor::WarmUp), 0);
        // An order does not make it right either.
        let refused = daemon.ask(&["enable", "web/web2"]);
        let text = &refused.err;
        assert_ne!(refused.code, Some(0), "{text}");
        assert!(text.contains("is tracked"), "{text}");
        assert_users_content(&load, &[&web1, &web3]);
    });
}

#[test]
fn a_spare_whose_name_does_not_resolve_is_no_candidate() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web3 = TinyServer::start("web3", fast());
        // Nobody answers there.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let nameserver = silent.local_addr().expect("its address");
        let backend = Backend::new("web")
            .server("web1", web1.address(), CHECK)
            .line(format!(
                "server web2 spare.invalid:80 {CHECK} disabled resolvers silent init-addr none"
            ))
            .server("web3", web3.address(), &format!("{CHECK} disabled"));
        let config = HaproxyConfig::new(backend).global(format!(
            "\nresolvers silent\n    nameserver one {nameserver}"
        ));
        let haproxy = RealHaproxy::start(version, config);
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web3", SOON);
        assert_eq!(daemon.count("warm_up", "web2"), 0, "{}", daemon.text());
        assert_eq!(states.of("web2"), ["maint"], "{}", daemon.text());
        let note = daemon.status()["backends"][0]["servers"][1]["note"].to_string();
        assert!(note.contains("unresolved"), "{note}");
        assert_users_content(&load, &[&web1, &web3]);
    });
}

#[test]
fn a_spare_that_accepts_and_never_answers_is_put_aside_and_the_next_one_comes_in() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let hanging = Behaviour {
            hang: true,
            ..fast()
        };
        let web2 = TinyServer::start("web2", hanging);
        let web3 = TinyServer::start("web3", fast());
        let haproxy = RealHaproxy::start(
            version,
            HaproxyConfig::new(web(CHECK, &[&web1, &web2, &web3])),
        );
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .warm_up("timeout", "\"300ms\"")
            .warm_up("deadline", "\"1s\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        let failed = daemon.wait_for("enable_failed", "web2", SOON);
        assert!(failed.text.contains("not tried for 1m"), "{}", failed.text);
        daemon.wait_for("enable", "web3", SOON);
        assert_eq!(states.of("web2"), ["maint"]);
        assert_no_user_on(&web2);
        assert_users_content(&load, &[&web1, &web3]);
        web2.change(|behaviour| behaviour.hang = false);
    });
}

/// A server that answers `ok` like any other, and turns a connection into an echo when asked to.
struct EchoServer {
    name: &'static str,
    address: SocketAddr,
}

impl EchoServer {
    fn start(name: &'static str, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || serve(stream, name, delay));
            }
        });
        Self { name, address }
    }
}

fn serve(mut stream: TcpStream, name: &str, delay: Duration) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    if !head.to_ascii_lowercase().contains("upgrade: websocket") {
        if !head.starts_with("GET /health") {
            std::thread::sleep(delay);
        }
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\nX-Server: {name}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
        );
    }
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nX-Server: {name}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )?;
    let mut bytes = [0; 64];
    loop {
        let count = reader.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&bytes[..count])?;
    }
}

/// A websocket through HAProxy, and the server that it reached.
fn websocket(frontend: SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(frontend).expect("a connection");
    stream.set_read_timeout(Some(STEP)).expect("a time limit");
    let headers = [
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let request = get("/", &headers).replace("Connection: close", "Connection: Upgrade");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the answer's head");
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    let server = head
        .lines()
        .find_map(|line| line.strip_prefix("x-server: "));
    (stream, server.unwrap_or_default().to_owned())
}

fn echoes(stream: &mut TcpStream, text: &str) -> bool {
    let mut answer = vec![0; text.len()];
    stream.write_all(text.as_bytes()).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == text.as_bytes()
}

#[test]
fn a_websocket_lives_on_while_its_spare_drains_and_is_put_away() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = EchoServer::start("web2", Duration::from_millis(5));
        let backend = Backend::new("web")
            .line("timeout tunnel 60s")
            .line("use-server web2 if { hdr(upgrade) -i websocket }")
            .server("web1", web1.address(), CHECK)
            .server(web2.name, web2.address, &format!("{CHECK} disabled"));
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend));
        let states = StateWatch::start(&haproxy);
        let daemon = DaemonConfig::new(&haproxy)
            .backend("drain_timeout", "\"2s\"")
            .start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        let (mut socket, server) = websocket(haproxy.frontend());
        assert_eq!(server, "web2");
        assert!(echoes(&mut socket, "while it is ready"));
        web1.change(|behaviour| *behaviour = fast());
        daemon.wait_for("drain", "web2", SOON);
        assert!(echoes(&mut socket, "while it drains"));
        let waits = daemon.wait_for("note", "web2", SOON);
        assert!(waits.text.contains("1 session open"), "{}", waits.text);
        assert!(echoes(&mut socket, "after drain_timeout"), "it was cut");
        assert_eq!(states.now("web2"), "drain");
        drop(socket);
        let disabled = daemon.wait_for("disable", "web2", SOON);
        assert!(disabled.text.contains("drained"), "{}", disabled.text);
        wait_for("maint", SOON, || states.now("web2") == "maint");
        assert_users_content(&load, &[&web1]);
    });
}

#[test]
fn sigterm_while_a_spare_drains_puts_it_away_and_cuts_nobody() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", slow());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let states = StateWatch::start(&haproxy);
        let mut daemon = DaemonConfig::new(&haproxy).start();
        let load = Load::open(haproxy.frontend(), RATE);
        daemon.wait_for("enable", "web2", SOON);
        web1.change(|behaviour| *behaviour = fast());
        // Requests under way for so long that the drain cannot end.
        let frontend = haproxy.frontend();
        wait_for("users on the spare", SOON, || web2.count(Visitor::User) > 5);
        let long: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(move || crate::support::load::fetch(frontend, "/?ms=8000")))
            .collect();
        daemon.wait_for("drain", "web2", SOON);
        wait_for("draining-out", SOON, || {
            daemon.stage("web2") == "draining-out"
        });
        let (code, took) = daemon.terminate(SOON);
        assert_eq!(code, Some(0), "{}", daemon.text());
        assert!(took < Duration::from_secs(2), "{took:?}");
        wait_for("maint", SOON, || states.now("web2") == "maint");
        assert_eq!(states.path("web2"), ["maint", "ready", "maint"]);
        for thread in long {
            assert!(thread.join().expect("a long request").is_ok());
        }
        assert_users_content(&load, &[&web1, &web2]);
    });
}
