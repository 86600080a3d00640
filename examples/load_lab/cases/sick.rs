//! Spares that are sick, slow or cold, and servers that die.

use super::{CHECK, LONG_DEADLINE, OWN_DEFAULTS};
use crate::case::{Act, Case, Life, Mood, Share, WELL, When, plain};
use crate::seen::{WEB2, WEB3};

/// Warm-up and health are good, pages are not: the wrong release, no database.
const PAGES_500: Mood = Mood { pages: 500, ..WELL };
const PAGES_500_FAST: Mood = Mood {
    fails_fast: true,
    ..PAGES_500
};
/// It warms up, and HAProxy's checks fail.
const CHECKS_FAIL: Mood = Mood {
    health: 503,
    ..WELL
};
const TEN_TIMES_SLOWER: Mood = Mood {
    slower: 10.0,
    ..WELL
};
const DEAD: Mood = Mood {
    life: Life::Dead,
    ..WELL
};
const HUNG: Mood = Mood {
    life: Life::Hung,
    ..WELL
};

/// M3, M4, M5, M12 and the like.
pub fn cases() -> Vec<Case> {
    let mut cases = errors();
    cases.extend(blocked());
    cases.extend(slow());
    cases.extend(dying());
    cases
}

/// Out within 50 of its requests or 1 s, and the good one comes.
fn errors() -> Vec<Case> {
    let sick = |name, about, mood| {
        plain(name, about)
            .mood(WEB2, mood)
            .out_within(&[(WEB2, 1.0, 50)])
            .comes(&[WEB2, WEB3])
            .says(&["probation_failed"])
            .share(Share::Any)
            .bad(5.0)
    };
    vec![
        sick(
            "user500",
            "pages of web2 answer 500, its health is good",
            PAGES_500,
        )
        .quick(),
        sick("user500-fast-lc", "fast errors, leastconn", PAGES_500_FAST)
            .quick()
            .backend("balance leastconn"),
        sick("user500-def", "default cooldowns", PAGES_500_FAST)
            .users(&[(95.0, 45.0), (8.0, 5.0)])
            .told(OWN_DEFAULTS)
            .bad(3.0),
        sick(
            "user500-observe",
            "HAProxy observes layer 7 itself",
            PAGES_500_FAST,
        )
        .each("check inter 1s observe layer7 error-limit 5 on-error mark-down")
        .says(&[])
        .out_within(&[]),
    ]
}

/// M5: others need not wait for a sick one. M4: rules that pass by `drain`.
fn blocked() -> Vec<Case> {
    let one = |name, about| {
        plain(name, about)
            .mood(WEB2, CHECKS_FAIL)
            .comes(&[WEB3])
            .ready_within(&[(WEB3, 0.0, 13.0)])
    };
    let mistaken = |name, about, check| {
        plain(name, about)
            .backend("balance roundrobin\nuse-server web2 if { path_beg /u }")
            .servers([CHECK, check, CHECK])
            .path("/u/page")
            .users(&[(95.0, 24.0)])
            .mood(
                WEB2,
                Mood {
                    health: 503,
                    ..PAGES_500_FAST
                },
            )
            .comes(&[])
            .says(&["probation_failed|enable_failed"])
            // One second of users.
            .early(100)
            .share(Share::Any)
            .bad(3.0)
    };
    vec![
        one("sick-one", "web2's checks fail, web3 is well")
            .quick()
            .users(&[(95.0, 22.0)])
            .told(LONG_DEADLINE),
        one("sick-one-def", "the same with all defaults")
            .users(&[(85.0, 30.0)])
            .told(OWN_DEFAULTS),
        mistaken(
            "sick-use-server-inter10",
            "use-server reaches a spare in drain",
            "check inter 10s rise 2 fall 3",
        )
        .quick(),
        mistaken(
            "sick-use-server-inter1",
            "the same with inter 1s",
            "check inter 1s rise 2 fall 3",
        ),
    ]
}

/// M12: slow, once it is in. Said, or out, within 10 s.
fn slow() -> Vec<Case> {
    let slow = |name, about| {
        plain(name, about)
            .act(When::Ready(WEB2, 1.0), Act::Mood(WEB2, TEN_TIMES_SLOWER))
            .comes(&[WEB2, WEB3])
            .never_says(&["serve already|only spare serves"])
            .share(Share::Any)
            .bad(3.0)
    };
    let cold = |name, about, pages, times| {
        let cold = Mood {
            cold: (pages, times),
            ..WELL
        };
        let case = plain(name, about).mood(WEB2, cold).mood(WEB3, cold);
        case.share(Share::Any)
    };
    vec![
        slow("slow-spare", "web2 ten times slower once it is in")
            .users(&[(95.0, 24.0), (8.0, 4.0)])
            .says(&["probation_failed|web2 is slow|times slower"])
            // Not before web3 is in: web1 alone cannot carry it.
            .out_within(&[(WEB2, 15.0, 0)])
            .bad(10.0),
        slow("slow-spare-lc", "the same with leastconn")
            .backend("balance leastconn")
            .never_says(&[]),
        cold(
            "cold-spare",
            "the first 20 pages take five times longer",
            20,
            5.0,
        ),
        cold(
            "cold-heavy",
            "the first 120 pages take eight times longer",
            120,
            8.0,
        )
        .users(&[(95.0, 26.0)]),
    ]
}

fn dying() -> Vec<Case> {
    let redispatch = "balance roundrobin\noption redispatch 1\nretry-on all-retryable-errors";
    let any = |name, about| plain(name, about).share(Share::Any).bad(8.0);
    let all_slow = Mood {
        slower: 20.0,
        ..WELL
    };
    vec![
        any("web1-dies", "web1 dies at low load")
            .backend(redispatch)
            .users(&[(20.0, 25.0)])
            .act(When::At(8.0), Act::Mood(0, DEAD))
            .ready_within(&[(WEB2, 8.0, 7.0)]),
        any("spare-dies", "web2 dies while it is ready")
            .act(When::Ready(WEB2, 3.0), Act::Mood(WEB2, DEAD)),
        any("spare-dies-redispatch", "the same with redispatch")
            .backend(redispatch)
            .act(When::Ready(WEB2, 3.0), Act::Mood(WEB2, DEAD)),
        any("spare-hangs", "web2 accepts and never answers")
            .defaults("timeout queue 2s\ntimeout server 5s")
            .act(When::Ready(WEB2, 2.0), Act::Mood(WEB2, HUNG))
            .bad(15.0),
        any("health-workers", "health waits for a worker as pages do").moods(Mood {
            health_waits: true,
            ..WELL
        }),
        any("database", "all pages take 20 times longer for 8 s")
            .users(&[(20.0, 40.0)])
            .act(When::At(8.0), Act::All(all_slow))
            .act(When::At(16.0), Act::All(WELL))
            .comes(&[]),
    ]
}
