//! One event as scripts see it: a record with its number, as one JSON object on one line. The same
//! bytes stand in the file of events, go to whoever follows them, and are printed by `events --json`.
//! What a record's numbers are is said in `evidence`.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::evidence::evidence;
use super::record::{MINOR, Record};
use crate::words::time::rfc3339_ms;

/// A numbered record. The names are the contract's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up by one, over restarts, too; a gap means lost events, and the next one tells how many.
    pub id: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// Of [`Level`](crate::words::level::Level).
    pub level: String,
    /// Of [`codes`](super::record::codes).
    pub code: String,
    pub backend: Option<String>,
    pub server: Option<String>,
    pub text: String,
    /// What led to it, in numbers.
    pub data: Map<String, Value>,
}

impl Event {
    pub fn of(id: u64, record: &Record) -> Self {
        Self {
            id,
            at: rfc3339_ms(record.at),
            level: record.level().as_str().to_owned(),
            code: record.code().to_owned(),
            backend: record.backend().map(str::to_owned),
            server: record.server().map(str::to_owned),
            text: record.to_string(),
            data: evidence(record),
        }
    }

    /// When it was told, by the wall clock; `None` if the line was written by somebody else.
    pub fn moment(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(&self.at).ok()
    }

    /// For `events --all` alone.
    pub fn is_minor(&self) -> bool {
        MINOR.contains(&self.code.as_str())
    }

    /// Those that a daemon answers with, one on each line.
    pub fn lines(answer: &str) -> impl Iterator<Item = serde_json::Result<Self>> {
        let lines = answer.lines().filter(|line| !line.is_empty());
        lines.map(serde_json::from_str)
    }

    /// One line without its end.
    pub fn json(&self) -> String {
        // This type has nothing that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }
}
