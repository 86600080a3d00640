//! What is wrong with a configuration file: a stable code, words, and places in the text.
//!
//! Finding mistakes belongs to the readers of each table, layout to [`super::render`].

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::render;

/// A place in the text of the file, in bytes.
pub type Span = Range<usize>;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but surely means something else.
    Warning,
}

/// What kind of mistake it is. The codes are stable: a code is never given to another mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Not TOML.
    Syntax,
    /// A key that does not exist here.
    UnknownKey,
    /// A value of the wrong type.
    WrongType,
    /// A text that is no duration.
    BadDuration,
    /// A duration of months or years.
    Months,
    /// A word that is not one of those allowed.
    NotAllowed,
    /// A number or duration outside its range.
    OutOfRange,
    /// Something that must be there is not.
    Missing,
    /// A value that the contract knows and this version does not offer.
    Unsupported,
    /// `min` above `max`.
    MinAboveMax,
    /// A server in both lists.
    AlwaysUpAndSpare,
    /// A server twice in one list.
    NamedTwice,
    /// A name that HAProxy could not have.
    BadName,
    /// A policy without `above` and `per_server`, or with both.
    PolicyTarget,
    /// A path, address, URL or other text that cannot be what its key needs.
    BadText,
    /// A file that is empty, too large or not UTF-8.
    BadFile,
    /// A log format that cannot be understood.
    LogFormat,
    /// A log format in which a client could forge what is read.
    UnsafeLogFormat,
    /// A log format without a field that is needed.
    IncompleteLogFormat,
    /// A log format with fields that cannot be told apart.
    AmbiguousLogFormat,
    /// A source that listens beyond loopback without `allow_remote`.
    NotLoopback,
    /// A duration above one day.
    LongDuration,
    /// `max` leaves no room for a spare when load grows.
    LowMax,
    /// One warm-up request may take longer than the whole warm-up.
    TimeoutAboveDeadline,
    /// A table for a server that is in neither list.
    UnlistedServer,
    /// A cooldown shorter than the window that it follows.
    ShortCooldown,
    /// A percentile of so few samples that it is the maximum.
    FewSamples,
    /// Nothing that could ever be enabled.
    NoSpares,
    /// `scale_down_ratio = 1`.
    NoHysteresis,
    /// A source that others can reach.
    RemoteSource,
    /// A file that more than its owner may write.
    GroupMayWrite,
    /// A log format that does not say everything.
    LogFormatGap,
}

impl Code {
    /// The stable code, `E0001` to `E0021` and `W0001` to `W0010`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "E0001",
            Self::UnknownKey => "E0002",
            Self::WrongType => "E0003",
            Self::BadDuration => "E0004",
            Self::Months => "E0005",
            Self::NotAllowed => "E0006",
            Self::OutOfRange => "E0007",
            Self::Missing => "E0008",
            Self::Unsupported => "E0009",
            Self::MinAboveMax => "E0010",
            Self::AlwaysUpAndSpare => "E0011",
            Self::NamedTwice => "E0012",
            Self::BadName => "E0013",
            Self::PolicyTarget => "E0014",
            Self::BadText => "E0015",
            Self::BadFile => "E0016",
            Self::LogFormat => "E0017",
            Self::UnsafeLogFormat => "E0018",
            Self::IncompleteLogFormat => "E0019",
            Self::AmbiguousLogFormat => "E0020",
            Self::NotLoopback => "E0021",
            Self::LongDuration => "W0001",
            Self::LowMax => "W0002",
            Self::TimeoutAboveDeadline => "W0003",
            Self::UnlistedServer => "W0004",
            Self::ShortCooldown => "W0005",
            Self::FewSamples => "W0006",
            Self::NoSpares => "W0007",
            Self::NoHysteresis => "W0008",
            Self::RemoteSource => "W0009",
            Self::GroupMayWrite => "W0010",
            Self::LogFormatGap => "W0020",
        }
    }

    /// `W` codes are warnings, `E` codes are errors.
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') {
            Severity::Warning
        } else {
            Severity::Error
        }
    }
}

/// A place with a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where; always within the text and on character boundaries.
    pub span: Span,
    /// What about it.
    pub text: String,
}

impl Label {
    /// `text` at `span`.
    pub fn new(span: Span, text: impl Into<String>) -> Self {
        Self {
            span,
            text: text.into(),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind.
    pub code: Code,
    /// The mistake in one line, with what was given.
    pub title: String,
    /// Where it is.
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What is allowed, or the way out.
    pub help: String,
}

impl Diagnostic {
    /// A mistake with one place.
    pub fn new(
        code: Code,
        title: impl Into<String>,
        primary: Label,
        help: impl Into<String>,
    ) -> Self {
        Self {
            code,
            title: title.into(),
            primary,
            secondary: Vec::new(),
            help: help.into(),
        }
    }

    /// The same with one more place.
    #[must_use]
    pub fn with(mut self, label: Label) -> Self {
        self.secondary.push(label);
        self
    }
}

/// Everything that was found in one file, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The file's name for messages.
    pub name: String,
    /// The text that the spans point into; invalid UTF-8 replaced.
    pub source: String,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Errors and warnings beyond the limit, counted and not kept.
    pub left_out: usize,
}

impl Findings {
    /// The findings as text, as [`ConfigErrors::render`].
    pub fn render(&self, color: bool) -> String {
        render::render(
            &self.diagnostics,
            self.left_out,
            &self.source,
            &self.name,
            color,
        )
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum ConfigErrors {
    /// The file could not be read at all.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file was read and is wrong: at least one error, and every warning.
    Invalid(Box<Findings>),
}

impl ConfigErrors {
    /// The errors and warnings; none when the file could not be read.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid(findings) => &findings.diagnostics,
        }
    }

    /// Every mistake with its line, marked, and a last line with their number. `source` is the
    /// text that was parsed and `name` what to call it.
    pub fn render(&self, source: &str, name: &str, color: bool) -> String {
        match self {
            Self::Unreadable { .. } => self.report(color),
            Self::Invalid(findings) => render::render(
                &findings.diagnostics,
                findings.left_out,
                source,
                name,
                color,
            ),
        }
    }

    /// As [`Self::render`], with the text and name that were remembered while loading.
    pub fn report(&self, color: bool) -> String {
        match self {
            Self::Unreadable { path, error } => render::unreadable(path, error, color),
            Self::Invalid(findings) => findings.render(color),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.report(false).trim_end())
    }
}

impl std::error::Error for ConfigErrors {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            Self::Invalid(_) => None,
        }
    }
}

/// Longest quotation of the file in a message.
const MAX_QUOTED_CHARS: usize = 60;

/// `text` in quotes as TOML would have it, shortened, control characters escaped: what the file says
/// may go to a terminal.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    quoted.push_str(&escaped(text));
    quoted.push('"');
    quoted
}

/// `text` shortened, quotes and control characters escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_QUOTED_CHARS)
        .flat_map(char::escape_debug)
        .filter(|letter| !letter.is_control())
        .collect();
    if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    shown.replace("\\'", "'")
}
