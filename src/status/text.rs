//! `status` as text for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::wire::{BackendStatus, LogStatus, ServerStatus, Status};
use crate::words::time::Span;

pub(super) fn text(status: &Status) -> String {
    let mut text = String::new();
    let name_width = width(
        status.backends.iter().map(|backend| backend.name.as_str()),
        4,
    );
    for backend in &status.backends {
        let _ = writeln!(text, "{:name_width$}  {}", backend.name, headline(backend));
        let _ = writeln!(text, "{:name_width$}  next: {}", "", backend.next);
        if let Some(carries) = backend.carries() {
            let _ = writeln!(text, "{:name_width$}  {carries}", "");
        }
        for vote in backend.votes() {
            let _ = writeln!(text, "{:name_width$}  {vote}", "");
        }
        if let Some((paused, since)) = backend.paused() {
            let since = since.map_or_else(String::new, |since| format!(", since {since}"));
            let _ = writeln!(text, "{:name_width$}  {paused}{since}", "");
        }
        for problem in backend.problems() {
            let _ = writeln!(text, "{:name_width$}  problem: {}", "", problem.text);
        }
        write_servers(&mut text, &backend.servers, name_width);
    }
    for problem in &status.problems {
        let _ = writeln!(text, "problem: {}", problem.text);
    }
    let mode = match status.mode.as_str() {
        "observe" => "observing: nothing is changed, spares are shown as they would be",
        _ => "acting",
    };
    let haproxy = match (&status.haproxy.version, status.haproxy.connected) {
        (Some(version), true) => format!("HAProxy {version}"),
        (None, true) => "HAProxy answers".to_owned(),
        (_, false) => "HAProxy does not answer".to_owned(),
    };
    let problems = status.count_problems();
    let _ = writeln!(
        text,
        "{mode} · {haproxy} · log {}: {} lines, {} rejected, {}{} · {problems} problem{}",
        status.log.source,
        status.log.lines,
        status.log.rejected,
        not_arrived(&status.log),
        behind(&status.log),
        if problems == 1 { "" } else { "s" },
    );
    text
}

/// How late the log is read; where that means nothing, what is wrong with it.
fn behind(log: &LogStatus) -> String {
    match log.lag_ms {
        Some(lag_ms) => format!("{} behind", Span(Duration::from_millis(lag_ms))),
        None => log
            .more
            .as_ref()
            .map_or_else(String::new, |more| more.state.clone()),
    }
}

/// Only where there is something to tell.
fn not_arrived(log: &LogStatus) -> String {
    let told = |count: u64, what: &str| {
        if count == 0 {
            String::new()
        } else {
            format!("{count} {what}, ")
        }
    };
    let more = log.more.as_ref();
    more.map_or_else(String::new, |more| {
        told(more.lost, "lost") + &told(more.refused, "refused")
    })
}

fn headline(backend: &BackendStatus) -> String {
    let measure = backend.measure();
    let state = backend.state_word();
    let Some((measure, requests)) = measure else {
        return state;
    };
    let (statistic, unit) = (&measure.statistic, measure.suffix());
    let threshold = format!("{}{unit}", measure.threshold);
    let Some(number) = measure.value else {
        return format!("{state}  nothing to judge, threshold {statistic} {threshold}");
    };
    let sign = if number > measure.threshold {
        ">"
    } else {
        "<="
    };
    let digits = usize::from(unit != " ms" && number < 9.95);
    let value = format!("{number:.digits$}{unit}");
    let (breaches, needed) = (backend.breaches, backend.breaches_needed);
    if requests == 0 {
        let signal = if unit == " ms" {
            ""
        } else {
            &*format!("{} ", measure.signal)
        };
        return format!("{state}  quiet, {signal}mean {value}, threshold {statistic} {threshold}");
    }
    let streak = if breaches > needed {
        format!("{breaches} breaches in a row, {needed} needed")
    } else {
        format!("{breaches} of {needed} breaches")
    };
    let counted = match (unit, requests) {
        (" ms", 1) => "request",
        (" ms", _) => "requests",
        (_, 1) => "look",
        (_, _) => "looks",
    };
    format!(
        "{state}  {} {statistic} {value} {sign} {threshold}  (last {} {counted}, {streak})",
        measure.signal, requests,
    )
}

fn write_servers(text: &mut String, servers: &[ServerStatus], indent: usize) {
    let width_of =
        |pick: fn(&ServerStatus) -> &str, heading: usize| width(servers.iter().map(pick), heading);
    let (name, role, stage) = (
        width_of(|server| &server.name, 6),
        width_of(|server| &server.role, 4),
        width_of(|server| &server.stage, 5),
    );
    let mut row = |cells: [&str; 5]| {
        let [server, its_role, its_stage, is_serving, note] = cells;
        let line = format!(
            "{:indent$}  {server:name$}  {its_role:role$}  {its_stage:stage$}  {is_serving:6}  {note}",
            ""
        );
        let _ = writeln!(text, "{}", line.trim_end());
    };
    if !servers.is_empty() {
        row(["SERVER", "ROLE", "STAGE", "SERVES", "NOTE"]);
    }
    for server in servers {
        let is_serving = if server.serves() { "yes" } else { "-" };
        row([
            &server.name,
            &server.role,
            &server.stage,
            is_serving,
            server.note(),
        ]);
    }
}

fn width<'a>(texts: impl Iterator<Item = &'a str>, least: usize) -> usize {
    texts
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .max(least)
}
