//! A format that is refused because of what a client chooses → one that would do, to be copied. What is
//! wrong with the first does not live here.

use std::ops::Range;

use super::token::{Token, Tokens};

/// A longer suggestion is no help to anybody.
const BYTES_MAX: usize = 1500;

/// Formats to try, the one that changes least first: the items at `unsafe_ranges` escaped where they
/// stand, or moved to the end.
pub(super) fn candidates(tokens: &Tokens, unsafe_ranges: &[Range<usize>]) -> Vec<String> {
    let is_unsafe = |range: &Range<usize>| unsafe_ranges.contains(range);
    let pieces: Vec<Piece> = tokens
        .tokens
        .iter()
        .map(|token| Piece::of(token, is_unsafe))
        .collect();
    let escaped = pieces.iter().map(Piece::escaped).collect::<String>();
    let mut candidates = vec![escaped];
    candidates.extend(reordered(&pieces));
    candidates.retain(|it| it.len() <= BYTES_MAX);
    candidates
}

/// As a line of haproxy.cfg.
pub(super) fn as_log_format(format: &str) -> String {
    if format.contains('\'') {
        let escaped = format.replace('\\', "\\\\").replace('"', "\\\"");
        format!("log-format \"{}\"", escaped.replace('$', "\\$"))
    } else {
        format!("log-format '{format}'")
    }
}

/// What one token is written as.
struct Piece {
    text: String,
    is_literal: bool,
    is_unsafe: bool,
}

impl Piece {
    fn of(token: &Token, is_unsafe: impl Fn(&Range<usize>) -> bool) -> Self {
        let (text, is_literal, range) = match token {
            Token::Text('%', range) => ("%%".to_owned(), true, range),
            Token::Text(letter, range) => (letter.to_string(), true, range),
            Token::Space(range) => (" ".to_owned(), true, range),
            Token::Item(item) => (item.written.clone(), false, &item.range),
        };
        Self {
            text,
            is_literal,
            is_unsafe: !is_literal && is_unsafe(range),
        }
    }

    fn escaped(&self) -> String {
        if !self.is_unsafe {
            return self.text.clone();
        }
        if let Some(sample) = self.text.strip_suffix(']') {
            return format!("{sample},json(utf8s)]");
        }
        match self.text.strip_prefix('%') {
            Some(name) if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                format!("%{{+E}}{name}")
            }
            Some(_) | None => self.text.clone(),
        }
    }
}

/// Everything that holds an unsafe item behind everything else: words between spaces, or members of
/// one JSON object.
fn reordered(pieces: &[Piece]) -> Option<String> {
    let is = |piece: Option<&Piece>, text: &str| {
        piece.is_some_and(|piece| piece.is_literal && piece.text == text)
    };
    let is_json = is(pieces.first(), "{") && is(pieces.last(), "}");
    let (inner, separator) = if is_json {
        (pieces.get(1..pieces.len().checked_sub(1)?)?, ",")
    } else {
        (pieces, " ")
    };
    let (mut depth, mut is_quoted) = (0_i32, false);
    let mut units = vec![(String::new(), false)];
    for piece in inner {
        if piece.is_literal {
            match piece.text.as_str() {
                "\"" => is_quoted = !is_quoted,
                "{" | "[" if !is_quoted => depth += 1,
                "}" | "]" if !is_quoted => depth -= 1,
                text if text == separator && depth == 0 && !is_quoted => {
                    units.push((String::new(), false));
                    continue;
                }
                _ => {}
            }
        }
        let (text, is_unsafe) = units.last_mut()?;
        text.push_str(&piece.text);
        *is_unsafe |= piece.is_unsafe;
    }
    let (moved, kept): (Vec<_>, Vec<_>) = units.into_iter().partition(|(_, is_unsafe)| *is_unsafe);
    let all: Vec<String> = kept
        .into_iter()
        .chain(moved)
        .map(|(text, _)| text)
        .collect();
    let joined = all.join(separator);
    Some(if is_json {
        format!("{{{joined}}}")
    } else {
        joined
    })
}
