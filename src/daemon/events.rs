//! Where the daemon's events are kept, and whether they are. How lives in `publish::events`.

use super::Daemon;
use crate::config::Config;
use crate::publish::events::Place;
use crate::publish::record::News;

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
}
