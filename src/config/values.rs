//! Values: what a type must say about itself to be one (how it is read from the file, how it would
//! stand there, what may be written), and the plain types. The product's own types are in
//! [`super::types`], which key has which type in [`super::keys`].

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::{Code, Diagnostic, Label, Span, quoted};
use super::duration;
use super::key::{Holds, Key, Limit, nearest};
use super::reader::Reader;
use super::text::Mistake;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Span,
}

/// A key and the value that the file gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'t> {
    pub key: &'static Key,
    pub value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Entry<'t> {
    pub(super) fn span(&self) -> Span {
        self.value.span()
    }

    /// The value, if it is a text.
    pub(super) fn as_text(&self) -> Option<&'t str> {
        self.value.get_ref().as_str()
    }

    pub(super) fn text(&self, reader: &mut Reader<'_>) -> Option<&'t str> {
        self.or_wrong(self.as_text(), reader)
    }

    /// What was found, if it is of the key's type.
    fn or_wrong<T>(&self, found: Option<T>, reader: &mut Reader<'_>) -> Option<T> {
        if found.is_none() {
            reader.add(self.wrong(&self.key.kind()));
        }
        found
    }

    /// A number above 0, at most `max`.
    pub(super) fn number(&self, max: f64, reader: &mut Reader<'_>) -> Option<f64> {
        let number = self.or_wrong(float(self.value.get_ref()), reader)?;
        let fitting = Some(number).filter(|number| *number > 0.0 && *number <= max);
        if fitting.is_none() {
            let help = format!("write a number above 0, at most {max}");
            reader.add(self.bad(Code::OutOfRange, "out of range", help));
        }
        fitting
    }

    /// The value of a text that `parse` takes.
    pub(super) fn parsed<T>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, Mistake>,
        reader: &mut Reader<'_>,
    ) -> Option<T> {
        let text = self.text(reader)?;
        parse(text)
            .map_err(|mistake| reader.add(self.bad(Code::BadText, mistake.label, mistake.help)))
            .ok()
    }

    /// The mistake of a value that is of the right type and says the wrong thing.
    pub(super) fn bad(&self, code: Code, label: &str, help: impl Into<String>) -> Diagnostic {
        let value = self.value.get_ref();
        let number = || integer(value).map(|number| number.to_string());
        let float = || value.as_float().map(|float| float.as_str().to_owned());
        let shown = self.as_text().map(quoted).or_else(number).or_else(float);
        let title = format!("`{}` is {}", self.key.name, shown.unwrap_or_default());
        Diagnostic::new(code, title, Label::new(self.span(), label), help)
    }

    /// The mistake of a value of another type than `wanted`.
    pub(super) fn wrong(&self, wanted: &str) -> Diagnostic {
        let (key, value) = (self.key.name, self.value);
        let example = self.key.default().unwrap_or_else(|| self.key.shown());
        let help = match self.key.holds {
            Holds::Table(header) => {
                let header = header.replace("NAME", "web").replace("SERVER", "web3");
                format!("write it as a table: `{header}`")
            }
            Holds::Value(_) | Holds::Other(..) => {
                format!("for example `{key} = {example}`")
            }
        };
        let label = Label::new(value.span(), format!("this is {}", kind(value.get_ref())));
        let title = format!("`{key}` must be {wanted}");
        Diagnostic::new(Code::WrongType, title, label, help)
    }

    /// The whole number, if it is one and within its limits.
    fn whole(&self, (least, most): (u32, u32), reader: &mut Reader<'_>) -> Option<u32> {
        let number = self.or_wrong(integer(self.value.get_ref()), reader)?;
        let fitting = u32::try_from(number).ok();
        let fitting = fitting.filter(|fit| (least..=most).contains(fit));
        if fitting.is_none() {
            let is_small = number < i128::from(least);
            let label = if is_small { "too small" } else { "too large" };
            let help = format!("write a whole number from {least} to {most}");
            reader.add(self.bad(Code::OutOfRange, label, help));
        }
        fitting
    }

    fn duration(&self, least: Duration, reader: &mut Reader<'_>) -> Option<Duration> {
        if let Some(text) = self.as_text() {
            return duration::read(self, text, least, reader);
        }
        let mut mistake = self.wrong(&self.key.kind());
        if let Some(number) = float(self.value.get_ref()).filter(|number| *number >= 0.0) {
            let is_short = self.key.shown().ends_with("ms\"");
            let unit = if is_short { "ms" } else { "s" };
            if number < 1e9 {
                let key = self.key.name;
                mistake.help = format!("did you mean `{key} = \"{number}{unit}\"`?");
            }
            "a number without a unit".clone_into(&mut mistake.primary.text);
        }
        reader.add(mistake);
        None
    }

    /// A whole number within `range`, or what `parse` makes of a text.
    pub(super) fn whole_or_text<T>(
        &self,
        range: (u32, u32),
        whole: impl FnOnce(u32) -> T,
        parse: impl FnOnce(&str, &mut Reader<'_>) -> Option<T>,
        reader: &mut Reader<'_>,
    ) -> Option<T> {
        match self.as_text() {
            Some(text) => parse(text, reader),
            None => self.whole(range, reader).map(whole),
        }
    }
}

/// What a key sets, of whatever type.
pub(super) trait Value {
    /// Becomes what the file says; after a mistake it stays what it was, and the answer is `false`.
    fn take(&mut self, given: &Entry<'_>, reader: &mut Reader<'_>) -> bool;
    /// As it would stand in the file; `None` when it is not set.
    fn shown(&self) -> Option<String>;
    /// What may be written, in words; its row adds the limits.
    fn kind(&self) -> String;
}

