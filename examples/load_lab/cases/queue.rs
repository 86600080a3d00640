//! `maxconn` on servers: a newcomer beside a queue.

use super::{CHECK, OWN_DEFAULTS};
use crate::case::{Act, Case, Clients, Log, When, plain};
use crate::seen::WEB2;

const MAXCONN: &str = "check inter 1s maxconn 4";
/// On the always-up server alone.
const MIXED: [&str; 3] = [MAXCONN, CHECK, CHECK];
const ABORT: &str = "timeout queue 30s\noption abortonclose";
/// 95/s and then half of what the always-up server alone can carry.
const OUTLIVES: &[(f64, f64)] = &[(95.0, 30.0), (30.0, 20.0)];
const LONG: &[(f64, f64)] = &[(95.0, 40.0), (8.0, 6.0)];

/// Before a spare is there, a short `timeout queue` answers some with a 503.
fn max(name: &'static str, about: &'static str) -> Case {
    let case = plain(name, about).each(MAXCONN);
    case.bad(4.0).safe_once_ready(true)
}

fn mixed(name: &'static str, about: &'static str) -> Case {
    max(name, about).servers(MIXED)
}

fn abort(name: &'static str, about: &'static str) -> Case {
    let case = max(name, about).defaults(ABORT).patience(2.0);
    case.users(OUTLIVES).told(OWN_DEFAULTS)
}

/// M1.
pub fn cases() -> Vec<Case> {
    let mut cases = all_or_some();
    cases.extend(others());
    cases.push(give_back());
    cases
}

fn all_or_some() -> Vec<Case> {
    vec![
        max("max", "maxconn on all servers, a short queue").quick(),
        max("max-lc", "the same with leastconn").backend("balance leastconn"),
        abort("abort-def", "abortonclose, users leave after 2 s").quick(),
        abort("abort-def-lc", "the same with leastconn").backend("balance leastconn"),
        max("impatient-abort-max", "users leave after 1 s")
            .defaults(ABORT)
            .patience(1.0)
            .users(&[(105.0, 20.0), (30.0, 6.0)])
            .bad(35.0)
            .safe_once_ready(false),
        mixed("mixed", "maxconn on web1 alone").quick(),
        mixed("mixed-lc", "the same with leastconn").backend("balance leastconn"),
        mixed("mixed-first", "the same with first").backend("balance first"),
        mixed("mixed-abort", "the same with abortonclose")
            .defaults("timeout queue 2s\noption abortonclose"),
        max("nocheck-max", "servers without check: maint to ready").each("maxconn 4"),
        max("nocheck-mixed", "the same, maxconn on web1 alone").servers(["maxconn 4", "", ""]),
    ]
}

fn others() -> Vec<Case> {
    vec![
        max("first-max", "balance first with maxconn").backend("balance first"),
        max("first-def", "balance first, a long queue")
            .backend("balance first")
            .defaults("timeout queue 30s")
            .users(LONG)
            .patience(10.0)
            .told(OWN_DEFAULTS)
            .bad(1.0),
        max("static-rr-max", "static-rr with maxconn").backend("balance static-rr"),
        max("random-max", "random with maxconn").backend("balance random"),
        max("minfull", "minconn and fullconn")
            .backend("balance roundrobin\nfullconn 20")
            .each("check inter 1s minconn 2 maxconn 4"),
        max("maxqueue", "maxqueue and redispatch")
            .backend("balance roundrobin\noption redispatch")
            .each("check inter 1s maxconn 4 maxqueue 20"),
        max("short-queue", "timeout queue 300 ms")
            .defaults("timeout queue 300ms")
            .bad(14.0)
            .safe_once_ready(false),
        max("max-def", "timeout queue 3 s, default cooldowns")
            .defaults("timeout queue 3s")
            .users(LONG)
            .told(OWN_DEFAULTS)
            .bad(4.0),
        max("keep-max", "keep-alive clients, http-reuse always")
            .backend("balance roundrobin\nhttp-reuse always")
            .clients(Clients::KeepAlive),
        max("cookie-max", "clients with cookies, a quarter of them new")
            .backend("balance roundrobin\ncookie SRV insert indirect nocache")
            .clients(Clients::Returning(6000)),
        max("t2-udp-max", "two threads, lines by UDP")
            .global("nbthread 2")
            .log(Log::Udp),
        max("spike-max", "ten times the load at once")
            .users(&[(15.0, 6.0), (150.0, 10.0), (15.0, 6.0)])
            .bad(25.0)
            .safe_once_ready(false),
        max("retry-max", "users who ask again twice")
            .retries(2)
            .bad(25.0)
            .safe_once_ready(false),
    ]
}

/// Load returns during a drain, which a few long requests keep from ending.
fn give_back() -> Case {
    max("giveback-max3", "load returns while web2 drains")
        .quick()
        .backend("balance roundrobin\nuse-server web2 if { path_beg /to-web2 }")
        .each("check inter 1s maxconn 6")
        .users(&[(95.0, 12.0), (8.0, 12.0), (110.0, 8.0)])
        .told(&[("drain_timeout", "\"30s\""), ("spares", "[\"web2\"]")])
        .act(When::Ready(WEB2, 1.0), Act::Long(2, "/to-web2", 25_000))
        .bad(6.0)
}
