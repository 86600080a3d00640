//! `[log] source` and `allow_remote` as the configuration has them. Which source a text names is
//! known to [`crate::log::source`].

use super::diagnostic::{Code, Diagnostic, Label, Span, escaped, quoted};
use super::reader::{At, Reader};
use crate::log::source::LogSource;

/// The source of `[log]`; `None` with a mistake.
pub(super) fn source(text: &At<String>, reader: &mut Reader<'_>) -> Option<LogSource> {
    match LogSource::parse(&text.value) {
        Ok(source) => Some(source),
        Err(mistake) => {
            reader.add(Diagnostic::new(
                Code::BadText,
                format!("`source` is {}", quoted(&text.value)),
                Label::new(text.span.clone(), mistake.label),
                mistake.help,
            ));
            None
        }
    }
}

/// A source that others can reach needs `allow_remote = true`, and then a word of warning.
pub(super) fn check_remote(
    source: &LogSource,
    text: &str,
    span: Span,
    allow_remote: bool,
    reader: &mut Reader<'_>,
) {
    let Some(address) = source.remote_address() else {
        return;
    };
    let title = format!("`source` listens beyond this host: {}", escaped(text));
    reader.add(if allow_remote {
        Diagnostic::new(
            Code::RemoteSource,
            title,
            Label::new(span, "whoever reaches this port can write log lines"),
            "let a firewall pass HAProxy alone: forged lines cannot do more than wake one spare \
             and stop scaling down, but that they can",
        )
    } else {
        Diagnostic::new(
            Code::NotLoopback,
            title,
            Label::new(span, "not a loopback address"),
            format!(
                "with HAProxy on this host write \"{}127.0.0.1:{}\"; else write `allow_remote = \
                 true` and let a firewall pass HAProxy alone, for whoever reaches this port can \
                 forge log lines",
                text.get(..4).unwrap_or_default(),
                address.port()
            ),
        )
    });
}
