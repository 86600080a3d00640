//! The admin socket as a line of haproxy.cfg and as a file: is there one, for whom, may we write through it?
//! What it answers is the business of `socket_answer`.

use super::super::facts::{Answer, Facts};
use super::super::finding::{Code, Finding, Fix, place};
use super::super::host::Rights;
use super::super::log_place::Layout;
use super::{in_global, socket_answer};
use crate::haproxy_cfg::{Cfg, Line, StatsSocket};
use crate::runtime_api::Address;

/// Fewer connections than this at once are too few for us and somebody beside us.
const CONNECTIONS_MIN: u32 = 4;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let before = findings.len();
    if let Some(cfg) = &facts.cfg {
        match socket(facts, cfg) {
            None => findings.push(none(facts, cfg)),
            Some(socket) => of_line(facts, cfg, socket, findings),
        }
        if let Some((limit, line)) = &cfg.global.stats_maxconn
            && *limit < CONNECTIONS_MIN
        {
            let text = format!(
                "`stats maxconn {limit}`: one connection more hangs without an error, so that the daemon \
                 cannot reach HAProxy while others look at it"
            );
            let mended = line.replacing(2, "10");
            findings.push(Finding::of_line(
                Code::StatsMaxconn,
                (cfg, line, "global"),
                text,
                mended,
            ));
        }
    }
    let is_explained = findings.get(before..).unwrap_or_default().iter();
    let is_explained = is_explained
        .map(|it| it.code)
        .any(|it| [Code::NoSocket, Code::SocketGroup, Code::UnitGroups].contains(&it));
    socket_answer::check(facts, is_explained, findings);
}

/// The line of the socket that we use.
pub(super) fn socket<'a>(facts: &Facts, cfg: &'a Cfg) -> Option<&'a StatsSocket> {
    let sockets = &cfg.global.sockets;
    let ours = facts.socket.address.as_ref();
    let is_ours = |it: &&StatsSocket| match ours {
        Some(Address::Unix(path)) => *path == *it.address,
        Some(Address::Tcp(address)) => it.is_tcp && it.address.ends_with(address.as_str()),
        None => false,
    };
    let ours = sockets.iter().find(is_ours);
    ours.or_else(|| cfg.global.best_socket())
}

fn none(facts: &Facts, cfg: &Cfg) -> Finding {
    let layout = Layout::of(Some(cfg), &facts.host);
    let (place, fix) = in_global(cfg, &layout.socket_line(&facts.host, &facts.socket_group()));
    let more = match layout {
        Layout::Debian | Layout::RedHat => "",
        Layout::Container => {
            "; in a container its directory has to be on a volume that the daemon shares"
        }
    };
    let text = format!(
        "there is no `stats socket`, so nothing can enable or disable a server (a statistics page is no \
         socket){more}"
    );
    Finding::new(Code::NoSocket, place, text, fix)
}

/// Level, group and mode; each finding shows the line with all of it mended.
fn of_line(facts: &Facts, cfg: &Cfg, socket: &StatsSocket, findings: &mut Vec<Finding>) {
    let mut found: Vec<(Code, String)> = Vec::new();
    let mut line = socket.line.clone();
    let rights = facts.socket.rights;
    if socket.is_tcp {
        if is_open(socket) {
            if is_reached_from_afar(facts) {
                open_to_a_network(cfg, socket, findings);
            } else {
                let port = socket.address.rsplit(':').next().unwrap_or("9999");
                line = line.changed(line.replacing(2, &format!("ipv4@127.0.0.1:{port}")));
                if socket.is_admin() {
                    let text =
                        "everybody who reaches this port may change HAProxy: there is no password";
                    found.push((Code::SocketOpen, text.to_owned()));
                }
            }
        }
    } else if let Some(why) = closed_to_us(facts, socket).filter(|_| !is_down(facts)) {
        if let Some(finding) = by_unit(facts, rights) {
            findings.push(finding);
        } else if !is_for_a_group(facts) {
            line = with_group(&line, socket, &facts.socket_group());
            found.push((Code::SocketGroup, why));
        }
    } else if is_open_to_all(socket) {
        // Without level admin they may not, and with it they would.
        line = with_group(&line, socket, &facts.socket_group());
        if socket.is_admin() {
            let text = "everybody on this host may change HAProxy through this socket";
            found.push((Code::SocketOpen, text.to_owned()));
        }
    }
    if !socket.is_admin() {
        let mended = match line.position("level", 3) {
            Some(at) => line.replacing(at + 1, "admin"),
            None => line.with("level admin"),
        };
        line = line.changed(mended);
        let level = socket.level.as_deref();
        let level = level.map_or("no level, which means operator".to_owned(), |it| {
            format!("level {it}")
        });
        let text = format!(
            "this socket has {level}: HAProxy lets nobody change a server through it{}",
            match (
                is_open(socket),
                socket.is_tcp && is_reached_from_afar(facts)
            ) {
                (true, false) => {
                    ". With level admin all who reach it could do so, so the line keeps others out as well"
                }
                (true, true) => {
                    ". With level admin all who reach it can do so: let a firewall admit the daemon's host alone"
                }
                (false, _) => "",
            }
        );
        found.push((Code::SocketLevel, text));
    }
    for (code, text) in found {
        findings.push(Finding::of_line(
            code,
            (cfg, &socket.line, "global"),
            text,
            line.text(),
        ));
    }
}

