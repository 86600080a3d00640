//! `server-template` lines: one line makes several servers, so a word behind it reaches all of them. Where
//! they are not all to be alike, the line becomes two or more, and only then can one of them be mended.

use super::super::facts::Subject;
use super::super::finding::{Code, Finding};
use crate::haproxy_cfg::server::Template;
use crate::haproxy_cfg::{Cfg, Line, Server};

/// Servers of one line that are looked at one by one.
const NUMBERS_MAX: usize = 1000;

/// What a server is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Spare,
    AlwaysUp,
    Other,
}

/// Servers of a line that are alike: the first and the last number, and whether they are `disabled`.
pub(super) type Run = (u32, u32, bool);

/// The template of a line that makes more than one server.
pub(super) fn of_several(server: &Server) -> Option<&Template> {
    server.template.as_ref().filter(|it| it.to > it.from)
}

fn numbers(template: &Template) -> impl Iterator<Item = u32> {
    (template.from..=template.to).take(NUMBERS_MAX)
}

fn role(subject: &Subject<'_>, template: &Template, number: u32) -> Role {
    let name = format!("{}{number}", template.prefix);
    if subject.is_spare(&name) {
        Role::Spare
    } else if subject.is_always_up(&name) {
        Role::AlwaysUp
    } else {
        Role::Other
    }
}

/// Its line makes servers of different roles, so no word of that line can be changed for one of them.
pub(super) fn is_mixed(subject: &Subject<'_>, server: &Server) -> bool {
    let Some(template) = of_several(server) else {
        return false;
    };
    let first = role(subject, template, template.from);
    numbers(template).any(|number| role(subject, template, number) != first)
}

/// One line for each run, the word `disabled` where it belongs.
pub(super) fn lines(line: &Line, is_disabled: bool, runs: &[Run]) -> String {
    let marked = line.position("disabled", 4);
    let bare = marked.map_or_else(|| line.clone(), |at| line.changed(line.without(at, 1)));
    let lines = runs.iter().map(|(from, to, disabled)| {
        let line = bare.changed(bare.replacing(2, &format!("{from}-{to}")));
        if *disabled {
            line.with("disabled")
        } else if is_disabled && marked.is_none() {
            // `default-server` says it.
            line.with("enabled")
        } else {
            line.text()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The runs that the roles ask for, where the line as it is contradicts them.
fn wanted(subject: &Subject<'_>, server: &Server) -> Option<Vec<Run>> {
    let template = of_several(server).filter(|_| is_mixed(subject, server))?;
    let is_disabled = server.has("disabled");
    let mut runs: Vec<Run> = Vec::new();
    for number in numbers(template) {
        let disabled = match role(subject, template, number) {
            Role::Spare => true,
            Role::AlwaysUp => false,
            Role::Other => is_disabled,
        };
        match runs.last_mut() {
            Some((_, to, known)) if *known == disabled => *to = number,
            Some(_) | None => runs.push((number, number, disabled)),
        }
    }
    if let Some((_, to, _)) = runs.last_mut() {
        *to = template.to;
    }
    (runs.len() > 1).then_some(runs)
}

/// Whether [`check`] has something to say of the line of that server.
pub(super) fn is_split(subject: &Subject<'_>, server: &Server) -> bool {
    wanted(subject, server).is_some()
}

/// Spares and others that one line makes.
pub(super) fn check(cfg: &Cfg, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let mut last = None;
    for server in &subject.proxy.servers {
        if last == Some(server.line.at) {
            continue;
        }
        last = Some(server.line.at);
        let (Some(template), Some(runs)) = (of_several(server), wanted(subject, server)) else {
            continue;
        };
        let is_disabled = server.has("disabled");
        let wrong = if is_disabled {
            Role::AlwaysUp
        } else {
            Role::Spare
        };
        let wrong = numbers(template).filter(|it| role(subject, template, *it) == wrong);
        let names: Vec<String> = wrong
            .map(|number| format!("{}{number}", template.prefix))
            .collect();
        let names = names.join(", ");
        let (code, text) = if is_disabled {
            let text = format!(
                "named in always_up and `disabled` in {}: {names}. Nothing ever enables them. One line marks all \
                 its servers, so several lines keep them apart",
                subject.section()
            );
            (Code::AlwaysUpDisabled, text)
        } else {
            let text = format!(
                "spares that are not marked `disabled` in {}: {names}. At each reload of HAProxy they get users \
                 without a warm-up. One line makes them and others, so several lines keep them apart",
                subject.section()
            );
            (Code::SpareNotMarked, text)
        };
        let mended = lines(&server.line, is_disabled, &runs);
        let section = subject.section();
        findings.push(Finding::of_line(
            code,
            (cfg, &server.line, &section),
            text,
            mended,
        ));
    }
}
