//! `stats`: requests, status classes and percentiles of every timer, per backend and server.
//!
//! Counts what the parser reads. What counts as a sample for scaling is decided in the scaler and
//! is another question.

mod histogram;
mod json;
mod servers;
mod text;

use std::io::{self, Write};

use crate::log::advice::Tally;
use crate::log::line::{Brief, Logged, Parser, Reject};
use crate::log::recorded::{self, InputError, Line, LogSet, Period, Reading};
use crate::words::request::Request;

use self::servers::Servers;

pub use self::histogram::{Histogram, Summary};
pub use self::servers::{OVERFLOW_NAME, SERVERS_MAX};

/// The numbers of one or more logs.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    tally: Tally,
    servers: Servers,
}

/// The numbers of one server.
#[derive(Clone, Debug, Default)]
pub struct ServerStats {
    /// Every HTTP line.
    pub requests: u64,
    /// By the status sent to the client.
    pub status: StatusClasses,
    /// Tw + Tc + Tr in ms, of lines that have all three and a status below 500.
    pub response_time: Histogram,
    /// Tw in ms.
    pub queue_time: Histogram,
    /// Tc in ms.
    pub connect_time: Histogram,
    /// Tr in ms.
    pub server_time: Histogram,
}

/// Requests by status class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusClasses {
    /// 1xx to 5xx.
    pub classes: [u64; 5],
    /// Any other status, and none.
    pub other: u64,
}

/// Reads the lines of logs that belong to the period. Errors name the log.
pub fn stats_of_logs(
    sources: &[String],
    parser: &Parser,
    reading: &Reading,
) -> Result<Stats, InputError> {
    let mut logs = LogSet::new(sources);
    logs.check()?;
    logs.watch(&reading.progress, 1);
    let logs = logs.read(reading.max_line_bytes);
    let start = || (Stats::default(), parser.clone(), false);
    let is_part = reading.period != Period::default();
    let made = recorded::on_threads(logs, start, |(stats, parser, is_undated), block, number| {
        let moments = block.lines().map(|line| moment(&parse_line(parser, line)));
        let mut sieve = reading.period.sieve(moments);
        for line in block.lines() {
            let parsed = parse_line(parser, line);
            let moment = moment(&parsed);
            *is_undated |= is_part && parsed.is_ok() && moment.is_none();
            if sieve.takes(moment) {
                stats.add_line(parsed.as_ref().map_err(|reason| *reason));
                if let Err(reason) = parsed {
                    stats.tally.sample(parser, number, reason, text_of(line));
                }
            }
        }
    })?;
    let mut all = Stats::default();
    for (stats, _, is_undated) in &made {
        if *is_undated {
            return Err(InputError::NoDate);
        }
        all.merge(stats);
    }
    Ok(all)
}

fn parse_line<'a>(parser: &Parser, line: Line<'a>) -> Result<Brief<'a>, Reject> {
    match line {
        Line::Whole(text) => parser.parse_brief(text, false),
        Line::TooLong(_) => Err(Reject::TooLong),
    }
}

const fn text_of(line: Line<'_>) -> &[u8] {
    match line {
        Line::Whole(text) | Line::TooLong(text) => text,
    }
}

fn moment(parsed: &Result<Brief<'_>, Reject>) -> Option<u64> {
    parsed.as_ref().ok()?.ended_ms
}

impl Stats {
    pub fn add_line(&mut self, line: Result<&Brief<'_>, Reject>) {
        self.tally.count(line.map(|_| ()));
        if let Ok(brief) = line
            && let Some(server) = self.servers.of(brief.backend, brief.server)
        {
            if brief.logged == Logged::ALL {
                server.add(&brief.request);
            } else {
                server.add(&as_logged(brief));
            }
        }
    }

    /// The lines, by what became of them.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Backend, server and its numbers, sorted by backend and server.
    pub fn servers(&self) -> impl Iterator<Item = (&str, &str, &ServerStats)> {
        self.servers.sorted()
    }

    /// Adds the numbers of other lines.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally, 0);
        for (backend, server, stats) in other.servers() {
            if let Some(sum) = self.servers.of(backend.as_bytes(), server.as_bytes()) {
                sum.merge(stats);
            }
        }
    }

    /// One JSON object, on one line.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write(self, out)
    }

    /// Tables for people.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }
}

impl ServerStats {
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.status.merge(&other.status);
        self.response_time.merge(&other.response_time);
        self.queue_time.merge(&other.queue_time);
        self.connect_time.merge(&other.connect_time);
        self.server_time.merge(&other.server_time);
    }

    fn add(&mut self, request: &Request<'_>) {
        self.requests += 1;
        self.status.add(request.status);
        let timers = [
            (&mut self.queue_time, request.queue_ms),
            (&mut self.connect_time, request.connect_ms),
            (&mut self.server_time, request.response_ms),
            (&mut self.response_time, response_time_ms(request)),
        ];
        for (histogram, ms) in timers {
            if let Some(ms) = ms {
                histogram.add(ms);
            }
        }
    }
}

impl StatusClasses {
    fn merge(&mut self, other: &Self) {
        for (count, more) in self.classes.iter_mut().zip(other.classes) {
            *count += more;
        }
        self.other += other.other;
    }

    fn add(&mut self, status: Option<u16>) {
        let class = status.map_or(0, |status| usize::from(status / 100));
        match class.checked_sub(1).and_then(|at| self.classes.get_mut(at)) {
            Some(count) => *count += 1,
            None => self.other += 1,
        }
    }
}

/// The request with its times as they were written, where some were not: nothing that the format does not say counts.
fn as_logged(brief: &Brief<'_>) -> Request<'static> {
    let (request, logged) = (brief.request, brief.logged);
    Request {
        queue_ms: request.queue_ms.filter(|_| logged.queue),
        connect_ms: request.connect_ms.filter(|_| logged.connect),
        response_ms: request.response_ms.filter(|_| logged.response),
        ..request
    }
}

/// What the client waited for because of the backend; errors answer fast and would make a broken
/// server look good.
fn response_time_ms(request: &Request<'_>) -> Option<u32> {
    if request.status.is_some_and(|status| status >= 500) {
        return None;
    }
    let queue_and_connect = request.queue_ms?.saturating_add(request.connect_ms?);
    Some(queue_and_connect.saturating_add(request.response_ms?))
}
