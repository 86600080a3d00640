//! What each backend does, or why it does nothing, told when that changes. The reason itself is that of
//! `status`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::publish::record::News;
use crate::scaler::BackendView;
use crate::words::time::Timestamp;

/// A reason that stands for less than this is not told: a load at its threshold would fill the history.
const STANDS_FOR: Duration = Duration::from_secs(5);

/// The reasons as they were told.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    backends: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    told: Option<&'static str>,
    now: &'static str,
    since: Timestamp,
}

impl Reasons {
    /// Takes what `status` shows now; what is to be told.
    pub(super) fn take(&mut self, now: Timestamp, backends: &[BackendView]) -> Vec<News> {
        let is_there = |name: &String| backends.iter().any(|view| view.name == *name);
        self.backends.retain(|name, _| is_there(name));
        let told = backends.iter().filter_map(|view| {
            let reason = view.next.code().as_str();
            let entry = self.backends.entry(view.name.clone()).or_insert(Entry {
                told: None,
                now: reason,
                since: now,
            });
            if entry.now != reason {
                (entry.now, entry.since) = (reason, now);
            }
            if entry.told == Some(reason) || now.since(entry.since) < STANDS_FOR {
                return None;
            }
            entry.told = Some(reason);
            Some(News::Reason {
                backend: view.name.clone(),
                reason,
                text: view.next.to_string(),
            })
        });
        told.collect()
    }
}
