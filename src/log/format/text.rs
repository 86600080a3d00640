//! A log format as it was given → the text that HAProxy works with: the quotes and backslashes of
//! haproxy.cfg are taken off, and each character remembers its place. What the text means does not
//! live here.

use std::ops::Range;

use super::error::{Fault, FormatError};
use super::variable::Variable;

/// One character, and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) letter: char,
    pub(super) range: Range<usize>,
}

/// The keyword of haproxy.cfg, which may stand in front.
const KEYWORD: &str = "log-format";

/// Takes the writing of haproxy.cfg off.
///
/// What begins with `log-format`, or stands in one pair of quotes as a whole, is one word of
/// haproxy.cfg (`configuration.txt` §2.2). Anything else is that word without its quotes, in which
/// backslashes may still stand before spaces and quotes.
pub(super) fn unquote(given: &str) -> Result<Vec<Glyph>, FormatError> {
    let word = given.trim();
    let from = given.len() - given.trim_start().len();
    let behind = word
        .strip_prefix(KEYWORD)
        .filter(|behind| behind.starts_with([' ', '\t']));
    let glyphs = match behind {
        Some(behind) => {
            let word = behind.trim_start();
            let skipped = word_offset(given, word);
            // HAProxy would take the second word amiss; what is meant is plain.
            let is_bare = !word.contains(['"', '\'']) && word.split(' ').any(names_variable);
            if is_bare {
                unescape(word, skipped)?
            } else {
                cfg_word(word, skipped)?
            }
        }
        None if is_wrapped(word) => cfg_word(word, from)?,
        None => unescape(word, from)?,
    };
    let control = glyphs
        .iter()
        .find(|glyph| glyph.letter.is_control() && glyph.letter != '\t');
    if let Some(control) = control {
        return Err(FormatError::new(
            Fault::Syntax,
            "the log format has a control character",
            control.range.clone(),
            "cannot stand in a line of a log",
            "write the format in one line",
        ));
    }
    Ok(glyphs)
}

/// One of HAProxy's own variables, alone or with something behind it.
fn names_variable(word: &str) -> bool {
    known(&places(word, 0)).is_some()
}

/// Where `part`, which is the end of `given` but for white space, begins.
fn word_offset(given: &str, part: &str) -> usize {
    given.trim_end().len() - part.len()
}

/// The quote at the beginning is closed by the last character and not before.
fn is_wrapped(word: &str) -> bool {
    let mut letters = word.char_indices();
    let Some((_, quote @ ('"' | '\''))) = letters.next() else {
        return false;
    };
    let mut is_escaped = false;
    for (at, letter) in letters {
        if is_escaped {
            is_escaped = false;
        } else if letter == '\\' && quote == '"' {
            is_escaped = true;
        } else if letter == quote {
            return at + 1 == word.len();
        }
    }
    false
}

/// Backslashes and variables alone; quotes stand for themselves, and so does a lone dollar sign.
fn unescape(word: &str, from: usize) -> Result<Vec<Glyph>, FormatError> {
    let letters = places(word, from);
    let mut glyphs = Vec::with_capacity(letters.len());
    let mut rest = letters.as_slice();
    while let Some((glyph, behind)) = next_glyph(rest) {
        let is_braced = glyph.letter == '$' && behind.first().is_some_and(|it| it.letter == '{');
        match Variable::at(rest) {
            Some(variable) if is_braced || variable.value().is_some() => {
                glyphs.extend(variable.expand()?);
                rest = variable.rest;
            }
            Some(_) | None => {
                glyphs.push(glyph);
                rest = behind;
            }
        }
    }
    Ok(glyphs)
}

