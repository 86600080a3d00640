//! One line of haproxy.cfg: where it stands, its words, and the same line with a word more or less,
//! for whoever prints the line that mends something.

use super::words::Word;

/// A place in the files that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Index in [`super::Cfg::files`].
    pub file: usize,
    /// From 1.
    pub line: usize,
}

/// A line with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: At,
    /// Without its comment.
    pub raw: String,
    pub words: Vec<Word>,
}

impl Line {
    /// The text of a word; empty beyond the last.
    pub fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |it| it.text.as_str())
    }

    /// The texts of the words from there on.
    pub fn from(&self, index: usize) -> impl Iterator<Item = &str> {
        self.words.iter().skip(index).map(|it| it.text.as_str())
    }

    /// Where a word stands, from that index on.
    pub fn position(&self, word: &str, from: usize) -> Option<usize> {
        let found = self.from(from).position(|it| it == word)?;
        Some(from + found)
    }

    /// The place above it: what is added below that stands before it.
    pub const fn above(&self) -> At {
        At {
            file: self.at.file,
            line: self.at.line.saturating_sub(1),
        }
    }

    /// The line as it is written, its indentation included.
    pub fn text(&self) -> String {
        self.raw.trim_end().to_owned()
    }

    /// With something more at its end.
    pub fn with(&self, more: &str) -> String {
        format!("{} {more}", self.raw.trim_end())
    }

    /// With something behind a word.
    pub fn with_behind(&self, index: usize, more: &str) -> String {
        let Some(word) = self.words.get(index) else {
            return self.with(more);
        };
        let before = self.raw.get(..word.span.end).unwrap_or(&self.raw);
        let after = self.raw.get(word.span.end..).unwrap_or_default();
        format!("{before} {more}{}", after.trim_end())
    }

    /// Without so many words from there on.
    pub fn without(&self, index: usize, count: usize) -> String {
        let words = self.words.get(index..).unwrap_or_default();
        let Some((first, last)) = words.first().zip(words.get(count.max(1) - 1)) else {
            return self.text();
        };
        let before = self.raw.get(..first.span.start).unwrap_or_default();
        let after = self.raw.get(last.span.end..).unwrap_or_default();
        let before = if after.trim().is_empty() {
            before.trim_end()
        } else {
            before
        };
        format!("{before}{}", after.trim_start())
            .trim_end()
            .to_owned()
    }

    /// With another word in the place of one.
    pub fn replacing(&self, index: usize, text: &str) -> String {
        let Some(word) = self.words.get(index) else {
            return self.with(text);
        };
        let before = self.raw.get(..word.span.start).unwrap_or_default();
        let after = self.raw.get(word.span.end..).unwrap_or_default();
        format!("{before}{text}{}", after.trim_end())
    }

    /// The same line after a change of it: its words are read anew.
    #[must_use]
    pub fn changed(&self, raw: String) -> Self {
        let (words, _) = super::words::words(&raw, &super::words::Variables::new());
        Self {
            at: self.at,
            raw,
            words,
        }
    }
}
