//! The fast way through a plain httplog line: what the patterns of `line` lead to, read in one pass
//! without an engine. It gives up at the first byte that is out of the ordinary, and the pattern
//! decides then; what it does find, the pattern finds too (a property of the tests).

use std::cell::{Cell, RefCell};

use super::bytes::{Body, is_client};
use super::number::TIMER_MAX_MS;
use super::record::{Brief, Logged, Record, ended_ms};
use crate::words::calendar::parse_local_ms;
use crate::words::names::is_name_byte;
use crate::words::request::{Request, Tail};

/// More digits than this are left to the pattern; fewer cannot overflow.
const DIGITS_MAX: usize = 18;
/// Bytes of `21/Nov/2026:23:36:31.172`.
const DATE_BYTES: usize = 24;
/// Longer heads are read anew in each line.
const HEAD_BYTES_MAX: usize = 80;
/// The same up to the seconds.
const SECOND_BYTES: usize = 20;

/// A plain line up to the bytes field. Its names and its date are ASCII.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front<'a> {
    pub(super) frontend: &'a [u8],
    pub(super) accepted: &'a [u8],
    pub(super) accepted_ms: u64,
    pub(super) backend: &'a [u8],
    pub(super) server: &'a [u8],
    /// Without those two names, and without its tail.
    pub(super) request: Request<'static>,
    pub(super) bytes: u64,
    /// What stands behind the bytes field.
    pub(super) rest: &'a [u8],
}

impl<'a> Front<'a> {
    /// The record, without its tail.
    pub(super) fn record(&self) -> Option<Record<'a>> {
        let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).ok();
        Some(Record {
            frontend: Some(text(self.frontend)?),
            accepted: Some(text(self.accepted)?),
            accepted_ms: Some(self.accepted_ms),
            ended_ms: Some(ended_ms(self.accepted_ms, self.request.total_ms)),
            bytes: Some(self.bytes),
            logged: Logged::ALL,
            request: Request {
                backend: text(self.backend)?,
                server: text(self.server)?,
                ..self.request
            },
        })
    }

    /// Its numbers, without its tail.
    #[inline]
    pub(super) fn brief(&self) -> Brief<'a> {
        Brief {
            backend: self.backend,
            server: self.server,
            request: self.request,
            logged: Logged::ALL,
            ended_ms: Some(ended_ms(self.accepted_ms, self.request.total_ms)),
        }
    }
}

/// The head of the last plain line: the next line mostly has the same, to the second.
#[derive(Clone, Debug, Default)]
pub(super) struct LastHead(RefCell<Vec<u8>>);

impl LastHead {
    /// What follows the head, if the line has the same one.
    #[inline]
    pub(super) fn strip<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        line.strip_prefix(self.0.borrow().as_slice())
    }

    /// Keeps the head of a line, if its text is all that follows it.
    pub(super) fn keep(&self, line: &[u8], body: Body<'_>) {
        let head = line.strip_suffix(body.text).unwrap_or_default();
        let mut last = self.0.borrow_mut();
        last.clear();
        if head.len() <= HEAD_BYTES_MAX && !body.is_enclosed {
            last.extend_from_slice(head);
        }
    }
}

/// The second of the last line and its milliseconds since 1970: the next line mostly has the same.
#[derive(Clone, Debug, Default)]
pub(super) struct LastSecond(Cell<([u8; SECOND_BYTES], u64)>);

impl LastSecond {
    /// [`parse_local_ms`], sooner.
    #[inline]
    fn parse_local_ms(&self, date: &[u8]) -> Option<u64> {
        let (&second, fraction) = date.split_first_chunk::<SECOND_BYTES>()?;
        let (known, known_ms) = self.0.get();
        if known == second
            && let &[b'.', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = fraction
        {
            let [a, b, c] = [a, b, c].map(|digit| u64::from(digit - b'0'));
            return Some(known_ms + a * 100 + b * 10 + c);
        }
        let ms = parse_local_ms(date)?;
        self.0.set((second, ms - ms % 1000));
        Some(ms)
    }
}

/// A plain line up to the bytes field.
pub(super) fn httplog<'a>(text: &'a [u8], last: &LastSecond) -> Option<Front<'a>> {
    let rest = strip_client(text)?;
    let rest = rest.strip_prefix(b" [")?;
    let (accepted, rest) = rest.split_at_checked(DATE_BYTES)?;
    let rest = rest.strip_prefix(b"] ")?;
    let (frontend, rest) = name(rest)?;
    let rest = skip_if(rest, b'~');
    let (backend, rest) = name(skip(rest, b' ')?)?;
    let (server, rest) = name(skip(rest, b'/')?)?;
    let (request_ms, rest) = timer(skip(rest, b' ')?)?;
    let (queue_ms, rest) = timer(skip(rest, b'/')?)?;
    let (connect_ms, rest) = timer(skip(rest, b'/')?)?;
    let (response_ms, rest) = timer(skip(rest, b'/')?)?;
    let (total_ms, rest) = match skip(rest, b'/')? {
        [b'-', b'1', rest @ ..] => (None, rest),
        [b'+', rest @ ..] | rest => count(rest).map(|(ms, rest)| (Some(ms), rest))?,
    };
    let (status, rest) = status(skip(rest, b' ')?)?;
    let (bytes, rest) = number(skip_if(skip(rest, b' ')?, b'+'))?;
    if !matches!(rest, [] | [b' ', ..]) {
        return None;
    }
    Some(Front {
        frontend,
        accepted,
        accepted_ms: last.parse_local_ms(accepted)?,
        backend,
        server,
        request: Request {
            backend: "",
            server: "",
            request_ms,
            queue_ms,
            connect_ms,
            response_ms,
            total_ms,
            status,
            tail: None,
        },
        bytes,
        rest,
    })
}

