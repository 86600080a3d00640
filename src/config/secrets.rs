//! Lines of the file as they may be shown: after a SIGHUP a mistake goes to the daemon's log with the line
//! that it stands in, and a URL may hold a secret.

/// The text with the same number of bytes, where every URL shows its scheme and host alone.
pub(super) fn hidden(text: &str) -> String {
    text.split_inclusive('\n').map(hidden_line).collect()
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
