//! What the page shows, as JSON: all backends at once, the last hour of one, and the last day in sums.
//! The first changes with the page; scripts use `/api/v1/status`.

use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::answers::{App, Problem, cannot_write, json, no_look};
use super::looks::Sight;
use super::pages::Kind;
use crate::history::{self, LOOKS_BACK, Places};
use crate::status::Explained;
use crate::words::os_words::host_name;
use crate::words::time::rfc3339_ms;

/// The day is summed up anew after this: it may be many megabytes.
const SUMS_LAST: Duration = Duration::from_secs(10);

/// The last day in sums, as it was made last.
pub(super) type Sums = std::sync::Mutex<Option<(Instant, Bytes)>>;

/// What is no backend's, before what `status` and `explain` say.
#[derive(Debug, Serialize)]
struct Head {
    /// The daemon's clock.
    at: String,
    version: &'static str,
    host: String,
    socket: String,
    /// Somebody can give orders over HTTP.
    takes_orders: bool,
}

pub(super) async fn overview(State(app): State<App>) -> Result<Response, Problem> {
    let Sight::Fresh(seen) = app.looks.look().await else {
        return Err(no_look());
    };
    let page = app.pages().page(&seen, Kind::Overview, || {
        let head = Head {
            at: rfc3339_ms(seen.at),
            version: env!("CARGO_PKG_VERSION"),
            host: host_name(),
            socket: seen.socket.clone(),
            takes_orders: app.tokens().is_some(),
        };
        let explained: Vec<Explained> = seen.report.explain(None, seen.at, |_| Vec::new());
        let head = serde_json::to_string(&head).map_err(|_| cannot_write("the head"))?;
        let explained = serde_json::to_string(&explained);
        let explained = explained.map_err(|_| cannot_write("the reasons"))?;
        let status = seen.report.json(seen.at);
        Ok(format!(
            "{{\"daemon\":{head},\"status\":{status},\"explained\":{explained}}}"
        ))
    })?;
    Ok(json(page))
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    backend: String,
}

pub(super) async fn curve(
    State(app): State<App>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|_| {
        let text = "say of which backend: /api/v1/curve?backend=web";
        Problem::new(StatusCode::BAD_REQUEST, text)
    })?;
    let curve = app.curves.json(&asked.backend, &app.events);
    let curve = curve.ok_or_else(|| {
        let text = "there is no curve of that backend: it is not looked after, or was not seen yet";
        Problem::new(StatusCode::NOT_FOUND, text)
    })?;
    Ok(json(curve.into()))
}

/// All backends in brief: a list asks for it once a minute, in place of a curve for each row.
pub(super) async fn curves(State(app): State<App>) -> Result<Response, Problem> {
    let briefs = app.curves.brief_json();
    let briefs = briefs.ok_or_else(|| cannot_write("the curves"))?;
    Ok(json(briefs.into()))
}

pub(super) async fn report(State(app): State<App>) -> Result<Response, Problem> {
    let known = |app: &App| {
        let known = app.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|(at, _)| at.elapsed() < SUMS_LAST);
        known.map(|(_, page)| page.clone())
    };
    if let Some(page) = known(&app) {
        return Ok(json(page));
    }
    let places = app.places();
    let Some(places) = places.filter(|places| !places.files.is_empty()) else {
        let text = "events are kept nowhere: set `[events] file` or `[state] dir`";
        return Err(Problem::new(StatusCode::NOT_FOUND, text));
    };
    let closed = |_| no_look();
    let readers = app.readers();
    let place = readers.acquire_owned().await.map_err(closed)?;
    // Whoever waited for the same has it now.
    if let Some(page) = known(&app) {
        return Ok(json(page));
    }
    let made = tokio::task::spawn_blocking(move || {
        let _place = place;
        sums(&places)
    });
    let page = made.await.ok().flatten().map(Bytes::from);
    let page = page.ok_or_else(|| cannot_write("the last day"))?;
    let mut known = app.sums.lock().unwrap_or_else(PoisonError::into_inner);
    *known = Some((Instant::now(), page.clone()));
    drop(known);
    Ok(json(page))
}

/// Reads a day of events: in a thread that may wait.
fn sums(places: &Places) -> Option<String> {
    let to = SystemTime::now();
    let from = to.checked_sub(LOOKS_BACK)?;
    let untold = history::untold(&places.control_socket);
    let mut source = history::Source::find(places).ok()?;
    let summary = history::sum_up(&mut source, &untold, &places.backends, (from, to)).ok()?;
    let mut text = Vec::new();
    history::report(&summary, true, &mut text).ok()?;
    String::from_utf8(text).ok()
}
