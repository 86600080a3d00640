//! What holds for every line: P-1 total, P-2 nothing right of the bytes field matters, P-3 no
//! search after a failure, P-4 round trip, P-5 numbers.

use std::fmt::Write as _;

use haproxy_autoscale::log::line::{
    Brief, Parser, Record, Reject, TIMER_MAX_MS, TOTAL_MAX_MS, format_local_ms, parse_local_ms,
};
use haproxy_autoscale::words::request::{Request, Tail};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::heads::HEADS;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// One request, before HAProxy writes it down.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    head: &'static str,
    client: String,
    accepted_ms: u64,
    frontend: String,
    is_tls: bool,
    backend: String,
    server: String,
    /// TR, Tw, Tc, Tr, Ta.
    timers: [Option<u32>; 5],
    /// `option logasap`.
    is_early: bool,
    status: Option<u16>,
    bytes: u64,
    tail: Tail,
    is_redispatched: bool,
}

impl Logged {
    /// `21/Nov/2026:23:36:31.172`, by way of the RFC 3339 text, whose fields stand at known places.
    fn accepted(&self) -> String {
        let iso = format_local_ms(self.accepted_ms);
        let month: usize = iso[5..7].parse().unwrap();
        format!(
            "{}/{}/{}:{}",
            &iso[8..10],
            MONTHS[month - 1],
            &iso[..4],
            &iso[11..]
        )
    }

    /// Backend and server.
    pub(super) fn names(&self) -> (&str, &str) {
        (&self.backend, &self.server)
    }

    pub(super) fn head(&self) -> &'static str {
        self.head
    }

    /// As HAProxy writes it, up to the bytes field.
    pub(super) fn up_to_bytes(&self) -> String {
        let mut line = format!(
            "{}{} [{}] {}{} {}/{} ",
            self.head,
            self.client,
            self.accepted(),
            self.frontend,
            if self.is_tls { "~" } else { "" },
            self.backend,
            self.server,
        );
        let plus = if self.is_early { "+" } else { "" };
        for (index, timer) in self.timers.iter().enumerate() {
            match timer {
                Some(ms) if index == 4 => write!(line, "{plus}{ms} ").unwrap(),
                Some(ms) => write!(line, "{ms}/").unwrap(),
                None if index == 4 => line.push_str("-1 "),
                None => line.push_str("-1/"),
            }
        }
        match self.status {
            Some(status) => write!(line, "{status}").unwrap(),
            None => line.push_str("-1"),
        }
        write!(line, " {plus}{}", self.bytes).unwrap();
        line
    }

    /// ` - - ---- 1/1/1/1/0 0/0`.
    pub(super) fn tail_text(&self) -> String {
        let tail = &self.tail;
        format!(
            " - - {} 9/8/7/{}/{}{} {}/{}",
            std::str::from_utf8(&tail.termination).unwrap(),
            tail.server_connections,
            if self.is_redispatched { "+" } else { "" },
            tail.retries,
            tail.server_queue,
            tail.backend_queue,
        )
    }

    fn record<'a>(&'a self, accepted: &'a str, tail: Option<Tail>) -> Record<'a> {
        let [request_ms, queue_ms, connect_ms, response_ms, total_ms] = self.timers;
        Record {
            frontend: Some(&self.frontend),
            accepted: Some(accepted),
            accepted_ms: Some(self.accepted_ms),
            ended_ms: Some(self.accepted_ms + u64::from(total_ms.unwrap_or(0))),
            bytes: Some(self.bytes),
            logged: haproxy_autoscale::log::line::Logged::ALL,
            request: Request {
                backend: &self.backend,
                server: &self.server,
                request_ms,
                queue_ms,
                connect_ms,
                response_ms,
                total_ms,
                status: self.status,
                tail,
            },
        }
    }
}

