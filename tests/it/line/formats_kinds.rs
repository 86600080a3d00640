//! Log formats by the kinds that public configurations have: how many of them are accepted, and that
//! the rest is refused for a reason.

use haproxy_autoscale::log::format::{Fault, LogFormat};

const STOCK: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
    %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";

/// `STOCK` stands for httplog.
const ACCEPTED: &[&str] = &[
    // httplog with something appended or exchanged.
    "STOCK",
    "STOCK %[var(txn.x)]",
    "STOCK %sslv/%sslc %[ssl_fc_sni]",
    "STOCK {%[capture.req.hdr(0)]} %ID",
    "%ci:%cp [%t] %ft %b/%s %Tq/%Tw/%Tc/%Tr/%Tt %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r",
    "%ci:%cp [%t] %ft %b/%s %Th/%Ti/%TR/%Tq/%Tw/%Tc/%Tr/%Tt %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %ID",
    "[%tr] %ci:%cp %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %{+Q}r %ST %B",
    "%[src,ipmask(24,64)]:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %r",
    "%[src,concat(,,\"salt\"),sha2(256),hex] [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B",
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %[ssl_fc_protocol] %[ssl_fc_cipher] %r",
    "%[dst]:%[dst_port] %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B",
    "\"${HAPROXY_HTTP_LOG_FMT} %[var(txn.x)]\"",
    "${HAPROXY_HTTPS_LOG_FMT}",
    "log-format \"${HAPROXY_HTTP_CLF_LOG_FMT} %ID\"",
    // CLF.
    "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl",
    "%ci - - [%T] \"%HM %HU %HV\" %ST %B \"%hr\" %b %s %Tw %Tc %Tr %Tt",
    // JSON.
    "'{\"ts\":\"%tr\",\"uri\":\"%HP\",\"m\":\"%HM\",\"be\":\"%b\",\"srv\":\"%s\",\"q\":%Tw,\"c\":%Tc,\"r\":%Tr,\"ta\":%Ta,\"st\":%ST}'",
    "'{\"request\":{\"method\":\"%HM\",\"uri\":\"%HP\",\"host\":\"%[capture.req.hdr(0),json(utf8s)]\"},\"name\":{\"backend\":\"%b\",\"server\":\"%s\"},\"time\":{\"tw\":%Tw,\"tc\":%Tc,\"tr\":%Tr},\"response\":{\"status_code\":%ST}}'",
    "\"{\\\"status\\\":%ST,\\\"backend\\\":\\\"%b\\\",\\\"server\\\":\\\"%s\\\",\\\"queue_time_ms\\\":%Tw,\\\"connect\\\":%Tc,\\\"response\\\":%Tr,\\\"total\\\":%Ta}\"",
    "'{\"timestamp\":\"%T\",\"client\":\"%ci\",\"backend\":\"%b\",\"server\":\"%s\",\"status\":%ST,\"req_time\":%TR,\"resp_time\":%Tr}'",
    "'{\"time\":\"%[date,ltime(\"%Y-%m-%dT%H:%M:%S\")]\",\"be\":\"%b\",\"srv\":\"%s\",\"st\":%ST,\"tw\":%Tw,\"tc\":%Tc,\"tr\":%Tr}'",
    "'{\"us\":%[date_us],\"ms\":%[date(0,ms)],\"up\":%[bytes_in],\"be\":\"%b\",\"srv\":\"%s\",\"st\":%ST,\"tr\":%Tr,\"ta\":%Ta}'",
    "%{+json}o %(ua)[capture.req.hdr(0)] %(ck)CC %(req)r %(be)b %(srv)s %(st)ST %(tw)Tw %(tc)Tc %(tr)Tr %(ta)Ta %(at)tr",
    "'{\"ua\":\"%{+E}[capture.req.hdr(0)]\",\"be\":\"%b\",\"srv\":\"%s\",\"st\":%ST,\"tr\":%Tr,\"ta\":%Ta}'",
    // key=value.
    "client=%ci time=%Ts method=\"%HM\" uri=\"%HU\" backend=%b server=%s tw=%Tw tc=%Tc tr=%Tr ta=%Ta status=%ST bytes=%B",
    "backend=\"%b\" server=\"%s\" status=%ST total=%Ta bytes=%B",
    // Others.
    "[%tr] %[str(\"lb one\")] %b %s %ST %Tr %Ta",
    "%T|%b|%s|%ST|%Tw|%Tc|%Tr|%Ta|%r",
    "%Ts.%ms\\t%ci\\t%b\\t%s\\t%Tr\\t%Ta\\t%ST\\t%HM\\t%HU",
    "%[request_date(us)] %[fc_rtt] %b %s %ST %Tr %Ta",
    "%[capture.req.hdr(0),base64] %[req.hdr_cnt(a)] %b %s %ST %Tr %Ta",
];

