//! What an item looks like in a line: a piece of a pattern, and by which bytes it could begin and
//! go on. That decides whether two neighbours can be told apart.

use super::alias::Shape;
use super::token::{Flags, Item};
use crate::words::names::is_name_byte;

/// A set of bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes([bool; 256]);

impl Bytes {
    pub(super) const NONE: Self = Self([false; 256]);

    pub(super) fn of(holds: impl Fn(u8) -> bool) -> Self {
        let mut bytes = Self::NONE;
        for (byte, slot) in (0..=u8::MAX).zip(&mut bytes.0) {
            *slot = holds(byte);
        }
        bytes
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, two)| *one && *two)
    }
}

/// One item as a pattern. `value` has no groups in it; `before` and `after` stand around it.
pub(super) struct Look {
    pub(super) before: &'static str,
    pub(super) value: String,
    pub(super) after: &'static str,
    /// By which bytes it may begin.
    pub(super) first: Bytes,
    /// By which bytes it might go on where it could end; none, if its end is plain.
    pub(super) more: Bytes,
}

/// How the line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    /// One JSON object.
    Json,
}

const NAME: &str = "(?:[A-Za-z0-9_.:-]+|<[A-Za-z0-9_.:-]+>)";
const SERVER: &str = r"(?:[A-Za-z0-9_.:-]+|<[A-Za-z0-9_.:-]+>|\\u003c[A-Za-z0-9_.:-]+\\u003e)";
const TIMER: &str = "[+-]?[0-9]+";
const COUNT: &str = r"\+?[0-9]+";
const DATE_MS: &str = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}";
const DATE_ZONE: &str = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}";

/// A client's text in a quoted string where no quote can be, and where each has a backslash before it.
const NO_QUOTE: &str = "[^\"]*";
const QUOTES_ESCAPED: &str = r#"(?:[^"\\]|\\(?s-u:.))*"#;