/// A type of values.
pub(super) trait Parse: Sized {
    /// What may be written, in words; its row adds the limits.
    const KIND: &'static str;
    /// Where there may be none, `""` says so.
    const IS_NONE_IF_EMPTY: bool = false;
    /// The same, where it has to be put together.
    fn kind() -> String {
        Self::KIND.to_owned()
    }
    /// `None` when it was reported.
    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self>;
    /// As it would stand in the file.
    fn show(&self) -> String;
}

impl<T: Parse> Value for T {
    fn take(&mut self, given: &Entry<'_>, reader: &mut Reader<'_>) -> bool {
        let read = T::parse(given, reader);
        read.map(|value| *self = value).is_some()
    }

    fn shown(&self) -> Option<String> {
        Some(self.show())
    }

    fn kind(&self) -> String {
        T::kind()
    }
}

impl<T: Parse> Value for Option<T> {
    fn take(&mut self, given: &Entry<'_>, reader: &mut Reader<'_>) -> bool {
        if T::IS_NONE_IF_EMPTY && given.as_text() == Some("") {
            *self = None;
            return true;
        }
        let read = T::parse(given, reader);
        read.map(|value| *self = Some(value)).is_some()
    }

    fn shown(&self) -> Option<String> {
        let none = T::IS_NONE_IF_EMPTY.then(|| quoted(""));
        self.as_ref().map(T::show).or(none)
    }

    fn kind(&self) -> String {
        T::kind()
    }
}

impl Parse for Duration {
    const KIND: &'static str = "a duration";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.duration(given.key.limit.least(), reader)
    }

    fn show(&self) -> String {
        quoted(&humantime::format_duration(*self).to_string())
    }
}

impl Parse for u32 {
    const KIND: &'static str = "a whole number";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.whole(given.key.limit.whole(), reader)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A share.
impl Parse for f64 {
    const KIND: &'static str = "a number above 0, at most 1";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let share = given.or_wrong(float(given.value.get_ref()), reader)?;
        let fitting = Some(share).filter(|share| *share > 0.0 && *share <= 1.0);
        if fitting.is_none() {
            let is_zero = share == 0.0;
            let label = if is_zero {
                "nothing is ever below 0"
            } else {
                "outside 0 to 1"
            };
            let example = given.key.shown();
            let help = format!("write a number between 0 and 1, for example {example}");
            reader.add(given.bad(Code::OutOfRange, label, help));
        }
        fitting
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Parse for bool {
    const KIND: &'static str = "`true` or `false`, without quotes";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.or_wrong(given.value.get_ref().as_bool(), reader)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Parse for String {
    const KIND: &'static str = "a string";
    const IS_NONE_IF_EMPTY: bool = true;

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let check = |text: &str| match given.key.limit {
            Limit::Text(check) => check(text),
            Limit::Type | Limit::Least(_) | Limit::Whole(..) => Ok(()),
        };
        given.parsed(|text| check(text).map(|()| text.to_owned()), reader)
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

impl Parse for PathBuf {
    const KIND: &'static str = "a path";
    const IS_NONE_IF_EMPTY: bool = true;

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        String::parse(given, reader).map(Self::from)
    }

    fn show(&self) -> String {
        quoted(&self.display().to_string())
    }
}

/// A type whose values are a closed list of words.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// Each word with what it stands for.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Word> Parse for T {
    const KIND: &'static str = "one of a list of words";

    fn kind() -> String {
        let words: Vec<_> = T::WORDS
            .iter()
            .map(|(word, _)| format!("`\"{word}\"`"))
            .collect();
        let Some((last, others)) = words.split_last() else {
            return Self::KIND.to_owned();
        };
        format!("{} or {last}", others.join(", "))
    }

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let text = given.text(reader)?;
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words = T::WORDS.iter().map(|(word, _)| *word);
            reader.add(not_one_of(given, text, words));
        }
        found.map(|(_, value)| *value)
    }

    fn show(&self) -> String {
        let found = T::WORDS.iter().find(|(_, value)| value == self);
        quoted(found.map_or("", |(word, _)| word))
    }
}

/// The mistake of a word that is not in its list.
pub(super) fn not_one_of<'a>(
    given: &Entry<'_>,
    text: &str,
    words: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let list: Vec<String> = words.clone().map(quoted).collect();
    let mut help = format!("allowed: {}", list.join(", "));
    if let Some(similar) = nearest(text, words) {
        help = format!("did you mean \"{similar}\"? {help}");
    }
    let mut mistake = given.bad(Code::NotAllowed, "not an allowed value", help);
    mistake.title = format!("`{}` cannot be {}", given.key.name, quoted(text));
    mistake
}

/// A TOML integer; one that no `i128` holds is taken for the largest, which no range allows.
fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    let parsed = i128::from_str_radix(integer.as_str(), integer.radix());
    Some(parsed.unwrap_or(i128::MAX))
}

#[allow(clippy::cast_precision_loss)] // compared with small ranges only
pub(super) fn float(value: &DeValue<'_>) -> Option<f64> {
    value
        .as_float()
        .map(|float| float.as_str().parse().unwrap_or(f64::NAN))
        .or_else(|| integer(value).map(|integer| integer as f64))
}

/// What a value is, in words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value.type_str() {
        "string" => "a string",
        "integer" => "a whole number",
        "float" => "a number with decimals",
        "boolean" => "true or false",
        "datetime" => "a date or time",
        "array" => "a list",
        "table" => "a table",
        _ => "something else",
    }
}
