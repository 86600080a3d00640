//! What became of the policies as one page for a browser: a table, three drawings for each policy, and
//! what our scaler decided. It asks for nothing from outside, needs no script, and follows the reader's
//! choice of dark or light.

mod chart;

use std::fmt::Write as _;

use self::chart::Chart;
use super::Results;
use super::engine::SECOND_NS;
use super::measure::Move;
use super::policy::Policy;
use super::scenario::{Run, Scenario};
use super::table::{NOT_PROVED, above_goal, costs, headline, model_line, ms, percent};
use crate::words::time::Span;

const STYLE: &str = include_str!("style.css");
/// Points of a line.
const POINTS: usize = 480;
/// Changes that are marked.
const MARKS_MAX: usize = 1_000;

/// The page.
pub(super) fn page(results: &Results<'_>) -> String {
    let mut html = String::new();
    let scenario = results.scenario;
    let headline = escaped(&headline(scenario, results.runs));
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<title>haproxy-autoscale simulate</title>\n<style>\n");
    html.push_str(STYLE);
    html.push_str(
        "</style>\n</head>\n<body>\n<main>\n<h1>A load, and who decides about servers</h1>\n",
    );
    line(&mut html, &format!("<p>{headline}</p>"));
    if let Some(model) = &results.model {
        line(
            &mut html,
            &format!("<p>The model: {}.</p>", escaped(&model_line(model))),
        );
    }
    table(&mut html, scenario, results.runs);
    if let Some(search) = results.cheapest {
        html.push_str("<h2>The cheapest settings</h2>\n");
        let lines = search.lines().join("\n");
        line(&mut html, &format!("<pre>{}</pre>", escaped(&lines)));
    }
    let mut needed = scenario.needed();
    needed.truncate(scenario.load.seconds());
    for run in results.runs {
        section(&mut html, scenario, &needed, run);
    }
    html.push_str("<h2>What this does not show</h2>\n<ul>\n");
    for text in NOT_PROVED {
        line(&mut html, &format!("<li>{}</li>", escaped(text)));
    }
    html.push_str("</ul>\n");
    if !results.notes.is_empty() {
        html.push_str("<h2>Notes</h2>\n<ul>\n");
        for note in results.notes {
            line(&mut html, &format!("<li>{}</li>", escaped(note)));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn line(html: &mut String, text: &str) {
    html.push_str(text);
    html.push('\n');
}

fn table(html: &mut String, scenario: &Scenario, runs: &[Run]) {
    html.push_str("<div class=\"wide\"><table>\n<thead><tr><th>policy</th>");
    for head in [
        "slow",
        "failed",
        "mean",
        "p50",
        "p95",
        "p99",
        "servers",
        "changes",
        "flaps",
        "longest above goal",
    ] {
        let _ = write!(html, "<th>{head}</th>");
    }
    if scenario.supply.is_priced {
        html.push_str("<th>cost</th><th>30 days</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for run in runs {
        let [p50, _, p95, p99] = run.tally.percentiles_ms();
        let name = run.policy.as_str();
        let _ = write!(html, "<tr><th><a href=\"#{name}\">{name}</a></th>");
        for cell in [
            percent(run.slow_share()),
            run.tally.failed.to_string(),
            ms(run.response_mean_ms()),
            ms(p50),
            ms(p95),
            ms(p99),
            format!("{:.2}", run.servers_mean()),
            run.tally.changes.to_string(),
            run.tally.flaps.to_string(),
            above_goal(run),
        ] {
            let _ = write!(html, "<td>{cell}</td>");
        }
        for cell in costs(scenario, run).into_iter().flatten() {
            let _ = write!(html, "<td>{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

/// One policy: its drawings, and what it said.
fn section(html: &mut String, scenario: &Scenario, needed: &[usize], run: &Run) {
    let is_open = if run.policy == Policy::Ours {
        " open"
    } else {
        ""
    };
    let name = run.policy.as_str();
    line(
        html,
        &format!("<details id=\"{name}\"{is_open}>\n<summary>{name}</summary>"),
    );
    let seconds = scenario.load.seconds();
    response(html, scenario, run, seconds);
    let rates = &scenario.load.rates_per_s;
    let peak = scenario.load.peak_per_s().max(1.0);
    let mut load = Chart::linear("load, requests a second", seconds, peak);
    load.area(&by_bucket(seconds, |second| Some(*rates.get(second)?)));
    html.push_str(&load.end());
    servers(html, scenario, needed, run, seconds);
    decisions(html, run);
    html.push_str("</details>\n");
}

fn response(html: &mut String, scenario: &Scenario, run: &Run, seconds: usize) {
    let goal_ms = scenario.goal.as_secs_f64() * 1000.0;
    let title = "response time, mean of those who came then";
    let mut chart = Chart::milliseconds(title, seconds);
    let of_seconds = &run.tally.seconds;
    let width = seconds.div_ceil(POINTS).max(1);
    let means = of_seconds.chunks(width).enumerate().map(|(bucket, of)| {
        let requests: u64 = of.iter().map(|it| u64::from(it.requests)).sum();
        let sum_ns: u128 = of.iter().map(|it| u128::from(it.response_ns)).sum();
        let mean_ms = sum_ns as f64 / requests.max(1) as f64 / 1e6;
        (middle(bucket, width), (requests > 0).then_some(mean_ms))
    });
    let means: Vec<_> = means.filter_map(|(at, it)| Some((at, it?))).collect();
    chart.line(&means, "value");
    chart.level(goal_ms, "goal", &format!("goal {}", Span(scenario.goal)));
    html.push_str(&chart.end());
}

fn servers(html: &mut String, scenario: &Scenario, needed: &[usize], run: &Run, seconds: usize) {
    let title = "servers that take traffic; dashed: as many as the load needs";
    let most = scenario.names.len().max(1) as f64;
    let mut chart = Chart::linear(title, seconds, most);
    let needed = by_bucket(seconds, |second| Some(*needed.get(second)? as f64));
    chart.steps(&needed, "needed");
    let mut serving = vec![(0.0, f64::from(run.at_start))];
    for (number, moved) in run.tally.moves.iter().enumerate() {
        let at_s = moved.at_ns as f64 / SECOND_NS as f64;
        serving.push((at_s, f64::from(moved.serving)));
        let server = scenario.names.get(usize::from(moved.server));
        let server = server.map_or("", |name| name);
        let (class, what) = match moved.what {
            Move::Asked => ("asked", "is asked for"),
            Move::Serves => ("up", "takes traffic"),
            Move::Leaves => ("down", "gets nothing new"),
            Move::Gone => continue,
        };
        if number >= MARKS_MAX {
            continue;
        }
        chart.mark(
            at_s,
            class,
            &escaped(&format!("{}: {server} {what}", clock(at_s))),
        );
    }
    let last = serving.last().map_or(0.0, |it| it.1);
    serving.push((seconds as f64, last));
    chart.steps(&serving, "value");
    html.push_str(&chart.end());
}

fn decisions(html: &mut String, run: &Run) {
    if run.decisions.is_empty() {
        return;
    }
    html.push_str(
        "<details><summary>decisions</summary>\n<div class=\"wide\"><table class=\"log\">\n",
    );
    for decision in &run.decisions {
        let at_s = decision.at.as_ms() as f64 / 1000.0;
        let server = decision.server.as_deref().unwrap_or_default();
        let row = format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            clock(at_s),
            escaped(decision.change.as_str()),
            escaped(server),
            escaped(&decision.reason.to_string())
        );
        line(html, &row);
    }
    html.push_str("</table></div></details>\n");
}

/// Hours, minutes and seconds of a run.
fn clock(at_s: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = at_s.max(0.0) as u64;
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The middle of a bucket of so many seconds.
fn middle(bucket: usize, width: usize) -> f64 {
    (bucket as f64 + 0.5) * width as f64
}

/// The largest value of each bucket.
fn by_bucket(seconds: usize, value: impl Fn(usize) -> Option<f64>) -> Vec<(f64, f64)> {
    let width = seconds.div_ceil(POINTS).max(1);
    let buckets = (0..seconds.div_ceil(width)).map(|bucket| {
        let of = (bucket * width..seconds.min((bucket + 1) * width)).filter_map(&value);
        (middle(bucket, width), of.fold(0.0, f64::max))
    });
    buckets.collect()
}

/// Text of others in HTML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
