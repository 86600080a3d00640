//! The servers of one backend: `always_up` and `spares`, and which names can be.

use std::collections::BTreeMap;

use super::diagnostic::{Code, Diagnostic, Label, Span, escaped, quoted};
use super::key::nearest;
use super::reader::{At, Reader, Table};
use super::values::Entry;
use crate::scaler::settings::Spares;
use crate::words::names;

/// Longest name of a backend or server that we take for one.
const MAX_NAME_BYTES: usize = 255;

/// Both lists of a backend.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    pub always_up: Vec<String>,
    /// `None` when the list is missing.
    pub always_up_place: Option<Span>,
    pub spares: Spares,
}

/// Reads both lists of a backend's table.
pub(super) fn read(table: &Table<'_>, reader: &mut Reader<'_>) -> Lists {
    let always_up = always_up(table, reader);
    let spares = spares(table, reader);
    reject_shared(&always_up, spares.as_deref().unwrap_or_default(), reader);
    let names = |list: &[At<String>]| list.iter().map(|name| name.value.clone()).collect();
    Lists {
        always_up: names(&always_up),
        always_up_place: table.place("always_up"),
        spares: spares.map_or(Spares::Auto, |list| Spares::Named(names(&list))),
    }
}

fn always_up(table: &Table<'_>, reader: &mut Reader<'_>) -> Vec<At<String>> {
    let help = "name at least one server that is never disabled: `always_up = [\"web1\"]`";
    let missing =
        |title, span, label| Diagnostic::new(Code::Missing, title, Label::new(span, label), help);
    if !table.has("always_up") {
        let label = "`always_up` is missing";
        reader.add(missing(
            "a backend without `always_up`",
            table.span(),
            label,
        ));
    }
    let Some(given) = table.entry("always_up") else {
        return Vec::new();
    };
    if let Some(text) = given.as_text() {
        let mut mistake = given.wrong("a list of names");
        mistake.help = format!("write `always_up = [\"{}\"]`", escaped(text));
        reader.add(mistake);
        return Vec::new();
    }
    let list = names(&given, reader);
    if list.as_ref().is_some_and(Vec::is_empty) {
        let label = "at least one server must stay";
        reader.add(missing("`always_up` is empty", given.span(), label));
    }
    list.unwrap_or_default()
}

/// The named spares; `None` for `"auto"` and for what cannot be read.
fn spares(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Vec<At<String>>> {
    let given = table.entry("spares")?;
    let Some(text) = given.as_text() else {
        let list = names(&given, reader)?;
        if list.is_empty() {
            reader.add(Diagnostic::new(
                Code::NoSpares,
                "`spares` is empty",
                Label::new(given.span(), "nothing can ever be enabled"),
                "name spare servers, or write \"auto\" for every server marked `disabled` in \
                 haproxy.cfg",
            ));
        }
        return Some(list);
    };
    if text != "auto" {
        let help = if nearest(text, ["auto"]).is_some() || !is_name(text) {
            "write \"auto\" or a list of names: [\"web3\", \"web4\"]".to_owned()
        } else {
            format!("write a list: `spares = [\"{text}\"]`, or \"auto\"")
        };
        reader.add(given.bad(Code::NotAllowed, "neither \"auto\" nor a list", help));
    }
    None
}

/// A list of names, each of which HAProxy could have, and none twice; `None` when it is no list.
fn names(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Vec<At<String>>> {
    let Some(list) = given.value.get_ref().as_array() else {
        reader.add(given.wrong("a list of names"));
        return None;
    };
    let mut found: Vec<At<String>> = Vec::new();
    for value in list {
        let element = Entry {
            key: given.key,
            value,
        };
        let Some(text) = element.as_text() else {
            reader.add(element.wrong("a list of names in quotes"));
            continue;
        };
        let name = At {
            value: text.to_owned(),
            span: value.span(),
        };
        check_name(&name, "server", reader);
        found.push(name);
    }
    let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
    for name in &found {
        if let Some(first) = seen.insert(&name.value, &name.span) {
            let title = format!("`{}` is listed twice", escaped(&name.value));
            let again = Label::new(name.span.clone(), "named again");
            reader.add(
                Diagnostic::new(Code::NamedTwice, title, again, "remove one of the two")
                    .with(Label::new(first.clone(), "first named here")),
            );
        }
    }
    Some(found)
}

fn reject_shared(always_up: &[At<String>], spares: &[At<String>], reader: &mut Reader<'_>) {
    let never_disabled: BTreeMap<&str, &Span> = always_up
        .iter()
        .map(|name| (name.value.as_str(), &name.span))
        .collect();
    for spare in spares {
        if let Some(place) = never_disabled.get(spare.value.as_str()) {
            let name = escaped(&spare.value);
            reader.add(
                Diagnostic::new(
                    Code::AlwaysUpAndSpare,
                    format!("`{name}` is always up and a spare"),
                    Label::new(spare.span.clone(), "cannot be both"),
                    format!("remove \"{name}\" from one of the two lists"),
                )
                .with(Label::new((*place).clone(), "named as never disabled")),
            );
        }
    }
}

/// Reports a name that HAProxy could not have.
pub(super) fn check_name(name: &At<String>, what: &str, reader: &mut Reader<'_>) {
    if is_name(&name.value) {
        return;
    }
    let label = if name.value.is_empty() {
        "an empty name"
    } else if name.value.len() > MAX_NAME_BYTES {
        "too long"
    } else {
        "HAProxy allows letters, digits, `_`, `-`, `.` and `:`"
    };
    let help = match name.value.split_once('/') {
        Some((_, server)) if what == "server" && is_name(server) => {
            format!("write the server alone: \"{server}\"")
        }
        _ => format!("write the name that follows `{what}` in haproxy.cfg"),
    };
    reader.add(Diagnostic::new(
        Code::BadName,
        format!("{} cannot be the name of a {what}", quoted(&name.value)),
        Label::new(name.span.clone(), label),
        help,
    ));
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && names::is_name(text.as_bytes())
}

/// Warns of a table for a server that is in neither list, when the lists are known.
pub(super) fn warn_of_unlisted(servers: &[At<String>], lists: &Lists, reader: &mut Reader<'_>) {
    let Spares::Named(spares) = &lists.spares else {
        return;
    };
    let listed = || spares.iter().chain(&lists.always_up);
    for server in servers {
        if listed().any(|name| *name == server.value) {
            continue;
        }
        let help = nearest(&server.value, listed().map(String::as_str)).map_or_else(
            || "add it to `spares`, or remove this table".to_owned(),
            |similar| format!("did you mean `{}`?", escaped(similar)),
        );
        reader.add(Diagnostic::new(
            Code::UnlistedServer,
            format!("server `{}` is in neither list", escaped(&server.value)),
            Label::new(
                server.span.clone(),
                "neither in `always_up` nor in `spares`",
            ),
            help,
        ));
    }
}
