//! Formats other than stock httplog: what is read from their lines, and what is refused.

use haproxy_autoscale::log::format::{Fault, LogFormat};
use haproxy_autoscale::log::line::{Parser, Record, Reject};
use haproxy_autoscale::log::recorded::Line;
use haproxy_autoscale::parse::write_line;
use haproxy_autoscale::words::request::{Request, Tail};

/// 2026-11-21 23:36:31, milliseconds since 1970 of whatever zone.
const START_MS: u64 = 20_778 * 86_400_000 + ((23 * 60 + 36) * 60 + 31) * 1000;

fn parser(format: &str) -> Parser {
    let format = LogFormat::compile(format).unwrap_or_else(|errors| panic!("{format}: {errors:?}"));
    Parser::new(&format, "haproxy")
}

#[track_caller]
fn record_of(format: &str, line: &str, check: impl FnOnce(Record<'_>)) {
    match parser(format).parse(line.as_bytes()) {
        Ok(record) => check(record),
        Err(reason) => panic!("{format}\n{line}\n{reason}"),
    }
}

/// What every line below says, whatever its format can say of it.
fn request() -> Request<'static> {
    Request {
        backend: "be",
        server: "s1",
        request_ms: Some(10),
        queue_ms: Some(2),
        connect_ms: Some(3),
        response_ms: Some(40),
        total_ms: Some(55),
        status: Some(200),
        tail: None,
    }
}

const TAIL: Option<Tail> = Some(Tail {
    termination: *b"----",
    server_connections: 4,
    retries: 1,
    server_queue: 3,
    backend_queue: 2,
});

const PLAIN: &str = "%ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B [%tr]";
const PLAIN_LINE: &str = "fe be/s1 10/2/3/40/55 200 2750 [21/Nov/2026:23:36:31.172]";

#[test]
fn the_same_request_is_read_from_every_way_to_write_it() {
    let with_secret = format!("as:7f3c9d {PLAIN}");
    let with_secret_line = format!("as:7f3c9d {PLAIN_LINE}");
    let in_json = r#"{"be":"%b","srv":"%s","fe":"%f","st":%ST,"tr":%TR,"tw":%Tw,"tc":%Tc,"resp":%Tr,"ta":%Ta,"at":"%tr","by":%B,"req":"%r"}"#;
    let json_line = r#"{"be":"be","srv":"s1","fe":"fe","st":200,"tr":10,"tw":2,"tc":3,"resp":40,"ta":55,"at":"21/Nov/2026:23:36:31.172","by":2750,"req":"GET / HTTP/1.1"}"#;
    let rows = [
        (PLAIN, PLAIN_LINE),
        (with_secret.as_str(), with_secret_line.as_str()),
        (in_json, json_line),
        (
            "%{+json}o %(be)b %(srv)s %(fe)ft %(st)ST %r %(tr)TR %(tw)Tw %(tc)Tc %(resp:str)Tr %(ta)Ta %(at)tr %(by)B %(req)r",
            r#"{"be": "be", "srv": "s1", "fe": "fe", "st": 200, "tr": 10, "tw": 2, "tc": 3, "resp": "40", "ta": 55, "at": "21/Nov/2026:23:36:31.172", "by": 2750, "req": "GET / HTTP/1.1"}"#,
        ),
        (
            "%{+Q}o %f %b %s%Tw %Tc %Tr %TR %Ta %{-Q}H %ST %B %tr %r",
            r#""fe" "be" "s1"2 3 40 10 55 vm 200 2750 21/Nov/2026:23:36:31.172 "GET /""#,
        ),
        (
            "%f|%b|%s|%TR|%Tw|%Tc|%Tr|%Ta|%ST|%B|%tr|%%|%{+X}ci:%cp",
            "fe|be|s1|10|2|3|40|55|200|2750|21/Nov/2026:23:36:31.172|%|7F000001:E0E8",
        ),
        (
            "%ci:%cp [%t] %ft %b/%s %Tq/%Tw/%Tc/%Tr/%Tt %ST %B",
            "::ffff:1.2.3.4:555 [21/Nov/2026:23:36:31.172] fe~ be/s1 10/2/3/40/+55 200 +2750",
        ),
        (
            "%fi:%fp %bi:%bp %si:%sp %pid %rt %H %lc %sslv %sslc %[rand] %Th %Ti %Td %U %ac/%fc/%bc %f %b %s %TR %Tw %Tc %Tr %Ta %ST %B %tr",
            "127.0.0.1:80 -:- -:- 823 2 vm 7 TLSv1.3 - 99 0 0 0 97 1/1/0 fe be s1 10 2 3 40 55 200 2750 21/Nov/2026:23:36:31.172",
        ),
        (
            r#"log-format "%f %b %s %TR %Tw %Tc %Tr %Ta %ST %B \"%tr\" 'it''s'"  # ours"#,
            r#"fe be s1 10 2 3 40 55 200 2750 "21/Nov/2026:23:36:31.172" 'it''s'"#,
        ),
        (
            "%[str(\"lb one\")]: %f %b %s %TR %Tw %Tc %Tr %Ta %ST %B %tr",
            "lb one: fe be s1 10 2 3 40 55 200 2750 21/Nov/2026:23:36:31.172",
        ),
        (
            r"log-format %f\ %b\ %s\ %TR\ %Tw\ %Tc\ %Tr\ %Ta\ %ST\ %B\ \#\x41%tr",
            "fe be s1 10 2 3 40 55 200 2750 #A21/Nov/2026:23:36:31.172",
        ),
        (
            "  %f   %b %{+E}o  %s %TR %Tw %Tc %Tr %Ta %ST %B é %tr  ",
            "fe be s1 10 2 3 40 55 200 2750 é 21/Nov/2026:23:36:31.172 ",
        ),
    ];
    for (format, line) in rows {
        record_of(format, line, |record| {
            assert_eq!(record.request, request(), "{format}");
            assert_eq!(record.frontend, Some("fe"), "{format}");
            assert_eq!(record.bytes, Some(2750), "{format}");
            assert_eq!(
                record.accepted,
                Some("21/Nov/2026:23:36:31.172"),
                "{format}"
            );
            assert_eq!(record.ended_ms, Some(START_MS + 172 + 55), "{format}");
            assert!(record.logged.request);
        });
    }
}

