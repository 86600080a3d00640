//! Orders over HTTP do what those of the command line do, and are answered in JSON.

use serde_json::Value;

use super::client::{SOON, serve, serve_alone, web};
use crate::support::{
    Behaviour, DaemonConfig, HaproxyConfig, RealHaproxy, TinyServer, for_each_version_at_once,
    wait_for,
};

fn text(body: &str) -> String {
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"));
    answer["text"].as_str().expect("a text").to_owned()
}

#[test]
fn a_malformed_order_says_what_is_wrong() {
    let served = serve_alone();
    for (body, wanted) in [
        ("", "no order"),
        ("pause", "no order"),
        ("{}", "missing field `order`"),
        ("[]", "no order"),
        ("{\"order\":\"pause\"", "no order"),
        ("{\"order\":\"stop\"}", "pause, resume, pin"),
        ("{\"order\":\"Pause\"}", "must be one of"),
        (
            "{\"order\":\"pause\",\"target\":\"web/web1/x\"}",
            "BACKEND/SERVER",
        ),
        (
            "{\"order\":\"pause\",\"target\":\"web web2\"}",
            "BACKEND/SERVER",
        ),
        (
            "{\"order\":\"pause\",\"target\":\"web;disable server web/web1\"}",
            "BACKEND/SERVER",
        ),
        ("{\"order\":\"pause\",\"for\":\"soon\"}", "`for`: "),
        (
            "{\"order\":\"pause\",\"for\":\"soon\"}",
            "such as 90s, 15m, 2h or 1h 30m",
        ),
        ("{\"order\":\"pause\",\"for\":\"5M\"}", "capital M"),
        (
            "{\"order\":\"pause\",\"for\":\"0s\"}",
            "longer than nothing",
        ),
        ("{\"order\":\"pause\",\"for\":5}", "no order"),
        (
            "{\"order\":\"pause\",\"until\":\"5m\"}",
            "unknown field `until`",
        ),
        ("{\"order\":\"pause\",\"reason\":\"a\\nb\"}", "one line"),
        ("{\"order\":\"pause\",\"reason\":\"\\u0000\"}", "one line"),
    ] {
        let answer = served.order(body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert!(text(&answer.body).contains(wanted), "{body}: {answer:?}");
    }
    let long = format!("{{\"order\":\"pause\",\"reason\":\"{}\"}}", "x".repeat(300));
    assert_eq!(served.order(&long).status, 400);
    let huge = format!(
        "{{\"order\":\"pause\",\"reason\":\"{}\"}}",
        "x".repeat(5000)
    );
    assert_eq!(served.order(&huge).status, 413);
    let deep = "[".repeat(4000);
    assert_eq!(served.order(&deep).status, 400);
}

#[test]
fn an_order_is_accepted_refused_or_about_nothing() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", Behaviour::delay_ms(5));
        let web2 = TinyServer::start("web2", Behaviour::delay_ms(5));
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(&[&web1, &web2])));
        let served = serve(DaemonConfig::new(&haproxy));
        let daemon = &served.daemon;
        wait_for("the first look", SOON, || daemon.stage("web2") == "maint");
        let health = served.get("/healthz", &[]);
        assert_eq!((health.status, &*health.body), (200, "ok\n"));
        for (body, status, wanted) in [
            ("{\"order\":\"pause\",\"target\":\"nope\"}", 404, "nope"),
            (
                "{\"order\":\"enable\",\"target\":\"web/web9\"}",
                404,
                "web9",
            ),
            (
                "{\"order\":\"disable\",\"target\":\"web/web1\"}",
                409,
                "always",
            ),
            (
                "{\"order\":\"pause\",\"target\":\"web\",\"for\":\"1h\",\"reason\":\"a release\"}",
                200,
                "web",
            ),
        ] {
            let answer = served.order(body);
            assert_eq!(answer.status, status, "{body}: {answer:?}");
            assert!(text(&answer.body).contains(wanted), "{body}: {answer:?}");
        }
        let health = served.get("/healthz", &[]);
        assert_eq!(health.status, 200, "paused is well: {health:?}");
        let command = daemon.ask(&["status", "--json"]).succeeded();
        let http = served.get("/api/v1/status", &[]).body;
        let names = |text: &str| {
            let value: Value = serde_json::from_str(text).expect("JSON");
            value
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&command), names(&http));
        let pause = "\"by\":\"ops (http 127.0.0.1)\",\"reason\":\"a release\"";
        assert!(http.contains(pause), "{http}");
        let explained = daemon.ask(&["explain", "web", "--json"]).succeeded();
        let http = served.get("/api/v1/explain/web", &[]);
        assert_eq!(names(&explained), names(&http.body));
        assert!(http.body.contains("paused"), "{http:?}");
        let all = served.get("/api/v1/explain", &[]).body;
        assert!(all.starts_with("[{\"backend\":\"web\""), "{all}");
        for nothing in ["nope", "web%2Fweb1", "%FF"] {
            let answer = served.get(&format!("/api/v1/explain/{nothing}"), &[]);
            assert_eq!(answer.status, 404, "{nothing}: {answer:?}");
        }
        let blocked = served.get("/metrics", &[]).body;
        let paused = "haproxy_autoscale_blocked_by{proxy=\"web\",code=\"paused\"} 1";
        assert!(blocked.contains(paused), "{blocked}");
        assert_eq!(served.order("{\"order\":\"resume\"}").status, 200);
        served.order("{\"order\":\"enable\",\"target\":\"web/web2\"}");
        daemon.wait_for("enable", "web2", SOON);
    });
}
