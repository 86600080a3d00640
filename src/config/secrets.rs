//! Lines of the file as they may be shown: after a SIGHUP a mistake goes to the daemon's log with the line
//! that it stands in, and a URL may hold a secret, or be beside a password.

use crate::machines::fence::is_secret;

/// The text with the same number of bytes, where every URL shows its scheme and host alone.
pub(super) fn hidden(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .map(|line| hidden_line(&without_passwords(line)))
        .collect()
}

/// Whatever stands between `://` and the end of its string, in a comment the end of the line. A line
/// that begins with `url` has a URL, even one that was mistyped.
fn hidden_line(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    if let Some((before, secret, after)) = mistyped(line) {
        shown.push_str(before);
        shown.push_str(&stars(secret));
        rest = after;
    }
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let quote = before.chars().rev().find(|it| "\"'".contains(*it));
        let end = quote.and_then(|quote| after.find(quote));
        let end = end.unwrap_or(after.trim_end().len());
        let (url, following) = after.split_at(end);
        let path = url.find(['/', '?', ' ']).unwrap_or(url.len());
        let (host, secret) = url.split_at(path);
        // A user before the host is a secret, too; then only the scheme is shown.
        if host.contains('@') || secret.contains('@') {
            shown.push_str(&stars(url));
        } else {
            shown.push_str(host);
            shown.push_str(&stars(secret));
        }
        rest = following;
    }
    shown.push_str(rest);
    shown
}

/// The value of every key that may be a secret's, in an inline table too.
fn without_passwords(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('=') {
        let key = before.trim_end_matches(|it: char| it.is_whitespace() || "\"'".contains(it));
        let is_name = |it: char| it.is_alphanumeric() || "_-".contains(it);
        let key = key.rsplit(|it| !is_name(it)).next().unwrap_or_default();
        shown.push_str(before);
        shown.push('=');
        rest = after;
        if is_secret(key) {
            let value = after.trim_start();
            let (secret, following) = value.split_at(end_of_value(value));
            shown.push_str(&" ".repeat(after.len() - value.len()));
            shown.push_str(&stars(secret));
            rest = following;
        }
    }
    shown.push_str(rest);
    shown
}

/// Where the value that the text begins with ends, its quotes included. Of what goes on over lines all is taken.
fn end_of_value(text: &str) -> usize {
    let line = text.trim_end().len();
    let Some(quote) = text.chars().next().filter(|it| "\"'".contains(*it)) else {
        let end = text.find([',', '}', ' ', '\t', '#']);
        return end.unwrap_or(line).min(line);
    };
    if text.starts_with("\"\"\"") || text.starts_with("'''") {
        return line;
    }
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if quote == '"' => is_escaped = true,
            it if it == quote => return at + 1,
            _ => {}
        }
    }
    line
}

fn stars(secret: &str) -> String {
    "*".repeat(secret.len())
}

/// `url = "…"` without a `://`, in three parts of which the second is not for everybody.
fn mistyped(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.trim_start().strip_prefix("url")?.trim_start();
    let value = rest.strip_prefix('=')?.trim_start();
    let begins = line.len() - value.len();
    let quote = value.chars().next().filter(|it| "\"'".contains(*it));
    let inner = value.trim_start_matches(|it| Some(it) == quote);
    let start = begins + (value.len() - inner.len());
    let end = quote.and_then(|quote| inner.find(quote));
    let end = start + end.unwrap_or(inner.trim_end().len());
    let url = line.get(start..end).filter(|it| !it.contains("://"))?;
    Some((line.get(..start)?, url, line.get(end..)?))
}
