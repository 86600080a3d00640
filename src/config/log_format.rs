//! `[log] format`: the compiler's errors and the gaps of a format as diagnostics. The compiler itself is
//! in [`crate::log::format`].

use super::diagnostic::{Code, Diagnostic, Label};
use super::reader::Reader;
use super::values::{Entry, not_one_of};
use crate::log::format::{Fault, LogFormat, WORDS};

/// Neither a word nor a log-format string.
fn is_mistyped_word(text: &str) -> bool {
    !WORDS.contains(&text) && !text.contains(['%', '$'])
}

/// The format of a text; `None` when it was refused, with everything that is wrong.
pub(super) fn read(given: &Entry<'_>, text: &str, reader: &mut Reader<'_>) -> Option<LogFormat> {
    if is_mistyped_word(text) {
        let mut mistake = not_one_of(given, text, WORDS.into_iter());
        mistake
            .help
            .push_str(", or a log-format string of haproxy.cfg");
        reader.add(mistake);
        return None;
    }
    let errors = match LogFormat::compile(text) {
        Ok(format) => {
            warn_of_gaps(given, text, &format, reader);
            return Some(format);
        }
        Err(errors) => errors,
    };
    for error in errors {
        let code = match error.fault {
            Fault::Syntax => Code::LogFormat,
            Fault::Unsafe => Code::UnsafeLogFormat,
            Fault::Incomplete => Code::IncompleteLogFormat,
            Fault::Ambiguous => Code::AmbiguousLogFormat,
            Fault::Unsupported => Code::Unsupported,
        };
        let span = reader.within(&given.span(), text, Some(error.range));
        let label = Label::new(span, error.label);
        reader.add(Diagnostic::new(code, error.title, label, error.help));
    }
    None
}

/// Reports what cannot be seen in lines of this format, and keeps it for the policies.
fn warn_of_gaps(given: &Entry<'_>, text: &str, format: &LogFormat, reader: &mut Reader<'_>) {
    let gaps = format.gaps();
    if gaps.is_empty() {
        return;
    }
    let texts: Vec<&str> = gaps.iter().map(|gap| gap.text()).collect();
    let items: Vec<&str> = gaps.iter().map(|gap| gap.item()).collect();
    // What is not there has no place: the end stands for it.
    let last = text.char_indices().next_back().map_or(0, |it| it.0);
    let span = reader.within(&given.span(), text, Some(last..text.len()));
    reader.add(Diagnostic::new(
        Code::LogFormatGap,
        format!("the log format lacks {}", items.join(", ")),
        Label::new(span, "not everything can be seen"),
        texts.join("; "),
    ));
    reader.gaps = gaps;
}

/// Reads a log format as `format` under `[log]` gives it.
///
/// # Errors
/// Every mistake of it, one a line, in words.
pub fn parse_format(text: &str) -> Result<LogFormat, String> {
    if is_mistyped_word(text) {
        let words = WORDS.join(", ");
        return Err(format!(
            "write {words}, or a log-format string of haproxy.cfg"
        ));
    }
    LogFormat::compile(text).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        errors.join("\n")
    })
}