#[test]
fn clf_lines_are_read_over_their_quoted_request() {
    let line = r#"127.0.0.1 - - [21/Nov/2026:23:36:31 +0000] "GET /x?a=#22b HTTP/1.1" 200 2750 "" "" 36162 683 "fe~" "be" "s1" 10 2 3 40 55 ---- 7 6 5 4 1 3 2 "a=b" "" """#;
    record_of("clf", line, |record| {
        let expected = Request {
            tail: TAIL,
            ..request()
        };
        assert_eq!(record.request, expected);
        assert_eq!(record.frontend, Some("fe"));
        assert_eq!(record.accepted_ms, Some(START_MS));
    });
    let refused = [
        // A quote that HAProxy would have escaped ends the request.
        line.replace("#22b", "\" 200 1"),
        // Cut within the last number that is needed.
        line[..line.len() - 14].to_owned(),
    ];
    for line in refused {
        let parsed = parser("clf").parse(line.as_bytes());
        assert_eq!(parsed, Err(Reject::NotFormat), "{line}");
    }
    let pseudo = line.replace("\"s1\" 10 2 3 40 55", "\"<NOSRV>\" 0 -1 -1 -1 0");
    record_of("clf", &pseudo, |record| {
        assert_eq!(record.request.server, "<NOSRV>");
        assert_eq!(record.request.queue_ms, None);
    });
}

#[test]
fn httpslog_and_a_string_that_says_httplog_are_httplog() {
    let stock = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
    let old = "%ci:%cp [%t] %ft %b/%s %Tq/%Tw/%Tc/%Tr/%Tt %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
    let tls = format!("{stock} %[fc_err]/%[ssl_fc_err,hex] %[ssl_fc_sni]/%sslv/%sslc");
    let quoted = format!("log-format \"{stock}\"");
    let line = "1.2.3.4:5 [21/Nov/2026:23:36:31.172] fe be/s1 10/2/3/40/55 200 2750 - - ---- 7/6/5/4/1 3/2 \"GET /\"";
    for format in ["httplog", "httpslog", stock, old, &tls, &quoted] {
        record_of(format, line, |record| {
            let expected = Request {
                tail: TAIL,
                ..request()
            };
            assert_eq!(record.request, expected, "{format}");
        });
    }
}

