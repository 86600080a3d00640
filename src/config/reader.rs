//! The tables of a parsed file, and every mistake in them, collected instead of returned.
//!
//! Which keys a table has is in [`super::keys`], what their values may be in [`super::values`].

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Code, Diagnostic, Label, Severity, Span, escaped};
use super::draft::Draft;
use super::key::{Holds, Key, Section, homes, nearest};
use super::values::{Entry, Parse};
use crate::log::format::Gap;

pub(super) use super::values::At;

/// Errors kept of one file, and as many warnings; what comes after is counted.
pub(super) const MAX_KEPT: usize = 100;

/// Keys of a table that are compared with a missing one.
const MAX_COMPARED_KEYS: usize = 1_000;

/// Collects mistakes while tables are read.
#[derive(Debug, Default)]
pub(super) struct Reader<'s> {
    source: &'s str,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    left_out: usize,
    /// What lines of the log format do not show.
    pub(super) gaps: Vec<Gap>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    /// Takes note of a mistake. One that is known already (two backends inherit the same wrong
    /// value) counts once.
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        let list = match diagnostic.code.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if list.contains(&diagnostic) {
            return;
        }
        if list.len() < MAX_KEPT {
            list.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    /// Errors, warnings, and how many more there were.
    pub(super) fn into_parts(self) -> (Vec<Diagnostic>, Vec<Diagnostic>, usize) {
        (self.errors, self.warnings, self.left_out)
    }

    /// The place of `range` within the text of a string value, when the string is written without
    /// escapes; else the whole value.
    pub(super) fn within(
        &self,
        value: &Span,
        text: &str,
        range: Option<std::ops::Range<usize>>,
    ) -> Span {
        let Some(range) = range else {
            return value.clone();
        };
        let raw = self.source.get(value.clone()).unwrap_or_default();
        let place = |byte: usize| Some(value.start + place_in_raw(raw, text, byte)?);
        match (place(range.start), place(range.end)) {
            (Some(start), Some(end)) => start..end,
            _ => value.clone(),
        }
    }
}

/// Where the byte of a text stands in the TOML string that says it; `None` where that has escapes other
/// than of one character.
fn place_in_raw(raw: &str, text: &str, byte: usize) -> Option<usize> {
    let quote = raw.chars().next().filter(|it| "\"'".contains(*it))?;
    let is_long = raw.len() >= 6 && raw.bytes().take(3).all(|it| it == quote as u8);
    let mut at = if is_long { 3 } else { 1 };
    // A newline right behind the opening quotes does not count.
    if is_long && raw.get(at..)?.starts_with('\n') {
        at += 1;
    }
    let mut letters = raw.get(at..)?.char_indices().peekable();
    for (place, wanted) in text.char_indices() {
        let (offset, letter) = letters.next()?;
        if place == byte {
            return Some(at + offset);
        }
        let is_escape = quote == '"' && letter == '\\';
        let said = if is_escape {
            match letters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                it @ ('"' | '\\') => it,
                _ => return None,
            }
        } else {
            letter
        };
        if said != wanted {
            return None;
        }
    }
    (byte == text.len()).then_some(at + letters.next()?.0)
}

/// One table of the file.
#[derive(Clone, Debug)]
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// Where it begins; `None` for the top of the file.
    header: Option<Span>,
    section: &'static Section,
    /// As in the file, `[backend.web]`.
    name: String,
}

impl<'t> Table<'t> {
    /// The top of the file.
    pub(super) fn top(entries: &'t DeTable<'t>, section: &'static Section) -> Self {
        Self {
            entries,
            header: None,
            section,
            name: "the top of the file".to_owned(),
        }
    }

    /// Where the table begins.
    pub(super) fn span(&self) -> Span {
        self.header.clone().unwrap_or(0..0)
    }

