//! What keeps the daemon from working, since when, and what of it is said over and over: users who
//! suffer while nothing can help. What a problem is lives in `scaler` and where it shows.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::publish::record::News;
use crate::status::Told;
use crate::words::time::Timestamp;

/// So often at most it is looked for problems.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A problem that comes back within this time has not been gone.
const GAP_MAX: Duration = Duration::from_secs(15);
/// What has lasted for so long is said for the first time; a spare may still be on its way.
const SAY_AFTER: Duration = Duration::from_secs(30);
/// And again after this.
const SAY_EVERY: Duration = Duration::from_secs(5 * 60);

/// One problem as it was found just now.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The backend that it is about; `None`: all of it.
    pub backend: Option<String>,
    /// The server, or the channel of alerts, that it is about.
    pub about: Option<String>,
    pub code: &'static str,
    pub text: String,
    /// Users suffer and nothing can help.
    pub is_helpless: bool,
}

/// What is known of the problems of late.
#[derive(Debug, Default)]
pub struct Problems {
    known: BTreeMap<Key, Entry>,
    look_from: Timestamp,
}

/// Those of the same kind about the same are told apart by their order.
type Key = (Option<String>, &'static str, Option<String>, usize);

#[derive(Debug)]
struct Entry {
    since: Timestamp,
    since_wall: SystemTime,
    seen_at: Timestamp,
    said_at: Option<Timestamp>,
}

impl Problems {
    /// It is time to look.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.look_from
    }

    /// When it is time to look again.
    pub const fn due(&self) -> Timestamp {
        self.look_from
    }

    /// Takes what was found; what is to be shown, and what is to be told.
    pub fn take(
        &mut self,
        now: Timestamp,
        wall: SystemTime,
        found: Vec<Finding>,
    ) -> (Vec<Told>, Vec<News>) {
        self.look_from = now.after(LOOK_EVERY);
        let mut news = Vec::new();
        let mut seen = BTreeMap::<_, usize>::new();
        let mut shown = Vec::with_capacity(found.len());
        for finding in found {
            let (backend, about) = (finding.backend.clone(), finding.about.clone());
            let count = seen.entry((backend.clone(), finding.code, about.clone()));
            let count = count.and_modify(|count| *count += 1).or_default();
            let key = (backend, finding.code, about, *count);
            let entry = self.known.entry(key).or_insert(Entry {
                since: now,
                since_wall: wall,
                seen_at: now,
                said_at: None,
            });
            entry.seen_at = now;
            news.extend(entry.lasts(now, &finding));
            shown.push(Told {
                backend: finding.backend,
                about: finding.about,
                code: finding.code,
                text: finding.text,
                since: entry.since_wall,
            });
        }
        self.known.retain(|(backend, code, ..), entry| {
            let is_over = now.since(entry.seen_at) > GAP_MAX;
            if is_over && entry.said_at.is_some() {
                news.push(News::ProblemOver {
                    backend: backend.clone(),
                    code,
                    lasted: entry.seen_at.since(entry.since),
                });
            }
            !is_over
        });
        (shown, news)
    }
}

impl Entry {
    fn lasts(&mut self, now: Timestamp, finding: &Finding) -> Option<News> {
        let due = match self.said_at {
            None => self.since.after(SAY_AFTER),
            Some(at) => at.after(SAY_EVERY),
        };
        if !finding.is_helpless || now < due {
            return None;
        }
        self.said_at = Some(now);
        Some(News::ProblemLasts {
            backend: finding.backend.clone(),
            lasted: now.since(self.since),
            text: finding.text.clone(),
        })
    }
}