#[test]
fn the_tail_is_read_where_no_client_stands_left_of_it() {
    let rows = [
        (format!("{PLAIN} %tsc %sc/%rc %sq/%bq %r"), TAIL),
        (format!("{PLAIN} %tsc %HM %sc/%rc %sq/%bq"), None),
        (format!("{PLAIN} %HM %tsc %sc/%rc %sq/%bq"), None),
        (format!("%tsc %sc/%rc %sq/%bq {PLAIN}"), TAIL),
        (format!("{PLAIN} %ts %sc/%rc %sq/%bq"), TAIL),
    ];
    for (format, expected) in rows {
        let line = format
            .replace(PLAIN, PLAIN_LINE)
            .replace("%tsc", "----")
            .replace("%ts", "--")
            .replace("%sc/%rc %sq/%bq", "4/+1 3/2")
            .replace("%HM", "GET")
            .replace("%r", "GET / HTTP/1.1");
        record_of(&format, &line, |record| {
            assert_eq!(record.request.tail, expected, "{format}");
        });
    }
}

#[test]
fn what_a_format_does_not_say_is_unknown() {
    let (format, line) = (
        "%b %s %Tw %Tc %Tr %ST %tr",
        "be s1 2 3 40 200 21/Nov/2026:23:36:31.172",
    );
    record_of(format, line, |record| {
        assert_eq!((record.frontend, record.bytes), (None, None));
        assert!(!record.logged.request);
        assert_eq!(record.request.request_ms, Some(0));
        assert_eq!(record.request.total_ms, None);
        assert_eq!(record.request.tail, None);
    });
}

#[test]
fn parse_prints_null_for_what_is_unknown() {
    let mut out = Vec::new();
    let parser = parser("%b %s %Tw %Tc %Tr %ST %tr");
    let line = b"be s1 2 3 40 200 21/Nov/2026:23:36:31.172";
    write_line(&mut out, &parser, Line::Whole(line), 1, false).expect("a line");
    let object: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    for unknown in ["frontend", "TR", "Ta", "bytes", "termination", "retries"] {
        assert!(object[unknown].is_null(), "{unknown}: {object}");
    }
    assert_eq!(object["Tr"], 40);
}

#[test]
fn without_tr_a_slow_sender_proves_nothing_and_a_tarpit_is_no_queue() {
    let format = "%b %s %Tw %Tc %Tr %Ta %ST %tr";
    let rows = [
        // Ta of a request that came in over nine seconds.
        ("be s1 2 3 -1 9005 504", Some(9000)),
        ("be s1 2 3 40 55 200", Some(10)),
        ("be <NOSRV> 502 -1 -1 503 500", None),
        ("be <NOSRV> 502 -1 -1 503 503", Some(1)),
        ("fe <NOSRV> -1 -1 -1 0 400", None),
    ];
    for (start, request_ms) in rows {
        let line = format!("{start} 21/Nov/2026:23:36:31.172");
        record_of(format, &line, |record| {
            assert_eq!(record.request.request_ms, request_ms, "{line}");
        });
    }
}

#[test]
fn totals_are_paired_with_the_timer_that_starts_where_they_do() {
    let rows = [
        ("%TR %Ta", "10 55", Some(10), Some(55)),
        ("%Tq %Tt", "10 55", Some(10), Some(55)),
        ("%TR %Tt", "10 9055", Some(10), None),
        ("%Tq %Tt %TR %Ta", "500 545 10 55", Some(10), Some(55)),
    ];
    for (timers, written, request_ms, total_ms) in rows {
        let format = format!("%b %s %Tw %Tc %Tr %ST %tr {timers}");
        let line = format!("be s1 2 3 40 200 21/Nov/2026:23:36:31.172 {written}");
        record_of(&format, &line, |record| {
            assert_eq!(record.request.request_ms, request_ms, "{timers}");
            assert_eq!(record.request.total_ms, total_ms, "{timers}");
        });
    }
}

