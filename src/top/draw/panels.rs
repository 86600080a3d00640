//! All but the list and the curve: head, what comes next, events, why.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::super::rows::Row;
use super::super::screen::Screen;
use super::paint::Paint;
use crate::publish::event::Event;
use crate::status::{BackendStatus, StandingStatus, Status};

/// Rows that a problem may have at the top.
const PROBLEM_ROWS_MAX: u16 = 3;
/// Events of a server that came, went, or should have.
const CHANGES: [&str; 3] = ["enable", "disable", "enable_failed"];
/// `22:13:59Z ` before an event.
const TIME_COLUMNS: usize = 10;

pub(super) fn panel(title: impl Into<String>, paint: Paint) -> Block<'static> {
    Block::new()
        .borders(Borders::TOP)
        .border_style(paint.faint())
        .title(format!(" {} ", title.into()))
}

/// What it works with in the first line, what keeps it from working below.
pub(super) fn head_rows(screen: &Screen, width: u16) -> u16 {
    let below = screen
        .status
        .as_deref()
        .map(|status| health(status, screen).0);
    let rows = below.map_or(1, |text| rows_of(&text, width));
    rows.clamp(1, PROBLEM_ROWS_MAX) + 1
}

pub(super) fn head(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some(status) = screen.status.as_deref() else {
        frame.render_widget(Paragraph::new("no answer yet"), area);
        return;
    };
    let (text, is_well) = health(status, screen);
    let style = if is_well { paint.good() } else { paint.bad() };
    let [first, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    frame.render_widget(Paragraph::new(Line::from(works_with(status))), first);
    let text = Paragraph::new(Span::styled(text, style));
    frame.render_widget(text.wrap(Wrap { trim: true }), below);
}

/// What keeps it from working, or that nothing does.
fn health(status: &Status, screen: &Screen) -> (String, bool) {
    match (&screen.silent, problem(status)) {
        (Some(why), _) => (format!("NO ANSWER, what stands here is old: {why}"), false),
        (None, Some(text)) => (text, false),
        (None, None) => ("no problem".to_owned(), true),
    }
}

fn works_with(status: &Status) -> Vec<Span<'static>> {
    let haproxy = match (&status.haproxy.version, status.haproxy.connected) {
        // What a distribution adds to the version finds no room.
        (Some(version), true) => {
            format!("HAProxy {}", version.split('-').next().unwrap_or_default())
        }
        (None, true) => "HAProxy answers".to_owned(),
        (_, false) => "HAProxy does not answer".to_owned(),
    };
    let log = match status.log.lag_ms {
        Some(lag_ms) => format!("log {lag_ms} ms behind"),
        None => status
            .log
            .more
            .as_ref()
            .map_or_else(|| "log".to_owned(), |more| format!("log {}", more.state)),
    };
    let mode = match status.mode.as_str() {
        "observe" => "observing, nothing is changed",
        _ => "acting",
    };
    vec![
        Span::styled("haproxy-autoscale", Paint::strong()),
        Span::raw(format!("  {mode} · {haproxy} · {log}")),
    ]
}

/// The first problem, and how many there are.
fn problem(status: &Status) -> Option<String> {
    let of_backends = status.backends.iter().flat_map(|backend| {
        backend
            .problems()
            .iter()
            .map(move |it| format!("{}: {}, since {}", backend.name, it.text, moment(&it.since)))
    });
    let mut all = status
        .problems
        .iter()
        .map(|it| format!("{}, since {}", it.text, moment(&it.since)))
        .chain(of_backends);
    let first = all.next()?;
    Some(match all.count() {
        0 => format!("problem: {first}"),
        more => format!("{} problems: {first}", more + 1),
    })
}

/// What comes next, what one server carries, what stands by order, and the last change: the title is one more.
pub(super) fn outlook_rows(screen: &Screen, width: u16) -> u16 {
    let said = screen
        .chosen()
        .map_or_else(Vec::new, |row| said_of(&row, screen));
    let rows = said
        .iter()
        .map(|(what, text)| rows_of(&format!("{what}{text}"), width));
    rows.fold(1, u16::saturating_add)
}

