//! Typed values out of a parsed table, with every mistake collected instead of returned.
//!
//! Which keys a table has is in [`super::keys`], what their values mean in the reader of each table.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Code, Diagnostic, Label, Severity, Span, escaped};
use super::keys::{Key, homes, nearest};
use super::values::{duration_of, float, in_range, integer, kind};
use crate::log::format::Gap;

pub(super) use super::values::{At, Given, WholeOrText};

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
    /// What the log format does not say.
    pub(super) gaps: Vec<Gap>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    /// Takes note of a mistake. One that was already said (two backends inherit the same wrong
    /// value) is said once.
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
    keys: &'static [Key],
    /// As in the file, `[backend.web]`.
    name: String,
}

impl<'t> Table<'t> {
    /// The top of the file.
    pub(super) fn top(entries: &'t DeTable<'t>, keys: &'static [Key]) -> Self {
        Self {
            entries,
            header: None,
            keys,
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
                !self.knows(given) && self.similar(given) == Some(key)
            })
    }

    fn knows(&self, name: &str) -> bool {
        self.keys.iter().any(|known| known.name == name)
    }

    /// The key that was meant by an unknown one.
    fn similar(&self, name: &str) -> Option<&'static str> {
        if homes(name).is_empty() {
            nearest(name, self.keys.iter().map(|key| key.name))
        } else {
            None
        }
    }

    /// Whether something stands below the key, good or bad.
    pub(super) fn has_entries(&self, key: &str) -> bool {
        let value = self.value(key).map(Spanned::get_ref);
        value.is_some_and(|value| value.as_table().is_none_or(|table| !table.is_empty()))
    }

    /// Where the value of the key stands.
    pub(super) fn place(&self, key: &str) -> Option<Span> {
        self.value(key).map(Spanned::span)
    }

    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        debug_assert!(self.keys.iter().any(|known| known.name == key), "{key}");
        self.entries.get(key)
    }

    /// Every key that should not be here.
    pub(super) fn reject_unknown(&self, reader: &mut Reader<'_>) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if self.knows(name) {
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
            return format!("a key with a similar name exists: `{similar}`");
        }
        let homes = homes(name);
        if homes.is_empty() {
            let list: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
            format!("keys of {}: {}", self.name, list.join(", "))
        } else {
            format!("`{name}` belongs in {}", homes.join(" or "))
        }
    }

    /// A mistake about the value of `key` as a whole.
    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Diagnostic {
        let given = value.get_ref();
        let example = self.keys.iter().find(|known| known.name == key);
        let example = example.map_or("", |known| known.example);
        let help = if example.starts_with('[') && !example.contains('"') {
            format!("write it as a table that begins with `{example}`")
        } else {
            format!("for example `{key} = {example}`")
        };
        Diagnostic::new(
            Code::WrongType,
            format!("`{key}` must be {wanted}"),
            Label::new(value.span(), format!("this is {}", kind(given))),
            help,
        )
    }

    pub(super) fn text(&self, key: &str, reader: &mut Reader<'_>) -> Option<At<String>> {
        let value = self.value(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(At {
                value: text.to_owned(),
                span: value.span(),
            });
        }
        reader.add(self.wrong(key, value, "a text in quotes"));
        None
    }

    pub(super) fn flag(&self, key: &str, reader: &mut Reader<'_>) -> Option<At<bool>> {
        let value = self.value(key)?;
        if let Some(flag) = value.get_ref().as_bool() {
            return Some(At {
                value: flag,
                span: value.span(),
            });
        }
        reader.add(self.wrong(key, value, "true or false, without quotes"));
        None
    }

    /// A whole number within `range`.
    pub(super) fn whole(
        &self,
        key: &str,
        range: RangeInclusive<u32>,
        reader: &mut Reader<'_>,
    ) -> Option<At<u32>> {
        let value = self.value(key)?;
        let Some(number) = integer(value.get_ref()) else {
            reader.add(self.wrong(key, value, "a whole number without quotes"));
            return None;
        };
        in_range(key, number, &range, value.span(), reader)
    }

    /// A number, with or without decimals.
    pub(super) fn number(&self, key: &str, reader: &mut Reader<'_>) -> Option<At<f64>> {
        let value = self.value(key)?;
        let number = float(value.get_ref());
        if let Some(number) = number {
            return Some(At {
                value: number,
                span: value.span(),
            });
        }
        reader.add(self.wrong(key, value, "a number without quotes"));
        None
    }

    /// A duration of at least `least`.
    pub(super) fn duration(
        &self,
        key: &str,
        least: Duration,
        reader: &mut Reader<'_>,
    ) -> Option<At<Duration>> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            reader.add(self.no_duration(key, value));
            return None;
        };
        duration_of(key, text, value.span(), least, reader)
    }

    fn no_duration(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Diagnostic {
        let mut diagnostic = self.wrong(key, value, "a duration: a text with a unit");
        if let Some(number) = float(value.get_ref()).filter(|number| *number >= 0.0) {
            let uses_ms = self
                .keys
                .iter()
                .any(|known| known.name == key && known.example.ends_with("ms\""));
            let unit = if uses_ms { "ms" } else { "s" };
            if number < 1e9 {
                diagnostic.help = format!("did you mean `{key} = \"{number}{unit}\"`?");
            }
            "a number without a unit".clone_into(&mut diagnostic.primary.text);
        }
        diagnostic
    }

    /// A whole number within `range`, or a text; the reader of the text decides about it.
    pub(super) fn whole_or_text(
        &self,
        key: &str,
        range: RangeInclusive<u32>,
        wanted: &str,
        reader: &mut Reader<'_>,
    ) -> Option<At<WholeOrText>> {
        let value = self.value(key)?;
        let span = value.span();
        if let Some(text) = value.get_ref().as_str() {
            let value = WholeOrText::Text(text.to_owned());
            return Some(At { value, span });
        }
        let Some(number) = integer(value.get_ref()) else {
            reader.add(self.wrong(key, value, wanted));
            return None;
        };
        let number = in_range(key, number, &range, span, reader)?;
        Some(At {
            value: WholeOrText::Whole(number.value),
            span: number.span,
        })
    }

    /// A number of requests, or a duration of at least `least`.
    pub(super) fn whole_or_duration(
        &self,
        key: &str,
        range: RangeInclusive<u32>,
        least: Duration,
        reader: &mut Reader<'_>,
    ) -> Option<At<Result<u32, Duration>>> {
        let wanted = "a whole number of requests, or a duration";
        let given = self.whole_or_text(key, range, wanted, reader)?;
        match given.value {
            WholeOrText::Whole(number) => Some(At {
                value: Ok(number),
                span: given.span,
            }),
            WholeOrText::Text(text) => {
                duration_of(key, &text, given.span, least, reader).map(|span| At {
                    value: Err(span.value),
                    span: span.span,
                })
            }
        }
    }

    /// A list of texts. A value that is a text is given back as `Err`, for its reader to judge.
    pub(super) fn texts_or_text(
        &self,
        key: &str,
        reader: &mut Reader<'_>,
    ) -> Option<At<Result<Vec<At<String>>, String>>> {
        let value = self.value(key)?;
        let span = value.span();
        if let Some(text) = value.get_ref().as_str() {
            return Some(At {
                value: Err(text.to_owned()),
                span,
            });
        }
        let Some(list) = value.get_ref().as_array() else {
            reader.add(self.wrong(key, value, "a list of names"));
            return None;
        };
        let mut texts = Vec::new();
        for element in list {
            if let Some(text) = element.get_ref().as_str() {
                texts.push(At {
                    value: text.to_owned(),
                    span: element.span(),
                });
            } else {
                reader.add(self.wrong(key, element, "a list of names in quotes"));
            }
        }
        Some(At {
            value: Ok(texts),
            span,
        })
    }

    /// A table below this one, its unknown keys already rejected.
    pub(super) fn table(
        &self,
        key: &str,
        keys: &'static [Key],
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let value = self.value(key)?;
        let table = self.below(key, value, keys, reader)?;
        table.reject_unknown(reader);
        Some(table)
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(
        &self,
        key: &str,
        keys: &'static [Key],
        reader: &mut Reader<'_>,
    ) -> Option<Vec<Self>> {
        let value = self.value(key)?;
        let Some(list) = value.get_ref().as_array() else {
            let mut diagnostic = self.wrong(key, value, "a list of tables");
            diagnostic.help = format!("write each as a table that begins with `[{}]`", {
                let inner = self.name.trim_end_matches(']');
                format!("{inner}.{key}]")
            });
            reader.add(diagnostic);
            return None;
        };
        let mut tables = Vec::new();
        for element in list {
            if let Some(table) = self.below(key, element, keys, reader) {
                table.reject_unknown(reader);
                tables.push(table);
            }
        }
        Some(tables)
    }

    /// The tables of `[key.NAME]`, each with its name.
    pub(super) fn named_tables(
        &self,
        key: &str,
        keys: &'static [Key],
        reader: &mut Reader<'_>,
    ) -> Vec<(At<String>, Self)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(parent) = self.below(key, value, &[], reader) else {
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in parent.entries {
            let at = At {
                value: name.get_ref().to_string(),
                span: name.span(),
            };
            if value.get_ref().is_table() {
                if let Some(table) = parent.below(&at.value, value, keys, reader) {
                    table.reject_unknown(reader);
                    tables.push((at, table));
                }
            } else {
                let mut header = parent.name.clone();
                header.insert_str(header.len() - 1, ".NAME");
                reader.add(Diagnostic::new(
                    Code::WrongType,
                    format!("`{}` must be a table", escaped(&at.value)),
                    Label::new(at.span, "this is taken for a name"),
                    format!("`{key}` needs a name: write its keys below `{header}`"),
                ));
            }
        }
        tables
    }

    fn below(
        &self,
        key: &str,
        value: &'t Spanned<DeValue<'t>>,
        keys: &'static [Key],
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let Some(entries) = value.get_ref().as_table() else {
            reader.add(self.wrong(key, value, "a table"));
            return None;
        };
        let name = if self.header.is_none() {
            format!("[{}]", escaped(key))
        } else {
            format!("{}.{}]", self.name.trim_end_matches(']'), escaped(key))
        };
        Some(Self {
            entries,
            header: Some(value.span()),
            keys,
            name,
        })
    }

    /// As in the file, `[backend.web]`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