const REFUSED: &[(&str, Fault)] = &[
    // No server, or no backend: who was it?
    ("%ci [%tr] \"%r\" %ST %B %Ta", Fault::Incomplete),
    ("'{\"be\":\"%b\",\"st\":%ST,\"ta\":%Ta}'", Fault::Incomplete),
    // TCP.
    ("${HAPROXY_TCP_LOG_FMT} %ID", Fault::Incomplete),
    ("${HAPROXY_TCP_CLF_LOG_FMT}", Fault::Incomplete),
    // RFC 5424's structured data without times.
    ("[x@1 host=\"%ci\" be=\"%b\" srv=\"%s\"]", Fault::Incomplete),
    // What a client chooses, raw.
    (
        "%[var(txn.client_ip)]:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B",
        Fault::Unsafe,
    ),
    (
        "'{\"ck\":\"%CC\",\"be\":\"%b\",\"srv\":\"%s\",\"st\":%ST,\"tr\":%Tr}'",
        Fault::Unsafe,
    ),
    (
        "'{\"ua\":\"%[capture.req.hdr(0)]\",\"be\":\"%b\",\"srv\":\"%s\",\"st\":%ST,\"tr\":%Tr}'",
        Fault::Unsafe,
    ),
    ("%ID %ci [%tr] %b %s %Tr %ST", Fault::Unsafe),
    // Other variables, and names of 1.4.
    ("\"${SITE_LOG_FORMAT} %b %s %Tr %ST\"", Fault::Syntax),
    ("%Ci:%Cp [%t] %f %b/%s %Tr %ST", Fault::Syntax),
];

#[test]
fn formats_of_every_kind_are_accepted() {
    assert_eq!((ACCEPTED.len(), REFUSED.len()), (31, 11));
    for format in ACCEPTED {
        let format = format.replace("STOCK", STOCK);
        if let Err(errors) = LogFormat::compile(&format) {
            panic!("{format}: {errors:?}");
        }
    }
}

#[test]
fn what_is_refused_is_refused_for_what_is_wrong_with_it() {
    for (format, fault) in REFUSED {
        let errors = LogFormat::compile(format).expect_err(format);
        assert_eq!(errors[0].fault, *fault, "{format}: {errors:?}");
    }
}

#[test]
fn every_predefined_variable_stands_for_its_text() {
    let ways = [
        "VARIABLE",
        "\"VARIABLE\"",
        "log-format VARIABLE",
        "log-format \"VARIABLE\"",
        "log-format \"VARIABLE %ID\"",
        "\"VARIABLE %ID\"",
        "VARIABLE %ID",
        "log-format VARIABLE\\ %ID",
        "log-format VARIABLE %ID",
        "log-format \"%{+Q}o %{-Q}o %ms VARIABLE\" # ours",
    ];
    for (name, is_http) in [
        ("HAPROXY_HTTP_LOG_FMT", true),
        ("HAPROXY_HTTPS_LOG_FMT", true),
        ("HAPROXY_HTTP_CLF_LOG_FMT", true),
        ("HAPROXY_TCP_LOG_FMT", false),
        ("HAPROXY_TCP_CLF_LOG_FMT", false),
    ] {
        for written in [
            format!("${{{name}}}"),
            format!("${name}"),
            format!("${{{name}-%ci}}"),
        ] {
            for way in ways {
                let format = way.replace("VARIABLE", &written);
                match LogFormat::compile(&format) {
                    Ok(_) => assert!(is_http, "{format}"),
                    Err(errors) => {
                        assert!(!is_http, "{format}: {errors:?}");
                        assert!(errors[0].help.contains("mode http"), "{format}: {errors:?}");
                    }
                }
            }
        }
    }
    let errors =
        LogFormat::compile("log-format '${HAPROXY_HTTP_LOG_FMT} %ID'").expect_err("letters");
    assert!(errors[0].help.contains("double quotes"), "{errors:?}");
}

#[test]
fn a_refusal_shows_a_format_that_would_do() {
    let rows = [
        (
            "[%tr] %CC %HU %b/%s %Tr %ST",
            "log-format '[%tr] %b/%s %Tr %ST %CC %HU'",
        ),
        (
            "'{\"ua\":\"%[capture.req.hdr(0)]\",\"be\":\"%b\",\"srv\":\"%s\",\"st\":%ST,\"tr\":%Tr}'",
            "log-format '{\"ua\":\"%[capture.req.hdr(0),json(utf8s)]\",\"be\":\"%b\",\"srv\":\"%s\",\"st\":%ST,\"tr\":%Tr}'",
        ),
        (
            "%ID %ci [%tr] %b %s %Tr %ST",
            "log-format '%ci [%tr] %b %s %Tr %ST %ID'",
        ),
    ];
    for (format, wanted) in rows {
        let errors = LogFormat::compile(format).expect_err(format);
        let help = &errors.last().expect("one").help;
        assert!(help.contains(wanted), "{format}: {help}");
        let (_, shown) = help.split_once("log-format ").expect("a format");
        assert!(LogFormat::compile(shown).is_ok(), "{shown}");
    }
}
