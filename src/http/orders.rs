//! `POST /api/v1/orders`: an operator's order as JSON, handed to the loop as those of the control socket
//! are. Who may give one is `guard`'s business.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};

use super::Wish;
use super::answers::{App, Peer, Problem};
use super::guard::Holder;
use crate::control::{self, Caller};
use crate::words::by::{By, Inline, NO_UID, USER_BYTES_MAX};
use crate::words::order::{Order, Place, Verb, Verdict};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    order: String,
    #[serde(default)]
    target: Option<String>,
    #[serde(default, rename = "for")]
    lasts: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    /// Of `evacuate` alone.
    #[serde(default)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct Answered {
    text: String,
    /// The same, where the order is not obeyed: as all errors below `/api/` have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Whether the loop was handed what this request wants done.
#[derive(Clone, Debug, Default)]
pub(super) struct Handed(Arc<AtomicBool>);

impl Handed {
    fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) async fn take(
    State(app): State<App>,
    Extension(handed): Extension<Handed>,
    Extension(peer): Extension<Peer>,
    Extension(holder): Extension<Holder>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    let order = match read(&body, by(&peer, &holder)) {
        Ok(order) => Box::new(order),
        Err(text) => return Ok(say(StatusCode::BAD_REQUEST, text)),
    };
    let (caller, answered) = Caller::new();
    if !app.looks.order(Wish::Order(order, caller)) {
        return Ok(say(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many orders wait; nothing was done".to_owned(),
        ));
    }
    handed.begin();
    let Ok(answer) = answered.await else {
        return Ok(unanswered());
    };
    let Ok(reply) = serde_json::from_str::<control::Reply>(&answer) else {
        return Ok(say(StatusCode::INTERNAL_SERVER_ERROR, answer));
    };
    app.looks.has_changed();
    let status = match reply.verdict {
        Verdict::Accepted => StatusCode::OK,
        Verdict::Refused => StatusCode::CONFLICT,
        Verdict::Unknown => StatusCode::NOT_FOUND,
    };
    Ok(say(status, reply.texts.join("\n")))
}

/// The loop has an order, and did not say what became of it: it is slow, or ends.
pub(super) fn unanswered() -> Response {
    say(
        StatusCode::SERVICE_UNAVAILABLE,
        "the daemon has the order and does not answer; it may still be obeyed: look at `status` \
         before giving it again"
            .to_owned(),
    )
}

fn say(status: StatusCode, text: String) -> Response {
    let error = (!status.is_success()).then(|| text.clone());
    (status, Json(Answered { text, error })).into_response()
}

/// `ops (http 127.0.0.1)`, as `alice (sudo)`; or without the address where it is too long to be kept.
fn by(peer: &Peer, holder: &Holder) -> By {
    let name = &holder.0;
    let all = format!("{name} (http {peer})");
    let user = if all.len() <= USER_BYTES_MAX {
        all
    } else {
        format!("{name} (http)")
    };
    By {
        user: Inline::of(&user),
        ..By::uid(NO_UID)
    }
}

fn read(body: &[u8], by: By) -> Result<Order, String> {
    let given: Given =
        serde_json::from_slice(body).map_err(|error| format!("this is no order: {error}"))?;
    let verb = Verb::ALL.into_iter().find(|it| it.as_str() == given.order);
    let verb = verb.ok_or_else(|| {
        let verbs = Verb::ALL.map(Verb::as_str).join(", ");
        format!("`order` must be one of {verbs}")
    })?;
    let place = match given.target.as_deref() {
        None | Some("") => Place::Everything,
        Some(target) => control::place(target)?,
    };
    let lasts = given.lasts.as_deref().filter(|it| !it.is_empty());
    let lasts = lasts.map(control::lasts).transpose();
    let lasts = lasts.map_err(|error| format!("`for`: {error}"))?;
    let reason = control::reason(given.reason.as_deref().unwrap_or_default());
    let reason = reason.map_err(|error| format!("`reason`: {error}"))?;
    Ok(Order {
        verb,
        place,
        lasts,
        by: Some(By {
            reason: Inline::of(&reason),
            ..by
        }),
        is_forced: given.force && verb == Verb::Evacuate,
        barred: None,
    })
}
