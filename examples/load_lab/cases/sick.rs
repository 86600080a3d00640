//! Spares that are sick, slow or cold, and servers that die.

use super::{OWN_DEFAULTS, backend, curve, percent, quick, servers};
use crate::case::{Act, Case, Expect, Haproxy, Load, Mood, Share, WELL, When, plain};
use crate::seen::{WEB2, WEB3};

/// Warm-up and health are good, pages are not: the wrong release, no database.
const PAGES_500: Mood = Mood { pages: 500, ..WELL };
const PAGES_500_FAST: Mood = Mood { fails_fast: true, ..PAGES_500 };
/// Ready to warm up, and HAProxy's checks fail.
const CHECKS_FAIL: Mood = Mood { health: 503, ..WELL };
const TEN_TIMES_SLOWER: Mood = Mood { slower: 10.0, ..WELL };
const DEAD: Mood = Mood { dead: true, ..WELL };

fn second(case: Case, web2: Mood) -> Case {
    Case {
        servers: [WELL, web2, WELL],
        ..case
    }
}

/// Out within 50 of its requests or 1 s, and the good one comes.
fn thrown_out(case: Case, percent: f64) -> Case {
    Case {
        expect: Expect {
            bad_percent: percent,
            out_within: &[(WEB2, 1.0, 50)],
            comes: &[WEB2, WEB3],
            share: Share::Any,
            said: &["probation_failed"],
            ..case.expect
        },
        ..case
    }
}

/// M3, M4, M5, M12 and the like.
pub fn cases() -> Vec<Case> {
    let least = "balance leastconn\noption httpchk GET /health";
    let observe = ["check inter 1s observe layer7 error-limit 5 on-error mark-down"; 3];
    let one = |name, about| second(plain(name, about), CHECKS_FAIL);
    let blocked = |case: Case| Case {
        expect: Expect { comes: &[WEB3], ready_within: &[(WEB3, 0.0, 13.0)], ..case.expect },
        daemon: &[("warm_up.deadline", "\"30s\"")],
        ..case
    };
    let mut cases = vec![
        quick(thrown_out(second(plain("user500", "pages of web2 answer 500, health and warm-up do not"), PAGES_500), 5.0)),
        quick(thrown_out(backend(second(plain("user500-fast-lc", "the same, fast, with leastconn"), PAGES_500_FAST), least), 5.0)),
        Case { daemon: OWN_DEFAULTS, ..curve(thrown_out(second(plain("user500-def", "the same with default cooldowns"), PAGES_500_FAST), 3.0), &[(95.0, 45.0), (8.0, 5.0)]) },
        Case { expect: Expect { said: &[], ..plain("", "").expect }, ..percent(servers(second(plain("user500-observe", "HAProxy observes layer 7 itself"), PAGES_500_FAST), observe), 5.0) },
        quick(blocked(curve(one("sick-one", "web2's checks fail, web3 is well"), &[(95.0, 22.0)]))),
        curve(Case { daemon: OWN_DEFAULTS, ..blocked(one("sick-one-def", "the same with all defaults")) }, &[(85.0, 30.0)]),
        mistaken_user("sick-use-server-inter10", "use-server reaches a spare in drain, inter 10s", "check inter 10s rise 2 fall 3"),
        mistaken_user("sick-use-server-inter1", "the same with inter 1s", "check inter 1s rise 2 fall 3"),
    ];
    cases.extend(slow());
    cases.extend(dying());
    cases
}

/// M4: a rule of HAProxy's that passes by `drain`.
fn mistaken_user(name: &'static str, about: &'static str, check: &'static str) -> Case {
    let rule = "balance roundrobin\nuse-server web2 if { path_beg /u }\noption httpchk GET /health";
    let case = backend(plain(name, about), rule);
    Case {
        haproxy: Haproxy { servers: ["check inter 1s", check, "check inter 1s"], ..case.haproxy },
        load: Load { path: "/u/page", curve: &[(95.0, 24.0)], ..case.load },
        servers: [WELL, Mood { health: 503, ..PAGES_500_FAST }, WELL],
        expect: Expect { share: Share::Any, comes: &[], said: &["probation_failed|enable_failed"], ..case.expect },
        ..case
    }
}