    /// Whether the key stands here, with a good value or a bad one, or mistyped: a mistyped key is
    /// one mistake, and must not be called missing as well.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
            || self.entries.keys().take(MAX_COMPARED_KEYS).any(|given| {
                let given: &str = given.get_ref();
                self.section.key(given).is_none() && self.similar(given) == Some(key)
            })
    }

    /// The key that was meant by an unknown one.
    fn similar(&self, name: &str) -> Option<&'static str> {
        let known = self.section.keys().map(|key| key.name);
        nearest(name, known).filter(|_| homes(name).is_empty())
    }

    /// Whether something stands below the key, good or bad.
    pub(super) fn has_entries(&self, key: &str) -> bool {
        let value = self.entry(key).map(|entry| entry.value.get_ref());
        value.is_some_and(|value| value.as_table().is_none_or(|table| !table.is_empty()))
    }

    /// Where the value of the key stands.
    pub(super) fn place(&self, key: &str) -> Option<Span> {
        self.entry(key).map(|entry| entry.span())
    }

    /// The key and its value, if it is given.
    pub(super) fn entry(&self, key: &str) -> Option<Entry<'t>> {
        let row = self.section.key(key);
        debug_assert!(row.is_some(), "{key}");
        let (key, value) = (row?, self.entries.get(key)?);
        Some(Entry { key, value })
    }

    /// Every key that should not be here.
    pub(super) fn reject_unknown(&self, reader: &mut Reader<'_>) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if self.section.key(name).is_some() {
                continue;
            }
            if reader.errors.len() >= MAX_KEPT {
                reader.left_out += 1;
                continue;
            }
            let mut diagnostic = Diagnostic::new(
                Code::UnknownKey,
                format!("unknown key `{}`", escaped(name)),
                Label::new(key.span(), "no such key"),
                self.way_out(name),
            );
            if let Some(header) = &self.header {
                diagnostic = diagnostic.with(Label::new(header.clone(), "in this table"));
            }
            reader.add(diagnostic);
        }
    }

    fn way_out(&self, name: &str) -> String {
        if let Some(similar) = self.similar(name) {
            return format!("did you mean `{similar}`?");
        }
        let longer = self.section.keys().map(|key| key.name);
        let longer = longer.filter(|key| key.ends_with(&format!("_{name}")));
        if let Some(key) = longer.into_iter().next() {
            return format!("did you mean `{key}`?");
        }
        let homes = homes(name);
        if homes.is_empty() {
            let list: Vec<&str> = self.section.keys().map(|key| key.name).collect();
            format!("keys of {}: {}", self.name, list.join(", "))
        } else {
            format!("`{name}` belongs in {}", homes.join(" or "))
        }
    }

    /// Puts every value that stands here into the draft. What the draft's reader takes itself, and
    /// the tables below, are left to it.
    pub(super) fn fill(&self, draft: &mut Draft, reader: &mut Reader<'_>) {
        for key in self.section.keys() {
            if let Holds::Value(place) = key.holds
                && let Some(value) = self.entries.get(key.name)
                && place(draft).take(&Entry { key, value }, reader)
            {
                draft.given.insert(key.name, value.span());
            }
        }
    }

    /// The value of a key that the draft does not hold.
    pub(super) fn get<T: Parse>(&self, key: &str, reader: &mut Reader<'_>) -> Option<At<T>> {
        let entry = self.entry(key)?;
        let value = T::parse(&entry, reader)?;
        let span = entry.span();
        Some(At { value, span })
    }

    /// A table below this one, its unknown keys already rejected.
    pub(super) fn table(
        &self,
        key: &str,
        section: &'static Section,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let entry = self.entry(key)?;
        self.below(entry.key, entry.value, key, section, reader)
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(
        &self,
        key: &str,
        section: &'static Section,
        reader: &mut Reader<'_>,
    ) -> Option<Vec<Self>> {
        let entry = self.entry(key)?;
        let Some(list) = entry.value.get_ref().as_array() else {
            let mut diagnostic = entry.wrong("a list of tables");
            diagnostic.help = format!("write each as a table: `[{}]`", self.name_below(key));
            reader.add(diagnostic);
            return None;
        };
        let mut tables = Vec::new();
        for element in list {
            tables.extend(self.below(entry.key, element, key, section, reader));
        }
        Some(tables)
    }

    /// The tables of `[key.NAME]`, each with its name.
    pub(super) fn named_tables(
        &self,
        key: &str,
        section: &'static Section,
        reader: &mut Reader<'_>,
    ) -> Vec<(At<String>, Self)> {
        let Some(entry) = self.entry(key) else {
            return Vec::new();
        };
        let Some(names) = entry.value.get_ref().as_table() else {
            reader.add(entry.wrong("a table"));
            return Vec::new();
        };
        let parent = self.name_below(key);
        let mut tables = Vec::new();
        for (name, value) in names {
            let at = At {
                value: name.get_ref().to_string(),
                span: name.span(),
            };
            if value.get_ref().is_table() {
                let path = format!("{key}.{}", escaped(&at.value));
                let table = self.below(entry.key, value, &path, section, reader);
                tables.extend(table.map(|table| (at, table)));
            } else {
                reader.add(Diagnostic::new(
                    Code::WrongType,
                    format!("`{}` must be a table", escaped(&at.value)),
                    Label::new(at.span, "this is taken for a name"),
                    format!(
                        "`{key}` needs a name: write its keys below `{}.NAME]`",
                        parent.trim_end_matches(']')
                    ),
                ));
            }
        }
        tables
    }

    fn below(
        &self,
        key: &'static Key,
        value: &'t Spanned<DeValue<'t>>,
        path: &str,
        section: &'static Section,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let Some(entries) = value.get_ref().as_table() else {
            reader.add(Entry { key, value }.wrong("a table"));
            return None;
        };
        let table = Self {
            entries,
            header: Some(value.span()),
            section,
            name: self.name_below(path),
        };
        table.reject_unknown(reader);
        Some(table)
    }

    fn name_below(&self, path: &str) -> String {
        match self.header {
            None => format!("[{path}]"),
            Some(_) => format!("{}.{path}]", self.name.trim_end_matches(']')),
        }
    }

    /// As in the file, `[backend.web]`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
