//! What became of requests, told every few minutes: a daemon that is killed loses no more than that. What
//! is counted lives in `measure::account`, what follows from it in `history`.

use std::time::Duration;

use super::Daemon;
use crate::config::Mode;
use crate::publish::record::News;

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

    /// Tells all that was not told yet; how many records that are.
    pub(super) fn tell_usage(&mut self) -> u64 {
        let mut told = 0;
        let now = self.clock.now();
        let is_pretended = self.config.mode == Mode::Observe;
        for (backend, usage) in self.scaler.take_usage(now) {
            if usage.all_servers.is_zero() && usage.requests == 0 {
                continue; // Neither HAProxy nor a request was seen.
            }
            told += 1;
            self.tell(News::Usage {
                backend,
                usage,
                is_pretended,
            });
        }
        told
    }
}
