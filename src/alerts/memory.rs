//! What was told and is not over, over a restart: a small file of JSON, written whole or not at all. What it
//! means is said in `incidents`. What was told within the last second before a daemon is killed may be told
//! once more.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::incidents::{Incidents, Key, Remembered, Saying};
use crate::publish::alert::{Incident, Subject};
use crate::words::files;
use crate::words::time::{Timestamp, ms_since_1970};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// All of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// By the name of the channel.
    channels: BTreeMap<String, Vec<Row>>,
    /// Messages that will not arrive, by the name of the channel, not yet told.
    #[serde(default)]
    lost: BTreeMap<String, u64>,
    /// The channels that were told that nothing is told.
    #[serde(default)]
    muted: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    code: String,
    backend: Option<String>,
    about: Option<String>,
    number: usize,
    text: String,
    since_ms: u64,
    told_ms: u64,
}

impl Kept {
    /// What a file has; nothing where there is none, or none of ours.
    pub(super) fn read(file: &Path) -> Self {
        let read = files::read(file, FILE_BYTES_MAX).ok();
        let read = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.unwrap_or_default()
    }

    /// Adds what that channel has told by now, on both clocks. What still waits has not been told: neither
    /// that it began nor that it is over.
    pub(super) fn add(
        &mut self,
        channel: &str,
        incidents: &Incidents,
        waiting: &[Saying],
        (now, wall): (Timestamp, SystemTime),
    ) {
        let waits_to_begin = |key: &Key| {
            let begun = waiting
                .iter()
                .filter(|it| matches!(it.what, Subject::Begun(_)));
            begun.into_iter().any(|it| it.key.as_ref() == Some(key))
        };
        let told = incidents.told().filter(|(key, ..)| !waits_to_begin(key));
        let over = waiting.iter().filter_map(|it| match (&it.what, &it.key) {
            (Subject::Ended { incident, .. }, Some(key)) => Some((key, incident, now)),
            _ => None,
        });
        let rows = told.chain(over).map(|(key, incident, told_at)| Row {
            code: incident.code.clone(),
            backend: incident.backend.clone(),
            about: incident.about.clone(),
            number: key.number(),
            text: incident.text.clone(),
            since_ms: ms_since_1970(incident.since),
            told_ms: ms_since_1970(wall.checked_sub(now.since(told_at)).unwrap_or(wall)),
        });
        self.channels.insert(channel.to_owned(), rows.collect());
        let is_muting = |it: &Saying| matches!(it.what, Subject::Muted(_));
        if incidents.is_muted() && !waiting.iter().any(is_muting) {
            self.muted.insert(channel.to_owned());
        }
    }

    /// Adds that so many messages to that channel will not arrive.
    pub(super) fn add_lost(&mut self, channel: &str, lost: u64) {
        if lost > 0 {
            self.lost.insert(channel.to_owned(), lost);
        }
    }

    /// How many messages to that channel did not arrive.
    pub(super) fn take_lost(&mut self, channel: &str) -> u64 {
        self.lost.remove(channel).unwrap_or_default()
    }

    /// Whether that channel was told that nothing is told.
    pub(super) fn take_muted(&mut self, channel: &str) -> bool {
        self.muted.remove(channel)
    }

    /// What that channel had told.
    pub(super) fn take(
        &mut self,
        channel: &str,
        now: Timestamp,
        wall: SystemTime,
    ) -> Vec<Remembered> {
        let rows = self.channels.remove(channel).unwrap_or_default();
        let at = |ms: u64| UNIX_EPOCH + Duration::from_millis(ms);
        let rows = rows.into_iter().map(|row| {
            let ago = wall.duration_since(at(row.told_ms)).unwrap_or_default();
            let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
            Remembered {
                incident: Incident {
                    code: row.code,
                    backend: row.backend,
                    about: row.about,
                    text: row.text,
                    since: at(row.since_ms),
                },
                number: row.number,
                told_at: Timestamp::from_ms(now.as_ms().saturating_sub(ago)),
            }
        });
        rows.collect()
    }

    /// Has it on disk before it returns.
    pub(super) fn write(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("/"));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // These types have nothing that JSON cannot say.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        files::write(folder, &name, &bytes)
    }
}
