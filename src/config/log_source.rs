//! `[log] source` and `allow_remote` together. Which source a text names is known to
//! [`crate::log::source`].

use super::diagnostic::{Code, Diagnostic, Label, Span, escaped};
use super::reader::Reader;
use crate::log::source::LogSource;

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
            "let a firewall admit only HAProxy: forged lines can enable one spare and stop scaling \
             down, though nothing more",
        )
    } else {
        Diagnostic::new(
            Code::NotLoopback,
            title,
            Label::new(span, "not a loopback address"),
            format!(
                "if HAProxy runs on this host, write \"{}127.0.0.1:{}\"; otherwise write \
                 `allow_remote = true` and let a firewall admit only HAProxy, because whoever \
                 reaches this port can forge log lines",
                text.get(..4).unwrap_or_default(),
                address.port()
            ),
        )
    });
}
