//! Items in their order → the anchored pattern that reads a line, or why no pattern can do it
//! safely. The pattern ends at the last field that is read.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::alias::{Role, Shape};
use super::error::{Fault, FormatError};
use super::part::Part;
use super::shape::{Bytes, Look, Style, look};

/// The largest pattern, compiled, in bytes: far above what the longest format needs.
const PATTERN_BYTES_MAX: usize = 4 << 20;

/// Who stands left of the fields that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nobody outside.
    Nobody,
    /// The quoted request, as in `option httplog clf`: HAProxy writes `#22` for a quote in it.
    QuotedRequest,
}

/// A pattern, and what its groups are.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// The role of group 1, 2, …
    pub(super) roles: Vec<Role>,
    /// Which of the roles gives the moment.
    pub(super) date: (Role, Shape),
    /// Bytes that every line begins with.
    pub(super) prefix: Vec<u8>,
}

/// Fields without which a line is no evidence, and how to write them.
const NEEDED: [(Role, &str); 6] = [
    (Role::Backend, "%b"),
    (Role::Server, "%s"),
    (Role::QueueTime, "%Tw"),
    (Role::ConnectTime, "%Tc"),
    (Role::ResponseTime, "%Tr"),
    (Role::Status, "%ST"),
];

/// Fields that give the moment, the best first.
const DATES: [(Role, Shape); 5] = [
    (Role::RequestDate, Shape::DateMs),
    (Role::RequestDate, Shape::DateZone),
    (Role::AcceptDate, Shape::DateMs),
    (Role::AcceptDate, Shape::DateZone),
    (Role::AcceptSeconds, Shape::Number),
];

/// Fields that are read where nothing unsafe stands left of them.
const WANTED: [Role; 12] = [
    Role::Frontend,
    Role::RequestTime,
    Role::AcceptRequestTime,
    Role::TotalTime,
    Role::AcceptTotalTime,
    Role::Bytes,
    Role::AcceptMillis,
    Role::Termination,
    Role::ServerConnections,
    Role::Retries,
    Role::ServerQueue,
    Role::BackendQueue,
];

/// Builds the pattern of a format, or says all that is wrong with it, in the order of the text.
pub(super) fn build(
    parts: &[Part],
    style: Style,
    trust: Trust,
    whole: &Range<usize>,
) -> Result<Pattern, Vec<FormatError>> {
    let looks: Vec<Option<Look>> = parts
        .iter()
        .map(|part| look_of(part, style, trust))
        .collect();
    let is_end = |at: usize| is_client(parts, &looks, at) || is_blurred(parts, &looks, at);
    let boundary = (0..parts.len()).find(|&at| is_end(at));
    let boundary = boundary.unwrap_or(parts.len());

    let place = |role: Role| parts.iter().position(|part| part.role() == role);
    let date_places = DATES.iter().filter_map(|&date| {
        let at = parts.iter().position(|part| is_date(part, date))?;
        Some((at, date))
    });
    let date = date_places.clone().find(|(at, _)| *at < boundary);
    let date = date.or_else(|| date_places.clone().next());

    let mut read: Vec<usize> = NEEDED.iter().filter_map(|&(role, _)| place(role)).collect();
    read.extend(date.map(|(at, _)| at));
    read.sort_unstable();
    let mut mistakes = unreadable(parts, &looks, &read);
    let lacking = NEEDED.iter().filter(|&&(role, _)| place(role).is_none());
    let mut lacking: Vec<&str> = lacking.map(|&(_, written)| written).collect();
    if date.is_none() {
        lacking.push("a date (%tr)");
    }
    if !lacking.is_empty() {
        mistakes.insert(0, incomplete(&lacking, whole));
    }
    let Some((_, date)) = date.filter(|_| mistakes.is_empty()) else {
        return Err(mistakes);
    };
    let wanted = WANTED.iter().filter_map(|&role| place(role));
    read.extend(wanted.filter(|&at| at < boundary));
    read.sort_unstable();
    read.dedup();

    let regex = compile(&expression(parts, &looks, &read), whole).map_err(|error| vec![error])?;
    let prefix = parts.iter().map_while(|part| match part {
        Part::Literal(byte, _) => Some(*byte),
        Part::Field(_) => None,
    });
    Ok(Pattern {
        regex,
        roles: read
            .iter()
            .filter_map(|&at| parts.get(at))
            .map(Part::role)
            .collect(),
        date,
        prefix: prefix.collect(),
    })
}

