//! Items in their order → the anchored pattern that reads a line, or why no pattern can do it
//! safely. The pattern ends at the last field that is read.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::alias::{Role, Sampled, Shape};
use super::error::{Fault, FormatError};
use super::part::Part;
use super::quoted::{View, views};
use super::shape::{Bytes, Style};

/// The largest pattern, compiled, in bytes: far above what the longest format needs.
const PATTERN_BYTES_MAX: usize = 4 << 20;

/// A pattern, and what its groups are.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// The role of group 1, 2, …
    pub(super) roles: Vec<Role>,
    /// Which of the roles gives the moment, if any does.
    pub(super) date: Option<(Role, Shape)>,
    /// Bytes that every line begins with.
    pub(super) prefix: Vec<u8>,
}

/// Fields without which a line is no evidence, and how to write them.
const NEEDED: [(Role, &str); 3] = [
    (Role::Backend, "%b"),
    (Role::Server, "%s"),
    (Role::Status, "%ST"),
];
/// Fields of which one at least says how long the server took; the best is read, and needed then.
const TIMES: [Role; 3] = [Role::ResponseTime, Role::TotalTime, Role::AcceptTotalTime];
/// Fields that are read wherever they stand: a format that hides them from us is surely not meant so.
const EXPECTED: [Role; 2] = [Role::QueueTime, Role::ConnectTime];

/// Fields that give the moment, the best first.
const DATES: [(Role, Shape); 5] = [
    (Role::RequestDate, Shape::DateMs),
    (Role::RequestDate, Shape::DateZone),
    (Role::AcceptDate, Shape::DateMs),
    (Role::AcceptDate, Shape::DateZone),
    (Role::AcceptSeconds, Shape::Number),
];

/// Fields that are read where nothing unsafe stands left of them.
const WANTED: [Role; 14] = [
    Role::Frontend,
    Role::RequestTime,
    Role::AcceptRequestTime,
    Role::TotalTime,
    Role::AcceptTotalTime,
    Role::Bytes,
    Role::AcceptMillis,
    Role::Handshake,
    Role::Idle,
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
    whole: &Range<usize>,
) -> Result<Pattern, Vec<FormatError>> {
    let views = views(parts, style);
    let is_end = |at: usize| is_unsafe(&views, at) || is_blurred(parts, &views, at);
    let boundary = (0..parts.len()).find(|&at| is_end(at));
    let boundary = boundary.unwrap_or(parts.len());

    let place = |role: Role| {
        let mut places = parts.iter().zip(&views);
        places.position(|(part, view)| part.role() == role && view.look().is_some())
    };
    let date = date(parts, &views, boundary);
    let time = TIMES.iter().find_map(|&role| place(role));
    let needed = NEEDED.iter().map(|&(role, _)| role).chain(EXPECTED);
    let mut read: Vec<usize> = needed.filter_map(place).collect();
    read.extend(time);
    read.sort_unstable();
    let mut mistakes = unreadable(parts, &views, &read);
    // A date that cannot be read is done without.
    read.extend(date.map(|(at, _)| at));
    let lacking = NEEDED.iter().filter(|&&(role, _)| place(role).is_none());
    let mut lacking: Vec<&str> = lacking.map(|&(_, written)| written).collect();
    if time.is_none() {
        lacking.push("%Tr");
    }
    if !lacking.is_empty() {
        mistakes.insert(0, incomplete(&lacking, parts, whole));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let wanted = WANTED.iter().filter_map(|&role| place(role));
    read.extend(wanted.filter(|&at| at < boundary));
    read.sort_unstable();
    read.dedup();

    let regex = compile(&expression(parts, &views, &read), whole).map_err(|error| vec![error])?;
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
        date: date.map(|(_, date)| date),
        prefix: prefix.collect(),
    })
}

