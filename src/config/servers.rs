//! The servers of one backend: `always_up`, `spares`, `[server.NAME]`, and which names can be.

use std::collections::BTreeMap;

use super::diagnostic::{Code, Diagnostic, Label, Span, escaped, quoted};
use super::keys::{self, nearest};
use super::reader::{At, Reader, Table};
use super::warm_up;
use crate::scaler::settings::Spares;

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
    if !table.has("always_up") {
        reader.add(Diagnostic::new(
            Code::Missing,
            "a backend without `always_up`",
            Label::new(table.span(), "`always_up` is missing"),
            help,
        ));
        return Vec::new();
    }
    let Some(given) = table.texts_or_text("always_up", reader) else {
        return Vec::new();
    };
    match given.value {
        Ok(list) if list.is_empty() => {
            reader.add(Diagnostic::new(
                Code::Missing,
                "`always_up` is empty",
                Label::new(given.span, "at least one server must stay"),
                help,
            ));
            list
        }
        Ok(list) => {
            check_list(&list, "always_up", reader);
            list
        }
        Err(text) => {
            reader.add(Diagnostic::new(
                Code::WrongType,
                "`always_up` must be a list of names",
                Label::new(given.span, "this is a text"),
                format!("write `always_up = [\"{}\"]`", escaped(&text)),
            ));
            Vec::new()
        }
    }
}

/// The named spares; `None` for `"auto"` and for what cannot be read.
fn spares(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Vec<At<String>>> {
    let given = table.texts_or_text("spares", reader)?;
    match given.value {
        Ok(list) => {
            if list.is_empty() {
                reader.add(Diagnostic::new(
                    Code::NoSpares,
                    "`spares` is empty",
                    Label::new(given.span, "nothing can ever be enabled"),
                    "name spare servers, or write \"auto\" for every server marked `disabled` in \
                     haproxy.cfg",
                ));
            }
            check_list(&list, "spares", reader);
            Some(list)
        }
        Err(text) => {
            if text != "auto" {
                let help = if nearest(&text, ["auto"]).is_some() || !is_name(&text) {
                    "write \"auto\" or a list of names: [\"web3\", \"web4\"]".to_owned()
                } else {
                    format!("write a list: `spares = [\"{text}\"]`, or \"auto\"")
                };
                reader.add(Diagnostic::new(
                    Code::NotAllowed,
                    format!("`spares` cannot be {}", quoted(&text)),
                    Label::new(given.span, "neither \"auto\" nor a list"),
                    help,
                ));
            }
            None
        }
    }
}

/// Impossible names, and names that stand twice.
fn check_list(list: &[At<String>], key: &str, reader: &mut Reader<'_>) {
    let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
    for name in list {
        check_name(name, "server", reader);
        if let Some(first) = seen.insert(&name.value, &name.span) {
            reader.add(
                Diagnostic::new(
                    Code::NamedTwice,
                    format!("`{}` stands twice in `{key}`", escaped(&name.value)),
                    Label::new(name.span.clone(), "named again"),
                    "remove one of the two",
                )
                .with(Label::new(first.clone(), "named here")),
            );
        }
    }
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
                    format!("take \"{name}\" out of one of the two lists"),
                )
                .with(Label::new((*place).clone(), "named as never disabled")),
            );
        }
    }
}

/// Reports a name that HAProxy could not have: it allows letters, digits, `_`, `-`, `.` and `:`
/// (`configuration.txt` §1, "proxy names").
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
        _ => format!("write the name as it stands behind `{what}` in haproxy.cfg"),
    };
    reader.add(Diagnostic::new(
        Code::BadName,
        format!("{} cannot be the name of a {what}", quoted(&name.value)),
        Label::new(name.span.clone(), label),
        help,
    ));
}

fn is_name(text: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Each `[server.NAME]` with its `warm_up_url`.
pub(super) fn tables(
    table: &Table<'_>,
    reader: &mut Reader<'_>,
) -> Vec<(At<String>, Option<String>)> {
    let mut servers = Vec::new();
    for (name, table) in table.named_tables("server", keys::SERVER, reader) {
        check_name(&name, "server", reader);
        let url = warm_up::url(&table, reader);
        servers.push((name, url));
    }
    servers
}

/// Warns of a table for a server that is in neither list, when the lists are known.
pub(super) fn warn_of_unlisted(
    servers: &[(At<String>, Option<String>)],
    lists: &Lists,
    reader: &mut Reader<'_>,
) {
    let Spares::Named(spares) = &lists.spares else {
        return;
    };
    let listed = || spares.iter().chain(&lists.always_up);
    for (server, _) in servers {
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
            Label::new(server.span.clone(), "neither always up nor a spare"),
            help,
        ));
    }
}
