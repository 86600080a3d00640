//! Where the daemon's events are kept, and whether they are. How lives in `publish::events`.

use super::Daemon;
use crate::config::Config;
use crate::publish::events::{Place, UncleanEnd};
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
    /// Keeps them where that configuration wants them from now on.
    pub(super) fn keep_events_by(&self, config: &Config) {
        let (old, new) = (place(&self.config), place(config));
        let file = |place: &Option<Place>| place.as_ref().map(|it| it.file.clone());
        if old.is_some() && file(&old) != file(&new) {
            self.events.move_to(&self.hub, new);
        } else if old != new {
            self.events.keep_at(new);
        }
    }

    /// Says once that events cannot be kept, and once that they can again; adds what is due.
    pub(super) fn watch_events(&mut self) {
        self.tell_usage_if_due();
        if let Some(UncleanEnd { last_id, at }) = self.events.take_unclean_end() {
            self.tell(News::UncleanEnd { last_id, at });
        }
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
