//! What stands before HAProxy's own text: a closed list of heads, stripped from the left.
//!
//! A head is recognised byte by byte or not at all; nothing is ever looked for further right. Heads
//! may be stacked (a container's, a relay's, HAProxy's own), up to [`HEADS_MAX`]. What containers
//! write is in `container`; what the body says is not decided here.

use super::bytes::{Body, Head, split_word, starts_like_traffic};
use super::container;
use super::date::{skip_digits, strip_bsd, strip_iso, strip_weekday};
use super::reject::Reject;

/// Heads that may stand one behind the other: a container's, two relays' and HAProxy's own.
const HEADS_MAX: usize = 4;
/// Host names that may stand one behind the other in a head.
const HOSTS_MAX: usize = 2;
/// Highest syslog priority: facility 23, level 7 (RFC 5424 §6.2.1).
const PRIORITY_MAX: u16 = 191;
/// The facilities and levels that rsyslog writes as `local2.info` (`syslogfacility-text`,
/// `syslogseverity-text`).
const FACILITIES: [&str; 20] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const LEVELS: [&str; 11] = [
    "emerg", "alert", "crit", "err", "error", "warning", "warn", "notice", "info", "debug", "panic",
];

/// Strips the head of a line, or the heads.
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
/// | rsyslog, syslog-ng, RFC 3339 | `2026-11-21T23:36:31.172726+00:00 host haproxy[23269]: ` (also `-o short-iso`) |
/// | journal, precise | `Nov 21 23:36:31.172726 host haproxy[23269]: ` |
/// | journal, full or by unit | `Sat 2026-11-21 23:36:31 UTC host haproxy.service[23269]: ` |
/// | two hosts | `Nov 21 23:36:31 host haproxy-host haproxy[23269]: ` (`log-send-hostname`, sidecars), with either date |
/// | a space more | before the line, or between a head and the text (templates with `%msg%`) |
/// | relay | `Nov 21 23:36:31 relay ` or `2026-11-21T23:36:31+00:00 relay `, also with `local2.info ` in place of the relay, before any form that names the program; rfc5424 then without its priority, or without priority and version |
/// | docker compose | `haproxy-1  \| ` |
/// | Kubernetes | `2026-11-21T23:36:31.17+00:00 stdout F `, `[pod/lb-0/haproxy] ` |
/// | docker json-file | `{"log":"…\n","stream":"stdout",…}` |
/// | rsyslog, repeated | `message repeated 3 times: [ …]` behind a form that names the program |
///
/// What stands in a repeated line is read as one request, whatever the number says: the line is
/// proof of one more than the line before it, and nothing counts twice.
///
/// A text that follows a date and a host directly could just as well name the program itself, so
/// that relays let nobody in who could not come in without them.
///
/// Errors: [`Reject::OtherProgram`] where the program is not `tag`, [`Reject::UnknownHead`] where
/// a syslog head breaks off, [`Reject::Partial`] where a container's runtime cut the line.
pub(super) fn strip<'a>(line: &'a [u8], tag: &[u8]) -> Result<Body<'a>, Reject> {
    // rsyslog's `%msg%` keeps the space that stood behind the program.
    let mut text = line.strip_prefix(b" ").unwrap_or(line);
    let mut has_head = false;
    let mut is_behind_head = false;
    let mut is_enclosed = false;
    let mut date = None;
    // A relay was there, and nobody has said yet that the text is ours.
    let mut is_name_wanted = false;
    for depth in 0..HEADS_MAX {
        let Some(head) = strip_one(text, tag, depth == 0, is_name_wanted)? else {
            break;
        };
        is_behind_head = true;
        date = dated(text).or(date);
        match head {
            Head::Ours(rest) => {
                (has_head, is_name_wanted) = (true, false);
                if let Some(inner) = strip_repeated(rest) {
                    is_enclosed = true;
                    text = inner;
                    break;
                }
                text = rest;
            }
            Head::Relay(rest) => {
                is_name_wanted = true;
                text = rest;
            }
            Head::Unnamed(rest) => text = rest,
            Head::Enclosing(rest) => {
                is_enclosed = true;
                text = rest;
            }
            Head::Last(rest) => {
                has_head = true;
                text = rest;
                break;
            }
        }
    }
    if is_name_wanted {
        return Err(Reject::UnknownHead);
    }
    // A second space: a template with one of its own before rsyslog's `%msg%`.
    let text = text
        .strip_prefix(b" ")
        .filter(|_| is_behind_head)
        .unwrap_or(text);
    Ok(Body {
        text,
        has_head,
        date,
        is_enclosed,
    })
}

