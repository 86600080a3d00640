//! What the page shows, as JSON: all backends at once, the last hour of one, and the last day in sums.
//! The first changes with the page; scripts use `/api/v1/status`.

use std::collections::BTreeSet;
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
use crate::config::Config;
use crate::history::{self, KeptIn, LOOKS_BACK, Places, Source};
use crate::status::Explained;
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
            host: host(),
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

/// This machine's name; nothing where the kernel does not tell.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.unwrap_or_default().trim().to_owned()
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

/// Where the last day is, and of which backends it is told.
#[derive(Debug)]
pub(super) struct Past {
    places: Places,
    configured: BTreeSet<String>,
}

impl Past {
    pub(super) fn of(config: &Config) -> Self {
        let files = config.event_files().into_iter();
        let files = files.map(|(file, is_observed)| KeptIn { file, is_observed });
        Self {
            places: Places {
                files: files.collect(),
                control_socket: config.control_socket.clone(),
            },
            configured: config.backends.keys().cloned().collect(),
        }
    }

    /// Reads a day of events, and asks the loop for what it has not told yet: in a thread that may wait.
    fn sums(&self) -> Result<String, String> {
        let to = SystemTime::now();
        let from = to.checked_sub(LOOKS_BACK).unwrap_or(to);
        let untold = history::untold(&self.places.control_socket);
        let mut source = Source::find(&self.places)?;
        let summary = history::sum_up(&mut source, &untold, &self.configured, (from, to));
        let mut text = Vec::new();
        let written = summary.and_then(|summary| history::report(&summary, true, &mut text));
        written.map_err(|error| format!("cannot read the events: {error}"))?;
        String::from_utf8(text).map_err(|error| format!("cannot write the last day: {error}"))
    }
}

pub(super) async fn report(State(app): State<App>) -> Result<Response, Problem> {
    let known = || {
        let known = app.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|(at, _)| at.elapsed() < SUMS_LAST);
        known.map(|(_, page)| page.clone())
    };
    if let Some(page) = known() {
        return Ok(json(page));
    }
    let Some(past) = app.past() else {
        return Err(no_look());
    };
    let place = app.readers().acquire_owned().await;
    let place = place.map_err(|_| no_look())?;
    // Whoever waited for the same has it now.
    if let Some(page) = known() {
        return Ok(json(page));
    }
    let made = tokio::task::spawn_blocking(move || {
        let _place = place;
        past.sums()
    });
    let made = made.await.map_err(|_| cannot_write("the last day"))?;
    let made = made.map_err(|text| Problem::new(StatusCode::SERVICE_UNAVAILABLE, text))?;
    let page = Bytes::from(made);
    let mut known = app.sums.lock().unwrap_or_else(PoisonError::into_inner);
    *known = Some((Instant::now(), page.clone()));
    drop(known);
    Ok(json(page))
}
