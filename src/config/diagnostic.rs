//! What is wrong with a configuration file: a stable code, words, and places in the text.
//!
//! Finding mistakes belongs to the readers of each table, layout to [`super::render`].

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::render;
use crate::words::closed::closed;

/// A place in the text of the file, in bytes.
pub type Span = Range<usize>;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably means something else.
    Warning,
}

closed! {
    /// What kind of mistake it is. The codes are stable, `E` and a number for an error, `W` and a number
    /// for a warning: a code is never given to another mistake.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Code {
        /// Not TOML.
        Syntax = "E0001",
        /// A key that does not exist here.
        UnknownKey = "E0002",
        /// A value of the wrong type.
        WrongType = "E0003",
        /// A text that is no duration.
        BadDuration = "E0004",
        /// A duration of months or years.
        Months = "E0005",
        /// A word that is not one of those allowed.
        NotAllowed = "E0006",
        /// A number or duration outside its range.
        OutOfRange = "E0007",
        /// Something that must be there is not.
        Missing = "E0008",
        /// A value that the contract knows and this version does not offer.
        Unsupported = "E0009",
        /// `min` above `max`.
        MinAboveMax = "E0010",
        /// A server in both lists.
        AlwaysUpAndSpare = "E0011",
        /// A server twice in one list, or two alerts of one name.
        NamedTwice = "E0012",
        /// A name that HAProxy could not have.
        BadName = "E0013",
        /// A policy without `above` and `per_server`, or with both.
        PolicyTarget = "E0014",
        /// A path, address, URL or other text that cannot be what its key needs.
        BadText = "E0015",
        /// A file that is empty, too large or not UTF-8.
        BadFile = "E0016",
        /// A log format that cannot be understood.
        LogFormat = "E0017",
        /// A log format in which a client could forge what is read.
        UnsafeLogFormat = "E0018",
        /// A log format without a field that is needed.
        IncompleteLogFormat = "E0019",
        /// A log format with fields that cannot be told apart.
        AmbiguousLogFormat = "E0020",
        /// A source that listens beyond loopback without `allow_remote`.
        NotLoopback = "E0021",
        /// An HTTP listener beyond loopback without `token_file`.
        HttpWithoutToken = "E0022",
        /// One machine behind two servers.
        SharedMachine = "E0023",
        /// A duration above one day.
        LongDuration = "W0001",
        /// `max` leaves no room for a spare when load grows.
        LowMax = "W0002",
        /// One warm-up request may take longer than the whole warm-up.
        TimeoutAboveDeadline = "W0003",
        /// A table for a server that is in neither list.
        UnlistedServer = "W0004",
        /// A cooldown shorter than the window that it follows.
        ShortCooldown = "W0005",
        /// A percentile of so few samples that it is the maximum.
        FewSamples = "W0006",
        /// Nothing that could ever be enabled.
        NoSpares = "W0007",
        /// `scale_down_ratio = 1`.
        NoHysteresis = "W0008",
        /// A source that others can reach.
        RemoteSource = "W0009",
        /// A file that more than its owner may write.
        GroupMayWrite = "W0010",
        /// A key that means nothing beside another one.
        WithoutEffect = "W0011",
        /// A ramp so long that the newcomer hardly helps.
        LongRamp = "W0012",
        /// A password that is sent in the clear.
        PlainPassword = "W0013",
        /// A log format that does not say everything.
        LogFormatGap = "W0020",
    }
}

impl Code {
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    /// The mistake in one line, with what was given.
    pub title: String,
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
    /// Every mistake with its line, marked, and a last line with their number; empty without any.
    pub fn render(&self, color: bool) -> String {
        render::render(self, color)
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum ConfigErrors {
    /// The file could not be read at all.
    Unreadable {
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

    /// The first mistake with its line, and how many more there are; or why the file could not be read.
    pub fn in_short(&self) -> String {
        let findings = match self {
            Self::Unreadable { error, .. } => return error.to_string(),
            Self::Invalid(findings) => findings,
        };
        let mistakes = findings.diagnostics.iter();
        let mut mistakes = mistakes.filter(|it| it.code.severity() == Severity::Error);
        let first = mistakes.next().map_or_else(String::new, |first| {
            let before = findings.source.get(..first.primary.span.start);
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            format!("line {line}: {}", first.title)
        });
        match mistakes.count() {
            0 => first,
            more => format!("{first} (and {more} more)"),
        }
    }

    /// Every mistake with its line, marked, and a last line with their number; or why the file could
    /// not be read.
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
