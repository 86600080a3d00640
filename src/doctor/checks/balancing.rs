//! How a backend shares out its requests, and what that does to a newcomer (docs/setting-up.md, measured in
//! the load lab). Nearly all of it is advice.

use super::super::facts::Subject;
use super::super::finding::{Code, Finding, Fix, place};
use super::super::shown::{toml_key, toml_text};
use super::{in_proxy, is_own};
use crate::haproxy_cfg::{Cfg, Line};

/// Connections of all of HAProxy below which users soon wait in front of it.
const SMALL_MAXCONN: u32 = 500;

pub(super) fn check(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    shutdown(cfg, subject, findings);
    if !subject.proxy.is_http() {
        return;
    }
    queue(cfg, subject, findings);
    algorithm(cfg, subject, findings);
    persistence(cfg, subject, findings);
    warm_up_path(cfg, subject, findings);
    let small = cfg.global.maxconn.as_ref();
    if let Some((limit, line)) = small.filter(|(limit, _)| *limit <= SMALL_MAXCONN) {
        let text = format!(
            "all of HAProxy takes at most {limit} connections at once: beyond that users wait in front of it, \
             where no server can help"
        );
        let mended = line.replacing(1, "4000");
        findings.push(Finding::of_line(
            Code::SmallMaxconn,
            (cfg, line, "global"),
            text,
            mended,
        ));
    }
}

fn queue(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let proxy = subject.proxy;
    let section = subject.section();
    let has_maxconn = proxy
        .servers
        .iter()
        .any(|it| it.number("maxconn").is_some_and(|it| it > 0));
    if !has_maxconn {
        // It counts for the servers below it alone, so it goes above them.
        let Some(first) = proxy.servers.first() else {
            return;
        };
        let above = first.line.above();
        let place = place(cfg, above, &format!("{section}, below it"));
        let fix = Fix::below(cfg, above, section.clone(), "    default-server maxconn N");
        let text = format!(
            "no server of {section} has a `maxconn`, so no queue shows when servers are full, and signals of \
             the queue are off. N is what one of yours works on at once, such as its workers or threads; \
             `haproxy-autoscale tune` says what the log tells of it"
        );
        findings.push(Finding::new(Code::NoMaxconn, place, text, fix));
        return;
    }
    let algorithm = proxy.balance();
    if !["roundrobin", "static-rr", "first"].contains(&algorithm) {
        return;
    }
    let said = if proxy.settings.balance.is_some() {
        format!("`balance {algorithm}`")
    } else {
        "no `balance`, which means roundrobin".to_owned()
    };
    let worse = if proxy.option("abortonclose").is_some() {
        "; with `option abortonclose` and clients who give up such an outage outlives the load"
    } else {
        ""
    };
    let text = format!(
        "{section} has servers with `maxconn` and {said}: while requests wait, HAProxy by itself sends \
         nothing to a server that comes out of drain. The daemon kicks it awake; with leastconn there is \
         nothing to end{worse}"
    );
    findings.push(leastconn(cfg, subject, Code::QueueTrap, text));
}

/// `balance leastconn` in the place of the backend's own line, or over that of its `defaults`.
fn leastconn(cfg: &Cfg, subject: &Subject<'_>, code: Code, text: String) -> Finding {
    let own = subject.proxy.settings.balance.as_ref().map(|it| &it.1);
    let wanted = "    balance leastconn".to_owned();
    if let Some(line) = own.filter(|line| is_own(subject.proxy, line)) {
        return Finding::of_line(code, (cfg, line, &subject.section()), text, wanted);
    }
    let (place, fix) = in_proxy(cfg, subject.proxy, &wanted);
    Finding::new(code, place, text, fix)
}

