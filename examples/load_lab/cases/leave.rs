//! How a spare goes: sessions that are open, clients that stick to it.

use super::{OWN_DEFAULTS, backend, quick, servers};
use crate::case::{Act, Case, Clients, Expect, Load, Mood, Share, WELL, When, plain};
use crate::seen::{WEB2, WEB3};

const IN_AND_OUT: &[(f64, f64)] = &[(95.0, 12.0), (8.0, 20.0)];
const COOKIE: &str = "balance roundrobin\ncookie SRV insert indirect nocache\noption httpchk GET /health";

/// Three long requests on web2, which the end of `drain_timeout` meets.
fn open_sessions(name: &'static str, about: &'static str, words: [&'static str; 3]) -> Case {
    let rule = "balance roundrobin\nuse-server web2 if { path_beg /to-web2 }\noption httpchk GET /health";
    let case = servers(backend(plain(name, about), rule), words);
    Case {
        load: Load { curve: IN_AND_OUT, ..case.load },
        acts: vec![(When::Ready(WEB2, 1.0), Act::Long(3, "/to-web2", 24_000))],
        ..case
    }
}

/// 900 clients, most of them of web1 or of a spare; load that goes and leaves them there.
fn sticky(name: &'static str, about: &'static str, lines: &'static str) -> Case {
    let words = ["check inter 1s cookie a", "check inter 1s cookie b", "check inter 1s cookie c"];
    let case = servers(backend(plain(name, about), lines), words);
    Case {
        load: Load { curve: &[(95.0, 18.0), (27.0, 24.0)], clients: Clients::Returning(3000), ..case.load },
        // Few of its clients are new, so a fair share is not to be had.
        expect: Expect { share: Share::Any, ..case.expect },
        ..case
    }
}

/// The machine is switched off once the spare is in maint.
fn switched_off(case: Case) -> Case {
    let dead = Mood { dead: true, ..WELL };
    let off = |server| (When::Gone(server, 1.0), Act::Mood(server, dead));
    Case { acts: vec![off(WEB2), off(WEB3)], ..case }
}

/// M7 and M8.
pub fn cases() -> Vec<Case> {
    let omd = ["check inter 1s on-marked-down shutdown-sessions"; 3];
    let persist = "balance roundrobin\ncookie SRV insert indirect nocache\noption persist\noption httpchk GET /health";
    let redispatch = "balance roundrobin\ncookie SRV insert indirect nocache\noption persist\noption redispatch\noption httpchk GET /health";
    let ignore = "balance roundrobin\ncookie SRV insert indirect nocache\nignore-persist if { path_beg /page }\noption httpchk GET /health";
    let source = "balance source\nhash-type consistent\noption httpchk GET /health";
    let stick = "balance roundrobin\nstick-table type string len 64 size 10k expire 1m\nstick on req.cook(SRV)\ncookie SRV insert indirect nocache\noption httpchk GET /health";
    let reaches = |case: Case| Case {
        expect: Expect {
            reaches_maint: true,
            said: &["option persist|persistence|in maint and still|still gets requests"],
            ..case.expect
        },
        ..case
    };
    let any = |case: Case| Case { expect: Expect { share: Share::Any, comes: &[], ..case.expect }, ..case };
    let new = |name, about, lines| Case {
        load: Load { curve: &[(95.0, 18.0), (8.0, 6.0)], ..plain("", "").load },
        ..backend(plain(name, about), lines)
    };
    let cookie_words = ["check inter 1s cookie a", "check inter 1s cookie b", "check inter 1s cookie c"];
    vec![
        quick(open_sessions("omd2-shutdown", "on-marked-down shutdown-sessions, three requests of 24 s", omd)),
        open_sessions("open-sessions", "the same without that option", ["check inter 1s"; 3]),
        reaches(sticky("cookie-mid-persist", "option persist: clients reach a spare in maint", persist)),
        Case { expect: Expect { bad_percent: 6.0, ..sticky("", "", "").expect }, ..reaches(switched_off(sticky("persist-off", "the same, then switched off", persist))) },
        reaches(switched_off(sticky("persist-off-redispatch", "the same with redispatch", redispatch))),
        switched_off(sticky("cookie-off", "cookies without option persist, switched off in maint", COOKIE)),
        sticky("ignore-persist", "cookies that are ignored", ignore),
        any(switched_off(backend(plain("source-off", "balance source, one address", ), source))),
        any(switched_off(sticky("stick-off", "stick on a cookie, switched off in maint", stick))),
        servers(new("cookie-new", "new clients with cookies", COOKIE), cookie_words),
        new("stick-new", "new clients and a stick table", stick),
        Case { daemon: OWN_DEFAULTS, ..open_sessions("open-sessions-def", "open sessions, default times", ["check inter 1s"; 3]) },
    ]
}
