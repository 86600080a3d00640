//! What the loop hands to the alerts: a look at itself, once a second while somebody wants it. Whom it
//! reaches lives in `crate::alerts`.

use tokio::time::Instant;

use super::Daemon;
use crate::alerts::Glance;
use crate::log::source::Source;
use crate::status::Report;
use crate::words::time::Timestamp;

impl Daemon {
    /// When the alerts want the next look.
    pub(super) fn glance_due(&self) -> Option<Timestamp> {
        self.alerts.is_on().then(|| self.problems.due())
    }

    /// Looks, if it is time.
    pub(super) fn look_for_alerts(&mut self, source: &Source) {
        if self.alerts.is_on() && self.problems.is_due(self.clock.now()) {
            self.report(source); // Which hands it over.
        }
    }

    /// Hands over what that report shows.
    pub(super) fn hand_over(&self, report: &Report) {
        // Before it has asked HAProxy it knows of nothing.
        if !self.alerts.is_on() || !self.has_looked {
            return;
        }
        let pauses = report.backends.iter().map(|it| it.standings.pause);
        let pauses: Option<Vec<_>> = pauses.collect();
        let pause = pauses.and_then(|all| all.first().map(|pause| format!("paused{pause}")));
        self.alerts.publish(Glance {
            at: Instant::now(),
            problems: report.problems.clone(),
            pause,
            ailments: report.ailments(&self.config.haproxy.socket.to_string()),
        });
    }
}
