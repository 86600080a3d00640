//! Hours in which a backend keeps more servers than otherwise, as instants. Days, zones and daylight saving
//! are reckoned before, in `schedule`.

use std::fmt;

use super::time::Timestamp;

/// A time of day as a clock on the wall shows it; 24:00 is the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    /// 0 to 24.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// One stretch of such hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    pub from: Timestamp,
    /// The first instant that does not belong to it.
    pub to: Timestamp,
    /// Serving servers to keep meanwhile.
    pub min: u32,
    /// Its end as the clock shows it, for people.
    pub until: TimeOfDay,
}
