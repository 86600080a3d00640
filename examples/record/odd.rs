//! Every odd line that can be had from a real HAProxy: each frontend and backend here is wrong or
//! unusual in its own way. The plain load and the eight heads are recorded elsewhere.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::support::load::{abandon, exchange, fetch, get};
use crate::support::{
    Backend, Behaviour, HaproxyConfig, Load, RealHaproxy, SyslogFile, TinyServer, Version, wait_for,
};

/// The frontends that HAProxy reaches through itself, by their sockets' names.
const INNER: [&str; 7] = [
    "tls",
    "early",
    "kept",
    "tcp",
    "silent",
    "odd.name:80_a-b",
    "cut",
];

/// A record that an attacker would like to have read.
const FORGED: &str = "9.9.9.9:1 [21/Nov/2026:23:00:00.000] fe be/s2 0/0/0/99999/99999 500 1";

/// Records `lines.log`, as HAProxy writes it, and `cut.log`, where a line ends after 1024 bytes.
pub(super) fn record(version: &Version, folder: &Path) {
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(2));
    let slow1 = TinyServer::start("slow1", Behaviour::delay_ms(400));
    let hung1 = TinyServer::start("hung1", Behaviour::default());
    hung1.change(|behaviour| behaviour.hang = true);
    let dead1 = TinyServer::dead("dead1", Behaviour::default());
    let scratch = tempfile::Builder::new().prefix("rec-").tempdir();
    let scratch = scratch.expect("a temporary folder");
    write_certificate(&scratch.path().join("cert.pem"));
    let cut = folder.join("cut.log");
    let _ = fs::remove_file(&cut);
    let syslog = SyslogFile::udp(&cut, true);

    let servers = [&web1, &slow1, &hung1, &dead1];
    let mut config = config(servers, scratch.path()).global(format!(
        "log {} len 1024 format rfc3164 local0 info",
        syslog.target
    ));
    for name in INNER {
        config = config.backend(inner(name, scratch.path()));
    }
    let haproxy = RealHaproxy::start(version, config);
    ask(&haproxy);
    let text = haproxy.log_text();
    wait_for("the same lines in both", Duration::from_secs(5), || {
        syslog.lines() >= text.lines().count()
    });
    fs::write(folder.join("lines.log"), haproxy.log_text()).expect("a fixture");
    eprintln!("  {} lines", text.lines().count());
}

/// A certificate and its key in one file, as HAProxy wants them.
fn write_certificate(path: &Path) {
    let done = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -out".split(' '))
        .arg(path)
        .arg("-keyout")
        .arg(path.with_extension("key"))
        .output()
        .expect("openssl, for the TLS frontend's certificate");
    assert!(done.status.success(), "openssl: {done:?}");
    let mut pem = fs::read(path).expect("the certificate");
    pem.extend(fs::read(path.with_extension("key")).expect("its key"));
    fs::write(path, pem).expect("both in one file");
}

/// The sections of the frontends in [`INNER`]; `DIR` is the folder of their sockets.
const SECTIONS: &str = "
frontend tls
    bind unix@DIR/tls.sock ssl crt DIR/cert.pem
    option httpslog
    default_backend web
frontend early
    bind unix@DIR/early.sock
    option logasap
    default_backend web
frontend kept
    bind unix@DIR/kept.sock
    capture cookie SESS len 63
    capture request header User-Agent len 200
    capture request header Host len 20
    capture response header X-Server len 20
    default_backend web
frontend cut
    bind unix@DIR/cut.sock
    capture request header User-Agent len 3000
    default_backend web
frontend odd.name:80_a-b
    bind unix@DIR/odd.name:80_a-b.sock
    default_backend web
frontend tcp
    mode tcp
    option tcplog
    bind unix@DIR/tcp.sock
    default_backend tcp_web
backend to-broken-tls
    server tls unix@DIR/tls.sock
defaults bare
    mode http
    log global
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend silent
    bind unix@DIR/silent.sock
    default_backend web
";

