//! What a client writes into a quoted field left of others: it changes no other field, whatever it is.

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::Parser;
use proptest::prelude::*;
use proptest::sample::select;

const FORMAT: &str = r#"'{"ts":"%tr","req":{"m":"%HM","uri":"%HP","host":"%[capture.req.hdr(0),json(utf8s)]","all":"%HM %HU %HV","ck":"%{+E}CC"},"be":"%b","srv":"%s","q":%Tw,"c":%Tc,"r":%Tr,"total":%Ta,"TR":%TR,"status":%ST,"bytes":%B}'"#;
/// What a forger would like to be read.
const FORGED: &str = r#"x"},"be":"be","srv":"s2","q":0,"c":0,"r":99999,"total":99999,"TR":0,"status":500,"bytes":1}"#;

/// As HAProxy writes the request and captured headers: `#22` for a quote.
fn encoded(text: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for &byte in text {
        if matches!(byte, b'"' | b'#') || !(32..127).contains(&byte) {
            written.extend(format!("#{byte:02X}").bytes());
        } else {
            written.push(byte);
        }
    }
    written
}

/// As `json()` and `+E` do it: a backslash before quotes and backslashes. Other bytes may be anything.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            written.push(b'\\');
        }
        if byte != b'\n' {
            written.push(byte);
        }
    }
    written
}

fn line(method: &[u8], path: &[u8], host: &[u8], cookie: &[u8]) -> Vec<u8> {
    let (method, path) = (encoded(method), encoded(path));
    [
        br#"{"ts":"21/Nov/2026:23:36:31.172","req":{"m":""#,
        &method[..],
        br#"","uri":""#,
        &path,
        br#"","host":""#,
        &escaped(host),
        br#"","all":""#,
        &method,
        b" ",
        &path,
        br#" HTTP/1.1","ck":""#,
        &escaped(cookie),
        br#""},"be":"be","srv":"s1","q":2,"c":3,"r":40,"total":55,"TR":10,"status":200,"bytes":2750}"#,
    ]
    .concat()
}

fn parser() -> Parser {
    let format = LogFormat::compile(FORMAT).unwrap_or_else(|errors| panic!("{errors:?}"));
    Parser::new(&format, "haproxy")
}

fn chosen() -> impl Strategy<Value = Vec<u8>> {
    let pieces = select(vec![
        "\"",
        "\\",
        "\\\"",
        "#22",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "/",
        "\t",
        "-",
        "|",
        "be",
        "\"be\":\"be\"",
        "\",\"srv\":\"s2\"",
        "\"},",
        "21/Nov/2026:23:36:31.172",
        "\u{e9}",
        "\0",
        "\\\\",
        "\"}}",
    ]);
    prop_oneof![
        2 => prop::collection::vec(pieces, 0..24).prop_map(|it| it.concat().into_bytes()),
        1 => any::<Vec<u8>>(),
        1 => Just(FORGED.as_bytes().to_vec()),
        1 => Just([FORGED.as_bytes(), b"\\"].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2500, ..ProptestConfig::default() })]

    #[test]
    fn what_clients_write_into_quoted_fields_changes_no_other(
        method in chosen(), path in chosen(), host in chosen(), cookie in chosen(),
    ) {
        let parser = parser();
        let honest = line(b"GET", b"/", b"h", b"S=1");
        let expected = parser.parse(&honest).ok();
        prop_assert!(expected.is_some());
        let forged = line(&method, &path, &host, &cookie);
        prop_assert_eq!(parser.parse(&forged).ok(), expected);
    }

    #[test]
    fn a_cut_or_damaged_line_is_read_as_it_was_or_not_at_all(
        path in chosen(), host in chosen(), cookie in chosen(), cut in any::<prop::sample::Index>(),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let parser = parser();
        let honest = line(b"GET", b"/", b"h", b"S=1");
        let expected = parser.parse(&honest).ok();
        let mut forged = line(b"GET", &path, &host, &cookie);
        let end = forged.len();
        let cut_at = cut.index(forged.len() + 1);
        let cut_line = &forged[..cut_at];
        match parser.parse(cut_line).ok() {
            None => prop_assert!(cut_at < end),
            record => {
                prop_assert_eq!(cut_at, end);
                prop_assert_eq!(record, expected);
            }
        }
        if let Some((at, byte)) = damage {
            let at = at.index(forged.len());
            forged[at] = byte;
            let _ = parser.parse(&forged); // Never a panic.
        }
    }
}

#[test]
fn a_quote_that_haproxy_does_not_escape_is_refused_left_of_a_field() {
    let refused = [
        r#"{"ck":"%CC","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        r#"{"ua":"%[capture.req.hdr(0)]","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        r#"{"ua":"%[capture.req.hdr(0),json,url_dec]","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        r#"{"id":"%ID","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        // What is escaped in two ways ends nowhere for sure.
        r#"{"x":"%HU %[capture.req.hdr(0),json]","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        // A backslash of the format's own hides the quote behind it.
        r#"{"x":"%[capture.req.hdr(0),json]\\","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        // A needed field in the same quotes.
        r#"{"x":"%HU %b","srv":"%s","r":%Tr,"st":%ST}"#,
        "%HU %b %s %Tr %ST",
        "%HU|%b %s %Tr %ST \"%r\"",
        "%{+Q}hr %b %s %Tr %ST",
        "%{+Q}CC %b %s %Tr %ST",
        "%[sha1] %b %s %Tr %ST",
        "%[src,sha2(256)] %b %s %Tr %ST",
        "%[var(txn.ip)] %b %s %Tr %ST",
    ];
    for format in refused {
        assert!(LogFormat::compile(format).is_err(), "{format}");
    }
    let taken = [
        r#"{"ck":"%{+E}CC","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        r#"{"x":"%{+E}HU %[capture.req.hdr(0),json]","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        r#"{"hr":"%hr","hs":"%hs","be":"%b","srv":"%s","r":%Tr,"st":%ST}"#,
        "%{+Q}r %b %s %Tr %ST",
        "%{+Q}o %HM %HU %b %s %Tr %ST",
    ];
    for format in taken {
        assert!(LogFormat::compile(format).is_ok(), "{format}");
    }
}
