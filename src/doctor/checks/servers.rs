//! One server line after the other: is it marked, can it come in, will HAProxy prove it? What is wrong with
//! a line is mended in one line.

use super::super::facts::Subject;
use super::super::finding::{Code, Finding, Fix, place};
use super::super::shown::toml_key;
use super::scale::proposed_spare;
use super::template;
use crate::haproxy_cfg::{Cfg, Line, Server};

/// A weight that answers of an agent can divide.
const DIVISIBLE_WEIGHT: u32 = 100;

/// A line and what is wrong with it.
struct Mending {
    line: Line,
    found: Vec<(Code, String)>,
}

impl Mending {
    fn append(&mut self, code: Code, text: impl Into<String>, more: &str) {
        self.line = self.line.changed(self.line.with(more));
        self.found.push((code, text.into()));
    }

    /// Takes a word and so many values out, if it stands in the line itself.
    fn remove(&mut self, word: &str, values: usize) -> bool {
        let Some(at) = self.line.position(word, 3) else {
            return false;
        };
        self.line = self.line.changed(self.line.without(at, values + 1));
        true
    }

    /// Sets the value of a word, wherever it came from.
    fn set(&mut self, word: &str, value: &str) {
        let mended = match self.line.position(word, 3) {
            Some(at) => self.line.replacing(at + 1, value),
            None => self.line.with(&format!("{word} {value}")),
        };
        self.line = self.line.changed(mended);
    }
}

pub(super) fn check(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if !subject.proxy.is_http() {
        return;
    }
    let has_spare = |it: &Server| subject.is_spare(&it.name);
    let proposed = if subject.proxy.servers.iter().any(has_spare) {
        None
    } else {
        proposed_spare(subject)
    };
    let section = subject.section();
    for server in &subject.proxy.servers {
        agent(cfg, subject, server, findings);
        if template::is_split(subject, server) {
            // Each of its lines is looked at once there are several.
            continue;
        }
        let is_proposed = proposed.is_some_and(|it| it.name == server.name);
        let mending = if is_proposed || subject.is_spare(&server.name) {
            spare(subject, server, is_proposed)
        } else {
            other(subject, server)
        };
        let fix = if template::is_mixed(subject, server) {
            Fix::None
        } else {
            Fix::replace(cfg, server.line.at, mending.line.text())
        };
        for (code, text) in &mending.found {
            let place = place(cfg, server.line.at, &section);
            findings.push(Finding::new(*code, place, text, fix.clone()));
        }
        if is_proposed || subject.is_spare(&server.name) {
            unreached(cfg, subject, server, findings);
        }
    }
}

fn name_of(subject: &Subject<'_>, server: &Server) -> String {
    format!("{}/{}", subject.proxy.name, server.name)
}

fn spare(subject: &Subject<'_>, server: &Server, is_proposed: bool) -> Mending {
    let name = name_of(subject, server);
    let mut mending = Mending {
        line: server.line.clone(),
        found: Vec::new(),
    };
    if server.has("backup") && mending.remove("backup", 0) {
        let text = format!(
            "{name} is marked `backup`: HAProxy sends it nothing while another server is active, so it \
             cannot help"
        );
        mending.found.push((Code::SpareBackup, text));
    }
    if server.number("weight") == Some(0) {
        mending.set("weight", &weight_of_others(subject, server));
        let text = format!("{name} has weight 0: HAProxy calls it UP and sends it nothing");
        mending.found.push((Code::SpareWeight, text));
    }
    let has_check = server.has("check") || server.has("track");
    if !has_check {
        let text = format!(
            "{name} has no `check`: HAProxy never proves this spare, only the warm-up does, and nobody takes \
             it out when it dies later"
        );
        mending.append(Code::NoCheck, text, "check");
    } else if server.number("fall") == Some(1) {
        mending.set("fall", "3");
        let text = format!(
            "{name} has `fall 1`: HAProxy calls it UP before it has checked it once, so the warm-up alone \
             proves it"
        );
        mending.found.push((Code::FallOne, text));
    }
    if is_proposed {
        let text = format!(
            "{} has no spare: the word `disabled` makes {name} one. A reload takes it out of service at \
             once, so do that in a quiet hour",
            subject.section()
        );
        mending.append(Code::NoSpare, text, "disabled");
    } else if !server.has("disabled") {
        let text = format!(
            "{name} is named as a spare and not marked `disabled`: at each reload of HAProxy it gets users \
             without a warm-up"
        );
        mending.append(Code::SpareNotMarked, text, "disabled");
    }
    mending
}

