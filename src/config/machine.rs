//! `[backend.NAME.server.SERVER.machine]`: who starts and stops what a server runs on, and what of it makes
//! no sense together. Doing it lives in `crate::machines`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::diagnostic::{Code, Diagnostic, Label, Span, escaped};
use super::draft::Draft;
use super::keys;
use super::reader::{Reader, Table};
use crate::machines::identity::{self, Names};
use crate::machines::settings::{Mac, Options, Provider, Wake, WolPassword};
use crate::machines::wol;
use crate::scaler::settings::MachineSettings;
use crate::words::names::ServerName;

/// `provider`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Exec,
    Fence,
    Wol,
}

/// What one table has said so far.
#[derive(Clone, Debug)]
pub(super) struct MachineDraft {
    pub provider: Option<Kind>,
    pub settings: MachineSettings,
    pub command: Option<Vec<String>>,
    pub agent: Option<String>,
    pub options: Option<Options>,
    pub mac: Option<Mac>,
    pub broadcast: SocketAddrV4,
    pub wol_password: Option<WolPassword>,
}

impl Default for MachineDraft {
    fn default() -> Self {
        Self {
            provider: None,
            settings: MachineSettings::default(),
            command: None,
            agent: None,
            options: None,
            mac: None,
            broadcast: SocketAddrV4::new(Ipv4Addr::BROADCAST, wol::PORT),
            wol_password: None,
        }
    }
}

/// A machine, and where its table begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Machine {
    pub settings: MachineSettings,
    pub provider: Provider,
    pub span: Span,
}

/// `None` when it was reported.
pub(super) fn read(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Machine> {
    let mut draft = Draft::default();
    table.fill(&mut draft, reader);
    let MachineDraft {
        provider,
        mut settings,
        command,
        agent,
        options,
        mac,
        broadcast,
        wol_password,
    } = draft.machine;
    let Some(kind) = provider else {
        if !table.has("provider") {
            let help = "write `provider = \"exec\"`, \"fence\" or \"wol\"";
            reader.add(missing(table, "provider", help));
        }
        return None;
    };
    warn_of_foreign(table, kind, reader);
    let mut need = |key: &str, is_given: bool, example: &str, what: &str| {
        if !is_given && !table.has(key) {
            let help = format!("write `{key} = {example}`: {what}");
            reader.add(missing(table, key, &help));
        }
    };
    let provider = match kind {
        Kind::Exec => {
            let example = "[\"/etc/haproxy-autoscale/machine\"]";
            let what = "the program to run, with its whole path";
            need("command", command.is_some(), example, what);
            Provider::Exec { command: command? }
        }
        Kind::Fence => {
            let what = "one of the agents of the package fence-agents";
            need("agent", agent.is_some(), "\"fence_virsh\"", what);
            Provider::Fence {
                agent: agent?,
                options: options.unwrap_or_default(),
            }
        }
        Kind::Wol => {
            let what = "the address of its network card";
            need("mac", mac.is_some(), "\"52:54:00:12:34:56\"", what);
            if command.is_none() && !table.has("command") {
                let is_wanted = draft.given.contains_key("stop") && settings.may_stop;
                reject_stop(is_wanted, table, reader);
                settings.may_stop = false;
            }
            Provider::Wol(Wake {
                mac: mac?,
                broadcast,
                password: wol_password,
                command,
            })
        }
    };
    Some(Machine {
        settings,
        provider,
        span: table.span(),
    })
}

/// Whose each machine is.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<Names, Vec<Owner>>);

#[derive(Clone, Debug)]
struct Owner {
    server: ServerName,
    span: Span,
    /// The configuration says that the backend has this server.
    is_named: bool,
}

impl Owners {
    /// Takes a server's machine down. One that another server has as well would be stopped under it.
    pub(super) fn add(
        &mut self,
        server: ServerName,
        machine: &Machine,
        is_named: bool,
        reader: &mut Reader<'_>,
    ) {
        let own = Owner {
            server,
            span: machine.span.clone(),
            is_named,
        };
        let mut is_told = false;
        for claim in identity::claims(&machine.provider, &own.server.server) {
            let owners = self.0.entry(claim).or_default();
            // A table of `[defaults]` is there for every backend, whether it has such a server or not.
            let is_another = |it: &&Owner| it.span != own.span || it.is_named && own.is_named;
            if let Some(other) = owners.iter().find(is_another)
                && !is_told
            {
                is_told = true;
                reader.add(shared(&own, other, &machine.provider));
            }
            owners.push(own.clone());
        }
    }
}

fn shared(own: &Owner, other: &Owner, provider: &Provider) -> Diagnostic {
    let name = |it: &Owner| escaped(&it.server.to_string());
    let (own_name, other_name) = (name(own), name(other));
    let place = Label::new(own.span.clone(), format!("the one of {other_name}"));
    let what = match provider {
        Provider::Exec { .. } => "name another machine behind the program in `command`",
        Provider::Fence { .. } => "name another machine in `options` (`plug`)",
        Provider::Wol(_) => {
            "write the `mac` of another machine (a `command` with arguments is one machine's, too)"
        }
    };
    let mut mistake = Diagnostic::new(
        Code::SharedMachine,
        format!("{own_name} and {other_name} have the same machine"),
        place,
        format!(
            "stopped for one of them, it would be off for the other: {what}, or remove one of the tables"
        ),
    );
    if own.span != other.span {
        let text = format!("the machine of {other_name}");
        mistake.secondary.push(Label::new(other.span.clone(), text));
    }
    mistake
}

/// A packet can stop nothing.
fn reject_stop(is_wanted: bool, table: &Table<'_>, reader: &mut Reader<'_>) {
    if is_wanted {
        let place = table.place("stop").unwrap_or_else(|| table.span());
        reader.add(Diagnostic::new(
            Code::Missing,
            "`stop = true` without `command`",
            Label::new(place, "Wake-on-LAN alone can stop nothing"),
            "add `command`, a program that stops the machine, or write `stop = false`",
        ));
    }
}

fn missing(table: &Table<'_>, key: &str, help: &str) -> Diagnostic {
    Diagnostic::new(
        Code::Missing,
        format!("`{key}` is missing in {}", table.name()),
        Label::new(table.span(), "in this table"),
        help,
    )
}

/// Keys of another provider would do nothing.
fn warn_of_foreign(table: &Table<'_>, kind: Kind, reader: &mut Reader<'_>) {
    let owners = |key: &str| match key {
        "command" => &[Kind::Exec, Kind::Wol][..],
        "agent" | "options" => &[Kind::Fence],
        "mac" | "broadcast" | "wol_password" => &[Kind::Wol],
        _ => &[Kind::Exec, Kind::Fence, Kind::Wol],
    };
    for key in keys::MACHINE.keys() {
        let Some(place) = table.place(key.name) else {
            continue;
        };
        let owners = owners(key.name);
        if owners.contains(&kind) {
            continue;
        }
        let owners: Vec<_> = owners.iter().map(|it| it.as_str()).collect();
        reader.add(Diagnostic::new(
            Code::WithoutEffect,
            format!(
                "`{}` means nothing with `provider = \"{}\"`",
                key.name,
                kind.as_str()
            ),
            Label::new(place, "without effect"),
            format!("it belongs to provider {}: remove it", owners.join(" and ")),
        ));
    }
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Fence => "fence",
            Self::Wol => "wol",
        }
    }
}
