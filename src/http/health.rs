//! `/healthz`: 200 as long as the daemon can do what it is there for, paused or observing too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answers::{App, plain};
use super::looks::{STANDSTILL, Sight};
use crate::words::time::Span;

pub(super) async fn show(State(app): State<App>) -> Response {
    let reasons = match app.looks.look_at_health().await {
        Sight::Stale(_, age) if age >= STANDSTILL => {
            vec![format!("the loop has stood still for {}", Span(age))]
        }
        Sight::Fresh(seen) => seen.report.ailments(&seen.socket),
        // It turns, and does not come to answering.
        Sight::Stale(Some(look), _) if look.is_old() => vec![format!(
            "the loop does not answer, and what it knew {} ago is too old to go by",
            Span(look.at.elapsed())
        )],
        Sight::Stale(Some(look), _) => look.seen.report.ailments(&look.seen.socket),
        Sight::Stale(None, _) => vec!["the daemon is starting".to_owned()],
    };
    if reasons.is_empty() {
        plain(StatusCode::OK, "ok\n".to_owned())
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}
