//! Those who are slow, many, or send what is no request: each gets a clear answer or is cut, and the
//! daemon decides as if nobody had come.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::client::{SOON, serve, serve_alone, web};
use crate::support::{
    Behaviour, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, holds_within, versions,
    wait_for,
};

/// A head that never ends is cut after this, and a little for a busy machine.
const HEAD_LIMIT: Duration = Duration::from_secs(10 + 5);

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_slow_request_is_told_so_and_cut() {
    let served = serve_alone();
    let began = Instant::now();
    let mut head = served.connect();
    let mut body = served.connect();
    let mut silent = served.connect();
    let token = format!("Authorization: Bearer {}", super::client::TOKEN);
    let order = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n{token}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    body.write_all(order.as_bytes()).expect("a part of a body");
    head.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n")
        .expect("a part of a head");
    // A byte now and then is what a slow loris sends.
    let mut dripping = head.try_clone().expect("the same connection");
    std::thread::spawn(move || {
        while dripping.write_all(b"X").is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let answers = [
        read_to_end(&mut head),
        read_to_end(&mut body),
        read_to_end(&mut silent),
    ];
    assert!(began.elapsed() < HEAD_LIMIT, "{:?}", began.elapsed());
    for answer in &answers[..2] {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answers:?}");
        assert!(answer.contains("too long"), "{answers:?}");
    }
    assert_eq!(answers[2], "", "who said nothing is told nothing");
    assert_eq!(served.get("/metrics", &[]).status, 200);
}

#[test]
fn what_is_no_request_gets_a_clear_answer() {
    let served = serve_alone();
    let huge = "x".repeat(10 * 1024 * 1024);
    let many = "X: y\r\n".repeat(1000);
    let head = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
    let cases: [(&str, Vec<u8>, &[u16]); 9] = [
        ("a header of 10 MB", format!("{head}X: {huge}\r\n\r\n").into(), &[431]),
        ("a path of 10 MB", format!("GET /{huge} HTTP/1.1\r\n\r\n").into(), &[414, 431]),
        ("a thousand headers", format!("{head}{many}\r\n").into(), &[431]),
        ("bad UTF-8 in the path", b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(), &[400, 404]),
        ("bad UTF-8 in Host", b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\nConnection: close\r\n\r\n".to_vec(), &[400, 421]),
        ("a NUL", b"GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n".to_vec(), &[400]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[400, 505]),
        ("two lengths", b"POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(), &[400, 401]),
    ];
    for (what, bytes, wanted) in cases {
        let answer = served.send(&bytes);
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse::<u16>().ok());
        // Who sends megabytes may not see the answer: the kernel throws it away with the rest.
        let is_unseen = answer.is_empty() && bytes.len() > 1_000_000;
        assert!(
            is_unseen || status.is_some_and(|it| wanted.contains(&it)),
            "{what}: {answer:?}"
        );
    }
    let bad = b"{\"order\":\"pause\",\"reason\":\"\xff\xfe\"}";
    let token = super::client::TOKEN;
    let mut request = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        bad.len()
    )
    .into_bytes();
    request.extend(bad);
    assert_eq!(served.answer_to(&request).status, 400);
    assert_eq!(served.get("/metrics", &[]).status, 200);
}

#[test]
fn a_thousand_connections_leave_room_and_the_decisions_alone() {
    let version = &versions()[0];
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(150));
    let web2 = TinyServer::start("web2", Behaviour::delay_ms(5));
    let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(&[&web1, &web2])));
    let served = serve(DaemonConfig::new(&haproxy).backend("idle_timeout", "\"1m\""));
    wait_for("the first look", SOON, || {
        served.daemon.stage("web2") == "maint"
    });
    let mut crowd: Vec<TcpStream> = (0..1000)
        .filter_map(|_| TcpStream::connect(served.address).ok())
        .collect();
    for stream in &mut crowd {
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ");
    }
    // While they hang on, a spare is brought in as ever.
    let load = Load::open(haproxy.frontend(), 40.0);
    served.daemon.wait_for("enable", "web2", SOON);
    assert!(load.failures().is_empty(), "{:?}", load.failures());
    let mut told = 0;
    for stream in &mut crowd {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a limit");
        let answer = read_to_end(stream);
        assert!(
            answer.is_empty()
                || answer.starts_with("HTTP/1.1 503 ") && answer.contains("too many connections")
                || answer.starts_with("HTTP/1.1 408 "),
            "{answer:?}"
        );
        told += usize::from(!answer.is_empty());
    }
    assert!(told >= 64, "{told} were told");
    drop(crowd);
    let answers = holds_within(SOON, || {
        served.send(b"GET /healthz HTTP/1.0\r\n\r\n").contains("ok")
    });
    assert!(answers, "there is room again");
    let metrics = served.get("/metrics", &[]).body;
    let away = metrics.lines().find_map(|line| {
        line.strip_prefix("haproxy_autoscale_http_connections_turned_away_total ")
    });
    assert!(
        away.is_some_and(|it| it.parse::<u32>().is_ok_and(|it| it > 800)),
        "{away:?}"
    );
}

#[test]
fn who_does_not_read_is_cut() {
    let served = serve_alone();
    let mut lazy = served.connect();
    // Many answers that nobody takes fill every buffer.
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let began = Instant::now();
    let is_cut = loop {
        if lazy.write_all(request).is_err() {
            break true;
        }
        if began.elapsed() > Duration::from_secs(40) {
            break false;
        }
        lazy.set_write_timeout(Some(Duration::from_secs(30)))
            .expect("a limit");
    };
    assert!(
        is_cut && began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(served.get("/metrics", &[]).status, 200);
}