fn client() -> impl Strategy<Value = String> {
    let port = any::<u16>();
    prop_oneof![
        (any::<[u8; 4]>(), port)
            .prop_map(|(ip, port)| format!("{}:{port}", std::net::Ipv4Addr::from(ip))),
        (any::<[u8; 16]>(), port)
            .prop_map(|(ip, port)| format!("{}:{port}", std::net::Ipv6Addr::from(ip))),
        port.prop_map(|port| format!("unix:{port}")),
        port.prop_map(|port| format!("-:{port}")),
        Just("-".to_owned()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_.:-]{1,12}"
}

fn timer() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![
        Just(None),
        (0..3000_u32).prop_map(Some),
        (0..=TIMER_MAX_MS).prop_map(Some)
    ]
}

/// Ta may be of any length that fits.
fn total() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![timer(), (0..=TOTAL_MAX_MS).prop_map(Some)]
}

fn tail() -> impl Strategy<Value = Tail> {
    (
        "[CSPLRIDUKcs-][RQCHDLT-][NIDVEOU-][NIUPRD-]",
        any::<[u32; 4]>(),
    )
        .prop_map(|(flags, counts)| {
            let [server_connections, retries, server_queue, backend_queue] = counts;
            Tail {
                termination: flags.as_bytes().try_into().unwrap(),
                server_connections,
                retries,
                server_queue,
                backend_queue,
            }
        })
}

pub(super) fn logged() -> impl Strategy<Value = Logged> {
    let pseudo = prop_oneof![
        Just("<NOSRV>".to_owned()),
        Just("<STATS>".to_owned()),
        Just("<lua.x>".to_owned())
    ];
    let names = (
        name(),
        any::<bool>(),
        name(),
        prop_oneof![4 => name(), 1 => pseudo],
    );
    // Up to the end of the year 9999, the last that the log's date has room for.
    let when = 0..253_402_300_800_000_u64;
    let numbers = (
        [timer(), timer(), timer(), timer()],
        total(),
        any::<bool>(),
        proptest::option::of(100..=999_u16),
        0..=9_999_999_999_999_999_999_u64,
    );
    let head = proptest::sample::select(&HEADS[..]);
    (head, client(), when, names, numbers, tail(), any::<bool>()).prop_map(
        |(head, client, accepted_ms, names, numbers, tail, is_redispatched)| {
            let (frontend, is_tls, backend, server) = names;
            let ([request, queue, connect, response], total, is_early, status, bytes) = numbers;
            let timers = [request, queue, connect, response, total];
            Logged {
                head,
                client,
                accepted_ms,
                frontend,
                is_tls,
                backend,
                server,
                timers,
                is_early,
                status,
                bytes,
                tail,
                is_redispatched,
            }
        },
    )
}

