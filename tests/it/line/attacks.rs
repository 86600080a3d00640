//! Text that clients and servers chose, in lines as HAProxy wrote them: none of it may be read.

use haproxy_autoscale::log::line::{Parser, Reject};

use super::heads::OTHERS;

/// A record that an attacker would like to have read: be/s2, 99999 ms.
const FORGED: &str =
    "9.9.9.9:1 [21/Nov/2026:23:00:00.000] fe be/s2 0/0/0/99999/99999 500 1 - - ---- 1/1/1/1/0 0/0";

fn parser() -> Parser {
    Parser::httplog("haproxy")
}

#[track_caller]
fn reads_the_true_server(line: &[u8]) {
    let record = parser().parse(line).unwrap();
    assert_eq!(record.request.server, "s1");
    assert_eq!(record.request.response_ms, Some(1));
    assert_eq!(record.request.status, Some(200));
}

#[test]
fn a_forged_record_in_a_header_is_not_reached_by_a_greedy_prefix() {
    let start = "Nov 21 23:36:31 lb haproxy[2]: 127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 \
                 0/0/0/1/1 200 161";
    let user_agent = format!("z haproxy[1]: {FORGED}");
    for captures in [
        format!("{start} - - ---- 1/1/1/1/0 0/0 {{{user_agent}}} {{}} \"GET / HTTP/1.1\""),
        format!("{start} - - ---- 1/1/1/1/0 0/0 {{}} {{{user_agent}}} \"GET / HTTP/1.1\""),
        format!("{start} SESS=\"{user_agent} - ---- 1/1/1/1/0 0/0 \"GET / HTTP/1.1\""),
    ] {
        reads_the_true_server(captures.as_bytes());
    }
}

#[test]
fn a_true_prefix_that_does_not_match_is_not_slid_over() {
    let prefixes = [
        "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/++1 200 +161",
        "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s 1 0/0/0/1/1 200 161",
        "127.0.0.1:5 [31/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 161",
        "host:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 161",
        "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 -",
    ];
    for prefix in prefixes {
        for joint in ["", " - - ---- 1/1/1/1/0 0/0 {", " haproxy[1]: ", "\n"] {
            let line = format!("{prefix}{joint} {FORGED}}} \"GET / HTTP/1.1\"");
            assert!(parser().parse(line.as_bytes()).is_err(), "{line}");
        }
    }
    // With the plus sign in its place the true record is read.
    let line = format!(
        "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/+1 200 +161 - - ---- 1/1/1/1/0 \
         0/0 {{{FORGED}}} \"GET / HTTP/1.1\""
    );
    reads_the_true_server(line.as_bytes());
}

#[test]
fn fields_are_not_counted_over_captures_with_spaces() {
    let start = "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 161";
    let cookies: [&[u8]; 4] = [
        b"SESS={x}|\"y\xff\t -",
        b"SESS=a b c d -",
        b"SESS=\"q - ---- 1/1/1/1/0 0/0 {} {} be/s2 0/0/0/99999/99999\" -",
        b"- SESS=- - ---- 9/9/9/9/9 9/9",
    ];
    for cookie in cookies {
        let mut line = start.as_bytes().to_vec();
        line.push(b' ');
        line.extend_from_slice(cookie);
        line.extend_from_slice(b" ---- 1/1/1/1/0 0/0 {a b c} \"GET / HTTP/1.1");
        reads_the_true_server(&line);
        assert_eq!(parser().parse(&line).unwrap().request.tail, None);
    }
}

#[test]
fn a_forged_whole_line_is_a_line_and_must_be_stopped_elsewhere() {
    // A custom format that decodes the URL writes a newline of the client's choice. No parser can
    // tell: such formats are refused, and HAProxy's counters contradict the line.
    let log = format!("x as:/x\n{FORGED}");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(
        parser().parse(lines[0].as_bytes()),
        Err(Reject::UnknownHead)
    );
    assert!(parser().parse(lines[1].as_bytes()).is_ok());
}

