//! Every head that HAProxy and rsyslog write, and those that are not theirs.

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::{Parser, Reject};

/// What stands behind each head here.
const BODY: &str =
    "127.0.0.1:39518 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 12 - - ---- 1/1/1/1/0 0/0";

/// Heads that must be stripped, with the program name `haproxy`.
pub(super) const HEADS: [&str; 70] = [
    "",
    "<6>",
    "<0>",
    "<191>",
    "<142>",
    "2026-11-21T23:36:31.172726+00:00 ",
    "2026-11-21T23:36:31Z ",
    "<6>2026-11-21T23:36:31.172739-03:30 ",
    "<142>Nov 21 23:36:31 haproxy[23269]: ",
    "<142>Nov  1 23:36:31 haproxy[23269]: ",
    "Nov 21 23:36:31 haproxy[23269]: ",
    "<142>Nov 21 23:36:31 localhost haproxy[23269]: ",
    "Nov 21 23:36:31 lb-1.example.org haproxy[23269]: ",
    "Nov 21 23:36:31 fe80::1 haproxy: ",
    "Nov 21 23:36:31 haproxy haproxy[1]: ",
    "2026-11-21T23:36:31.172726+00:00 lb1 haproxy[23269]: ",
    "2026-11-21T23:36:31+0000 lb1 haproxy[23269]: ",
    "<142>2026-11-21T23:36:31.172726+00:00 lb1 haproxy[23269]: ",
    "<142>1 2026-11-21T23:36:31.172675+00:00 - haproxy 23269 - - ",
    "<142>1 - lb1 haproxy - - - ",
    "<142>1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 - [x@1 k=\"v\"] ",
    "<142>1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 - [x@1 k=\"a\\\"] b\"][y z=\"]\"] ",
    "<142>1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 - [x@1] ",
    "<142>1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 tcp [x@1 a=\"b\" c=\"d e\"][y@2][z w=\"\\\\\"] ",
    // The journal, by date and by unit.
    "Nov 21 23:36:31.172726 lb1 haproxy[23269]: ",
    "Sat 2026-11-21 23:36:31 UTC lb1 haproxy[23269]: ",
    "Sat 2026-11-21 23:36:31 CEST lb1 haproxy.service[23269]: ",
    "2026-11-21T23:36:31.172726+0000 lb1 haproxy[23269]: ",
    // Relays.
    "Nov 21 23:36:32 relay Nov 21 23:36:31 lb1 haproxy[23269]: ",
    "<142>Nov 21 23:36:32 relay <142>Nov 21 23:36:31 lb1 haproxy[23269]: ",
    "Nov 21 23:36:32 relay 2026-11-21T23:36:31.172726+00:00 lb1 haproxy[23269]: ",
    "Nov 21 23:36:32 relay 1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 - - ",
    "Nov 21 23:36:32 relay <134>1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 - [x a=\"]\"] ",
    "2026-11-21T23:36:32+00:00 relay Nov 21 23:36:31 lb1 haproxy[23269]: ",
    "2026-11-21T23:36:32+00:00 relay 2026-11-21T23:36:31+00:00 lb1 haproxy: ",
    "2026-11-21T23:36:32+00:00 relay 1 2026-11-21T23:36:31+00:00 lb1 haproxy 1 - - ",
    "2026-11-21T23:36:32+00:00 one Nov 21 23:36:32 two Nov 21 23:36:31 lb1 haproxy[1]: ",
    "2020-03-16T14:06:03.1+03:00 local2.info 2020-03-16T14:06:02+03:00 mslb01h haproxy 3307 - [x@1 a=\"b\"] ",
    "2020-03-16T14:06:03.1+03:00 local2.info 2020-03-16T14:06:02+03:00 mslb01h haproxy 3307 - - ",
    "2020-03-16T14:06:03.1+03:00 local2.info 1 2020-03-16T14:06:02+03:00 mslb01h haproxy 3307 - - ",
    "2020-03-16T14:06:03.1+03:00 local2.info mslb01h haproxy[3307]: ",
    "2020-03-16T14:06:03.1+03:00 mslb01h haproxy 3307 - - ",
    "Nov 21 23:36:32 lb1 haproxy[1]: <134>Nov 21 23:36:31 haproxy[23269]: ",
    "Nov 21 23:36:32 lb1 haproxy[1]: <6>",
    "Nov 21 23:36:32 lb1 haproxy[1]: message repeated 2 times: [ ",
    // Two host names.
    "Nov 21 23:36:31 lb1 lb1.example.com haproxy[23269]: ",
    "Nov 21 23:36:31.172726 lb1 edge haproxy: ",
    "<142>Nov 21 23:36:31 lb1 lb1 haproxy[23269]: ",
    "2026-11-18T13:18:41.777555+00:00 router-7d5c router-7d5c haproxy[55]: ",
    "2026-11-18T13:18:41+00:00 local0.info lb1 10.0.0.1 haproxy[55]: ",
    "Nov 21 23:36:32 relay Nov 21 23:36:31 lb1 lb1.example.com haproxy[23269]: ",
    "2020-03-16T14:06:03.1+03:00 lb1 lb1.example.com haproxy 3307 - - ",
    // A space before the text, or two behind the head.
    " ",
    " Nov 21 23:36:31 lb1 haproxy[23269]: ",
    "Nov 21 23:36:31 lb1 haproxy[23269]:  ",
    "<142>1 2026-11-21T23:36:31.172675+00:00 lb1 haproxy 23269 - -  ",
    "<142> ",
    // Containers.
    "haproxy  | ",
    "haproxy-1  | ",
    "haproxy_12 | ",
    "haproxy-1          | 2026-11-21T23:36:31.172726123Z ",
    "haproxy-1  | <134>Nov 21 23:36:31 haproxy[8]: ",
    "haproxy.1.x7fk2@node-1    | ",
    "[pod/lb-7d9f/haproxy] ",
    "2024-03-13T12:46:28.19-04:00 stderr F ",
    "2024-03-13T12:46:28.190382711Z stdout F ",
    "2024-03-13T12:46:28.190382711Z stdout F <134>1 2026-11-21T23:36:31.172675+00:00 - haproxy 8 - - ",
    "2024-03-13T12:46:28.190382711Z stdout F 2026-11-21T23:36:31.172726+00:00 ",
    "2024-03-13T12:46:28.190382711Z <134>Nov 21 23:36:31 haproxy[8]: ",
    "{\"log\":\"",
];

