//! Of alerts, the heartbeat and probes.

use crate::metrics::table::{Metric, rows};

pub(super) static ROWS: &[Metric] = rows! {
    Counter "notifications" ["channel", "result"]
    "Alerts by channel: success (they arrived), failure (attempts that did not), lost (given up)."
    |sight, to| for (channel, counts) in &sight.seen.counters.alerts.channels {
        to.count(&[channel, "success"], counts.sent);
        to.count(&[channel, "failure"], counts.failed);
        to.count(&[channel, "lost"], counts.lost);
    };
    Gauge "notification_queue_length" ["channel"] "Alerts that wait to be sent."
    |sight, to| for (channel, counts) in &sight.seen.counters.alerts.channels {
        to.number(&[channel], counts.waiting as f64);
    };
    Counter "heartbeats" ["result"] "Heartbeats: success (taken) or failure."
    |sight, to| {
        let (taken, failed) = sight.seen.counters.alerts.heartbeats;
        to.count(&["success"], taken);
        to.count(&["failure"], failed);
    };
    Gauge "probe_up" ["site"] "1 if a URL of a probe answers as it should; its scheme and host alone."
    |sight, to| for (site, is_up) in &sight.seen.counters.alerts.sites {
        to.flag(&[site], *is_up);
    };
};
