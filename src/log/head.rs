//! What stands before HAProxy's own text: a closed list of heads, stripped from the left.
//!
//! A head is recognised byte by byte or not at all; nothing is ever looked for further right. What
//! a head hides behind another one (containers, a second syslog server) would be stripped here
//! too, before [`strip`] returns. What the body says is not decided here.

use super::date::{skip_digits, strip_bsd, strip_iso};
use super::reject::{Reject, starts_like_traffic};

/// HAProxy's own text, without its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Body<'a> {
    /// Everything behind the head.
    pub(super) text: &'a [u8],
    /// A head that proves the sender, or HAProxy's priority, was there.
    pub(super) has_head: bool,
}

/// Highest syslog priority: facility 23, level 7 (RFC 5424 §6.2.1).
const PRIORITY_MAX: u16 = 191;

/// Strips the head of a line.
///
/// | form | head |
/// |---|---|
/// | raw | |
/// | short, priority | `<6>`, `<142>` |
/// | iso, timed | `2026-11-21T23:36:31.172726+00:00 `, with `<6>` |
/// | local | `<142>Nov 21 23:36:31 haproxy[23269]: ` |
/// | rfc3164 | `<142>Nov 21 23:36:31 localhost haproxy[23269]: ` |
/// | rfc5424 | `<142>1 2026-11-21T23:36:31.172675+00:00 - haproxy 23269 - - ` |
/// | rsyslog, traditional | `Nov 21 23:36:31 host haproxy[23269]: ` (also `journalctl -o short`) |
/// | rsyslog, RFC 3339 | `2026-11-21T23:36:31.172726+00:00 host haproxy[23269]: ` |
///
/// Errors: [`Reject::OtherProgram`] where the program is not `tag`, [`Reject::UnknownHead`] where
/// a syslog head breaks off.
pub(super) fn strip<'a>(line: &'a [u8], tag: &[u8]) -> Result<Body<'a>, Reject> {
    let after_priority = strip_priority(line);
    let rest = after_priority.unwrap_or(line);
    let has_priority = after_priority.is_some();
    if let Some(rest) = strip_bsd(rest) {
        return strip_bsd_names(rest, tag);
    }
    if let Some(rest) = strip_iso(rest) {
        return strip_iso_names(rest, tag);
    }
    if has_priority && let Some(rest) = rest.strip_prefix(b"1 ") {
        return strip_rfc5424(rest, tag);
    }
    Ok(Body {
        text: rest,
        has_head: has_priority,
    })
}

/// `<142>` with a priority that exists.
fn strip_priority(line: &[u8]) -> Option<&[u8]> {
    let digits = line.strip_prefix(b"<")?;
    let rest = skip_digits(digits, 1..=3)?;
    let priority = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |value, byte| value * 10 + u16::from(byte - b'0'));
    rest.strip_prefix(b">").filter(|_| priority <= PRIORITY_MAX)
}

/// `haproxy[23269]: ` or `localhost haproxy[23269]: `.
fn strip_bsd_names<'a>(rest: &'a [u8], tag: &[u8]) -> Result<Body<'a>, Reject> {
    if let Some(text) = strip_tag(rest, tag) {
        return Ok(headed(text));
    }
    let (first, behind) = split_word(rest);
    // A word that ends in a colon is a program, never a host: otherwise `sshd[9]: haproxy[1]: …`
    // would let another program's text pass for ours.
    if first.ends_with(b":") {
        return Err(Reject::OtherProgram);
    }
    strip_host_and_tag(first, behind, tag).unwrap_or(Err(Reject::UnknownHead))
}

/// Nothing (HAProxy's `iso` and `timed`), or `host haproxy[23269]: ` (rsyslog's file format).
fn strip_iso_names<'a>(rest: &'a [u8], tag: &[u8]) -> Result<Body<'a>, Reject> {
    if starts_like_traffic(rest) {
        return Ok(headed(rest));
    }
    let (first, behind) = split_word(rest);
    // Without host and program it may still be a message of HAProxy's own, which says who it is.
    strip_host_and_tag(first, behind, tag).unwrap_or(Ok(Body {
        text: rest,
        has_head: false,
    }))
}

/// `None` when what follows is not a host and a program.
fn strip_host_and_tag<'a>(
    host: &[u8],
    behind: &'a [u8],
    tag: &[u8],
) -> Option<Result<Body<'a>, Reject>> {
    if !is_host(host) {
        return None;
    }
    if let Some(text) = strip_tag(behind, tag) {
        return Some(Ok(headed(text)));
    }
    let (program, _) = split_word(behind);
    program.ends_with(b":").then_some(Err(Reject::OtherProgram))
}

/// `2026-11-21T23:36:31.172675+00:00 - haproxy 23269 - - `: date, host, program, process id,
/// message id, structured data (RFC 5424 §6).
fn strip_rfc5424<'a>(rest: &'a [u8], tag: &[u8]) -> Result<Body<'a>, Reject> {
    let rest = rest
        .strip_prefix(b"- ")
        .or_else(|| strip_iso(rest))
        .ok_or(Reject::UnknownHead)?;
    let (host, rest) = split_word(rest);
    let (program, rest) = split_word(rest);
    let (process, rest) = split_word(rest);
    let (message, rest) = split_word(rest);
    if [host, program, process, message]
        .iter()
        .any(|word| word.is_empty())
    {
        return Err(Reject::UnknownHead);
    }
    if program != tag {
        return Err(Reject::OtherProgram);
    }
    let rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => strip_structured_data(rest).ok_or(Reject::UnknownHead)?,
    };
    match rest {
        [] => Ok(headed(rest)),
        [b' ', text @ ..] => Ok(headed(text)),
        _ => Err(Reject::UnknownHead),
    }
}

/// One or more `[ID name="value" …]`. Inside quotes a backslash takes the next byte with it and
/// `]` is text (RFC 5424 §6.3.3), so a value cannot end the element early.
fn strip_structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"[")?;
    let mut is_quoted = false;
    loop {
        rest = match (is_quoted, rest) {
            (true, [b'\\', _, rest @ ..]) | (false, [b']', b'[', rest @ ..]) => rest,
            (_, [b'"', rest @ ..]) => {
                is_quoted = !is_quoted;
                rest
            }
            (false, [b']', rest @ ..]) => return Some(rest),
            (_, [_, rest @ ..]) => rest,
            (_, []) => return None,
        };
    }
}

/// `haproxy[23269]: ` or `haproxy: `.
fn strip_tag<'a>(text: &'a [u8], tag: &[u8]) -> Option<&'a [u8]> {
    let rest = text.strip_prefix(tag)?;
    let rest = match rest.strip_prefix(b"[") {
        Some(process) => skip_digits(process, 1..=10)?.strip_prefix(b"]")?,
        None => rest,
    };
    match rest.strip_prefix(b":")? {
        [] => Some(&[]),
        [b' ', text @ ..] => Some(text),
        _ => None,
    }
}

/// A host name or address as a syslog daemon writes it.
fn is_host(word: &[u8]) -> bool {
    let is_host_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
    !word.is_empty() && !word.ends_with(b":") && word.iter().all(is_host_byte)
}

/// The bytes before the first space, and those behind it.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b' ');
    match end.and_then(|end| text.split_at_checked(end)) {
        Some((word, rest)) => (word, rest.get(1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

fn headed(text: &[u8]) -> Body<'_> {
    Body {
        text,
        has_head: true,
    }
}
