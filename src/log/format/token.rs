//! The text of a log format → items, with the flags that hold for each, and what stands between.
//!
//! Follows HAProxy's own reading (`configuration.txt` §8.2.6) of 2.4 to 3.2. What is allowed where
//! does not live here.

use std::ops::Range;

use super::alias::{self, Alias};
use super::error::{Fault, FormatError, shortened};
use super::text::Glyph;

/// Flags of one item, or from `%o` on of all that follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `+Q`: texts stand in double quotes.
    pub(super) is_quoted: bool,
    /// `+X`: some numbers and addresses are hexadecimal.
    pub(super) is_hex: bool,
    /// `+E`: a backslash stands before quotes, backslashes and `]`.
    pub(super) is_escaped: bool,
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Stands in the line as it is; never a space.
    Text(char, Range<usize>),
    /// One space, however many are written: HAProxy merges them.
    Space(Range<usize>),
    Item(Item),
}

/// A `%` item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) alias: Alias,
    pub(super) flags: Flags,
    /// `%(NAME)…`, 3.0 and later.
    pub(super) name: Option<String>,
    /// As written, for messages.
    pub(super) written: String,
    pub(super) range: Range<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_field_names,
    reason = "a list, and what holds for all of it"
)]
pub(super) struct Tokens {
    pub(super) tokens: Vec<Token>,
    /// `%{+json}o`, 3.0 and later: the line is one JSON object of the named items.
    pub(super) is_json: bool,
    /// `%{…}o` stands somewhere.
    pub(super) has_defaults: bool,
}

/// Reads a format. What is no item gives a mistake, and a space stands in its place, so that it makes
/// nothing else look wrong.
pub(super) fn tokens(glyphs: &[Glyph]) -> (Tokens, Vec<FormatError>) {
    let mut reader = Tokenizer {
        glyphs,
        at: 0,
        defaults: Flags::default(),
        made: Tokens::default(),
        mistakes: Vec::new(),
    };
    while reader.step() {}
    (reader.made, reader.mistakes)
}

struct Tokenizer<'a> {
    glyphs: &'a [Glyph],
    at: usize,
    defaults: Flags,
    made: Tokens,
    mistakes: Vec<FormatError>,
}

