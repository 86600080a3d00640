//! What a real HAProxy writes in the formats that we compile, and the lines recorded of them.
//!
//! Each line also carries the same request as stock httplog, which the other parser reads: both
//! have to say the same.

use std::fs;
use std::path::Path;
use std::time::Duration;

use haproxy_autoscale::config;
use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::{Parser, Record, Reject};
use haproxy_autoscale::words::request::Request;

use crate::support::load::{exchange, fetch};
use crate::support::{
    Backend, Behaviour, HaproxyConfig, RealHaproxy, TinyServer, Version, for_each_version_at_once,
    wait_for,
};

/// From an answer to its line in the log.
const LINE_LIMIT: Duration = Duration::from_secs(20);
/// What HAProxy logs without being asked about a request.
const MESSAGES: [&str; 2] = ["Server ", "backend "];
/// Stock httplog, behind a mark that no field can hold: `#` is written as `#23`.
const STOCK: &str = "# %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
    %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
/// Requests of [`logged`].
const REQUESTS: usize = 8;

/// The lines about requests of a HAProxy that logs as `lines` of its `defaults` say.
fn logged(version: &Version, lines: &[&str]) -> Vec<String> {
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(20));
    let backend = Backend::new("web.be:1-a").server("web1", web1.address(), "");
    let mut config = HaproxyConfig::new(backend)
        .frontend("capture request header User-Agent len 200")
        .frontend("capture cookie SESS len 200")
        .frontend("http-request deny if { path /denied }");
    for line in lines {
        config = config.defaults(*line);
    }
    let haproxy = RealHaproxy::start(version, config);
    let forged = "be/s2 0/0/0/99999/99999 500 1 [21/Nov/2026:23:00:00.000] \"";
    let request = |path: &str, more: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{more}\r\n");
        exchange(haproxy.frontend(), &request)
    };
    fetch(haproxy.frontend(), "/");
    fetch(haproxy.frontend(), "/denied");
    request("/x?a=\"b\\", "");
    request("/\"/200/5/'", &format!("User-Agent: {forged}\r\n"));
    request("/y", &format!("Cookie: SESS={forged}\r\n"));
    exchange(haproxy.frontend(), "this is not HTTP\r\n\r\n");
    haproxy.set_state("web.be:1-a/web1", "maint");
    fetch(haproxy.frontend(), "/nobody");
    haproxy.set_state("web.be:1-a/web1", "ready");
    fetch(haproxy.frontend(), "/after");
    let lines = || {
        let text = fs::read(haproxy.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let is_message = |line: &str| MESSAGES.iter().any(|start| line.starts_with(start));
        let lines: Vec<_> = text.lines().filter(|line| !is_message(line)).collect();
        lines.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    wait_for("a line for each request", LINE_LIMIT, || {
        lines().len() >= REQUESTS
    });
    lines()
}

fn parser(format: &str) -> Parser {
    let format = LogFormat::compile(format).unwrap_or_else(|errors| panic!("{format}: {errors:?}"));
    Parser::new(&format, "haproxy")
}

/// Every line, read by both parsers.
fn each_line(
    version: &Version,
    option: &str,
    format: &str,
    check: impl Fn(&Record<'_>, &Record<'_>),
) {
    let (parser, stock) = (parser(format), Parser::httplog("haproxy"));
    let lines = logged(version, &[option]);
    for line in &lines {
        let (own, rest) = line.split_once("# ").expect("the mark");
        let expected = stock.parse(rest.as_bytes());
        let record = parser.parse(line.as_bytes());
        match (&record, &expected) {
            (Ok(record), Ok(expected)) => check(record, expected),
            _ => panic!("{option}\n{own}\n{rest}\n{record:?}\n{expected:?}"),
        }
    }
    assert_eq!(lines.len(), REQUESTS);
}

#[test]
fn custom_formats_say_what_httplog_says() {
    let formats = [
        "%ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B [%tr] %r",
        "as:7f3c9d [%tr] %ft %b %s %TR %Tw %Tc %Tr %Ta %ST %B",
        "%{+Q}o %ci %H %ft %b %s%TR,%Tw,%Tc,%Tr,%Ta,%ST,%B,%tr %bi %si %sslv %[srv_name] %r",
        "%{+X}ci:%{+X}cp;%ci:%cp %fi:%fp|%bi:%bp|%si:%sp %pid %rt %lc %U %Th %Ti %Td %Tu %sslv %sslc \
            %[src] %[rand] %[uuid] %[fe_name] %[srv_name] %[date] %ac %fc %bc %H %% %f %b %s %TR %Tw %Tc \
            %Tr %Ta %ST %B %tr",
        "   %Tw  %Tc %{+E}o  %Tr %Ta %TR %ST %B %s   %b %f [%tr]  ",
    ];
    for_each_version_at_once(|version| {
        for format in formats {
            let option = format!(
                "log-format \"{} %{{-Q}}o {}\"",
                format.trim_end(),
                STOCK.replace("%{+Q}r", "%r")
            );
            each_line(version, &option, &option, |record, expected| {
                let mut expected = *expected;
                expected.request.tail = None;
                assert_eq!(*record, expected, "{format}");
            });
        }
    });
}

#[test]
fn json_like_formats_and_clf_strings_say_what_httplog_says() {
    let json = format!(
        "log-format '{{\"be\":\"%b\",\"srv\":\"%s\",\"fe\":\"%ft\",\"tr\":%TR,\"tw\":%Tw,\"tc\":%Tc,\"resp\":%Tr,\
         \"ta\":%Ta,\"st\":%ST,\"by\":%B,\"at\":\"%tr\",\"uri\":\"%HU\"}} {STOCK}'"
    );
    let escaped = "log-format {\\\"be\\\":\\\"%b\\\"}\\ %s\\ %Tw\\ %Tc\\ %Tr\\ %ST\\ %Ts%ms\\ "
        .to_owned()
        + &STOCK.replace(' ', "\\ ").replace('#', "\\#");
    // What `option httplog clf` writes, and the rest behind it.
    let clf = "log-format '%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr \
        %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl %{-Q}o "
        .to_owned()
        + STOCK
        + "'";
    // A client's text left of everything, in quotes that HAProxy escapes.
    let quoted = format!(
        "log-format '{{\"req\":\"%HM %HU %HV\",\"hr\":\"%hr\",\"ua\":\"%[capture.req.hdr(0),json(utf8s)]\",\
         \"raw\":\"%{{+E}}[capture.req.hdr(0)]\",\"ck\":\"%{{+E}}CC\",\"all\":%{{+Q}}r,\"be\":\"%b\",\"srv\":\"%s\",\
         \"fe\":\"%ft\",\"tr\":%TR,\"tw\":%Tw,\"tc\":%Tc,\"resp\":%Tr,\"ta\":%Ta,\"st\":%ST,\"by\":%B,\
         \"at\":\"%tr\"}} {STOCK}'"
    );
    for_each_version_at_once(|version| {
        each_line(version, &quoted, &quoted, |record, expected| {
            let mut expected = *expected;
            expected.request.tail = None;
            assert_eq!(*record, expected);
        });
        each_line(version, &json, &json, |record, expected| {
            let mut expected = *expected;
            expected.request.tail = None;
            assert_eq!(*record, expected);
        });
        each_line(version, &escaped, &escaped, |record, expected| {
            assert_eq!(record.request.backend, expected.request.backend);
            assert_eq!(record.request.response_ms, expected.request.response_ms);
            assert_eq!(record.request.status, expected.request.status);
            // `%Ts` is of the connection, and UTC as HAProxy's local time need not be.
            assert!(record.accepted_ms > Some(1_700_000_000_000), "{record:?}");
        });
        each_line(version, &clf, "clf", |record, expected| {
            let (mut own, mut other) = (record.request, expected.request);
            // In CLF the tail stands left of the cookies.
            assert!(own.tail.is_some());
            (own.tail, other.tail) = (None, None);
            assert_eq!(own, other);
            assert_eq!(record.frontend, expected.frontend);
            assert_eq!(record.bytes, expected.bytes);
        });
    });
}

#[test]
fn haproxys_own_options_are_read_as_they_are_written() {
    for_each_version_at_once(|version| {
        for (option, format) in [
            ("option httplog clf", "clf"),
            ("option httpslog", "httpslog"),
            ("option httplog", "httplog"),
        ] {
            let parser = parser(format);
            let lines = logged(version, &[option]);
            let requests = lines
                .iter()
                .map(|line| match parser.parse(line.as_bytes()) {
                    Ok(record) => record.request,
                    Err(reason) => panic!("{option}: {line}: {reason}"),
                });
            let statuses: Vec<_> = requests
                .clone()
                .filter_map(|request| request.status)
                .collect();
            for status in [200, 400, 403, 503] {
                assert!(statuses.contains(&status), "{status}: {lines:?}");
            }
            assert!(requests.clone().all(|request| request.server != "s2"));
            // A busy HAProxy notices late that it is connected: the answer came sooner after that.
            let waited = |request: &Request<'_>| {
                request.response_ms.is_some() && request.total_ms >= Some(20)
            };
            assert_eq!(
                requests.clone().filter(waited).count(),
                REQUESTS - 3,
                "{lines:?}"
            );
        }
    });
}

