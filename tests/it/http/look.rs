//! The page at `/` as it is served, and what it asks for. What it looks like is tested in a browser:
//! `tests/page`.

use haproxy_autoscale::control;
use serde_json::Value;

use super::client::{SOON, serve_alone};
use crate::support::program::in_repository;
use crate::support::wait_for;

const FOLDER: &str = "src/http/page";

/// The page's own files.
fn parts() -> Vec<(String, String)> {
    let listed = std::fs::read_dir(in_repository(FOLDER)).expect("the page's folder");
    let parts = listed.flatten().map(|entry| {
        let text = std::fs::read_to_string(entry.path()).expect("a text");
        (entry.file_name().to_string_lossy().into_owned(), text)
    });
    parts.collect()
}

#[test]
fn the_page_and_its_parts_are_served_under_a_policy_that_allows_nothing_else() {
    let served = serve_alone();
    let index = served.get("/", &[]);
    assert_eq!(index.status, 200);
    assert!(index.head.contains("content-type: text/html"), "{index:?}");
    for (name, text) in parts() {
        let part = served.get(&format!("/page/{name}"), &[]);
        assert_eq!(part.status, 200, "{name}");
        assert!(part.body == text, "{name} is another text");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; \
             connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'\r\n",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-cache",
        ] {
            assert!(part.head.contains(header), "{name}: {header}: {part:?}");
        }
        let (_, tag) = part.head.split_once("etag: ").expect("a tag");
        let tag = tag.lines().next().unwrap_or_default();
        for known in [tag.to_owned(), format!("\"other\", W/{tag}")] {
            let again = served.get(
                &format!("/page/{name}"),
                &[&format!("If-None-Match: {known}")],
            );
            assert_eq!((again.status, &*again.body), (304, ""), "{name}");
        }
        let other = served.get(&format!("/page/{name}"), &["If-None-Match: \"other\""]);
        assert_eq!(other.status, 200, "{name}");
    }
    for path in [
        "/page/",
        "/page/none.js",
        "/page/..%2fmod.rs",
        "/page/%ff",
        "/page",
    ] {
        assert_eq!(served.get(path, &[]).status, 404, "{path}");
    }
}

#[test]
fn nothing_in_the_page_makes_html_of_a_text_or_asks_elsewhere() {
    let mut faults = Vec::new();
    for (name, text) in parts() {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "setHTML",
            "document.write",
            "eval(",
            "Function(",
            "DOMParser",
            "srcdoc",
            "http://",
            "https://",
            "style=\"",
            " onclick",
            "@import",
            "localStorage.setItem(TOKEN",
            "document.cookie",
        ] {
            if text.contains(word) {
                faults.push(format!("{name}: {word}"));
            }
        }
        if name == "index.html" && text.matches("<script").count() != 1 {
            faults.push(format!("{name}: a script of its own"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_last_hour_is_the_same_over_http_and_the_control_socket() {
    let served = serve_alone();
    let ask = || served.get("/api/v1/curve?backend=web", &[]);
    wait_for("the first look", SOON, || ask().status == 200);
    let curve: Value = serde_json::from_str(&ask().body).expect("JSON");
    let points = curve["per_s"].as_array().map_or(0, Vec::len);
    assert!(points > 0, "{curve}");
    for list in [
        "mean_ms",
        "peak_ms",
        "level",
        "peak_per_s",
        "failed",
        "in_flight",
        "serving",
        "wanted",
    ] {
        assert_eq!(
            curve[list].as_array().map_or(0, Vec::len),
            points,
            "{list}: {curve}"
        );
    }
    let socket = &served.daemon.control_socket();
    let other = control::ask_curve(socket, "web").expect("an answer");
    let other: Value = serde_json::from_str(&other).expect("JSON");
    assert_eq!(
        other["first_at"].as_str().map(str::len),
        curve["first_at"].as_str().map(str::len)
    );
    let keys = |it: &Value| {
        it.as_object()
            .map(|it| it.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(keys(&other), keys(&curve));
    assert_eq!(
        control::ask_curve(socket, "none")
            .expect("an answer")
            .trim(),
        "null"
    );
    assert_eq!(served.get("/api/v1/curve?backend=none", &[]).status, 404);
    assert_eq!(served.get("/api/v1/curve", &[]).status, 400);
    let brief = served.get("/api/v1/curves", &[]).body;
    let brief: Value = serde_json::from_str(&brief).expect("JSON");
    assert!(brief["backends"]["web"]["level"].is_array(), "{brief}");
}

#[test]
fn the_page_is_told_all_at_once_and_how_many_events_it_wants() {
    let served = serve_alone();
    let overview: Value =
        serde_json::from_str(&served.get("/api/v1/overview", &[]).body).expect("JSON");
    assert_eq!(overview["daemon"]["takes_orders"], true, "{overview}");
    assert_eq!(overview["daemon"]["version"], env!("CARGO_PKG_VERSION"));
    let host = rustix::system::uname();
    assert_eq!(
        overview["daemon"]["host"],
        *host.nodename().to_string_lossy()
    );
    assert_eq!(overview["status"]["backends"][0]["name"], "web");
    assert_eq!(overview["explained"][0]["backend"], "web");
    assert_eq!(served.get("/api/v1/events?last=x", &[]).status, 400);
    let report = served.get("/api/v1/report", &[]);
    assert!([200, 404].contains(&report.status), "{report:?}");
}

#[test]
fn an_order_through_a_proxy_with_tls_is_the_pages_own() {
    let served = serve_alone();
    let token = format!("Authorization: Bearer {}", super::client::TOKEN);
    let from = |site: &str| {
        let headers = [
            &*token,
            "Content-Type: application/json",
            "Origin: https://ops.example",
            site,
        ];
        served
            .post(&headers, r#"{"order":"pin","target":"web/web1"}"#)
            .status
    };
    assert_ne!(from("Sec-Fetch-Site: same-origin"), 403);
    assert_eq!(from("Sec-Fetch-Site: same-site"), 403);
    assert_eq!(
        from("Sec-Fetch-Site: none"),
        403,
        "the origin is another one"
    );
}