/// What stands behind the head, or all of it where the head is none.
pub(super) fn text_of<'a>(line: &'a [u8], tag: &[u8]) -> &'a [u8] {
    strip(line, tag).map_or(line, |body| body.text)
}

/// Names that may be the program's in the head of a line, nearest to its beginning first. Only guesses,
/// for who proves them: the words before a colon, the third word behind an RFC 5424 version, a
/// container's name.
pub(super) fn programs(line: &[u8]) -> impl Iterator<Item = &str> {
    /// More words than the longest stack of heads has.
    const WORDS_MAX: usize = 16;
    let words: Vec<&[u8]> = line.splitn(WORDS_MAX, |&byte| byte == b' ').collect();
    let is_name = |word: &&[u8]| {
        let is_byte = |byte: &u8| byte.is_ascii_graphic() && !b":[]<>{}\"/".contains(byte);
        !word.is_empty() && word.iter().all(is_byte)
    };
    let mut names: Vec<&[u8]> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let tagged = word.strip_suffix(b":").map(|tagged| {
            let bracket = tagged.iter().position(|&byte| byte == b'[');
            bracket.and_then(|end| tagged.get(..end)).unwrap_or(tagged)
        });
        names.extend(tagged);
        // `<134>1 DATE HOST PROGRAM PID …`, and `DATE HOST PROGRAM PID - ` without its version.
        let is_version = word.ends_with(b">1") || *word == b"1";
        names.extend(words.get(at + 3).filter(|_| is_version));
        names.extend(words.get(at.wrapping_sub(2)).filter(|_| *word == b"-"));
        if word.starts_with(b"|") && at > 0 {
            let container = words.first().copied().unwrap_or_default();
            let end = container.iter().rposition(|byte| b"-_".contains(byte));
            names.extend(end.and_then(|end| container.get(..end)));
            names.push(container);
        }
        let pod = word
            .strip_prefix(b"[pod/")
            .and_then(|it| it.strip_suffix(b"]"));
        names.extend(pod.and_then(|it| it.rsplit(|&byte| byte == b'/').next()));
    }
    names.retain(is_name);
    names
        .into_iter()
        .filter_map(|name| std::str::from_utf8(name).ok())
}

/// The head that the text begins with, if there is one.
fn strip_one<'a>(
    text: &'a [u8],
    tag: &[u8],
    is_first: bool,
    is_behind_relay: bool,
) -> Result<Option<Head<'a>>, Reject> {
    let after_priority = strip_priority(text);
    let rest = after_priority.unwrap_or(text);
    let has_priority = after_priority.is_some();
    if let Some(rest) = strip_bsd(rest) {
        return strip_bsd_names(rest, tag).map(Some);
    }
    if let Some(rest) = strip_iso(rest) {
        if is_first && let Some(head) = container::strip_stream(rest) {
            return head.map(Some);
        }
        return strip_iso_names(rest, tag).map(Some);
    }
    if (has_priority || is_behind_relay)
        && let Some(rest) = rest.strip_prefix(b"1 ")
        // Without a date it is no version: a format may begin with a backend of that name.
        && is_dated(rest)
    {
        return strip_rfc5424(rest, tag).map(|text| Some(Head::Ours(text)));
    }
    if has_priority {
        return Ok(Some(Head::Last(rest)));
    }
    if let Some(rest) = strip_weekday(rest) {
        return strip_bsd_names(rest, tag).map(Some);
    }
    if is_first {
        return container::strip(rest, tag).transpose();
    }
    Ok(None)
}

