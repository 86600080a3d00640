//! The TOML parser's own mistakes, one for one: what follows from a mistake is not said again.

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::diagnostic::{Code, Diagnostic, Label, Span, escaped};
use super::reader::MAX_KEPT;
use super::render::LineIndex;

/// What is wrong with the syntax of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Mistakes {
    /// The first ones.
    pub found: Vec<Diagnostic>,
    /// How many more there are.
    pub left_out: usize,
    /// Lists and table headers with a mistake: what stands in and below them may have been meant
    /// for somewhere else.
    swallowed: Vec<Span>,
}

/// The parser's mistakes as diagnostics. The parser goes on after a
/// mistake; inside a list or on the same line what it then says is an echo of the first.
pub(super) fn mistakes(errors: &[Error], table: &DeTable<'_>, text: &str) -> Mistakes {
    let mut mistakes = Mistakes::default();
    if errors.is_empty() {
        return mistakes;
    }
    let mut lists = Vec::new();
    for value in table.values() {
        outer_lists(value, text, &mut lists);
    }
    lists.sort_by_key(|list| list.start);
    let mut said: Vec<Place> = Vec::new();
    let lines = LineIndex::new(text);
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let before = lists.partition_point(|list| list.start <= span.start);
        let list = before
            .checked_sub(1)
            .and_then(|index| lists.get(index))
            .filter(|list| span.start <= list.end);
        let line = lines.line_of(span.start).0;
        let place = list.map_or(Place::Line(line), |list| Place::List(list.start));
        if said.contains(&place) {
            continue;
        }
        if mistakes.found.len() == MAX_KEPT {
            mistakes.left_out += 1;
            continue;
        }
        said.push(place);
        mistakes
            .swallowed
            .extend(list.cloned().or_else(|| headless(&span, text)));
        mistakes.found.push(match list {
            Some(list) if !text.get(list.clone()).unwrap_or_default().ends_with(']') => {
                unclosed(list)
            }
            _ => plain(error, span),
        });
    }
    mistakes
}

/// The keys below a table header with a mistake at `span`, up to the next header.
fn headless(span: &Span, text: &str) -> Option<Span> {
    let start = text
        .get(..span.start)?
        .rfind('\n')
        .map_or(0, |feed| feed + 1);
    let rest = text.get(start..)?;
    let length = rest.find("\n[").unwrap_or(rest.len());
    let is_header = rest.trim_start().starts_with('[');
    is_header.then_some(start..start + length)
}

/// What the echoes of one mistake have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Line(usize),
    List(usize),
}

/// The places of all lists that are no part of another and no `[[table]]`.
fn outer_lists(value: &Spanned<DeValue<'_>>, text: &str, lists: &mut Vec<Span>) {
    let span = value.span();
    let begins = text.get(span.start..).unwrap_or_default();
    if let Some(list) = value.get_ref().as_array() {
        if begins.starts_with('[') && !begins.starts_with("[[") {
            lists.push(span);
        } else {
            for element in list {
                outer_lists(element, text, lists);
            }
        }
    } else if let Some(table) = value.get_ref().as_table() {
        for value in table.values() {
            outer_lists(value, text, lists);
        }
    }
}

fn unclosed(list: &Span) -> Diagnostic {
    Diagnostic::new(
        Code::Syntax,
        "not valid TOML: a list that is never closed",
        Label::new(list.start..list.start + 1, "starts here"),
        "close it with `]`, with commas between its elements: [\"web3\", \"web4\"]",
    )
}

fn plain(error: &Error, span: Span) -> Diagnostic {
    let message = escaped(error.message());
    let help = if message.contains("duplicate key") {
        "a key may appear only once in its table, and a table only once in the file: remove one"
    } else if message.contains("array") {
        "a list needs brackets, and commas between its elements: [\"web3\", \"web4\"]"
    } else {
        "write `key = value` lines below `[table]` headers; strings need quotes, lists need brackets"
    };
    let title = format!("not valid TOML: {message}");
    Diagnostic::new(Code::Syntax, title, Label::new(span, "here"), help)
}

/// A mistake of the syntax can swallow what follows: where there is one, nothing is called missing,
/// and nothing else is said about its line, nor about the placeholder of its value, which stands
/// nowhere.
pub(super) fn without_echoes(
    errors: Vec<Diagnostic>,
    syntax: &Mistakes,
    text: &str,
) -> Vec<Diagnostic> {
    if syntax.found.is_empty() {
        return errors;
    }
    let index = LineIndex::new(text);
    let line_of = |found: &Diagnostic| index.line_of(found.primary.span.start).0;
    let lines: Vec<usize> = syntax.found.iter().map(line_of).collect();
    let is_swallowed = |found: &Diagnostic| {
        syntax
            .swallowed
            .iter()
            .any(|list| list.contains(&found.primary.span.start))
    };
    let is_echo = |found: &Diagnostic| {
        found.code == Code::Missing
            || found.primary.span == (0..0)
            || is_swallowed(found)
            || lines.contains(&line_of(found))
    };
    errors.into_iter().filter(|found| !is_echo(found)).collect()
}