/// What a client may put into a line: bytes, and text that looks like a line.
pub(super) fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        r#"[-/ 0-9+{}|"\[\]:a-z]{0,80}"#.prop_map(String::into_bytes),
        logged().prop_map(|other| (other.up_to_bytes() + &other.tail_text()).into_bytes()),
    ]
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The record but for what only absent cookies open.
fn without_tail(parsed: Result<Record<'_>, Reject>) -> Result<Record<'_>, Reject> {
    parsed.map(|mut record| {
        record.request.tail = None;
        record
    })
}

/// The same cases in every run, so that a red run is red again; others, and as many as are wanted,
/// with `PROPTEST_CASES` in the environment.
pub(super) fn fixed(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return config;
    }
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_122),
        ..config
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_record_or_a_reason(bytes in hostile()) {
        let _ = Parser::httplog("haproxy").parse(&bytes);
    }

    #[test]
    fn a_damaged_line_gives_a_record_or_a_reason(
        logged in logged(), at in any::<prop::sample::Index>(), byte: u8, cut: bool,
    ) {
        let mut line = joined(&[logged.up_to_bytes().as_bytes(), logged.tail_text().as_bytes()]);
        let at = at.index(line.len());
        line[at] = byte;
        if cut {
            line.truncate(at);
        }
        let _ = Parser::httplog("haproxy").parse(&line);
    }

    #[test]
    fn a_record_survives_being_written_and_read(logged in logged()) {
        let accepted = logged.accepted();
        prop_assert_eq!(parse_local_ms(accepted.as_bytes()), Some(logged.accepted_ms));
        let parser = Parser::httplog("haproxy");
        let line = logged.up_to_bytes();
        prop_assert_eq!(parser.parse(line.as_bytes()), Ok(logged.record(&accepted, None)));
        let line = line + &logged.tail_text() + " {a|b c} \"GET / HTTP/1.1\"";
        let expected = logged.record(&accepted, Some(logged.tail));
        prop_assert_eq!(parser.parse(line.as_bytes()), Ok(expected));
    }

    #[test]
    fn nothing_behind_the_bytes_field_changes_what_stands_before(
        logged in logged(), one in hostile(), other in hostile(),
    ) {
        let parser = Parser::httplog("haproxy");
        let start = logged.up_to_bytes();
        let one = joined(&[start.as_bytes(), b" ", &one]);
        let other = joined(&[start.as_bytes(), b" ", &other]);
        let accepted = logged.accepted();
        prop_assert_eq!(without_tail(parser.parse(&one)), Ok(logged.record(&accepted, None)));
        prop_assert_eq!(without_tail(parser.parse(&other)), Ok(logged.record(&accepted, None)));
    }

    #[test]
    fn behind_a_captured_cookie_nothing_is_read(
        logged in logged(), is_response: bool, behind in hostile(),
    ) {
        let cookies: &[u8] = if is_response { b" - B=" } else { b" A=" };
        let start = logged.up_to_bytes();
        let line = joined(&[start.as_bytes(), cookies, &behind, logged.tail_text().as_bytes()]);
        let accepted = logged.accepted();
        let parsed = Parser::httplog("haproxy").parse(&line);
        prop_assert_eq!(parsed, Ok(logged.record(&accepted, None)));
    }

    #[test]
    fn nothing_behind_the_queues_changes_anything(logged in logged(), behind in hostile()) {
        let start = logged.up_to_bytes() + &logged.tail_text();
        let line = joined(&[start.as_bytes(), b" ", &behind]);
        let accepted = logged.accepted();
        let parsed = Parser::httplog("haproxy").parse(&line);
        prop_assert_eq!(parsed, Ok(logged.record(&accepted, Some(logged.tail))));
    }

    #[test]
    fn a_refused_start_is_not_made_good_by_what_follows(
        logged in logged(), broken in 0..6_usize, joint in hostile(), forged in logged(),
    ) {
        let start = format!("{} ", logged.up_to_bytes());
        let body = start.rfind(" [").unwrap();
        let (before, rest) = start.split_at(body);
        let start = match broken {
            0 => format!("{before}{}", rest.replacen(" [", " ", 1)),
            1 => format!("{before}{}", rest.replacen("] ", "]", 1)),
            2 => format!("{before}{}", rest.replacen(&format!("{}/", logged.backend), "", 1)
                .replacen(&format!("/{}", logged.server), "", 1)),
            3 => format!("{before}{}", rest.replacen("] ", "] ?", 1)),
            4 => format!("{before}{}x", rest.trim_end()),
            _ => format!("?{start}"),
        };
        let forged = forged.up_to_bytes() + &forged.tail_text();
        let line = joined(&[start.as_bytes(), &joint, forged.as_bytes()]);
        prop_assert!(Parser::httplog("haproxy").parse(&line).is_err());
        let line = joined(&[start.as_bytes(), forged.as_bytes()]);
        prop_assert!(Parser::httplog("haproxy").parse(&line).is_err());
    }

    #[test]
    fn a_number_is_its_digits_or_a_reject(digits in "-?[0-9]{1,24}", place in 0..6_usize) {
        let mut numbers = ["1"; 6];
        numbers[place] = &digits;
        let [a, b, c, d, e, bytes] = numbers;
        let line = format!("::1:5 [21/Nov/2026:23:36:31.172] fe be/s {a}/{b}/{c}/{d}/{e} 200 {bytes}");
        let is_plain = digits == "0" || !digits.starts_with('0');
        let value: Option<u64> = digits.parse().ok().filter(|_| is_plain && digits.len() < 20);
        let parser = Parser::httplog("haproxy");
        let parsed = parser.parse(line.as_bytes());
        if place == 5 {
            prop_assert_eq!(parsed.ok().and_then(|record| record.bytes), value);
        } else {
            let request = parsed.ok().map(|record| record.request);
            let timers = request.map(|it| {
                [it.request_ms, it.queue_ms, it.connect_ms, it.response_ms, it.total_ms]
            });
            let max_ms = if place == 4 { TOTAL_MAX_MS } else { TIMER_MAX_MS };
            let value = value.and_then(|ms| u32::try_from(ms).ok()).filter(|&ms| ms <= max_ms);
            let expected = if digits == "-1" { Some(None) } else { value.map(Some) };
            prop_assert_eq!(timers.map(|timers| timers[place]), expected);
        }
    }
}

