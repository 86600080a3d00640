//! Lines that are no requests, each refused with a reason of its own.

use haproxy_autoscale::log::line::{Parser, Reject};

use super::heads::HEADS;
use super::parse;

#[test]
fn other_lines_of_the_same_file_have_reasons_of_their_own() {
    let lines = [
        ("", Reject::Empty),
        ("\r", Reject::Empty),
        (
            "Connect from 10.0.1.2:33312 to 10.0.3.31:8012 (www/HTTP)",
            Reject::Connect,
        ),
        ("Connect to unix:1 (silent/HTTP)", Reject::Connect),
        (
            "127.0.0.1:60794 [21/Nov/2026:23:36:31.172] fes/1: SSL handshake failure",
            Reject::FrontendError,
        ),
        (
            "127.0.0.1:60794 [21/Nov/2026:23:36:31.172] frt/f1: Connection error during SSL handshake",
            Reject::FrontendError,
        ),
        (
            "::1:60794 [21/Nov/2026:23:36:31.172] fe_proxyp/1: Truncated PROXY protocol header received",
            Reject::FrontendError,
        ),
        (
            "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/1/2004 212 -- 1/1/1/1/0 0/0",
            Reject::Tcplog,
        ),
        (
            "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/<NOSRV> -1/-1/+0 0 SC 1/1/0/0/0 0/0",
            Reject::Tcplog,
        ),
        (
            "127.0.0.1 - - [21/Nov/2026:23:36:37 +0000] \"GET / HTTP/1.1\" 200 12 \"\" \"\" 5 9 \"fe\"",
            Reject::Clf,
        ),
        (
            "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/",
            Reject::NotHttplog,
        ),
        (
            "\u{0}\u{0}\u{0}127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 1",
            Reject::Nul,
        ),
        (
            "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be\u{0}/s1 0/0/0/1/1 200 1",
            Reject::Nul,
        ),
        ("{\"time\":1}", Reject::UnknownHead),
        ("-- Logs begin at Sat 2026-11-21 --", Reject::UnknownHead),
    ];
    for (line, reason) in lines {
        assert_eq!(parse(line), Err(reason), "{line}");
        assert!(!reason.is_ordinary() || reason == Reject::FrontendError);
    }
}

/// HAProxy about a server or a backend, and the backend that it names.
const CHANGES: [(&str, &str); 23] = [
    (
        "be",
        "Server be/s2 is UP/READY (leaving forced maintenance).",
    ),
    (
        "be",
        "Server be/s2 is UP/DRAIN (leaving forced maintenance).",
    ),
    (
        "be",
        "Server be/s2 is going DOWN for maintenance. 1 active and 0 backup servers left. 2 sessions active, 0 requeued, 0 remaining in queue.",
    ),
    ("be", "Server be/s3 was DOWN and now enters maintenance."),
    (
        "be",
        "Server be/s3 is DOWN. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
    ),
    (
        "be",
        "Server be/s3 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. 1 active and 0 backup servers left.",
    ),
    (
        "be",
        "Server be/s3 is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
    ),
    (
        "be",
        "Server be/s3 is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 2 active and 0 backup servers online.",
    ),
    (
        "be",
        "Server be/s2 is UP, changed from CLI. 2 active and 0 backup servers online.",
    ),
    (
        "be",
        "Server be/s2 is DOWN, changed from CLI. 1 active and 0 backup servers left.",
    ),
    ("be", "Server be/s2 is UP (leaving forced drain)."),
    (
        "be",
        "Server be/s2 enters drain state. 1 active and 0 backup servers left.",
    ),
    ("be", "Server be/s2 remains in forced drain mode."),
    (
        "be_trk",
        "Server be_trk/s2 is going DOWN for maintenance via be/s2. 0 active and 0 backup servers left.",
    ),
    (
        "be_trk",
        "Server be_trk/s2 is UP/READY (leaving maintenance).",
    ),
    (
        "be_trk",
        "Server be_trk/s2 is leaving forced maintenance but remains in maintenance via be/s2.",
    ),
    (
        "be_dns",
        "Server be_dns/d1 was DOWN and now enters maintenance (DNS timeout status).",
    ),
    (
        "be_dns",
        "Server be_dns/d1 ('nope.invalid') is UP/READY (resolves again).",
    ),
    (
        "be",
        "Backup Server be/s9 is DOWN. 0 active and 0 backup servers left.",
    ),
    ("be_q", "backend be_q has no server available!"),
    (
        "be",
        "[WARNING]  (31) : Server be/s1 is DOWN, reason: Layer4 timeout.",
    ),
    (
        "be",
        "[WARNING] 324/233631 (31) : Backup Server be/s1 is DOWN.",
    ),
    (
        "be",
        "[ALERT]    (31) : backend 'be' has no server available!",
    ),
];

