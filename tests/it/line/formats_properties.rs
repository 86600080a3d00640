//! Properties of compiled formats: a record survives being written and read, what follows the last
//! needed field never matters, and any text gives a format or a refusal.

use std::fmt::Write as _;

use haproxy_autoscale::log::format::{FORMAT_BYTES_MAX, LogFormat};
use haproxy_autoscale::log::line::{Parser, Reject};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One field of a format, and what a line has there.
#[derive(Clone, Debug)]
struct Field {
    item: &'static str,
    written: String,
    quotes: bool,
}

#[derive(Clone, Debug)]
struct Logged {
    backend: String,
    server: String,
    /// TR, Tw, Tc, Tr, Ta.
    timers: [Option<u32>; 5],
    status: Option<u16>,
    bytes: u64,
    second: u64,
    milli: u64,
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_.:-]{1,8}"
}

fn logged() -> impl Strategy<Value = Logged> {
    let server = prop_oneof![4 => name(), 1 => Just("<NOSRV>".to_owned())];
    let timer = prop_oneof![1 => Just(None), 4 => (0..=86_400_000_u32).prop_map(Some)];
    let status = prop_oneof![1 => Just(None), 4 => (100..=999_u16).prop_map(Some)];
    let timers = [
        timer.clone(),
        timer.clone(),
        timer.clone(),
        timer.clone(),
        timer,
    ];
    (
        name(),
        server,
        timers,
        status,
        0..1_u64 << 60,
        0..60_u64,
        0..1000_u64,
    )
        .prop_map(
            |(backend, server, timers, status, bytes, second, milli)| Logged {
                backend,
                server,
                timers,
                status,
                bytes,
                second,
                milli,
            },
        )
}

fn field(item: &'static str, written: impl Into<String>, quotes: bool) -> Field {
    Field {
        item,
        written: written.into(),
        quotes,
    }
}

/// The fields of a request, and some that are passed over.
fn fields(logged: &Logged) -> Vec<Field> {
    let timer = |ms: Option<u32>| ms.map_or("-1".to_owned(), |ms| ms.to_string());
    let [tr, tw, tc, resp, ta] = logged.timers.map(timer);
    let date = format!("21/Nov/2026:23:36:{:02}.{:03}", logged.second, logged.milli);
    let status = logged
        .status
        .map_or("-1".to_owned(), |status| status.to_string());
    vec![
        field("%b", &logged.backend, true),
        field("%s", &logged.server, true),
        field("%TR", tr, false),
        field("%Tw", tw, false),
        field("%Tc", tc, false),
        field("%Tr", resp, false),
        field("%Ta", ta, false),
        field("%ST", status, false),
        field("%B", logged.bytes.to_string(), false),
        field("%tr", date, false),
        field("%H", "lb1", true),
        field("%ci:%cp", "2001:db8::1:5", false),
        field("%lc", "17", false),
        field("%T", "21/Nov/2026:23:36:31 +0000", false),
        field("%[uuid]", "253d042c-75b9", true),
    ]
}

/// A format with these fields in any order, and the line that HAProxy would write in it.
#[derive(Clone, Debug)]
struct Written {
    logged: Logged,
    format: String,
    line: String,
}

fn written() -> impl Strategy<Value = Written> {
    let order = Just((0..15).collect::<Vec<usize>>()).prop_shuffle();
    let between = prop::collection::vec(
        select(vec![
            " ", "|", ", ", "\",\"", " %% ", "=(", ";é;", "\\\\", "{}",
        ]),
        16,
    );
    (logged(), order, between, any::<bool>()).prop_map(|(logged, order, between, quotes)| {
        let fields = fields(&logged);
        // An address alone of all texts is in no quotes here.
        let mut format = String::from(if quotes { "%{+Q}o" } else { "" });
        let mut line = String::new();
        for (place, between) in order.iter().zip(&between) {
            let field = &fields[*place];
            let item = if quotes && field.item == "%ci:%cp" {
                "%{-Q}ci:%cp"
            } else {
                field.item
            };
            let quote = if quotes && field.quotes { "\"" } else { "" };
            let literal = between.replace("%%", "%").replace("\\\\", "\\");
            write!(format, "{item}{between}").expect("a string");
            write!(line, "{quote}{}{quote}{literal}", field.written).expect("a string");
        }
        Written {
            logged,
            format,
            line,
        }
    })
}