/// HAProxy does not run, so there is no socket whose group could be known: its directory may pass one on.
fn is_down(facts: &Facts) -> bool {
    matches!(facts.socket.answer, Answer::Away(_)) && !facts.is_review()
}

/// Our configuration names an address of HAProxy that is not this very host's loopback.
fn is_reached_from_afar(facts: &Facts) -> bool {
    let ours = facts.config.loaded().map(|it| &it.haproxy.socket);
    let Some(Address::Tcp(address)) = ours else {
        return false;
    };
    let near = ["127.", "localhost", "[::1]", "::1"];
    !near.iter().any(|it| address.starts_with(it))
}

fn open_to_a_network(cfg: &Cfg, socket: &StatsSocket, findings: &mut Vec<Finding>) {
    if !socket.is_admin() {
        return;
    }
    let text = "everybody who reaches this port may change HAProxy: there is no password. The daemon comes from \
                another host, so bind it to an address of an internal network, and let a firewall admit that \
                host alone";
    let place = place(cfg, socket.line.at, "global");
    findings.push(Finding::new(Code::SocketOpen, place, text, Fix::None));
}

/// Why the daemon's user cannot open it; by the file itself where there is one.
fn closed_to_us(facts: &Facts, socket: &StatsSocket) -> Option<String> {
    let who = &facts.reader.name;
    if let Some(rights) = facts.socket.rights {
        if rights.grants(&facts.reader, 0o600) {
            return None;
        }
        return Some(format!(
            "this socket has mode {:o} and group {}, so user {who}, as which the daemon runs, cannot open it",
            rights.mode,
            group_name(facts, rights.gid)
        ));
    }
    let mode = socket.mode_bits().unwrap_or(0o600);
    if mode & 0o006 == 0o006 || socket.user.as_deref() == Some(who.as_str()) {
        return None;
    }
    let has_group = socket.group.is_some() && mode & 0o060 == 0o060;
    (!has_group).then(|| {
        format!(
            "HAProxy makes this socket for root and, unless its directory passes on another one, for \
             root's group: user {who}, as which the daemon runs, cannot open it"
        )
    })
}

/// Its group may open it, and our unit is not in that group.
fn by_unit(facts: &Facts, rights: Option<Rights>) -> Option<Finding> {
    let rights = rights.filter(|it| it.mode & 0o060 == 0o060 && it.gid != 0)?;
    super::system::unit_group(facts, rights.gid, "the admin socket")
}

/// A group may open it, and whoever asks is not in it: what follows is said of the answer.
fn is_for_a_group(facts: &Facts) -> bool {
    let rights = facts.socket.rights;
    let is_for_a_group = rights.is_some_and(|it| it.mode & 0o060 == 0o060 && it.gid != 0);
    is_for_a_group && matches!(facts.socket.answer, Answer::Forbidden(_))
}

/// Everybody on the host, or on the network, reaches it.
fn is_open(socket: &StatsSocket) -> bool {
    if socket.is_tcp {
        socket.address.starts_with(['*', ':', '0'])
    } else {
        is_open_to_all(socket)
    }
}

fn is_open_to_all(socket: &StatsSocket) -> bool {
    socket.mode_bits().is_some_and(|mode| mode & 0o002 != 0)
}

pub(super) fn group_name(facts: &Facts, gid: u32) -> String {
    let known = facts.host.numbers("/etc/group");
    let found = known.into_iter().find(|(_, number)| *number == gid);
    found.map_or_else(|| gid.to_string(), |(name, _)| name)
}

pub(super) fn with_group(line: &Line, socket: &StatsSocket, group: &str) -> Line {
    let mut line = line.clone();
    for word in ["group", "gid"] {
        if let Some(at) = line.position(word, 3) {
            line = line.changed(line.without(at, 2));
        }
    }
    let mode = socket.mode_bits().filter(|mode| mode & 0o067 == 0o060);
    let mended = match line.position("mode", 3) {
        Some(at) => {
            if mode.is_none() {
                line = line.changed(line.replacing(at + 1, "660"));
            }
            line.with_behind(at + 1, &format!("group {group}"))
        }
        None => line.with_behind(2, &format!("mode 660 group {group}")),
    };
    line.changed(mended)
}