fn algorithm(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let proxy = subject.proxy;
    let name = proxy.balance();
    let is_hash = ["source", "uri", "url_param", "rdp-cookie", "hash"].contains(&name)
        || name.starts_with("hdr(");
    if is_hash {
        let text = format!(
            "`balance {name}`: a server that joins or goes moves users from one server to another, and may \
             get none of them. Another algorithm would end that a user or a page keeps its server, so that \
             is yours to decide: does the application count on it?"
        );
        let line = proxy.settings.balance.as_ref().map(|it| it.1.at);
        let place = place(cfg, line.unwrap_or(proxy.header), &subject.section());
        findings.push(Finding::new(Code::BalanceHash, place, text, Fix::None));
    }
    if let Some(rule) = proxy.use_server.first() {
        let text = "a `use-server` rule sends users past the balancing, also to a spare that is still being \
                    checked";
        let place = place(cfg, rule.at, &subject.section());
        findings.push(Finding::new(Code::UseServer, place, text, Fix::None));
    }
    let slow = proxy.servers.iter().find(|it| it.has("slowstart"));
    if let Some(server) = slow {
        let lasts = server.flags.get("slowstart").cloned().unwrap_or_default();
        let text = format!(
            "`slowstart {lasts}`: a spare has its full share only {lasts} after it is in, so help comes late"
        );
        let line = source_of(subject, &server.line, "slowstart");
        let mended = line.position("slowstart", 1).map(|at| line.without(at, 2));
        let found = (cfg, line, subject.section());
        findings.push(of_flag(Code::Slowstart, found, text, mended));
    }
}

/// In `mode tcp` too: sessions are long there.
fn shutdown(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let proxy = subject.proxy;
    let cut = proxy.servers.iter().find(|it| {
        let action = it.flags.get("on-marked-down");
        action.is_some_and(|it| it == "shutdown-sessions")
    });
    if let Some(server) = cut {
        let text = "`on-marked-down shutdown-sessions` cuts what is open on a server that goes to maint; the \
                    daemon waits for it, unless on_open_sessions = \"maint\"";
        let line = source_of(subject, &server.line, "on-marked-down");
        let mended = line
            .position("on-marked-down", 1)
            .map(|at| line.without(at, 2));
        let found = (cfg, line, subject.section());
        findings.push(of_flag(
            Code::ShutdownSessions,
            found,
            text.to_owned(),
            mended,
        ));
    }
}

/// The line that says it: that of the server, or `default-server`.
fn source_of<'a>(subject: &'a Subject<'_>, line: &'a Line, word: &str) -> &'a Line {
    let default = subject.proxy.settings.default_server.as_ref();
    let default = default.filter(|_| line.position(word, 3).is_none());
    default.unwrap_or(line)
}

fn of_flag(
    code: Code,
    (cfg, line, section): (&Cfg, &Line, String),
    text: String,
    mended: Option<String>,
) -> Finding {
    match mended {
        Some(mended) => Finding::of_line(code, (cfg, line, &section), text, mended),
        None => Finding::new(code, place(cfg, line.at, &section), text, Fix::None),
    }
}

fn persistence(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(line) = subject.proxy.option("persist") else {
        return;
    };
    let text = "`option persist`: HAProxy goes on sending clients to a server in maintenance, so a spare that \
                was lent away loses them";
    let mended = "    no option persist".to_owned();
    findings.push(Finding::of_line(
        Code::OptionPersist,
        (cfg, line, ""),
        text,
        mended,
    ));
}

/// HAProxy's own checks ask for another path than our warm-up.
fn warm_up_path(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(config), Some(path)) = (subject.config, &subject.proxy.settings.check_path) else {
        return;
    };
    if config.warm_up.path != "/" || path == "/" || config.warm_up.requests == 0 {
        return;
    }
    let text = format!(
        "HAProxy checks {} with {path}, and the warm-up asks for /: take the same path, or one that warms \
         more",
        subject.section()
    );
    let fix = Fix::key(
        format!("backend.{}.warm_up", toml_key(&subject.proxy.name)),
        format!("path = {}", toml_text(path)),
    );
    let place = place(cfg, subject.proxy.header, &subject.section());
    findings.push(Finding::new(Code::WarmUpPath, place, text, fix));
}
