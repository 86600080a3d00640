//! The heads that container runtimes put before what a program wrote to its standard output. What
//! the program put there itself is stripped in `head`.
//!
//! A container's name is the operator's choice, no client's: where a form has one, it must be the
//! tag. The files of Kubernetes and of docker's json-file driver name nobody, because each belongs
//! to one container.
//!
//! Runtimes cut a line after 16 KiB, and its last piece looks like a whole line that begins where a
//! client's text may stand. HAProxy writes no such line as long as `log … len` is below 16384 (the
//! default is 1024): leave it so behind a runtime.

use super::bytes::{Head, split_word};
use super::reject::Reject;

/// `[pod/lb-0/haproxy] `, `haproxy-1  | ` or `{"log":"`; `None` is none of them.
pub(super) fn strip<'a>(line: &'a [u8], tag: &[u8]) -> Option<Result<Head<'a>, Reject>> {
    match line {
        [b'{', ..] => strip_json(line).map(Ok),
        [b'[', ..] => strip_pod(line, tag),
        _ => strip_compose(line, tag),
    }
}

/// `stdout F ` behind the date of a container's file (CRI logging format, Kubernetes). `P` is a
/// piece of a line that goes on in the next one.
pub(super) fn strip_stream(text: &[u8]) -> Option<Result<Head<'_>, Reject>> {
    let rest = text
        .strip_prefix(b"stdout ")
        .or_else(|| text.strip_prefix(b"stderr "))?;
    match rest {
        [b'F', b' ', text @ ..] => Some(Ok(Head::Unnamed(text))),
        [b'P', b' ', ..] => Some(Err(Reject::Partial)),
        _ => None,
    }
}

/// `haproxy  | `, `haproxy-1  | `, `haproxy_1 | ` of docker compose; `haproxy.1.x7f@lb1    | ` of
/// `docker service logs`.
fn strip_compose<'a>(line: &'a [u8], tag: &[u8]) -> Option<Result<Head<'a>, Reject>> {
    let (name, rest) = split_word(line);
    let text = rest.trim_ascii_start().strip_prefix(b"|")?;
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-@".contains(byte);
    if name.is_empty() || !name.iter().all(is_name_byte) {
        return None;
    }
    Some(match text {
        _ if !is_replica_of(name, tag) => Err(Reject::OtherProgram),
        [] => Ok(Head::Ours(text)),
        [b' ', text @ ..] => Ok(Head::Ours(text)),
        _ => Err(Reject::UnknownHead),
    })
}

/// The tag itself, or the tag with the number of a replica and, in a swarm, its task and host.
fn is_replica_of(name: &[u8], tag: &[u8]) -> bool {
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    match name.strip_prefix(tag) {
        Some([]) => true,
        Some([b'-' | b'_', digits @ ..]) => is_number(digits),
        Some([b'.', rest @ ..]) => {
            let mut parts = rest.splitn(2, |&byte| byte == b'.');
            parts.next().is_some_and(is_number)
                && parts.next().is_some_and(|task| task.contains(&b'@'))
        }
        Some(_) | None => false,
    }
}

/// `[pod/NAME/CONTAINER] ` of `kubectl logs --prefix`.
fn strip_pod<'a>(line: &'a [u8], tag: &[u8]) -> Option<Result<Head<'a>, Reject>> {
    let (names, text) = split_word(line.strip_prefix(b"[pod/")?);
    let mut names = names.strip_suffix(b"]")?.splitn(2, |&byte| byte == b'/');
    let (_pod, container) = (names.next()?, names.next()?);
    Some(if container == tag {
        Ok(Head::Ours(text))
    } else {
        Err(Reject::OtherProgram)
    })
}

/// `{"log":"…\n","stream":"stdout","time":"…"}` of docker's json-file driver: the text as it
/// stands between the quotes, escapes and all. What is read of a line holds none but those of `<`
/// and `>`, which `head` and `line` know. Nothing behind the text is asked for: a line is not
/// refused for something that stands to the right of what is read.
fn strip_json(line: &[u8]) -> Option<Head<'_>> {
    let text = line.strip_prefix(b"{\"log\":\"")?;
    let mut is_escaped = false;
    let end = text.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    let text = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let text = text.strip_suffix(br"\n").unwrap_or(text);
    let text = text.strip_suffix(br"\r").unwrap_or(text);
    Some(Head::Enclosing(text))
}
