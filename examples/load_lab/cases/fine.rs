//! Configurations with which all was well; they must stay so.

use super::{backend, curve, percent, served, servers};
use crate::case::{Case, Clients, Expect, Haproxy, Load, Share, plain};
use crate::seen::{WEB2, WEB3};

/// Rows of the table that were OK.
pub fn cases() -> Vec<Case> {
    let mut cases = balanced();
    cases.extend(connections());
    cases.extend(checked());
    cases.extend(shapes());
    cases
}

fn balanced() -> Vec<Case> {
    let with = |name, about, lines| served(backend(plain(name, about), lines));
    let keyed = |case: Case| Case { expect: Expect { share: Share::Any, comes: &[WEB2], ..case.expect }, ..case };
    vec![
        with("leastconn", "balance leastconn", "balance leastconn\noption httpchk GET /health"),
        with("random", "balance random", "balance random\noption httpchk GET /health"),
        with("static-rr", "balance static-rr", "balance static-rr\noption httpchk GET /health"),
        with("hdr-consistent", "a consistent hash of the id", "balance url_param id\nhash-type consistent\noption httpchk GET /health"),
        with("hash-balance-factor", "the same with hash-balance-factor", "balance url_param id\nhash-type consistent\nhash-balance-factor 150\noption httpchk GET /health"),
        keyed(percent(curve(backend(plain("source", "balance source, one address"), "balance source\nhash-type consistent\noption httpchk GET /health"), &[(95.0, 12.0)]), 5.0)),
    ]
}

fn connections() -> Vec<Case> {
    let keeps = |name, about, lines| {
        let case = served(backend(plain(name, about), lines));
        Case { load: Load { clients: Clients::KeepAlive, ..case.load }, ..case }
    };
    vec![
        keeps("keep-alive", "clients keep their connections", "balance roundrobin\noption httpchk GET /health"),
        keeps("reuse-always", "http-reuse always", "balance roundrobin\nhttp-reuse always\noption httpchk GET /health"),
        keeps("reuse-never", "http-reuse never", "balance roundrobin\nhttp-reuse never\noption httpchk GET /health"),
        keeps("server-close", "option http-server-close", "balance roundrobin\noption http-server-close\noption httpchk GET /health"),
        keeps("httpclose", "option httpclose", "balance roundrobin\noption httpclose\noption httpchk GET /health"),
        {
            let case = keeps("prefer-last", "option prefer-last-server", "balance roundrobin\noption prefer-last-server\noption httpchk GET /health");
            Case { expect: Expect { share: Share::Any, ..case.expect }, ..case }
        },
    ]
}

fn checked() -> Vec<Case> {
    let with = |name, about, words| served(servers(plain(name, about), words));
    let since = |case: Case| Case { since: (3, 1), ..case };
    vec![
        with("inter10-rise3", "inter 10s rise 3 fastinter 1s", ["check inter 10s rise 3 fastinter 1s"; 3]),
        with("observe", "observe layer7", ["check inter 1s observe layer7"; 3]),
        since(with("init-state", "init-state fully-down", ["check inter 1s init-state fully-down"; 3])),
        with("no-check", "servers without check", ["", "", ""]),
        served(backend(plain("check-expect", "http-check expect"), "balance roundrobin\noption httpchk GET /health\nhttp-check expect status 200")),
        served(backend(plain("disable-on-404", "http-check disable-on-404"), "balance roundrobin\noption httpchk GET /health\nhttp-check disable-on-404")),
        {
            let case = curve(plain("all-disabled", "every server is disabled at the start"), &[(30.0, 20.0)]);
            Case {
                haproxy: Haproxy { servers: ["check inter 1s disabled", "check inter 1s", "check inter 1s"], ..case.haproxy },
                expect: Expect { bad_percent: 20.0, share: Share::Any, ready_within: &[(WEB2, 0.0, 4.0)], ..case.expect },
                ..case
            }
        },
    ]
}

fn shapes() -> Vec<Case> {
    let shape = |name, about, rates: &'static [(f64, f64)]| {
        let case = percent(curve(plain(name, about), rates), 1.0);
        Case { expect: Expect { comes: &[WEB2, WEB3], ..case.expect }, ..case }
    };
    let short = shape("spike-short", "a spike of 3 s", &[(15.0, 6.0), (150.0, 3.0), (15.0, 12.0)]);
    let storm = curve(plain("retry-storm", "users who ask three times, a server timeout of 1 s"), &[(95.0, 20.0)]);
    vec![
        shape("spike", "ten times the load", &[(15.0, 6.0), (150.0, 12.0), (15.0, 12.0)]),
        Case { expect: Expect { comes: &[], share: Share::Any, ..short.expect }, ..short },
        shape("ramp", "a ramp", &[(20.0, 5.0), (50.0, 5.0), (80.0, 5.0), (110.0, 5.0), (140.0, 8.0), (20.0, 5.0)]),
        Case {
            load: Load { retries: 3, ..storm.load },
            haproxy: Haproxy { defaults: "timeout queue 2s\ntimeout server 1s", ..storm.haproxy },
            // Spares share it; what it takes is another configuration of HAProxy.
            expect: Expect { bad_percent: 100.0, share: Share::Any, ..storm.expect },
            ..storm
        },
    ]
}