#[test]
fn the_same_body_is_found_behind_every_head() {
    let parser = Parser::httplog("haproxy");
    let expected = parser.parse(BODY.as_bytes()).unwrap();
    for head in HEADS {
        let line = format!("{head}{BODY}");
        assert_eq!(parser.parse(line.as_bytes()), Ok(expected), "{head}");
        let line = format!("{head}{BODY}\r");
        assert_eq!(
            parser.parse(line.as_bytes()),
            Ok(expected),
            "{head} with \\r"
        );
    }
}

/// Heads that must not be stripped, and why.
pub(super) const OTHERS: [(&str, Reject); 59] = [
    (
        "2026-11-21T23:36:31.172726+00:00 cron: haproxy[1]: ",
        Reject::UnknownHead,
    ),
    ("Nov 21 23:36:31 lb1 sshd[9]: ", Reject::OtherProgram),
    ("Nov 21 23:36:31 sshd[9]: ", Reject::OtherProgram),
    // The text of another program must not pass for a head.
    (
        "Nov 21 23:36:31 sshd[9]: haproxy[1]: ",
        Reject::OtherProgram,
    ),
    (
        "Nov 21 23:36:31 lb1 sshd[9]: haproxy[1]: ",
        Reject::OtherProgram,
    ),
    ("Nov 21 23:36:31 lb1 my-haproxy[9]: ", Reject::OtherProgram),
    ("Nov 21 23:36:31 lb1 haproxy-new[9]: ", Reject::OtherProgram),
    ("Nov 21 23:36:31 lb1 haproxy[9x]: ", Reject::OtherProgram),
    (
        "2026-11-21T23:36:31.172726+00:00 lb1 sshd[9]: ",
        Reject::OtherProgram,
    ),
    (
        "2026-11-21T23:36:31.172726+00:00 lb1 sshd[9]: haproxy[1]: ",
        Reject::OtherProgram,
    ),
    (
        "<142>1 2026-11-21T23:36:31.172675+00:00 - nginx 23269 - - ",
        Reject::OtherProgram,
    ),
    (
        "<142>1 2026-11-21T23:36:31.172675+00:00 - haproxy-x 1 - - ",
        Reject::OtherProgram,
    ),
    (
        "<142>1 2026-11-21T23:36:31.172675+00:00 - haproxy 1 - [x k=\"]",
        Reject::UnknownHead,
    ),
    (
        "<142>1 2026-11-21T23:36:31.172675+00:00 - haproxy 1 - [x]y ",
        Reject::UnknownHead,
    ),
    ("<142>1 2026-11-21 - haproxy 1 - - ", Reject::UnknownHead),
    ("Nov 21 23:36:31 ", Reject::UnknownHead),
    ("Nov 21 23:36:31 lb1 ", Reject::UnknownHead),
    ("Nov 21 23:36:31 lb[1] haproxy[1]: ", Reject::UnknownHead),
    ("Nov 21 23:36:31  haproxy[1]: ", Reject::UnknownHead),
    ("<192>", Reject::UnknownHead),
    ("<1422>", Reject::UnknownHead),
    ("<>", Reject::UnknownHead),
    ("  ", Reject::UnknownHead),
    (
        "Nov 21 23:36:31 lb1 lb2 lb3 haproxy[1]: ",
        Reject::UnknownHead,
    ),
    (
        "Nov 21 23:36:31 lb1 lb1.example.com sshd[9]: ",
        Reject::OtherProgram,
    ),
    (
        "Nov 21 23:36:31 lb1 sshd: lb1 haproxy[1]: ",
        Reject::OtherProgram,
    ),
    // A container's name that is not the tag, and runtimes' forms that break off.
    ("web  | ", Reject::OtherProgram),
    ("web-1  | ", Reject::OtherProgram),
    ("haproxy-exporter-1  | ", Reject::OtherProgram),
    ("not-haproxy  | ", Reject::OtherProgram),
    ("haproxy-1x  | ", Reject::OtherProgram),
    ("haproxy.1.x7fk2  | ", Reject::OtherProgram),
    ("web-1  | haproxy-1  | ", Reject::OtherProgram),
    ("haproxy-1  | web-1  | ", Reject::NotHttplog),
    ("haproxy-1  |", Reject::UnknownHead),
    ("[pod/lb-7d9f/web] ", Reject::OtherProgram),
    ("[pod/lb-7d9f] ", Reject::UnknownHead),
    (
        "2026-11-21T23:36:31.172726+00:00 stderr P ",
        Reject::Partial,
    ),
    (
        "2026-11-21T23:36:31.172726+00:00 stderr X ",
        Reject::UnknownHead,
    ),
    ("{\"message\":\"", Reject::UnknownHead),
    ("{\"log\": \"", Reject::UnknownHead),
    // Behind a relay somebody has to say that the text is ours.
    (
        "Nov 21 23:36:32 relay 2026-11-21T23:36:31+00:00 ",
        Reject::UnknownHead,
    ),
    ("Nov 21 23:36:32 relay <142>", Reject::UnknownHead),
    (
        "Nov 21 23:36:32 relay Nov 21 23:36:31 lb1 sshd[9]: ",
        Reject::OtherProgram,
    ),
    (
        "2026-11-21T23:36:32+00:00 local2.info Nov 21 23:36:31 lb1 sshd[9]: haproxy[1]: ",
        Reject::OtherProgram,
    ),
    (
        "2026-11-21T23:36:32+00:00 local2.info lb1 sshd[9]: haproxy[1]: ",
        Reject::OtherProgram,
    ),
    (
        "2026-11-21T23:36:32+00:00 local2.info local2.info lb1 haproxy[1]: ",
        Reject::UnknownHead,
    ),
    (
        "Nov 21 23:36:32 r Nov 21 23:36:32 r Nov 21 23:36:32 r Nov 21 23:36:32 r Nov 21 23:36:31 lb haproxy[1]: ",
        Reject::UnknownHead,
    ),
    ("<6><6>", Reject::NotHttplog),
    (
        "Sat 2026-11-21 23:36:31 UTC lb1 sshd.service[1]: ",
        Reject::OtherProgram,
    ),
    (
        "Xxx 2026-11-21 23:36:31 UTC lb1 haproxy[1]: ",
        Reject::UnknownHead,
    ),
    (
        "2026-11-21T23:36:31.172726+00:00 local2.info 2020-03-16T14:06:02+03:00 lb haproxy 3307 - ",
        Reject::UnknownHead,
    ),
    ("2026-11-21T23:36:31. ", Reject::UnknownHead),
    ("2026-11-21 23:36:31 ", Reject::UnknownHead),
    ("<142>  ", Reject::NotHttplog),
    (
        "Nov 21 23:36:31 haproxy[1]: haproxy[1]: ",
        Reject::NotHttplog,
    ),
    ("Nov 21 23:36:31 haproxy[1]:   ", Reject::NotHttplog),
    (
        "Nov 21 23:36:31 haproxy[1]: message repeated x times: [ ",
        Reject::NotHttplog,
    ),
    ("message repeated 2 times: [ ", Reject::UnknownHead),
];