pub(super) fn outlook(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some(row) = screen.chosen() else {
        frame.render_widget(panel("no row with this text", paint), area);
        return;
    };
    let lines: Vec<_> = said_of(&row, screen)
        .into_iter()
        .map(|(what, text)| Line::from(vec![Span::styled(what, Paint::strong()), Span::raw(text)]))
        .collect();
    let text = Paragraph::new(lines).wrap(Wrap { trim: true });
    let title = row.backend.name.clone();
    frame.render_widget(text.block(panel(title, paint)), area);
}

/// The sentences about that row, the most important first, each with the word before it.
fn said_of(row: &Row<'_>, screen: &Screen) -> Vec<(&'static str, String)> {
    let backend = row.backend;
    let mut said = vec![("next: ", backend.next.clone())];
    said.extend(backend.carries().map(|text| ("", text.to_owned())));
    let standing = standing(backend).into_iter();
    said.extend(standing.map(|(what, text)| ("", format!("{what}: {text}"))));
    let is_last = |event: &&Event| {
        let of_row = row
            .server
            .is_none_or(|it| event.server.as_ref() == Some(&it.name));
        event.backend.as_ref() == Some(&backend.name) && of_row && CHANGES.contains(&&*event.code)
    };
    let last = screen.events.iter().rev().find(is_last);
    said.extend(last.map(|event| ("last: ", format!("{} {}", moment(&event.at), event.text))));
    said
}

/// `11-21 14:03:22Z` of `2026-11-21T14:03:22.120Z`: it may be days ago.
fn moment(at: &str) -> String {
    match (at.get(5..10), at.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time}Z"),
        _ => at.to_owned(),
    }
}

/// Rows that a paragraph of that text has.
fn rows_of(text: &str, width: u16) -> u16 {
    let rows = textwrap(text, usize::from(width)).len();
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// The newest events at the bottom, one line each.
pub(super) fn last_events(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let room = usize::from(area.height.saturating_sub(1));
    let skip = screen.events.len().saturating_sub(room);
    let shown = screen.events.iter().skip(skip);
    let width = usize::from(area.width).saturating_sub(TIME_COLUMNS);
    let lines: Vec<_> = shown
        .map(|event| Line::from(event_spans(event, cut(&event.text, width), paint)))
        .collect();
    let title = if screen.events.is_empty() {
        "events: none since the daemon started"
    } else {
        "events"
    };
    frame.render_widget(Paragraph::new(lines).block(panel(title, paint)), area);
}

/// The events in whole, the newest at the bottom, but for those that are out of sight below.
pub(super) fn all_events(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let room = usize::from(area.height.saturating_sub(1));
    let width = usize::from(area.width).saturating_sub(TIME_COLUMNS).max(1);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for event in screen.events.iter().rev().skip(screen.back) {
        if lines.len() >= room {
            break;
        }
        let pieces = textwrap(&event.text, width);
        let (first, rest) = pieces.split_first().unwrap_or((&"", &[]));
        let indented = rest.iter().rev().map(|piece| {
            let piece = format!("{:TIME_COLUMNS$}{piece}", "");
            Line::from(Span::styled(piece, level(event, paint)))
        });
        lines.extend(indented);
        lines.push(Line::from(event_spans(event, *first, paint)));
    }
    lines.truncate(room);
    lines.reverse();
    let title = match screen.back {
        0 => "events".to_owned(),
        back => format!("events, {back} newer ones below"),
    };
    frame.render_widget(Paragraph::new(lines).block(panel(title, paint)), area);
}

/// The first `width` letters of it, with a sign that there are more.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    let most = width.saturating_sub(1);
    match text
        .char_indices()
        .nth(width)
        .and_then(|_| text.char_indices().nth(most))
    {
        Some((end, _)) => Cow::from(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::from(text),
    }
}

/// The words of `text` in lines of at most `width` letters; a longer word has a line of its own.
fn textwrap(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut from, mut end) = (0, 0);
    for (at, word) in words(text) {
        let to = at + word.len();
        let letters = text.get(from..to).map_or(0, |line| line.chars().count());
        if letters > width && end > from {
            lines.extend(text.get(from..end));
            from = at;
        }
        end = to;
    }
    lines.extend(text.get(from..end));
    lines
}