/// What stands behind the bytes field, if both cookies are `-`.
pub(super) fn tail(text: &[u8]) -> Option<Tail> {
    let rest = text.strip_prefix(b" - - ")?;
    let (&termination, rest) = rest.split_first_chunk::<4>()?;
    let is_flag = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'-';
    if !termination.iter().all(is_flag) {
        return None;
    }
    let mut rest = skip(rest, b' ')?;
    for _ in 0..3 {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = skip(rest.get(digits..).filter(|_| digits > 0)?, b'/')?;
    }
    let (server_connections, rest) = count(rest)?;
    let (retries, rest) = count(skip_if(skip(rest, b'/')?, b'+'))?;
    let (server_queue, rest) = count(skip(rest, b' ')?)?;
    let (backend_queue, rest) = count(skip(rest, b'/')?)?;
    matches!(rest, [] | [b' ', ..]).then_some(Tail {
        termination,
        server_connections,
        retries,
        server_queue,
        backend_queue,
    })
}

/// What follows the client's address.
#[inline]
fn strip_client(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest @ [b' ', ..]) = strip_ipv4_client(text) {
        return Some(rest);
    }
    let end = text.iter().position(|&byte| byte == b' ')?;
    let (client, rest) = text.split_at_checked(end)?;
    is_client(client).then_some(rest)
}

/// What follows `127.0.0.1:39518`, the common case of [`is_client`].
#[inline]
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

#[inline]
fn skip(text: &[u8], wanted: u8) -> Option<&[u8]> {
    match text {
        [first, rest @ ..] if *first == wanted => Some(rest),
        _ => None,
    }
}

#[inline]
fn skip_if(text: &[u8], byte: u8) -> &[u8] {
    skip(text, byte).unwrap_or(text)
}

/// A number as HAProxy writes it, without sign and leading zeros.
#[inline]
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digit = |text: &[u8]| text.first().map(|byte| byte.wrapping_sub(b'0'));
    let first = digit(text).filter(|&first| first <= 9)?;
    let mut value = u64::from(first);
    let mut rest = text.get(1..)?;
    let mut left = DIGITS_MAX;
    while let Some(next) = digit(rest).filter(|&next| next <= 9) {
        left -= 1;
        if left == 0 || value == 0 {
            return None;
        }
        value = value * 10 + u64::from(next);
        rest = rest.get(1..)?;
    }
    Some((value, rest))
}

#[inline]
fn count(text: &[u8]) -> Option<(u32, &[u8])> {
    let (value, rest) = number(text)?;
    Some((u32::try_from(value).ok()?, rest))
}

/// Milliseconds, or `-1` for none.
#[inline]
fn timer(text: &[u8]) -> Option<(Option<u32>, &[u8])> {
    if let [b'-', b'1', rest @ ..] = text {
        return Some((None, rest));
    }
    let (ms, rest) = count(text)?;
    (ms <= TIMER_MAX_MS).then_some((Some(ms), rest))
}

/// Three digits, or one of the two ways to say that there was no answer.
#[inline]
fn status(text: &[u8]) -> Option<(Option<u16>, &[u8])> {
    if let [b'-', b'1', rest @ ..] = text {
        return Some((None, rest));
    }
    match number(text)? {
        (0, rest) => Some((None, rest)),
        (status @ 100..=999, rest) => Some((u16::try_from(status).ok(), rest)),
        _ => None,
    }
}

/// A name, or a name in `<>`.
#[inline]
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = usize::from(text.first() == Some(&b'<'));
    let mut end = start;
    while text.get(end).is_some_and(|byte| is_name_byte(*byte)) {
        end += 1;
    }
    if end == start {
        return None;
    }
    if start == 1 {
        if text.get(end) != Some(&b'>') {
            return None;
        }
        end += 1;
    }
    text.split_at_checked(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_take_the_fast_way() {
        let text = b"127.0.0.1:39518 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 87 - - \
            ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"";
        let front = httplog(text, &LastSecond::default()).expect("a plain line");
        assert!(tail(front.rest).is_some());
    }
}
