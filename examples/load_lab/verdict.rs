//! What the daemon claims against what was seen. Each difference is a sentence, and a failure.

mod claims;
#[cfg(test)]
mod tests;
mod wishes;

use crate::case::{Case, Share};
use crate::seen::{Answer, Record, SERVERS, Sample, Shown, percentile, times_ms};

/// How long a newcomer has to get its share.
const SHARE_WITHIN: f64 = 2.0;
/// Requests at all servers in that time, without which nothing is asked.
const SHARE_REQUESTS: usize = 20;
/// Least part of the fair share.
const SHARE_LEAST: f64 = 0.5;
/// How exactly the moment of a change is known: looks are 100 ms apart.
const BLUR: f64 = 0.25;

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Every difference, a sentence each; none: passed.
    pub faults: Vec<String>,
    /// Users, and those without a page.
    pub users: usize,
    /// Those without a page.
    pub bad: usize,
    /// Each newcomer's share in its first 2 s: server, share, fair share.
    pub shares: Vec<(usize, f64, f64)>,
    /// Median and 95th percentile of all users, milliseconds.
    pub p50_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// How late requests were sent, 99th percentile, milliseconds: the lab's own fault.
    pub late_ms: f64,
}

/// The time in which a server was ready without interruption.
#[derive(Clone, Copy, Debug)]
pub struct Episode {
    /// Which of `SERVERS`.
    pub server: usize,
    /// First seen ready.
    pub from: f64,
    /// First seen otherwise, or the end of the run.
    pub to: f64,
    /// It was ready in the first look already.
    pub from_start: bool,
}

/// Everything that a check may look at.
pub struct Run<'a> {
    /// What was to be.
    pub case: &'a Case,
    /// What was.
    pub record: &'a Record,
    /// When the load began.
    pub begin: f64,
    /// When it ended.
    pub end: f64,
    /// All servers' times of being ready.
    pub episodes: Vec<Episode>,
}

impl Run<'_> {
    /// Hits in a span of time: of this server, and of all.
    pub fn hits(&self, server: usize, from: f64, to: f64) -> (usize, usize) {
        let within = self
            .record
            .hits
            .iter()
            .filter(|hit| hit.at >= from && hit.at < to);
        within.fold((0, 0), |(own, all), hit| {
            (own + usize::from(hit.server == server), all + 1)
        })
    }

    /// The last look before that moment.
    pub fn sample(&self, at: f64) -> Option<&Sample> {
        let samples = &self.record.samples;
        let next = samples.partition_point(|sample| sample.at <= at);
        samples.get(next.checked_sub(1)?)
    }

    /// The part of requests that HAProxy's weights give this server, 0 to 1.
    pub fn fair(&self, server: usize, at: f64) -> f64 {
        let Some(sample) = self.sample(at) else {
            return 0.0;
        };
        let parts: Vec<f64> = sample
            .rows
            .iter()
            .map(|row| match row.shown {
                Shown::Ready if !row.is_backup => f64::from(row.weight * row.throttle) / 100.0,
                Shown::Ready | Shown::Unknown | Shown::Maint | Shown::Drain | Shown::Down => 0.0,
            })
            .collect();
        let all: f64 = parts.iter().sum();
        if all > 0.0 { parts[server] / all } else { 0.0 }
    }

    /// Whether there is something for a newcomer to take: `balance first` fills it only with what the
    /// others have no place for.
    pub fn has_demand(&self, at: f64) -> bool {
        let is_first = self.case.haproxy.backend.contains("balance first");
        let has_limit = self.case.haproxy.servers[0].contains("maxconn");
        !is_first || !has_limit || self.sample(at).is_some_and(|sample| sample.queued > 0)
    }

    /// Spares that became ready while we looked.
    pub fn newcomers(&self) -> impl Iterator<Item = &Episode> {
        self.episodes
            .iter()
            .filter(|episode| episode.server > 0 && !episode.from_start)
    }

    /// Seconds since the load began, as people write them.
    pub fn second(&self, at: f64) -> String {
        format!("{:.1} s", at - self.begin)
    }
}

