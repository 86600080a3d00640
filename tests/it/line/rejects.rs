//! Lines that are no requests, each refused with a reason of its own.

use haproxy_autoscale::log::line::Reject;

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

#[test]
fn messages_of_haproxy_about_itself_are_told_from_broken_lines() {
    let messages = [
        "Server be/s2 is UP/READY (leaving forced maintenance).",
        "Server be/s2 is going DOWN for maintenance. 1 active and 0 backup servers left. 2 sessions active, 0 requeued, 0 remaining in queue.",
        "Server be/s3 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. 1 active and 0 backup servers left.",
        "Server be_dns/d1 ('nope.invalid') is UP/READY (resolves again).",
        "Backup Server be/s9 is DOWN.",
        "backend be_q has no server available!",
        "Health check for server be/s3 failed, reason: Layer7 wrong status, code: 503, info: \"Service Unavailable\", check duration: 1ms, status: 0/2 DOWN.",
        "Health check for server be/s1 succeeded, reason: Layer7 check passed, code: 200, check duration: 4ms, status: -1/3 UP.",
        "Proxy prod_http_in started.",
        "SPOE: [hauth] <EVENT:on-frontend-http-request> sid=3 st=0",
        "[WARNING]  (31) : Server be/s1 is DOWN.",
        "be/s1 changed its IP from 10.0.0.1 to 10.0.0.2 by resolvers/dns.",
    ];
    for message in messages {
        for head in [
            "",
            "<142>",
            "2026-11-21T23:36:31.172726+00:00 ",
            "Nov 21 23:36:31 lb haproxy[2]: ",
        ] {
            let line = format!("{head}{message}");
            assert_eq!(parse(&line), Err(Reject::HaproxyMessage), "{line}");
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
