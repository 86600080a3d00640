//! `report`: what was changed, what that took and saved, and what users met, summed up from events.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::list::known_backend;
use super::source::Source;
use crate::control;
use crate::publish::event::Event;
use crate::words::moment::clock;
use crate::words::time::{Span, rfc3339};

/// Without a moment it looks back so far.
pub const LOOKS_BACK: Duration = Duration::from_secs(24 * 3600);
/// Less that was not watched is not told: a restart takes it.
const UNWATCHED_MIN: Duration = Duration::from_secs(60);

/// What a daemon counted within one span goes on in the next: its event takes a moment.
const NEXT_WITHIN: Duration = Duration::from_secs(2);
/// The code of what was counted.
const USAGE: &str = "usage";

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

/// One backend's; what was pretended stands for itself.
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
    /// How long machines ran, how often they were started, and how often one did not start, did not stop
    /// or went off; all absent where spares have no machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_starts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_failures: Option<u64>,
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
    Event::lines(&answer).filter_map(Result::ok).collect()
}

/// Sums up what is in `source` from that moment on, and what was [`untold`] before it was read. Beside the
/// backends that the events know only the `configured` ones count: a refused order may name anything.
///
/// # Errors
/// It cannot be read.
pub fn sum_up(
    source: &mut Source,
    untold: &[Event],
    configured: &BTreeSet<String>,
    (from, to): (SystemTime, SystemTime),
) -> io::Result<Summary> {
    // What was told since then has it once more.
    let to = untold.iter().filter_map(Event::moment).min().unwrap_or(to);
    let mut book = Book::new(from, configured.clone());
    let is_in_time = |event: &Event| event.moment().is_some_and(|at| at <= to);
    source.read_first(from, |event| {
        if is_in_time(&event) {
            book.take(&event);
        }
        Ok(())
    })?;
    for event in untold {
        book.take(event);
    }
    // What one daemon did while the other one counted is another story, and would count twice.
    let counted = book.counted.clone();
    source.read_other(from, |event| {
        if is_in_time(&event) {
            book.take_beside(&event, &counted);
        }
        Ok(())
    })?;
    Ok(Summary {
        from: rfc3339(from),
        to: rfc3339(to),
        backends: book.finished(),
        period: (from, to),
    })
}

/// From one moment to another.
type Period = (SystemTime, SystemTime);

/// By backend when a daemon counted, oldest first.
type Counted = BTreeMap<String, Vec<Period>>;

/// What is added up.
#[derive(Debug)]
struct Book {
    from: SystemTime,
    /// By backend, and by whether it was pretended.
    sums: BTreeMap<(String, bool), Sums>,
    known: BTreeSet<String>,
    counted: Counted,
}

impl Book {
    const fn new(from: SystemTime, known: BTreeSet<String>) -> Self {
        Self {
            from,
            sums: BTreeMap::new(),
            known,
            counted: BTreeMap::new(),
        }
    }

    /// Takes what the daemon told whose story it is.
    fn take(&mut self, event: &Event) {
        self.add(event, &Counted::new());
        if let (Some(period), Some(name)) = (self.period(event), &event.backend)
            && event.code == USAGE
        {
            note(self.counted.entry(name.clone()).or_default(), period);
        }
    }

    /// Takes what another one told, for the time that is not in `counted`.
    fn take_beside(&mut self, event: &Event, counted: &Counted) {
        self.add(event, counted);
    }

    /// What an event tells of; for all but usage that is a moment. `None`: it was before all that is meant.
    fn period(&self, event: &Event) -> Option<Period> {
        let at = event.moment().filter(|at| *at >= self.from)?;
        let span = seconds(number(event, "span_s"));
        let since = at.checked_sub(span).unwrap_or(self.from);
        Some((since.max(self.from), at))
    }

    fn add(&mut self, event: &Event, counted: &Counted) {
        let (Some(period), Some(name)) = (self.period(event), &event.backend) else {
            return;
        };
        let nothing = Vec::new();
        let counted = counted.get(name).unwrap_or(&nothing);
        let (since, at) = period;
        if event.code != USAGE && counted.iter().any(|(from, to)| (*from..=*to).contains(&at)) {
            return;
        }
        if let Some(name) = known_backend(event) {
            self.known.insert(name.clone());
        }
        let is_pretended = event.data.contains_key("pretended");
        let sums = self.sums.entry((name.clone(), is_pretended));
        let sums = sums.or_insert_with(|| Sums {
            name: name.clone(),
            pretended: is_pretended,
            ..Sums::default()
        });
        let outside = at.duration_since(since).unwrap_or_default();
        sums.take(event, outside.saturating_sub(common(counted, period)));
    }

    fn finished(self) -> Vec<Sums> {
        let Self { sums, known, .. } = self;
        let sums = sums.into_values().filter(|it| known.contains(&it.name));
        sums.map(Sums::finished).collect()
    }
}

/// Adds a period behind those that are there; what follows at once is one with the last.
fn note(periods: &mut Vec<Period>, (from, to): Period) {
    match periods.last_mut() {
        Some((_, end)) if from <= *end + NEXT_WITHIN => *end = to.max(*end),
        Some(_) | None => periods.push((from, to)),
    }
}

