//! How the screen looks: from 80 columns and 24 rows up. What is on it is `screen`'s.

mod curve;
mod list;
mod paint;
mod panels;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Wrap};

use self::paint::Paint;
use super::keys::{BINDINGS, View};
use super::screen::{Over, Screen};

/// Below this a terminal shows no list that is of use.
const COLUMNS_MIN: u16 = 60;
const ROWS_MIN: u16 = 12;
/// From here on there is room for a higher curve and longer sentences.
const TALL_ROWS: u16 = 28;

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, screen: &Screen) {
    let paint = Paint {
        color: screen.options.color,
    };
    let area = frame.area();
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        let text = format!("top needs a terminal of {COLUMNS_MIN} × {ROWS_MIN} at least; q quits");
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(panels::head_rows(screen, area.width)),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .areas(area);
    panels::head(frame, head, screen, paint);
    match screen.view {
        View::Servers => servers(frame, body, screen, paint),
        View::Events => panels::all_events(frame, body, screen, paint),
        View::Why => panels::why(frame, body, screen, paint),
    }
    foot_line(frame, foot, screen, paint);
    match &screen.over {
        Over::Nothing | Over::Filter => {}
        Over::Help => help(frame, area, paint),
        Over::Confirm(confirm) => {
            let text = vec![
                Line::from(Span::styled(confirm.question.clone(), Paint::strong())),
                Line::from(""),
                Line::from(confirm.consequence.clone()),
                Line::from(""),
                Line::from("y gives the order, any other key does not"),
            ];
            over(frame, area, (64, 10), "order", text, paint);
        }
    }
}

/// The list, what comes next in the chosen backend and what it carries, its curve, and the last events: as much
/// as there is room for. Sentences come before the curve, and are shown in whole.
fn servers(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let rows = u16::try_from(screen.rows().len()).unwrap_or(u16::MAX);
    let list = rows
        .saturating_add(2)
        .clamp(4, area.height.saturating_sub(13).max(6));
    let curve = if area.height < TALL_ROWS { 4 } else { 7 };
    let room = area.height.saturating_sub(list + curve + 3);
    let outlook = panels::outlook_rows(screen, area.width).clamp(4, room.max(4));
    let [list, outlook, curve, events] = Layout::vertical([
        Constraint::Length(list),
        Constraint::Length(outlook),
        Constraint::Length(curve),
        Constraint::Min(3),
    ])
    .areas(area);
    list::list(frame, list, screen, paint);
    panels::outlook(frame, outlook, screen, paint);
    curve::curve(frame, curve, screen, paint);
    panels::last_events(frame, events, screen, paint);
}

fn foot_line(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let line = match (&screen.over, &screen.message) {
        (Over::Filter, _) => Line::from(vec![
            Span::styled("/", Paint::strong()),
            Span::raw(screen.filter.clone()),
            Span::styled("▏ Enter keeps it, Esc takes it away", paint.faint()),
        ]),
        (_, Some(message)) if message.is_bad => {
            Line::from(Span::styled(message.text.clone(), paint.bad()))
        }
        (_, Some(message)) => Line::from(Span::styled(message.text.clone(), paint.good())),
        _ => keys_line(screen, paint),
    };
    frame.render_widget(Paragraph::new(line), area);
}

/// The views, then the keys that a newcomer needs.
fn keys_line(screen: &Screen, paint: Paint) -> Line<'static> {
    let mut spans = Vec::new();
    for (number, view) in (1..).zip(View::ALL) {
        let style = if view == screen.view {
            Paint::chosen()
        } else {
            paint.faint()
        };
        spans.push(Span::styled(format!("{number} {}", view.name()), style));
        spans.push(Span::raw(" "));
    }
    let orders = if screen.options.read_only {
        "(read only)"
    } else {
        "e enable  d disable  Space pause"
    };
    let rest = format!(" {orders}  ? help  q quit");
    spans.push(Span::styled(rest, paint.faint()));
    Line::from(spans)
}

fn help(frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let row = |keys: &'static str, does: &'static str| {
        Line::from(vec![
            Span::styled(format!("{keys:<8}"), Paint::strong()),
            Span::raw(does),
        ])
    };
    let text = BINDINGS.iter().map(|it| row(it.keys, it.does)).collect();
    over(
        frame,
        area,
        (64, 24),
        "keys; any key closes this",
        text,
        paint,
    );
}

/// A box in the middle, over all else.
fn over(
    frame: &mut Frame<'_>,
    area: Rect,
    (width, height): (u16, u16),
    title: &'static str,
    text: Vec<Line<'static>>,
    paint: Paint,
) {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let middle = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::new()
        .borders(Borders::ALL)
        .border_style(paint.faint())
        .title(title);
    frame.render_widget(Clear, middle);
    frame.render_widget(
        Paragraph::new(text).wrap(Wrap { trim: false }).block(block),
        middle,
    );
}