#[test]
fn every_form_of_date_gives_the_moment() {
    let seconds = START_MS / 1000;
    let epoch = format!("{seconds}.007");
    let epoch_joined = format!("{seconds}007");
    let rows = [
        ("%tr", "21/Nov/2026:23:36:31.007", 7),
        ("%t", "21/Nov/2026:23:36:31.007", 7),
        ("%trg %ms", "21/Nov/2026:23:36:31 +0000 007", 0),
        ("%T %ms", "21/Nov/2026:23:36:31 +0000 007", 7),
        ("%trl", "21/Nov/2026:23:36:31 -0730", 0),
        ("%Tl.%ms", "21/Nov/2026:23:36:31 +0100.007", 7),
        ("%Ts.%ms", &epoch, 7),
        ("%Ts%ms", &epoch_joined, 7),
        ("%Ts", &epoch[..10], 0),
        (
            "%T %tr",
            "21/Nov/2026:20:00:00 +0000 21/Nov/2026:23:36:31.007",
            7,
        ),
        ("%{+X}Ts %tr", "6B02773E 21/Nov/2026:23:36:31.007", 7),
    ];
    for (date, written, ms) in rows {
        for (format, line) in [
            (
                format!("{date} %b %s %TR %Tw %Tc %Tr %Ta %ST"),
                format!("{written} be s1 10 2 3 40 55 200"),
            ),
            (
                format!("%b %s %TR %Tw %Tc %Tr %Ta %ST {date}"),
                format!("be s1 10 2 3 40 55 200 {written}"),
            ),
        ] {
            record_of(&format, &line, |record| {
                assert_eq!(record.ended_ms, Some(START_MS + ms + 55), "{format}");
                assert_eq!(record.request, request(), "{format}");
            });
        }
    }
}

#[test]
fn the_hour_that_daylight_saving_repeats_does_not_go_back() {
    let parser = parser("[%trl] %b %s %TR %Tw %Tc %Tr %Ta %ST");
    let mut last = None;
    for date in [
        "25/Oct/2026:01:59:59 +0200",
        "25/Oct/2026:02:59:59 +0200",
        "25/Oct/2026:02:00:00 +0100",
        "25/Oct/2026:03:00:00 +0100",
    ] {
        let line = format!("[{date}] be s1 0 0 0 0 0 200");
        let record = parser.parse(line.as_bytes()).expect("a record");
        assert!(record.accepted_ms > last, "{date}");
        assert_eq!(record.accepted, Some(date));
        last = record.accepted_ms;
    }
}

#[test]
fn a_format_is_read_behind_every_head() {
    let body = format!("as:7f3c9d {PLAIN_LINE}");
    let parser = parser(&format!("as:7f3c9d {PLAIN}"));
    for head in [
        "",
        "<142>",
        "2026-11-21T23:36:31.172726+00:00 ",
        "<6>2026-11-21T23:36:31.172726+00:00 ",
        "<142>Nov 21 23:36:31 haproxy[23269]: ",
        "<142>Nov 21 23:36:31 localhost haproxy[23269]: ",
        "<142>1 2026-11-21T23:36:31.172675+00:00 - haproxy 23269 - - ",
        "Nov 21 23:36:31 host haproxy[23269]: ",
        "2026-11-21T23:36:31.172726+00:00 host haproxy[23269]: ",
    ] {
        let line = format!("{head}{body}");
        let record = parser.parse(line.as_bytes());
        assert_eq!(record.map(|record| record.request), Ok(request()), "{line}");
    }
    let foreign = [
        "Nov 21 23:36:31 host other[23269]: ",
        "2026-11-21T23:36:31.172726+00:00 host other[1]: ",
        "2026-11-21T23:36:31.172726+00:00 host other: ",
    ];
    for head in foreign {
        let line = format!("{head}{body}");
        let parsed = parser.parse(line.as_bytes());
        assert_eq!(parsed, Err(Reject::OtherProgram), "{line}");
    }
}

