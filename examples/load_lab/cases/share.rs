//! A newcomer that HAProxy sends little or nothing, for whatever reason.

use super::{OWN_DEFAULTS, backend, quick, served, servers};
use crate::case::{Case, Clients, Expect, Haproxy, Load, Mood, Share, WELL, plain};

const LONG: &[(f64, f64)] = &[(85.0, 40.0), (8.0, 4.0)];
const AGENT: &str = "check inter 1s agent-check agent-port {agent} agent-inter 500ms";
/// The daemon says that the newcomer takes nothing.
const NOT_SERVING: &[&str] = &["not_serving|not serving|takes no requests|no requests reach"];

/// HAProxy cannot send the spares any: that is said, and is not counted as help.
fn never(case: Case) -> Case {
    Case {
        expect: Expect {
            share: Share::Never,
            bad_percent: 5.0,
            said: NOT_SERVING,
            unsaid: &["serve already"],
            ..case.expect
        },
        ..case
    }
}

fn agents(case: Case, said: [&'static str; 3]) -> Case {
    let [web1, web2, web3] = said;
    let mood = |agent| Mood { agent, ..WELL };
    Case {
        haproxy: Haproxy {
            servers: [AGENT; 3],
            ..case.haproxy
        },
        servers: [mood(web1), mood(web2), mood(web3)],
        ..case
    }
}

fn clients(case: Case, clients: Clients) -> Case {
    Case {
        load: Load {
            clients,
            ..case.load
        },
        ..case
    }
}

fn long(case: Case) -> Case {
    Case {
        load: Load {
            curve: LONG,
            ..case.load
        },
        daemon: OWN_DEFAULTS,
        ..case
    }
}

fn median(case: Case, median: &'static [(f64, f64, f64)]) -> Case {
    Case {
        expect: Expect {
            median,
            ..case.expect
        },
        ..case
    }
}

fn unsaid(case: Case, share: Share, unsaid: &'static [&'static str]) -> Case {
    Case {
        expect: Expect {
            share,
            unsaid,
            ..case.expect
        },
        ..case
    }
}

/// M2 and M6.
pub fn cases() -> Vec<Case> {
    let mut cases = never_any();
    cases.extend(weak_agents());
    cases.extend(little());
    cases
}

fn never_any() -> Vec<Case> {
    let cookie = "balance roundrobin\ncookie SRV insert indirect nocache\noption httpchk GET /health";
    let stick = "balance roundrobin\nstick-table type ip size 10k expire 1m\nstick on src\noption httpchk GET /health";
    let dynamic = "balance roundrobin\ncookie SRV insert indirect nocache dynamic\ndynamic-cookie-key lab\noption httpchk GET /health";
    let uri = "balance uri\noption httpchk GET /health";
    let to_web1 = "balance roundrobin\nuse-server web1 if { path_beg / }\noption httpchk GET /health";
    let first = "balance first\noption httpchk GET /health";
    let returning = |case| clients(case, Clients::Returning(900));
    vec![
        quick(never(agents(plain("agent-50", "the spares' agents say 50 % at weight 1"), ["up 100%", "50%", "50%"]))),
        never(long(agents(plain("agent-50-def", "the same with default cooldowns"), ["up 100%", "50%", "50%"]))),
        never(agents(plain("agent-0", "the spares' agents say 0 %"), ["up 100%", "up 0%", "up 0%"])),
        never(backend(plain("first-nomax", "balance first without maxconn"), first)),
        never(backend(plain("use-server-web1", "use-server sends all to web1"), to_web1)),
        never(servers(plain("weight100-warm10", "web1 of weight 256, spares of weight 1"), ["check inter 1s weight 256", "check inter 1s weight 1", "check inter 1s weight 1"])),
        unsaid(returning(backend(plain("cookie", "returning clients with cookies"), cookie)), Share::Never, &["not_helping", "serve already"]),
        unsaid(backend(plain("stick", "stick on src, all from one address"), stick), Share::Never, &["serve already"]),
        unsaid(returning(backend(plain("dyncookie", "dynamic cookies"), dynamic)), Share::Never, &["not_helping", "serve already"]),
        unsaid(backend(plain("uri-onepath", "balance uri and one hot path"), uri), Share::Never, &["serve already"]),
    ]
}

fn weak_agents() -> Vec<Case> {
    let web1 = |name, about, said| {
        let case = agents(plain(name, about), [said, "up 100%", "up 100%"]);
        Case {
            quick: true,
            load: Load {
                curve: &[(40.0, 25.0)],
                ..case.load
            },
            daemon: &[("haproxy.poll_interval", "\"500ms\"")],
            expect: Expect {
                bad_percent: 20.0,
                ready_within: &[(1, 0.0, 6.0)],
                stays: &[(1, 8.0, 24.0)],
                ..case.expect
            },
            ..case
        }
    };
    let heavy = |case| {
        servers(case, ["check inter 1s weight 4 agent-check agent-port {agent} agent-inter 500ms"; 3])
    };
    vec![
        web1("agent-web1-50", "web1's own agent says 50 % at weight 1: weight 0", "50%"),
        Case { quick: false, ..web1("agent-w1-load", "the same with 75 %", "75%") },
        served(agents(plain("agent-up", "agents say up"), ["up"; 3])),
        served(heavy(agents(plain("agent-75-w4", "agents say 75 % at weight 4"), ["75%"; 3]))),
    ]
}

fn little() -> Vec<Case> {
    let weights = ["check inter 1s weight 100", "check inter 1s weight 10", "check inter 1s weight 256"];
    let uneven = ["check inter 1s weight 100", "check inter 1s weight 20", "check inter 1s weight 100"];
    let slow = |seconds| match seconds {
        10 => ["check inter 1s slowstart 10s"; 3],
        _ => ["check inter 1s slowstart 30s"; 3],
    };
    let helps = |case| unsaid(case, Share::Fair, &["not_helping"]);
    vec![
        served(median(quick(plain("base", "round robin, nothing odd")), &[(13.0, 18.0, 300.0)])),
        served(long(plain("base-def", "default cooldowns"))),
        median(helps(servers(plain("weights", "weights 100, 10, 256"), weights)), &[(14.0, 18.0, 900.0)]),
        helps(long(servers(plain("not-help-weight", "weights 100, 20, 100; default cooldowns"), uneven))),
        helps(servers(plain("slowstart", "slowstart 10s"), slow(10))),
        helps(long(servers(plain("slowstart30-def", "slowstart 30s, default cooldowns"), slow(30)))),
    ]
}
