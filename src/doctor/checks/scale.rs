//! Is there anything to scale: http backends, two servers, a spare among them, and does HAProxy run with
//! the file that says so?

use super::super::facts::{Facts, LogFile, Subject};
use super::super::finding::{Code, Finding, Fix, place};
use super::in_proxy;
use super::template::{lines, of_several};
use crate::haproxy_cfg::{Cfg, Proxy, Server};

/// Backends that are named in a message.
const NAMED_MAX: usize = 5;

/// Where our configuration names no backend: why there is none that could be ours.
pub(super) fn nothing(facts: &Facts) -> Option<Finding> {
    let cfg = facts.cfg.as_ref()?;
    let is_known = facts.not_in_files().is_empty();
    if facts.config.loaded().is_some() || !facts.subjects().is_empty() || !is_known {
        return None;
    }
    if let Some(template) = of_template(cfg) {
        return Some(template);
    }
    let http: Vec<&Proxy> = cfg.backends().filter(|it| it.is_http()).collect();
    let place = cfg.files.first().map(|it| it.display().to_string());
    let place = place.unwrap_or_default();
    if http.is_empty() {
        let text = if cfg.backends().next().is_none() {
            "nothing to scale: no backend has a server"
        } else {
            "nothing to scale: no backend is `mode http`, and in `mode tcp` there are no requests, so no \
             response time to decide by"
        };
        return Some(Finding::new(Code::NothingToScale, place, text, Fix::None));
    }
    let names: Vec<&str> = http
        .iter()
        .filter(|it| !it.servers.iter().all(Server::is_loopback))
        .map(|it| it.name.as_str())
        .take(NAMED_MAX)
        .collect();
    let (slow, how_slow) = slowest(facts, &http)?;
    let server = slow.servers.first()?;
    let port = server
        .port()
        .map_or(String::new(), |port| format!(":{port}"));
    let check = if server.has("check") { " check" } else { "" };
    let line = format!("    server {}-2 ADDRESS{port}{check} disabled", server.name);
    let (place, fix) = in_proxy(cfg, slow, &line);
    let text = format!(
        "nothing to scale: no http backend has two servers ({}). A spare is a second server; {how_slow}. \
         ADDRESS is that of the second machine",
        names.join(", ")
    );
    Some(Finding::new(Code::NothingToScale, place, text, fix))
}

/// HAProxy has read more files than we: what they say was not looked at.
pub(super) fn incomplete(facts: &Facts) -> Option<Finding> {
    let missing = facts.not_in_files();
    let first = facts.cfg.as_ref()?.files.first()?;
    if missing.is_empty() {
        return None;
    }
    let more = match missing.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<&str> = missing.into_iter().take(NAMED_MAX).collect();
    let text = format!(
        "HAProxy has backends that are not in the files that were read: {}{more}. Name all of its files, in \
         the order of its `-f`: --haproxy-cfg FILE --haproxy-cfg FILE",
        names.join(", ")
    );
    let place = first.display().to_string();
    Some(Finding::new(Code::CfgIncomplete, place, text, Fix::None))
}

/// The file is what Ansible, Jinja or confd make haproxy.cfg of: one line in a loop makes all servers.
fn of_template(cfg: &Cfg) -> Option<Finding> {
    let servers = cfg.backends().flat_map(|it| &it.servers);
    let mut servers = servers.filter(|it| it.line.raw.contains("{{"));
    let line = &servers.next()?.line;
    let (_, inside) = line.raw.split_once("{{")?;
    let variable = inside
        .split(['.', '}', '['])
        .next()
        .unwrap_or_default()
        .trim();
    let text = "this is a template and not yet a haproxy.cfg: one word behind the line would make every server \
                of its loop a spare. A condition marks one; `spare` is to be true for that server alone";
    if variable.is_empty() {
        let place = place(cfg, line.at, "");
        return Some(Finding::new(Code::TemplateSpare, place, text, Fix::None));
    }
    let condition = format!("{{{{ \" disabled\" if {variable}.spare else \"\" }}}}");
    let mended = format!("{}{condition}", line.text());
    Some(Finding::of_line(
        Code::TemplateSpare,
        (cfg, line, ""),
        text,
        mended,
    ))
}

