//! All but the list: head, curve, what comes next, events, why.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline, SparklineBar, Wrap};

use super::super::screen::Screen;
use super::list::value_and_goal;
use super::paint::Paint;
use crate::publish::event::Event;
use crate::status::{BackendStatus, StandingStatus, Status};

/// Parts into which the highest value of a curve is divided: more than a terminal can show.
const CURVE_PARTS: f64 = 1_000.0;
/// The curve reaches so far above the goal at least, in parts of it: the goal is not at the top.
const ABOVE_GOAL: f64 = 1.25;
/// `22:13:59Z ` before an event.
const TIME_COLUMNS: usize = 10;

fn panel(title: impl Into<String>, paint: Paint) -> Block<'static> {
    Block::new()
        .borders(Borders::TOP)
        .border_style(paint.faint())
        .title(format!(" {} ", title.into()))
}

/// What it works with in the first line, what keeps it from working in the second.
pub(super) fn head(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some(status) = screen.status.as_deref() else {
        frame.render_widget(Paragraph::new("no answer yet"), area);
        return;
    };
    let second = match (&screen.silent, problem(status)) {
        (Some(why), _) => Span::styled(
            format!("NO ANSWER, what stands here is old: {why}"),
            paint.bad(),
        ),
        (None, Some(text)) => Span::styled(text, paint.bad()),
        (None, None) => Span::styled("no problem", paint.good()),
    };
    let lines = vec![Line::from(works_with(status)), Line::from(second)];
    frame.render_widget(Paragraph::new(lines), area);
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
            .map(move |it| format!("{}: {}", backend.name, it.text))
    });
    let mut all = status
        .problems
        .iter()
        .map(|it| it.text.clone())
        .chain(of_backends);
    let first = all.next()?;
    Some(match all.count() {
        0 => format!("problem: {first}"),
        more => format!("{} problems: {first}", more + 1),
    })
}

/// The chosen backend's value over the last looks, what is above the goal in another colour.
pub(super) fn curve(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some((backend, measure)) = screen.chosen().and_then(|row| {
        let (measure, _) = row.backend.measure()?;
        Some((row.backend, measure))
    }) else {
        frame.render_widget(panel("nothing is measured", paint), area);
        return;
    };
    let values = screen.levels.last(&backend.name, usize::from(area.width));
    let highest = values
        .iter()
        .flatten()
        .fold(measure.threshold * ABOVE_GOAL, |most, value| {
            most.max(*value)
        });
    let bars = values.iter().map(|value| {
        let above = value.is_some_and(|value| value > measure.threshold);
        let style = if above { paint.bad() } else { paint.good() };
        SparklineBar::from(value.map(|value| parts(value, highest))).style(style)
    });
    let title = format!(
        "{}: {} {} {} · top of the curve {highest:.0}",
        backend.name,
        measure.signal,
        measure.statistic,
        value_and_goal(measure),
    );
    let sparkline = Sparkline::default()
        .block(panel(title, paint))
        .data(bars)
        .max(parts(highest, highest));
    frame.render_widget(sparkline, area);
}

fn parts(value: f64, highest: f64) -> u64 {
    if highest <= 0.0 {
        return 0;
    }
    // A float becomes the nearest number that there is: never more than u64 holds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let parts = (value / highest * CURVE_PARTS)
        .round()
        .clamp(0.0, CURVE_PARTS) as u64;
    parts
}

/// What comes next, and what one server carries.
pub(super) fn outlook(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some(backend) = screen.chosen().map(|row| row.backend) else {
        frame.render_widget(panel("no row with this text", paint), area);
        return;
    };
    let lines = vec![
        Line::from(vec![
            Span::styled("next: ", Paint::strong()),
            Span::raw(backend.next.as_str()),
        ]),
        Line::from(backend.carries().unwrap_or_default()),
    ];
    let text = Paragraph::new(lines).wrap(Wrap { trim: true });
    frame.render_widget(text.block(panel(backend.name.clone(), paint)), area);
}

/// The newest events at the bottom, one line each.
pub(super) fn last_events(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let room = usize::from(area.height.saturating_sub(1));
    let skip = screen.events.len().saturating_sub(room);
    let shown = screen.events.iter().skip(skip);
    let lines: Vec<_> = shown
        .map(|event| Line::from(event_spans(event, &event.text, paint)))
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
        lines.push(Line::from(event_spans(event, first, paint)));
    }
    lines.truncate(room);
    lines.reverse();
    let title = match screen.back {
        0 => "events".to_owned(),
        back => format!("events, {back} newer ones below"),
    };
    frame.render_widget(Paragraph::new(lines).block(panel(title, paint)), area);
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

fn event_spans<'event>(event: &'event Event, text: &'event str, paint: Paint) -> Vec<Span<'event>> {
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