/// HAProxy about something else.
const MESSAGES: [&str; 15] = [
    "Health check for server be/s3 failed, reason: Layer7 wrong status, code: 503, info: \"Service Unavailable\", check duration: 1ms, status: 0/2 DOWN.",
    "Health check for server be/s1 succeeded, reason: Layer7 check passed, code: 200, check duration: 4ms, status: -1/3 UP.",
    "Health check for backup server be/s1 failed, reason: Layer4 timeout, status: 0/2 DOWN.",
    "Agent check for server be/s1 succeeded.",
    "Proxy prod_http_in started.",
    "Proxy fe stopped (cumulated conns: FE: 12, BE: 0).",
    "Stopping frontend fe in 0 ms.",
    "Pausing frontend fe.",
    "SPOE: [hauth] <EVENT:on-frontend-http-request> sid=3 st=0",
    "be/s1 changed its IP from 10.0.0.1 to 10.0.0.2 by resolvers/dns.",
    "be/s1 changed its FQDN from a.example to b.example",
    "SIGHUP: Proxy be has no servers. Conn: act(FE+BE): 0+0, 0 pend (0 unass), tot(FE+BE): 0+0.",
    "[NOTICE]   (1) : New worker (8) forked",
    "[NOTICE]   (1) : Loading success.",
    "[WARNING]  (31) : Server be/s1 has no address.",
];

#[test]
fn messages_of_haproxy_about_itself_are_told_from_broken_lines() {
    let changes = CHANGES.iter().map(|(_, message)| message);
    for message in changes.chain(&MESSAGES) {
        for head in HEADS {
            let line = format!("{head}{message}");
            assert_eq!(parse(&line), Err(Reject::HaproxyMessage), "{line}");
        }
    }
}

#[test]
fn a_message_about_a_server_names_the_backend_to_look_at() {
    let parser = Parser::httplog("haproxy");
    for head in HEADS {
        for (backend, message) in CHANGES {
            let line = format!("{head}{message}");
            assert_eq!(
                parser.server_change(line.as_bytes()),
                Some(backend),
                "{line}"
            );
        }
        for message in MESSAGES {
            let line = format!("{head}{message}");
            assert_eq!(parser.server_change(line.as_bytes()), None, "{line}");
        }
    }
    let others = [
        "Nov 21 23:36:31 lb1 sshd[9]: Server be/s1 is DOWN.",
        "web-1  | Server be/s1 is DOWN.",
        "x Server be/s1 is DOWN.",
        "Server b{e/s1 is DOWN.",
        "Server be/ is DOWN.",
        "Server /s1 is DOWN.",
        "Server be is DOWN.",
        "Server be/s1",
        "Server ",
        "backend ",
        "[WARNING]",
        "",
    ];
    for line in others {
        assert_eq!(parser.server_change(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn connections_that_never_became_requests_are_told_behind_every_head() {
    let messages = [
        "fes/1: SSL handshake failure",
        "stat-https/1: Connection closed during SSL handshake",
        "frt/f1: Connection error during SSL handshake",
        "fe_proxyp/1: Truncated PROXY protocol header received",
        "fe/1: SSL handshake failure (error:0A0000C7:SSL routines::peer did not return a certificate)",
    ];
    for message in messages {
        for head in HEADS {
            let line = format!("{head}127.0.0.1:60794 [21/Nov/2026:23:36:31.172] {message}");
            assert_eq!(parse(&line), Err(Reject::FrontendError), "{line}");
        }
    }
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let mut names: Vec<_> = Reject::ALL.iter().map(|reason| reason.as_str()).collect();
    let is_snake_case = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    assert!(names.iter().all(is_snake_case));
    assert!(Reject::ALL.is_sorted());
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reject::ALL.len());
}
