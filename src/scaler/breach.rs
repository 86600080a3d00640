//! One window above its threshold, as data and in words. What it leads to is not said here.

use std::fmt;
use std::time::Duration;

use super::decision::Span;
use super::settings::{Signal, Statistic};

/// One window above its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// What is measured.
    pub signal: Signal,
    /// What stands for the window.
    pub statistic: Statistic,
    /// The statistic, milliseconds.
    pub value_ms: f64,
    /// The threshold, milliseconds.
    pub above_ms: f64,
    /// Requests in the window.
    pub requests: u32,
    /// From the window's first request to its evaluation.
    pub span: Duration,
    /// Windows in a row above the threshold, this one included.
    pub streak: u32,
    /// How many are needed.
    pub needed: u32,
    /// Requests of the backend in the latest of these windows, as many as are needed, and how long
    /// they took.
    pub arrivals: (u64, Duration),
}

/// One server that is slow while the others are not.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowServer {
    /// Its name.
    pub server: String,
    /// The mean of its requests in the window, milliseconds.
    pub mean_ms: f64,
    /// The other servers of the window.
    pub others: u32,
    /// The mean of their requests, milliseconds.
    pub others_ms: f64,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_signal(formatter, self.signal)?;
        write!(
            formatter,
            "{} {:.0} ms > {} ms over {} requests in {} ",
            self.statistic.name(),
            self.value_ms,
            self.above_ms,
            self.requests,
            Span(self.span),
        )?;
        if self.streak <= self.needed {
            write!(formatter, "({} of {})", self.streak, self.needed)
        } else {
            write!(
                formatter,
                "({} in a row, {} needed)",
                self.streak, self.needed
            )
        }
    }
}

/// What is measured, where it is not the response time.
pub(super) fn write_signal(formatter: &mut fmt::Formatter<'_>, signal: Signal) -> fmt::Result {
    match signal {
        Signal::ResponseTime => Ok(()),
        Signal::ServerTime => formatter.write_str("Tr "),
        Signal::QueueTime | Signal::ConnectTime => write!(formatter, "{} ", signal.as_str()),
    }
}

impl fmt::Display for SlowServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            mean_ms,
            others,
            others_ms,
        } = self;
        let others = match others {
            1 => "the other one is".to_owned(),
            more => format!("the other {more} are"),
        };
        write!(
            formatter,
            "{server} is slow ({mean_ms:.0} ms), {others} not ({others_ms:.0} ms)"
        )
    }
}
