//! `events`: one line for each event, as text or as JSON.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::SystemTime;

use jiff::tz::TimeZone;

use crate::publish::event::Event;
use crate::words::level::Level;
use crate::words::moment::clock;

use super::source::Source;

/// Before what is pretended.
const OBSERVING: &str = "[observe] ";

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
        self.would_show(event) && (self.all || !event.is_minor())
    }

    /// With `all`.
    fn would_show(&self, event: &Event) -> bool {
        let is_new = match (self.since, event.moment()) {
            (Some(since), Some(at)) => at >= since,
            (None, _) | (Some(_), None) => true,
        };
        let is_of_backend = self.backend.is_none() || self.backend == event.backend;
        is_new && is_of_backend
    }
}

/// What was come across.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Events that were written.
    pub shown: usize,
    /// Events that `all` would have shown as well.
    pub minor: usize,
    /// Backends that the events know: a refused order may name anything.
    pub backends: BTreeSet<String>,
}

/// The backend that an event is about, if it tells that there is one: a server of it was changed, or its
/// requests were counted.
pub(super) fn known_backend(event: &Event) -> Option<&String> {
    let is_told = event.code == "usage" || event.server.is_some() && event.code != "order";
    event.backend.as_ref().filter(|_| is_told)
}

/// Writes those that are new in `source`.
///
/// # Errors
/// It cannot be read, or `out` not be written.
pub fn list(source: &mut Source, listed: &Listed, out: &mut dyn Write) -> io::Result<Found> {
    let zone = TimeZone::system();
    let mut found = Found::default();
    source.read(listed.since, |event| {
        if let Some(backend) = known_backend(&event)
            && !found.backends.contains(backend)
        {
            found.backends.insert(backend.clone());
        }
        if !listed.shows(&event) {
            found.minor += usize::from(listed.would_show(&event));
            return Ok(());
        }
        found.shown += 1;
        if listed.json {
            writeln!(out, "{}", event.json())
        } else {
            writeln!(out, "{}", line(&event, &zone))
        }
    })?;
    out.flush()?;
    Ok(found)
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
    let is_pretended = event.data.contains_key("pretended");
    let observing = if is_pretended && !event.text.starts_with(OBSERVING) {
        OBSERVING
    } else {
        ""
    };
    format!("{at}  {level}{observing}{}", event.text)
}
