//! `[http]` over the daemon's life: nothing unless asked, SIGHUP, a port that is taken, tokens that
//! others can read.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use super::client::{SOON, TOKEN, alone, serve_alone, token_file};
use crate::support::{ReservedPort, wait_for};

fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
    let names = tasks
        .flatten()
        .map(|it| std::fs::read_to_string(it.path().join("comm")));
    names.flatten().map(|it| it.trim().to_owned()).collect()
}

/// Sockets that this process listens on, by the kernel's table of those of TCP.
fn listens(pid: u32) -> usize {
    let listening: Vec<String> = ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .flat_map(|text| {
            let rows = text.lines().map(|row| {
                row.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            });
            let rows = rows.filter(|row| row.get(3).is_some_and(|state| state == "0A"));
            rows.filter_map(|row| Some(format!("socket:[{}]", row.get(9)?)))
                .collect::<Vec<_>>()
        })
        .collect();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("open files");
    let links = open
        .flatten()
        .filter_map(|it| std::fs::read_link(it.path()).ok());
    links
        .filter(|link| listening.iter().any(|it| link.as_os_str() == it.as_str()))
        .count()
}

#[test]
fn nothing_listens_and_no_thread_runs_unless_asked() {
    let daemon = alone().start();
    assert_eq!(listens(daemon.pid()), 0);
    assert!(!threads(daemon.pid()).contains(&"http".to_owned()));
    let served = serve_alone();
    assert_eq!(listens(served.daemon.pid()), 1);
    assert!(threads(served.daemon.pid()).contains(&"http".to_owned()));
}

#[test]
fn sighup_moves_it_switches_it_off_and_reads_the_tokens_anew() {
    let served = serve_alone();
    let (daemon, old) = (&served.daemon, served.address);
    let config = std::fs::read_to_string(daemon.config()).expect("the configuration");
    let change = |from: &str, to: &str| {
        std::fs::write(daemon.config(), config.replace(from, to)).expect("a configuration");
        daemon.signal(Signal::HUP);
    };
    let port = ReservedPort::new();
    change(&old.to_string(), &port.address().to_string());
    wait_for("the new place", SOON, || {
        TcpStream::connect(port.address()).is_ok()
    });
    wait_for("not the old one", SOON, || TcpStream::connect(old).is_err());
    change(&old.to_string(), "");
    wait_for("nothing", SOON, || {
        TcpStream::connect(port.address()).is_err()
    });
    let socket = served.folder.path().join("http.sock");
    change(&old.to_string(), &format!("unix:{}", socket.display()));
    wait_for("a Unix socket", SOON, || {
        UnixStream::connect(&socket).is_ok()
    });
    let mode = std::fs::metadata(&socket)
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    change("nothing", "nothing");
    wait_for("the old place", SOON, || TcpStream::connect(old).is_ok());
    wait_for("no socket left", SOON, || !socket.exists());
    assert_eq!(served.order("{\"order\":\"pause\"}").status, 200);
    // The configuration is the same; the file that it names is not.
    let token = served.folder.path().join("token");
    std::fs::write(&token, TOKEN.replace('0', "z")).expect("another token");
    daemon.signal(Signal::HUP);
    // The change ends every connection, that of this order too if it comes at that moment.
    let ask = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: {old}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Connection: close\r\n\r\n"
    );
    wait_for("the old token is none", SOON, || {
        served.send(ask.as_bytes()).starts_with("HTTP/1.1 401 ")
    });
}

#[test]
fn a_port_that_is_taken_is_said_and_tried_again() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let daemon = alone()
        .more(&format!("[http]\nlisten = \"{address}\"\n"))
        .start();
    let problem = || daemon.problems().contains("http_not_listening");
    wait_for("a problem", SOON, problem);
    let told = daemon.text();
    assert!(
        told.contains(&format!("cannot listen on {address} for HTTP")),
        "{told}"
    );
    assert!(told.contains("tried again"), "{told}");
    drop(taken);
    wait_for("no problem", SOON, || !problem());
    let served = format!("HTTP is served on {address}");
    wait_for("that it serves", SOON, || daemon.text().contains(&served));
    assert_eq!(
        daemon.text().matches("http_not_listening").count(),
        1,
        "said once"
    );
}

#[test]
fn tokens_that_others_can_read_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = token_file(folder.path());
    for (mode, is_used) in [
        (0o600, true),
        (0o640, true),
        (0o400, true),
        (0o644, false),
        (0o660, false),
        (0o641, false),
    ] {
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).expect("its mode");
        let (port, path) = (ReservedPort::new(), token.display());
        let http = format!(
            "[http]\nlisten = \"{}\"\ntoken_file = \"{path}\"\n",
            port.address()
        );
        let daemon = alone().more(&http).start();
        wait_for("HTTP", SOON, || TcpStream::connect(port.address()).is_ok());
        // What is wrong with the tokens is told before that.
        wait_for("that it is said", SOON, || {
            daemon.text().contains("code=http_listening")
        });
        let told = daemon.text();
        assert_eq!(!told.contains("http_token"), is_used, "{mode:o}: {told}");
        assert!(is_used || told.contains("chmod 0640"), "{told}");
    }
    for (text, wanted) in [
        ("", "has no token"),
        ("short\n", "line 1 has no token of at least 16"),
        ("# one\nops short\n", "line 2 has no token"),
        (
            "a/b 0123456789abcdef\n",
            "the name before the token in line 1",
        ),
    ] {
        std::fs::write(&token, text).expect("a file");
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        let (port, path) = (ReservedPort::new(), token.display());
        let http = format!(
            "[http]\nlisten = \"{}\"\ntoken_file = \"{path}\"\n",
            port.address()
        );
        let daemon = alone().more(&http).start();
        wait_for(wanted, SOON, || daemon.text().contains(wanted));
        assert!(
            !daemon.text().contains("0123456789abcdef"),
            "{}",
            daemon.text()
        );
    }
}

#[test]
fn beyond_loopback_nothing_is_said_without_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = token_file(folder.path());
    let port = ReservedPort::new();
    let http = format!(
        "[http]\nlisten = \"0.0.0.0:{}\"\ntoken_file = \"{}\"\n",
        port.address().port(),
        token.display()
    );
    let daemon = alone().more(&http).start();
    wait_for("HTTP", SOON, || TcpStream::connect(port.address()).is_ok());
    let ask = |path: &str, header: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: lb1.example\r\n{header}Connection: close\r\n\r\n"
        );
        let answer = crate::support::load::exchange(port.address(), &request);
        answer.status
    };
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/api/v1/status",
        "/api/v1/events",
        "/nothing",
    ] {
        assert_eq!(ask(path, ""), Some(401), "{path}");
        assert_eq!(
            ask(path, "Authorization: Bearer wrong-wrong-wrong\r\n"),
            Some(401),
            "{path}"
        );
    }
    assert_eq!(
        ask("/metrics", &format!("Authorization: Bearer {TOKEN}\r\n")),
        Some(200)
    );
    // A token file that goes bad takes the whole listener with it.
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    daemon.signal(Signal::HUP);
    wait_for("no listener", SOON, || {
        TcpStream::connect(port.address()).is_err()
    });
    wait_for("why", SOON, || {
        daemon.text().contains("nothing is served over HTTP")
    });
}
