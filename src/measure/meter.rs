//! Where readings come from besides requests: what one look at HAProxy says about a backend's load.
//! Thresholds and servers do not belong here.

use std::time::Duration;

use super::settings::{Gauge, Origin, Signal, Unit};
use crate::words::picture::BackendRead;
use crate::words::time::Timestamp;

/// Arrivals are counted over at least this long: looks may follow each other within 100 ms.
const RATE_SPAN_MIN: Duration = Duration::from_secs(1);

/// Readings are whole steps of their unit: so many make one. A rate is kept in thousandths.
pub(crate) const fn steps(unit: Unit) -> f64 {
    match unit {
        Unit::Ms | Unit::Count => 1.0,
        Unit::PerSecond => 1000.0,
    }
}

/// What pictures say, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// `stot` of the BACKEND row, and when it was counted from.
    arrived: Option<(Timestamp, u64)>,
}

/// What one picture says, in steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readings {
    queue_length: u32,
    concurrency: u32,
    /// `None` until two pictures of one process lie far enough apart.
    request_rate: Option<u32>,
}

impl Meter {
    /// One more picture.
    pub(crate) fn read(&mut self, now: Timestamp, picture: &BackendRead) -> Readings {
        let waiting = picture.servers.iter().map(|server| server.queued);
        Readings {
            queue_length: waiting.fold(picture.queued, u32::saturating_add),
            concurrency: picture.sessions,
            request_rate: self.rate(now, picture.arrived),
        }
    }

    /// Another process counts from 0.
    pub(crate) const fn start_over(&mut self) {
        self.arrived = None;
    }

    fn rate(&mut self, now: Timestamp, arrived: u64) -> Option<u32> {
        let Some((since, before)) = self.arrived.filter(|(_, before)| *before <= arrived) else {
            self.arrived = Some((now, arrived)); // The first one, or cleared counters.
            return None;
        };
        let span = now.since(since);
        if span < RATE_SPAN_MIN {
            return None;
        }
        self.arrived = Some((now, arrived));
        let rate = u128::from(arrived - before) * 1_000_000 / span.as_millis().max(1);
        Some(u32::try_from(rate).unwrap_or(u32::MAX))
    }
}

impl Readings {
    /// That of one signal; `None` where a picture says nothing of it.
    pub(crate) const fn of(&self, signal: Signal) -> Option<u32> {
        match signal.origin() {
            Origin::Request(_) => None,
            Origin::Picture(Gauge::Queue) => Some(self.queue_length),
            Origin::Picture(Gauge::Sessions) => Some(self.concurrency),
            Origin::Picture(Gauge::Arrivals) => self.request_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(arrived: u64) -> BackendRead {
        BackendRead {
            arrived,
            ..BackendRead::default()
        }
    }

    #[test]
    fn a_rate_needs_a_second_and_one_process() {
        let mut meter = Meter::default();
        let mut rate = |ms, count| {
            let readings = meter.read(Timestamp::from_ms(ms), &arrived(count));
            readings.of(Signal::RequestRate)
        };
        assert_eq!(rate(0, 100), None);
        assert_eq!(rate(900, 110), None, "too soon");
        assert_eq!(
            rate(2000, 101),
            Some(500),
            "one in two seconds, in thousandths"
        );
        assert_eq!(rate(4000, 7), None, "its counters were cleared");
        assert_eq!(rate(5000, 27), Some(20_000));
        assert_eq!(rate(6000, u64::MAX), Some(u32::MAX));
    }
}
