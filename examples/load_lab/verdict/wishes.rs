//! What a case expects beyond what every case must show.

use super::{BLUR, Run};
use crate::seen::{Answer, SERVERS, Shown, percentile, times_ms};

/// All expectations that were not met.
pub fn faults(run: &Run<'_>) -> Vec<String> {
    let mut faults = comings(run);
    faults.extend(goings(run));
    faults.extend(medians(run));
    faults.extend(late_failures(run));
    faults.extend(words(run));
    let unwanted = run
        .record
        .acts
        .iter()
        .filter(|act| act.text.contains("NOT AS WANTED"));
    faults.extend(unwanted.map(|act| act.text.clone()));
    faults
}

fn comings(run: &Run<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for server in run.case.expect.comes {
        if !run.episodes.iter().any(|episode| episode.server == *server) {
            faults.push(format!("{} never came", SERVERS[*server]));
        }
    }
    if let Some(second) = run.case.expect.none_after {
        let late = run
            .newcomers()
            .find(|episode| episode.from > run.begin + second);
        faults.extend(late.map(|episode| {
            format!(
                "{} was made ready at {}, though nobody needs it after second {second}",
                SERVERS[episode.server],
                run.second(episode.from)
            )
        }));
    }
    for (server, since, within) in run.case.expect.ready_within {
        let (from, to) = (run.begin + since, run.begin + since + within + BLUR);
        let ready = run
            .episodes
            .iter()
            .find(|episode| episode.server == *server && episode.to > from);
        let name = SERVERS[*server];
        match ready {
            Some(episode) if episode.from <= to => {}
            Some(episode) => faults.push(format!(
                "{name} was ready {:.1} s after second {since}, not within {within} s",
                episode.from - from
            )),
            None => faults.push(format!("{name} was not ready after second {since}")),
        }
    }
    faults
}

fn goings(run: &Run<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for (server, seconds, requests) in run.case.expect.out_within {
        for episode in run.newcomers().filter(|episode| episode.server == *server) {
            let mut hits = run
                .record
                .hits
                .iter()
                .filter(|hit| hit.server == *server && hit.at >= episode.from - BLUR);
            let last = hits
                .nth(requests.saturating_sub(1))
                .map_or(f64::MAX, |hit| hit.at);
            let limit = last.max(episode.from + seconds) + BLUR;
            if episode.to > limit {
                let (own, _) = run.hits(*server, episode.from, episode.to);
                faults.push(format!(
                    "{} was in from {} to {} and got {own} requests (out within {seconds} s or {requests} requests)",
                    SERVERS[*server],
                    run.second(episode.from),
                    run.second(episode.to)
                ));
                break;
            }
        }
    }
    for (server, from, to) in run.case.expect.stays {
        let (from, to) = (run.begin + from, run.begin + to);
        let mut samples = run.record.samples.iter();
        let left = samples.find(|sample| {
            sample.at >= from && sample.at <= to && sample.rows[*server].shown != Shown::Ready
        });
        if let Some(sample) = left {
            faults.push(format!(
                "{} was {} at {}, though it had to stay",
                SERVERS[*server],
                sample.rows[*server].status,
                run.second(sample.at)
            ));
        }
    }
    if run.case.expect.rests
        && let Some(last) = run.record.samples.last()
    {
        for (row, name) in last.rows.iter().zip(SERVERS).skip(1) {
            if row.shown != Shown::Maint {
                faults.push(format!("{name} is {} at the end, not at rest", row.status));
            }
        }
    }
    faults
}

fn medians(run: &Run<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for (from, to, limit_ms) in run.case.expect.median {
        let (since, until) = (run.begin + from, run.begin + to);
        let users = run
            .record
            .answers
            .iter()
            .filter(|answer| !answer.long && answer.sent >= since && answer.sent < until);
        let p50 = percentile(&times_ms(users), 0.5);
        if p50 > *limit_ms {
            faults.push(format!(
                "half of the users who came from second {from} to {to} waited {p50:.0} ms or more \
                 (at most {limit_ms} ms)"
            ));
        }
    }
    faults
}

/// Users who came when help was there, and got no page all the same.
fn late_failures(run: &Run<'_>) -> Option<String> {
    let ready = run
        .newcomers()
        .next()
        .filter(|_| run.case.expect.safe_once_ready)?
        .from;
    let late = |answer: &&Answer| answer.sent > ready + BLUR && answer.is_bad() && !answer.long;
    let count = run.record.answers.iter().filter(late).count();
    let at = run.second(ready);
    (count > 0)
        .then(|| format!("{count} users who came after a spare was ready ({at}) got no page"))
}

/// Whether one of the alternatives, divided by `|`, stands in the daemon's log or in `status`.
fn is_said(run: &Run<'_>, words: &str) -> bool {
    words.split('|').any(|word| {
        run.record.lines.iter().any(|line| line.text.contains(word))
            || run
                .record
                .claims
                .iter()
                .any(|claim| claim.status.to_string().contains(word))
    })
}

fn words(run: &Run<'_>) -> Vec<String> {
    let said = run
        .case
        .expect
        .said
        .iter()
        .filter(|words| !is_said(run, words));
    let mut faults: Vec<String> = said
        .map(|words| format!("the daemon never says `{words}`"))
        .collect();
    let unsaid = run
        .case
        .expect
        .unsaid
        .iter()
        .filter(|words| is_said(run, words));
    faults.extend(unsaid.map(|words| format!("the daemon says `{words}`, which is untrue here")));
    faults
}