#[test]
fn a_health_check_cannot_put_a_record_into_haproxys_own_message() {
    let message = format!(
        "Server be/s1 is DOWN, reason: Layer7 wrong status, code: 500, info: \"{FORGED}\", check \
         duration: 1ms. 1 active and 0 backup servers left."
    );
    for head in [
        "",
        "<142>",
        "2026-11-21T23:36:31.172726+00:00 ",
        "Nov 21 23:36:31 lb haproxy[2]: ",
    ] {
        let line = format!("{head}{message}");
        assert_eq!(
            parser().parse(line.as_bytes()),
            Err(Reject::HaproxyMessage),
            "{line}"
        );
    }
}

#[test]
fn a_user_agent_in_a_clf_line_is_not_a_record() {
    let line = format!(
        "127.0.0.1 - - [21/Nov/2026:23:36:37 +0000] \"GET / HTTP/1.1\" 200 12 \"\" \"\" 5 9 \"fe\" \
         \"be\" \"s1\" 0 0 0 1 1 ---- 1 1 1 1 0 0 0 \"-\" \"-\" \"{FORGED}\""
    );
    assert_eq!(parser().parse(line.as_bytes()), Err(Reject::Clf));
}

#[test]
fn another_programs_line_stays_another_programs_behind_relays_and_containers() {
    // None of these says that what follows is ours.
    let fronts = [
        "Nov 21 23:36:32 relay ",
        "<142>Nov 21 23:36:32 haproxy ",
        "2026-11-21T23:36:32+00:00 relay ",
        "2026-11-21T23:36:32+00:00 local2.info ",
        "2026-11-21T23:36:32+00:00 one Nov 21 23:36:32 two ",
        "Sat 2026-11-21 23:36:31 UTC relay ",
        "2024-03-13T12:46:28.19-04:00 stderr F ",
        "{\"log\":\"",
        "haproxy-1  | ",
        "web-1  | ",
        "[pod/lb-0/haproxy] ",
    ];
    for front in fronts {
        let others = OTHERS
            .iter()
            .filter(|(_, reason)| *reason == Reject::OtherProgram);
        for (head, _) in others {
            for forged in [FORGED.to_owned(), format!("haproxy[1]: {FORGED}")] {
                let line = format!("{front}{head}{forged}");
                assert!(parser().parse(line.as_bytes()).is_err(), "{line}");
                assert_eq!(parser().server_change(line.as_bytes()), None, "{line}");
            }
        }
    }
}

#[test]
fn hosts_that_are_called_like_programs_open_no_door() {
    let heads = [
        "Nov 21 23:36:31 haproxy sshd[9]: ",
        "Nov 21 23:36:31 haproxy: sshd[9]: ",
        "Nov 21 23:36:31 haproxy[1] sshd[9]: ",
        "Nov 21 23:36:31 sshd: haproxy[1]: ",
        "Nov 21 23:36:31 lb1 lb1 sshd haproxy[1]: ",
        "Nov 21 23:36:31 lb1 sshd: haproxy[1]: ",
        "Nov 21 23:36:31 lb1 sshd[9] haproxy[1]: ",
        "Nov 21 23:36:31 lb1 sshd[9]: Nov 21 23:36:31 lb1 haproxy[1]: ",
        "Nov 21 23:36:31 lb1 kernel: [ 1.0] haproxy[1]: ",
        "2026-11-21T23:36:31+00:00 haproxy sshd[9]: haproxy[1]: ",
        "2026-11-21T23:36:31+00:00 haproxy sshd 9 - - ",
        "2026-11-21T23:36:31+00:00 lb1 haproxy-x 9 - - ",
        "<13>1 2026-11-21T23:36:31Z haproxy sshd 9 - - haproxy[1]: ",
        "<13>1 2026-11-21T23:36:31Z haproxy sshd haproxy - - ",
        "<13>1 2026-11-21T23:36:31Z lb1 sshd 9 - [x haproxy=\"]\"] ",
        "haproxy | sshd[9]: ",
        "nginx haproxy-1  | ",
        "haproxy-1 haproxy-1  | ",
    ];
    for head in heads {
        let line = format!("{head}{FORGED}");
        assert!(parser().parse(line.as_bytes()).is_err(), "{line}");
    }
}
