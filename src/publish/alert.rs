//! What an alert says: an incident that begins or ends, one event, or something about the alerts
//! themselves. Data, and its JSON; the sentences are made in `text`, whom they reach is `alerts`' business.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::events::Entry;
use super::text::alerts;
use crate::words::level::Level;
use crate::words::time::{ms_since_1970, rfc3339};

/// Something that keeps the daemon, a backend or a site from working, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// In one word of the list of problems.
    pub code: String,
    /// `None`: it is about all of the daemon.
    pub backend: Option<String>,
    /// The server, channel or site that it is about.
    pub about: Option<String>,
    /// As `status` shows it.
    pub text: String,
    /// By the wall clock.
    pub since: SystemTime,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Notice {
    /// By the wall clock.
    pub at: SystemTime,
    pub what: Subject,
    /// Of this message alone, however often it is sent.
    pub id: String,
}

/// Messages of this process so far.
static MESSAGES: AtomicU64 = AtomicU64::new(0);

/// What a message is about.
#[derive(Clone, Debug)]
pub enum Subject {
    Begun(Incident),
    Ended {
        incident: Incident,
        lasted: Duration,
    },
    /// An event without an end.
    Event(Arc<Entry>),
    /// Nothing more is told: everything is paused, in these words.
    Muted(String),
    /// That this is over.
    Unmuted,
    /// That a channel works.
    Test(String),
}

impl Notice {
    pub fn now(what: Subject) -> Self {
        let (at, process) = (SystemTime::now(), std::process::id());
        let number = MESSAGES.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:x}-{process:x}-{number:x}", ms_since_1970(at));
        Self { at, what, id }
    }

    /// In one line of at most 60 characters. `host` is this machine's name.
    pub fn title(&self, host: &str) -> String {
        alerts::title(&self.what, host)
    }

    /// Numbers, what follows, and how to undo or mend it.
    pub fn body(&self) -> String {
        alerts::body(&self.what)
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        match &self.what {
            Subject::Begun(_) => Level::Warning,
            Subject::Event(entry) if entry.event.level != Level::Info.as_str() => Level::Warning,
            Subject::Ended { .. }
            | Subject::Event(_)
            | Subject::Muted(_)
            | Subject::Unmuted
            | Subject::Test(_) => Level::Info,
        }
    }

    /// Of the event or the problem, or of what is neither.
    pub fn code(&self) -> &str {
        match &self.what {
            Subject::Begun(incident) | Subject::Ended { incident, .. } => &incident.code,
            Subject::Event(entry) => &entry.event.code,
            Subject::Muted(_) => "alerts_muted",
            Subject::Unmuted => "alerts_unmuted",
            Subject::Test(_) => "alert_test",
        }
    }

    pub fn backend(&self) -> Option<&str> {
        match &self.what {
            Subject::Begun(incident) | Subject::Ended { incident, .. } => {
                incident.backend.as_deref()
            }
            Subject::Event(entry) => entry.event.backend.as_deref(),
            Subject::Muted(_) | Subject::Unmuted | Subject::Test(_) => None,
        }
    }

    /// The server, channel or site that it is about.
    pub fn about(&self) -> Option<&str> {
        match &self.what {
            Subject::Begun(incident) | Subject::Ended { incident, .. } => incident.about.as_deref(),
            Subject::Event(entry) => entry.event.server.as_deref(),
            Subject::Muted(_) | Subject::Unmuted | Subject::Test(_) => None,
        }
    }

    /// When what it tells began.
    pub const fn since(&self) -> SystemTime {
        match &self.what {
            Subject::Begun(incident) | Subject::Ended { incident, .. } => incident.since,
            Subject::Event(_) | Subject::Muted(_) | Subject::Unmuted | Subject::Test(_) => self.at,
        }
    }

    /// As `events --json` has it. What is no event has no number, and says in `data` what it is.
    pub fn json(&self, host: &str) -> Value {
        let mut data = Map::new();
        match &self.what {
            Subject::Event(entry) => {
                return serde_json::to_value(&entry.event).unwrap_or_default();
            }
            Subject::Begun(incident) => {
                data.insert("state".to_owned(), json!("begun"));
                data.insert("since".to_owned(), json!(rfc3339(incident.since)));
            }
            Subject::Ended { incident, lasted } => {
                data.insert("state".to_owned(), json!("ended"));
                data.insert("since".to_owned(), json!(rfc3339(incident.since)));
                data.insert("lasted_s".to_owned(), json!(lasted.as_secs()));
            }
            Subject::Muted(_) | Subject::Unmuted | Subject::Test(_) => {}
        }
        json!({
            "id": null,
            "at": rfc3339(self.at),
            "level": self.level().as_str(),
            "code": self.code(),
            "backend": self.backend(),
            "server": self.about(),
            "text": format!("{}: {}", self.title(host), self.body()),
            "data": data,
        })
    }
}