/// What a captured cookie may hold: HAProxy writes it as it came.
const CLF_FORGERY: &[u8] =
    b"\"S=\" 500 9 \"\" \"\" 5 006 \"fe\" \"be\" \"s2\" 0 0 0 99999 99999 ---- \
    1 1 1 1 0 0 0 ";

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_record_survives_every_format(written in written(), head in select(vec!["", "<142>", "Nov 21 23:36:31 h haproxy[1]: "])) {
        let format = LogFormat::compile(&written.format)
            .map_err(|errors| TestCaseError::fail(format!("{}: {errors:?}", written.format)))?;
        let line = format!("{head}{}", written.line);
        let parser = Parser::new(&format, "haproxy");
        let record = parser.parse(line.as_bytes());
        let record = record.map_err(|reason| TestCaseError::fail(format!("{written:?}: {reason}")))?;
        let request = record.request;
        let logged = &written.logged;
        prop_assert_eq!(request.backend, &logged.backend);
        prop_assert_eq!(request.server, &logged.server);
        let timers = [request.request_ms, request.queue_ms, request.connect_ms, request.response_ms, request.total_ms];
        prop_assert_eq!(timers, logged.timers);
        prop_assert_eq!(request.status, logged.status);
        prop_assert_eq!(record.bytes, Some(logged.bytes));
        prop_assert_eq!(record.accepted_ms.map(|ms| ms % 60_000), Some(logged.second * 1000 + logged.milli));
    }

    #[test]
    fn nothing_behind_the_last_field_changes_a_record(
        written in written(),
        client in select(vec!["%r", "%hr %hs", "%[req.hdr(x),lower] %CC", "%HU"]),
        tails in [any::<Vec<u8>>(), any::<Vec<u8>>()],
    ) {
        let format = format!("{} %{{-Q}}o {client} %tsc %f %rc", written.format);
        let format = LogFormat::compile(&format)
            .map_err(|errors| TestCaseError::fail(format!("{format}: {errors:?}")))?;
        let parser = Parser::new(&format, "haproxy");
        let lines = tails.map(|tail| [written.line.as_bytes(), b" ", &tail, b" ---- be/s2 0/0/0/99999/99999 500"].concat());
        let [one, two] = lines.each_ref().map(|line| parser.parse(line));
        prop_assert!(one.is_ok(), "{:?} {:?}", one, written);
        prop_assert_eq!(one, two);
    }

    #[test]
    fn what_a_client_writes_into_a_clf_request_changes_nothing_else(
        uri in prop_oneof![
            "[ !#-~]{0,60}",
            Just("/\\ 500 9  5 006 fe be s2 0 0 0 99999 99999 ---- 1 1 1 1 0 0 0 ".to_owned()),
        ],
        behind in prop_oneof![
            any::<Vec<u8>>(),
            Just(CLF_FORGERY.to_vec()),
        ],
    ) {
        let format = LogFormat::compile("clf").expect("built in");
        let parser = Parser::new(&format, "haproxy");
        let line = |uri: &str, behind: &[u8]| {
            let start = format!(
                "1.2.3.4 - - [21/Nov/2026:23:36:31 +0000] \"GET {uri}\" 200 9 \"\" \"\" 5 006 \"fe\" \"be\" \"s1\" 1 2 3 4 5 ---- 1 1 1 1 0 0 0 "
            );
            [start.as_bytes(), behind].concat()
        };
        let (plain, forged) = (line("/", b"\"\" \"\" "), line(&uri, &behind));
        prop_assert_eq!(parser.parse(&forged), parser.parse(&plain));
        prop_assert!(parser.parse(&plain).is_ok());
    }

    #[test]
    fn damage_is_a_record_or_a_reason_and_never_a_panic(
        written in written(),
        at in any::<Index>(),
        byte in any::<u8>(),
        cut in any::<Index>(),
    ) {
        let format = LogFormat::compile(&written.format).expect("a format");
        let parser = Parser::new(&format, "haproxy");
        let mut line = written.line.into_bytes();
        let at = at.index(line.len());
        line[at] = byte;
        let _ = parser.parse(&line);
        line.truncate(cut.index(line.len()));
        if let Err(reason) = parser.parse(&line) {
            prop_assert!(Reject::ALL.contains(&reason));
        }
    }

    #[test]
    fn a_client_field_anywhere_left_of_a_needed_one_is_refused(
        at in 0..6_usize,
        client in select(vec!["%r", "%HM", "%HU", "%HP", "%HQ", "%HV", "%HPO", "%CC", "%CS", "%hr", "%hs", "%hrl", "%hsl", "%ID", "%[path]", "%[var(txn.x)]", "%[src,lower]", "%{+E}[req.hdr(a)]"]),
    ) {
        let mut items = vec!["%b", "%s", "%Tw", "%Tc", "%Tr", "%ST"];
        items.insert(at, client);
        let errors = LogFormat::compile(&items.join(" ")).expect_err("a refusal");
        let faults: Vec<_> = errors.iter().map(|error| error.fault).collect();
        prop_assert_eq!(faults, [haproxy_autoscale::log::format::Fault::Unsafe]);
        items.remove(at);
        items.push(client);
        prop_assert!(LogFormat::compile(&items.join(" ")).is_ok());
    }

    #[test]
    fn any_text_gives_a_format_or_a_refusal_with_a_place_in_it(given in any::<String>()) {
        check_total(&given)?;
    }

    #[test]
    fn anything_like_a_format_gives_a_format_or_a_refusal(
        pieces in prop::collection::vec(
            select(vec![
                "%", "{", "}", "[", "]", "(", ")", "+Q", "-Q", "+X", ",", "o", "b", "s", "%b", "%s", "%Tw",
                "%Tc", "%Tr", "%ST", "%tr", "%Ts", "%ms", "%trg", "%{+Q}o", "%{+json}o", "%(a)", "\"",
                "'", "\\", " ", "log-format ", "$", "x41", "%[", "é", "\t", "%ci", ":", "%cp", "#", "-",
            ]),
            0..24,
        ),
    ) {
        check_total(&pieces.concat())?;
    }
}

