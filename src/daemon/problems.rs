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
pub(super) struct Finding {
    /// The backend that it is about; `None`: all of it.
    pub(super) backend: Option<String>,
    pub(super) code: &'static str,
    pub(super) text: String,
    /// Users suffer and nothing can help.
    pub(super) is_helpless: bool,
}

/// What is known of the problems of late.
#[derive(Debug, Default)]
pub(super) struct Problems {
    known: BTreeMap<Key, Entry>,
    look_from: Timestamp,
}

/// A backend's problems of the same kind are told apart by their order.
type Key = (Option<String>, &'static str, usize);

#[derive(Debug)]
struct Entry {
    since: Timestamp,
    since_wall: SystemTime,
    seen_at: Timestamp,
    said_at: Option<Timestamp>,
}

impl Problems {
    /// It is time to look.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.look_from
    }

    /// Takes what was found; what is to be shown, and what is to be told.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        wall: SystemTime,
        found: Vec<Finding>,
    ) -> (Vec<Told>, Vec<News>) {
        self.look_from = now.after(LOOK_EVERY);
        let mut news = Vec::new();
        let mut seen: BTreeMap<(Option<String>, &'static str), usize> = BTreeMap::new();
        let mut shown = Vec::with_capacity(found.len());
        for finding in found {
            let count = seen.entry((finding.backend.clone(), finding.code));
            let count = count.and_modify(|count| *count += 1).or_default();
            let key = (finding.backend.clone(), finding.code, *count);
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
                code: finding.code,
                text: finding.text,
                since: entry.since_wall,
            });
        }
        self.known.retain(|(backend, code, _), entry| {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(text: &str) -> Finding {
        Finding {
            backend: Some("web".to_owned()),
            code: "slow_all_in",
            text: text.to_owned(),
            is_helpless: true,
        }
    }

    fn take(problems: &mut Problems, second: u64, found: Vec<Finding>) -> (Vec<Told>, Vec<News>) {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        problems.take(Timestamp::from_ms(second * 1000), wall, found)
    }

    #[test]
    fn helplessness_is_said_after_half_a_minute_every_five_minutes_and_when_it_is_over() {
        let mut problems = Problems::default();
        let mut said = Vec::new();
        for second in 0..700 {
            let (told, sayings) = take(&mut problems, second, vec![slow("slow")]);
            assert_eq!(told[0].since, SystemTime::UNIX_EPOCH);
            said.extend(sayings.into_iter().map(|news| (second, news.to_string())));
        }
        for second in 700..730 {
            let (told, sayings) = take(&mut problems, second, Vec::new());
            assert!(told.is_empty());
            said.extend(sayings.into_iter().map(|news| (second, news.to_string())));
        }
        let still = |text: &str| text.to_owned();
        let over = "web: slow_all_in is over, after 11m 39s";
        assert_eq!(
            said,
            [
                (30, still("web: for 30s now: slow")),
                (330, still("web: for 5m 30s now: slow")),
                (630, still("web: for 10m 30s now: slow")),
                (715, over.to_owned()),
            ]
        );
    }

    #[test]
    fn a_short_pause_does_not_begin_it_anew_and_a_long_one_does() {
        let mut problems = Problems::default();
        let since = |problems: &mut Problems, second| {
            let (told, _) = take(problems, second, vec![slow("a"), slow("b")]);
            assert_eq!(told.len(), 2);
            told[1]
                .since
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        assert_eq!(since(&mut problems, 1), 1);
        take(&mut problems, 5, Vec::new());
        assert_eq!(since(&mut problems, 10), 1);
        take(&mut problems, 40, Vec::new());
        assert_eq!(since(&mut problems, 41), 41);
    }

    #[test]
    fn what_can_be_helped_is_shown_and_not_said() {
        let mut problems = Problems::default();
        for second in 0..100 {
            let mut finding = slow("x");
            finding.is_helpless = false;
            let (told, sayings) = take(&mut problems, second, vec![finding]);
            assert_eq!((told.len(), sayings.len()), (1, 0));
        }
    }
}
