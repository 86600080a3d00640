//! Configurations with which all was well; they must stay so.

use crate::case::{Case, Clients, Share, plain};
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
    let with = |name, about, backend| plain(name, about).whole_way().backend(backend);
    vec![
        with("leastconn", "balance leastconn", "balance leastconn"),
        with("random", "balance random", "balance random"),
        with("static-rr", "balance static-rr", "balance static-rr"),
        with(
            "hash",
            "a consistent hash of the id",
            "balance url_param id\nhash-type consistent",
        ),
        with(
            "hash-balance-factor",
            "the same with hash-balance-factor",
            "balance url_param id\nhash-type consistent\nhash-balance-factor 150",
        ),
        plain("source", "balance source, one address")
            .backend("balance source\nhash-type consistent")
            .users(&[(95.0, 12.0)])
            .share(Share::Any)
            .bad(5.0),
    ]
}

fn connections() -> Vec<Case> {
    let keeps = |name, about, backend| {
        let case = plain(name, about).whole_way().backend(backend);
        case.clients(Clients::KeepAlive)
    };
    vec![
        keeps(
            "keep-alive",
            "clients keep connections",
            "balance roundrobin",
        ),
        keeps(
            "reuse-always",
            "http-reuse always",
            "balance roundrobin\nhttp-reuse always",
        ),
        keeps(
            "reuse-never",
            "http-reuse never",
            "balance roundrobin\nhttp-reuse never",
        ),
        keeps(
            "server-close",
            "option http-server-close",
            "balance roundrobin\noption http-server-close",
        ),
        keeps(
            "httpclose",
            "option httpclose",
            "balance roundrobin\noption httpclose",
        ),
        keeps(
            "prefer-last",
            "option prefer-last-server",
            "balance roundrobin\noption prefer-last-server",
        )
        .share(Share::Any),
    ]
}

fn checked() -> Vec<Case> {
    let with = |name, about, words| plain(name, about).whole_way().each(words);
    let lines = |name, about, backend| plain(name, about).whole_way().backend(backend);
    vec![
        with(
            "inter10-rise3",
            "inter 10s rise 3 fastinter 1s",
            "check inter 10s rise 3 fastinter 1s",
        )
        .users(&[(95.0, 20.0), (8.0, 30.0)]),
        with("observe", "observe layer7", "check inter 1s observe layer7"),
        with(
            "init-state",
            "init-state fully-down",
            "check inter 1s init-state fully-down",
        )
        .since(3, 1),
        with("no-check", "servers without check", ""),
        lines(
            "check-expect",
            "http-check expect",
            "balance roundrobin\nhttp-check expect status 200",
        ),
        lines(
            "disable-on-404",
            "http-check disable-on-404",
            "balance roundrobin\nhttp-check disable-on-404",
        ),
        plain("all-disabled", "every server is disabled at the start")
            .servers([
                "check inter 1s disabled",
                "check inter 1s",
                "check inter 1s",
            ])
            .users(&[(30.0, 20.0)])
            .ready_within(&[(WEB2, 0.0, 4.0)])
            .share(Share::Any)
            .bad(20.0),
    ]
}

fn shapes() -> Vec<Case> {
    vec![
        plain("spike", "ten times the load")
            .users(&[(15.0, 6.0), (150.0, 12.0), (15.0, 12.0)])
            .comes(&[WEB2, WEB3]),
        plain("spike-short", "a spike of 3 s")
            .users(&[(15.0, 6.0), (150.0, 3.0), (15.0, 12.0)])
            .share(Share::Any)
            .comes(&[]),
        plain("ramp", "a ramp")
            .users(&[
                (20.0, 5.0),
                (50.0, 5.0),
                (80.0, 5.0),
                (110.0, 5.0),
                (140.0, 8.0),
                (20.0, 5.0),
            ])
            .comes(&[WEB2, WEB3]),
        // Spares share it; what it takes is another configuration of HAProxy.
        plain("retry-storm", "users ask three times, server timeout 1 s")
            .defaults("timeout queue 2s\ntimeout server 1s")
            .users(&[(95.0, 20.0)])
            .retries(3)
            .share(Share::Any)
            .bad(100.0),
    ]
}
