//! Mistakes as text for people: the line, the place, a few words, a way out, and at last how many.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Findings, Label, Severity, Span};

/// Longest source line that is shown as it is; of a longer one only the surroundings of the place
/// matter, and the layout would cost time in proportion.
const MAX_LINE_BYTES: usize = 2_000;

/// Most source between the places of one mistake that the layout is asked to fold away.
const MAX_PART_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Every diagnostic, and a last line with their number; empty when there is none.
pub(super) fn render(findings: &Findings, color: bool) -> String {
    let (diagnostics, left_out) = (&findings.diagnostics, findings.left_out);
    if diagnostics.is_empty() && left_out == 0 {
        return String::new();
    }
    let renderer = renderer(color);
    let lines = LineIndex::new(&findings.source);
    let name = printable(&findings.name);
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&one(diagnostic, &findings.source, &lines, &name, &renderer));
        text.push_str("\n\n");
    }
    let mut counts = Vec::new();
    for (severity, word) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
        let codes = diagnostics.iter().map(|diagnostic| diagnostic.code);
        let count = codes.filter(|code| code.severity() == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        if count > 0 {
            counts.push(format!("{count} {word}{plural}"));
        }
    }
    if left_out > 0 {
        counts.push(format!("{left_out} more not shown"));
    }
    text.push_str(&counts.join(", "));
    text.push('\n');
    text
}

fn renderer(color: bool) -> Renderer {
    if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
}

/// A file's name as a terminal may have it.
pub(super) fn printable(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).collect()
}

/// A file that could not be read.
pub(super) fn unreadable(path: &Path, error: &io::Error, color: bool) -> String {
    let shown = printable(&path.display().to_string());
    let help = if error.kind() == io::ErrorKind::NotFound {
        "create it (the README has a small one), or pass another file with -c FILE"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "give the user that runs this permission to read the file and to enter its directories"
    } else if error.kind() == io::ErrorKind::Other {
        "it decides which servers are disabled: only those in charge of that should be able to write it"
    } else {
        "name a plain file with -c FILE"
    };
    let title = format!("cannot read {shown}: {error}");
    let report = [
        Group::with_title(Level::ERROR.primary_title(title.as_str())),
        Group::with_title(Level::HELP.secondary_title(help)),
    ];
    renderer(color).render(&report) + "\n"
}

fn one(
    diagnostic: &Diagnostic,
    source: &str,
    lines: &LineIndex,
    name: &str,
    renderer: &Renderer,
) -> String {
    let level = match diagnostic.code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.title.as_str())
        .id(diagnostic.code.as_str());
    let help = Group::with_title(Level::HELP.secondary_title(diagnostic.help.as_str()));

    let spans: Vec<Span> = std::iter::once(&diagnostic.primary)
        .chain(&diagnostic.secondary)
        .map(|label| within(&label.span, source))
        .collect();
    let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let (first_line, line_start) = lines.line_of(start);
    // A byte order mark is no column.
    let from = if line_start == 0 && source.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len_utf8()
    } else {
        line_start
    };
    let to = lines.end_of(end, source.len());
    let part = source.get(from..to).unwrap_or_default();
    let is_large = part.len() > MAX_PART_BYTES;
    if is_large || part.lines().any(|line| line.len() > MAX_LINE_BYTES) {
        let places = places(diagnostic, source, lines, name);
        let title = renderer.render(&[Group::with_title(title)]);
        return format!("{title}\n{places}{}", renderer.render(&[help]));
    }

    // The layout shows other control characters as pictures; it leaves these, which some terminals
    // obey. The stand-in has as many bytes, so that every place stays right.
    let part = part.replace(|letter| ('\u{80}'..='\u{9f}').contains(&letter), "·");
    let mut snippet = Snippet::source(part).path(name).line_start(first_line);
    let labels = std::iter::once((AnnotationKind::Primary, &diagnostic.primary)).chain(
        diagnostic
            .secondary
            .iter()
            .map(|label| (AnnotationKind::Context, label)),
    );
    for ((kind, label), span) in labels.zip(&spans) {
        let place = kind.span(span.start.saturating_sub(from)..span.end.saturating_sub(from));
        snippet = snippet.annotation(place.label(label.text.as_str()));
    }
    renderer.render(&[title.element(snippet), help])
}

/// Places and words alone, where a line is too long to be shown, or the places are too far apart.
fn places(diagnostic: &Diagnostic, source: &str, lines: &LineIndex, name: &str) -> String {
    let mut places = String::new();
    for Label { span, text } in std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary) {
        let (line, column) = lines.place(within(span, source).start, source);
        let _ = writeln!(places, " --> {name}:{line}:{column}: {text}");
    }
    places
}

/// `span` moved to character boundaries inside the text.
pub(super) fn within(span: &Span, source: &str) -> Span {
    let floor = |index: usize| {
        let mut index = index.min(source.len());
        while !source.is_char_boundary(index) {
            index -= 1;
        }
        index
    };
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

/// Where each line begins.
pub(super) struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    pub(super) fn new(source: &str) -> Self {
        let ends = source
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n');
        Self {
            starts: std::iter::once(0)
                .chain(ends.map(|(at, _)| at + 1))
                .collect(),
        }
    }

    /// The number of the line that holds the byte at `index`, from 1, and where it begins.
    pub(super) fn line_of(&self, index: usize) -> (usize, usize) {
        let number = self.starts.partition_point(|start| *start <= index).max(1);
        (number, self.starts.get(number - 1).copied().unwrap_or(0))
    }

    /// Where the line that holds the byte at `index` ends, its line feed included.
    fn end_of(&self, index: usize, length: usize) -> usize {
        let number = self.starts.partition_point(|start| *start <= index);
        self.starts.get(number).copied().unwrap_or(length)
    }

    /// Line and column from 1, the column in characters.
    fn place(&self, index: usize, source: &str) -> (usize, usize) {
        let (number, from) = self.line_of(index);
        let before = source.get(from..index).unwrap_or_default();
        let before = before.trim_start_matches(BYTE_ORDER_MARK);
        let column = before.chars().count() + 1;
        (number, column)
    }
}
