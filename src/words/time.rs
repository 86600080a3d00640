//! Instants, and spans and rates as people write them. Whose clock an instant is of is said by whoever
//! makes it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant in whole milliseconds since an arbitrary start.
///
/// Live it is monotonic time since the daemon's start; in `replay` it is the log's own local time
/// since 1970. The scaler compares and subtracts, and never asks for the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `ms` milliseconds after the start.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds after the start.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// This instant moved forward; stays at the end of time instead of wrapping. Parts of a
    /// millisecond are rounded up, so that a deadline is never early.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let ms = span.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(ms).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Milliseconds since 1970 by the wall clock, which may step.
pub fn ms_since_1970(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339 in UTC, to the second: `2026-11-27T03:10:00Z`.
pub fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(writable(at)).to_string()
}

/// RFC 3339 in UTC, to the millisecond.
pub fn rfc3339_ms(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(writable(at)).to_string()
}

/// Years that RFC 3339 cannot write do not come; `humantime` would panic at them.
fn writable(at: SystemTime) -> SystemTime {
    let last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    at.clamp(UNIX_EPOCH, last)
}

/// A duration as people write it: `840ms`, `6.2s`, `3m 10s`, `2h 48m`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

/// A rate as people write it: `0.3`, `4.8`, `48`.
#[derive(Clone, Copy, Debug)]
pub struct PerSecond(pub f64);

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let seconds = self.0.as_secs();
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        match seconds {
            0 => write!(formatter, "{ms}ms"),
            1..60 if ms % 1000 < 50 => write!(formatter, "{seconds}s"),
            1..60 => write!(formatter, "{:.1}s", self.0.as_secs_f64()),
            60..3600 if seconds.is_multiple_of(60) => write!(formatter, "{minutes}m"),
            60..3600 => write!(formatter, "{minutes}m {}s", seconds % 60),
            _ if minutes == 0 => write!(formatter, "{hours}h"),
            _ => write!(formatter, "{hours}h {minutes}m"),
        }
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.0 < 9.95);
        write!(formatter, "{:.digits$}", self.0)
    }
}
