//! The list of backends and their servers.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Row as TableRow, Table, TableState};

use super::super::rows::Row;
use super::super::screen::Screen;
use super::paint::Paint;
use crate::status::{BackendStatus, MeasureStatus, ServerStatus};
use crate::words::time::Span as Interval;

/// Columns: name, state or stage, servers, load, response, what is to be said.
const WIDTHS: [Constraint; 6] = [
    Constraint::Min(16),
    Constraint::Length(13),
    Constraint::Length(13),
    Constraint::Length(9),
    Constraint::Length(15),
    Constraint::Fill(1),
];

pub(super) fn list(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let rows = screen.rows();
    let head = [
        "NAME",
        "STATE",
        "SERVE / WANT",
        "LOAD",
        "VALUE / GOAL",
        "NOTE",
    ]
    .map(|text| Cell::from(Span::styled(text, paint.faint())));
    let interval = Interval(screen.options.interval);
    let mut title = format!(
        " {} · {} · every {interval}",
        screen.view.name(),
        screen.sort.name()
    );
    if !screen.filter.is_empty() {
        title = format!("{title} · /{}", screen.filter);
    }
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(paint.faint())
        .title(title + " ");
    let table = Table::new(rows.iter().map(|row| table_row(row, paint)), WIDTHS)
        .header(TableRow::new(head))
        .block(block)
        .row_highlight_style(Paint::chosen());
    let mut state = TableState::new().with_selected(Some(screen.chosen_at()));
    frame.render_stateful_widget(table, area, &mut state);
}

fn table_row<'row>(row: &Row<'row>, paint: Paint) -> TableRow<'row> {
    match row.server {
        None => of_backend(row.backend, paint),
        Some(server) => of_server(server, paint),
    }
}

fn of_backend(backend: &BackendStatus, paint: Paint) -> TableRow<'_> {
    let serving = match (backend.serving, backend.wanted) {
        (Some(serving), Some(wanted)) => format!("{serving} / {wanted}"),
        (Some(serving), None) => serving.to_string(),
        (None, _) => "-".to_owned(),
    };
    let load = backend
        .demand_per_s
        .map_or_else(|| "-".to_owned(), |load| format!("{load:.1}/s"));
    let value = backend
        .measure()
        .map(|(measure, _)| value_and_goal(measure));
    let note = match backend.problems() {
        [] => backend.paused().map_or("", |(paused, _)| paused).to_owned(),
        [problem] => problem.code.clone(),
        [first, rest @ ..] => format!("{} and {} more", first.code, rest.len()),
    };
    let noted = if backend.problems().is_empty() {
        paint.warm()
    } else {
        paint.bad()
    };
    TableRow::new(vec![
        Cell::from(Span::styled(backend.name.as_str(), Paint::strong())),
        Cell::from(Span::styled(
            backend.state_word(),
            paint.state(&backend.state),
        )),
        Cell::from(serving),
        Cell::from(load),
        Cell::from(value.unwrap_or_default()),
        Cell::from(Span::styled(note, noted)),
    ])
}

fn of_server(server: &ServerStatus, paint: Paint) -> TableRow<'_> {
    // One in maint is not up because nobody asks it.
    let is_down = !server.up && matches!(&*server.stage, "ready" | "draining-in" | "draining-out");
    let health = if is_down { " down" } else { "" };
    let stage = format!("{}{health}", server.stage);
    let weight = server.weight.map(|weight| format!("weight {weight}"));
    let serving = if server.serving { "serving" } else { "" };
    TableRow::new(vec![
        Cell::from(Line::from(vec![
            Span::raw("  "),
            Span::raw(server.name.as_str()),
        ])),
        Cell::from(Span::styled(
            stage,
            paint.stage(&server.stage, server.serving),
        )),
        Cell::from(serving),
        Cell::from(""),
        Cell::from(Span::styled(
            [Some(role(&server.role).to_owned()), weight]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
            paint.faint(),
        )),
        Cell::from(server.note()),
    ])
}

fn role(role: &str) -> &str {
    match role {
        "always_up" => "always",
        other => other,
    }
}

/// `66 / 250 ms`
pub(super) fn value_and_goal(measure: &MeasureStatus) -> String {
    let value = measure
        .value
        .map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
    format!("{value} / {:.0}{}", measure.threshold, measure.suffix())
}
