//! How a spare goes: sessions that are open, clients that stick to it.

use super::OWN_DEFAULTS;
use crate::case::{Act, Case, Clients, Life, Mood, Share, WELL, When, plain};
use crate::seen::{WEB2, WEB3};

const COOKIE: &str = "balance roundrobin\ncookie SRV insert indirect nocache";
const COOKIES: [&str; 3] = [
    "check inter 1s cookie a",
    "check inter 1s cookie b",
    "check inter 1s cookie c",
];

/// Three long requests on web2, which the end of `drain_timeout` meets.
fn open_sessions(name: &'static str, about: &'static str) -> Case {
    plain(name, about)
        .backend("balance roundrobin\nuse-server web2 if { path_beg /to-web2 }")
        .users(&[(95.0, 12.0), (8.0, 20.0)])
        .act(When::Ready(WEB2, 1.0), Act::Long(3, "/to-web2", 24_000))
}

/// Clients with cookies of a spare, and load that goes and leaves them there. Few of them are new, so a
/// fair share is not to be had.
fn sticky(name: &'static str, about: &'static str) -> Case {
    plain(name, about)
        .backend(COOKIE)
        .servers(COOKIES)
        .users(&[(95.0, 18.0), (27.0, 24.0)])
        .clients(Clients::Returning(3000))
        .share(Share::Any)
}

/// Clients that reach a spare in maint, which is said.
fn reaching(name: &'static str, about: &'static str, backend: &'static str) -> Case {
    sticky(name, about)
        .backend(backend)
        .reaches_maint()
        .says(&["persist"])
}

/// The machine is switched off once the spare is in maint.
fn switched_off(case: Case) -> Case {
    let dead = Mood {
        life: Life::Dead,
        ..WELL
    };
    case.act(When::Gone(WEB2, 1.0), Act::Mood(WEB2, dead))
        .act(When::Gone(WEB3, 1.0), Act::Mood(WEB3, dead))
}

/// M7 and M8.
pub fn cases() -> Vec<Case> {
    let persist = "balance roundrobin\ncookie SRV insert indirect nocache\noption persist";
    let redispatch =
        "balance roundrobin\ncookie SRV insert indirect nocache\noption persist\noption redispatch";
    let omd = "check inter 1s on-marked-down shutdown-sessions";
    vec![
        open_sessions("omd2-shutdown", "on-marked-down shutdown-sessions, long requests")
            .quick()
            .each(omd),
        open_sessions("open-sessions", "the same without that option"),
        open_sessions("open-sessions-def", "the same with default times").told(OWN_DEFAULTS),
        reaching("cookie-mid-persist", "option persist: users at a spare in maint", persist),
        switched_off(reaching("persist-off", "the same, then switched off", persist)).bad(6.0),
        switched_off(reaching("persist-off-redispatch", "with redispatch", redispatch)),
        switched_off(sticky("cookie-off", "without option persist, switched off")),
        switched_off(sticky("stick-off", "stick on a cookie, switched off")).backend(
            "balance roundrobin\nstick-table type string len 64 size 10k expire 1m\n\
             stick on req.cook(SRV)\ncookie SRV insert indirect nocache",
        ),
        sticky("ignore-persist", "cookies that are ignored").backend(
            "balance roundrobin\ncookie SRV insert indirect nocache\nignore-persist if { path_beg /page }",
        ),
        plain("cookie-new", "new clients with cookies")
            .backend(COOKIE)
            .servers(COOKIES),
        plain("stick-new", "new clients and a stick table").backend(
            "balance roundrobin\nstick-table type string len 64 size 10k expire 1m\n\
             stick on req.cook(SRV)",
        ),
    ]
}