/// What a client chooses where HAProxy writes JSON: a string with its quotes escaped, whatever the item
/// (3.0 and 3.2); numbers, booleans and `null` of samples; lists of captured headers.
fn json_value(name: &str) -> Look {
    let value = if matches!(name, "hrl" | "hsl") {
        format!(r#"(?:\[(?:"{QUOTES_ESCAPED}"[, ]*)*\]|null)"#)
    } else {
        format!(r#"(?:"{QUOTES_ESCAPED}"|true|false|null|-?[0-9]+)"#)
    };
    Look {
        before: "",
        value,
        after: "",
        first: Bytes::of(|byte| {
            byte == b'"' || byte == b'[' || byte.is_ascii_alphanumeric() || byte == b'-'
        }),
        more: Bytes::of(|byte| byte.is_ascii_digit()),
    }
}

/// A client's text up to the quote that ends it; with `is_quoted` from its quote on.
pub(super) fn quoted(ending: Ending, is_quoted: bool) -> Look {
    let value = match ending {
        Ending::AtQuote => NO_QUOTE,
        Ending::AtPlainQuote => QUOTES_ESCAPED,
    };
    let quote = if is_quoted { "\"" } else { "" };
    Look {
        before: quote,
        value: value.to_owned(),
        after: quote,
        first: Bytes::of(|byte| !is_quoted || byte == b'"'),
        more: Bytes::NONE,
    }
}

/// Where a client's text in double quotes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// At the first quote: none can be in it.
    AtQuote,
    /// At the first quote without a backslash before it.
    AtPlainQuote,
}

/// What an item looks like; `None` for what a client chooses, unless the line is JSON.
pub(super) fn look_of(item: &Item, style: Style) -> Option<Look> {
    let shape = item.alias.shape;
    if shape.is_chosen() && style == Style::Json {
        return Some(json_value(item.alias.name));
    }
    look(shape, item.flags, style)
}

/// What `shape` looks like; `None` for what a client chooses.
fn look(shape: Shape, flags: Flags, style: Style) -> Option<Look> {
    let is_hex = flags.is_hex;
    let is_json = style == Style::Json;
    let is_text = match shape {
        Shape::Name | Shape::FrontendName | Shape::ServerName => flags.is_quoted || is_json,
        Shape::Address => (flags.is_quoted && !is_hex) || is_json,
        Shape::Word
        | Shape::Integer
        | Shape::Hex
        | Shape::Base64
        | Shape::UrlEncoded
        | Shape::Stamp => flags.is_quoted && !is_json,
        Shape::DateMs | Shape::DateZone | Shape::Flags(_) => is_json,
        // Numbers stand in quotes where a JSON item has the type `str`, and `-` becomes "".
        Shape::Timer
        | Shape::Count
        | Shape::Status
        | Shape::Number
        | Shape::Port
        | Shape::Millis => false,
        Shape::Client | Shape::Encoded | Shape::Escaped => return None,
    };
    let (mut value, first, more) = plain(shape, is_hex, is_json)?;
    if is_json && is_sample(shape) {
        // A sample that is a number stands in no quotes.
        value = format!("(?:\"(?:{value})?\"|{value}|true|false|null)");
    }
    if is_text {
        let empty_too = shape == Shape::Address || is_sample(shape);
        let value = if empty_too {
            format!("(?:{value})?")
        } else {
            value
        };
        let after = if shape == Shape::FrontendName {
            "~?\""
        } else {
            "\""
        };
        return Some(Look {
            before: "\"",
            value,
            after,
            first: Bytes::of(|byte| byte == b'"'),
            more: Bytes::NONE,
        });
    }
    let after_name = if shape == Shape::FrontendName {
        "~?"
    } else {
        ""
    };
    let (before, after) = if is_json && !is_sample(shape) {
        ("\"?", "\"?")
    } else {
        ("", after_name)
    };
    Some(Look {
        before,
        value,
        after,
        first,
        more,
    })
}

/// Without quotes: the pattern, its first bytes, and those by which it may go on.
fn plain(shape: Shape, is_hex: bool, is_json: bool) -> Option<(String, Bytes, Bytes)> {
    let digit = Bytes::of(|byte| byte.is_ascii_digit());
    let hex = Bytes::of(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let name = Bytes::of(is_name_byte);
    Some(match shape {
        Shape::Name => (
            NAME.to_owned(),
            Bytes::of(|byte| is_name_byte(byte) || byte == b'<'),
            name,
        ),
        Shape::ServerName => (
            SERVER.to_owned(),
            Bytes::of(|byte| is_name_byte(byte) || b"<\\".contains(&byte)),
            name,
        ),
        Shape::FrontendName => (
            NAME.to_owned(),
            Bytes::of(|byte| is_name_byte(byte) || byte == b'<'),
            Bytes::of(|byte| is_name_byte(byte) || byte == b'~'),
        ),
        Shape::Timer => (
            TIMER.to_owned(),
            Bytes::of(|byte| byte.is_ascii_digit() || b"+-".contains(&byte)),
            digit,
        ),
        Shape::Count => (
            COUNT.to_owned(),
            Bytes::of(|byte| byte.is_ascii_digit() || byte == b'+'),
            digit,
        ),
        Shape::Status => (
            "-?[0-9]+".to_owned(),
            Bytes::of(|byte| byte.is_ascii_digit() || byte == b'-'),
            digit,
        ),
        Shape::Number | Shape::Millis if is_hex => ("[0-9A-Fa-f]+".to_owned(), hex, hex),
        Shape::Number => ("[0-9]+".to_owned(), digit, digit),
        // JSON numbers have no leading zeros.
        Shape::Millis if is_json => ("[0-9]{1,3}".to_owned(), digit, digit),
        Shape::Millis => ("[0-9]{3}".to_owned(), digit, Bytes::NONE),
        Shape::Port if is_json => ("[0-9A-Fa-f]*".to_owned(), hex, hex),
        Shape::Port | Shape::Hex => ("(?:[0-9A-Fa-f]+|-)".to_owned(), hex, hex),
        Shape::Address => {
            // Hexadecimal digits, dots and colons, `unix`, or `-`.
            let address = Bytes::of(|byte| byte.is_ascii_hexdigit() || b".:unix-".contains(&byte));
            ("[0-9A-Fa-f.:unix-]+".to_owned(), address, address)
        }
        Shape::DateMs => (DATE_MS.to_owned(), digit, Bytes::NONE),
        Shape::DateZone => (DATE_ZONE.to_owned(), digit, Bytes::NONE),
        Shape::Flags(count) => (
            format!("[A-Za-z-]{{{count}}}"),
            Bytes::of(|byte| byte.is_ascii_alphabetic() || byte == b'-'),
            Bytes::NONE,
        ),
        Shape::Word => ("[A-Za-z0-9_.:-]+".to_owned(), name, name),
        Shape::Integer => {
            let first = Bytes::of(|byte| byte.is_ascii_digit() || byte == b'-');
            ("(?:-?[0-9]+|-)".to_owned(), first, digit)
        }
        Shape::Base64 => of_set(r"[A-Za-z0-9+/=_-]+", |byte| b"+/=_-".contains(&byte)),
        Shape::UrlEncoded => of_set(r"[A-Za-z0-9%_.~+*-]+", |byte| b"%_.~+*-".contains(&byte)),
        Shape::Stamp => of_set(r"[A-Za-z0-9 :.,/_+%-]+", |byte| {
            b" :.,/_+%-".contains(&byte)
        }),
        Shape::Client | Shape::Encoded | Shape::Escaped => return None,
    })
}

/// Letters, digits, and the bytes that `more` names besides.
fn of_set(pattern: &str, more: impl Fn(u8) -> bool) -> (String, Bytes, Bytes) {
    let bytes = Bytes::of(|byte| byte.is_ascii_alphanumeric() || more(byte));
    (pattern.to_owned(), bytes, bytes)
}

/// Shapes that only samples have.
const fn is_sample(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Word
            | Shape::Integer
            | Shape::Hex
            | Shape::Base64
            | Shape::UrlEncoded
            | Shape::Stamp
    )
}
