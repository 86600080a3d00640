//! Lines of the file as they may be shown: after a SIGHUP a mistake goes to the daemon's log with the line
//! that it stands in, and a URL may hold a secret.

/// The text with the same number of bytes, where every `url` shows its scheme and host alone.
pub(super) fn hidden(text: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .map(|line| match secret_of(line) {
            Some((before, secret, after)) => {
                let stars = "*".repeat(secret.len());
                format!("{before}{stars}{after}")
            }
            None => line.to_owned(),
        });
    lines.collect()
}

/// The line in three parts, of which the second is not for everybody.
fn secret_of(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.trim_start().strip_prefix("url")?.trim_start();
    let value = rest.strip_prefix('=')?.trim_start();
    let begins = line.len() - value.len();
    let quote = value.chars().next().filter(|it| "\"'".contains(*it));
    let inner = value.trim_start_matches(|it| Some(it) == quote);
    let start = begins + (value.len() - inner.len());
    let end = quote.and_then(|quote| inner.find(quote));
    let end = start + end.unwrap_or(inner.trim_end().len());
    let url = line.get(start..end)?;
    // A user before the host is a secret, too; then only the scheme is shown.
    let host = url.find("://").map(|at| at + "://".len());
    let shown = host.map(|host| {
        let rest = url.get(host..).unwrap_or_default();
        let path = rest.find(['/', '?']).unwrap_or(rest.len());
        let has_user = rest.get(..path).is_some_and(|it| it.contains('@'));
        if has_user { host } else { host + path }
    });
    let from = start + shown.unwrap_or(0);
    Some((line.get(..from)?, line.get(from..end)?, line.get(end..)?))
}
