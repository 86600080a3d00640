//! One drawing over time, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 150.0;
/// Room for words at the left, and above and below.
const LEFT: f64 = 56.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 18.0;
/// What a scale of milliseconds shows.
const LOWEST_MS: f64 = 1.0;
const HIGHEST_MS: f64 = 30_000.0;
/// Spans between two marks of the time, seconds.
const TICKS_S: [u32; 12] = [
    1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 86_400,
];
/// Marks of the time, at most.
const TICKS_MAX: f64 = 12.0;

/// How a value becomes a height.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// From 1 ms to 30 s, each power of ten as high as another.
    Milliseconds,
}

/// A drawing on its way.
#[derive(Debug)]
pub(super) struct Chart {
    svg: String,
    seconds: f64,
    scale: Scale,
}

impl Chart {
    /// From 0 to `most`.
    pub(super) fn linear(title: &str, seconds: usize, most: f64) -> Self {
        let mut chart = Self::new(title, seconds, Scale::Linear(most));
        for value in [0.0, most] {
            chart.grid(value, &format!("{value:.0}"));
        }
        chart
    }

    /// Of response times.
    pub(super) fn milliseconds(title: &str, seconds: usize) -> Self {
        let mut chart = Self::new(title, seconds, Scale::Milliseconds);
        for (value, text) in [
            (1.0, "1 ms"),
            (10.0, "10 ms"),
            (100.0, "100 ms"),
            (1000.0, "1 s"),
            (10_000.0, "10 s"),
        ] {
            chart.grid(value, text);
        }
        chart
    }

    fn new(title: &str, seconds: usize, scale: Scale) -> Self {
        let mut chart = Self {
            svg: String::new(),
            seconds: seconds.max(1) as f64,
            scale,
        };
        let _ = write!(
            chart.svg,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
             <text class=\"title\" x=\"{LEFT}\" y=\"13\">{title}</text>"
        );
        chart.times();
        chart
    }

    fn times(&mut self) {
        let mut every = TICKS_S.into_iter().map(f64::from);
        let every = every.find(|every| self.seconds / every <= TICKS_MAX);
        let every = every.unwrap_or(self.seconds / TICKS_MAX);
        let mut at_s = 0.0;
        while at_s <= self.seconds {
            let text = super::clock(at_s);
            let (x, y) = (self.x(at_s), HEIGHT - 4.0);
            let _ = write!(
                self.svg,
                "<text class=\"time\" x=\"{x:.1}\" y=\"{y}\">{text}</text>"
            );
            at_s += every;
        }
    }

    fn grid(&mut self, value: f64, text: &str) {
        let (y, end, at) = (self.y(value), WIDTH, LEFT - 6.0);
        let _ = write!(
            self.svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"value-name\" x=\"{at}\" y=\"{:.1}\">{text}</text>",
            y + 4.0
        );
    }

    fn x(&self, at_s: f64) -> f64 {
        LEFT + (at_s / self.seconds).clamp(0.0, 1.0) * (WIDTH - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear(most) => value / most,
            Scale::Milliseconds => {
                (value.max(LOWEST_MS) / LOWEST_MS).ln() / (HIGHEST_MS / LOWEST_MS).ln()
            }
        };
        let height = HEIGHT - TOP - BOTTOM;
        TOP + (1.0 - share.clamp(0.0, 1.0)) * height
    }

    fn path(&self, points: &[(f64, f64)], has_steps: bool) -> String {
        let mut path = String::new();
        for (index, (at_s, value)) in points.iter().enumerate() {
            let (x, y) = (self.x(*at_s), self.y(*value));
            let _ = match (index, has_steps) {
                (0, _) => write!(path, "M{x:.1} {y:.1}"),
                (_, true) => write!(path, "H{x:.1}V{y:.1}"),
                (_, false) => write!(path, "L{x:.1} {y:.1}"),
            };
        }
        path
    }

    /// Straight lines between the points.
    pub(super) fn line(&mut self, points: &[(f64, f64)], class: &str) {
        let path = self.path(points, false);
        let _ = write!(self.svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// Each value holds until the next one.
    pub(super) fn steps(&mut self, points: &[(f64, f64)], class: &str) {
        let path = self.path(points, true);
        let _ = write!(self.svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// What lies below straight lines between the points.
    pub(super) fn area(&mut self, points: &[(f64, f64)]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let path = self.path(points, false);
        let (from, to, floor) = (self.x(first.0), self.x(last.0), self.y(0.0));
        let _ = write!(
            self.svg,
            "<path class=\"area\" d=\"{path}L{to:.1} {floor:.1}L{from:.1} {floor:.1}Z\"/>"
        );
    }

    /// A level across all of it.
    pub(super) fn level(&mut self, value: f64, class: &str, text: &str) {
        let y = self.y(value);
        let _ = write!(
            self.svg,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\">\
             <title>{text}</title></line>"
        );
    }

    /// A mark at an instant; `text` shows when it is pointed at.
    pub(super) fn mark(&mut self, at_s: f64, class: &str, text: &str) {
        let (x, top, floor) = (self.x(at_s), TOP, HEIGHT - BOTTOM);
        let _ = write!(
            self.svg,
            "<g class=\"mark {class}\"><title>{text}</title><line x1=\"{x:.1}\" x2=\"{x:.1}\" \
             y1=\"{top}\" y2=\"{floor}\"/></g>"
        );
    }

    /// The drawing.
    pub(super) fn end(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}
