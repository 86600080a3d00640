//! The fast way through plain lines, against the engine of `regex`: formats that say the same as
//! httplog and are not taken for it are read by a pattern alone.

use std::net::IpAddr;
use std::sync::LazyLock;

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::{Parser, Record};
use proptest::prelude::*;

/// httplog up to its bytes.
static FRONT: LazyLock<LogFormat> = LazyLock::new(|| compiled(""));
/// … and behind them what follows two cookies that were not captured.
static WHOLE: LazyLock<LogFormat> =
    LazyLock::new(|| compiled(" - - %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq"));

fn compiled(rest: &str) -> LogFormat {
    let front = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B";
    LogFormat::compile(&[front, rest].concat()).unwrap()
}

/// Mostly what HAProxy writes, now and then something else.
fn mostly(right: &'static str, wrong: &'static str) -> BoxedStrategy<String> {
    prop_oneof![14 => right, 1 => wrong].boxed()
}

/// Lines that are nearly right: pieces of true ones, put together with damage.
fn nearly() -> impl Strategy<Value = String> {
    let name = || mostly("[A-Za-z0-9_.:-]{1,5}|<NOSRV>", "<?[A-Za-z0-9_.:-]{0,5}>?~?");
    let number = || mostly("-1|[0-9]{1,6}", "-?\\+?[0-9]{0,6}");
    (
        mostly(
            "127\\.0\\.0\\.1:[0-9]{1,5}|::1:9|unix:3",
            "[ 0-9.:a-f-]{0,12}",
        ),
        mostly(
            " \\[21/Nov/2026:23:36:31\\.172\\] ",
            "[ \\[]{0,3}[0-9/A-Za-z:.]{20,26}[\\] ]{0,3}",
        ),
        [name(), name(), name()],
        proptest::collection::vec(number(), 7),
    )
        .prop_map(|(client, date, [frontend, backend, server], n)| {
            format!(
                "{client}{date}{frontend} {backend}/{server} {}/{}/{}/{}/{} {} {} - - ",
                n[0], n[1], n[2], n[3], n[4], n[5], n[6],
            )
        })
}

/// The same for what stands behind the bytes field.
fn nearly_tail() -> impl Strategy<Value = String> {
    let number = || mostly("[0-9]{1,4}", "\\+?[0-9]{0,4}");
    (
        mostly(" - - ", "[ a=-]{3,7}"),
        mostly("[A-Za-z-]{4}", "[A-Za-z-]{2,6}"),
        proptest::collection::vec(number(), 7),
    )
        .prop_map(|(cookies, flags, n)| {
            format!(
                "{cookies}{flags} {}/{}/{}/{}/{} {}/{} \"GET / HTTP/1.1\"",
                n[0], n[1], n[2], n[3], n[4], n[5], n[6],
            )
        })
}

thread_local! {
    static PARSERS: Parsers = Parsers::new();
}

fn check(line: &[u8]) -> Result<bool, TestCaseError> {
    PARSERS.with(|parsers| parsers.check(line))
}

/// Each line is read behind the one before it.
struct Parsers {
    httplog: Parser,
    front: Parser,
    whole: Parser,
}

impl Parsers {
    fn new() -> Self {
        Self {
            httplog: Parser::httplog("haproxy"),
            front: Parser::new(&FRONT, "haproxy"),
            whole: Parser::new(&WHOLE, "haproxy"),
        }
    }

    /// Whether it is a request, of which both ways say the same.
    fn check(&self, line: &[u8]) -> Result<bool, TestCaseError> {
        let Ok(found) = self.httplog.parse(line) else {
            return Ok(false);
        };
        // A client that is not known has no port, which the formats cannot say.
        if line.trim_ascii_start().starts_with(b"- ") {
            return Ok(true);
        }
        prop_assert_eq!(
            self.httplog.parse(line),
            Ok(found),
            "the second of the line before"
        );
        prop_assert!(begins_with_client(line));
        let took_ms = u64::from(found.request.total_ms.unwrap_or(0));
        prop_assert_eq!(found.ended_ms, found.accepted_ms.map(|ms| ms + took_ms));
        // Without a total a format takes the sum of the other times for the moment.
        let by_pattern = |parser: &Parser| {
            let mut record = parser.parse(line).map_err(|reason| reason.to_string())?;
            record.ended_ms = found.ended_ms;
            Ok::<_, String>(record)
        };
        let mut front = found;
        front.request.tail = None;
        prop_assert_eq!(Ok(front), by_pattern(&self.front));
        if found.request.tail.is_some() {
            prop_assert_eq!(Ok(found), by_pattern(&self.whole));
        }
        Ok(true)
    }
}

/// The pattern of a format is less strict about addresses.
fn begins_with_client(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let (client, _) = text.split_once(' ').unwrap_or_default();
    let (address, port) = client.rsplit_once(':').unwrap_or_default();
    let is_address = ["unix", "-"].contains(&address) || address.parse::<IpAddr>().is_ok();
    is_address && (port == "-" || port.parse::<u64>().is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn what_the_scan_finds_the_pattern_finds_too(line in nearly(), rest in nearly_tail()) {
        let whole = [line.trim_end_matches(" - - "), &rest].concat();
        check(line.as_bytes())?;
        check(whole.as_bytes())?;
    }

    #[test]
    fn damage_at_one_byte_never_sets_them_apart(
        at in 0..120_usize,
        byte in any::<u8>(),
        cut in 60..140_usize,
    ) {
        let mut text = b"::ffff:1.2.3.4:5 [21/Nov/2026:23:36:31.172] fe~ be/<NOSRV> \
            0/12/-1/-1/+512 503 +217 - - sQ-- 7/7/2/0/+0 0/1 \"GET /\"".to_vec();
        if let Some(damaged) = text.get_mut(at) {
            *damaged = byte;
        }
        text.truncate(cut);
        check(&text)?;
    }
}

#[test]
fn plain_lines_are_read_both_ways() {
    let text = b"127.0.0.1:39518 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 87 - - \
        ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"";
    assert!(check(text).expect("no difference"));
    let whole = Parsers::new().whole;
    let tail = |record: Record<'_>| record.request.tail;
    assert!(whole.parse(text).is_ok_and(|record| tail(record).is_some()));
}