impl Tokenizer<'_> {
    fn peek(&self) -> Option<char> {
        self.glyphs.get(self.at).map(|glyph| glyph.letter)
    }

    /// From a glyph up to the place that was reached.
    fn range_from(&self, start: usize) -> Range<usize> {
        let place = |at: usize| self.glyphs.get(at).map(|glyph| glyph.range.clone());
        let first = place(start).unwrap_or_default();
        let last = place(self.at.saturating_sub(1)).unwrap_or_else(|| first.clone());
        first.start..last.end.max(first.end)
    }

    fn written(&self, start: usize) -> String {
        let written = self.glyphs.get(start..self.at).unwrap_or_default();
        written.iter().map(|glyph| glyph.letter).collect()
    }

    /// Takes letters up to `end` and `end` itself.
    fn until(&mut self, start: usize, end: char) -> Result<String, FormatError> {
        let mut taken = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            if letter == end {
                return Ok(taken);
            }
            taken.push(letter);
        }
        Err(FormatError::new(
            Fault::Syntax,
            format!("an item of the log format lacks its `{end}`"),
            self.range_from(start),
            "does not end",
            "write %% if the percent sign itself is meant",
        ))
    }

    /// One token; `false` at the end.
    fn step(&mut self) -> bool {
        let start = self.at;
        let Some(letter) = self.peek() else {
            return false;
        };
        self.at += 1;
        match letter {
            ' ' => {
                let range = self.range_from(start);
                // HAProxy begins no line with a space and writes no two in a row.
                if !matches!(self.made.tokens.last(), None | Some(Token::Space(_))) {
                    self.made.tokens.push(Token::Space(range));
                }
            }
            '%' if self.peek() == Some('%') => {
                self.at += 1;
                let range = self.range_from(start);
                self.made.tokens.push(Token::Text('%', range));
            }
            '%' => {
                if let Err(mistake) = self.item(start) {
                    self.mistakes.push(mistake);
                    self.alias_letters(); // Of an item whose name or flags are wrong.
                    self.made.tokens.push(Token::Space(self.range_from(start)));
                }
            }
            letter => {
                let range = self.range_from(start);
                self.made.tokens.push(Token::Text(letter, range));
            }
        }
        true
    }

    /// What follows a percent sign: `(NAME)`, `{FLAGS}`, then an alias or `[SAMPLE]`.
    fn item(&mut self, start: usize) -> Result<(), FormatError> {
        let mut name = None;
        if self.peek() == Some('(') {
            self.at += 1;
            let given = self.until(start, ')')?;
            name = Some(self.item_name(start, &given)?);
        }
        let mut flags = self.defaults;
        let mut wants_json = false;
        if self.peek() == Some('{') {
            self.at += 1;
            let given = self.until(start, '}')?;
            wants_json = self.flags(start, &given, &mut flags)?;
        }
        let alias = if self.peek() == Some('[') {
            self.at += 1;
            flags.is_hex = false; // Samples do not know it.
            alias::sample(&self.expression(start)?)
        } else {
            let letters = self.alias_letters();
            if letters == "o" {
                self.defaults = flags;
                self.made.has_defaults = true;
                return if wants_json {
                    self.begin_json(start)
                } else {
                    Ok(())
                };
            }
            alias::find(&letters).ok_or_else(|| self.unknown(start))?
        };
        if wants_json {
            return Err(self.json_misplaced(start));
        }
        let item = Item {
            alias,
            flags,
            name,
            written: self.written(start),
            range: self.range_from(start),
        };
        self.made.tokens.push(Token::Item(item));
        Ok(())
    }

    /// As many letters and digits as there are: HAProxy looks no further than to the first other.
    fn alias_letters(&mut self) -> String {
        let mut letters = String::new();
        while let Some(letter) = self.peek().filter(char::is_ascii_alphanumeric) {
            letters.push(letter);
            self.at += 1;
        }
        letters
    }

    /// A sample expression up to its `]`, which may also stand in parentheses or quotes.
    fn expression(&mut self, start: usize) -> Result<String, FormatError> {
        let mut taken = String::new();
        let (mut depth, mut quote) = (0_usize, None);
        while let Some(letter) = self.peek() {
            self.at += 1;
            match (letter, quote) {
                (']', None) if depth == 0 => return Ok(taken),
                ('"' | '\'', None) if depth > 0 => quote = Some(letter),
                (letter, Some(open)) if letter == open => quote = None,
                ('(', None) => depth += 1,
                (')', None) => depth = depth.saturating_sub(1),
                _ => {}
            }
            taken.push(letter);
        }
        self.until(start, ']')
    }

    /// `NAME` or `NAME:TYPE`.
    fn item_name(&self, start: usize, given: &str) -> Result<String, FormatError> {
        let (name, kind) = given.split_once(':').unwrap_or((given, ""));
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        let has_plain_name = !name.is_empty() && name.chars().all(is_plain);
        if has_plain_name && matches!(kind, "" | "str" | "sint") {
            return Ok(name.to_owned());
        }
        Err(FormatError::new(
            Fault::Unsupported,
            "an item's name or type is not read by this version",
            self.range_from(start),
            "here",
            "names of letters, digits, `_` and `-`, and the types str and sint, are",
        ))
    }

    /// `+Q,-X` and the like; says whether `+json` was among them.
    fn flags(&self, start: usize, given: &str, flags: &mut Flags) -> Result<bool, FormatError> {
        let mut wants_json = false;
        for flag in given.split(',') {
            match flag.trim() {
                "+Q" => flags.is_quoted = true,
                "-Q" => flags.is_quoted = false,
                "+X" => flags.is_hex = true,
                "-X" => flags.is_hex = false,
                "+E" => flags.is_escaped = true,
                "-E" => flags.is_escaped = false,
                // `-` for what is empty is the default.
                "" | "+M" => {}
                "+json" => wants_json = true,
                "-M" => {
                    return Err(self.refused(
                        start,
                        "`-M` leaves fields empty",
                        "remove `-M`, so that HAProxy writes `-` for an empty field",
                    ));
                }
                "+cbor" | "+bin" => {
                    return Err(self.refused(
                        start,
                        "binary log formats are not read",
                        "use `+json`, or a format of text",
                    ));
                }
                _ => return Err(self.unknown(start)),
            }
        }
        Ok(wants_json)
    }

    fn begin_json(&mut self, start: usize) -> Result<(), FormatError> {
        if self.made.tokens.is_empty() {
            self.made.is_json = true;
            return Ok(());
        }
        Err(self.json_misplaced(start))
    }

    fn json_misplaced(&self, start: usize) -> FormatError {
        self.refused(
            start,
            "`+json` is not at the beginning",
            "begin the format with `%{+json}o`",
        )
    }

    fn refused(&self, start: usize, title: &str, help: &str) -> FormatError {
        let range = self.range_from(start);
        FormatError::new(Fault::Unsupported, title, range, "here", help)
    }

    fn unknown(&self, start: usize) -> FormatError {
        let written = shortened(&self.written(start));
        FormatError::new(
            Fault::Syntax,
            format!("the log format has no item `{written}`"),
            self.range_from(start),
            "HAProxy has no such item",
            "write the format as in haproxy.cfg; a percent sign itself is %%",
        )
    }
}
