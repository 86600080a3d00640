//! What a log line says, and what can be forged.

mod attacks;
mod corpus;
mod formats;
mod formats_corpus;
mod formats_kinds;
mod formats_properties;
mod formats_quoted;
mod formats_real;
mod heads;
mod independent;
mod input;
mod moments;
mod mutations;
mod parse;
mod progress;
mod properties;
mod rejects;
mod scan;
mod threads;

use haproxy_autoscale::log::line::{
    Logged, Parser, Record, Reject, TIMER_MAX_MS, TOTAL_MAX_MS, format_local_ms,
};
use haproxy_autoscale::words::request::{Request, Tail};

/// A line up to the place of its frontend.
const START: &str = "127.0.0.1:39518 [21/Nov/2026:23:36:31.172]";
/// The date of `START`: 2026-11-21 is day 20,778 since 1970.
const START_MS: u64 = 20_778 * 86_400_000 + ((23 * 60 + 36) * 60 + 31) * 1000 + 172;

fn parse(line: &str) -> Result<Record<'_>, Reject> {
    Parser::httplog("haproxy").parse(line.as_bytes())
}

/// The record of a line that starts with `START`.
fn parse_rest<'a>(line: &'a mut String, rest: &str) -> Result<Record<'a>, Reject> {
    *line = format!("{START} {rest}");
    parse(line)
}

