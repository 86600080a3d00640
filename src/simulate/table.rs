//! What became of the policies, as a table for people.

use std::io::{self, Write};

use super::scenario::{Run, Scenario};
use crate::words::time::{PerSecond, Span};

/// Writes the table.
pub(super) fn write(scenario: &Scenario, runs: &[Run], out: &mut dyn Write) -> io::Result<()> {
    let requests = runs.first().map_or(0, |run| run.tally.requests);
    writeln!(
        out,
        "{requests} requests in {}, at most {}/s; {} servers of {} workers, {} of them always up; a \
         spare in {}; goal {}",
        Span(std::time::Duration::from_secs(
            scenario.load.seconds() as u64
        )),
        PerSecond(scenario.load.peak_per_s()),
        scenario.names.len(),
        scenario.workers,
        scenario.min,
        Span(scenario.boot),
        Span(scenario.goal),
    )?;
    writeln!(
        out,
        "\n{:<11} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>6} {:>11}",
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
    for run in runs {
        let [p50, _, p95, p99] = run.tally.percentiles_ms();
        writeln!(
            out,
            "{:<11} {:>6.2} % {:>7} {:>9} {:>9} {:>9} {:>9} {:>8.2} {:>8} {:>6} {:>11}",
            run.policy.as_str(),
            run.slow_share() * 100.0,
            run.tally.failed,
            ms(run.response_mean_ms()),
            ms(p50),
            ms(p95),
            ms(p99),
            run.servers_mean(),
            run.tally.changes,
            run.tally.flaps,
            format!("{} s", run.tally.longest_above_goal_s()),
        )?;
    }
    Ok(())
}

fn ms(ms: f64) -> String {
    let digits = usize::from(ms < 9.95);
    format!("{ms:.digits$} ms")
}