fn check_total(given: &str) -> Result<(), TestCaseError> {
    match LogFormat::compile(given) {
        Ok(format) => {
            let parser = Parser::new(&format, "haproxy");
            let _ = parser.parse(given.as_bytes());
        }
        Err(errors) => {
            prop_assert!(!errors.is_empty(), "refused and no reason");
            for error in errors {
                prop_assert!(given.get(error.range.clone()).is_some(), "{error:?}");
                prop_assert!(!error.label.is_empty() && !error.help.is_empty());
                prop_assert!(!error.title.contains(char::is_control), "{error:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_message_about_a_format_is_one_line_whatever_it_quotes() {
    check_total("%{\t}").unwrap();
    check_total("%b\n%{\u{7}}x").unwrap();
}

#[test]
fn the_longest_format_compiles_in_bounded_size() {
    let needed = "%b %s %Tw %Tc %Tr %ST %tr";
    for filler in ["%b ", "%ci:%cp ", "%T ", "<>", "é"] {
        let times = (FORMAT_BYTES_MAX - needed.len()) / filler.len();
        let given = filler.repeat(times) + needed;
        match LogFormat::compile(&given) {
            Ok(format) => {
                let parsed = Parser::new(&format, "haproxy").parse(given.as_bytes());
                assert!(parsed.is_err());
            }
            Err(errors) => panic!("{filler}: {errors:?}"),
        }
    }
}