#[track_caller]
fn request_of(rest: &str, check: impl FnOnce(Record<'_>)) {
    match parse_rest(&mut String::new(), rest) {
        Ok(record) => check(record),
        Err(reason) => panic!("{rest}: {reason}"),
    }
}

#[test]
fn a_stock_line_gives_every_field() {
    let line = format!(
        "{START} fe be/s1 10/2/3/40/55 200 2750 - - ---- 7/6/5/4/1 3/2 {{host|ua}} {{}} \"GET / HTTP/1.1\""
    );
    let expected = Record {
        frontend: Some("fe"),
        accepted: Some("21/Nov/2026:23:36:31.172"),
        accepted_ms: Some(START_MS),
        ended_ms: Some(START_MS + 55),
        bytes: Some(2750),
        logged: Logged::ALL,
        request: Request {
            backend: "be",
            server: "s1",
            request_ms: Some(10),
            queue_ms: Some(2),
            connect_ms: Some(3),
            response_ms: Some(40),
            total_ms: Some(55),
            status: Some(200),
            tail: Some(Tail {
                termination: *b"----",
                server_connections: 4,
                retries: 1,
                server_queue: 3,
                backend_queue: 2,
            }),
        },
    };
    assert_eq!(parse(&line), Ok(expected));
}

#[test]
fn clients_of_every_kind_are_accepted() {
    let clients = [
        "127.0.0.1:39518",
        "::1:44074",
        "2a02:8109:9a80::77:37139",
        "::ffff:1.2.3.4:5",
        "unix:3",
        "-:22222",
        "-:-",
        "-",
    ];
    for client in clients {
        let line = format!("{client} [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 1");
        assert!(parse(&line).is_ok(), "{client}");
    }
    let others = [
        "example.org:80",
        "1.2.3:80",
        "1.2.3.4",
        "1.2.3.4:",
        ":80",
        "[::1]:80",
        "x:-",
    ];
    for client in others {
        let line = format!("{client} [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 1");
        assert_eq!(parse(&line), Err(Reject::UnknownHead), "{client}");
    }
}

#[test]
fn names_are_haproxys_and_tls_is_not_part_of_one() {
    request_of(
        "fe.in:443_a-b~ be:80/s.1:443-x_y 0/0/0/1/1 200 1",
        |record| {
            assert_eq!(record.frontend, Some("fe.in:443_a-b"));
            assert_eq!(record.request.backend, "be:80");
            assert_eq!(record.request.server, "s.1:443-x_y");
        },
    );
    for server in [
        "<NOSRV>",
        "<STATS>",
        "<PROMEX>",
        "<CACHE>",
        "<lua.hello>",
        "<HTTPCLIENT>",
    ] {
        request_of(&format!("fe be/{server} 0/0/0/0/0 200 1"), |record| {
            assert_eq!(record.request.server, server);
        });
    }
    request_of("<HTTPCLIENT> -/- 2/0/-1/-1/-1 503 0", |record| {
        assert_eq!(record.frontend, Some("<HTTPCLIENT>"));
    });
    for names in [
        "f/e be/s1",
        "fe~~ be/s1",
        "fe be/s1/x",
        "fe b<e/s1",
        "fe /s1",
        "fe be/",
        "fe be/<>",
        "fé be/s1",
    ] {
        let mut line = String::new();
        let parsed = parse_rest(&mut line, &format!("{names} 0/0/0/1/1 200 1"));
        assert_eq!(parsed, Err(Reject::NotHttplog), "{names}");
    }
}

#[test]
fn minus_one_is_no_timer_and_zero_is_one() {
    request_of("fe be/<NOSRV> 0/-1/-1/-1/0 503 217", |record| {
        let request = record.request;
        assert_eq!(request.request_ms, Some(0));
        assert_eq!(request.queue_ms, None);
        assert_eq!(request.connect_ms, None);
        assert_eq!(request.response_ms, None);
        assert_eq!(request.total_ms, Some(0));
    });
    request_of("fe be/s1 -1/502/-1/-1/501 500 0", |record| {
        assert_eq!(record.request.request_ms, None);
        assert_eq!(record.request.queue_ms, Some(502));
    });
}

#[test]
fn plus_signs_of_logasap_and_redispatch_are_not_part_of_the_number() {
    request_of(
        "fe be/s1 0/0/0/7/+9 200 +119 - - ---- 2/2/2/0/+2 0/0",
        |record| {
            assert_eq!(record.request.total_ms, Some(9));
            assert_eq!(record.bytes, Some(119));
            assert_eq!(record.request.tail.map(|tail| tail.retries), Some(2));
        },
    );
}

#[test]
fn a_status_is_three_digits_or_none_at_all() {
    for (written, status) in [("200", Some(200)), ("101", Some(101)), ("999", Some(999))] {
        request_of(&format!("fe be/s1 0/0/0/1/1 {written} 1"), |record| {
            assert_eq!(record.request.status, status);
        });
    }
    for written in ["-1", "0"] {
        request_of(&format!("fe be/s1 0/0/0/1/1 {written} 1"), |record| {
            assert_eq!(record.request.status, None);
        });
    }
    for written in ["20", "2000", "-2", "-200", "-0"] {
        let mut line = String::new();
        let parsed = parse_rest(&mut line, &format!("fe be/s1 0/0/0/1/1 {written} 1"));
        assert_eq!(parsed, Err(Reject::BadNumber), "{written}");
    }
}

#[test]
fn a_number_is_read_whole_or_the_line_is_refused() {
    let day = TIMER_MAX_MS;
    request_of(
        &format!("fe be/s1 0/0/0/{day}/{day} 200 9223372036854775807"),
        |record| {
            assert_eq!(record.request.response_ms, Some(day));
            assert_eq!(record.bytes, Some(9_223_372_036_854_775_807));
        },
    );
    let bad = [
        "0/0/0/86400001/1 200 1",
        "0/0/0/4294967297/1 200 1",
        "-0/0/0/1/1 200 1",
        "0/0/0/-2/1 200 1",
        "0/0/0/01/1 200 1",
        "0/0/0/18446744073709551617/1 200 1",
        "0/0/0/1/+-0 200 1",
        "0/0/0/1/1 200 18446744073709551615",
        "0/0/0/1/1 200 00000000000000000001",
        "0/0/0/1/1 200 99999999999999999999999999",
    ];
    for rest in bad {
        let mut line = String::new();
        let parsed = parse_rest(&mut line, &format!("fe be/s1 {rest}"));
        let reason = if rest.contains("+-") {
            Reject::NotHttplog
        } else {
            Reject::BadNumber
        };
        assert_eq!(parsed, Err(reason), "{rest}");
    }
}

#[test]
fn a_connection_that_was_open_for_days_keeps_its_line() {
    let week = 7 * 86_400_000;
    for total in [86_400_001, week, TOTAL_MAX_MS] {
        let mut line = String::new();
        let rest = format!("fe be/s1 0/0/1/51/{total} 101 140");
        let record = parse_rest(&mut line, &rest).unwrap();
        assert_eq!(record.request.response_ms, Some(51));
        assert_eq!(record.request.total_ms, Some(total));
        assert_eq!(record.ended_ms, Some(START_MS + u64::from(total)));
    }
    for timers in ["0/0/0/1/4294967296", "86400001/0/0/1/1", "0/86400001/0/1/1"] {
        let mut line = String::new();
        let parsed = parse_rest(&mut line, &format!("fe be/s1 {timers} 101 1"));
        assert_eq!(parsed, Err(Reject::BadNumber), "{timers}");
    }
}

#[test]
fn lines_from_twenty_bytes_to_the_limit_are_read_or_refused_by_their_start() {
    let line = format!("{START} fe be/s1 0/0/0/1/1 200 1 - - ---- 1/1/1/1/0 0/0 \"GET /");
    for length in 0..line.len() {
        let is_whole = length > line.find(" 1 - -").unwrap() + 1;
        assert_eq!(
            parse(&line[..length]).is_ok(),
            is_whole,
            "{}",
            &line[..length]
        );
    }
    // Truncated by HAProxy (`len`), so without a closing quote, or as long as the limit allows.
    for length in [1023, 16 * 1024] {
        let line = format!("{line}{}", "a".repeat(length - line.len()));
        let record = parse(&line).unwrap();
        assert_eq!(
            record.request.tail.map(|tail| tail.server_connections),
            Some(1)
        );
    }
}

#[test]
fn the_bytes_field_ends_at_a_space_or_with_the_line() {
    for behind in [
        "",
        " ",
        "\r",
        " x",
        " - - ----",
        " - - ---- 1/1/1/1/0 0/0",
        " \u{0}",
    ] {
        request_of(&format!("fe be/s1 0/0/0/1/1 200 12{behind}"), |record| {
            assert_eq!(record.bytes, Some(12), "{behind:?}");
        });
    }
    for behind in ["x", "/", "\t", "\r\r", ".5", "-"] {
        let mut line = String::new();
        let parsed = parse_rest(&mut line, &format!("fe be/s1 0/0/0/1/1 200 12{behind}"));
        assert_eq!(parsed, Err(Reject::NotHttplog), "{behind:?}");
    }
}

#[test]
fn the_tail_is_read_only_behind_two_absent_cookies() {
    let tail = "sQVN 5/5/1/1/0 1/0";
    for (cookies, is_read) in [("- -", true), ("SESS=a -", false), ("- SRV=b", false)] {
        request_of(
            &format!("fe be/s1 0/0/0/1/1 200 1 {cookies} {tail} \"GET\""),
            |record| {
                assert_eq!(record.request.tail.is_some(), is_read, "{cookies}");
            },
        );
    }
}

#[test]
fn a_tail_that_breaks_off_leaves_the_record_standing() {
    let tails = [
        "- -",
        "- - -",
        "- - sQ--",
        "- - ---- 5/5/1",
        "- - ---- 5/5/1/1/0",
        "- - ---- 5/5/1/1/0 1",
        "- - ---- 5/5/1/1/0 1/",
        "- - ---- 5/5/1/1/0 1/x",
        "- - ---- 5/5/1/1/0 1/2x",
        "- - --- 5/5/1/1/0 1/2",
        "- - ---- 5/5/1/4294967296/0 1/2",
        "- - ---- 5/5/1/1/-1 1/2",
    ];
    for tail in tails {
        request_of(&format!("fe be/s1 0/0/0/1/1 200 1 {tail}"), |record| {
            assert_eq!(record.request.tail, None, "{tail}");
            assert_eq!(record.request.response_ms, Some(1));
        });
    }
}

#[test]
fn a_date_must_exist() {
    let line = |date: &str| format!("1.2.3.4:5 [{date}] fe be/s1 0/0/0/1/1 200 1");
    for date in [
        "29/Feb/2028:00:00:00.000",
        "31/Dec/1999:23:59:59.999",
        "01/Jan/1970:00:00:00.000",
    ] {
        assert!(parse(&line(date)).is_ok(), "{date}");
    }
    let bad = [
        "29/Feb/2026:00:00:00.000",
        "00/Nov/2026:00:00:00.000",
        "31/Nov/2026:00:00:00.000",
        "21/nov/2026:00:00:00.000",
        "21/Foo/2026:00:00:00.000",
        "21/Nov/2026:24:00:00.000",
        "21/Nov/2026:00:60:00.000",
        "21/Nov/2026:00:00:60.000",
        "21/Nov/1969:00:00:00.000",
        "21/Nov/2026:23:36:37 +0000",
        "21/Nov/2026:23:36:37",
        "1/Nov/2026:00:00:00.000",
        "",
    ];
    for date in bad {
        assert_eq!(parse(&line(date)), Err(Reject::BadDate), "{date}");
    }
    assert_eq!(parse("1.2.3.4:5 [21/Nov/2026:00:00"), Err(Reject::BadDate));
}

#[test]
fn dates_become_milliseconds_and_back() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000"),
        (START_MS, "2026-11-21T23:36:31.172"),
        (951_782_400_000, "2000-02-29T00:00:00.000"),
        (951_868_799_999, "2000-02-29T23:59:59.999"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000"),
        (1_798_761_599_999, "2026-12-31T23:59:59.999"),
    ] {
        assert_eq!(format_local_ms(ms), text);
    }
    assert!(!format_local_ms(u64::MAX).is_empty());
}