fn config([web1, slow1, hung1, dead1]: [&TinyServer; 4], scratch: &Path) -> HaproxyConfig {
    let web = Backend::new("web").line("cookie SRV insert indirect nocache");
    let queue = Backend::new("queue").line("timeout queue 300ms");
    let hung = Backend::new("hung").line("timeout server 500ms");
    let sections = SECTIONS.replace("DIR", &scratch.display().to_string());
    HaproxyConfig::new(web.server("web1", web1.address(), "cookie w1"))
        .global("log-send-hostname lb1")
        .defaults("retries 2")
        .defaults("option abortonclose")
        .defaults("timeout http-request 500ms")
        .defaults("timeout tarpit 200ms")
        .frontend("http-request set-src hdr(x-src) if { hdr(x-src) -m found }")
        .frontend("stats enable")
        .frontend("stats uri /stats")
        .frontend("http-request deny if { path /denied }")
        .frontend("http-request tarpit if { path /tarpit }")
        .frontend("http-request redirect location / if { path /old }")
        .frontend("acl by_path path_beg /queue/ /hung/ /dead/ /flaky/ /empty/ /to-")
        .frontend("use_backend %[path,field(2,/)] if by_path")
        .backend(queue.server("slow1", slow1.address(), "maxconn 1"))
        .backend(hung.server("hung1", hung1.address(), ""))
        .backend(Backend::new("dead").server("dead1", dead1.address(), ""))
        .backend(
            Backend::new("flaky")
                .server("dead1", dead1.address(), "")
                .server("web.1:a-b_c", web1.address(), ""),
        )
        .backend(Backend::new("empty").server("empty1", web1.address(), "disabled"))
        .backend(
            Backend::new("tcp_web")
                .line("mode tcp")
                .server("web1", web1.address(), "")
                .line(sections),
        )
}

/// A backend whose one server is a frontend of the same HAProxy.
fn inner(name: &str, scratch: &Path) -> Backend {
    let flags = if name == "tls" { "ssl verify none" } else { "" };
    let socket = scratch.join(name).display().to_string();
    Backend::new(&format!("to-{name}")).line(format!("server {name} unix@{socket}.sock {flags}"))
}

/// All requests, good and bad.
fn ask(haproxy: &RealHaproxy) {
    let frontend = haproxy.frontend();
    for path in [
        "/",
        "/denied",
        "/tarpit",
        "/old",
        "/stats",
        "/empty/",
        "/dead/",
        "/hung/",
        "/to-broken-tls/",
    ] {
        for _ in 0..3 {
            fetch(frontend, path);
        }
    }
    for name in INNER {
        for _ in 0..3 {
            fetch(frontend, &format!("/to-{name}/"));
        }
    }
    for _ in 0..6 {
        fetch(frontend, "/flaky/");
    }
    for source in [
        "2a02:8109:9a80::77",
        "::1",
        "fe80::1:2:3:4",
        "::ffff:192.0.2.7",
        "192.0.2.200",
    ] {
        exchange(frontend, &get("/six", &[&format!("x-src: {source}")]));
    }
    ask_with_forgeries(frontend);
    exchange(frontend, "this is not HTTP\r\n\r\n");
    exchange(
        frontend,
        &format!("GET / {FORGED} HTTP/1.1\r\nHost: a\r\n\r\n"),
    );
    exchange(frontend, "GET / HTTP/1.1\r\nHost: never finished\r\n");
    exchange(frontend, "HEAD / HTTP/1.0\r\nConnection: close\r\n\r\n");
    exchange(frontend, &get("/?status=500", &[]));
    abandon(
        frontend,
        "GET / HTTP/1.1\r\nHost: left",
        Duration::from_millis(50),
    );
    abandon(frontend, &get("/?ms=500", &[]), Duration::from_millis(100));
    abandon(
        frontend,
        &get("/hung/gone", &[]),
        Duration::from_millis(100),
    );
    let crowd = Load::open_with(frontend, 10.0, &get("/queue/", &[]));
    sleep(Duration::from_millis(1500));
    crowd.stop();
    for state in ["drain", "maint", "ready"] {
        haproxy.set_state("web/web1", state);
        fetch(frontend, "/after");
    }
    sleep(Duration::from_millis(800));
}

/// What a client chooses, where it is captured, and where a line is cut in it.
fn ask_with_forgeries(frontend: SocketAddr) {
    for header in [
        "X-A: b\r\nCookie: SESS={x}|\"yé\tz".to_owned(),
        "Cookie: SESS=a b c d".to_owned(),
        "Cookie: SESS=\"q - ---- 1/1/1/1/0 0/0 {} {} be/s2 0/0/0/99999/99999\"".to_owned(),
        "Cookie: SESS=-; SRV=w1".to_owned(),
        "Cookie: SRV=w1".to_owned(),
        "Cookie: SRV=nobody".to_owned(),
        format!("User-Agent: z haproxy[1]: {FORGED}"),
        "User-Agent: a {q} | \"c\" #d \\".to_owned(),
    ] {
        exchange(frontend, &get("/to-kept/", &[&header]));
        exchange(frontend, &get("/to-cut/", &[&header]));
        exchange(frontend, &get("/", &[&header]));
    }
    let long = "x".repeat(1500);
    for path in [
        format!("/{long}"),
        format!("/to-cut/{long}"),
        format!("/to-kept/?{FORGED}").replace(' ', "%20"),
        "/'\\{|}+#".to_owned(),
    ] {
        fetch(frontend, &path);
        exchange(
            frontend,
            &get("/to-cut/", &[&format!("User-Agent: {long}")]),
        );
    }
}
