//! The numbers as tables for people: one table per question, one row per server.

use std::io::{self, Write};

use super::{Histogram, ServerStats, Stats, Summary};

const STATUS_HEADS: [&str; 7] = ["requests", "1xx", "2xx", "3xx", "4xx", "5xx", "other"];
const TIMES_HEADS: [&str; 7] = ["count", "mean", "p50", "p90", "p95", "p99", "max"];
type TimesOf = fn(&ServerStats) -> &Histogram;
/// The tables of times, and which of a server's times each shows.
const TIMES: [(&str, TimesOf); 4] = [
    (
        "response time in ms (Tw + Tc + Tr, status below 500)",
        |server| &server.response_time,
    ),
    ("queue time in ms (Tw)", |server| &server.queue_time),
    ("connect time in ms (Tc)", |server| &server.connect_time),
    ("server time in ms (Tr)", |server| &server.server_time),
];
/// What stands for a number that does not exist.
const NONE: &str = "-";
const GAP: &str = "  ";

/// One table: a title, heads, and rows of a name and seven numbers.
struct Table {
    title: &'static str,
    heads: [&'static str; 7],
    rows: Vec<(String, [String; 7])>,
}

pub(super) fn write(stats: &Stats, out: &mut dyn Write) -> io::Result<()> {
    let tally = stats.tally();
    let messages = match tally.messages() {
        0 => String::new(),
        count => format!(", {} of HAProxy's own", counted(count, "message")),
    };
    writeln!(
        out,
        "{} read, {}, {} rejected{messages}",
        counted(tally.lines(), "line"),
        counted(tally.requests(), "request"),
        tally.refused(),
    )?;
    if tally.requests() > 0 {
        write_table(
            &table(stats, "requests by status", STATUS_HEADS, status_cells),
            out,
        )?;
        for (title, times) in TIMES {
            let cells = |server: &ServerStats| times_cells(times(server));
            write_table(&table(stats, title, TIMES_HEADS, cells), out)?;
        }
    }
    write_rejected(stats, out)?;
    out.flush()
}

fn table(
    stats: &Stats,
    title: &'static str,
    heads: [&'static str; 7],
    cells: impl Fn(&ServerStats) -> [String; 7],
) -> Table {
    let rows = stats
        .servers()
        .map(|(backend, server, stats)| (format!("{backend}/{server}"), cells(stats)))
        .collect();
    Table { title, heads, rows }
}

fn status_cells(server: &ServerStats) -> [String; 7] {
    let [c1, c2, c3, c4, c5] = server.status.classes;
    [server.requests, c1, c2, c3, c4, c5, server.status.other].map(|count| count.to_string())
}

fn times_cells(histogram: &Histogram) -> [String; 7] {
    let summary = histogram.summary();
    let shown = |pick: fn(&Summary) -> String| summary.as_ref().map_or(NONE.to_owned(), pick);
    [
        histogram.count().to_string(),
        shown(|it| format!("{:.1}", it.mean)),
        shown(|it| it.p50.to_string()),
        shown(|it| it.p90.to_string()),
        shown(|it| it.p95.to_string()),
        shown(|it| it.p99.to_string()),
        shown(|it| it.max.to_string()),
    ]
}

/// Names left, numbers right, each column as wide as its widest cell.
fn write_table(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    const NAME_HEAD: &str = "backend/server";
    let name_width = table
        .rows
        .iter()
        .map(|(name, _)| name.len())
        .fold(NAME_HEAD.len(), usize::max);
    let mut widths = table.heads.map(str::len);
    for (_, cells) in &table.rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    writeln!(out, "\n{}", table.title)?;
    write!(out, "{NAME_HEAD:<name_width$}")?;
    for (head, width) in table.heads.iter().zip(widths) {
        write!(out, "{GAP}{head:>width$}")?;
    }
    writeln!(out)?;
    for (name, cells) in &table.rows {
        write!(out, "{name:<name_width$}")?;
        for (cell, width) in cells.iter().zip(widths) {
            write!(out, "{GAP}{cell:>width$}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_rejected(stats: &Stats, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = stats
        .tally()
        .rejected()
        .map(|(reason, count)| (reason.as_str(), count.to_string()))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let name_width = rows.iter().map(|(name, _)| name.len()).fold(0, usize::max);
    let count_width = rows
        .iter()
        .map(|(_, count)| count.len())
        .fold(0, usize::max);
    writeln!(out, "\nrejected lines by reason")?;
    for (name, count) in rows {
        writeln!(out, "{name:<name_width$}{GAP}{count:>count_width$}")?;
    }
    Ok(())
}

fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
