//! `/healthz`: 200 as long as the daemon can do what it is there for, paused or observing too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answers::{App, plain};
use super::looks::{STANDSTILL, Sight};
use crate::metrics::Seen;
use crate::scaler::BackendView;
use crate::status::{DaemonProblem, LogCondition};
use crate::words::time::Span;

pub(super) async fn show(State(app): State<App>) -> Response {
    let reasons = match app.looks.look_at_health().await {
        Sight::Stale(_, age) if age >= STANDSTILL => {
            vec![format!("the loop has stood still for {}", Span(age))]
        }
        Sight::Fresh(seen) => reasons(&seen),
        // It turns, and does not come to answering.
        Sight::Stale(Some(look), _) if look.is_old() => vec![format!(
            "the loop does not answer, and what it knew {} ago is too old to go by",
            Span(look.at.elapsed())
        )],
        Sight::Stale(Some(look), _) => reasons(&look.seen),
        Sight::Stale(None, _) => vec!["the daemon is starting".to_owned()],
    };
    if reasons.is_empty() {
        plain(StatusCode::OK, "ok\n".to_owned())
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}

/// Why it cannot do what it is there for.
fn reasons(seen: &Seen) -> Vec<String> {
    let report = &seen.report;
    let mut reasons = Vec::new();
    if !report.backends.iter().any(BackendView::is_answered) {
        reasons.push(format!("HAProxy cannot be reached on {}", seen.socket));
    }
    // A file that is away for a moment, while it is rotated, is no problem.
    let is_lost = |code: &str| {
        [DaemonProblem::LogMissing, DaemonProblem::LogUnreadable]
            .iter()
            .any(|it| it.as_str() == code)
    };
    let lost = report.problems.iter().filter(|it| is_lost(it.code));
    reasons.extend(lost.map(|it| it.text.clone()));
    match report.log {
        LogCondition::Silent => reasons.push(format!(
            "HAProxy counts answers, and no line comes from {}",
            report.source
        )),
        LogCondition::Ended => reasons.push("standard input has ended".to_owned()),
        LogCondition::Read | LogCondition::Missing | LogCondition::Unreadable => {}
    }
    reasons
}
