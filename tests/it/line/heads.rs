//! Every head that HAProxy and rsyslog write, and those that are not theirs.

use haproxy_autoscale::log::line::{Parser, Reject};

/// What stands behind each head here.
const BODY: &str =
    "127.0.0.1:39518 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 12 - - ---- 1/1/1/1/0 0/0";

/// Heads that must be stripped, with the program name `haproxy`.
pub(super) const HEADS: [&str; 23] = [
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
const OTHERS: [(&str, Reject); 32] = [
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
    (" ", Reject::UnknownHead),
    ("web  | ", Reject::UnknownHead),
    (
        "2026-11-21T23:36:31.172726+00:00 stderr F ",
        Reject::UnknownHead,
    ),
    (
        "2026-11-21T23:36:31.172726+00:00 local2.info 2020-03-16T14:06:02+03:00 lb haproxy 3307 - ",
        Reject::UnknownHead,
    ),
    ("2026-11-21T23:36:31. ", Reject::UnknownHead),
    ("2026-11-21 23:36:31 ", Reject::UnknownHead),
    ("<142> ", Reject::NotHttplog),
    (
        "Nov 21 23:36:31 haproxy[1]: haproxy[1]: ",
        Reject::NotHttplog,
    ),
    ("Nov 21 23:36:31 haproxy[1]:  ", Reject::NotHttplog),
    (
        "Nov 21 23:36:31 haproxy[1]: message repeated 2 times: [ ",
        Reject::NotHttplog,
    ),
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
