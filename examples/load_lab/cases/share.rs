//! A newcomer that HAProxy sends little or nothing, for whatever reason.

use super::{AGENT, OWN_DEFAULTS, READ_OFTEN};
use crate::case::{Case, Clients, Share, plain};

const LONG: &[(f64, f64)] = &[(85.0, 40.0), (8.0, 4.0)];

/// HAProxy cannot send the spares any: that is said, and not counted as help.
fn never(name: &'static str, about: &'static str) -> Case {
    plain(name, about)
        .share(Share::Never)
        .bad(5.0)
        .says(&["not_serving|not serving"])
        .never_says(&["serve already|only spare serves"])
}

fn long(case: Case) -> Case {
    case.users(LONG).told(OWN_DEFAULTS)
}

/// M2 and M6.
pub fn cases() -> Vec<Case> {
    let mut cases = never_any();
    cases.extend(persistent());
    cases.extend(weak_agents());
    cases.extend(little());
    cases
}

fn never_any() -> Vec<Case> {
    let weak = ["up 100%", "50%", "50%"];
    vec![
        never("agent-50", "the spares' agents say 50 % at weight 1")
            .quick()
            .each(AGENT)
            .agents(weak),
        long(never("agent-50-def", "the same with default cooldowns"))
            .each(AGENT)
            .agents(weak),
        never("agent-0", "the spares' agents say 0 %")
            .each(AGENT)
            .agents(["up 100%", "up 0%", "up 0%"]),
        never("first-nomax", "balance first without maxconn").backend("balance first"),
        never("use-server-web1", "use-server sends all to web1")
            .backend("balance roundrobin\nuse-server web1 if { path_beg / }"),
        never("uri-onepath", "balance uri and one hot path").backend("balance uri"),
    ]
}

/// New clients would come to a newcomer; those who are there do not.
fn persistent() -> Vec<Case> {
    let sticky = |name, about| {
        let case = plain(name, about).share(Share::Never).bad(5.0);
        case.never_says(&["not_helping", "serve already|only spare serves"])
            .clients(Clients::Returning(60))
    };
    vec![
        sticky("cookie", "60 returning clients with cookies")
            .backend("balance roundrobin\ncookie SRV insert indirect nocache")
            .servers([
                "check inter 1s cookie a",
                "check inter 1s cookie b",
                "check inter 1s cookie c",
            ]),
        sticky("dyncookie", "the same with dynamic cookies").backend(
            "balance roundrobin\ncookie SRV insert indirect nocache dynamic\ndynamic-cookie-key lab",
        ),
        sticky("stick", "stick on src, all from one address")
            .backend("balance roundrobin\nstick-table type ip size 10k expire 1m\nstick on src"),
    ]
}

fn weak_agents() -> Vec<Case> {
    let web1 = |name, about, said| {
        plain(name, about)
            .each(AGENT)
            .agents([said, "up 100%", "up 100%"])
            .users(&[(40.0, 25.0)])
            .told(READ_OFTEN)
            // Until web2 is in, nobody serves.
            .bad(20.0)
            .ready_within(&[(1, 0.0, 5.0)])
            .stays(&[(1, 8.0, 24.0)])
    };
    vec![
        web1(
            "agent-web1-50",
            "web1's own agent says 50 %: weight 0",
            "50%",
        )
        .quick(),
        web1("agent-w1-load", "the same with 75 %", "75%"),
        plain("agent-up", "agents say up")
            .whole_way()
            .each(AGENT)
            .agents(["up"; 3]),
        plain("agent-75-w4", "agents say 75 % at weight 4")
            .whole_way()
            .each("check inter 1s weight 4 agent-check agent-port {agent} agent-inter 500ms")
            .agents(["75%"; 3]),
    ]
}

/// A fair share may be small.
fn little() -> Vec<Case> {
    let helps = |name, about| plain(name, about).never_says(&["not_helping"]);
    vec![
        plain("base", "round robin, nothing odd")
            .quick()
            .whole_way()
            .median(&[(13.0, 18.0, 300.0)]),
        long(plain("base-def", "the same with default cooldowns")),
        helps("weights", "weights 100, 10, 256")
            .servers([
                "check inter 1s weight 100",
                "check inter 1s weight 10",
                "check inter 1s weight 256",
            ])
            .median(&[(14.0, 18.0, 900.0)]),
        never("weight100-warm10", "weights 256, 1, 1").servers([
            "check inter 1s weight 256",
            "check inter 1s weight 1",
            "check inter 1s weight 1",
        ]),
        long(helps("not-help-weight", "weights 100, 20, 100")).servers([
            "check inter 1s weight 100",
            "check inter 1s weight 20",
            "check inter 1s weight 100",
        ]),
        helps("slowstart", "slowstart 10s").each("check inter 1s slowstart 10s"),
        long(helps("slowstart30-def", "slowstart 30s")).each("check inter 1s slowstart 30s"),
    ]
}