/// `<142>` with a priority that exists; docker's json-file writes `<` and `>` as escapes.
fn strip_priority(line: &[u8]) -> Option<&[u8]> {
    let (digits, end): (_, &[u8]) = match line {
        [b'<', digits @ ..] => (digits, b">"),
        [b'\\', ..] => (line.strip_prefix(br"\u003c")?, br"\u003e"),
        _ => return None,
    };
    let rest = skip_digits(digits, 1..=3)?;
    let priority = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |value, byte| value * 10 + u16::from(byte - b'0'));
    rest.strip_prefix(end).filter(|_| priority <= PRIORITY_MAX)
}

/// `haproxy[23269]: `, `localhost haproxy[23269]: `, or a relay's name.
fn strip_bsd_names<'a>(rest: &'a [u8], tag: &[u8]) -> Result<Head<'a>, Reject> {
    if let Some(text) = strip_tag(rest, tag) {
        return Ok(Head::Ours(text));
    }
    let (first, behind) = split_word(rest);
    // A word that ends in a colon is a program, never a host: otherwise `sshd[9]: haproxy[1]: …`
    // would let another program's text pass for ours. The other is what an old syslogd says itself.
    if first.ends_with(b":") || behind.starts_with(b"last message repeated ") {
        return Err(Reject::OtherProgram);
    }
    strip_hosts(first, behind, tag, HOSTS_MAX).unwrap_or(Err(Reject::UnknownHead))
}

/// Nothing (HAProxy's `iso` and `timed`), `host haproxy[23269]: ` (rsyslog's file format), or a
/// relay's name.
fn strip_iso_names<'a>(rest: &'a [u8], tag: &[u8]) -> Result<Head<'a>, Reject> {
    if starts_like_traffic(rest) {
        return Ok(Head::Last(rest));
    }
    let (first, behind) = split_word(rest);
    // Without host and program it may still be a message of HAProxy's own, which says who it is.
    strip_hosts(first, behind, tag, HOSTS_MAX).unwrap_or(Ok(Head::Unnamed(rest)))
}

/// What follows a date: a host or two (HAProxy's `log-send-hostname` behind a syslog daemon's own), or
/// a facility, then the program or another head. `None` when it is something else.
fn strip_hosts<'a>(
    host: &[u8],
    behind: &'a [u8],
    tag: &[u8],
    hosts_left: usize,
) -> Option<Result<Head<'a>, Reject>> {
    if !is_host(host) {
        return None;
    }
    if let Some(text) = strip_tag(behind, tag) {
        return Some(Ok(Head::Ours(text)));
    }
    if starts_dated(behind) {
        return Some(Ok(Head::Relay(behind)));
    }
    let (next, after) = split_word(behind);
    if is_facility(host) {
        // Once is enough: a facility in the place of the host would be no host.
        return if is_facility(next) {
            None
        } else {
            strip_hosts(next, after, tag, hosts_left)
        };
    }
    if next.ends_with(b":") {
        return Some(Err(Reject::OtherProgram));
    }
    // The rest of an rfc5424 head whose priority and version a template left out.
    if next == tag
        && let Ok(text) = strip_after_program(after)
    {
        return Some(Ok(Head::Ours(text)));
    }
    let deeper = match hosts_left.checked_sub(1) {
        Some(hosts_left) if hosts_left > 0 && !is_facility(next) => {
            strip_hosts(next, after, tag, hosts_left)
        }
        Some(_) | None => None,
    };
    let is_broken = next == tag;
    deeper.or(is_broken.then_some(Err(Reject::UnknownHead)))
}

