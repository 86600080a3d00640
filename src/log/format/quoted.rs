//! What a client chooses, where it can do no harm: up to the double quote that ends it.
//!
//! HAProxy writes `#22` for a quote in the request and in captured headers, and `json()` and `+E` a
//! backslash before it, so that the first quote (without a backslash) is one of the format's. Cookies
//! and plain samples come as they are. Seen in lines of 2.6, 3.0 and 3.2, with quotes, braces,
//! backslashes and control characters in every item.

use super::alias::{Chosen, Role, Shape};
use super::part::Part;
use super::shape::{Ending, Look, Style, look_of, quoted};
use super::token::Item;

/// How a part of the line is read.
pub(super) enum View {
    /// A byte of the format, or a field with its look.
    Literal,
    Field(Box<Look>),
    /// Part of what a client chooses further left, which goes on up to a quote.
    Swallowed,
    /// A client chooses it, and nobody knows where it ends.
    Unsafe,
}

impl View {
    pub(super) const fn look(&self) -> Option<&Look> {
        match self {
            Self::Field(look) => Some(look),
            Self::Literal | Self::Swallowed | Self::Unsafe => None,
        }
    }
}

/// How each part is read.
pub(super) fn views(parts: &[Part], style: Style) -> Vec<View> {
    let mut views = Vec::with_capacity(parts.len());
    let mut swallowed_to = 0;
    for (at, part) in parts.iter().enumerate() {
        let view = match part {
            _ if at < swallowed_to => View::Swallowed,
            Part::Literal(..) => View::Literal,
            Part::Field(item) => match look_of(item, style) {
                Some(look) => View::Field(Box::new(look)),
                None => match harmless(parts, at, item) {
                    Some((look, end)) => {
                        swallowed_to = end;
                        View::Field(Box::new(look))
                    }
                    None => View::Unsafe,
                },
            },
        };
        views.push(view);
    }
    views
}

/// What a client's item looks like with all that follows up to a quote, and where that quote is.
fn harmless(parts: &[Part], at: usize, item: &Item) -> Option<(Look, usize)> {
    let mut endings = endings(item);
    if item.flags.is_quoted {
        // HAProxy leaves the quotes out where nothing was captured, and gives each its own in a list.
        let is_capture = matches!(item.alias.name, "hr" | "hs" | "hrl" | "hsl");
        let ending = endings.first().filter(|_| !is_capture)?;
        return Some((quoted(*ending, true), at + 1));
    }
    for (end, part) in parts.iter().enumerate().skip(at + 1) {
        match part {
            Part::Literal(b'"', _) => {
                return Some((quoted(*endings.first()?, false), end));
            }
            // A backslash of the format's own would hide the quote behind it.
            Part::Literal(b'\\', _) => endings.retain(|ending| *ending == Ending::AtQuote),
            Part::Literal(..) => {}
            Part::Field(other) => {
                if is_needed(other.alias.role) || other.flags.is_quoted {
                    return None;
                }
                if let Shape::Chosen(_) = other.alias.shape {
                    let of_other = self::endings(other);
                    endings.retain(|ending| of_other.contains(ending));
                }
            }
        }
    }
    None
}

/// Fields that cannot be done without.
const fn is_needed(role: Role) -> bool {
    matches!(
        role,
        Role::Backend
            | Role::Server
            | Role::Status
            | Role::QueueTime
            | Role::ConnectTime
            | Role::ResponseTime
            | Role::TotalTime
            | Role::AcceptTotalTime
    )
}

/// By which quotes the end of what a client chooses can be told.
fn endings(item: &Item) -> Vec<Ending> {
    let Shape::Chosen(chosen) = item.alias.shape else {
        return Vec::new();
    };
    match (chosen, item.flags.is_escaped) {
        (Chosen::Encoded, true) => vec![Ending::AtQuote, Ending::AtPlainQuote],
        (Chosen::Encoded, false) => vec![Ending::AtQuote],
        (Chosen::Escaped, _) | (Chosen::Plain, true) => vec![Ending::AtPlainQuote],
        (Chosen::Plain, false) => Vec::new(),
    }
}
