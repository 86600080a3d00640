//! What became of the policies, as a table for people, and what it does not prove.

use std::io::{self, Write};
use std::time::Duration;

use super::Results;
use super::as_logged::ModelCheck;
use super::cheapest::for_30_days;
use super::scenario::{Run, Scenario};
use super::supply::{boots, described, money};
use crate::words::time::{PerSecond, Span};

/// What no simulation shows. Said with every result.
pub(super) const NOT_PROVED: [&str; 4] = [
    "servers are equal and their workers do not slow one another: no shared database, no memory, no CPU \
     that they compete for",
    "users come whatever happened to them before: nobody gives up before 30 s, nobody asks again",
    "a spare always comes up, and always takes as long; HAProxy and the log never fail",
    "requests cost what is drawn for them, one as probable as another at any time of the day",
];

/// Writes the table.
pub(super) fn write(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", headline(results.scenario, results.runs))?;
    write!(
        out,
        "{:<11} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>6} {:>11}",
        "POLICY",
        "SLOW",
        "FAILED",
        "MEAN",
        "P50",
        "P95",
        "P99",
        "SERVERS",
        "CHANGES",
        "FLAPS",
        "ABOVE GOAL",
    )?;
    if results.scenario.supply.is_priced {
        write!(out, " {:>10} {:>10}", "COST", "30 DAYS")?;
    }
    writeln!(out)?;
    for run in results.runs {
        let [p50, _, p95, p99] = run.tally.percentiles_ms();
        write!(
            out,
            "{:<11} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>8.2} {:>8} {:>6} {:>11}",
            run.policy.as_str(),
            percent(run.slow_share()),
            run.tally.failed,
            ms(run.response_mean_ms()),
            ms(p50),
            ms(p95),
            ms(p99),
            run.servers_mean(),
            run.tally.changes,
            run.tally.flaps,
            above_goal(run),
        )?;
        if let Some([cost, month]) = costs(results.scenario, run) {
            write!(out, " {cost:>10} {month:>10}")?;
        }
        writeln!(out)?;
    }
    writeln!(out)?;
    if let Some(search) = results.cheapest {
        for line in search.lines() {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    if let Some(model) = results.model {
        writeln!(out, "model: {}", model_line(&model))?;
    }
    for run in results.runs.iter().filter(|run| run.policy.is_sweep()) {
        writeln!(
            out,
            "note: {} aims at {:.1} requests in flight per server",
            run.policy.as_str(),
            run.target
        )?;
    }
    for note in results.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out, "This does not show:")?;
    for line in NOT_PROVED {
        writeln!(out, "- {line}")?;
    }
    Ok(())
}

/// What a run cost, and what 30 days of the same would.
pub(super) fn costs(scenario: &Scenario, run: &Run) -> Option<[String; 2]> {
    let cost = run.cost?;
    let month = for_30_days(cost, scenario.load.seconds() as f64);
    Some([money(cost), money(month)])
}

/// The longest time above the goal; `-`: none.
pub(super) fn above_goal(run: &Run) -> String {
    match run.tally.longest_above_goal_s() {
        0 => "-".to_owned(),
        seconds => Span(Duration::from_secs(seconds.into())).to_string(),
    }
}

/// What was simulated, in one line.
pub(super) fn headline(scenario: &Scenario, runs: &[Run]) -> String {
    let count = |count: usize, one: &str, many: &str| {
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let maxconn = scenario.maxconn.map(|it| format!(", maxconn {it}"));
    format!(
        "{} requests in {}, at most {}/s · {} of {}{}, {} always up, {} · mean service time {} · a spare \
         in {} · goal {} · seed {}{}",
        runs.first().map_or(0, |run| run.tally.requests),
        Span(Duration::from_secs(scenario.load.seconds() as u64)),
        PerSecond(scenario.load.peak_per_s()),
        count(scenario.names.len(), "server", "servers"),
        count(scenario.workers as usize, "worker", "workers"),
        maxconn.unwrap_or_default(),
        scenario.min,
        scenario.balance.as_str(),
        ms(scenario.load.service.mean_ns() / 1e6),
        boots(scenario),
        Span(scenario.goal),
        scenario.load.seed,
        described(scenario),
    )
}

/// How far the model is from the log.
pub(crate) fn model_line(model: &ModelCheck) -> String {
    let (p50, p95) = model.off();
    format!(
        "with the servers that were really up it gives p50 {} where the log has {} ({:+.0} %), p95 {} \
         where it has {} ({:+.0} %)",
        ms(model.modelled.p50_ms),
        ms(model.logged.p50_ms),
        p50 * 100.0,
        ms(model.modelled.p95_ms),
        ms(model.logged.p95_ms),
        p95 * 100.0,
    )
}

/// A share of 0 to 1.
pub(crate) fn percent(share: f64) -> String {
    let digits = if share < 0.0995 { 2 } else { 1 };
    format!("{:.digits$} %", share * 100.0)
}

/// Milliseconds as people write them.
pub(crate) fn ms(ms: f64) -> String {
    if ms < 9.95 {
        format!("{ms:.1} ms")
    } else if ms < 9999.5 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}
