//! Windows above their threshold, one by one and as episodes, as data. What they lead to
//! is not said here.

use std::time::Duration;

use super::settings::{Signal, Statistic};
use crate::words::time::Timestamp;

/// While it lasts it is told so often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// One window above its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// What is measured.
    pub signal: Signal,
    /// What stands for the window.
    pub statistic: Statistic,
    /// The statistic, in the signal's unit.
    pub value: f64,
    /// The threshold, in the signal's unit.
    pub above: f64,
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
    /// The slow server's name.
    pub server: String,
    /// The mean of its requests in the window, milliseconds.
    pub mean_ms: f64,
    /// The other servers of the window.
    pub others: u32,
    /// The mean of their requests, milliseconds.
    pub others_ms: f64,
}

/// What one window above its threshold is to people who do not want to hear of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// An episode begins with it.
    Begins,
    /// An episode goes on, of which was told not long ago.
    Nothing,
    /// An episode has lasted for another minute.
    Lasts(Episode),
}

/// Windows above their threshold that follow each other sooner or later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// What is measured. Of several policies it is the one whose window began the episode.
    pub signal: Signal,
    /// What stands for a window.
    pub statistic: Statistic,
    /// The threshold, in the signal's unit.
    pub above: f64,
    /// From the first request of the first window to the end of the last one.
    pub lasted: Duration,
    /// Windows above the threshold.
    pub windows: u32,
    /// Their statistic on the average, in the signal's unit.
    pub mean: f64,
    /// The worst of them.
    pub worst: f64,
    /// None was above its threshold for a while.
    pub is_over: bool,
}

/// The episode that goes on.
#[derive(Debug, Default)]
pub(crate) struct Episodes {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    began: Timestamp,
    newest: Timestamp,
    told: Timestamp,
    first: Breach,
    windows: u32,
    sum: f64,
    worst: f64,
}

impl Open {
    fn episode(&self, is_over: bool) -> Episode {
        Episode {
            signal: self.first.signal,
            statistic: self.first.statistic,
            above: self.first.above,
            lasted: self.newest.since(self.began),
            windows: self.windows,
            mean: self.sum / f64::from(self.windows.max(1)),
            worst: self.worst,
            is_over,
        }
    }
}

impl Episode {
    /// It is over when no window was above its threshold for so long.
    pub const OVER_AFTER: Duration = Duration::from_secs(30);
}

impl Episodes {
    /// One more window is above its threshold.
    pub(crate) fn take(&mut self, now: Timestamp, breach: &Breach) -> News {
        let Some(open) = &mut self.open else {
            let span = u64::try_from(breach.span.as_millis()).unwrap_or(u64::MAX);
            self.open = Some(Open {
                began: Timestamp::from_ms(now.as_ms().saturating_sub(span)),
                newest: now,
                told: now,
                first: *breach,
                windows: 1,
                sum: breach.value,
                worst: breach.value,
            });
            return News::Begins;
        };
        open.newest = now;
        let is_same =
            (open.first.signal, open.first.statistic) == (breach.signal, breach.statistic);
        if is_same {
            open.windows = open.windows.saturating_add(1);
            open.sum += breach.value;
            open.worst = open.worst.max(breach.value);
        }
        if now.since(open.told) < TOLD_EVERY {
            return News::Nothing;
        }
        open.told = now;
        News::Lasts(open.episode(false))
    }

    /// The episode, if it is over by now; it is given once.
    pub(crate) fn take_over(&mut self, now: Timestamp) -> Option<Episode> {
        let open = self
            .open
            .take_if(|open| now.since(open.newest) >= Episode::OVER_AFTER)?;
        Some(open.episode(true))
    }
}
