//! What the spares answered when they were asked as a warm-up asks, and which of them a running daemon does
//! not try for a while.

use std::fmt::Write as _;

use super::super::facts::{Daemon, Facts, MachineFacts, Quarantine, SpareFacts};
use super::super::finding::{Code, Finding, Fix, Level, place};
use super::super::shown::{toml_key, toml_text};
use crate::warm_up::OnceAnswer;

/// What is expected of a warm-up without being told.
const USUAL: std::ops::RangeInclusive<u16> = 200..=399;
/// From here on a status says that the server itself is at fault.
const SERVER_ERRORS: u16 = 500;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for spare in &facts.spares {
        if is_off(facts, spare) {
            continue;
        }
        let mut others = facts.spares.iter();
        let is_helped = others.any(|it| it.backend == spare.backend && is_well(it));
        let level = if is_helped {
            Level::Warning
        } else {
            Level::Error
        };
        findings.extend(of_spare(facts, spare).map(|it| it.at(level)));
    }
    for quarantine in quarantines(facts) {
        let mut asked = facts.spares.iter();
        let is_told = asked.any(|it| is_of(it, quarantine) && !is_well(it));
        if !is_told {
            findings.push(of_quarantine(facts, quarantine));
        }
    }
}

/// What it runs on is off until it is needed, so that nobody can answer.
fn is_off(facts: &Facts, spare: &SpareFacts) -> bool {
    let is_it = |it: &&MachineFacts| {
        (&it.server.backend, &it.server.server) == (&spare.backend, &spare.server)
    };
    let machine = facts.machines.iter().find(is_it);
    let is_dead = matches!(
        spare.once.answer,
        OnceAnswer::Refused | OnceAnswer::Silent(_)
    );
    is_dead && machine.is_some_and(MachineFacts::may_be_off)
}

fn is_well(spare: &SpareFacts) -> bool {
    spare.once.answer == OnceAnswer::Expected
}

fn quarantines(facts: &Facts) -> &[Quarantine] {
    match &facts.system.daemon {
        Daemon::Answers(report) => &report.quarantines,
        Daemon::Away | Daemon::Forbidden => &[],
    }
}

fn is_of(spare: &SpareFacts, quarantine: &Quarantine) -> bool {
    (&spare.backend, &spare.server) == (&quarantine.backend, &quarantine.server)
}

/// Its line in haproxy.cfg, else our configuration.
fn place_of(facts: &Facts, backend: &str, server: &str) -> String {
    let cfg = facts.cfg.as_ref();
    let line = cfg.and_then(|cfg| Some((cfg, cfg.backend(backend)?.server(server)?)));
    match line {
        Some((cfg, server)) => place(cfg, server.line.at, &format!("backend {backend}")),
        None => format!("{} [backend.{backend}]", facts.config.path.display()),
    }
}

/// What may be meant where nobody answers.
const OFF_ON_PURPOSE: &str =
    ". One that is to be off until it is needed gets a machine: docs/machines.md";

fn of_spare(facts: &Facts, spare: &SpareFacts) -> Option<Finding> {
    let (backend, once) = (&spare.backend, &spare.once);
    let (name, url) = (format!("{backend}/{}", spare.server), &once.url);
    let (code, mut text, fix) = match &once.answer {
        OnceAnswer::Expected => return None,
        OnceAnswer::Refused => {
            let text = format!(
                "nothing listens where spare {name} should be ({url}: connection refused), so it cannot come. \
                 Start its service, or correct its address in haproxy.cfg, and ask again{OFF_ON_PURPOSE}"
            );
            (Code::SpareDead, text, Fix::run(curl(spare)))
        }
        OnceAnswer::Silent(why) => {
            let text = format!(
                "spare {name} does not answer {url} ({why}), so it cannot come. Is its machine on, its address \
                 right, the way to it open? Then ask again{OFF_ON_PURPOSE}"
            );
            (Code::SpareDead, text, Fix::run(curl(spare)))
        }
        OnceAnswer::Broken(why) => {
            let text =
                format!("spare {name} {why}; it was asked for {url}, and a warm-up would fail");
            (Code::SpareAnswer, text, Fix::run(curl(spare)))
        }
        OnceAnswer::Status { status, expected } => {
            let mut text = format!(
                "spare {name} answers {url} with status {status}, and a warm-up expects {expected}, so it would \
                 fail"
            );
            let fix = of_status(spare, (*status, expected), &mut text);
            (Code::SpareAnswer, text, fix)
        }
    };
    let quarantine = quarantines(facts).iter().find(|it| is_of(spare, it));
    if let Some(quarantine) = quarantine {
        text.push_str("; the daemon does not try it until ");
        text.push_str(&quarantine.until);
    }
    let place = place_of(facts, backend, &spare.server);
    Some(Finding::new(code, place, text, fix))
}

/// The key that makes it pass, with what there is to know of it.
fn of_status(spare: &SpareFacts, (status, expected): (u16, &str), text: &mut String) -> Fix {
    let table = format!("backend.{}.warm_up", toml_key(&spare.backend));
    if let Some(path) = &spare.better_path {
        let _ = write!(text, "; {path} is answered as expected");
        return Fix::key(table, format!("path = {}", toml_text(path)));
    }
    if status >= SERVER_ERRORS {
        text.push_str("; that is an error of the server itself: its own log says more");
        return Fix::run(curl(spare));
    }
    let wider = if USUAL.contains(&status) {
        "200-399".to_owned()
    } else {
        format!("{expected},{status}")
    };
    text.push_str(
        "; name a path that it answers, or let that status count if it proves that users would be served",
    );
    Fix::key(table, format!("expect_status = \"{wider}\""))
}

/// The same question by hand.
fn curl(spare: &SpareFacts) -> String {
    let host = spare.once.host.as_ref();
    let host = host.map_or_else(String::new, |it| {
        format!("-H {} ", quoted(&format!("Host: {it}")))
    });
    format!("curl -ik {host}{}", quoted(&spare.once.url))
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn of_quarantine(facts: &Facts, quarantine: &Quarantine) -> Finding {
    let (backend, server) = (&quarantine.backend, &quarantine.server);
    let mut asked = facts.spares.iter();
    let now = if asked.any(|it| is_of(it, quarantine)) {
        ". It answers now, so it passes the next time; `enable` brings it in at once and keeps it in"
    } else {
        ""
    };
    let text = format!(
        "the daemon does not try spare {backend}/{server} until {}: {}{now}",
        quarantine.until, quarantine.note
    );
    let fix = super::ours(facts, "events", &format!("--backend {backend} --since 1h"));
    let place = place_of(facts, backend, server);
    Finding::new(Code::SpareQuarantined, place, text, fix)
}