/// What stands in the way of the fields in `needed`, which are in order: everything that a client
/// chooses left of one, and every end, of one or left of one, that cannot be told.
fn unreadable(parts: &[Part], looks: &[Option<Look>], needed: &[usize]) -> Vec<FormatError> {
    let beyond = |at: usize| needed.iter().copied().find(|&needed| needed > at);
    let unsafe_at = |at: usize| beyond(at).filter(|_| is_client(parts, looks, at));
    let last = needed.last().map_or(0, |&last| last + 1);
    let found = (0..last).filter_map(|at| match unsafe_at(at) {
        Some(beyond) => Some(is_unsafe(parts, at, beyond)),
        // What a client chooses must go from behind it anyway.
        None if unsafe_at(at + 1).is_some() => None,
        None => is_blurred(parts, looks, at).then(|| ambiguous(parts, at)),
    });
    found.collect()
}

/// Whether a client chooses what stands there.
fn is_client(parts: &[Part], looks: &[Option<Look>], at: usize) -> bool {
    matches!(parts.get(at), Some(Part::Field(_))) && looks.get(at).is_some_and(Option::is_none)
}

fn is_date(part: &Part, (role, shape): (Role, Shape)) -> bool {
    match part {
        Part::Literal(..) => false,
        Part::Field(item) => {
            let alias = item.alias;
            // Hexadecimal seconds are passed over.
            alias.role == role
                && alias.shape == shape
                && !(role == Role::AcceptSeconds && item.flags.is_hex)
        }
    }
}

fn look_of(part: &Part, style: Style, trust: Trust) -> Option<Look> {
    let Part::Field(item) = part else {
        return None;
    };
    if trust == Trust::QuotedRequest && item.alias.name == "r" && item.flags.is_quoted {
        return Some(Look {
            before: "\"",
            value: "[^\"]*".to_owned(),
            after: "\"",
            first: Bytes::of(|byte| byte == b'"'),
            more: Bytes::NONE,
        });
    }
    look(item.alias.shape, item.flags, style)
}

/// Whether the field at `at` might go on into what follows it, so that nobody could tell where it
/// ends.
fn is_blurred(parts: &[Part], looks: &[Option<Look>], at: usize) -> bool {
    let look_at = |at: usize| looks.get(at).and_then(Option::as_ref);
    let Some(look) = look_at(at) else {
        return false;
    };
    let shape_at = |at: usize| match parts.get(at) {
        Some(Part::Field(item)) => Some(item.alias.shape),
        Some(Part::Literal(..)) | None => None,
    };
    let more = &look.more;
    let mut next = at + 1;
    // An address and its port end together: where the one stops is of no interest.
    if shape_at(at) == Some(Shape::Address)
        && matches!(parts.get(next), Some(Part::Literal(b':', _)))
        && shape_at(next + 1) == Some(Shape::Port)
    {
        next += 2;
    }
    // `%Ts%ms`: the last three digits are the milliseconds.
    if parts.get(at).map(Part::role) == Some(Role::AcceptSeconds)
        && shape_at(next) == Some(Shape::Millis)
        && look_at(next).is_some_and(|millis| !millis.more.meets(&Bytes::of(|_| true)))
    {
        next += 1;
    }
    match parts.get(next) {
        None => false,
        Some(Part::Literal(byte, _)) => more.meets(&Bytes::of(|other| other == *byte)),
        Some(Part::Field(_)) => match look_at(next) {
            Some(next) => more.meets(&next.first),
            None => more.meets(&Bytes::of(|_| true)),
        },
    }
}

