//! Of the daemon itself, its log, its HAProxy, and its HTTP server.

use std::time::SystemTime;

use crate::config::Mode;
use crate::log::line::Reject;
use crate::metrics::table::{Metric, Samples, Sight, rows};
use crate::scaler::BackendView;
use crate::scaler::decision::Change;
use crate::status::{DaemonProblem, LogCondition};

/// Of the source: whoever builds says it in `HAPROXY_AUTOSCALE_REVISION`.
const REVISION: &str = match option_env!("HAPROXY_AUTOSCALE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

pub(super) static ROWS: &[Metric] = rows! {
    Gauge "build_info" ["version", "revision"]
    "1, with the version of this program, and the revision that it was built from, as its builder said."
    |_, to| to.flag(&[env!("CARGO_PKG_VERSION"), REVISION], true);
    Gauge "mode" ["mode"] "1 for the mode that holds: act or observe."
    |sight, to| for mode in Mode::ALL {
        to.flag(&[mode.as_str()], sight.seen.report.mode == mode);
    };
    Gauge "config_last_reload_successful" [] "1 if the configuration that was read last is used."
    |sight, to| to.flag(&[], sight.seen.counters.config.is_good);
    Gauge "config_last_reload_success_timestamp_seconds" []
    "When a configuration was read last that is used."
    |sight, to| to.number(&[], since_1970(sight.seen.counters.config.taken_at));

    Gauge "haproxy_up" ["socket"] "1 if HAProxy answered on its admin socket when it was asked last."
    |sight, to| {
        let is_up = sight.seen.report.backends.iter().any(BackendView::is_answered);
        to.flag(&[&sight.seen.socket], is_up);
    };
    Gauge "haproxy_info" ["version"] "1, with HAProxy's version, once it has answered."
    |sight, to| if let Some(version) = &sight.seen.report.version {
        to.flag(&[version], true);
    };
    Counter "haproxy_reloads" [] "Reloads and restarts of HAProxy that were noticed."
    |sight, to| to.count(&[], whole(sight, Change::Reload));
    Histogram "haproxy_read_duration_seconds" []
    "How long HAProxy took to answer one read of its servers and counters."
    |sight, to| to.histogram(&[], &sight.seen.counters.reads);
    Counter "haproxy_read_failures" [] "Reads of HAProxy that it did not answer."
    |sight, to| to.count(&[], sight.seen.counters.read_failures);

    Counter "log_lines" ["source", "result"]
    "Lines of the log: parsed (a request of a backend that is looked after), other_backend, message \
     (of HAProxy about itself), rejected."
    log_lines;
    Counter "log_rejected_lines" ["source", "reason"] "Lines of the log that are no request, by reason."
    |sight, to| for (reason, count) in Reject::ALL.iter().zip(sight.seen.counters.rejected) {
        to.count(&[&sight.seen.report.source, reason.as_str()], count);
    };
    Counter "log_read_bytes" ["source"] "Bytes of the log that were read."
    |sight, to| to.count(&[&sight.seen.report.source], sight.seen.log.bytes);
    Counter "log_rotations" ["source", "kind"] "Rotations of the log: rename or truncate."
    |sight, to| {
        let source = &sight.seen.report.source;
        to.count(&[source, "rename"], sight.seen.log.rotations);
        to.count(&[source, "truncate"], sight.seen.log.truncations);
    };
    Counter "log_dropped_lines" ["source", "reason"]
    "Lines that were written and never read: lost (the kernel had no room), partial (half a line), \
     too_long."
    |sight, to| {
        let (source, log) = (&sight.seen.report.source, &sight.seen.log);
        to.count(&[source, "lost"], log.lost);
        to.count(&[source, "partial"], log.dropped_partial);
        to.count(&[source, "too_long"], log.too_long);
    };
    Counter "log_skipped_bytes" ["source"] "Bytes that were passed over because too much was unread."
    |sight, to| to.count(&[&sight.seen.report.source], sight.seen.log.skipped_bytes);
    Counter "log_refused" ["source"] "Senders and datagrams that were turned away."
    |sight, to| to.count(&[&sight.seen.report.source], sight.seen.log.refused);
    Gauge "log_state" ["source", "state"]
    "1 for how the log is: read, missing, unreadable, ended, silent."
    |sight, to| for state in LogCondition::ALL {
        let report = &sight.seen.report;
        to.flag(&[&report.source, state.as_str()], report.log == state);
    };
    Gauge "log_last_line_timestamp_seconds" ["source"] "When a line was read last; absent before."
    |sight, to| {
        let at = sight.seen.counters.last_line_at;
        to.known(&[&sight.seen.report.source], at.map(since_1970));
    };
    Gauge "log_lag_seconds" ["source"] "How long the oldest unread data of the log has been waiting."
    |sight, to| {
        let report = &sight.seen.report;
        to.number(&[&report.source], report.lag.as_secs_f64());
    };

    Gauge "problems" [] "Problems of now, as `status` counts them."
    |sight, to| to.number(&[], sight.seen.report.problems.len() as f64);
    Gauge "daemon_problem" ["code"] "1 for each problem of the daemon itself."
    |sight, to| for problem in DaemonProblem::ALL {
        let code = problem.as_str();
        let mut told = sight.seen.report.problems.iter();
        to.flag(&[code], told.any(|it| it.backend.is_none() && it.code == code));
    };
    Histogram "event_loop_turn_seconds" []
    "How long the daemon's loop took for what woke it: a line, an answer of HAProxy, a deadline."
    |sight, to| to.histogram(&[], &sight.seen.counters.turns);
    Gauge "event_loop_lag_seconds" [] "How late the daemon's loop was at its last deadline."
    |sight, to| to.number(&[], sight.seen.counters.late.as_secs_f64());

    Gauge "http_connections" [] "Connections to this HTTP server."
    |sight, to| to.number(&[], sight.served.connections as f64);
    Gauge "http_event_streams" [] "Of them those that are sent events."
    |sight, to| to.number(&[], sight.served.streams as f64);
    Counter "http_requests" ["code"] "Answers of this HTTP server by class of status."
    |sight, to| for (class, count) in (1_u8..).zip(sight.served.answers) {
        to.count(&[&format!("{class}xx")], count);
    };
    Counter "http_connections_turned_away" [] "Connections beyond the limit."
    |sight, to| to.count(&[], sight.served.turned_away);
};

fn log_lines(sight: &Sight<'_>, to: &mut Samples<'_>) {
    let (report, counters) = (&sight.seen.report, &sight.seen.counters);
    let rejects = Reject::ALL.iter().zip(counters.rejected);
    let messages: u64 = rejects
        .filter(|(it, _)| it.is_message())
        .map(|(_, count)| count)
        .sum();
    let all_rejected: u64 = counters.rejected.iter().sum();
    for (result, count) in [
        ("parsed", counters.parsed),
        ("other_backend", counters.other_backend),
        ("message", messages),
        ("rejected", all_rejected.saturating_sub(messages)),
    ] {
        to.count(&[&report.source, result], count);
    }
}

/// Decisions about HAProxy as a whole.
fn whole(sight: &Sight<'_>, change: Change) -> u64 {
    let whole = sight.seen.counters.whole;
    whole.get(change as usize).copied().unwrap_or(0)
}

fn since_1970(at: SystemTime) -> f64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
