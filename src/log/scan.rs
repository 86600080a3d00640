//! The fast way through a plain httplog line: the record that the patterns of `line` lead to, read
//! in one pass without an engine. It gives up at the first byte that is out of the ordinary, and the
//! pattern decides then; what it does find, the pattern finds too (a property of the tests).
#![expect(
    clippy::option_option,
    reason = "the outer one: is it there; the inner one: HAProxy had no value"
)]

use super::date::parse_local_ms;
use super::line::{Record, TIMER_MAX_MS};
use super::reject::is_client;
use crate::scaler::event::{Request, Tail};

/// More digits than this are left to the pattern; fewer cannot overflow.
const DIGITS_MAX: usize = 18;
/// Bytes of `21/Nov/2026:23:36:31.172`.
const DATE_BYTES: usize = 24;

/// Bytes of HAProxy's names.
const IS_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
        byte += 1;
    }
    table
};

/// The record of a plain line up to the bytes field, and what stands behind that.
pub(super) fn httplog(text: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.client()?;
    cursor.skip(b" [")?;
    let date = cursor.take(DATE_BYTES)?;
    cursor.skip(b"] ")?;
    let frontend = cursor.name()?;
    cursor.skip_if(b'~');
    cursor.skip(b" ")?;
    let backend = cursor.name()?;
    cursor.skip(b"/")?;
    let server = cursor.name()?;
    cursor.skip(b" ")?;
    let request_ms = cursor.timer()?;
    cursor.skip(b"/")?;
    let queue_ms = cursor.timer()?;
    cursor.skip(b"/")?;
    let connect_ms = cursor.timer()?;
    cursor.skip(b"/")?;
    let response_ms = cursor.timer()?;
    cursor.skip(b"/")?;
    let total_ms = match cursor.skip(b"+") {
        Some(()) => Some(cursor.timer_value()?),
        None => cursor.timer()?,
    };
    cursor.skip(b" ")?;
    let status = cursor.status()?;
    cursor.skip(b" ")?;
    cursor.skip_if(b'+');
    let bytes = cursor.number()?;
    let rest = cursor.rest();
    if !matches!(rest, [] | [b' ', ..]) {
        return None;
    }
    let accepted_ms = parse_local_ms(cursor.bytes(date))?;
    // One look at all the bytes is quicker than one at each name.
    let read = std::str::from_utf8(text.get(..cursor.at)?).ok()?;
    let record = Record {
        frontend: read.get(frontend.0..frontend.1)?,
        accepted: read.get(date.0..date.1)?,
        accepted_ms,
        bytes,
        request: Request {
            backend: read.get(backend.0..backend.1)?,
            server: read.get(server.0..server.1)?,
            request_ms,
            queue_ms,
            connect_ms,
            response_ms,
            total_ms,
            status,
            tail: None,
        },
    };
    Some((record, rest))
}

/// What stands behind the bytes field, if both cookies are `-`.
pub(super) fn tail(text: &[u8]) -> Option<Tail> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip(b" - - ")?;
    let flags = cursor.run(|byte| byte.is_ascii_alphabetic() || byte == b'-')?;
    let termination = cursor.bytes(flags).try_into().ok()?;
    cursor.skip(b" ")?;
    for _ in 0..3 {
        cursor.run(|byte| byte.is_ascii_digit())?;
        cursor.skip(b"/")?;
    }
    let server_connections = cursor.count()?;
    cursor.skip(b"/")?;
    cursor.skip_if(b'+');
    let retries = cursor.count()?;
    cursor.skip(b" ")?;
    let server_queue = cursor.count()?;
    cursor.skip(b"/")?;
    let backend_queue = cursor.count()?;
    matches!(cursor.rest(), [] | [b' ', ..]).then_some(Tail {
        termination,
        server_connections,
        retries,
        server_queue,
        backend_queue,
    })
}

/// What follows `127.0.0.1:39518`, the common case of [`is_client`].
fn strip_ipv4_client(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    for end in *b"...:" {
        rest = match rest {
            [b'0'..=b'9', it, tail @ ..] if *it == end => tail,
            [b'1'..=b'9', b'0'..=b'9', it, tail @ ..] if *it == end => tail,
            [b'1', b'0'..=b'9', b'0'..=b'9', it, tail @ ..] if *it == end => tail,
            [b'2', b'0'..=b'4', b'0'..=b'9', it, tail @ ..] if *it == end => tail,
            [b'2', b'5', b'0'..=b'5', it, tail @ ..] if *it == end => tail,
            _ => return None,
        };
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=5).contains(&digits).then(|| rest.get(digits..))?
}