#[test]
fn other_lines_keep_their_reasons_in_every_format() {
    let custom = format!("as:7f3c9d {PLAIN}");
    let lines = [
        ("", Reject::Empty),
        (
            "Server be/s2 is UP/READY (leaving forced maintenance).",
            Reject::HaproxyMessage,
        ),
        (
            "Connect from 10.0.1.2:33312 to 10.0.3.31:8012 (www/HTTP)",
            Reject::Connect,
        ),
        (
            "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/1/2004 212 -- 1/1/1/1/0 0/0",
            Reject::Tcplog,
        ),
        (
            "127.0.0.1:6 [21/Nov/2026:23:36:31.172] fes/1: SSL handshake failure",
            Reject::FrontendError,
        ),
        (
            "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 1/2/3/4/5 200 5 - - ",
            Reject::NotFormat,
        ),
        ("{\"time\":1}", Reject::UnknownHead),
        ("\u{0}", Reject::Nul),
    ];
    for (line, reason) in lines {
        for format in [custom.as_str(), PLAIN, "clf"] {
            let parsed = parser(format).parse(line.as_bytes());
            assert_eq!(parsed, Err(reason), "{format}: {line}");
        }
    }
    let clf = r#"1.2.3.4 - - [21/Nov/2026:23:36:31 +0000] "GET /"#;
    assert_eq!(parser(&custom).parse(clf.as_bytes()), Err(Reject::Clf));
    assert_eq!(parser("clf").parse(clf.as_bytes()), Err(Reject::NotFormat));
    let wrong_secret = format!("<142>as:000000 {PLAIN_LINE}");
    let parsed = parser(&custom).parse(wrong_secret.as_bytes());
    assert_eq!(parsed, Err(Reject::NotFormat));
    let half = format!("as:7f3c9d {}", &PLAIN_LINE[..20]);
    assert_eq!(
        parser(&custom).parse(half.as_bytes()),
        Err(Reject::NotFormat)
    );
}

#[test]
fn a_line_that_was_cut_within_a_field_is_no_evidence() {
    let format = "%b %s %TR %Tw %Tc %ST [%tr] %Ta %Tr %U";
    let line = "be s1 10 2 3 200 [21/Nov/2026:23:36:31.172] 5500 4000 77";
    let parser = parser(format);
    let whole = parser.parse(line.as_bytes()).expect("a record");
    let end = line.len() - 2;
    for cut in 0..line.len() {
        match parser.parse(&line.as_bytes()[..cut]) {
            Ok(record) => assert!(cut >= end && record == whole, "{cut}"),
            Err(_) => assert!(cut < end, "{cut}"),
        }
    }
}

#[test]
fn numbers_are_as_strict_as_in_httplog() {
    let rows = [
        ("0/00/0/0/0 200", Reject::BadNumber),
        ("0/-0/0/0/0 200", Reject::BadNumber),
        ("0/-7/0/0/0 200", Reject::BadNumber),
        ("0/+7/0/0/0 200", Reject::BadNumber),
        ("0/0/0/86400001/0 200", Reject::BadNumber),
        ("0/0/0/99999999999999999999/0 200", Reject::BadNumber),
        ("0/0/0/0/0 99", Reject::BadNumber),
        ("0/0/0/0/0 -2", Reject::BadNumber),
        ("0/0/0//0 200", Reject::NotFormat),
        ("0/0/0/0/0 2OO", Reject::NotFormat),
    ];
    for (numbers, reason) in rows {
        let line = format!("<142>fe be/s1 {numbers} 1 [21/Nov/2026:23:36:31.172]");
        assert_eq!(parser(PLAIN).parse(line.as_bytes()), Err(reason), "{line}");
    }
    let bad_date = PLAIN_LINE.replace("21/Nov", "31/Nov");
    assert_eq!(
        parser(PLAIN).parse(bad_date.as_bytes()),
        Err(Reject::BadDate)
    );
}

#[test]
fn a_refusal_points_at_bytes_of_what_was_given() {
    let given = r"log-format %tr\ é\ %r\ %b/%s\ %Tw/%Tc/%Tr\ %ST";
    let errors = LogFormat::compile(given).expect_err("a refusal");
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].fault, Fault::Unsafe);
    assert_eq!(&given[errors[0].range.clone()], "%r");
    let long = "%b".repeat(3000);
    let errors = LogFormat::compile(&long).expect_err("a refusal");
    assert_eq!(errors[0].fault, Fault::Unsupported);
}