/// The best date that stands where it can be read.
fn date(parts: &[Part], views: &[View], boundary: usize) -> Option<(usize, (Role, Shape))> {
    DATES.iter().find_map(|&date| {
        let mut readable = parts.iter().zip(views).take(boundary);
        let at = readable.position(|(part, view)| is_date(part, date) && view.look().is_some())?;
        Some((at, date))
    })
}

/// What stands in the way of the fields in `needed`, which are in order: everything that a client
/// chooses left of one, and every end, of one or left of one, that cannot be told.
fn unreadable(parts: &[Part], views: &[View], needed: &[usize]) -> Vec<FormatError> {
    let beyond = |at: usize| needed.iter().copied().find(|&needed| needed > at);
    let unsafe_at = |at: usize| beyond(at).filter(|_| is_unsafe(views, at));
    let last = needed.last().map_or(0, |&last| last + 1);
    let found = (0..last).filter_map(|at| match unsafe_at(at) {
        Some(beyond) => Some(forgeable(parts, at, beyond)),
        // What a client chooses must go from behind it anyway.
        None if unsafe_at(at + 1).is_some() => None,
        None => is_blurred(parts, views, at).then(|| ambiguous(parts, at)),
    });
    found.collect()
}

/// Whether a client chooses what stands there, and could put there what follows it.
fn is_unsafe(views: &[View], at: usize) -> bool {
    matches!(views.get(at), Some(View::Unsafe))
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

/// Whether the field at `at` might go on into what follows it, so that nobody could tell where it
/// ends.
fn is_blurred(parts: &[Part], views: &[View], at: usize) -> bool {
    let look_at = |at: usize| views.get(at).and_then(View::look);
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
        && matches!(
            shape_at(next + 1),
            Some(Shape::Port | Shape::Number | Shape::Sampled(Sampled::Integer))
        )
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
fn expression(parts: &[Part], views: &[View], read: &[usize]) -> String {
    let mut text = String::from(r"\A");
    let last = read.last().copied().unwrap_or(0);
    for (at, part) in parts.iter().enumerate().take(last + 1) {
        match (part, views.get(at)) {
            (Part::Literal(byte, _), Some(View::Literal)) => escape(&mut text, *byte),
            (Part::Field(_), Some(View::Field(look))) => {
                let group = if read.contains(&at) { "(" } else { "(?:" };
                text.extend([look.before, group, &look.value, ")", look.after]);
            }
            (_, Some(View::Swallowed | View::Unsafe | View::Literal | View::Field(_)) | None) => {}
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

fn incomplete(missing: &[&str], parts: &[Part], whole: &Range<usize>) -> FormatError {
    let is_tcp = parts.iter().any(|part| part.role() == Role::Backend)
        && missing.contains(&"%ST")
        && !parts.iter().any(|part| part.role() == Role::Status);
    let help = if is_tcp {
        "needed are %b, %s, %ST and %Tr, wanted are %TR, %Tw, %Tc, %Ta and a date such as %tr; a log of \
         TCP connections has no requests in it: use `mode http` with `option httplog`"
    } else {
        "needed are %b, %s, %ST and %Tr, wanted are %TR, %Tw, %Tc, %Ta and a date such as %tr"
    };
    // What is not there has no place: the beginning of the format stands for it.
    let place = parts.first().map_or(whole.clone(), Part::range);
    FormatError::new(
        Fault::Incomplete,
        format!("the log format lacks {}", missing.join(", ")),
        place,
        "not enough to tell how a server is doing",
        help,
    )
}

fn forgeable(parts: &[Part], client: usize, beyond: usize) -> FormatError {
    let written = |at: usize| parts.get(at).map(Part::written).unwrap_or_default();
    let range = parts.get(client).map(Part::range).unwrap_or_default();
    let (client, beyond) = (written(client), written(beyond));
    FormatError::new(
        Fault::Unsafe,
        format!("`{client}` stands left of `{beyond}`"),
        range,
        "a client or a server's answer can put here what looks like the fields that follow",
        "move it behind all of %b, %s, the timers and %ST, or give them a log target of their own",
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
