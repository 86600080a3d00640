//! Second by second what was seen and what was said, and the table at the end.

use std::fmt::Write as _;

use serde_json::json;

use crate::seen::{Answer, Record, SERVERS, Sample, percentile, times_ms};
use crate::verdict::Verdict;

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Done {
    /// The case.
    pub case: &'static str,
    /// HAProxy's version.
    pub version: String,
    /// The outcome.
    pub verdict: Verdict,
    /// The daemon's changes in short, and its last status.
    pub said: String,
    /// What was seen each second.
    pub trace: String,
}

/// A line for each second of the run, and the daemon's own lines between them.
pub fn trace(record: &Record, begin: f64) -> String {
    let last = record.samples.last().map_or(begin, |sample| sample.at);
    let mut text = String::new();
    let mut from = begin;
    while from < last {
        let to = from + 1.0;
        let lines = record.lines.iter().chain(&record.acts);
        let mut lines: Vec<_> = lines
            .filter(|line| line.at < to && (line.at >= from || from <= begin))
            .collect();
        lines.sort_by(|one, other| one.at.total_cmp(&other.at));
        for line in lines {
            let _ = writeln!(text, "        {:6.2}  {}", line.at - begin, line.text);
        }
        second(record, begin, from, to, &mut text);
        from = to;
    }
    text
}

fn second(record: &Record, begin: f64, from: f64, to: f64, text: &mut String) {
    let came = record
        .answers
        .iter()
        .filter(|answer| answer.sent >= from && answer.sent < to);
    let ended: Vec<&Answer> = record
        .answers
        .iter()
        .filter(|answer| answer.ended >= from && answer.ended < to && !answer.long)
        .collect();
    let count = |test: fn(&Answer) -> bool| ended.iter().filter(|answer| test(answer)).count();
    let times = times_ms(ended.iter().copied());
    let _ = write!(
        text,
        "{:4.0} s  came {:3}  answered {:3}  bad {:3} (left {}, 5xx {}, none {})  p50 {:5.0} p95 {:5.0} ms ",
        from - begin,
        came.count(),
        ended.len(),
        count(Answer::is_bad),
        count(|answer| answer.gave_up),
        count(|answer| answer.status >= 500),
        count(|answer| answer.status == 0 && !answer.gave_up),
        percentile(&times, 0.5),
        percentile(&times, 0.95),
    );
    let sample = record.samples.iter().rfind(|sample| sample.at < to);
    for (index, name) in SERVERS.iter().enumerate() {
        let hits = record
            .hits
            .iter()
            .filter(|hit| hit.server == index && hit.at >= from && hit.at < to);
        let _ = write!(text, " | {name} +{}", hits.count());
        if let Some(Sample { rows, .. }) = sample {
            let row = &rows[index];
            let _ = write!(
                text,
                " {} w{} {}+{}",
                row.status, row.weight, row.open, row.queued
            );
        }
    }
    let _ = write!(
        text,
        " | queue {}",
        sample.map_or(0, |sample| sample.queued)
    );
    if let Some(claim) = record.claims.iter().rfind(|claim| claim.at < to) {
        let _ = write!(text, " | {}", claim_text(&claim.status));
    }
    text.push('\n');
}

/// `slow · web1 ready, web2 ready (not serving) · next: … · 1 problem`.
fn claim_text(status: &serde_json::Value) -> String {
    let backend = &status["backends"][0];
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
    let servers: Vec<String> = backend["servers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|server| {
            let serving = match server["serving"].as_bool() {
                Some(false) if server["stage"] == "ready" => " (not serving)",
                _ => "",
            };
            format!(
                "{} {}{serving}",
                word(&server["name"]),
                word(&server["stage"])
            )
        })
        .collect();
    let count = |list: &serde_json::Value| list.as_array().map_or(0, Vec::len);
    format!(
        "{} · {} · next: {} · {} problems",
        word(&backend["state"]),
        servers.join(", "),
        word(&backend["next"]),
        count(&status["problems"]) + count(&backend["problems"])
    )
}

/// Lines of the daemon's that are in every run.
const COMMON: [&str; 3] = [" breach ", " warm_up ", " drain "];

/// Which changes the daemon told, in order, and how it ended.
pub fn said(record: &Record) -> String {
    let mut told: Vec<String> = Vec::new();
    for line in &record.lines {
        let Some((before, after)) = line.text.split_once(" web") else {
            continue;
        };
        let is_common = COMMON.iter().any(|word| line.text.contains(word));
        let change = before.rsplit(' ').next().unwrap_or_default();
        let server = after.split([':', ' ']).next().unwrap_or_default();
        let server = server.trim_start_matches('/');
        let entry = format!("{change} {server}").trim().to_owned();
        if !is_common && told.last() != Some(&entry) {
            told.push(entry);
        }
    }
    told.dedup();
    let last = record.claims.last().map(|claim| claim_text(&claim.status));
    format!(
        "{}; at the end: {}",
        told.join(", "),
        last.unwrap_or_default()
    )
}

impl Done {
    /// One object.
    pub fn json(&self) -> String {
        let verdict = &self.verdict;
        let shares: Vec<_> = verdict
            .shares
            .iter()
            .map(|(server, share, fair)| json!({"server": SERVERS[*server], "share": share, "fair": fair}))
            .collect();
        json!({
            "case": self.case,
            "haproxy": self.version,
            "passed": verdict.faults.is_empty(),
            "users": verdict.users,
            "bad": verdict.bad,
            "shares": shares,
            "p50_ms": verdict.p50_ms.round(),
            "p95_ms": verdict.p95_ms.round(),
            "late_p99_ms": verdict.late_ms,
            "said": self.said,
            "faults": verdict.faults,
        })
        .to_string()
    }

    fn row(&self) -> String {
        let verdict = &self.verdict;
        let shares: Vec<String> = verdict
            .shares
            .iter()
            .map(|(server, share, fair)| {
                format!(
                    "{} {:.0}/{:.0}",
                    SERVERS[*server].trim_start_matches("web"),
                    share * 100.0,
                    fair * 100.0
                )
            })
            .collect();
        let outcome = if verdict.faults.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        let mut text = format!(
            "{:<24} {:<4} {:>5} of {:<5} {:<24} {:>6.0} {:>6.0} {:>5.0} {outcome}\n",
            self.case,
            self.version,
            verdict.bad,
            verdict.users,
            shares.join(" "),
            verdict.p50_ms,
            verdict.p95_ms,
            verdict.late_ms,
        );
        for fault in &verdict.faults {
            let _ = writeln!(text, "    - {fault}");
        }
        if !verdict.faults.is_empty() {
            let _ = writeln!(text, "    said: {}", self.said);
        }
        text
    }
}

/// The table, failures with their reasons.
pub fn table(done: &[Done]) -> String {
    let mut text = format!(
        "{:<24} {:<4} {:>14} {:<24} {:>6} {:>6} {:>5}\n",
        "case", "HAP", "bad of users", "share/fair % of newcomers", "p50", "p95", "late"
    );
    for one in done {
        text.push_str(&one.row());
    }
    let failed = done
        .iter()
        .filter(|done| !done.verdict.faults.is_empty())
        .count();
    let _ = writeln!(text, "{} runs, {failed} failed", done.len());
    text
}
