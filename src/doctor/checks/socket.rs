//! The admin socket: is there one, may we write through it, does anybody answer?

use super::super::facts::{Answer, ConfigState, Facts};
use super::super::finding::{Code, Finding, Fix};
use super::super::host::Rights;
use super::super::log_place::Layout;
use super::in_global;
use crate::haproxy_cfg::{Cfg, Line, StatsSocket};
use crate::runtime_api::Address;

/// Fewer connections than this at once are too few for us and somebody beside us.
const CONNECTIONS_MIN: u32 = 4;
/// The lowest version that is read.
const VERSION_MIN: (u32, u32) = (2, 4);

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
    of_answer(facts, is_explained, findings);
}

/// The line of the socket that we use.
fn socket<'a>(facts: &Facts, cfg: &'a Cfg) -> Option<&'a StatsSocket> {
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
        if socket.is_admin() && socket.address.starts_with(['*', ':', '0']) {
            let port = socket.address.rsplit(':').next().unwrap_or("9999");
            line = line.changed(line.replacing(2, &format!("ipv4@127.0.0.1:{port}")));
            let text = "everybody who reaches this port may change HAProxy: there is no password";
            found.push((Code::SocketOpen, text.to_owned()));
        }
    } else if let Some(why) = closed_to_us(facts, socket) {
        if let Some(finding) = by_unit(facts, rights) {
            findings.push(finding);
        } else if !is_for_a_group(facts) {
            line = with_group(&line, socket, &facts.socket_group());
            found.push((Code::SocketGroup, why));
        }
    } else if is_open_to_all(socket) {
        line = with_group(&line, socket, &facts.socket_group());
        let text = "everybody on this host may change HAProxy through this socket";
        found.push((Code::SocketOpen, text.to_owned()));
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
        let text =
            format!("this socket has {level}: HAProxy lets nobody change a server through it");
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

fn is_open_to_all(socket: &StatsSocket) -> bool {
    socket.mode_bits().is_some_and(|mode| mode & 0o002 != 0)
}

pub(super) fn group_name(facts: &Facts, gid: u32) -> String {
    let known = facts.host.numbers("/etc/group");
    let found = known.into_iter().find(|(_, number)| *number == gid);
    found.map_or_else(|| gid.to_string(), |(name, _)| name)
}

fn with_group(line: &Line, socket: &StatsSocket, group: &str) -> Line {
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

fn of_answer(facts: &Facts, is_explained: bool, findings: &mut Vec<Finding>) {
    let address = facts.socket.address.as_ref();
    let place = address.map_or_else(|| "admin socket".to_owned(), ToString::to_string);
    match &facts.socket.answer {
        Answer::NotAsked => {}
        Answer::Away(why) => findings.extend(away(facts, place, why)),
        Answer::Forbidden(_) if is_explained => {}
        Answer::Forbidden(why) => {
            let group = facts.socket.rights.map(|it| group_name(facts, it.gid));
            let group = group.unwrap_or_else(|| "haproxy".to_owned());
            let me = &facts.reader.name;
            let fix = Fix::run(format!("sudo usermod -aG {group} {me}"));
            findings.push(Finding::new(Code::SocketForbidden, place, why, fix));
        }
        Answer::Silent(why) => {
            let fix = Fix::run("sudo systemctl restart haproxy");
            findings.push(Finding::new(Code::SocketSilent, place, why, fix));
        }
        Answer::Said(said) => {
            if version(&said.version).is_some_and(|it| it < VERSION_MIN) {
                let text = format!(
                    "HAProxy {} is too old: 2.4 or later is needed",
                    said.version
                );
                findings.push(Finding::new(Code::SocketSilent, place, text, Fix::None));
            }
        }
    }
}

fn away(facts: &Facts, place: String, why: &str) -> Option<Finding> {
    if facts.is_review() {
        let text = format!(
            "only the file was looked at, not a running HAProxy: {why}. Ask again once HAProxy runs with it"
        );
        return Some(Finding::new(Code::HaproxyAway, place, text, Fix::None));
    }
    let of_cfg = facts.cfg.as_ref().map(|cfg| &cfg.global.sockets);
    let others = of_cfg.map_or(&[][..], Vec::as_slice);
    let is_named = |it: &StatsSocket| {
        facts
            .socket
            .address
            .as_ref()
            .is_some_and(|ours| ours.to_string() == it.address)
    };
    let has_config = matches!(facts.config.state, ConfigState::Loaded(_));
    if has_config
        && !others.iter().any(is_named)
        && let Some(other) = others.iter().find(|it| !it.is_tcp)
    {
        let text = format!(
            "{why}; haproxy.cfg has its socket at {}, so that is the one to name",
            other.address
        );
        let fix = Fix::key("haproxy", format!("socket = \"{}\"", other.address));
        let place = facts.config.path.display().to_string();
        return Some(Finding::new(Code::SocketDiffers, place, text, fix));
    }
    if others.is_empty() && facts.cfg.is_some() {
        return None;
    }
    let text = format!("{why}: HAProxy does not run, or not with this haproxy.cfg");
    let fix = Fix::run("sudo systemctl restart haproxy");
    Some(Finding::new(Code::SocketMissing, place, text, fix))
}

/// Major and minor of `2.6.12-1+deb12u4`.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(['.', '-']);
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}
