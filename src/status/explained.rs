//! Why a backend does what it does, why it does nothing, and what comes next: `explain`. All of it is what
//! `status` has, by the same words; what happened last is added by whoever keeps events.

use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Report, StatusError};
use crate::control;
use crate::scaler::seen::{ReasonCode, Standing, StandingReason, Standings};
use crate::scaler::{BackendView, Stage};
use crate::words::time::rfc3339;

/// One backend; the names are the contract's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    pub backend: String,
    pub state: String,
    /// Servers that there should be.
    pub wanted: Option<u32>,
    pub serving: Option<u32>,
    pub reason: Coded,
    /// What keeps it from what it would do otherwise.
    pub blocked_by: Vec<BlockedBy>,
    pub next: Next,
    /// The last events, oldest first.
    pub last: Vec<Value>,
}

/// A code of a closed list, and its sentence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Coded {
    pub code: String,
    pub text: String,
}

/// One thing that keeps a backend from acting.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockedBy {
    /// Of [`ReasonCode`].
    pub code: String,
    pub text: String,
    /// RFC 3339; `None` where nothing ends it by itself.
    pub until: Option<String>,
}

/// What comes next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Next {
    /// Of [`NextCode`](crate::scaler::seen::NextCode).
    pub code: String,
    pub server: Option<String>,
    pub text: String,
}

impl Report {
    /// Explains that backend, or all of them; `wall` is now. `last` are the last events of one.
    pub fn explain(
        &self,
        backend: Option<&str>,
        wall: SystemTime,
        last: impl Fn(&str) -> Vec<Value>,
    ) -> Vec<Explained> {
        let views = self.backends.iter();
        let asked = views.filter(|view| backend.is_none_or(|name| name == view.name));
        asked
            .map(|view| Explained {
                last: last(&view.name),
                ..explained(view, wall)
            })
            .collect()
    }
}

fn explained(view: &BackendView, wall: SystemTime) -> Explained {
    let text = view.next.to_string();
    Explained {
        backend: view.name.clone(),
        state: view.state.as_str().to_owned(),
        wanted: view.wanted,
        serving: view.serving,
        reason: Coded {
            code: view.next.code().as_str().to_owned(),
            text: text.clone(),
        },
        blocked_by: blocked_by(view, wall),
        next: Next {
            code: view.next.next().as_str().to_owned(),
            server: view.next.server().map(str::to_owned),
            text,
        },
        last: Vec::new(),
    }
}

/// What keeps that backend from what it would do otherwise; `wall` is now.
pub fn blocked_by(view: &BackendView, wall: SystemTime) -> Vec<BlockedBy> {
    let end = |left: Option<_>| left.and_then(|left| wall.checked_add(left)).map(rfc3339);
    let blocked = |code: ReasonCode, text: String, until: Option<String>| BlockedBy {
        code: code.as_str().to_owned(),
        text,
        until,
    };
    let mut all = Vec::new();
    if view.next.is_blocked() {
        let code = view.next.code();
        let (text, left) = match view.standings.pause {
            Some(pause) if code == ReasonCode::Paused => (format!("paused{pause}"), pause.left),
            Some(_) | None => (view.next.to_string(), view.next.left()),
        };
        all.push(blocked(code, text, end(left)));
    }
    for server in &view.servers {
        let set = &server.standings;
        let standing = |code, standing: &Option<Standing>, what: &str| {
            standing.as_ref().map(|it| {
                let text = format!("{} {what}{it}", server.name);
                blocked(code, text, end(it.left))
            })
        };
        all.extend(standing(ReasonCode::Paused, &set.pause, "is paused"));
        all.extend(standing(ReasonCode::Pin, &set.pin, "is pinned"));
        let kept = order(set, server.stage == Stage::Ready);
        all.extend(standing(ReasonCode::Order, &set.order, kept));
        let hold = "was changed outside this daemon and is left alone";
        all.extend(standing(ReasonCode::Hold, &set.hold, hold));
        all.extend(standing(
            ReasonCode::NoSpare,
            &set.quarantine,
            "failed and is not tried",
        ));
    }
    all
}

/// What an `enable` or `disable` means for it now, in the words of NOTE in `status`; `is_in`: it is ready.
fn order(set: &Standings, is_in: bool) -> &'static str {
    match set.order.and_then(|it| it.reason) {
        Some(StandingReason::Enable) if is_in => "is kept in",
        Some(StandingReason::Enable) => "is wanted in",
        Some(
            StandingReason::Disable
            | StandingReason::Evacuate
            | StandingReason::Changed
            | StandingReason::Failed,
        )
        | None => "is kept out",
    }
}

/// Asks the daemon there to explain that backend, or all of them; empty where it has no such backend.
///
/// # Errors
/// No daemon runs there, or the caller may not ask it.
pub fn explain(
    control_socket: &Path,
    backend: Option<&str>,
) -> Result<Vec<Explained>, StatusError> {
    let answer = control::ask_explain(control_socket, backend)
        .map_err(|error| StatusError::unanswered(control_socket, error))?;
    serde_json::from_str(&answer).map_err(|error| StatusError::NotOurs {
        path: control_socket.display().to_string(),
        error,
    })
}

impl Explained {
    /// For people, but for what happened last.
    pub fn text(&self) -> String {
        let mut text = format!("{}  {}", self.backend, self.state.to_uppercase());
        if let (Some(serving), Some(wanted)) = (self.serving, self.wanted) {
            let _ = write!(text, "  {serving} serving, {wanted} wanted");
        }
        let _ = write!(
            text,
            "\n  why      {}: {}",
            self.reason.code, self.reason.text
        );
        for blocked in self
            .blocked_by
            .iter()
            .filter(|it| it.text != self.reason.text)
        {
            let until = blocked.until.as_ref().map(|it| format!(", until {it}"));
            let until = until.unwrap_or_default();
            let _ = write!(
                text,
                "\n  blocked  {}: {}{until}",
                blocked.code, blocked.text
            );
        }
        if self.next.text != self.reason.text || self.next.code != "nothing" {
            let server = self.next.server.as_ref().map(|it| format!(" {it}"));
            let server = server.unwrap_or_default();
            let _ = write!(text, "\n  next     {}{server}", self.next.code);
        }
        text.push('\n');
        text
    }
}
