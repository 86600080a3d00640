//! A moment as people type it: `1h` ago, `03:10` of today, a date, or RFC 3339. What `--since` and
//! `--until` take, everywhere.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use super::duration;
use super::time::ms_since_1970;

/// What is accepted, for whoever wrote something else.
const ACCEPTED: &str = "write 10m or 2h for so long ago, 03:10 for a time of today, 2026-11-21 or \
                        2026-11-21T23:00 for a local time, or RFC 3339 with a zone";

/// A moment, as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long before now.
    Ago(Duration),
    /// Of today; of yesterday, if that is still to come today.
    Today(Time),
    /// By the clock on the wall.
    Local(DateTime),
    /// With its zone.
    Zoned(Timestamp),
}

impl Moment {
    /// Reads one.
    ///
    /// # Errors
    /// Anything else, in words that say what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let read = || {
            if let Some(local) = local(text) {
                return Some(Self::Local(local));
            }
            if let Some(time) = time(text) {
                return Some(Self::Today(time));
            }
            if let Ok(at) = text.parse::<Timestamp>() {
                return Some(Self::Zoned(at));
            }
            let ago = duration::parse(text).ok()?;
            (!duration::says_months(text)).then_some(Self::Ago(ago))
        };
        read().ok_or_else(|| ACCEPTED.to_owned())
    }

    /// When that is, for a machine whose clock and zone are those.
    pub fn wall(self, now: SystemTime, zone: &TimeZone) -> SystemTime {
        let at = match self {
            Self::Ago(ago) => return now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH),
            Self::Zoned(at) => Some(at),
            Self::Local(at) => instant(at, zone),
            Self::Today(time) => {
                let today = clock(now, zone).date();
                let yesterday = today.yesterday().unwrap_or(today);
                let mut days = [today, yesterday].into_iter();
                days.find_map(|day| {
                    instant(day.to_datetime(time), zone).filter(|at| wall(*at) <= now)
                })
            }
        };
        at.map_or(now, wall)
    }

    /// When that is by the clock of a log of such a machine, which names no zone: milliseconds since
    /// 1970 of the same local time.
    pub fn log_ms(self, now: SystemTime, zone: &TimeZone) -> u64 {
        let at = match self {
            Self::Local(at) => at,
            Self::Ago(_) | Self::Today(_) | Self::Zoned(_) => clock(self.wall(now, zone), zone),
        };
        instant(at, &TimeZone::UTC).map_or(0, |at| ms_since_1970(wall(at)))
    }
}

/// What the clock on the wall shows then.
pub fn clock(at: SystemTime, zone: &TimeZone) -> DateTime {
    zone.to_datetime(Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// When a clock on the wall shows that: the earlier moment, where it shows it twice.
fn instant(at: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(at).earlier().ok()
}

fn wall(at: Timestamp) -> SystemTime {
    SystemTime::try_from(at).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// `2026-11-21`, `2026-11-21T23:00`, with seconds, with milliseconds; a blank may stand for the T.
fn local(text: &str) -> Option<DateTime> {
    if !matches!(text.len(), 10 | 16 | 19 | 21..=23) || !text.get(4..5)?.eq("-") {
        return None;
    }
    text.parse().ok()
}

/// `03:10`, `03:10:05`.
fn time(text: &str) -> Option<Time> {
    let is_time = matches!(text.len(), 5 | 8) && text.get(2..3) == Some(":");
    text.parse().ok().filter(|_| is_time)
}
