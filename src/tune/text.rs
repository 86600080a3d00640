//! What was found out, for people: what one server carries, the settings that follow, and what each would
//! have meant.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::boot::Cliff;
use super::carries::Carries;
use super::learned::capacity;
use super::study::{Simulated, Study};
use super::trials::Trials;
use super::why::why;
use crate::measure::capacity::Lesson;
use crate::simulate::cheapest::{for_30_days, headroom, untried};
use crate::simulate::search::RUNS_MAX;
use crate::simulate::supply::money;
use crate::simulate::table::{model_line, ms, percent};
use crate::simulate::trial::Outcome;
use crate::words::calendar::format_local_ms;
use crate::words::time::{PerSecond, Span, Timestamp};

/// Logs that are longer than this have dates beside their times.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Writes all of it. `output` is where what was learned has been written.
pub(super) fn write(
    studies: &[Study],
    output: Option<&Path>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (index, study) in studies.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        backend(study, out)?;
    }
    let is_written = studies
        .iter()
        .any(|it| it.carries.to_start_from().is_some());
    if let Some(path) = output.filter(|_| is_written) {
        writeln!(out, "\nWhat was learned is in {}.", path.display())?;
    }
    Ok(())
}

fn backend(study: &Study, out: &mut dyn Write) -> io::Result<()> {
    let (from_ms, to_ms) = study.period_ms;
    let (fewest, most) = study.servers;
    let servers = match (fewest, most) {
        (0 | 1, 0 | 1) => "1 server".to_owned(),
        (fewest, most) if fewest == most => format!("{most} servers"),
        (fewest, most) => format!("{fewest} to {most} servers"),
    };
    if study.requests == 0 {
        writeln!(out, "{}: {}", study.name, why(study))?;
        return Ok(());
    }
    let minute = |ms: u64| {
        format_local_ms(ms)
            .replace('T', " ")
            .chars()
            .take(16)
            .collect::<String>()
    };
    writeln!(
        out,
        "{}: {} requests from {} to {}, {servers} at a time\n",
        study.name,
        study.requests,
        minute(from_ms),
        minute(to_ms)
    )?;
    capacity_lines(study, out)?;
    if let Some(simulated) = &study.simulated {
        if let Some((trials, cliff)) = &simulated.tried {
            trial_lines(study, simulated, trials, out)?;
            recommendation(study, simulated, trials, out)?;
            boot_line(simulated, cliff, out)?;
        }
        sweep_lines(study, out)?;
        if let Some(model) = &simulated.model {
            writeln!(out, "model: {}", model_line(model))?;
        }
    }
    for note in &study.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

fn capacity_lines(study: &Study, out: &mut dyn Write) -> io::Result<()> {
    let carries = &study.carries;
    writeln!(out, "{}", carried(study))?;
    if let Some(in_flight) = carries.in_flight_at_goal {
        writeln!(
            out,
            "At the goal it has {} requests in flight.",
            PerSecond(in_flight)
        )?;
    }
    if let (Some(service_ms), Some(simulated)) = (study.service_ms, &study.simulated) {
        write!(out, "Alone, a request takes {}.", ms(service_ms))?;
        match simulated.workers {
            // A server that was never busy may work on any number.
            _ if simulated.tried.is_none() => writeln!(out)?,
            1 => writeln!(out, " The log fits servers that work on one at a time.")?,
            workers => writeln!(out, " The log fits servers that work on {workers} at once.")?,
        }
    }
    if let Some(curve) = carries.curve {
        writeln!(
            out,
            "Response time with n requests in flight on a server: {:.0} + {:.1} n + {:.2} n² ms, off by \
             {:.0} % on average.",
            curve.alone_ms,
            curve.linear_ms,
            curve.square_ms,
            curve.error * 100.0
        )?;
    }
    writeln!(
        out,
        "Confidence: {}; {}.\n",
        carries.confidence.as_str(),
        why(study)
    )
}

/// What one server carries, and how that is known.
fn carried(study: &Study) -> String {
    let Carries { goal, bracket, .. } = study.carries;
    let goal = ms(goal.ms);
    let known = study
        .carries
        .to_start_from()
        .and_then(|it| it.carries(Timestamp::default()));
    let Some(known) = known else {
        return format!("What one server carries within {goal} cannot be told from this log.");
    };
    let lesson = |it: Lesson| (PerSecond(it.value), clock(study, it.at.as_ms()));
    let how = match (bracket.proved.map(lesson), bracket.broken.map(lesson)) {
        (Some((proved, at)), Some((broken, first))) => {
            format!("{proved} went well for a minute ({at}), {broken} is too much (first {first})")
        }
        (Some((proved, at)), None) => {
            format!("{proved} went well for a minute ({at}), and it was never too much")
        }
        (None, broken) => {
            let (broken, first) = broken.unwrap_or((PerSecond(0.0), String::new()));
            format!("{broken} is too much (first {first}), and no minute went well")
        }
    };
    let per_second = PerSecond(known.per_second());
    format!("One server carries {per_second} requests/s within {goal}: {how}.")
}

fn trial_lines(
    study: &Study,
    simulated: &Simulated,
    trials: &Trials,
    out: &mut dyn Write,
) -> io::Result<()> {
    let title = format!("On the log's own users, a spare in {}", simulated.boots);
    write!(
        out,
        "{title:<44} {:>8} {:>9} {:>8} {:>8}",
        "SLOW", "P95", "SERVERS", "CHANGES"
    )?;
    if trials.all_always.cost.is_some() {
        write!(out, " {:>10} {:>10}", "COST", "30 DAYS")?;
    }
    writeln!(out)?;
    let mut line = |name: &str, outcome: &Outcome| {
        write!(
            out,
            "  {name:<42} {:>8} {:>9} {:>8.2} {:>8}",
            percent(outcome.slow_share),
            ms(outcome.p95_ms),
            outcome.servers_mean,
            outcome.changes
        )?;
        if let Some(cost) = outcome.cost {
            let month = for_30_days(cost, simulated.seconds as f64);
            write!(out, " {:>10} {:>10}", money(cost), money(month))?;
        }
        writeln!(out)
    };
    let today = if study.is_configured {
        "today's settings"
    } else {
        "built-in settings, told nothing"
    };
    line(today, &trials.today.outcome)?;
    let best = trials.recommended();
    let name = if best.is_feasible {
        "recommended"
    } else {
        "recommended; nothing keeps the goal"
    };
    line(name, &best.outcome)?;
    if let Some(lost) = trials.best_infeasible().filter(|_| best.is_feasible) {
        let setting = lost.setting;
        let name = format!(
            "not enough: {} headroom, idle {}",
            headroom(setting.headroom),
            Span(setting.idle_timeout)
        );
        line(&name, &lost.outcome)?;
    }
    line("all servers, always", &trials.all_always)?;
    writeln!(
        out,
        "The goal is kept if at most {} are slower; {} settings were tried.",
        percent(trials.slow_share_max),
        trials.tried.len()
    )?;
    if let Some(early) = untried(trials.untried, RUNS_MAX) {
        writeln!(out, "{early}")?;
    }
    writeln!(out)
}

fn recommendation(
    study: &Study,
    simulated: &Simulated,
    trials: &Trials,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(bracket) = study.carries.to_start_from() else {
        return Ok(());
    };
    let setting = trials.recommended().setting;
    let goal = span(study.carries.goal.ms);
    writeln!(
        out,
        "Recommended, in [backend.{}] of the configuration:",
        study.name
    )?;
    writeln!(out, "  response_time = \"{goal}\"")?;
    writeln!(out, "  capacity = {}", capacity(&bracket))?;
    writeln!(out, "  headroom = \"{}\"", headroom(setting.headroom))?;
    let idle = humantime::format_duration(setting.idle_timeout);
    writeln!(out, "  idle_timeout = \"{idle}\"")?;
    if let Some(min) = simulated.other_min() {
        writeln!(out, "  min = {min}")?;
    }
    if let Some(spares) = &simulated.spares {
        writeln!(out, "  {}", spares.line())?;
    }
    match (
        trials.with_maxconn.and_then(|it| it.setting.maxconn),
        setting.maxconn,
    ) {
        (Some(maxconn), _) => writeln!(
            out,
            "and on each server's line of haproxy.cfg, with `balance leastconn`: maxconn {maxconn}"
        )?,
        (None, Some(maxconn)) => writeln!(out, "and leave `maxconn` of the servers at {maxconn}")?,
        (None, None) => {}
    }
    writeln!(out)
}

fn boot_line(simulated: &Simulated, cliff: &Cliff, out: &mut dyn Write) -> io::Result<()> {
    let Some(lost) = cliff.lost() else {
        let slowest = cliff.holds().map_or(Duration::ZERO, |it| it.boot);
        return writeln!(
            out,
            "Spares may take up to {}: the goal is kept.\n",
            Span(slowest)
        );
    };
    let at_ms = simulated.start_ms + lost.worst_s * 1000;
    let times = (hour_minute(at_ms), hour_minute(at_ms + 15 * 60 * 1000));
    let when = format!(
        "{} ({} to {} is worst)",
        part_of_day(at_ms),
        times.0,
        times.1
    );
    let slow = percent(lost.outcome.slow_share);
    match cliff.holds() {
        Some(holds) => writeln!(
            out,
            "With spares that need more than {} the goal is lost {when}: with {}, {slow} are slow.\n",
            Span(holds.boot),
            Span(lost.boot)
        ),
        None => writeln!(
            out,
            "Even with spares that need only {} the goal is lost {when}: {slow} are slow.\n",
            Span(lost.boot)
        ),
    }
}

fn sweep_lines(study: &Study, out: &mut dyn Write) -> io::Result<()> {
    if study.sweep.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{:>8} {:>11} {:>14} {:>10} {:>8} {:>8} {:>8}",
        "GOAL", "LOG SLOWER", "ONE CARRIES", "IN FLIGHT", "SLOW", "SERVERS", "CHANGES"
    )?;
    for swept in &study.sweep {
        writeln!(
            out,
            "{:>8} {:>11} {:>14} {:>10} {:>8} {:>8.2} {:>8}",
            Span(swept.goal).to_string(),
            percent(swept.slower_share),
            one_carries(&swept.carries),
            swept
                .carries
                .in_flight_at_goal
                .map_or_else(|| "?".to_owned(), |it| PerSecond(it).to_string()),
            percent(swept.outcome.slow_share),
            swept.outcome.servers_mean,
            swept.outcome.changes
        )?;
    }
    writeln!(
        out,
        "LOG SLOWER is the log as it was; the last three are simulated with the recommended settings and \
         that goal.\n"
    )
}

