//! An order before it is given: what it is, and what will happen. Whether it may happen is the daemon's to
//! say.

use super::keys::Hand;
use super::rows::Row;
use crate::status::seconds;
use crate::status::{BackendStatus, ServerStatus};
use crate::words::names::ServerName;
use crate::words::order::{Order, Place, Verb};

/// An order that waits for a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Confirm {
    pub(super) order: Order,
    /// `disable web/web2?`
    pub(super) question: String,
    /// What will happen.
    pub(super) consequence: String,
}

/// The order that `hand` means on that row; the error says why there is none.
pub(super) fn confirm(hand: Hand, row: &Row<'_>) -> Result<Confirm, String> {
    let backend = row.backend;
    let server = |what: &str| {
        row.server.ok_or_else(|| {
            format!(
                "choose a server to {what}: this row is the whole backend {}",
                backend.name
            )
        })
    };
    match hand {
        Hand::Enable => {
            let server = server("enable")?;
            Ok(of_server(
                Verb::Enable,
                backend,
                server,
                enabling(backend, server),
            ))
        }
        Hand::Disable => {
            let server = server("disable")?;
            Ok(of_server(
                Verb::Disable,
                backend,
                server,
                disabling(backend, server),
            ))
        }
        Hand::Pin => {
            let server = server("pin")?;
            Ok(match server.standings.pin {
                Some(_) => of_server(
                    Verb::Unpin,
                    backend,
                    server,
                    "It is brought in and sent away again as the load asks.".to_owned(),
                ),
                None => of_server(
                    Verb::Pin,
                    backend,
                    server,
                    "It stays as it is, whatever the load, until the pin is taken back.".to_owned(),
                ),
            })
        }
        Hand::Pause => Ok(pause(backend, row.server)),
        Hand::Release => Ok(release(backend)),
    }
}

fn of_server(
    verb: Verb,
    backend: &BackendStatus,
    server: &ServerStatus,
    consequence: String,
) -> Confirm {
    let (place, named) = place(backend, Some(server));
    ask(verb, place, &named, consequence)
}

/// That backend or server of it, and its name.
fn place(backend: &BackendStatus, server: Option<&ServerStatus>) -> (Place, String) {
    match server {
        None => (Place::Backend(backend.name.clone()), backend.name.clone()),
        Some(server) => {
            let name = ServerName {
                backend: backend.name.clone(),
                server: server.name.clone(),
            };
            let named = name.to_string();
            (Place::Server(name), named)
        }
    }
}

fn ask(verb: Verb, place: Place, named: &str, consequence: String) -> Confirm {
    Confirm {
        order: Order {
            verb,
            place,
            lasts: None,
            by: None, // The kernel tells the daemon.
            is_forced: false,
            barred: None,
        },
        question: format!("{verb} {named}?"),
        consequence,
    }
}

fn enabling(backend: &BackendStatus, server: &ServerStatus) -> String {
    if server.serving {
        return format!(
            "{} takes users already; it then stays in for `hold`.",
            server.name
        );
    }
    format!(
        "{}{} is warmed up, checked by HAProxy and takes users; it then stays in for `hold`. {}",
        starting(server),
        server.name,
        standing(backend),
    )
}

/// That its machine is started first, where it has one that does not run.
fn starting(server: &ServerStatus) -> String {
    let machine = server.machine.as_ref().filter(|it| it.state != "on");
    let Some(machine) = machine else {
        return String::new();
    };
    let boot = machine.boot_s.and_then(seconds);
    let usual = boot.map(|boot| format!(", usually {boot}"));
    format!(
        "Its machine is started first{}. Then ",
        usual.unwrap_or_default()
    )
}

/// That its machine is stopped then, where it has one that runs.
fn stopping(server: &ServerStatus) -> &'static str {
    match &server.machine {
        Some(machine) if machine.state != "off" && machine.state != "gone" => {
            " Its machine is stopped then, unless it has `stop = false`."
        }
        Some(_) | None => "",
    }
}

fn disabling(backend: &BackendStatus, server: &ServerStatus) -> String {
    if matches!(server.stage.as_str(), "maint" | "off" | "stopping") {
        return format!(
            "{} is in maint already; it stays out for `hold`.",
            server.name
        );
    }
    let left = backend
        .serving
        .map(|now| now.saturating_sub(u32::from(server.serving)));
    let left = match (left, backend.wanted) {
        (Some(left), Some(wanted)) if left < wanted => {
            format!(" {left} would serve, {wanted} wanted: this is against the load.")
        }
        (Some(left), Some(wanted)) => format!(" {left} would serve, {wanted} wanted."),
        _ => String::new(),
    };
    format!(
        "{} finishes its sessions, goes into maint and stays out for `hold`.{}{left}",
        server.name,
        stopping(server)
    )
}

fn release(backend: &BackendStatus) -> Confirm {
    let consequence = format!(
        "Every spare that is in finishes its sessions and goes into maint; always-up servers stay. {}",
        standing(backend),
    );
    let (place, named) = place(backend, None);
    ask(Verb::Release, place, &named, consequence)
}

fn pause(backend: &BackendStatus, server: Option<&ServerStatus>) -> Confirm {
    let standings = server.map_or(&backend.standings, |server| &server.standings);
    let (place, named) = place(backend, server);
    if standings.pause.is_some() {
        let then = "Its pause ends, and so does what enable, disable and holds left behind.";
        return ask(Verb::Resume, place, &named, then.to_owned());
    }
    let then =
        "Nothing is changed in HAProxy until it is resumed; what would be done is still said.";
    ask(Verb::Pause, place, &named, then.to_owned())
}

/// `2 serve, 2 wanted.`
fn standing(backend: &BackendStatus) -> String {
    match (backend.serving, backend.wanted) {
        (Some(serving), Some(wanted)) => format!("Now {serving} serve, {wanted} wanted."),
        _ => String::new(),
    }
}
