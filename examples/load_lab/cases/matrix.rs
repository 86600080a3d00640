//! Every combination of where `maxconn` stands, how HAProxy balances, and whether it drops requests
//! whose clients have gone: no user who comes once a spare is ready is without a page, and the spare
//! has its share within 2 s.

use super::CHECK;
use crate::case::{Case, Share, plain};

const MAXCONN: &str = "check inter 1s maxconn 4";
const ABORT: &str = "timeout queue 20s\noption abortonclose";
const PLAIN: &str = "timeout queue 20s";

/// (name, where `maxconn` stands, algorithm, `abortonclose`).
const ALL: [(&str, Limits, &str, bool); 18] = [
    ("matrix-all-rr", Limits::All, "balance roundrobin", false),
    ("matrix-all-lc", Limits::All, "balance leastconn", false),
    ("matrix-all-first", Limits::All, "balance first", false),
    ("matrix-some-rr", Limits::Some, "balance roundrobin", false),
    ("matrix-some-lc", Limits::Some, "balance leastconn", false),
    ("matrix-some-first", Limits::Some, "balance first", false),
    ("matrix-none-rr", Limits::None, "balance roundrobin", false),
    ("matrix-none-lc", Limits::None, "balance leastconn", false),
    ("matrix-none-first", Limits::None, "balance first", false),
    (
        "matrix-all-rr-abort",
        Limits::All,
        "balance roundrobin",
        true,
    ),
    (
        "matrix-all-lc-abort",
        Limits::All,
        "balance leastconn",
        true,
    ),
    ("matrix-all-first-abort", Limits::All, "balance first", true),
    (
        "matrix-some-rr-abort",
        Limits::Some,
        "balance roundrobin",
        true,
    ),
    (
        "matrix-some-lc-abort",
        Limits::Some,
        "balance leastconn",
        true,
    ),
    (
        "matrix-some-first-abort",
        Limits::Some,
        "balance first",
        true,
    ),
    (
        "matrix-none-rr-abort",
        Limits::None,
        "balance roundrobin",
        true,
    ),
    (
        "matrix-none-lc-abort",
        Limits::None,
        "balance leastconn",
        true,
    ),
    (
        "matrix-none-first-abort",
        Limits::None,
        "balance first",
        true,
    ),
];

/// Which servers have a `maxconn`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    All,
    /// The always-up one alone.
    Some,
    None,
}

/// M1 in all its forms.
pub fn cases() -> Vec<Case> {
    ALL.into_iter()
        .map(|(name, limits, balance, aborts)| {
            let servers = match limits {
                Limits::All => [MAXCONN; 3],
                Limits::Some => [MAXCONN, CHECK, CHECK],
                Limits::None => [CHECK; 3],
            };
            let case = plain(name, "one of the matrix of maxconn and balance")
                .servers(servers)
                .backend(balance)
                .defaults(if aborts { ABORT } else { PLAIN })
                .patience(10.0);
            if limits == Limits::None && balance == "balance first" {
                // HAProxy sends a spare nothing as long as web1 has no limit.
                let never = case.share(Share::Never).bad(5.0);
                never.says(&["not_serving|not serving"])
            } else {
                case.safe_once_ready(true)
            }
        })
        .collect()
}
