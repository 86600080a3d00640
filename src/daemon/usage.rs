//! What became of requests, told every few minutes: a daemon that is killed loses no more than that. What
//! is counted lives in `measure::account`, what follows from it in `history`.

use std::time::Duration;

use super::Daemon;
use crate::config::Mode;
use crate::measure::account::Usage;
use crate::publish::event::Event;
use crate::publish::record::{News, Record};

/// It is told so often …
const TELL_EVERY: Duration = Duration::from_secs(5 * 60);
/// … for so many backends; with more of them more seldom, so that the history reaches as far back …
const BACKENDS: usize = 20;
/// … and at least this often.
const TELL_EVERY_MAX: Duration = Duration::from_secs(60 * 60);

impl Daemon {
    /// Tells it when it is time.
    pub(super) fn tell_usage_if_due(&mut self) {
        let now = self.clock.now();
        if now >= self.usage_due {
            // The first time nothing was counted yet.
            if self.usage_due.as_ms() > 0 {
                self.tell_usage();
            }
            let times = self.config.backends.len().div_ceil(BACKENDS).max(1);
            let times = u32::try_from(times).unwrap_or(u32::MAX);
            let every = TELL_EVERY.saturating_mul(times).min(TELL_EVERY_MAX);
            self.usage_due = now.after(every);
        }
    }

    /// Tells all that was not told yet.
    pub(super) fn tell_usage(&mut self) {
        let usage = self.scaler.take_usage(self.clock.now());
        for news in self.news_of(usage) {
            self.tell(news);
        }
    }

    /// What was not told yet, and is still to be told: events without a number.
    pub(super) fn untold_usage(&self) -> Vec<Event> {
        let usage = self.scaler.usage(self.clock.now());
        let records = self.news_of(usage).map(Record::now);
        records.map(|record| Event::of(0, &record)).collect()
    }

    fn news_of(&self, usage: Vec<(String, Usage)>) -> impl Iterator<Item = News> + use<> {
        let is_pretended = self.config.mode == Mode::Observe;
        // Of the others neither HAProxy nor a request was seen.
        let seen =
            |(_, usage): &(String, Usage)| !usage.all_servers.is_zero() || usage.requests > 0;
        let seen = usage.into_iter().filter(seen);
        seen.map(move |(backend, usage)| News::Usage {
            backend,
            usage,
            is_pretended,
        })
    }
}
