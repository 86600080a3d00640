//! Who may ask and who may order: Host, Origin, tokens.

use super::client::{Served, TOKEN, serve_alone};

const JSON: &str = "Content-Type: application/json";
const PAUSE: &str = "{\"order\":\"pause\"}";

fn assert_is_not_paused(served: &Served) {
    let status = served.get("/api/v1/status", &[]).body;
    assert!(status.contains("\"pause\":null"), "{status}");
}

#[test]
fn only_names_of_this_host_are_answered() {
    let served = serve_alone();
    let port = served.address.port();
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "[::1]"] {
        for host in [
            host.to_owned(),
            format!("{host}:{port}"),
            format!("{host}:1"),
        ] {
            let answer = served.get("/metrics", &[&format!("Host: {host}")]);
            assert_eq!(answer.status, 200, "{host}: {answer:?}");
        }
    }
    for host in [
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "192.0.2.1",
        "0.0.0.0",
        "",
        "[::1",
        "localhost:80:80",
        "a b",
    ] {
        for path in [
            "/metrics",
            "/healthz",
            "/api/v1/status",
            "/api/v1/events",
            "/",
            "/x",
        ] {
            let answer = served.get(path, &[&format!("Host: {host}")]);
            assert_eq!(answer.status, 421, "{host} {path}: {answer:?}");
            assert!(answer.body.contains("localhost"), "{answer:?}");
        }
    }
    let answer = served.answer_to(
        b"GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(answer.status, 421);
    let answer = served.answer_to(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.status, 400);
    // HAProxy's own `option httpchk` has no Host, and no browser speaks HTTP/1.0.
    let answer = served.answer_to(b"GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status, 200);
}

#[test]
fn no_order_without_the_right_token() {
    let served = serve_alone();
    let nearly = &TOKEN[..TOKEN.len() - 1];
    for header in [
        "X: y".to_owned(),
        "Authorization:".to_owned(),
        "Authorization: Bearer".to_owned(),
        "Authorization: Bearer ".to_owned(),
        format!("Authorization: Basic {TOKEN}"),
        format!("Authorization: {TOKEN}"),
        format!("Authorization: Bearer {nearly}"),
        format!("Authorization: Bearer {nearly}e"),
        format!("Authorization: Bearer {TOKEN}0"),
        "Authorization: Bearer ops".to_owned(),
        "Authorization: Bearer \u{e4}\u{f6}\u{fc}".to_owned(),
    ] {
        let answer = served.post(&[&header, JSON], PAUSE);
        assert_eq!(answer.status, 401, "{header}: {answer:?}");
        assert!(
            answer.head.contains("www-authenticate: bearer"),
            "{answer:?}"
        );
        assert!(!format!("{answer:?}").contains(nearly), "{answer:?}");
    }
    assert_is_not_paused(&served);
    assert_eq!(served.order(PAUSE).status, 200);
    let status = served.get("/api/v1/status", &[]).body;
    assert!(!status.contains("\"pause\":null"), "{status}");
}

#[test]
fn a_web_page_elsewhere_can_order_nothing() {
    let served = serve_alone();
    let token = format!("Authorization: Bearer {TOKEN}");
    let port = served.address.port();
    for header in [
        "Origin: http://evil.example".to_owned(),
        "Origin: null".to_owned(),
        format!("Origin: http://evil.example:{port}"),
        "Origin: file://localhost".to_owned(),
        "Sec-Fetch-Site: cross-site".to_owned(),
        "Sec-Fetch-Site: same-site".to_owned(),
    ] {
        let answer = served.post(&[&token, &header, JSON], PAUSE);
        assert_eq!(answer.status, 403, "{header}: {answer:?}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ] {
        let answer = served.post(&[&token, &format!("Content-Type: {kind}")], PAUSE);
        assert_eq!(answer.status, 415, "{kind}: {answer:?}");
    }
    assert_eq!(served.post(&[&token], PAUSE).status, 415);
    assert_is_not_paused(&served);
    let (origin, site) = (
        format!("Origin: http://localhost:{port}"),
        "Sec-Fetch-Site: same-origin",
    );
    let answer = served.post(
        &[
            &token,
            &origin,
            site,
            "Content-Type: application/json; charset=utf-8",
        ],
        PAUSE,
    );
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn programs_are_answered_in_json_whatever_is_wrong_and_people_in_text() {
    let served = serve_alone();
    let token = format!("Authorization: Bearer {TOKEN}");
    let orders = [
        (served.post(&[JSON], PAUSE), 401),
        (served.post(&[&token, JSON, "Origin: null"], PAUSE), 403),
        (served.post(&[&token], PAUSE), 415),
        (served.order("{}"), 400),
        (
            served.order("{\"order\":\"pause\",\"target\":\"nope\"}"),
            404,
        ),
        (served.order(&"x".repeat(5000)), 413),
    ];
    let reads = [
        ("/api/v1/explain/nope", 404),
        ("/api/nothing", 404),
        ("/api/v1/orders", 405),
    ]
    .map(|(path, status)| (served.get(path, &[]), status));
    let elsewhere = served.get("/api/v1/status", &["Host: evil.example"]);
    for (answer, status) in orders.into_iter().chain(reads).chain([(elsewhere, 421)]) {
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(
            answer.head.contains("content-type: application/json"),
            "{answer:?}"
        );
        let said: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        let error = said["error"].as_str().unwrap_or_default();
        assert!(error.len() > 10, "{answer:?}");
    }
    for path in ["/nothing", "/metrics/"] {
        let answer = served.get(path, &[]);
        assert!(
            answer.head.contains("content-type: text/plain"),
            "{answer:?}"
        );
    }
}

#[test]
fn other_methods_and_paths_get_clear_answers() {
    let served = serve_alone();
    for path in [
        "/nothing",
        "/api",
        "/api/v1",
        "/metrics/",
        "/%00",
        "/../etc/passwd",
    ] {
        let answer = served.get(path, &[]);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.contains("/metrics"), "{answer:?}");
    }
    assert_eq!(served.get("/api/v1/orders", &[]).status, 405);
    let index = served.get("/", &[]);
    assert_eq!(index.status, 200);
    assert!(index.body.contains("/healthz"), "{index:?}");
    for header in ["x-content-type-options: nosniff", "cache-control: no-store"] {
        assert!(index.head.contains(header), "{index:?}");
    }
    assert!(!index.head.contains("access-control"), "{index:?}");
    for method in ["DELETE", "PUT", "POST", "OPTIONS", "TRACE", "FOO"] {
        for path in ["/metrics", "/api/v1/status"] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let answer = served.answer_to(request.as_bytes());
            assert_eq!(
                answer.status, 405,
                "{method}: nothing is done there: {answer:?}"
            );
            assert!(answer.head.contains("allow: get,head"), "{answer:?}");
            assert!(
                answer.body.contains(&format!("{path} takes GET, HEAD")),
                "{answer:?}"
            );
        }
    }
}
