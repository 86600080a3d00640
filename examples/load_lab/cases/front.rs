//! In front of the backend: limits of HAProxy itself, its log, its reloads.

use super::{backend, curve, percent, served};
use crate::case::{Act, Case, Expect, Haproxy, Load, Log, Share, When, plain};
use crate::seen::{WEB2, WEB3};

/// M9, M10, M11 and what else the log may be.
pub fn cases() -> Vec<Case> {
    let mut cases = limits();
    cases.extend(logs());
    cases.extend(reloads());
    cases
}

/// Users who wait in front of HAProxy are not quiet.
fn limits() -> Vec<Case> {
    let limit = |name, about, global, frontend, rate: &'static [(f64, f64)]| {
        let case = curve(plain(name, about), rate);
        Case {
            haproxy: Haproxy { global, frontend, ..case.haproxy },
            expect: Expect {
                bad_percent: 10.0,
                comes: &[WEB2],
                share: Share::Any,
                said: &["maxconn|in front of HAProxy"],
                ..case.expect
            },
            ..case
        }
    };
    let own = "nbthread 1";
    vec![
        limit("fe-maxconn", "maxconn 10 in the frontend", own, "maxconn 10", &[(100.0, 22.0)]),
        limit("fe-maxconn16", "maxconn 16 in the frontend", own, "maxconn 16", &[(130.0, 25.0)]),
        limit("global-maxconn", "maxconn 16 in global", "nbthread 1\nmaxconn 16", "", &[(100.0, 22.0)]),
        {
            let case = limit("rate-limit", "rate-limit sessions 70", own, "rate-limit sessions 70", &[(95.0, 22.0)]);
            Case { expect: Expect { said: &[], comes: &[], ..case.expect }, ..case }
        },
    ]
}

/// Two threads that write to standard output drop a line now and then.
fn logs() -> Vec<Case> {
    let log = |case: Case, global, log| Case { haproxy: Haproxy { global, log, ..case.haproxy }, ..case };
    let format = |case: Case, frontend| Case { haproxy: Haproxy { frontend, ..case.haproxy }, ..case };
    let many = Case {
        load: Load { curve: &[(500.0, 40.0), (40.0, 25.0)], ..plain("", "").load },
        servers: [crate::case::Mood { workers: 24, ..crate::case::WELL }; 3],
        ..plain("stdout-t2-500", "the same with 500/s: spares go all the same")
    };
    let many = Case { expect: Expect { rests: true, ..many.expect }, ..many };
    let never_goes = |case: Case| Case { expect: Expect { share: Share::Any, comes: &[], ..case.expect }, ..case };
    vec![
        log(served(plain("stdout-t2", "log stdout with two threads")), "nbthread 2", Log::File),
        log(many, "nbthread 2", Log::File),
        log(served(plain("udp-t2", "two threads, lines by UDP")), "nbthread 2", Log::Udp),
        format(served(plain("logasap", "option logasap")), "option logasap"),
        format(served(plain("dontlognull", "option dontlognull")), "option dontlognull"),
        never_goes(format(plain("dontlog-normal", "only errors are logged"), "option dontlog-normal")),
        format(served(plain("log-health-checks", "option log-health-checks in the backend")), "option httplog"),
        Case {
            since: (3, 1),
            expect: Expect { said: &["log-steps|lines for a request|lines per request|several lines"], comes: &[], share: Share::Any, ..plain("", "").expect },
            ..format(plain("log-steps", "log-steps: several lines for each request"), "log-steps accept,request,response,close")
        },
        served(backend(plain("answered-by-haproxy", "stats, deny and redirect in the backend"), "balance roundrobin\nstats uri /stats\nhttp-request deny if { path /deny }\nhttp-request redirect location / if { path /r }\noption httpchk GET /health")),
    ]
}

/// M11.
fn reloads() -> Vec<Case> {
    let every = |name, about, seconds: f64, global: &'static str| {
        let case = curve(plain(name, about), &[(95.0, 12.0), (8.0, 45.0)]);
        let mut acts = Vec::new();
        let mut at = 18.0;
        while at < 54.0 {
            if !global.is_empty() {
                acts.push((When::At(at - 0.1), Act::SaveState));
            }
            acts.push((When::At(at), Act::Reload));
            at += seconds;
        }
        Case {
            haproxy: Haproxy {
                master: true,
                global: if global.is_empty() { "nbthread 1" } else { global },
                defaults: if global.is_empty() { "timeout queue 2s" } else { "timeout queue 2s\nload-server-state-from-file global" },
                ..case.haproxy
            },
            acts,
            expect: Expect {
                rests: true,
                comes: &[WEB2],
                share: Share::Any,
                unsaid: &["is this the log of that HAProxy"],
                ..case.expect
            },
            ..case
        }
    };
    vec![
        every("reload5-idle", "a reload every 5 s, more often than idle_timeout", 5.0, ""),
        every("reload5-idle-state", "the same with a server-state-file", 5.0, "nbthread 1\nserver-state-file {folder}/states"),
        percent(every("reload8-idle", "a reload every 8 s", 8.0, ""), 1.0),
        {
            let case = plain("reload-busy", "a reload while the spares are needed");
            Case {
                haproxy: Haproxy { master: true, ..case.haproxy },
                acts: vec![(When::Ready(WEB3, 2.0), Act::Reload)],
                expect: Expect { bad_percent: 2.0, comes: &[WEB2, WEB3], share: Share::Any, ..case.expect },
                ..case
            }
        },
    ]
}
