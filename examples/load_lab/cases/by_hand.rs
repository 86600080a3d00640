//! What somebody else does: weight 0, `backup`, servers made at run time, agents that drain.

use super::{AGENT, CHECK, LONG_DEADLINE, READ_OFTEN};
use crate::case::{Act, Case, Share, When, plain};
use crate::seen::{WEB2, WEB3};

/// The small ones, and reports from the field.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![weight_rests(), weight_carries(), backup()];
    cases.extend(checks_do_not_run());
    cases.extend(agents());
    cases
}

/// web1 is drained by its weight while the spares are at rest.
fn weight_rests() -> Case {
    plain(
        "weight0-rests",
        "web1's weight is set to 0, the spares rest",
    )
    .quick()
    .each("check inter 300ms")
    .told(READ_OFTEN)
    .users(&[(20.0, 30.0)])
    .act(When::At(8.0), Act::Command("set weight web/web1 0"))
    // 3 of 30 seconds.
    .bad(11.0)
    .ready_within(&[(WEB2, 8.0, 3.0)])
    .stays(&[(WEB2, 12.0, 29.0)])
}

/// The same while web2 is in: it carries alone, stays, and cannot be ordered away.
fn weight_carries() -> Case {
    plain("weight0-carries", "web1's weight is 0, web2 carries alone")
        .quick()
        .each("check inter 300ms")
        .told(&[
            ("haproxy.poll_interval", "\"500ms\""),
            ("spares", "[\"web2\"]"),
        ])
        .users(&[(95.0, 9.0), (25.0, 21.0)])
        .act(When::At(10.0), Act::Command("set weight web/web1 0"))
        .act(When::At(25.0), Act::Order(&["disable", "web/web2"], 1))
        .stays(&[(WEB2, 10.0, 29.5)])
}

fn backup() -> Case {
    plain(
        "backup-spare",
        "`backup` spares get nothing while web1 is up",
    )
    .quick()
    .servers([CHECK, "check inter 1s backup", "check inter 1s backup"])
    .share(Share::Never)
    .comes(&[])
    .bad(5.0)
    .says(&["backup"])
    .never_says(&["serve already|only spare serves"])
}

/// Checks that are configured and do not run: nobody may wait for them.
fn checks_do_not_run() -> Vec<Case> {
    let case = |name, about, command| {
        plain(name, about)
            .told(LONG_DEADLINE)
            .act(When::At(-0.5), Act::Command(command))
            .comes(&[WEB3])
            .ready_within(&[(WEB3, 0.0, 12.0)])
            .says(&["enable health"])
            .share(Share::Any)
    };
    let add = "add server web/web2 {web2} check inter 1s";
    vec![
        case(
            "dynamic-nohealth",
            "`add server` without `enable health`",
            add,
        )
        .quick()
        .told(&[
            ("warm_up.deadline", "\"30s\""),
            ("spares", "[\"web2\", \"web3\"]"),
        ])
        .servers([CHECK, "-", CHECK]),
        case(
            "health-disabled",
            "an operator's `disable health`",
            "disable health web/web2",
        ),
        plain("track-down", "a spare that tracks a server that is DOWN")
            .servers([CHECK, "track other/t1", CHECK])
            .more("\nbackend other\n    server t1 127.0.0.1:1 check inter 500ms\n")
            .comes(&[WEB3])
            .never_says(&["add `check`"])
            .share(Share::Any),
    ]
}

fn agents() -> Vec<Case> {
    let agent = |name, about, said| {
        plain(name, about)
            .each(AGENT)
            .agents(["up 100%", said, "up 100%"])
            .comes(&[WEB3])
            .says(&["agent"])
            .never_says(&["outside this daemon"])
            .share(Share::Any)
    };
    vec![
        agent("agent-drain", "web2's agent says drain", "drain"),
        agent("agent-maint", "web2's agent says maint", "maint"),
        agent("agent-down", "web2's agent says down", "down"),
        agent("agent-stopped", "web2's agent says stopped", "stopped"),
    ]
}
