//! Does HAProxy run with the file that lies there? Its servers are compared with their lines, in what only a
//! line can have made. Where somebody or something else may have, or nobody can know, nothing is said.

use std::net::SocketAddr;

use super::super::facts::Facts;
use super::super::finding::{Code, Finding, Fix, place};
use crate::haproxy_cfg::{Cfg, Proxy, Server};
use crate::words::picture::{BackendRead, Picture, ServerRead};

/// Of a server whose line says none (`configuration.txt` §5.2).
const WEIGHT: u32 = 1;

/// The first thing that is otherwise: a reload ends them all.
pub(super) fn check(facts: &Facts, cfg: &Cfg) -> Option<Finding> {
    let picture = &facts.socket.said()?.picture;
    cfg.backends().find_map(|proxy| {
        let (at, what) = match picture.backends.get(&proxy.name) {
            Some(read) => of_proxy(cfg, proxy, read)?,
            None => (proxy.header, missing(cfg, proxy, picture)?),
        };
        let section = format!("{} {}", proxy.kind.as_str(), proxy.name);
        let text = format!("HAProxy does not run with this file yet: {what}");
        let fix = Fix::run("sudo systemctl reload haproxy");
        Some(Finding::new(
            Code::CfgNotInForce,
            place(cfg, at, &section),
            text,
            fix,
        ))
    })
}

/// HAProxy has others of that file, and not this one. None of them: it is started with other files.
fn missing(cfg: &Cfg, proxy: &Proxy, picture: &Picture) -> Option<String> {
    let is_unsure = cfg.has_conditions || proxy.settings.is_disabled || proxy.name.contains('$');
    let mut others = cfg
        .backends()
        .filter(|it| it.header.file == proxy.header.file);
    let is_read = others.any(|it| picture.backends.contains_key(&it.name));
    (!is_unsure && is_read).then(|| format!("it has no backend {}", proxy.name))
}

fn of_proxy(
    cfg: &Cfg,
    proxy: &Proxy,
    read: &BackendRead,
) -> Option<(crate::haproxy_cfg::At, String)> {
    // The environment of HAProxy is not known, nor which `.if` it takes.
    let mut known = proxy.servers.iter().filter(|it| !it.name.contains('$'));
    let differs = known.find_map(|server| {
        let there = read.servers.iter().find(|it| it.name == server.name);
        let name = format!("{}/{}", proxy.name, server.name);
        let what = match there {
            None => format!("it has no server {name}"),
            Some(there) if there.is_disabled_in_cfg() != server.has("disabled") => {
                let mark = |is_marked| {
                    if is_marked {
                        "disabled"
                    } else {
                        "not disabled"
                    }
                };
                let (there, here) = (there.is_disabled_in_cfg(), server.has("disabled"));
                format!("there {name} is {}, here {}", mark(there), mark(here))
            }
            Some(there) if !is_unsure(cfg, proxy, server) => {
                format!("{name} has {}", value(proxy, server, there)?)
            }
            Some(_) => return None,
        };
        Some((server.line.at, what))
    });
    differs.or_else(|| Some((proxy.header, removed(cfg, proxy, read)?)))
}

/// Which of several lines of a name counts, and what a template makes of its own, HAProxy alone knows.
fn is_unsure(cfg: &Cfg, proxy: &Proxy, server: &Server) -> bool {
    let lines = proxy.servers.iter().filter(|it| it.name == server.name);
    cfg.has_conditions || server.template.is_some() || lines.count() > 1
}

/// A value that is another one there: `weight 1 there, weight 5 here`.
fn value(proxy: &Proxy, server: &Server, there: &ServerRead) -> Option<String> {
    let differ = |what: &str, there: &str, here: &str| {
        (there != here).then(|| format!("{what}{there} there, {what}{here} here"))
    };
    let mut differs = None;
    if let Some(here) = address(proxy, server)
        && let Some(address) = there.address
    {
        differs = differ("address ", &address.to_string(), &here.to_string());
    }
    if let Some(here) = number(server, "weight", WEIGHT) {
        let weight = there.initial_weight.to_string();
        differs = differs.or_else(|| differ("weight ", &weight, &here.to_string()));
    }
    if let Some(here) = maxconn(proxy, server, there) {
        let maxconn = there.maxconn.unwrap_or(0).to_string();
        differs = differs.or_else(|| differ("maxconn ", &maxconn, &here.to_string()));
    }
    if there.is_backup != server.has("backup") {
        let mark = |is_marked| if is_marked { "`backup`" } else { "no `backup`" };
        let (there, here) = (mark(there.is_backup), mark(server.has("backup")));
        differs = differs.or_else(|| differ("", there, here));
    }
    differs
}

/// As written, where it is no name, has its port, and neither a resolver nor a file of states changes it.
fn address(proxy: &Proxy, server: &Server) -> Option<SocketAddr> {
    if server.has("resolvers") || proxy.settings.keeps_state {
        return None;
    }
    let written = server.address.as_str();
    let written = written.strip_prefix("ipv4@").unwrap_or(written);
    let written = written.strip_prefix("ipv6@").unwrap_or(written);
    let address: SocketAddr = written.parse().ok()?;
    // `0.0.0.0` is wherever the client went.
    (!address.ip().is_unspecified()).then_some(address)
}

/// A number that is written as one; one that comes from a variable is not known.
fn number(server: &Server, flag: &str, otherwise: u32) -> Option<u32> {
    match server.flags.get(flag) {
        Some(written) => written.parse().ok(),
        None => Some(otherwise),
    }
}

/// 0 is none. The daemon lends one to a server that has none beside others that have one, and `minconn`
/// makes another number of it.
fn maxconn(proxy: &Proxy, server: &Server, there: &ServerRead) -> Option<u32> {
    let here = number(server, "maxconn", 0).filter(|_| !server.has("minconn"))?;
    let mut servers = proxy.servers.iter();
    let may_be_lent = here == 0 && there.maxconn.is_some() && servers.any(|it| it.has("maxconn"));
    (!may_be_lent).then_some(here)
}

/// A server that this section has lost. One behind all others may have been added at runtime: `add server`
/// puts it there (tried on 2.6, 3.0 and 3.2).
fn removed(cfg: &Cfg, proxy: &Proxy, read: &BackendRead) -> Option<String> {
    let is_unsure = |it: &Server| it.template.is_some() || it.name.contains('$');
    if cfg.has_conditions || proxy.servers.iter().any(is_unsure) {
        return None;
    }
    let is_here = |it: &ServerRead| proxy.server(&it.name).is_some();
    let last = read.servers.iter().rposition(is_here)?;
    let mut before = read.servers.iter().take(last);
    let gone = before.find(|it| !is_here(it))?;
    Some(format!("it still has server {}/{}", proxy.name, gone.name))
}
