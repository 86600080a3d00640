//! `POST /api/v1/orders`: an operator's order as JSON, handed to the loop as those of the control socket
//! are. Who may give one is `guard`'s business.

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
use crate::publish::record::{News, Record};
use crate::words::order::{Order, Place, Verb, Verdict};
use crate::words::time::Span;

/// The longest reason that is taken.
const REASON_BYTES_MAX: usize = 256;

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
}

#[derive(Debug, Serialize)]
struct Answered {
    text: String,
}

pub(super) async fn take(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Extension(holder): Extension<Holder>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    let (order, reason) = match read(&body) {
        Ok(read) => read,
        Err(text) => return Ok(say(StatusCode::BAD_REQUEST, text)),
    };
    app.hub.tell(Record::now(News::HttpOrder {
        by: format!("http {peer}, token {}", holder.0),
        order: describe(&order, reason.as_deref()),
    }));
    let (caller, answered) = Caller::new();
    if !app.looks.order(Wish::Order(order, caller)) {
        return Ok(say(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many orders wait; nothing was done".to_owned(),
        ));
    }
    let Ok(answer) = answered.await else {
        return Ok(say(
            StatusCode::SERVICE_UNAVAILABLE,
            "the daemon ends; nothing was done".to_owned(),
        ));
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

fn say(status: StatusCode, text: String) -> Response {
    (status, Json(Answered { text })).into_response()
}

/// `pause web for 1h (deploying)`
fn describe(order: &Order, reason: Option<&str>) -> String {
    let place = match &order.place {
        Place::Everything => String::new(),
        Place::Backend(name) => format!(" {name}"),
        Place::Server(name) => format!(" {name}"),
    };
    let lasts = order.lasts.map(|lasts| format!(" for {}", Span(lasts)));
    let reason = reason.map(|reason| format!(" ({reason})"));
    let (lasts, reason) = (lasts.unwrap_or_default(), reason.unwrap_or_default());
    format!("{}{place}{lasts}{reason}", order.verb)
}

/// The order, and why it is given.
fn read(body: &[u8]) -> Result<(Order, Option<String>), String> {
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
    let reason = given.reason.filter(|it| !it.is_empty());
    if let Some(reason) = &reason
        && (reason.len() > REASON_BYTES_MAX || reason.chars().any(char::is_control))
    {
        return Err(format!(
            "`reason` must be one line of at most {REASON_BYTES_MAX} bytes"
        ));
    }
    let order = Order {
        verb,
        place,
        lasts,
        by: None,
        barred: None,
    };
    Ok((order, reason))
}
