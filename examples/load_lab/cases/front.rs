//! In front of the backend: limits of HAProxy itself, its log, its reloads.

use crate::case::{Act, Case, Log, Mood, Share, WELL, When, plain};
use crate::seen::{WEB2, WEB3};

/// Backends that nobody uses.
const TEN_MORE: &str = "
backend b0
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b1
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b2
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b3
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b4
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b5
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b6
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b7
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b8
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
backend b9
    server s0 127.0.0.1:1 check
    server s1 127.0.0.1:1 check disabled
";

/// M9, M10, M11 and what else the log may be.
pub fn cases() -> Vec<Case> {
    let mut cases = limits();
    cases.extend(logs());
    cases.extend(reloads());
    cases
}

/// Users who wait in front of HAProxy are not quiet.
fn limits() -> Vec<Case> {
    let limit = |name, about| {
        plain(name, about)
            .users(&[(100.0, 22.0)])
            .says(&["maxconn|in front of HAProxy"])
            .share(Share::Any)
            .bad(10.0)
    };
    vec![
        limit("fe-maxconn", "maxconn 10 in the frontend").frontend("maxconn 10"),
        limit("fe-maxconn16", "maxconn 16 in the frontend")
            .frontend("maxconn 16")
            .users(&[(130.0, 25.0)])
            .bad(20.0),
        limit("global-maxconn", "maxconn 16 in global").global("nbthread 1\nmaxconn 16"),
        limit("rate-limit", "rate-limit sessions 70")
            .frontend("rate-limit sessions 70")
            .says(&[])
            .comes(&[]),
    ]
}

fn logs() -> Vec<Case> {
    let way = |name, about| plain(name, about).whole_way();
    // Two threads that write to standard output drop a line now and then.
    let many = Mood {
        workers: 24,
        ..WELL
    };
    vec![
        way("stdout-t2", "log stdout with two threads").global("nbthread 2"),
        way(
            "stdout-t2-500",
            "the same with 500/s: spares go all the same",
        )
        .global("nbthread 2")
        .moods(many)
        .users(&[(500.0, 30.0), (200.0, 30.0)]),
        way("udp-t2", "two threads, lines by UDP")
            .global("nbthread 2")
            .log(Log::Udp),
        way("logasap", "option logasap").frontend("option logasap"),
        way("dontlognull", "option dontlognull").frontend("option dontlognull"),
        way("clf", "option httplog clf")
            .frontend("option httplog clf")
            .told(&[("log.format", "\"clf\"")]),
        way("own-format", "a log-format of one's own")
            .frontend("log-format \"[%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B\"")
            .told(&[(
                "log.format",
                "'log-format \"[%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B\"'",
            )]),
        way("ten-backends", "ten more backends").more(TEN_MORE),
        way("clear-counters", "somebody clears the counters")
            .act(When::At(12.0), Act::Command("clear counters all")),
        plain("silent-half", "every second request is not logged")
            .frontend("http-request set-log-level silent if { rand(2) eq 0 }")
            .share(Share::Any),
        way("log-health-checks", "option log-health-checks")
            .backend("balance roundrobin\noption log-health-checks"),
        way(
            "answered-by-haproxy",
            "stats, deny and redirect in the backend",
        )
        .backend(
            "balance roundrobin\nstats uri /stats\nhttp-request deny if { path /deny }\n\
             http-request redirect location / if { path /r }",
        ),
        plain("dontlog-normal", "only errors are logged")
            .frontend("option dontlog-normal")
            .share(Share::Any)
            .comes(&[]),
        plain("log-steps", "log-steps: several lines for each request")
            .since(3, 1)
            .frontend("log-steps accept,request,response,close")
            .says(&["log-steps|lines for a request|lines per request|several lines"])
            .share(Share::Any)
            .comes(&[]),
    ]
}

/// M11.
fn reloads() -> Vec<Case> {
    let every = |name, about, seconds: usize, saves: bool| {
        let mut case = plain(name, about)
            .master()
            .users(&[(95.0, 12.0), (8.0, 45.0)])
            .never_says(&["is this the log of that HAProxy"])
            .share(Share::Any)
            // Quiet since second 13, with an idle_timeout of 6 s; a reload under way ends later.
            .none_after(21.0)
            .rests();
        for at in (16..54_u32).step_by(seconds).map(f64::from) {
            if saves {
                case = case.act(When::At(at - 0.2), Act::SaveState);
            }
            case = case.act(When::At(at), Act::Reload);
        }
        case
    };
    vec![
        every(
            "reload5-idle",
            "a reload every 5 s, idle_timeout 6 s",
            5,
            false,
        ),
        every(
            "reload5-idle-state",
            "the same with a server-state-file",
            5,
            true,
        )
        .global("nbthread 1\nserver-state-file {folder}/states")
        .defaults("timeout queue 2s\nload-server-state-from-file global"),
        every("reload8-idle", "a reload every 8 s", 8, false),
        plain("reload-busy", "a reload while the spares are needed")
            .master()
            .act(When::Ready(WEB3, 2.0), Act::Reload)
            .comes(&[WEB2, WEB3])
            .share(Share::Any)
            .bad(2.0),
    ]
}