/// Judges a run whose load lasted from `begin` to `end`.
pub fn judge(case: &Case, record: &Record, begin: f64, end: f64) -> Verdict {
    let run = Run {
        case,
        record,
        begin,
        end,
        episodes: episodes(record),
    };
    let users: Vec<&Answer> = record
        .answers
        .iter()
        .filter(|answer| !answer.long)
        .collect();
    let bad = users.iter().filter(|answer| answer.is_bad()).count();
    let times = times_ms(users.iter().copied());
    let mut late: Vec<f64> = users
        .iter()
        .map(|answer| (answer.sent - answer.due) * 1000.0)
        .collect();
    late.sort_by(f64::total_cmp);
    let mut verdict = Verdict {
        faults: record
            .faults
            .iter()
            .map(|fault| format!("the lab: {fault}"))
            .collect(),
        users: users.len(),
        bad,
        shares: Vec::new(),
        p50_ms: percentile(&times, 0.5),
        p95_ms: percentile(&times, 0.95),
        late_ms: percentile(&late, 0.99),
    };
    verdict.faults.dedup();
    let percent = 100.0 * bad as f64 / users.len().max(1) as f64;
    if percent > case.expect.bad_percent {
        verdict.faults.push(format!(
            "{bad} of {} users got no page ({percent:.1} %, at most {} % are expected)",
            users.len(),
            case.expect.bad_percent
        ));
    }
    shares(&run, &mut verdict);
    verdict.faults.extend(claims::faults(&run));
    verdict.faults.extend(wishes::faults(&run));
    verdict
}

fn episodes(record: &Record) -> Vec<Episode> {
    let mut found = Vec::new();
    for server in 0..SERVERS.len() {
        let mut open: Option<Episode> = None;
        for (index, sample) in record.samples.iter().enumerate() {
            let is_ready = match sample.rows[server].shown {
                Shown::Ready => true,
                Shown::Unknown => continue,
                Shown::Maint | Shown::Drain | Shown::Down => false,
            };
            if is_ready {
                open.get_or_insert(Episode {
                    server,
                    from: sample.at,
                    to: sample.at,
                    from_start: index == 0,
                })
                .to = sample.at;
            } else if let Some(mut episode) = open.take() {
                episode.to = sample.at;
                found.push(episode);
            }
        }
        found.extend(open);
    }
    found.sort_by(|one, other| one.from.total_cmp(&other.from));
    found
}

/// What each newcomer got in its first 2 s.
fn shares(run: &Run<'_>, verdict: &mut Verdict) {
    for episode in run.newcomers() {
        let until = episode.from + SHARE_WITHIN;
        let (own, all) = run.hits(episode.server, episode.from, until);
        let is_asked = all >= SHARE_REQUESTS && run.has_demand(until - 1.0);
        if !is_asked || episode.to < until || until > run.end {
            continue;
        }
        let (share, fair) = (
            own as f64 / all as f64,
            run.fair(episode.server, until - 0.5),
        );
        verdict.shares.push((episode.server, share, fair));
        match run.case.expect.share {
            Share::Any => {}
            Share::Fair => {
                if share < SHARE_LEAST * fair {
                    verdict.faults.push(format!(
                        "{} was ready at {} and got {own} of {all} requests in {SHARE_WITHIN} s \
                         ({:.0} %; fair is {:.0} %)",
                        SERVERS[episode.server],
                        run.second(episode.from),
                        share * 100.0,
                        fair * 100.0
                    ));
                }
            }
            Share::Never => {
                if share < SHARE_LEAST / SERVERS.len() as f64 {
                    verdict
                        .faults
                        .extend(claims::said_not_serving(run, episode, own, all));
                }
            }
        }
    }
}
