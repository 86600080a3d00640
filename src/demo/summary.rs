//! The numbers at the end of the story, and how it would have gone the naive way.

use std::io;

use super::contrast::{SETTLE_US, Toll, toll};
use super::scenario::{ALWAYS_UP, SERVERS, SLOW_MS, SPARE, WARM_UP_REQUESTS};
use super::story::{Told, mean_ms};
use super::voice::Voice;
use crate::sim::queues::Answer;

/// Tells what happened.
///
/// # Errors
///
/// When it cannot be written.
pub fn sum_up(told: &Told, voice: &mut Voice<'_>) -> io::Result<()> {
    voice.heading("What happened")?;
    let settled_us = told.enabled_us.saturating_add(SETTLE_US);
    let before = came(&told.answers, 0, told.rush_us);
    let during = came(&told.answers, told.slow_from_us, told.enabled_us);
    let after = came(&told.answers, settled_us, u64::MAX);
    let failed = told
        .answers
        .iter()
        .filter(|answer| answer.is_failed())
        .count();
    voice.point(&format!(
        "{} requests, {failed} failed.",
        told.answers.len()
    ))?;
    voice.point(&format!(
        "Mean answer: {} before the rush, {} while {} alone was too slow, {} with {}.",
        in_ms(&before),
        in_ms(&during),
        SERVERS[ALWAYS_UP],
        in_ms(&after),
        SERVERS[SPARE],
    ))?;
    voice.point(&format!(
        "Answers over {SLOW_MS:.0} ms: {} before {} took users, {} from {} s after.",
        slow(&came(&told.answers, 0, told.enabled_us)),
        SERVERS[SPARE],
        slow(&after),
        SETTLE_US / 1_000_000,
    ))?;
    voice.point(&format!(
        "{} from the last slow window to {} taking users. In between it answered \
         {WARM_UP_REQUESTS} warm-up requests and passed HAProxy's checks.",
        in_s(told.enabled_us.saturating_sub(told.breached_us)),
        SERVERS[SPARE],
    ))?;
    voice.point(&always_up(told))?;
    tell_contrast(told, voice)?;
    voice.heading("Next")?;
    voice.paragraph(
        "For your own HAProxy, `sudo haproxy-autoscale init` writes a first configuration from what it \
         finds, and says what haproxy.cfg still lacks. Then: sudo haproxy-autoscale doctor",
    )
}

fn tell_contrast(told: &Told, voice: &mut Voice<'_>) -> io::Result<()> {
    let Some(verdict) = told.verdict else {
        return Ok(());
    };
    let to_us = told.enabled_us.saturating_add(SETTLE_US);
    let measured = toll(&told.answers, told.compared_us, to_us);
    voice.heading("The naive way: enable the spare at once")?;
    let [_, spare] = SERVERS;
    match verdict.warmed {
        // A copy of the same load, so both are the same users.
        None => {
            voice.paragraph(&format!(
                "The same load was run a second time from the last slow window on, with the cold \
                 {spare} enabled at once. The same {} users would have got:",
                verdict.at_once.requests
            ))?;
            voice.point(&format!("enabled at once: {}", in_words(verdict.at_once)))?;
            voice.point(&format!(
                "warmed up first: {} (this run)",
                in_words(measured)
            ))?;
        }
        Some(warmed) => {
            voice.paragraph(&format!(
                "Not measured here, but computed with the load model of the pretend demo for the \
                 same kind of load, {} users from the last slow window on:",
                verdict.at_once.requests
            ))?;
            voice.point(&format!("enabled at once: {}", in_words(verdict.at_once)))?;
            voice.point(&format!("warmed up first: {}", in_words(warmed)))?;
            voice.point(&format!(
                "measured in this run, {} users, warmed up first: {}",
                measured.requests,
                in_words(measured)
            ))?;
        }
    }
    voice.paragraph(&format!(
        "Warming up has its price: {} worked alone {} longer.",
        SERVERS[ALWAYS_UP],
        in_s(told.enabled_us.saturating_sub(told.compared_us))
    ))
}

fn always_up(told: &Told) -> String {
    let [name, _] = SERVERS;
    let (looks, not_up) = told.looks;
    let seen = format!(
        "it was UP at {} of {looks} looks",
        looks.saturating_sub(not_up)
    );
    match told.always_up_writes {
        Some(0) => format!("{name} was never touched: no command named it, and {seen}."),
        Some(count) => format!("{name} WAS touched: {count} commands named it; {seen}."),
        None if not_up == 0 => format!("{name} was never touched: {seen}."),
        None => format!("{name} was not always up: {seen}."),
    }
}

fn came(answers: &[Answer], from_us: u64, to_us: u64) -> Vec<Answer> {
    let within = |answer: &&Answer| (from_us..to_us).contains(&answer.arrived_us);
    answers.iter().filter(within).copied().collect()
}

fn slow(answers: &[Answer]) -> usize {
    answers
        .iter()
        .filter(|answer| answer.is_slow(SLOW_MS))
        .count()
}

fn in_ms(answers: &[Answer]) -> String {
    mean_ms(answers).map_or_else(|| "-".to_owned(), |mean_ms| format!("{mean_ms:.0} ms"))
}

fn in_s(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1_000_000.0)
}

fn in_words(toll: Toll) -> String {
    format!(
        "{} answers over {SLOW_MS:.0} ms, the worst {:.1} s",
        toll.slow,
        toll.worst_ms / 1000.0
    )
}
