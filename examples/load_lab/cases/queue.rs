//! `maxconn` on servers: a newcomer beside a queue.

use super::{OWN_DEFAULTS, percent, quick};
use crate::case::{Act, Case, Clients, Expect, Haproxy, Load, Log, Share, When, plain};
use crate::seen::WEB2;

/// `maxconn` on all servers.
const MAXCONN: [&str; 3] = ["check inter 1s maxconn 4"; 3];
/// On the always-up one alone.
const MIXED: [&str; 3] = [
    "check inter 1s maxconn 4",
    "check inter 1s",
    "check inter 1s",
];

/// A plain load with other servers and other lines in the backend.
fn queue(name: &'static str, about: &'static str, backend: &'static str, servers: [&'static str; 3]) -> Case {
    let case = plain(name, about);
    Case {
        haproxy: Haproxy {
            backend,
            servers,
            ..case.haproxy
        },
        // Before a spare is there, the short `timeout queue` answers some with a 503.
        expect: Expect {
            bad_percent: 9.0,
            ..case.expect
        },
        ..case
    }
}

const ROUND_ROBIN: &str = "balance roundrobin\noption httpchk GET /health";
const LEAST: &str = "balance leastconn\noption httpchk GET /health";
const FIRST: &str = "balance first\noption httpchk GET /health";

fn defaults(case: Case, defaults: &'static str) -> Case {
    Case {
        haproxy: Haproxy {
            defaults,
            ..case.haproxy
        },
        ..case
    }
}

fn load(case: Case, curve: &'static [(f64, f64)], patience: f64, daemon: &'static [(&'static str, &'static str)]) -> Case {
    Case {
        load: Load {
            curve,
            patience,
            ..case.load
        },
        daemon,
        ..case
    }
}

/// 95/s and then half of what the always-up server alone can carry.
const OUTLIVES: &[(f64, f64)] = &[(95.0, 30.0), (30.0, 20.0)];
const LONG: &[(f64, f64)] = &[(95.0, 40.0), (8.0, 6.0)];
const ABORT: &str = "timeout queue 30s\noption abortonclose";

/// M1.
pub fn cases() -> Vec<Case> {
    let rr = |name, about| queue(name, about, ROUND_ROBIN, MAXCONN);
    let abort = |case| percent(load(defaults(case, ABORT), OUTLIVES, 2.0, OWN_DEFAULTS), 9.0);
    let mut cases = vec![
        quick(rr("max", "maxconn on all servers, round robin, a short queue")),
        queue("max-lc", "the same with leastconn", LEAST, MAXCONN),
        quick(abort(rr("abort-def", "abortonclose, clients give up after 2 s, default cooldowns"))),
        abort(queue("abort-def-lc", "the same with leastconn", LEAST, MAXCONN)),
        percent(
            load(
                defaults(rr("impatient-abort-max", "clients give up after 1 s"), ABORT),
                &[(105.0, 20.0), (30.0, 6.0)],
                1.0,
                &[],
            ),
            30.0,
        ),
        quick(queue("mixed", "maxconn on web1 alone, round robin", ROUND_ROBIN, MIXED)),
        queue("mixed-lc", "the same with leastconn", LEAST, MIXED),
        queue("mixed-first", "the same with first", FIRST, MIXED),
        defaults(queue("mixed-abort", "mixed, abortonclose", ROUND_ROBIN, MIXED), "timeout queue 2s\noption abortonclose"),
        queue("nocheck-max", "servers without check: maint to ready", "balance roundrobin", ["maxconn 4"; 3]),
        queue("nocheck-mixed", "the same, maxconn on web1 alone", "balance roundrobin", ["maxconn 4", "", ""]),
        queue("first-max", "balance first with maxconn", FIRST, MAXCONN),
        percent(
            load(
                defaults(queue("first-def", "balance first, a long queue, default cooldowns", FIRST, MAXCONN), "timeout queue 30s"),
                LONG,
                10.0,
                OWN_DEFAULTS,
            ),
            1.0,
        ),
        queue("static-rr-max", "static-rr with maxconn", "balance static-rr\noption httpchk GET /health", MAXCONN),
        queue("random-max", "random with maxconn", "balance random\noption httpchk GET /health", MAXCONN),
        queue("minfull", "minconn and fullconn", "balance roundrobin\nfullconn 20\noption httpchk GET /health", ["check inter 1s minconn 2 maxconn 4"; 3]),
        queue("maxqueue", "maxqueue and redispatch", "balance roundrobin\noption redispatch\noption httpchk GET /health", ["check inter 1s maxconn 4 maxqueue 20"; 3]),
        percent(defaults(rr("short-queue", "timeout queue 300 ms"), "timeout queue 300ms"), 14.0),
        percent(load(defaults(rr("max-def", "timeout queue 3 s, default cooldowns"), "timeout queue 3s"), LONG, 30.0, OWN_DEFAULTS), 4.0),
    ];
    let case = rr("keep-max", "keep-alive clients and http-reuse always");
    cases.push(Case {
        load: Load { clients: Clients::KeepAlive, ..case.load },
        haproxy: Haproxy {
            backend: "balance roundrobin\nhttp-reuse always\noption httpchk GET /health",
            ..case.haproxy
        },
        ..case
    });
    let case = rr("t2-udp-max", "two threads, lines by UDP");
    cases.push(Case {
        haproxy: Haproxy { global: "nbthread 2", log: Log::Udp, ..case.haproxy },
        ..case
    });
    cases.push(percent(load(rr("spike-max", "ten times the load at once"), &[(15.0, 6.0), (150.0, 10.0), (15.0, 6.0)], 30.0, &[]), 25.0));
    cases.push(give_back());
    cases
}

/// Load returns during a drain, which a few long requests keep from ending.
fn give_back() -> Case {
    let backend = "balance roundrobin\nuse-server web2 if { path_beg /to-web2 }\noption httpchk GET /health";
    let case = queue("giveback-max3", "load returns while web2 drains", backend, ["check inter 1s maxconn 6"; 3]);
    Case {
        quick: true,
        load: Load {
            curve: &[(95.0, 12.0), (8.0, 12.0), (110.0, 8.0)],
            ..case.load
        },
        daemon: &[("drain_timeout", "\"30s\""), ("spares", "[\"web2\"]")],
        acts: vec![(When::Ready(WEB2, 1.0), Act::Long(2, "/to-web2", 25_000))],
        expect: Expect {
            share: Share::Fair,
            bad_percent: 6.0,
            ..case.expect
        },
        ..case
    }
}
