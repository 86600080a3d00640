//! The fast way through a plain line: the same groups as the two patterns of `line`, found in one
//! pass without an engine. It gives up at the first byte that is out of the ordinary, and the
//! pattern decides then; what it does find, the pattern finds too (a property of the tests).
//! What the groups mean does not live here.

/// Groups of the larger pattern, the whole match included.
pub(super) const GROUPS: usize = 13;

/// Where each group begins and ends; group 0 is the whole match.
pub(super) type Spans = [(usize, usize); GROUPS];

/// `21/Nov/2026:23:36:31.172`: a digit, a capital, a small letter, or itself.
const DATE: &[u8; 24] = b"00/Aaa/0000:00:00:00.000";

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

/// The groups of the httplog pattern.
pub(super) fn httplog(text: &[u8]) -> Option<Spans> {
    let mut cursor = Cursor { text, at: 0 };
    let mut spans = [(0, 0); GROUPS];
    let [
        whole,
        client,
        date,
        frontend,
        backend,
        server,
        timers @ ..,
        status,
        bytes,
    ] = &mut spans;
    *client = cursor.run(|byte| byte != b' ')?;
    cursor.skip(b" [")?;
    *date = cursor.date()?;
    cursor.skip(b"] ")?;
    *frontend = cursor.name()?;
    cursor.skip_if(b'~');
    cursor.skip(b" ")?;
    *backend = cursor.name()?;
    cursor.skip(b"/")?;
    *server = cursor.name()?;
    let [first @ .., last] = timers;
    let mut before: &[u8] = b" ";
    for timer in first {
        cursor.skip(before)?;
        *timer = cursor.number(b'-')?;
        before = b"/";
    }
    cursor.skip(before)?;
    *last = cursor.number(b'-').or_else(|| cursor.number(b'+'))?;
    cursor.skip(b" ")?;
    *status = cursor.number(b'-')?;
    cursor.skip(b" ")?;
    cursor.skip_if(b'+');
    *bytes = cursor.run(|byte| byte.is_ascii_digit())?;
    *whole = (0, cursor.at);
    Some(spans)
}

/// The groups of the pattern behind the bytes field.
pub(super) fn tail(text: &[u8]) -> Option<Spans> {
    let mut cursor = Cursor { text, at: 0 };
    let mut spans = [(0, 0); GROUPS];
    cursor.skip(b" - - ")?;
    let flags = cursor.run(|byte| byte.is_ascii_alphabetic() || byte == b'-')?;
    if flags.1 - flags.0 != 4 {
        return None;
    }
    let digits = |byte: u8| byte.is_ascii_digit();
    cursor.skip(b" ")?;
    for _ in 0..3 {
        cursor.run(digits)?;
        cursor.skip(b"/")?;
    }
    let server_connections = cursor.run(digits)?;
    cursor.skip(b"/")?;
    cursor.skip_if(b'+');
    let retries = cursor.run(digits)?;
    cursor.skip(b" ")?;
    let server_queue = cursor.run(digits)?;
    cursor.skip(b"/")?;
    let backend_queue = cursor.run(digits)?;
    let found = [
        (0, cursor.at),
        flags,
        server_connections,
        retries,
        server_queue,
        backend_queue,
    ];
    for (span, found) in spans.iter_mut().zip(found) {
        *span = found;
    }
    Some(spans)
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, wanted: &[u8]) -> Option<()> {
        self.rest()
            .starts_with(wanted)
            .then(|| self.at += wanted.len())
    }

    fn skip_if(&mut self, byte: u8) {
        if self.rest().first() == Some(&byte) {
            self.at += 1;
        }
    }

    /// As many bytes of a kind as there are, at least one.
    fn run(&mut self, is_wanted: impl Fn(u8) -> bool) -> Option<(usize, usize)> {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|&byte| !is_wanted(byte))
            .unwrap_or(rest.len());
        let start = self.at;
        self.at += length;
        (length > 0).then_some((start, self.at))
    }

    /// Digits, with that sign in front or without; where there are none, the place is kept.
    fn number(&mut self, sign: u8) -> Option<(usize, usize)> {
        let start = self.at;
        self.skip_if(sign);
        let digits = self.run(|byte| byte.is_ascii_digit());
        if digits.is_none() {
            self.at = start;
        }
        digits.map(|(_, end)| (start, end))
    }

    /// A name, or a name in `<>`.
    fn name(&mut self) -> Option<(usize, usize)> {
        let start = self.at;
        let is_pseudo = self.rest().first() == Some(&b'<');
        self.skip_if(b'<');
        self.run(|byte| IS_NAME.get(usize::from(byte)) == Some(&true))?;
        if is_pseudo {
            self.skip(b">")?;
        }
        Some((start, self.at))
    }

    fn date(&mut self) -> Option<(usize, usize)> {
        let date = self.rest().get(..DATE.len())?;
        let has_shape = date.iter().zip(DATE).all(|(&byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'a' => byte.is_ascii_lowercase(),
            &literal => byte == literal,
        });
        let start = self.at;
        self.at += DATE.len();
        has_shape.then_some((start, self.at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::line::{spans_of_httplog, spans_of_tail};
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
        let found = httplog(text);
        if let Some(spans) = found {
            prop_assert_eq!(Some(spans), spans_of_httplog(text));
        }
        let from = found.map_or(0, |spans| spans[0].1);
        let rest = text.get(from..).unwrap_or_default();
        if let Some(spans) = tail(rest) {
            prop_assert_eq!(Some(spans), spans_of_tail(rest));
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
        let end = httplog(text).expect("a plain line")[0].1;
        assert!(tail(&text[end..]).is_some());
    }
}
