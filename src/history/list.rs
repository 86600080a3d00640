//! `events`: one line for each event, as text or as JSON.

use std::io::{self, Write};
use std::time::SystemTime;

use jiff::tz::TimeZone;

use crate::publish::event::Event;
use crate::words::level::Level;
use crate::words::moment::clock;

use super::source::Source;

/// Which events are shown, and how.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub since: Option<SystemTime>,
    pub backend: Option<String>,
    /// Reasons for doing nothing, too.
    pub all: bool,
    pub json: bool,
}

impl Listed {
    fn shows(&self, event: &Event) -> bool {
        let is_new = match (self.since, event.moment()) {
            (Some(since), Some(at)) => at >= since,
            (None, _) | (Some(_), None) => true,
        };
        let is_of_backend = self.backend.is_none() || self.backend == event.backend;
        is_new && is_of_backend && (self.all || !event.is_minor())
    }
}

/// Writes those that are new in `source`.
///
/// # Errors
/// It cannot be read, or `out` not be written.
pub fn list(source: &mut Source, listed: &Listed, out: &mut dyn Write) -> io::Result<()> {
    let zone = TimeZone::system();
    source.read(listed.since, |event| {
        if !listed.shows(&event) {
            return Ok(());
        }
        if listed.json {
            writeln!(out, "{}", event.json())
        } else {
            writeln!(out, "{}", line(&event, &zone))
        }
    })?;
    out.flush()
}

/// `2026-11-27 03:10:04  enable web/web2: …`, by the clock on the wall.
pub(super) fn line(event: &Event, zone: &TimeZone) -> String {
    let at = event.moment().map(|at| {
        let at = clock(at, zone);
        format!(
            "{} {:02}:{:02}:{:02}",
            at.date(),
            at.hour(),
            at.minute(),
            at.second()
        )
    });
    let at = at.unwrap_or_else(|| event.at.clone());
    let level = if event.level == Level::Info.as_str() {
        String::new()
    } else {
        format!("{}: ", event.level.to_uppercase())
    };
    format!("{at}  {level}{}", event.text)
}
