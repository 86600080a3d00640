//! Items → the parts of a line, left to right: bytes that always stand there, and fields. Which of
//! them are read does not live here.

use std::ops::Range;

use super::alias::Role;
use super::error::shortened;
use super::token::{Flags, Item, Token, Tokens};

/// A part of the line: a byte that always stands there, or a field.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(u8, Range<usize>),
    Field(Item),
}

impl Part {
    pub(super) fn range(&self) -> Range<usize> {
        match self {
            Self::Literal(_, range) => range.clone(),
            Self::Field(item) => item.range.clone(),
        }
    }

    pub(super) fn written(&self) -> String {
        match self {
            Self::Literal(byte, _) => char::from(*byte).to_string(),
            Self::Field(item) => shortened(&item.written),
        }
    }

    pub(super) fn role(&self) -> Role {
        match self {
            Self::Literal(..) => Role::Other,
            Self::Field(item) => item.alias.role,
        }
    }
}

/// The parts of the line, left to right.
pub(super) fn parts(tokens: &Tokens) -> Vec<Part> {
    if tokens.is_json {
        return json_parts(tokens);
    }
    let mut parts = Vec::new();
    for token in &tokens.tokens {
        match token {
            Token::Text(letter, range) => literal(&mut parts, &letter.to_string(), range),
            Token::Space(range) => literal(&mut parts, " ", range),
            Token::Item(item) => match constant(item) {
                Some(text) => literal(&mut parts, text, &item.range),
                None => parts.push(Part::Field(item.clone())),
            },
        }
    }
    parts
}

/// `{"name": value, "name": value}` of the items with a name (3.0 and 3.2); all else is left out.
fn json_parts(tokens: &Tokens) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut before = "{";
    for token in &tokens.tokens {
        if let Token::Item(item) = token
            && let Some(name) = &item.name
        {
            literal(&mut parts, &format!("{before}\"{name}\": "), &item.range);
            parts.push(Part::Field(item.clone()));
            before = ", ";
        }
    }
    if let Some(last) = parts.last().map(Part::range) {
        literal(&mut parts, "}", &last);
    }
    parts
}

/// The text of `%[str(TEXT)]`, which stands in every line as it is here.
fn constant(item: &Item) -> Option<&str> {
    let argument = item.written.strip_prefix("%[str(")?.strip_suffix(")]")?;
    let text = argument.trim_matches(['"', '\'']);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _.:-/".contains(&byte);
    let is_constant = !text.is_empty() && text.bytes().all(is_plain);
    (is_constant && item.flags == Flags::default()).then_some(text)
}

fn literal(parts: &mut Vec<Part>, text: &str, range: &Range<usize>) {
    parts.extend(text.bytes().map(|byte| Part::Literal(byte, range.clone())));
}