/// How much of a period is in those.
fn common(periods: &[Period], (from, to): Period) -> Duration {
    let first = periods.partition_point(|(_, end)| *end < from);
    let meant = periods
        .iter()
        .skip(first)
        .take_while(|(begin, _)| *begin < to);
    let parts = meant.map(|(begin, end)| {
        let (begin, end) = (from.max(*begin), to.min(*end));
        end.duration_since(begin).unwrap_or_default()
    });
    parts.sum()
}

fn number(event: &Event, name: &str) -> f64 {
    let number = event.data.get(name).and_then(serde_json::Value::as_f64);
    number.unwrap_or(0.0)
}

/// A span as an event has it; nothing where it makes no sense.
fn seconds(span_s: f64) -> Duration {
    Duration::try_from_secs_f64(span_s).unwrap_or_default()
}

impl Sums {
    /// Takes one event; of usage the part that fell into that much of its time.
    fn take(&mut self, event: &Event, counts: Duration) {
        match event.code.as_str() {
            "enable" => self.enables += 1,
            "disable" => self.disables += 1,
            "enable_failed" | "probation_failed" => self.failures += 1,
            "machine_start" if number(event, "attempt") <= 1.0 => {
                *self.machine_starts.get_or_insert_default() += 1;
            }
            "machine_failed" if !is_mute(event) => {
                *self.machine_failures.get_or_insert_default() += 1;
            }
            USAGE => {
                let span_s = number(event, "span_s");
                // What began before counts for the part that is inside.
                let part = (counts.as_secs_f64() / span_s.max(0.001)).min(1.0);
                let of = |name: &str| number(event, name) * part;
                self.requests += whole(of("requests"));
                self.failed += whole(of("failed"));
                self.slow += of("slow");
                self.above_goal_seconds += of("above_goal_s");
                self.server_seconds += of("server_s");
                self.saved_server_seconds += of("all_server_s") - of("server_s");
                if event.data.contains_key("machine_s") {
                    *self.machine_seconds.get_or_insert_default() += of("machine_s");
                }
                let known_s = event
                    .data
                    .get("known_s")
                    .and_then(serde_json::Value::as_f64);
                self.watched_s += known_s.unwrap_or(span_s) * part;
            }
            _ => {}
        }
    }

    fn finished(mut self) -> Self {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        let suffered = self.slow + self.failed as f64;
        self.slow_share = (suffered / (self.requests as f64).max(1.0)).min(1.0);
        self.slow_share = (self.slow_share * 1e6).round() / 1e6;
        let has_machines = self.machine_seconds.is_some()
            || self.machine_starts.is_some()
            || self.machine_failures.is_some();
        if has_machines {
            self.machine_starts.get_or_insert_default();
            self.machine_failures.get_or_insert_default();
            let seconds = self.machine_seconds.get_or_insert_default();
            *seconds = rounded(*seconds);
        }
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

/// Nobody could tell what a machine does, which is no failure of it.
fn is_mute(event: &Event) -> bool {
    let word = |name: &str| event.data.get(name).and_then(serde_json::Value::as_str);
    word("verb") == Some("status") && word("trouble") == Some("unknown")
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
    let mut backends = summary.backends.iter().peekable();
    let mut watched_s = 0.0;
    while let Some(sums) = backends.next() {
        write_sums(sums, out)?;
        watched_s += sums.watched_s;
        if backends.peek().is_none_or(|next| next.name != sums.name) {
            write_unknown(all, watched_s, out)?;
            watched_s = 0.0;
        }
    }
    out.flush()
}

fn write_sums(sums: &Sums, out: &mut dyn Write) -> io::Result<()> {
    let (unit, unit_s) = unit_of(sums.server_seconds + sums.saved_server_seconds);
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
    write_machines(sums, out)?;
    let above = Span(seconds(sums.above_goal_seconds));
    writeln!(
        out,
        "  requests  {}, {:.2} % slow or failed, {} failed; {above} above the threshold",
        sums.requests,
        sums.slow_share * 100.0,
        sums.failed
    )
}

/// Only where there are machines.
fn write_machines(sums: &Sums, out: &mut dyn Write) -> io::Result<()> {
    let Some(machine_s) = sums.machine_seconds else {
        return Ok(());
    };
    let (unit, unit_s) = unit_of(machine_s);
    let starts = sums.machine_starts.unwrap_or_default();
    writeln!(
        out,
        "  machines  {:.1} machine-{unit} run, {starts} {}, {} failed",
        machine_s / unit_s,
        if starts == 1 { "start" } else { "starts" },
        sums.machine_failures.unwrap_or_default()
    )
}

/// What so many seconds are told in, and how many of them make one.
fn unit_of(all_s: f64) -> (&'static str, f64) {
    if all_s < HOURS_FROM_S {
        ("minutes", 60.0)
    } else {
        ("hours", 3600.0)
    }
}

/// For how much of the time nobody knows.
fn write_unknown(all: Duration, watched_s: f64, out: &mut dyn Write) -> io::Result<()> {
    let watched = seconds(watched_s);
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