/// Bodies that begin like a head, like a body or like both.
const BODIES: [&str; 8] = [
    "10.0.0.1:1 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 87 - - ---- 1/1/0/0/0 0/0 \"GET /\"",
    "10.0.0.1:1 [21/Nov/2026:23:36:31.999] fe~ be/<NOSRV> 0/-1/-1/-1/0 503 217 a=b - SC-- 1/1/0/0/0 0/0",
    "::1:9 [21/Nov/2026:23:36:31.5] fe be/s2 0/0/0/1/1 200 87",
    "10.0.0.1:1 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 87 - - ---- 1/1/0/0/0 0/0]",
    "Nov 21 23:36:31 lb1 haproxy[7]: 10.0.0.2:2 [21/Nov/2026:23:36:31.172] fe be/s9 0/0/0/9/9 200 9",
    "message repeated 2 times: [ 10.0.0.3:3 [21/Nov/2026:23:36:31.172] fe be/s8 0/0/0/8/8 200 8 - - ---- 1/1/0/0/0 0/0]",
    "sshd[9]: 10.0.0.4:4 [21/Nov/2026:23:36:31.172] fe be/s7 0/0/0/7/7 200 7",
    "Server be/s2 is DOWN.",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(20_261_122),
        ..ProptestConfig::default()
    })]

    /// A parser remembers the head and the second of the line before, to be quick.
    #[test]
    fn what_a_line_says_does_not_depend_on_the_lines_before(
        heads in proptest::array::uniform2(0..HEADS.len()),
        lines in proptest::collection::vec(
            (any::<bool>(), 0..BODIES.len(), 0..24_usize, any::<(u8, u8)>()),
            2..8,
        ),
    ) {
        let remembers = Parser::httplog("haproxy");
        for (is_first, body, cut, (at, byte)) in lines {
            let head = HEADS[heads[usize::from(is_first)]];
            let mut line = format!("{head}{}", BODIES[body]).into_bytes();
            // Most lines are whole; of the others a byte is damaged or the end is missing.
            if cut > 20 {
                line.truncate(line.len().saturating_sub(cut));
            } else if cut > 16 && !line.is_empty() {
                let at = usize::from(at) % line.len();
                line[at] = byte;
            }
            let fresh = Parser::httplog("haproxy");
            prop_assert_eq!(remembers.parse(&line), fresh.parse(&line));
            let fresh = Parser::httplog("haproxy");
            let record = fresh.parse(&line);
            prop_assert_eq!(
                remembers.parse_brief(&line, true),
                record.as_ref().map(Brief::of).map_err(|reason| *reason)
            );
        }
    }
}
