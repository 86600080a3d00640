//! What somebody else does: weight 0, `backup`, servers made at run time, agents that drain.

use super::{curve, quick, servers};
use crate::case::{Act, Case, Expect, Haproxy, Load, Mood, Share, WELL, When, plain};
use crate::seen::{WEB2, WEB3};

const FAST: &[(&str, &str)] = &[("haproxy.poll_interval", "\"500ms\"")];
const INTER: [&str; 3] = ["check inter 300ms"; 3];
const AGENT: &str = "check inter 1s agent-check agent-port {agent} agent-inter 500ms";

/// The small ones, and reports from the field.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![quick(weight_rests()), quick(weight_carries()), quick(backup()),
        quick(checks_do_not_run("dynamic-nohealth", "`add server … check` without `enable health`; web3 is well", "-", "add server web/web2 {web2} check inter 1s")),
        checks_do_not_run("health-disabled", "an operator's `disable health`; web3 is well", "check inter 1s", "disable health web/web2"),
    ];
    cases.extend(agents());
    let track = plain("track-down", "a spare that tracks a server that is DOWN");
    cases.push(Case {
        haproxy: Haproxy {
            servers: ["check inter 1s", "track other/t1", "check inter 1s"],
            more: "\nbackend other\n    server t1 127.0.0.1:1 check inter 500ms\n",
            ..track.haproxy
        },
        expect: Expect { comes: &[WEB3], unsaid: &["add `check`"], share: Share::Any, ..track.expect },
        ..track
    });
    cases
}

/// web1 is drained by its weight while the spares are at rest.
fn weight_rests() -> Case {
    let case = servers(plain("weight0-rests", "somebody sets web1's weight to 0, the spares rest"), INTER);
    Case {
        daemon: FAST,
        load: Load { curve: &[(20.0, 30.0)], ..case.load },
        acts: vec![(When::At(8.0), Act::Command("set weight web/web1 0"))],
        expect: Expect {
            // 3 of 30 seconds.
            bad_percent: 11.0,
            ready_within: &[(WEB2, 8.0, 3.0)],
            stays: &[(WEB2, 12.0, 29.0)],
            ..case.expect
        },
        ..case
    }
}

/// The same while web2 is in: it carries alone, stays, and cannot be ordered away.
fn weight_carries() -> Case {
    let case = servers(plain("weight0-carries", "web1's weight is 0 while web2 carries alone"), INTER);
    Case {
        daemon: &[("haproxy.poll_interval", "\"500ms\""), ("spares", "[\"web2\"]")],
        load: Load { curve: &[(95.0, 9.0), (25.0, 21.0)], ..case.load },
        acts: vec![
            (When::At(10.0), Act::Command("set weight web/web1 0")),
            (When::At(25.0), Act::Order(&["disable", "web/web2"], 1)),
        ],
        expect: Expect { stays: &[(WEB2, 10.0, 29.5)], ..case.expect },
        ..case
    }
}

fn backup() -> Case {
    let words = ["check inter 1s", "check inter 1s backup", "check inter 1s backup"];
    let case = servers(plain("backup-spare", "spares marked `backup` get nothing while web1 is up"), words);
    Case {
        expect: Expect {
            share: Share::Never,
            comes: &[],
            bad_percent: 5.0,
            said: &["backup"],
            unsaid: &["serve already"],
            ..case.expect
        },
        ..case
    }
}

/// Checks that are configured and do not run: nobody may wait for them.
fn checks_do_not_run(name: &'static str, about: &'static str, web2: &'static str, command: &'static str) -> Case {
    let case = servers(plain(name, about), ["check inter 1s", web2, "check inter 1s"]);
    Case {
        daemon: &[("warm_up.deadline", "\"30s\""), ("spares", "[\"web2\", \"web3\"]")],
        acts: vec![(When::At(-0.5), Act::Command(command))],
        expect: Expect {
            comes: &[WEB3],
            ready_within: &[(WEB3, 0.0, 12.0)],
            said: &["enable health"],
            share: Share::Any,
            ..case.expect
        },
        ..case
    }
}

fn agents() -> Vec<Case> {
    let agent = |name, about, said, words: &'static [&'static str]| {
        let case = servers(plain(name, about), [AGENT; 3]);
        let mood = Mood { agent: said, ..WELL };
        Case {
            servers: [WELL, mood, WELL],
            expect: Expect { comes: &[WEB3], said: words, share: Share::Any, ..case.expect },
            ..case
        }
    };
    vec![
        agent("agent-drain", "web2's agent says drain", "drain", &["agent"]),
        agent("agent-maint", "web2's agent says maint", "maint", &["agent"]),
        agent("agent-down", "web2's agent says down", "down", &["agent"]),
        curve(agent("agent-stopped", "web2's agent says stopped", "stopped", &["agent"]), &[(95.0, 20.0)]),
    ]
}
