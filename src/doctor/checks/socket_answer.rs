//! Whoever answers at the admin socket, or does not: nobody there, no right to ask, another program, an old
//! HAProxy.

use super::super::facts::{Answer, ConfigState, Facts};
use super::super::finding::{Code, Finding, Fix};
use super::socket::{group_name, socket, with_group};
use crate::haproxy_cfg::StatsSocket;

/// The lowest version that is read.
const VERSION_MIN: (u32, u32) = (2, 4);

pub(super) fn check(facts: &Facts, is_explained: bool, findings: &mut Vec<Finding>) {
    let address = facts.socket.address.as_ref();
    let place = address.map_or_else(|| "admin socket".to_owned(), ToString::to_string);
    match &facts.socket.answer {
        Answer::NotAsked => {}
        Answer::Away(why) => findings.extend(away(facts, place, why)),
        Answer::Forbidden(_) if is_explained => {}
        Answer::Forbidden(why) => findings.push(forbidden(facts, place, why)),
        Answer::Silent(why) => {
            let text = format!(
                "{why}. Is another program behind this socket, or does HAProxy hang? `stats maxconn` may be \
                 used up as well; a restart would cut every user off, so look first"
            );
            findings.push(Finding::new(Code::SocketSilent, place, text, Fix::None));
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

/// Whoever looks may not open it; what that means for the daemon, the rights of its user tell.
fn forbidden(facts: &Facts, place: String, why: &str) -> Finding {
    let rights = facts.socket.rights;
    let may_daemon = match rights {
        Some(rights) => rights.grants(&facts.reader, 0o600),
        None => facts.is_asked_by_another(),
    };
    if may_daemon {
        return sudo_needed("socket", place);
    }
    let of_group = rights.filter(|it| it.mode & 0o060 == 0o060 && it.gid != 0);
    if let Some(rights) = of_group {
        let (group, me) = (group_name(facts, rights.gid), &facts.reader.name);
        let fix = Fix::run(format!("sudo usermod -aG {group} {me}"));
        return Finding::new(Code::SocketForbidden, place, why, fix);
    }
    let group = facts.socket_group();
    if let Some((cfg, socket)) = facts
        .cfg
        .as_ref()
        .and_then(|cfg| Some((cfg, socket(facts, cfg)?)))
        && !socket.is_tcp
    {
        let line = with_group(&socket.line, socket, &group);
        let of = (cfg, &socket.line, "global");
        return Finding::of_line(Code::SocketForbidden, of, why, line.text());
    }
    let text = format!(
        "{why}; no group may open it. In haproxy.cfg, `mode 660 group {group}` behind its `stats socket` lets \
         that group"
    );
    Finding::new(Code::SocketForbidden, place, text, Fix::None)
}

/// The daemon may open it, or nobody knows; whoever looks may not.
pub(super) fn sudo_needed(what: &str, place: String) -> Finding {
    let text = format!(
        "you may not open this {what}, so it was not looked at; that says nothing of the daemon, whose user is \
         another: use sudo"
    );
    let fix = Fix::run("sudo haproxy-autoscale doctor");
    Finding::new(Code::SudoNeeded, place, text, fix)
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
    let files = facts.cfg.iter().flat_map(|it| &it.files);
    let files: Vec<String> = files.map(|it| format!("-f {}", it.display())).collect();
    let files = if files.is_empty() {
        "-f FILE".to_owned()
    } else {
        files.join(" ")
    };
    let fix = Fix::run(format!(
        "sudo haproxy -c {files} && sudo systemctl reload-or-restart haproxy"
    ));
    Some(Finding::new(Code::SocketMissing, place, text, fix))
}

/// Major and minor of `2.6.12-1+deb12u4`.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(['.', '-']);
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}
