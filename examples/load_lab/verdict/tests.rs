//! The judge on made-up runs: a true claim passes, and each untrue one is a sentence.

use serde_json::json;

use super::judge;
use crate::case::{Share, plain};
use crate::seen::{Answer, Claim, Hit, Line, Record, Row, Sample, Shown, WEB2};

const BEGIN: f64 = 0.0;
const END: f64 = 30.0;
/// web2 is ready in these seconds.
const READY: (f64, f64) = (5.0, 20.0);

/// Thirty seconds of 50 users a second: web2 comes, takes half of them, and goes. `share`: the part of
/// users that it gets.
fn good(share: f64) -> Record {
    let mut record = Record::default();
    for tenth in 0..300_u32 {
        let at = f64::from(tenth) / 10.0;
        let web2 = match at {
            at if at < READY.0 - 1.0 => Shown::Maint,
            at if at < READY.0 => Shown::Drain,
            at if at < READY.1 => Shown::Ready,
            _ => Shown::Maint,
        };
        let row = |shown| Row {
            shown,
            weight: 1,
            throttle: 100,
            ..Row::default()
        };
        let rows = [row(Shown::Ready), row(web2), row(Shown::Maint)];
        record.samples.push(Sample {
            at,
            rows,
            queued: 0,
        });
        if tenth % 10 == 0 {
            let stage = if web2 == Shown::Ready {
                "ready"
            } else {
                "maint"
            };
            record.claims.push(claim(at, stage));
        }
    }
    for id in 0..1500_u32 {
        let at = f64::from(id) / 50.0 + 0.001;
        let is_in = at > READY.0 && at < READY.1 - 0.2;
        let takes = is_in && f64::from(id % 10) < share * 10.0;
        let server = if takes { WEB2 } else { 0 };
        record.hits.push(Hit { at, id, server });
        record.answers.push(answer(id, at));
    }
    record
}

fn answer(id: u32, at: f64) -> Answer {
    Answer {
        id,
        due: at,
        sent: at,
        ended: at + 0.06,
        status: 200,
        gave_up: false,
        long: false,
    }
}

fn claim(at: f64, web2: &str) -> Claim {
    let servers = json!([
        {"name": "web1", "stage": "ready", "up": true},
        {"name": "web2", "stage": web2, "up": web2 == "ready"},
    ]);
    let backend = json!({"state": "ok", "threshold_ms": 300.0, "problems": [], "servers": servers});
    Claim {
        at,
        status: json!({"problems": [], "backends": [backend]}),
    }
}

fn faults(record: &Record) -> Vec<String> {
    judge(&plain("made-up", ""), record, BEGIN, END).faults
}

/// One fault, and it has these words.
#[track_caller]
fn is_one_of(record: &Record, words: &str) {
    let faults = faults(record);
    assert!(
        faults.iter().any(|fault| fault.contains(words)),
        "{faults:#?}"
    );
}

#[test]
fn a_run_in_which_all_claims_are_true_has_no_fault() {
    assert_eq!(faults(&good(0.5)), [""; 0]);
}

#[test]
fn a_newcomer_without_its_share_is_a_fault_and_so_is_the_claim_that_it_serves() {
    let record = good(0.1);
    is_one_of(
        &record,
        "web2 was ready at 5.0 s and got 10 of 100 requests in 2 s",
    );
    is_one_of(&record, "says that web2 serves");
}

#[test]
fn a_newcomer_that_haproxy_sends_nothing_must_be_said() {
    let case = plain("made-up", "").share(Share::Never);
    let mut record = good(0.0);
    let judged = |record: &Record| judge(&case, record, BEGIN, END).faults;
    assert!(
        judged(&record)[0].contains("the daemon does not say so"),
        "{:?}",
        judged(&record)
    );
    record.lines.push(Line {
        at: 8.0,
        text: "WARN not_serving web/web2: its weight is 0".to_owned(),
    });
    for claim in record.claims.iter_mut().filter(|claim| claim.at >= 8.0) {
        claim.status["backends"][0]["servers"][1]["serving"] = json!(false);
    }
    assert_eq!(judged(&record), [""; 0]);
}

#[test]
fn ok_without_problems_is_untrue_while_users_get_no_page() {
    let mut record = good(0.5);
    for answer in record
        .answers
        .iter_mut()
        .filter(|answer| answer.id % 8 == 0)
    {
        answer.status = 503;
    }
    is_one_of(&record, "says `ok` and 0 problems, while");
    is_one_of(&record, "users got no page");
}

#[test]
fn drained_with_sessions_open_and_cut_is_two_faults() {
    let mut record = good(0.5);
    record.lines.push(Line {
        at: READY.1,
        text: "INFO disable web/web2: drained in 3s".to_owned(),
    });
    record.hits.push(Hit {
        at: 10.0,
        id: 9000,
        server: WEB2,
    });
    record.answers.push(Answer {
        ended: READY.1 + 0.05,
        status: 0,
        long: true,
        ..answer(9000, 10.0)
    });
    is_one_of(&record, "web2 is drained at 20.0 s, with 1 requests open");
    is_one_of(&record, "1 requests on web2 were cut");
}

#[test]
fn a_user_at_a_spare_before_it_is_ready_or_in_maint_is_a_fault() {
    let mut record = good(0.5);
    record.hits.push(Hit {
        at: 4.5,
        id: 9000,
        server: WEB2,
    });
    record.hits.push(Hit {
        at: 25.0,
        id: 9001,
        server: WEB2,
    });
    record
        .hits
        .sort_by(|one, other| one.at.total_cmp(&other.at));
    is_one_of(
        &record,
        "1 users reached web2 before it was ready, first at 4.5 s",
    );
    is_one_of(&record, "1 users reached web2 in maint, first at 25.0 s");
}
