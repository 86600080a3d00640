//! The checks: functions over the facts, each of which finds something or nothing. They read no file and ask
//! nobody.

mod balancing;
mod daemon;
mod force;
mod log_file;
mod log_lines;
mod machines;
mod ours;
mod scale;
mod servers;
mod silence;
mod socket;
mod socket_answer;
mod spares;
mod system;
mod template;

use super::facts::{CfgTrouble, Facts};
use super::finding::{Code, Finding, Fix};
use crate::haproxy_cfg::{At, Cfg, Line, Proxy};

pub use self::scale::proposed_spare;

/// All that can be found, the gravest first.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(trouble) = &facts.cfg_trouble {
        findings.push(of_trouble(trouble));
    }
    if let Some(nothing) = scale::nothing(facts) {
        return vec![nothing];
    }
    findings.extend(scale::incomplete(facts));
    socket::check(facts, &mut findings);
    if let Some(cfg) = &facts.cfg {
        let subjects = facts.subjects();
        log_lines::check(facts, cfg, &subjects, &mut findings);
        for subject in &subjects {
            scale::check(cfg, subject, &mut findings);
            template::check(cfg, subject, &mut findings);
            servers::check(cfg, subject, &mut findings);
            balancing::check(cfg, subject, &mut findings);
        }
        findings.extend(force::check(facts, cfg));
    }
    spares::check(facts, &mut findings);
    machines::check(facts, &mut findings);
    log_file::check(facts, &mut findings);
    ours::check(facts, &mut findings);
    system::check(facts, &mut findings);
    daemon::check(facts, &mut findings);
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let is_known = |it: &Finding| {
            (it.code, &it.place, &it.fix) == (finding.code, &finding.place, &finding.fix)
        };
        if !kept.iter().any(is_known) {
            kept.push(finding);
        }
    }
    kept.sort_by_key(|it| it.level);
    kept
}

fn of_trouble(trouble: &CfgTrouble) -> Finding {
    match trouble {
        CfgTrouble::NotFound => Finding::new(
            Code::CfgMissing,
            "haproxy.cfg",
            "haproxy.cfg is in none of the usual places, so only what HAProxy answers was looked at: \
             name it with --haproxy-cfg PATH",
            Fix::None,
        ),
        CfgTrouble::Unreadable { path, why } => Finding::new(
            Code::CfgUnreadable,
            path.display().to_string(),
            format!("haproxy.cfg cannot be read: {why}"),
            Fix::run(format!(
                "sudo haproxy-autoscale doctor --haproxy-cfg {}",
                path.display()
            )),
        ),
    }
}

/// A command of ours for the daemon of that configuration.
fn ours(facts: &Facts, verb: &str, rest: &str) -> Fix {
    let config = if facts.config.is_named {
        format!(" -c {}", facts.config.path.display())
    } else {
        String::new()
    };
    let space = if rest.is_empty() { "" } else { " " };
    Fix::run(format!("haproxy-autoscale {verb}{config}{space}{rest}"))
}

/// Something more in `global`, which is made where there is none.
fn in_global(cfg: &Cfg, lines: &str) -> (String, Fix) {
    match cfg.global.end {
        Some(end) => (
            super::finding::place(cfg, end, "global, below it"),
            Fix::below(cfg, end, "global", lines),
        ),
        None => at_the_top(cfg, "global", lines),
    }
}

/// Something more in the `defaults` of a frontend, or in the frontend itself where it has none.
fn in_defaults(cfg: &Cfg, frontend: &Proxy, lines: &str) -> (String, Fix) {
    let (end, section) = match frontend.defaults_end {
        Some(end) => (end, "defaults".to_owned()),
        None => (frontend.end, section_of(frontend)),
    };
    (
        super::finding::place(cfg, end, &format!("{section}, below it")),
        Fix::below(cfg, end, section, lines),
    )
}

/// Something more in a proxy itself.
fn in_proxy(cfg: &Cfg, proxy: &Proxy, lines: &str) -> (String, Fix) {
    let section = section_of(proxy);
    (
        super::finding::place(cfg, proxy.end, &format!("{section}, below it")),
        Fix::below(cfg, proxy.end, section, lines),
    )
}

fn at_the_top(cfg: &Cfg, section: &str, lines: &str) -> (String, Fix) {
    let top = At { file: 0, line: 0 };
    let text = format!("{section}\n{lines}\n");
    let place = format!("{} ({section})", cfg.file(top).display());
    (place, Fix::below(cfg, top, section, text))
}

fn section_of(proxy: &Proxy) -> String {
    format!("{} {}", proxy.kind.as_str(), proxy.name)
}

/// Whether a line stands in that section itself and not in its `defaults`.
fn is_own(proxy: &Proxy, line: &Line) -> bool {
    let at = line.at;
    at.file == proxy.header.file && at.line >= proxy.header.line && at.line <= proxy.end.line
}
