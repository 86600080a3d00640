//! What an item looks like in a line: a piece of a pattern, and by which bytes it could begin and
//! go on. That decides whether two neighbours can be told apart.

use super::alias::{Sampled, Shape};
use super::token::Item;
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
    let (shape, flags) = (item.alias.shape, item.flags);
    let is_json = style == Style::Json;
    let is_sample = matches!(shape, Shape::Sampled(_));
    let is_text = match shape {
        Shape::Name | Shape::FrontendName | Shape::ServerName => flags.is_quoted || is_json,
        Shape::Address => (flags.is_quoted && !flags.is_hex) || is_json,
        Shape::Sampled(_) => flags.is_quoted && !is_json,
        Shape::DateMs | Shape::DateZone | Shape::Flags(_) => is_json,
        // Numbers stand in quotes where a JSON item has the type `str`, and `-` becomes "".
        Shape::Timer
        | Shape::Count
        | Shape::Status
        | Shape::Number
        | Shape::Port
        | Shape::Millis => false,
        Shape::Chosen(_) => return is_json.then(|| json_value(item.alias.name)),
    };
    let (mut value, first, more) = plain(shape, flags.is_hex, is_json)?;
    if is_json && is_sample {
        // A sample that is a number stands in no quotes.
        value = format!("(?:\"(?:{value})?\"|{value}|true|false|null)");
    }
    let is_frontend = shape == Shape::FrontendName;
    if is_text {
        let may_be_empty = shape == Shape::Address || is_sample;
        return Some(Look {
            before: "\"",
            value: if may_be_empty {
                format!("(?:{value})?")
            } else {
                value
            },
            after: if is_frontend { "~?\"" } else { "\"" },
            first: Bytes::of(|byte| byte == b'"'),
            more: Bytes::NONE,
        });
    }
    let (before, after) = if is_json && !is_sample {
        ("\"?", "\"?")
    } else {
        ("", if is_frontend { "~?" } else { "" })
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
    let with = |is: fn(u8) -> bool, more: &[u8]| Bytes::of(|byte| is(byte) || more.contains(&byte));
    let digits = |more| with(|byte| byte.is_ascii_digit(), more);
    let letters = |more| with(|byte| byte.is_ascii_alphanumeric(), more);
    let names = |more| with(is_name_byte, more);
    let hex = with(|byte| byte.is_ascii_hexdigit(), b"-");
    let digit = digits(b"");
    let of_set = |pattern, more| (pattern, letters(more), letters(more));
    let (pattern, first, more) = match shape {
        Shape::Name => (NAME, names(b"<"), names(b"")),
        Shape::ServerName => (SERVER, names(b"<\\"), names(b"")),
        Shape::FrontendName => (NAME, names(b"<"), names(b"~")),
        Shape::Timer => (TIMER, digits(b"+-"), digit),
        Shape::Count => (COUNT, digits(b"+"), digit),
        Shape::Status => ("-?[0-9]+", digits(b"-"), digit),
        Shape::Number | Shape::Millis if is_hex => ("[0-9A-Fa-f]+", hex, hex),
        Shape::Number => ("[0-9]+", digit, digit),
        // JSON numbers have no leading zeros.
        Shape::Millis if is_json => ("[0-9]{1,3}", digit, digit),
        Shape::Millis => ("[0-9]{3}", digit, Bytes::NONE),
        Shape::Port if is_json => ("[0-9A-Fa-f]*", hex, hex),
        Shape::Port | Shape::Sampled(Sampled::Hex) => ("(?:[0-9A-Fa-f]+|-)", hex, hex),
        Shape::Address => {
            // Hexadecimal digits, dots and colons, `unix`, or `-`.
            let address = with(|byte| byte.is_ascii_hexdigit(), b".:unix-");
            ("[0-9A-Fa-f.:unix-]+", address, address)
        }
        Shape::DateMs => (DATE_MS, digit, Bytes::NONE),
        Shape::DateZone => (DATE_ZONE, digit, Bytes::NONE),
        Shape::Flags(count) => {
            let first = with(|byte| byte.is_ascii_alphabetic(), b"-");
            return Some((format!("[A-Za-z-]{{{count}}}"), first, Bytes::NONE));
        }
        Shape::Sampled(Sampled::Word) => ("[A-Za-z0-9_.:-]+", names(b""), names(b"")),
        Shape::Sampled(Sampled::Integer) => ("(?:-?[0-9]+|-)", digits(b"-"), digit),
        Shape::Sampled(Sampled::Base64) => of_set("[A-Za-z0-9+/=_-]+", b"+/=_-"),
        Shape::Sampled(Sampled::UrlEncoded) => of_set("[A-Za-z0-9%_.~+*-]+", b"%_.~+*-"),
        Shape::Sampled(Sampled::Stamp) => of_set("[A-Za-z0-9 :.,/_+%-]+", b" :.,/_+%-"),
        Shape::Chosen(_) => return None,
    };
    Some((pattern.to_owned(), first, more))
}
