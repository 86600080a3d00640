//! `--since` and `--until`: the one place where they meet this machine's clock and zone.

use std::time::SystemTime;

use jiff::tz::TimeZone;

use crate::words::moment::Moment;

/// By the wall clock, for events.
pub(super) fn wall(text: &str) -> Result<SystemTime, String> {
    let moment = Moment::parse(text)?;
    Ok(moment.wall(SystemTime::now(), &TimeZone::system()))
}

/// By the clock of a log of this machine.
pub(super) fn in_log(text: &str) -> Result<u64, String> {
    let moment = Moment::parse(text)?;
    Ok(moment.log_ms(SystemTime::now(), &TimeZone::system()))
}
