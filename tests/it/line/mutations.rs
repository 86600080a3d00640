//! Five thousand mutations of what a client controls. None changes what is read of a true line, or
//! makes a line out of a refused one; and parsers that search or count, as others do, fall for
//! every kind of them.

#![allow(clippy::print_stderr)] // the seed, and how often each kind came

use std::cell::RefCell;
use std::collections::BTreeMap;

use haproxy_autoscale::log::line::{Parser, Reject};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};
use regex::bytes::Regex;

use super::heads::OTHERS;
use super::properties::{Logged, hostile, logged};

const CASES: u32 = 5000;
const SEED: u64 = 20_261_122;
/// So many of each kind are shown to the parsers that search or count.
const SHOWN: u32 = 100;
/// The server that only forged records name.
const EVIL: &str = "evil";

/// Where the client's bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Uri,
    RequestHeader,
    ResponseHeader,
    RequestCookie,
    ResponseCookie,
    /// The true start of the line is none that can be read.
    BehindFailingPrefix,
    /// The line ends in fields that would be right if they were counted from there.
    FromTheRight,
    /// Another program wrote the line.
    OtherProgram,
}

const KINDS: [Kind; 8] = [
    Kind::Uri,
    Kind::RequestHeader,
    Kind::ResponseHeader,
    Kind::RequestCookie,
    Kind::ResponseCookie,
    Kind::BehindFailingPrefix,
    Kind::FromTheRight,
    Kind::OtherProgram,
];

/// What stands between noise and a forged record.
const JOINTS: [&str; 12] = [
    " ",
    "",
    "\" ",
    "} ",
    "\"} {",
    " - - ---- 1/1/1/1/0 0/0 ",
    " haproxy[1]: ",
    " | ",
    "\r",
    "\0",
    "\\n\"}",
    "] [",
];

#[derive(Clone, Debug)]
struct Attack {
    kind: Kind,
    logged: Logged,
    forged: Logged,
    noise: Vec<u8>,
    joint: &'static str,
    more_noise: Vec<u8>,
    damage: usize,
    /// HAProxy cuts the line so many bytes behind what must be read.
    cut: Option<usize>,
    other_head: &'static str,
}

fn attack() -> impl Strategy<Value = Attack> {
    let others = OTHERS
        .iter()
        .filter(|(_, reason)| *reason == Reject::OtherProgram);
    let others: Vec<&'static str> = others.map(|(head, _)| *head).collect();
    (
        (select(&KINDS[..]), logged(), logged()),
        (hostile(), select(&JOINTS[..]), hostile()),
        (0..9_usize, proptest::option::weighted(0.2, 0..400_usize)),
        select(others),
    )
        .prop_map(
            |((kind, logged, forged), noise, (damage, cut), other_head)| {
                let without_newline = |mut bytes: Vec<u8>| {
                    bytes.retain(|byte| *byte != b'\n');
                    bytes
                };
                Attack {
                    kind,
                    logged,
                    forged,
                    noise: without_newline(noise.0),
                    joint: noise.1,
                    more_noise: without_newline(noise.2),
                    damage,
                    cut,
                    other_head,
                }
            },
        )
}

impl Attack {
    /// A whole record that names [`EVIL`], behind a head of its own.
    fn forged(&self) -> String {
        let text = self.forged.up_to_bytes();
        let named = format!(" {}/{} ", self.forged.names().0, self.forged.names().1);
        let evil = format!(" {}/{EVIL} ", self.forged.names().0);
        assert!(text.contains(&named));
        text.replacen(&named, &evil, 1) + &self.forged.tail_text()
    }

    /// The client's bytes.
    fn payload(&self) -> Vec<u8> {
        let forged = self.forged();
        [
            &self.noise[..],
            self.joint.as_bytes(),
            forged.as_bytes(),
            b" ",
            &self.more_noise,
        ]
        .concat()
    }

    /// The line without the attack and with it; what is to be read is at the front of both.
    fn lines(&self) -> (Vec<u8>, Vec<u8>) {
        let start = self.logged.up_to_bytes();
        let payload = self.payload();
        let around = |before: &str, client: &[u8], behind: &str| {
            [
                start.as_bytes(),
                before.as_bytes(),
                client,
                behind.as_bytes(),
            ]
            .concat()
        };
        let tail = self.logged.tail_text();
        let flags = tail.strip_prefix(" - -").expect("two absent cookies");
        let (before, behind) = match self.kind {
            Kind::Uri => (
                format!("{tail} {{a}} {{b}} \"GET /"),
                " HTTP/1.1\"".to_owned(),
            ),
            Kind::FromTheRight => (format!("{tail} \"GET /"), " \"GET / HTTP/1.1\"".to_owned()),
            Kind::RequestHeader => (format!("{tail} {{"), "} {b} \"GET / HTTP/1.1\"".to_owned()),
            Kind::ResponseHeader => (
                format!("{tail} {{a}} {{"),
                "} \"GET / HTTP/1.1\"".to_owned(),
            ),
            Kind::RequestCookie => (" SESS=".to_owned(), format!(" -{flags} \"GET / HTTP/1.1\"")),
            Kind::ResponseCookie => (" - SESS=".to_owned(), format!("{flags} \"GET / HTTP/1.1\"")),
            Kind::BehindFailingPrefix | Kind::OtherProgram => {
                let start = if self.kind == Kind::OtherProgram {
                    self.other_head.to_owned()
                } else {
                    self.failing_prefix() + " "
                };
                let line = |client: &[u8]| [start.as_bytes(), client].concat();
                return (line(b"x"), line(&payload));
            }
        };
        // Nothing may follow the forged record there but what would follow a true one.
        let payload = if self.kind == Kind::FromTheRight {
            [&self.noise[..], b" ", self.forged().as_bytes()].concat()
        } else {
            payload
        };
        let mut attacked = around(&before, &payload, &behind);
        if let Some(cut) = self.cut {
            attacked.truncate(start.len() + before.len() + cut);
        }
        (around(&before, b"x", &behind), attacked)
    }

