//! How long a server takes for a request that need not share it: S₀, the lowest window mean of Tr in
//! the last hour. How much of it there is under load does not belong here.

use std::time::Duration;

use crate::words::time::Timestamp;

/// Requests of a window: the mean of so many varies by a tenth where service times are exponential, and
/// the lowest of many such means is not much too low.
const REQUESTS: u64 = 100;
/// A window lasts so long at least.
const LASTS: Duration = Duration::from_secs(5);
/// So few tell something while there is no whole window.
const REQUESTS_MIN: u64 = 20;
/// Minutes that are looked back on.
const MINUTES: usize = 60;
/// HAProxy counts whole milliseconds: below this nothing is known.
const SERVICE_MS_MIN: f64 = 1.0;

/// The window that fills.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    opened: Timestamp,
    requests: u64,
    sum_ms: u64,
}

impl Window {
    fn mean_ms(&self) -> f64 {
        self.sum_ms as f64 / self.requests.max(1) as f64
    }
}

/// The lowest window mean of each minute of the last hour.
#[derive(Debug)]
pub struct ServiceTime {
    window: Window,
    /// By the number of the minute, with that number.
    minutes: [Option<(u64, f64)>; MINUTES],
    /// What was known before the first window, milliseconds.
    known_ms: Option<f64>,
}

impl ServiceTime {
    /// Nothing seen so far; `known_ms` is what an earlier daemon or yesterday's log says.
    pub const fn new(known_ms: Option<f64>) -> Self {
        Self {
            window: Window {
                opened: Timestamp::from_ms(0),
                requests: 0,
                sum_ms: 0,
            },
            minutes: [None; MINUTES],
            known_ms,
        }
    }

    /// Takes Tr of one request that was answered.
    pub fn push(&mut self, now: Timestamp, response_ms: u32) {
        if self.window.requests == 0 {
            self.window.opened = now;
        }
        self.window.requests += 1;
        self.window.sum_ms = self.window.sum_ms.saturating_add(u64::from(response_ms));
        if self.window.requests < REQUESTS || now.since(self.window.opened) < LASTS {
            return;
        }
        let mean_ms = std::mem::take(&mut self.window).mean_ms();
        let minute = now.as_ms() / 60_000;
        let at = usize::try_from(minute % MINUTES as u64).unwrap_or(0);
        if let Some(slot) = self.minutes.get_mut(at) {
            let same = slot.filter(|(number, _)| *number == minute);
            let lowest = same.map_or(mean_ms, |(_, lowest)| lowest.min(mean_ms));
            *slot = Some((minute, lowest));
            self.known_ms = Some(lowest);
        }
    }

    /// The log is not trusted any more: what it said last is not, either.
    pub fn doubt(&mut self, now: Timestamp) {
        self.window = Window::default();
        let minute = now.as_ms() / 60_000;
        for slot in &mut self.minutes {
            slot.take_if(|(number, _)| minute.saturating_sub(*number) <= 1);
        }
        let recent = self
            .minutes
            .iter()
            .flatten()
            .max_by_key(|(number, _)| *number);
        self.known_ms = recent.map(|(_, lowest)| *lowest);
    }

    /// S₀, milliseconds. Of an hour without a whole window: what was known last.
    pub fn lowest_ms(&self, now: Timestamp) -> Option<f64> {
        let minute = now.as_ms() / 60_000;
        let recent = self.minutes.iter().flatten();
        let recent = recent.filter(|(number, _)| minute.saturating_sub(*number) < MINUTES as u64);
        let lowest = recent.map(|(_, mean_ms)| *mean_ms).reduce(f64::min);
        let first = (self.window.requests >= REQUESTS_MIN).then(|| self.window.mean_ms());
        let lowest_ms = lowest.or(self.known_ms).or(first)?;
        Some(lowest_ms.max(SERVICE_MS_MIN))
    }
}