/// Where a field begins and ends.
type Span = (usize, usize);

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn bytes(&self, (start, end): Span) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Up to the space behind it.
    #[inline]
    fn client(&mut self) -> Option<()> {
        if let Some(rest @ [b' ', ..]) = strip_ipv4_client(self.text) {
            self.at = self.text.len() - rest.len();
            return Some(());
        }
        let client = self.run(|byte| byte != b' ')?;
        is_client(self.bytes(client)).then_some(())
    }

    #[inline]
    fn skip(&mut self, wanted: &[u8]) -> Option<()> {
        self.rest()
            .starts_with(wanted)
            .then(|| self.at += wanted.len())
    }

    #[inline]
    fn skip_if(&mut self, byte: u8) {
        if self.text.get(self.at) == Some(&byte) {
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self, count: usize) -> Option<Span> {
        let start = self.at;
        self.at = start.checked_add(count)?;
        (self.at <= self.text.len()).then_some((start, self.at))
    }

    /// As many bytes of a kind as there are, at least one.
    #[inline]
    fn run(&mut self, is_wanted: impl Fn(u8) -> bool) -> Option<Span> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|&byte| is_wanted(byte)) {
            self.at += 1;
        }
        (self.at > start).then_some((start, self.at))
    }

    /// A number as HAProxy writes it, without sign and leading zeros.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        let start = self.at;
        let mut value = 0_u64;
        while let Some(&byte) = self.text.get(self.at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        let digits = self.at - start;
        let has_leading_zero = digits > 1 && self.text.get(start) == Some(&b'0');
        ((1..=DIGITS_MAX).contains(&digits) && !has_leading_zero).then_some(value)
    }

    #[inline]
    fn count(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// Milliseconds, or `-1` for none.
    #[inline]
    fn timer(&mut self) -> Option<Option<u32>> {
        if self.skip(b"-1").is_some() {
            return Some(None);
        }
        self.timer_value().map(Some)
    }

    #[inline]
    fn timer_value(&mut self) -> Option<u32> {
        self.count().filter(|&ms| ms <= TIMER_MAX_MS)
    }

    /// Three digits, or one of the two ways to say that there was no answer.
    #[inline]
    fn status(&mut self) -> Option<Option<u16>> {
        if self.skip(b"-1").is_some() {
            return Some(None);
        }
        match self.number()? {
            0 => Some(None),
            status @ 100..=999 => Some(u16::try_from(status).ok()),
            _ => None,
        }
    }

    /// A name, or a name in `<>`.
    #[inline]
    fn name(&mut self) -> Option<Span> {
        let start = self.at;
        let is_pseudo = self.text.get(start) == Some(&b'<');
        self.skip_if(b'<');
        self.run(|byte| IS_NAME.get(usize::from(byte)) == Some(&true))?;
        if is_pseudo {
            self.skip(b">")?;
        }
        Some((start, self.at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::line::Parser;
    use super::*;

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

    fn check(text: &[u8]) -> Result<bool, TestCaseError> {
        let parser = Parser::httplog("haproxy");
        let found = httplog(text);
        if found.is_some() {
            prop_assert_eq!(found, parser.read_by_pattern(text));
        }
        let rest = found.map_or(text, |(_, rest)| rest);
        let after = tail(rest);
        if after.is_some() {
            prop_assert_eq!(after, parser.read_tail(rest));
        }
        Ok(found.is_some())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn what_the_scan_finds_the_pattern_finds_too(line in nearly(), rest in nearly_tail()) {
            check(line.as_bytes())?;
            check(rest.as_bytes())?;
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
    fn plain_lines_take_the_fast_way() {
        let text = b"127.0.0.1:39518 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 87 - - \
            ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"";
        assert!(check(text).expect("no difference"));
        let (_, rest) = httplog(text).expect("a plain line");
        assert!(tail(rest).is_some());
    }
}
