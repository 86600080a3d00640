//! What `replay` prints: decisions as they come, then the sum of them, as text or as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::log::advice::Tally;
use crate::log::line::format_local_ms;
use crate::scaler::decision::{Change, Decision, Reason};
use crate::words::names::ServerName;
use crate::words::time::Span;
use crate::words::time::Timestamp;

/// The sum of a replay.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) tally: Tally,
    /// Of every kind, also those that are not printed.
    pub(super) decisions: u64,
    breaches: u64,
    enables: u64,
    disables: u64,
    spare_time: Duration,
    above_threshold: Duration,
    /// Spares that serve, and since when.
    serving: BTreeMap<ServerName, Timestamp>,
    /// Up to when each backend's breaching windows have been counted: they may overlap.
    counted: BTreeMap<String, Timestamp>,
}

impl Summary {
    pub(super) fn take(&mut self, decision: &Decision) {
        self.decisions += 1;
        let server = decision.server.clone().unwrap_or_default();
        let name = ServerName::new(decision.backend(), server);
        if decision.change == Change::Breach {
            self.breaches += 1;
            self.take_breach(decision);
        } else if decision.change == Change::Enable {
            self.enables += 1;
            self.serving.entry(name).or_insert(decision.at);
        } else if decision.change == Change::Disable {
            self.disables += 1;
            if let Some(since) = self.serving.remove(&name) {
                self.spare_time += decision.at.since(since);
            }
        }
    }

    fn take_breach(&mut self, decision: &Decision) {
        let Reason::Breach { breach, .. } = &decision.reason else {
            return;
        };
        let counted = self
            .counted
            .entry(decision.backend().to_owned())
            .or_default();
        self.above_threshold += breach.span.min(decision.at.since(*counted));
        *counted = decision.at;
    }

    /// Nothing happens after the last line.
    pub(super) fn end(&mut self, end: Timestamp) {
        for since in std::mem::take(&mut self.serving).into_values() {
            self.spare_time += end.since(since);
        }
    }
}

/// Writes decisions and summary.
pub(super) struct Printer<'a> {
    out: &'a mut dyn Write,
    json: bool,
    /// The longest name of a backend, so that the text has columns.
    name_width: usize,
}

#[derive(Serialize)]
struct DecisionObject<'a> {
    at: String,
    backend: &'a str,
    server: Option<&'a str>,
    change: &'a str,
    reason: String,
}

#[derive(Serialize)]
struct SummaryObject {
    summary: SummaryNumbers,
}

#[derive(Serialize)]
struct SummaryNumbers {
    lines: u64,
    requests: u64,
    rejected: u64,
    breaches: u64,
    enables: u64,
    disables: u64,
    spare_seconds: f64,
    above_threshold_seconds: f64,
}

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut dyn Write, json: bool, name_width: usize) -> Self {
        Self {
            out,
            json,
            name_width,
        }
    }

    /// One decision of the contract's seven; the others are about a live HAProxy.
    /// `at_ms` is its time as the log's clock shows it.
    pub(super) fn decision(&mut self, decision: &Decision, at_ms: u64) -> io::Result<()> {
        if !decision.change.is_in_replay() {
            return Ok(());
        }
        let at = format_local_ms(at_ms);
        let change = decision.change.as_str();
        let server = decision.server.as_deref();
        if self.json {
            let backend = decision.backend();
            let reason = decision.reason.to_string();
            return self.object(&DecisionObject {
                at,
                backend,
                server,
                change,
                reason,
            });
        }
        writeln!(
            self.out,
            "{at}  {:name_width$}  {change:13}  {}{}",
            decision.backend(),
            server
                .map(|server| format!("{server}: "))
                .unwrap_or_default(),
            decision.reason,
            name_width = self.name_width,
        )
    }

    /// The end. Notes belong to the text, and beside the JSON.
    pub(super) fn summary(
        &mut self,
        summary: &Summary,
        notes: &[String],
        talk: &mut dyn Write,
    ) -> io::Result<()> {
        let notes_to: &mut dyn Write = if self.json {
            self.object(&SummaryObject {
                summary: summary.numbers(),
            })?;
            self.out.flush()?;
            talk
        } else {
            writeln!(
                self.out,
                "{}, {}, {} rejected",
                counted(summary.tally.lines(), "line", "lines"),
                counted(summary.tally.requests(), "request", "requests"),
                summary.tally.refused()
            )?;
            writeln!(
                self.out,
                "{}, {}, {} · spare time {} · above the threshold {}",
                counted(summary.breaches, "breach", "breaches"),
                counted(summary.enables, "enable", "enables"),
                counted(summary.disables, "disable", "disables"),
                Span(summary.spare_time),
                Span(summary.above_threshold),
            )?;
            self.out
        };
        for note in notes {
            writeln!(notes_to, "note: {note}")?;
        }
        notes_to.flush()
    }

    fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, object)?;
        self.out.write_all(b"\n")
    }
}

impl Summary {
    fn numbers(&self) -> SummaryNumbers {
        SummaryNumbers {
            lines: self.tally.lines(),
            requests: self.tally.requests(),
            rejected: self.tally.refused(),
            breaches: self.breaches,
            enables: self.enables,
            disables: self.disables,
            spare_seconds: self.spare_time.as_millis() as f64 / 1000.0,
            above_threshold_seconds: self.above_threshold.as_millis() as f64 / 1000.0,
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