#[test]
fn one_json_object_a_line_is_read_from_3_0_on() {
    let format = "log-format '%{+json}o %(at)tr %(fe)ft %(backend)b %(server_name)s %(unsaid)[rand] \
        %(tr)TR %(tw)Tw %(tc:str)Tc %(resp)Tr %(ta)Ta %(st)ST %(by)B %(tsc)tsc %(sc)sc %(rc)rc %(sq)sq \
        %(bq)bq %(client)ci %(port)sp %(tls)sslv %(req)r %(ua)[capture.req.hdr(0)]'";
    for_each_version_at_once(|version| {
        if version.name.starts_with("2.") {
            return;
        }
        let parser = parser(format);
        let lines = logged(version, &[format]);
        for line in &lines {
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let record = parser.parse(line.as_bytes());
            let record = record.unwrap_or_else(|reason| panic!("{line}: {reason}"));
            assert_eq!(object["backend"], record.request.backend);
            assert_eq!(object["server_name"], record.request.server);
            assert_eq!(object["at"].as_str(), record.accepted);
            let ms = |ms: Option<u32>| ms.map_or(-1, i64::from);
            assert_eq!(object["resp"], ms(record.request.response_ms));
            assert_eq!(object["tc"], ms(record.request.connect_ms).to_string());
            assert_eq!(object["st"], record.request.status.map_or(-1, i64::from));
            let tail = record.request.tail.expect("a tail");
            assert_eq!(
                object["tsc"].as_str().map(str::as_bytes),
                Some(&tail.termination[..])
            );
        }
        assert_eq!(lines.len(), REQUESTS);
    });
}