/// One that we never touch.
fn other(subject: &Subject<'_>, server: &Server) -> Mending {
    let name = name_of(subject, server);
    let mut mending = Mending {
        line: server.line.clone(),
        found: Vec::new(),
    };
    // Of others a weight of 0 is what somebody wants: no configuration of ours counts on them.
    if !subject.is_always_up(&server.name) {
        return mending;
    }
    if !server.has("backup") && server.number("weight") == Some(0) {
        mending.set("weight", &weight_of_others(subject, server));
        let text = format!(
            "{name} is named in always_up and has weight 0: HAProxy calls it UP and sends it nothing, so it \
             does not count as serving"
        );
        mending.found.push((Code::AlwaysUpWeight, text));
    }
    if server.has("disabled") && mending.remove("disabled", 0) {
        let text =
            format!("{name} is named in always_up and is `disabled`: nothing ever enables it");
        mending.found.push((Code::AlwaysUpDisabled, text));
    }
    mending
}

/// The weight of a server beside it that serves: its share is then that of the others.
fn weight_of_others(subject: &Subject<'_>, server: &Server) -> String {
    let others = subject.proxy.servers.iter();
    let others = others.filter(|it| it.name != server.name && !it.has("backup"));
    let weighty = others.filter_map(|it| {
        let weight = it.number("weight").unwrap_or(1);
        (weight > 0).then_some((subject.is_spare(&it.name), weight))
    });
    let best = weighty.min_by_key(|(is_spare, _)| *is_spare);
    best.map_or(1, |(_, weight)| weight).to_string()
}

/// Weights are shares: one that is changed alone changes who gets which requests. So all of them are, where
/// no server has its own, and else it is said.
fn agent(cfg: &Cfg, subject: &Subject<'_>, server: &Server, findings: &mut Vec<Finding>) {
    let weight = server.number("weight").unwrap_or(1);
    if !server.has("agent-check") || weight == 0 || weight >= DIVISIBLE_WEIGHT / 10 {
        return;
    }
    let section = subject.section();
    let servers = &subject.proxy.servers;
    let first = servers
        .first()
        .filter(|_| !servers.iter().any(|it| it.has("weight")));
    let (place, fix, more) = if let Some(first) = first {
        let above = first.line.above();
        let line = format!("    default-server weight {DIVISIBLE_WEIGHT}");
        let place = place(cfg, above, &format!("{section}, below it"));
        let fix = Fix::below(cfg, above, section, line);
        let more = "this line gives all servers of the backend the same larger weight";
        (place, fix, more.to_owned())
    } else {
        let place = place(cfg, server.line.at, &section);
        let more = format!("multiply the weights of all servers of {section} alike, up to 256");
        (place, Fix::None, more)
    };
    let text = format!(
        "{} has `agent-check` and weight {weight}: an answer such as `50%` is rounded down, at weight 1 to \
         0, and it gets nothing; {more}",
        name_of(subject, server)
    );
    findings.push(Finding::new(Code::AgentWeight, place, text, fix));
}

/// What no warm-up of ours reaches.
fn unreached(cfg: &Cfg, subject: &Subject<'_>, server: &Server, findings: &mut Vec<Finding>) {
    let warm_up = subject.config.map(|it| &it.warm_up);
    let has_url = subject
        .config
        .is_some_and(|it| it.warm_up_urls.contains_key(&server.name));
    if has_url || warm_up.is_some_and(|it| it.requests == 0) {
        return;
    }
    let name = name_of(subject, server);
    let place = place(cfg, server.line.at, &subject.section());
    let backend = toml_key(&subject.proxy.name);
    if server.sends_proxy() {
        let text = format!(
            "{name} expects the PROXY protocol first, which a warm-up does not speak: without one, HAProxy's \
             checks alone prove it"
        );
        let fix = Fix::key(format!("backend.{backend}.warm_up"), "requests = 0");
        findings.push(Finding::new(Code::SpareProxy, place, text, fix));
    } else if server.is_unix() {
        let text = format!(
            "{name} listens on a Unix socket, which no warm-up request reaches: name an address at which it \
             answers over HTTP, in the place of 127.0.0.1:8080"
        );
        let table = format!("backend.{backend}.server.{}", toml_key(&server.name));
        let fix = Fix::key(table, "warm_up_url = \"http://127.0.0.1:8080/\"");
        findings.push(Finding::new(Code::SpareUnix, place, text, fix));
    }
}