    /// The true line with something in it that HAProxy does not write.
    fn failing_prefix(&self) -> String {
        let start = self.logged.up_to_bytes();
        let (head, body) = start.split_at(self.logged.head().len());
        let (backend, server) = self.logged.names();
        let names = format!(" {backend}/{server} ");
        let body = match self.damage {
            0 => format!("?{body}"),
            1 => body.replacen(" [", " ", 1),
            2 => body.replacen("] ", "]", 1),
            3 => body.replacen("] ", "] ?", 1),
            4 => body.replacen(&names, &format!(" {backend}/<{server} "), 1),
            5 => body.replacen(&names, &format!(" {backend} {server} "), 1),
            6 => body.replacen(&names, &format!("{names}++"), 1),
            7 => body.replacen('/', "/Xov/", 1),
            _ => format!("{body}x"),
        };
        format!("{head}{body}")
    }
}

/// How others read a line: each looks somewhere for the server.
struct Naive {
    greedy: Regex,
    sliding: Regex,
}

impl Naive {
    fn new() -> Self {
        let names = r"([A-Za-z0-9_.:<>-]+)/([A-Za-z0-9_.:<>-]+)";
        let numbers = r"-?\d+/-?\d+/-?\d+/-?\d+/\+?-?\d+ -?\d+ \+?\d+";
        let compile = |pattern: String| Regex::new(&pattern).unwrap();
        Self {
            greedy: compile(format!(r"(?s-u)^.* {names} {numbers}")),
            sliding: compile(format!(r"(?-u)\S+ \[[^\]]{{24}}\] \S+ {names} {numbers}")),
        }
    }

    /// One of them takes the forged record for a true one.
    fn is_fooled(&self, line: &[u8]) -> bool {
        let is_evil = |bytes: &[u8]| bytes == EVIL.as_bytes();
        let by_pattern = [&self.greedy, &self.sliding].into_iter().any(|pattern| {
            let groups = pattern.captures(line);
            groups
                .is_some_and(|groups| groups.get(2).is_some_and(|group| is_evil(group.as_bytes())))
        });
        // `be/srv timers status bytes - - ---- conns queues "GET / HTTP/1.1"`, from the right.
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let names = words.len().checked_sub(12).map(|at| words[at]);
        by_pattern || names.is_some_and(|names| names.ends_with(b"/evil"))
    }
}

#[derive(Debug, Default)]
struct Seen {
    cases: u32,
    fooled: u32,
}

#[test]
fn five_thousand_mutations_of_what_a_client_controls_change_no_decisive_field() {
    let config = ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    eprintln!("{CASES} mutations, seed {SEED}");
    let parser = Parser::httplog("haproxy");
    let naive = Naive::new();
    let seen = RefCell::new(BTreeMap::<Kind, Seen>::new());
    let result = TestRunner::new(config).run(&attack(), |attack| {
        let (plain, attacked) = attack.lines();
        let expected = parser.parse(&plain);
        let read = parser.parse(&attacked);
        let text = String::from_utf8_lossy(&attacked).into_owned();
        match attack.kind {
            Kind::BehindFailingPrefix | Kind::OtherProgram => {
                prop_assert!(expected.is_err() && read.is_err(), "{text}");
            }
            Kind::Uri
            | Kind::RequestHeader
            | Kind::ResponseHeader
            | Kind::RequestCookie
            | Kind::ResponseCookie
            | Kind::FromTheRight => {
                prop_assert!(expected.is_ok(), "{text}");
                prop_assert_eq!(read, expected, "{}", text);
            }
        }
        let mut seen = seen.borrow_mut();
        let seen = seen.entry(attack.kind).or_default();
        if seen.cases < SHOWN {
            seen.fooled += u32::from(naive.is_fooled(&attacked));
        }
        seen.cases += 1;
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    eprintln!("{seen:?}");
    for kind in KINDS {
        let seen = &seen[&kind];
        assert!(seen.cases >= CASES / 16, "{kind:?}: {seen:?}");
        assert!(seen.fooled >= SHOWN / 4, "{kind:?} is no attack: {seen:?}");
    }
}