/// One word of haproxy.cfg with its quotes, and nothing behind it but a comment.
fn cfg_word(word: &str, from: usize) -> Result<Vec<Glyph>, FormatError> {
    let letters = places(word, from);
    let mut glyphs = Vec::with_capacity(letters.len());
    let mut rest = letters.as_slice();
    let mut quote: Option<Glyph> = None;
    while let Some((first, behind)) = rest.split_first() {
        match (first.letter, quote.as_ref().map(|quote| quote.letter)) {
            (mark @ ('"' | '\''), open) if open.is_none_or(|open| open == mark) => {
                quote = open.is_none().then(|| first.clone());
                rest = behind;
            }
            (_, Some('\'')) => {
                if let Some(variable) = Variable::at(rest).filter(|it| it.value().is_some()) {
                    return Err(variable.in_single_quotes());
                }
                glyphs.push(first.clone());
                rest = behind;
            }
            ('$', open) if open.is_some() || known(rest).is_some() => {
                let variable = Variable::at(rest).ok_or_else(|| lone_dollar(first))?;
                glyphs.extend(variable.expand()?);
                rest = variable.rest;
            }
            (' ' | '\t', None) => {
                let more = behind.iter().find(|glyph| !glyph.letter.is_whitespace());
                match more {
                    Some(more) if more.letter != '#' => return Err(second_word(more)),
                    Some(_) | None => return Ok(glyphs),
                }
            }
            _ => {
                let Some((glyph, after)) = next_glyph(rest) else {
                    break;
                };
                glyphs.push(glyph);
                rest = after;
            }
        }
    }
    match quote {
        Some(open) => Err(FormatError::new(
            Fault::Syntax,
            "a quote of the log format does not end",
            open.range,
            "begins here",
            "write it as in haproxy.cfg, or without the quotes around it",
        )),
        None => Ok(glyphs),
    }
}

/// One of HAProxy's own, which it would not look for outside quotes; nobody means the letters.
fn known(text: &[Glyph]) -> Option<Variable<'_>> {
    Variable::at(text).filter(|variable| variable.value().is_some())
}

fn lone_dollar(place: &Glyph) -> FormatError {
    FormatError::new(
        Fault::Syntax,
        "the log format has a dollar sign that begins no variable",
        place.range.clone(),
        "HAProxy looks for a variable here",
        "write single quotes, or a backslash before it, if the dollar sign is meant",
    )
}

fn second_word(place: &Glyph) -> FormatError {
    FormatError::new(
        Fault::Syntax,
        "the log format ends at a space",
        place.range.clone(),
        "one word too many for haproxy.cfg",
        "put quotes around the whole format, or a backslash before each space",
    )
}

/// The first character of what is left, with its backslash resolved.
fn next_glyph(rest: &[Glyph]) -> Option<(Glyph, &[Glyph])> {
    let (first, behind) = rest.split_first()?;
    let plain = Some((first.clone(), behind));
    if first.letter != '\\' {
        return plain;
    }
    let Some((second, after)) = behind.split_first() else {
        return plain;
    };
    let joined = |letter, end: usize, after| {
        let range = first.range.start..end;
        Some((Glyph { letter, range }, after))
    };
    match second.letter {
        letter @ (' ' | '\\' | '"' | '\'' | '#' | '$' | '\t') => {
            joined(letter, second.range.end, after)
        }
        'n' => joined('\n', second.range.end, after),
        'r' => joined('\r', second.range.end, after),
        't' => joined('\t', second.range.end, after),
        'x' => match after {
            [high, low, after @ ..] => {
                let digits = (high.letter.to_digit(16), low.letter.to_digit(16));
                let (Some(high), Some(low_digit)) = digits else {
                    return plain;
                };
                let letter = char::from_u32(high * 16 + low_digit).filter(char::is_ascii);
                match letter {
                    Some(letter) => joined(letter, low.range.end, after),
                    None => plain,
                }
            }
            _ => plain,
        },
        _ => plain,
    }
}

fn places(word: &str, from: usize) -> Vec<Glyph> {
    word.char_indices()
        .map(|(at, letter)| Glyph {
            letter,
            range: from + at..from + at + letter.len_utf8(),
        })
        .collect()
}
