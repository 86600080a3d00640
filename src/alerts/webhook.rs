//! A message as its receiver wants it: a POST for each preset.

use std::time::{Duration, SystemTime};

use hyper::Method;
use serde_json::{Map, Value, json};

use super::way::{Failure, FailureKind};
use crate::config::Preset;
use crate::http_client::{Answer, Client, Request, RequestError, Url};
use crate::publish::alert::{Notice, Subject};
use crate::words::level::Level;
use crate::words::time::rfc3339_ms;

/// One attempt, all of it.
const LIMIT: Duration = Duration::from_secs(10);
/// Discord refuses a longer message.
const DISCORD_CHARS_MAX: usize = 2000;
/// What an answer says, as far as it is shown.
const SHOWN_CHARS_MAX: usize = 200;
/// Alertmanager shows an event, which has no end, for so long, and an incident after its last repeat, whatever
/// its own `resolve_timeout` is.
const SHOWN_FOR: Duration = Duration::from_secs(5 * 60);
const ALERTMANAGER_PATH: &str = "/api/v2/alerts";

pub(super) async fn send(
    client: &Client,
    url: &Url,
    preset: Preset,
    notice: &Notice,
    host: &str,
) -> Result<String, Failure> {
    let to = match preset {
        Preset::Alertmanager => url.with_path(ALERTMANAGER_PATH),
        Preset::Slack | Preset::Mattermost | Preset::Discord | Preset::Ntfy | Preset::Json => {
            url.clone()
        }
    };
    let mut request = request(preset, notice, host);
    // A receiver that had it, and did not say so in time, can tell that it is the same.
    request.headers.push(("idempotency-key", notice.id.clone()));
    let answer = client.send(&to, request, LIMIT).await;
    let answer = answer.map_err(|error| Failure {
        text: error.to_string(),
        kind: match error {
            RequestError::Unanswered(_) => FailureKind::Unanswered,
            RequestError::Unknown(..)
            | RequestError::Connect(_)
            | RequestError::ConnectTimeout(_)
            | RequestError::Tls(_)
            | RequestError::Timeout(_)
            | RequestError::Broken(_)
            | RequestError::Unaskable(_) => FailureKind::Passing,
        },
    })?;
    let text = said(&answer, &to);
    match answer.status {
        200..=299 => Ok(text),
        // Too early, too many, or too slow: another time.
        408 | 425 | 429 => Err(Failure::passing(text)),
        400..=499 => Err(Failure {
            text,
            kind: FailureKind::Refused,
        }),
        _ => Err(Failure::passing(text)),
    }
}

/// What came back, in one line, without what the URL keeps secret.
fn said(answer: &Answer, url: &Url) -> String {
    let line = answer.body.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = url.hidden_in(&line).chars().take(SHOWN_CHARS_MAX).collect();
    let status = answer.status;
    if line.is_empty() {
        format!("answered {status}")
    } else {
        format!("answered {status}: {line}")
    }
}

fn request(preset: Preset, notice: &Notice, host: &str) -> Request {
    let (title, body) = (notice.title(host), notice.body());
    let value = match preset {
        Preset::Slack => {
            json!({ "text": format!("*{}*\n{}", for_slack(&title), for_slack(&body)) })
        }
        Preset::Mattermost => json!({ "text": format!("**{title}**\n{body}") }),
        Preset::Discord => {
            let text = format!("**{title}**\n{body}");
            let text: String = text.chars().take(DISCORD_CHARS_MAX).collect();
            json!({ "content": text, "allowed_mentions": { "parse": [] } })
        }
        Preset::Ntfy => return for_ntfy(notice, &title, body),
        Preset::Alertmanager => json!([for_alertmanager(notice, &title, &body, host)]),
        Preset::Json => notice.json(host),
    };
    Request {
        method: Method::POST,
        headers: vec![("content-type", "application/json".to_owned())],
        body: value.to_string().into_bytes(),
    }
}

/// Slack takes these three for its own.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A body in plain text, the rest in headers.
fn for_ntfy(notice: &Notice, title: &str, body: String) -> Request {
    let (priority, tag) = match (&notice.what, notice.level()) {
        (Subject::Ended { .. }, _) => ("3", "white_check_mark"),
        (_, Level::Warning | Level::Error) => ("4", "warning"),
        (_, Level::Info) => ("3", "information_source"),
    };
    // A header is ASCII.
    let title = title.replace('…', "...");
    let title = title.chars().map(|it| {
        if it.is_ascii_graphic() || it == ' ' {
            it
        } else {
            '?'
        }
    });
    Request {
        method: Method::POST,
        headers: vec![
            ("title", title.collect()),
            ("priority", priority.to_owned()),
            ("tags", tag.to_owned()),
            ("content-type", "text/plain; charset=utf-8".to_owned()),
        ],
        body: body.into_bytes(),
    }
}

fn for_alertmanager(notice: &Notice, title: &str, body: &str, host: &str) -> Value {
    let mut labels = Map::new();
    let mut label = |name: &str, value: &str| {
        labels.insert(name.to_owned(), json!(value));
    };
    label("alertname", "HaproxyAutoscale");
    label("code", notice.code());
    label("instance", host);
    let severity = match &notice.what {
        // The end has the labels of the beginning, or it would be another alert.
        Subject::Begun(_) | Subject::Ended { .. } => Level::Warning.as_str(),
        Subject::Event(_) | Subject::Muted(_) | Subject::Unmuted | Subject::Test(_) => {
            notice.level().as_str()
        }
    };
    label("severity", severity);
    for (name, value) in [("backend", notice.backend()), ("server", notice.about())] {
        if let Some(value) = value {
            label(name, value);
        }
    }
    let now = SystemTime::now();
    let ends = match &notice.what {
        // From this attempt on: it may be sent long after it was said.
        Subject::Begun(_) => now.checked_add(SHOWN_FOR),
        Subject::Ended { .. } => Some(now),
        Subject::Event(_) | Subject::Muted(_) | Subject::Unmuted | Subject::Test(_) => {
            notice.at.checked_add(SHOWN_FOR)
        }
    };
    let mut alert = json!({
        "labels": labels,
        "annotations": { "summary": title, "description": body },
        "startsAt": rfc3339_ms(notice.since()),
    });
    if let (Some(ends), Some(alert)) = (ends, alert.as_object_mut()) {
        alert.insert("endsAt".to_owned(), json!(rfc3339_ms(ends)));
    }
    alert
}