#[test]
fn every_line_recorded_of_a_format_is_a_record() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats");
    let mut read = 0;
    for name in ["httpslog", "clf", "custom", "json-like", "secret"] {
        let file = folder.join(format!("{name}.toml"));
        let loaded = config::load(&file).unwrap_or_else(|errors| panic!("{errors}"));
        let parser = Parser::new(&loaded.config.log.format, &loaded.config.log.tag);
        let text = fs::read_to_string(folder.join(format!("{name}.log"))).expect("a fixture");
        let mut shown = Vec::new();
        for line in text.lines() {
            match parser.parse(line.as_bytes()) {
                Ok(record) => {
                    let request = record.request;
                    shown.push(format!(
                        "{}/{} {:?} {:?}",
                        request.backend,
                        request.server,
                        request.status.unwrap_or(0),
                        request.connect_ms.is_some()
                    ));
                }
                Err(reason) => assert_eq!(reason, Reject::HaproxyMessage, "{name}: {line}"),
            }
        }
        // Two lines of the same millisecond may change places.
        shown.sort();
        let mut expected = [
            "web/web1 200 true",
            "web/web1 200 true",
            "web/web1 200 true",
            "web/web1 200 true",
            "fe/<NOSRV> 403 false",
            "fe/<NOSRV> 500 false",
            "fe/<NOSRV> 400 false",
            "web/web2 503 false",
            "web/<NOSRV> 503 false",
            "web/web1 200 true",
        ];
        expected.sort_unstable();
        assert_eq!(shown, expected, "{name}");
        read += shown.len();
    }
    assert_eq!(read, 50);
}
