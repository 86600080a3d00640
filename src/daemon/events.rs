//! Where the daemon's events are kept, and whether they are. How lives in `publish::events`.

use std::sync::Arc;

use serde_json::Value;

use super::Daemon;
use crate::config::Config;
use crate::publish::events::{Entry, Place};
use crate::publish::record::{MINOR, News};

/// Events that `explain` shows of a backend.
const LAST_MAX: usize = 10;

/// Where that configuration has them kept.
pub(super) fn place(config: &Config) -> Option<Place> {
    Some(Place {
        file: config.events_file()?,
        keep: config.events.keep.0,
        is_own_folder: config.events.file.is_none(),
    })
}

impl Daemon {
    /// Says once that events cannot be kept, and once that they can again; adds what is due.
    pub(super) fn watch_events(&mut self) {
        self.tell_usage_if_due();
        let problem = self.events.problem();
        if problem.is_some() == self.events_problem.is_some() {
            return;
        }
        self.tell(match &problem {
            Some(text) => News::EventsNotKept(text.clone()),
            None => News::EventsKept,
        });
        self.events_problem = problem;
    }

    /// The last events of that backend, oldest first, but for those that are for `events --all` alone.
    pub(super) fn last_events(&self, backend: &str) -> Vec<Value> {
        let all = self.events.after(0);
        let is_shown = |entry: &&Arc<Entry>| {
            let event = &entry.event;
            event.backend.as_deref() == Some(backend) && !MINOR.contains(&event.code.as_str())
        };
        let newest = all.iter().rev().filter(is_shown).take(LAST_MAX);
        let mut last: Vec<Value> = newest
            .filter_map(|entry| serde_json::to_value(&entry.event).ok())
            .collect();
        last.reverse();
        last
    }
}