/// The backend that needs a second server first: by the log, else the one that gets what no rule names.
fn slowest<'a>(facts: &Facts, http: &[&'a Proxy]) -> Option<(&'a Proxy, String)> {
    let elsewhere = |it: &&&Proxy| !it.servers.iter().all(Server::is_loopback);
    if let LogFile::Read(read) = &facts.log.file {
        let slow = read.backends.iter().find_map(|(name, mean_ms, requests)| {
            let proxy = http.iter().find(|it| it.name == *name)?;
            Some((*proxy, *mean_ms, *requests))
        });
        if let Some((proxy, mean_ms, requests)) = slow {
            let text = format!(
                "by the log {} is the slowest, {mean_ms} ms in the mean of {requests} requests",
                proxy.name
            );
            return Some((proxy, text));
        }
    }
    let cfg = facts.cfg.as_ref();
    let defaults = cfg.into_iter().flat_map(|it| &it.proxies);
    let last = |it: &Proxy| it.leads_to.last().cloned();
    let defaults: Vec<String> = defaults.filter_map(last).collect();
    let by_default = http.iter().filter(elsewhere);
    let by_default = by_default.rev().find(|it| defaults.contains(&it.name));
    let proxy = by_default
        .or_else(|| http.iter().find(elsewhere))
        .or(http.first())?;
    let text = format!(
        "which backend needs it the most, its log would tell; {} as an example",
        proxy.name
    );
    Some((proxy, text))
}

/// The server that had better become the spare: the last one that is neither a backup nor of a template.
pub fn proposed_spare<'a>(subject: &Subject<'a>) -> Option<&'a Server> {
    let named = |it: &&Server| it.template.is_none() && !it.has("backup");
    let others = |it: &&Server| !subject.is_always_up(&it.name);
    let all: Vec<&Server> = subject.proxy.servers.iter().filter(named).collect();
    if all.len() < 2 {
        return None;
    }
    let free = all.iter().copied().rfind(others);
    // Where all are named as always-up, one of them has to become the spare.
    free.or(all.last().copied())
}

pub(super) fn check(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let proxy = subject.proxy;
    if !proxy.is_http() {
        let text = format!(
            "{} is `mode tcp`: it has no requests and no response time to decide by (tcplog has no Tr), \
             so it cannot be scaled",
            subject.section()
        );
        let place = place(cfg, proxy.header, &subject.section());
        findings.push(Finding::new(Code::BackendTcp, place, text, Fix::None));
        return;
    }
    if proxy.servers.iter().any(|it| subject.is_spare(&it.name)) {
        return;
    }
    if proposed_spare(subject).is_some() {
        // The line of that server says it, with all else that is wrong with it.
        return;
    }
    let mut servers = proxy.servers.iter();
    let template = servers.find_map(|it| Some((it, of_several(it)?)));
    if let Some((server, template)) = template {
        let (from, to) = (template.from, template.to);
        let line = &server.line;
        let text = format!(
            "no server of {} is a spare, and one line makes them all: two lines let {}{to} be one",
            subject.section(),
            template.prefix
        );
        let mended = lines(line, false, &[(from, to - 1, false), (to, to, true)]);
        let section = subject.section();
        findings.push(Finding::of_line(
            Code::TemplateSpare,
            (cfg, line, &section),
            text,
            mended,
        ));
        return;
    }
    let first = proxy.servers.first();
    let name = first.map_or("web", |it| it.name.as_str());
    let port = first.and_then(Server::port);
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    let line = format!("    server {name}-2 ADDRESS{port} check disabled");
    let (place, fix) = in_proxy(cfg, proxy, &line);
    let text = format!(
        "{} has one server alone: a spare is a second one. ADDRESS is that of its machine",
        subject.section()
    );
    findings.push(Finding::new(Code::NoSpare, place, text, fix));
}
