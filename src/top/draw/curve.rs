//! The curve of the chosen backend: bars, and a line at the goal.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::levels::Drawn;
use super::super::screen::Screen;
use super::list::value_and_goal;
use super::paint::Paint;
use super::panels::panel;
use crate::status::MeasureStatus;

/// A row of a bar is divided into so many.
const PARTS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// The line at the goal, where no bar is before it.
const GOAL: &str = "┄";
/// The curve reaches so far above the goal at least, in parts of it: the goal is not at the top.
const ABOVE_GOAL: f64 = 1.25;

/// The chosen backend's value over the last hour, what is above the goal in another colour.
pub(super) fn curve(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some((backend, measure)) = screen.chosen().and_then(|row| {
        let (measure, _) = row.backend.measure()?;
        Some((row.backend, measure))
    }) else {
        frame.render_widget(panel("nothing is measured", paint), area);
        return;
    };
    let width = usize::from(area.width);
    let drawn = screen.levels.drawn(&backend.name, width);
    let rows = usize::from(area.height.saturating_sub(1));
    let lines = bars(&drawn.columns, measure.threshold, (width, rows), paint);
    let title = title(&backend.name, measure, &drawn);
    frame.render_widget(Paragraph::new(lines).block(panel(title, paint)), area);
}

/// `web: response_time mean 62 / 200 ms · last 15 min · ┄ goal · highest 1774 ms`.
fn title(backend: &str, measure: &MeasureStatus, drawn: &Drawn) -> String {
    let when = drawn.minutes.map_or_else(
        || "since top began".to_owned(),
        |minutes| format!("last {minutes} min"),
    );
    let values = drawn.columns.iter().flatten();
    let highest = values.copied().reduce(f64::max);
    let highest = highest.map(|it| format!(" · highest {it:.0}{}", measure.suffix()));
    format!(
        "{backend}: {} {} {} · {when} · {GOAL} goal{}",
        measure.signal,
        measure.statistic,
        value_and_goal(measure),
        highest.unwrap_or_default(),
    )
}

fn bars(
    columns: &[Option<f64>],
    goal: f64,
    (width, rows): (usize, usize),
    paint: Paint,
) -> Vec<Line<'static>> {
    let values = columns.iter().flatten();
    let highest = values.fold(goal * ABOVE_GOAL, |most, value| most.max(*value));
    let parts = |value: f64| part_of(value, highest, rows * PARTS.len());
    let goal_row = parts(goal).saturating_sub(1) / PARTS.len();
    let cell = |column: usize, row: usize| {
        let value = columns.get(column).copied().flatten();
        // What is measured is seen, however little it is.
        let height = value.map_or(0, |value| parts(value).max(1));
        let part = height.saturating_sub(row * PARTS.len()).min(PARTS.len());
        match part.checked_sub(1).and_then(|part| PARTS.get(part)) {
            Some(part) if value.is_some_and(|value| value > goal) => {
                Span::styled(*part, paint.bad())
            }
            Some(part) => Span::styled(*part, paint.good()),
            None if row == goal_row => Span::styled(GOAL, paint.faint()),
            None => Span::raw(" "),
        }
    };
    let line = |row: usize| {
        (0..width)
            .map(|column| cell(column, row))
            .collect::<Line<'_>>()
    };
    (0..rows).rev().map(line).collect()
}

/// `value` of `highest`, in so many parts.
fn part_of(value: f64, highest: f64, parts: usize) -> usize {
    if highest <= 0.0 {
        return 0;
    }
    let most = parts as f64;
    // Between nothing and `parts`: never more than usize holds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let part = (value / highest * most).round().clamp(0.0, most) as usize;
    part
}
