//! The calendar: which hours of the next days a `[[backend.NAME.schedule]]` names, as instants. Zones are those
//! of the system's tz database, so that daylight saving is right. What the hours mean is the scaler's business,
//! and no clock is asked here.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp as Instant};

use crate::words::shift::{Shift, TimeOfDay};
use crate::words::time::Timestamp;

/// Hours that are told at once, at most.
const SHIFTS_MAX: usize = 10_000;
/// Longest stretch of days that is looked at: what lies beyond is told later.
const DAYS_MAX: u64 = 400;

/// One `[[backend.NAME.schedule]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The days on which it begins, Monday first.
    pub days: [bool; 7],
    pub from: TimeOfDay,
    /// At or before `from`: on the next day.
    pub to: TimeOfDay,
    pub zone: TimeZone,
    /// Serving servers to keep in these hours.
    pub min: u32,
}

/// Whose clock the time is of that hours are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOf {
    /// Milliseconds since 1970 in UTC: the wall clock of this machine.
    World,
    /// A log that names no zone, or a simulation: its clock is taken for that of each schedule.
    Log,
}

/// Now, in both times that matter.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub clock: ClockOf,
    /// Since 1970, by that clock.
    pub ms: u64,
    /// The same instant for the scaler.
    pub at: Timestamp,
}

/// The hours of all these schedules that end after `now` and begin within `ahead`, in the order in which they
/// begin.
pub fn shifts(schedules: &[Schedule], now: Moment, ahead: Duration) -> Vec<Shift> {
    let mut all = Vec::new();
    for schedule in schedules {
        schedule.tell(now, ahead, &mut all);
    }
    all.sort_by_key(|shift: &Shift| shift.from);
    all.truncate(SHIFTS_MAX);
    all
}

impl Schedule {
    fn tell(&self, now: Moment, ahead: Duration, all: &mut Vec<Shift>) {
        let zone = match now.clock {
            ClockOf::World => self.zone.clone(),
            ClockOf::Log => TimeZone::UTC,
        };
        let ahead_ms = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        let end_ms = now.ms.saturating_add(ahead_ms);
        // One that began yesterday may still last.
        let Some(mut day) = date_of(now.ms, &zone).and_then(|day| day.yesterday().ok()) else {
            return;
        };
        for _ in 0..DAYS_MAX {
            let Some((from_ms, to_ms)) = self.hours_of(day, &zone) else {
                return;
            };
            if from_ms >= end_ms || all.len() >= SHIFTS_MAX {
                return;
            }
            if self.is_on(day.weekday()) && from_ms < to_ms && to_ms > now.ms {
                all.push(Shift {
                    from: now.instant(from_ms),
                    to: now.instant(to_ms),
                    min: self.min,
                    until: self.to,
                });
            }
            let Ok(next) = day.tomorrow() else {
                return;
            };
            day = next;
        }
    }

    fn is_on(&self, weekday: Weekday) -> bool {
        let index = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
        self.days.get(index).copied().unwrap_or(false)
    }

    /// When it begins and ends that begins on that day. A time that a clock leaves out in spring is the end of
    /// what it leaves out; of one that it shows twice in autumn the first counts.
    fn hours_of(&self, day: Date, zone: &TimeZone) -> Option<(u64, u64)> {
        let from = instant(day, self.from, zone)?;
        let last = if self.to <= self.from {
            day.tomorrow().ok()?
        } else {
            day
        };
        Some((from, instant(last, self.to, zone)?))
    }
}

impl Moment {
    /// An instant of that clock for the scaler; what lies before its time is its beginning.
    const fn instant(self, ms: u64) -> Timestamp {
        let at = self.at.as_ms().saturating_add(ms).saturating_sub(self.ms);
        Timestamp::from_ms(at)
    }
}

fn date_of(ms: u64, zone: &TimeZone) -> Option<Date> {
    let instant = Instant::from_millisecond(i64::try_from(ms).ok()?).ok()?;
    Some(zone.to_datetime(instant).date())
}

fn instant(day: Date, time: TimeOfDay, zone: &TimeZone) -> Option<u64> {
    let hour = i8::try_from(time.hour).ok()?;
    let minute = i8::try_from(time.minute).ok()?;
    let (day, time) = match Time::new(hour, minute, 0, 0) {
        Ok(time) => (day, time),
        Err(_) => (day.checked_add(Span::new().days(1)).ok()?, Time::midnight()),
    };
    let instant = zone.to_ambiguous_timestamp(day.to_datetime(time));
    let is_skipped = matches!(instant.offset(), AmbiguousOffset::Gap { .. });
    let mut at = instant.compatible().ok()?;
    if is_skipped && let Some(change) = zone.preceding(at).next() {
        at = change.timestamp(); // That hour has no such time: its end is the next one.
    }
    u64::try_from(at.as_millisecond()).ok()
}

/// The zone of that name in the system's tz database.
///
/// # Errors
/// What is wrong with it, in the library's words.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|error| error.to_string())
}

/// There is a tz database on this machine.
pub fn has_zones() -> bool {
    jiff::tz::db().available().next().is_some()
}

/// Names of zones, for one that was mistyped.
pub fn zone_names() -> Vec<String> {
    jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .collect()
}