/// The pattern up to the last field in `read`, each of which is a group.
fn expression(parts: &[Part], looks: &[Option<Look>], read: &[usize]) -> String {
    let mut text = String::from(r"\A");
    let last = read.last().copied().unwrap_or(0);
    for (at, part) in parts.iter().enumerate().take(last + 1) {
        match (part, looks.get(at).and_then(Option::as_ref)) {
            (Part::Literal(byte, _), _) => escape(&mut text, *byte),
            (Part::Field(_), Some(look)) => {
                let group = if read.contains(&at) { "(" } else { "(?:" };
                text.extend([look.before, group, &look.value, ")", look.after]);
            }
            (Part::Field(_), None) => {}
        }
    }
    // The field must end as the format says, or a line that was cut within a number would pass.
    match parts.get(last + 1) {
        Some(Part::Literal(byte, _)) if *byte != b' ' => escape(&mut text, *byte),
        Some(Part::Literal(..)) if !may_end_at(parts, last + 1) => escape(&mut text, b' '),
        Some(Part::Field(_)) => {}
        Some(Part::Literal(..)) | None => text.push_str(r"(?:\x20|\z)"),
    }
    text
}

/// Whether the space at `at` may be the last byte of a line, which a syslog daemon may cut off:
/// nothing follows it but captures that may be absent.
fn may_end_at(parts: &[Part], at: usize) -> bool {
    parts.iter().skip(at).all(|part| match part {
        Part::Literal(byte, _) => *byte == b' ',
        Part::Field(item) => matches!(item.alias.name, "hr" | "hs" | "hrl" | "hsl"),
    })
}

fn escape(text: &mut String, byte: u8) {
    use std::fmt::Write as _;
    let _ = write!(text, r"\x{byte:02x}");
}

fn compile(expression: &str, whole: &Range<usize>) -> Result<Regex, FormatError> {
    RegexBuilder::new(expression)
        .unicode(false)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_| {
            FormatError::new(
                Fault::Unsupported,
                "the log format is too large",
                whole.clone(),
                "cannot be compiled",
                "give the fields that are needed a log target of their own",
            )
        })
}

fn incomplete(missing: &[&str], whole: &Range<usize>) -> FormatError {
    FormatError::new(
        Fault::Incomplete,
        format!("the log format lacks {}", missing.join(", ")),
        whole.clone(),
        "not enough to tell how a server is doing",
        "needed are %b, %s, %Tw, %Tc, %Tr, %ST and a date such as %tr; wanted are %TR and %Ta",
    )
}

fn is_unsafe(parts: &[Part], client: usize, beyond: usize) -> FormatError {
    let written = |at: usize| parts.get(at).map(Part::written).unwrap_or_default();
    let range = parts.get(client).map(Part::range).unwrap_or_default();
    let (client, beyond) = (written(client), written(beyond));
    let is_clf_like = client.ends_with('r')
        && parts
            .iter()
            .any(|part| matches!(part, Part::Field(item) if item.alias.shape == Shape::DateZone));
    let or_clf = if is_clf_like {
        "; for `option httplog clf` write \"clf\""
    } else {
        ""
    };
    FormatError::new(
        Fault::Unsafe,
        format!("`{client}` stands left of `{beyond}`"),
        range,
        "a client or a server's answer can put here what looks like the fields that follow",
        format!(
            "move it behind all of %b, %s, the timers, %ST and the date, or give them a log target of \
             their own{or_clf}"
        ),
    )
}

fn ambiguous(parts: &[Part], at: usize) -> FormatError {
    let written = |at: usize| parts.get(at).map(Part::written).unwrap_or_default();
    let range = |at: usize| parts.get(at).map(Part::range).unwrap_or_default();
    FormatError::new(
        Fault::Ambiguous,
        format!("`{}` is followed by `{}`", written(at), written(at + 1)),
        range(at).start..range(at + 1).end.max(range(at).end),
        "where the field ends cannot be told",
        "put a space between them, or another character that neither of them can hold",
    )
}