/// What follows is a head of its own, with a date.
fn starts_dated(text: &[u8]) -> bool {
    dated(text).is_some_and(|text| strip_weekday(text).is_none())
}

/// A head's text from its date on, if it has one.
fn dated(text: &[u8]) -> Option<&[u8]> {
    let text = strip_priority(text).unwrap_or(text);
    let text = text.strip_prefix(b"1 ").unwrap_or(text);
    let is_dated = strip_iso(text)
        .or_else(|| strip_bsd(text))
        .or_else(|| strip_weekday(text))
        .is_some();
    is_dated.then_some(text)
}

/// `local2.info`.
fn is_facility(word: &[u8]) -> bool {
    let is_one_of = |words: &[&str], word: &[u8]| words.iter().any(|it| it.as_bytes() == word);
    let dot = word.iter().position(|&byte| byte == b'.');
    let parts = dot.and_then(|dot| Some((word.get(..dot)?, word.get(dot + 1..)?)));
    parts.is_some_and(|(facility, level)| {
        is_one_of(&FACILITIES, facility) && is_one_of(&LEVELS, level)
    })
}

/// Begins with a year, or with the sign for no date.
fn is_dated(rest: &[u8]) -> bool {
    let has_year = |(year, then): (&[u8], &[u8])| {
        year.iter().all(u8::is_ascii_digit) && then.starts_with(b"-")
    };
    rest.starts_with(b"- ") || rest.split_at_checked(4).is_some_and(has_year)
}

/// `2026-11-21T23:36:31.172675+00:00 - haproxy 23269 - - `: date, host, program, process id,
/// message id, structured data (RFC 5424 §6).
fn strip_rfc5424<'a>(rest: &'a [u8], tag: &[u8]) -> Result<&'a [u8], Reject> {
    let rest = rest
        .strip_prefix(b"- ")
        .or_else(|| strip_iso(rest))
        .ok_or(Reject::UnknownHead)?;
    let (host, rest) = split_word(rest);
    let (program, rest) = split_word(rest);
    let (process, behind) = split_word(rest);
    let (message, _) = split_word(behind);
    if [host, program, process, message]
        .iter()
        .any(|word| word.is_empty())
    {
        return Err(Reject::UnknownHead);
    }
    if program != tag {
        return Err(Reject::OtherProgram);
    }
    strip_after_program(rest)
}

/// `23269 - - `: process id, message id, structured data.
fn strip_after_program(rest: &[u8]) -> Result<&[u8], Reject> {
    let (_process, rest) = split_word(rest);
    let (_message, rest) = split_word(rest);
    let rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => strip_structured_data(rest).ok_or(Reject::UnknownHead)?,
    };
    match rest {
        [] => Ok(rest),
        [b' ', text @ ..] => Ok(text),
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

/// `haproxy[23269]: ` or `haproxy: `; the journal by unit says `haproxy.service[23269]: `.
fn strip_tag<'a>(text: &'a [u8], tag: &[u8]) -> Option<&'a [u8]> {
    let rest = text.strip_prefix(tag)?;
    let rest = rest.strip_prefix(b".service").unwrap_or(rest);
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

/// The text in `message repeated 3 times: [ …]`, as rsyslog's reduction writes it. The bracket at
/// the end is missing where the line was cut.
fn strip_repeated(text: &[u8]) -> Option<&[u8]> {
    let count = text.strip_prefix(b"message repeated ")?;
    let inner = skip_digits(count, 1..=10)?.strip_prefix(b" times: [ ")?;
    Some(inner.strip_suffix(b"]").unwrap_or(inner))
}

/// A host name or address as a syslog daemon writes it.
fn is_host(word: &[u8]) -> bool {
    let is_host_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
    !word.is_empty() && !word.ends_with(b":") && word.iter().all(is_host_byte)
}