fn one_carries(carries: &Carries) -> String {
    let bracket = carries.to_start_from();
    let known = bracket.and_then(|it| it.carries(Timestamp::default()));
    known.map_or_else(
        || "?".to_owned(),
        |it| format!("{}/s", PerSecond(it.per_second())),
    )
}

/// A goal as the configuration has it.
pub(super) fn span(goal_ms: f64) -> String {
    let goal = Duration::try_from_secs_f64(goal_ms / 1000.0).unwrap_or_default();
    let micros = u64::try_from(goal.as_micros()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_micros(micros)).to_string()
}

/// When something was, with its date where the log has several.
fn clock(study: &Study, at_ms: u64) -> String {
    let (from_ms, to_ms) = study.period_ms;
    let time = hour_minute(at_ms);
    if to_ms - from_ms < DAY_MS {
        return time;
    }
    let date: String = format_local_ms(at_ms).chars().take(10).collect();
    format!("{date} {time}")
}

fn hour_minute(at_ms: u64) -> String {
    format_local_ms(at_ms).chars().skip(11).take(5).collect()
}

fn part_of_day(at_ms: u64) -> &'static str {
    match at_ms / 3_600_000 % 24 {
        5..12 => "in the morning",
        12..18 => "in the afternoon",
        18..23 => "in the evening",
        _ => "at night",
    }
}