/// M12: slow, once it is in.
fn slow() -> Vec<Case> {
    let least = "balance leastconn\noption httpchk GET /health";
    let slow = |name, about| {
        let case = plain(name, about);
        Case {
            acts: vec![(When::Ready(WEB2, 1.0), Act::Mood(WEB2, TEN_TIMES_SLOWER))],
            expect: Expect {
                share: Share::Any,
                bad_percent: 3.0,
                // Said or out within 10 s.
                said: &["probation_failed|web2 is slow|times slower"],
                unsaid: &["serve already"],
                out_within: &[(WEB2, 11.0, 0)],
                comes: &[WEB2, WEB3],
                ..case.expect
            },
            ..case
        }
    };
    let cold = |name, about, pages, times| {
        let case = plain(name, about);
        let cold = Mood { cold: (pages, times), ..WELL };
        Case { servers: [WELL, cold, cold], expect: Expect { share: Share::Any, ..case.expect }, ..case }
    };
    vec![
        curve(slow("slow-spare", "web2 ten times slower once it is in"), &[(95.0, 24.0), (8.0, 4.0)]),
        Case { expect: Expect { out_within: &[], said: &[], ..slow("", "").expect }, ..backend(slow("slow-spare-lc", "the same with leastconn"), least) },
        cold("cold-spare", "web2's first 20 pages take five times longer", 20, 5.0),
        curve(cold("cold-heavy", "the first 120 pages take eight times longer", 120, 8.0), &[(95.0, 26.0)]),
    ]
}

fn dying() -> Vec<Case> {
    let redispatch = "balance roundrobin\noption redispatch 1\nretry-on all-retryable-errors\noption httpchk GET /health";
    let dies = |name, about, when, server, lines| {
        let case = backend(plain(name, about), lines);
        Case {
            acts: vec![(when, Act::Mood(server, DEAD))],
            expect: Expect { share: Share::Any, bad_percent: 8.0, ..case.expect },
            ..case
        }
    };
    let plainly = "balance roundrobin\noption httpchk GET /health";
    let web1 = curve(dies("web1-dies", "web1 dies at low load", When::At(8.0), 0, redispatch), &[(20.0, 25.0)]);
    let all_slow = Mood { slower: 20.0, ..WELL };
    let hung = Mood { hung: true, ..WELL };
    let database = plain("database", "all pages take 20 times longer for 8 s");
    let waits = Mood { health_waits: true, ..WELL };
    vec![
        Case { expect: Expect { ready_within: &[(WEB2, 8.0, 7.0)], ..web1.expect }, ..web1 },
        dies("spare-dies", "web2 dies while it is ready", When::Ready(WEB2, 3.0), WEB2, plainly),
        dies("spare-dies-redispatch", "the same with redispatch", When::Ready(WEB2, 3.0), WEB2, redispatch),
        Case { servers: [waits; 3], ..percent(plain("health-workers", "health waits for a worker as pages do"), 5.0) },
        Case {
            acts: vec![(When::Ready(WEB2, 2.0), Act::Mood(WEB2, hung))],
            expect: Expect { share: Share::Any, bad_percent: 15.0, ..plain("", "").expect },
            ..plain("spare-hangs", "web2 accepts and never answers")
        },
        Case {
            load: Load { curve: &[(20.0, 40.0)], ..database.load },
            acts: vec![(When::At(8.0), Act::All(all_slow)), (When::At(16.0), Act::All(WELL))],
            expect: Expect { share: Share::Any, comes: &[], ..database.expect },
            ..database
        },
    ]
}
