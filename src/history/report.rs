//! `report`: what was changed, what that took and saved, and what users met, summed up from events.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::source::Source;
use crate::control;
use crate::publish::event::Event;
use crate::words::moment::clock;
use crate::words::time::{Span, rfc3339};

/// Without a moment it looks back so far.
pub const LOOKS_BACK: Duration = Duration::from_secs(24 * 3600);
/// Less that was not watched is not told: a restart takes it.
const UNWATCHED_MIN: Duration = Duration::from_secs(60);

/// Less than this is told in minutes.
const HOURS_FROM_S: f64 = 3600.0;

/// What happened in a while; the names are the contract's.
#[derive(Debug, Serialize)]
pub struct Summary {
    from: String,
    to: String,
    backends: Vec<Sums>,
    #[serde(skip)]
    period: (SystemTime, SystemTime),
}

/// One backend's.
#[derive(Debug, Default, Serialize)]
struct Sums {
    name: String,
    requests: u64,
    slow_share: f64,
    failed: u64,
    above_goal_seconds: f64,
    enables: u64,
    disables: u64,
    failures: u64,
    server_seconds: f64,
    saved_server_seconds: f64,
    pretended: bool,
    #[serde(skip)]
    slow: f64,
    /// How much of the time is known.
    #[serde(skip)]
    watched_s: f64,
}

/// What the daemon that listens there counted and did not tell yet; nothing if none does.
pub fn untold(control_socket: &Path) -> Vec<Event> {
    let answer = control::ask_usage(control_socket).unwrap_or_default();
    let lines = answer.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Sums up what is in `source` from that moment on, and what was [`untold`] before it was read.
///
/// # Errors
/// It cannot be read.
pub fn sum_up(
    source: &mut Source,
    untold: &[Event],
    (from, to): (SystemTime, SystemTime),
) -> io::Result<Summary> {
    // What was told since then has it once more.
    let to = untold.iter().filter_map(Event::moment).min().unwrap_or(to);
    let mut backends: BTreeMap<String, Sums> = BTreeMap::new();
    let mut take = |event: &Event| {
        let at = event.moment().filter(|at| *at >= from);
        if let (Some(at), Some(name)) = (at, &event.backend) {
            let sums = backends.entry(name.clone()).or_insert_with(|| Sums {
                name: name.clone(),
                ..Sums::default()
            });
            sums.take(event, at.duration_since(from).unwrap_or_default());
        }
    };
    source.read(Some(from), |event| {
        if event.moment().is_some_and(|at| at <= to) {
            take(&event);
        }
        Ok(())
    })?;
    untold.iter().for_each(take);
    let backends = backends.into_values().map(Sums::finished).collect();
    Ok(Summary {
        from: rfc3339(from),
        to: rfc3339(to),
        backends,
        period: (from, to),
    })
}

impl Sums {
    /// Takes one event, `since` after the beginning.
    fn take(&mut self, event: &Event, since: Duration) {
        let number = |name: &str| event.data.get(name).and_then(serde_json::Value::as_f64);
        let is_pretended = event.data.contains_key("pretended");
        match event.code.as_str() {
            "enable" => self.enables += 1,
            "disable" => self.disables += 1,
            "enable_failed" | "probation_failed" => self.failures += 1,
            "usage" => {
                let span_s = number("span_s").unwrap_or(0.0);
                // What began before counts for the part that is inside.
                let part = (since.as_secs_f64() / span_s.max(0.001)).min(1.0);
                let of = |name: &str| number(name).unwrap_or(0.0) * part;
                self.requests += whole(of("requests"));
                self.failed += whole(of("failed"));
                self.slow += of("slow");
                self.above_goal_seconds += of("above_goal_s");
                self.server_seconds += of("server_s");
                self.saved_server_seconds += of("all_server_s") - of("server_s");
                self.watched_s += number("known_s").unwrap_or(span_s) * part;
            }
            _ => {}
        }
        self.pretended |= is_pretended;
    }

    fn finished(mut self) -> Self {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        let suffered = self.slow + self.failed as f64;
        self.slow_share = (suffered / (self.requests as f64).max(1.0)).min(1.0);
        self.slow_share = (self.slow_share * 1e6).round() / 1e6;
        for value in [
            &mut self.above_goal_seconds,
            &mut self.server_seconds,
            &mut self.saved_server_seconds,
        ] {
            *value = rounded(*value);
        }
        self
    }
}

/// A count that is one: it comes from whole numbers.
fn whole(value: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Negative ones become 0.
    let whole = value.round() as u64;
    whole
}

/// Writes it, as one JSON object or as text.
///
/// # Errors
/// `out` cannot be written.
pub fn report(summary: &Summary, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        return writeln!(out, "{}", serde_json::to_string(summary)?);
    }
    let zone = TimeZone::system();
    let (from, to) = summary.period;
    let shown = |at| {
        let at = clock(at, &zone);
        format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute())
    };
    writeln!(out, "{} to {}", shown(from), shown(to))?;
    if summary.backends.is_empty() {
        writeln!(out, "nothing happened that was kept")?;
    }
    let all = to.duration_since(from).unwrap_or_default();
    for sums in &summary.backends {
        write_sums(sums, all, out)?;
    }
    out.flush()
}

fn write_sums(sums: &Sums, all: Duration, out: &mut dyn Write) -> io::Result<()> {
    let all_s = sums.server_seconds + sums.saved_server_seconds;
    let (unit, unit_s) = if all_s < HOURS_FROM_S {
        ("minutes", 60.0)
    } else {
        ("hours", 3600.0)
    };
    let would = if sums.pretended {
        " (observing: what would have been)"
    } else {
        ""
    };
    writeln!(out, "{}{would}", sums.name)?;
    writeln!(
        out,
        "  changes   {} enabled, {} disabled, {} failed",
        sums.enables, sums.disables, sums.failures
    )?;
    writeln!(
        out,
        "  servers   {:.1} server-{unit} used, {:.1} saved against all servers always",
        sums.server_seconds / unit_s,
        sums.saved_server_seconds / unit_s
    )?;
    let above = Span(Duration::from_secs_f64(sums.above_goal_seconds.max(0.0)));
    writeln!(
        out,
        "  requests  {}, {:.2} % slow or failed, {} failed; {above} above the threshold",
        sums.requests,
        sums.slow_share * 100.0,
        sums.failed
    )?;
    let watched = Duration::from_secs_f64(sums.watched_s.max(0.0));
    let unwatched = all.saturating_sub(watched);
    if unwatched >= UNWATCHED_MIN {
        let unwatched = Duration::from_secs(unwatched.as_secs());
        writeln!(
            out,
            "  unknown   {}: no daemon counted, or HAProxy did not answer",
            Span(unwatched)
        )?;
    }
    Ok(())
}