/// Each word of `text`, with the byte at which it begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(' ').map(move |word| {
        let begins = at;
        at += word.len() + 1;
        (begins, word)
    })
}

fn level(event: &Event, paint: Paint) -> Style {
    match event.level.as_str() {
        "error" => paint.bad(),
        "warning" => paint.warm(),
        _ => Style::new(),
    }
}

fn event_spans<'event>(
    event: &'event Event,
    text: impl Into<Cow<'event, str>>,
    paint: Paint,
) -> Vec<Span<'event>> {
    // RFC 3339 in UTC: `2026-11-21T14:03:22.120Z`.
    let time = event.at.get(11..19).unwrap_or_default();
    vec![
        Span::styled(format!("{time}Z "), paint.faint()),
        Span::styled(text, level(event, paint)),
    ]
}

/// All that the daemon says about the chosen backend.
pub(super) fn why(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some(backend) = screen.chosen().map(|row| row.backend) else {
        frame.render_widget(panel("no row with this text", paint), area);
        return;
    };
    let mut lines = vec![
        said("state", backend.state_word()),
        said("reason", backend.reason.text.clone()),
        said("next", backend.next.clone()),
    ];
    lines.extend(
        backend
            .carries()
            .map(|text| said("carries", text.to_owned())),
    );
    lines.extend(
        backend
            .votes()
            .iter()
            .map(|text| said("wanted", text.clone())),
    );
    let problems = backend.problems().iter();
    lines.extend(problems.map(|it| said("problem", format!("{}, since {}", it.text, it.since))));
    lines.extend(
        standing(backend)
            .into_iter()
            .map(|(what, text)| said(what, text)),
    );
    let last = screen
        .events
        .iter()
        .filter(|event| event.backend.as_ref() == Some(&backend.name));
    let room = usize::from(area.height).saturating_sub(lines.len() + 3);
    let last: Vec<_> = last.collect();
    lines.push(Line::from(""));
    lines.extend(
        last.iter()
            .skip(last.len().saturating_sub(room))
            .map(|event| Line::from(event_spans(event, &event.text, paint))),
    );
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(
        text.block(panel(format!("why, {}", backend.name), paint)),
        area,
    );
}

fn said(what: &'static str, text: String) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{what:<9}"), Paint::strong()),
        Span::raw(text),
    ])
}

/// What stands because somebody wanted it: of the backend and of its servers.
fn standing(backend: &BackendStatus) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut of = |name: &str, what: &'static str, standing: &Option<StandingStatus>| {
        if let Some(it) = standing {
            let part = |before: &str, text: &Option<String>| {
                text.as_ref()
                    .map_or_else(String::new, |text| format!("{before}{text}"))
            };
            all.push((
                what,
                format!(
                    "{name}{}{}{}{}",
                    part(" by ", &it.by),
                    part(": ", &it.reason),
                    part(", since ", &it.since),
                    part(", until ", &it.until),
                ),
            ));
        }
    };
    let servers = backend
        .servers
        .iter()
        .map(|server| (server.name.as_str(), &server.standings));
    for (name, it) in std::iter::once((backend.name.as_str(), &backend.standings)).chain(servers) {
        of(name, "paused", &it.pause);
        of(name, "pinned", &it.pin);
        of(name, "hold", &it.hold);
        of(name, "apart", &it.quarantine);
        of(name, "ordered", &it.order);
    }
    all
}
