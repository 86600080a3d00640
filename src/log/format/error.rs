//! What is wrong with a log format, in the operator's words and with its place in what was given.

use std::fmt;
use std::ops::Range;

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no log-format string: an item that does not exist, a quote that does not end.
    Syntax,
    /// Something that a client chooses stands left of a field that is needed.
    Unsafe,
    /// A field that is needed is not in it.
    Incomplete,
    /// Two fields that cannot be told apart in a line.
    Ambiguous,
    /// Something that HAProxy can write and that is not read here.
    Unsupported,
}

/// Why a log format is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// What kind of mistake it is.
    pub fault: Fault,
    /// The mistake in one line.
    pub title: String,
    /// Where it is, in bytes of the text that was given, on character boundaries.
    pub range: Range<usize>,
    /// What about that place.
    pub label: String,
    pub help: String,
}

impl FormatError {
    pub(super) fn new(
        fault: Fault,
        title: impl Into<String>,
        range: Range<usize>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            fault,
            // It quotes what was given; a message is one line.
            title: title.into().replace(char::is_control, " "),
            range,
            label: label.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.title, self.help)
    }
}

impl std::error::Error for FormatError {}

/// What a message quotes of an item.
const WRITTEN_CHARS_MAX: usize = 40;

/// The beginning of what is too long to be quoted.
pub(super) fn shortened(written: &str) -> String {
    match written.char_indices().nth(WRITTEN_CHARS_MAX) {
        Some((end, _)) => written.get(..end).unwrap_or_default().to_owned() + "…",
        None => written.to_owned(),
    }
}