#[test]
fn other_programs_and_unknown_heads_are_told_apart() {
    let parser = Parser::httplog("haproxy");
    for (head, reason) in OTHERS {
        let line = format!("{head}{BODY}");
        assert_eq!(parser.parse(line.as_bytes()), Err(reason), "{head}");
    }
    let lone_head = parser.parse(b"Nov 21 23:36:31 haproxy[1]: ");
    assert_eq!(lone_head, Err(Reject::Empty));
}

#[test]
fn the_program_name_is_the_operators_choice() {
    let parser = Parser::httplog("haproxy-new");
    let line = format!("Nov 21 23:36:31 lb1 haproxy-new[9]: {BODY}");
    assert!(parser.parse(line.as_bytes()).is_ok());
    let line = format!("Nov 21 23:36:31 lb1 haproxy[9]: {BODY}");
    assert_eq!(parser.parse(line.as_bytes()), Err(Reject::OtherProgram));
    // Heads without a program name have nothing to compare.
    assert!(parser.parse(BODY.as_bytes()).is_ok());
}

/// As docker's json-file driver writes a line that HAProxy wrote to its standard output.
fn in_json(text: &str) -> String {
    let log = serde_json::to_string(text).unwrap();
    let log = log.replace('<', r"\u003c").replace('>', r"\u003e");
    let log = log.strip_suffix('"').unwrap();
    format!(r#"{{"log":{log}\n","stream":"stdout","time":"2026-11-21T23:36:31.172726123Z"}}"#)
}

#[test]
fn a_line_in_dockers_json_gives_what_the_line_itself_gives() {
    let parser = Parser::httplog("haproxy");
    for head in [
        "",
        "<134>Nov 21 23:36:31 haproxy[8]: ",
        "<134>1 - - haproxy 8 - - ",
    ] {
        for server in ["s1", "<NOSRV>", "<STATS>", "<PROMEX>", "<CACHE>"] {
            for behind in [
                "",
                " - - ---- 1/1/1/1/0 0/0",
                " - - ---- 1/1/1/1/0 0/0 {a\\} \"<BADREQ>\"",
            ] {
                let line = format!(
                    "{head}127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/{server} 0/0/0/1/1 200 12{behind}"
                );
                let expected = parser.parse(line.as_bytes()).unwrap();
                let json = in_json(&line);
                assert_eq!(parser.parse(json.as_bytes()), Ok(expected), "{json}");
            }
        }
    }
    let message = in_json("Server be/s1 is DOWN, reason: \"x\".");
    assert_eq!(
        parser.parse(message.as_bytes()),
        Err(Reject::HaproxyMessage)
    );
}

#[test]
fn a_format_of_ones_own_is_read_in_dockers_json_as_well() {
    let format = "%ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B [%tr]";
    let parser = Parser::new(&LogFormat::compile(format).unwrap(), "haproxy");
    for server in ["s1", "<NOSRV>", "<STATS>", "<PROMEX>", "<CACHE>"] {
        let line = format!("fe be/{server} 0/9/-1/-1/9 503 12 [21/Nov/2026:23:36:31.172]");
        let expected = parser.parse(line.as_bytes()).unwrap();
        assert_eq!(expected.request.server, server);
        let json = in_json(&line);
        assert_eq!(parser.parse(json.as_bytes()), Ok(expected), "{json}");
    }
    for names in ["<be>/s1", "be/<OTHER>"] {
        let line = format!("fe {names} 0/9/-1/-1/9 503 12 [21/Nov/2026:23:36:31.172]");
        assert!(parser.parse(line.as_bytes()).is_ok());
        assert!(parser.parse(in_json(&line).as_bytes()).is_err(), "{names}");
    }
}

#[test]
fn a_repeated_line_is_one_request_with_every_field() {
    let parser = Parser::httplog("haproxy");
    let expected = parser.parse(BODY.as_bytes()).unwrap();
    assert!(expected.request.tail.is_some());
    for number in ["1", "2", "4711"] {
        let line =
            format!("Nov 21 23:36:31 lb1 haproxy[1]: message repeated {number} times: [ {BODY}]");
        assert_eq!(parser.parse(line.as_bytes()), Ok(expected), "{line}");
    }
    let line = "Nov 21 23:36:31 lb1 last message repeated 2 times";
    assert_eq!(parser.parse(line.as_bytes()), Err(Reject::OtherProgram));
}

#[test]
fn what_closes_behind_one_line_is_no_part_of_the_next_one() {
    let head = "Nov 21 23:36:31 lb1 haproxy[1]: message repeated 2 times: [ ";
    let (cut, whole) = (format!("{head}{BODY}"), format!("{head}{BODY}]"));
    let parser = Parser::httplog("haproxy");
    let expected = parser.parse(BODY.as_bytes());
    assert!(expected.is_ok_and(|record| record.request.tail.is_some()));
    for line in [&cut, &whole, &cut, &whole] {
        assert_eq!(parser.parse(line.as_bytes()), expected, "{line}");
    }
}
