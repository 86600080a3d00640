//! What servers take and cost: tiers, boot times, stop delays and prices, and the cheapest settings.

use std::time::Duration;

use haproxy_autoscale::simulate::engine::SECOND_NS;
use haproxy_autoscale::simulate::measure::{Move, Moved, Tally};
use haproxy_autoscale::simulate::policy::Policy;
use haproxy_autoscale::simulate::scenario::{Run, Scenario};
use haproxy_autoscale::simulate::supply::{Server, Supply};
use serde_json::Value;

use super::policies::{pool, run};
use crate::support::program::{file, objects, run as command};

const NOBODY: &[&str] = &["--policies", "static-min"];

/// The pool of which every server is like this one.
fn alike(server: Server, rates_per_s: Vec<f64>) -> Scenario {
    let mut scenario = pool(rates_per_s);
    scenario.supply = Supply {
        servers: vec![server; scenario.names.len()],
        is_priced: true,
    };
    scenario
}

fn of(run: &Run, what: Move) -> Vec<Moved> {
    let moves = run.tally.moves.iter();
    moves.filter(|it| it.what == what).copied().collect()
}

fn number(object: &Value, path: &str) -> f64 {
    let found = object.pointer(path).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{path} of {object}"))
}

fn simulated(more: &[&str]) -> Value {
    let args = ["simulate", "--json", "--shape", "day"];
    objects(&command(&[&args[..], more].concat()).succeeded()).remove(0)
}

#[test]
fn a_server_is_paid_for_until_it_has_stopped_and_never_twice() {
    let delays = vec![Some(0), Some(30 * SECOND_NS), None];
    let serving = vec![true, false, false];
    let mut tally = Tally::new(SECOND_NS, 100, serving).with_stop_delays(delays);
    for (second, server, what) in [
        (10, 1, Move::Asked),
        (15, 1, Move::Serves),
        (20, 2, Move::Serves),
        // Its machine runs on until somebody stops it.
        (30, 2, Move::Gone),
        (40, 1, Move::Leaves),
        // It stops until 72.
        (42, 1, Move::Gone),
        (60, 1, Move::Asked),
        (80, 1, Move::Serves),
        (90, 1, Move::Gone),
    ] {
        tally.moved(server, what, second * SECOND_NS);
    }
    tally.stopped(2, 55 * SECOND_NS);
    tally.close();
    // 10 to 72, and 72 until the run is over at 100; 20 to 55.
    assert_eq!(tally.paid_seconds(), [100.0, 90.0, 35.0]);
    let server_seconds = tally.server_seconds();
    assert!((server_seconds - (100.0 + 32.0 + 30.0 + 10.0)).abs() < 1e-9);

    let price = |price_per_hour: f64| Server {
        price_per_hour,
        ..Server::default()
    };
    let mut supply = Supply {
        servers: vec![price(0.36), price(7.2)],
        is_priced: true,
    };
    let cost = supply.cost(&tally).expect("a price");
    assert!((cost - (0.01 + 0.18)).abs() < 1e-12, "{cost}");
    supply.is_priced = false;
    assert_eq!(supply.cost(&tally), None);
}

#[test]
fn prices_are_of_the_tiers_and_what_is_always_up_costs_too() {
    let out = simulated(&[
        "--seconds",
        "100",
        "--policies",
        "static-min,static-max",
        "--servers",
        "4",
        "--tier",
        "2=1",
        "--price",
        "0.36",
        "--price",
        "2=0.72",
    ]);
    for (run, cost) in [(0, 0.01), (1, 0.05)] {
        let found = number(&out, &format!("/runs/{run}/cost"));
        assert!((found - cost).abs() < 1e-12, "{found}");
    }
    assert_eq!(out["notes"], serde_json::json!([]));
    let text = [
        "simulate",
        "--shape",
        "steady",
        "--seconds",
        "100",
        "--tier",
        "2=1",
    ];
    let text = [&text[..], NOBODY, &["--price", "2=0.72"]].concat();
    let text = command(&text).succeeded();
    assert!(text.contains("COST    30 DAYS\n"), "{text}");
    assert!(
        text.contains("3 servers of tier 1, 0 an hour · 1 spare of tier 2, 0.72 an hour"),
        "{text}"
    );
    assert!(
        text.contains("servers of tier 1 have no price and cost nothing here"),
        "{text}"
    );
}

#[test]
fn nobody_starts_a_server_that_still_stops() {
    const STOPS: u64 = 150;
    let server = Server {
        stop_delay: Duration::from_secs(STOPS),
        ..Server::default()
    };
    let rates = [
        vec![120.0; 90],
        vec![5.0; 150],
        vec![120.0; 60],
        vec![140.0; 200],
    ];
    let mut scenario = alike(server, rates.concat());
    let settings = &mut scenario.settings;
    settings.idle_timeout = Duration::from_secs(20);
    settings.scale_down_cooldown = Duration::from_secs(5);
    for policy in [Policy::Ours, Policy::Kpa] {
        let run = run(&scenario, policy);
        let mut again = 0;
        for gone in of(&run, Move::Gone) {
            let later = run.tally.moves.iter();
            let mut later = later.filter(|it| it.server == gone.server && it.at_ns > gone.at_ns);
            if let Some(serves) = later.find(|it| it.what == Move::Serves) {
                again += 1;
                let apart_s = (serves.at_ns - gone.at_ns) / SECOND_NS;
                assert!(apart_s >= STOPS + 5, "{policy:?}: {apart_s} s");
            }
        }
        assert!(again > 0, "{policy:?}: {:?}", run.tally.moves);
        let paid = run.tally.paid_server_seconds();
        assert!(paid > run.tally.server_seconds() + 100.0, "{policy:?}");
    }
}

#[test]
fn ours_pays_for_a_machine_until_it_is_off() {
    const STOPS: f64 = 30.0;
    let server = Server {
        stop_delay: Duration::from_secs_f64(STOPS),
        ..Server::default()
    };
    let mut scenario = alike(server, [vec![80.0; 90], vec![5.0; 600]].concat());
    scenario.settings.idle_timeout = Duration::from_secs(20);
    let run = run(&scenario, Policy::Ours);
    let gone = of(&run, Move::Gone).len();
    assert!(gone > 0, "{:?}", run.tally.moves);
    let each = (run.tally.paid_server_seconds() - run.tally.server_seconds()) / gone as f64;
    // It is stopped at the next look at HAProxy.
    assert!((STOPS..STOPS + 5.0).contains(&each), "{each}");
}

#[test]
fn while_one_spare_stops_ours_takes_the_next_one() {
    let server = Server {
        stop_delay: Duration::from_secs(600),
        ..Server::default()
    };
    let rates = [vec![80.0; 90], vec![5.0; 120], vec![80.0; 90]].concat();
    let mut scenario = alike(server, rates);
    scenario.settings.idle_timeout = Duration::from_secs(20);
    let run = run(&scenario, Policy::Ours);
    let gone = of(&run, Move::Gone);
    let first = gone.first().expect("one that went");
    let asked = of(&run, Move::Asked);
    let next = asked.iter().find(|it| it.at_ns > first.at_ns);
    let next = next.unwrap_or_else(|| panic!("{:?}", run.tally.moves));
    assert!(
        gone.iter()
            .all(|it| it.server != next.server || it.at_ns > next.at_ns)
    );
    let came_in = of(&run, Move::Serves);
    let took = came_in
        .iter()
        .find(|it| it.at_ns > next.at_ns && it.server == next.server);
    let took_ns = took.expect("it serves").at_ns - next.at_ns;
    assert!(took_ns < 9 * SECOND_NS, "{took_ns}");
}

#[test]
fn the_page_has_the_costs_and_the_cheapest_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.html").display().to_string();
    let args = [
        "simulate",
        "--shape",
        "steady",
        "--seconds",
        "9",
        "--peak",
        "9",
        "--html",
        &path,
    ];
    let more = ["--price", "2", "--slow-at-most", "5%"];
    command(&[&args[..], NOBODY, &more].concat()).succeeded();
    let page = std::fs::read_to_string(&path).expect("the page");
    for part in [
        "<th>cost</th><th>30 days</th>",
        "<td>0.005000</td>",
        "<pre>",
        "headroom = &quot;",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_dear_tier_comes_last_and_goes_first() {
    // web2 stands first among the spares and is the dear one.
    let rates = [vec![30.0; 60], vec![200.0; 300], vec![5.0; 900]];
    let mut scenario = pool(rates.concat());
    scenario.settings.tiers.insert("web2".to_owned(), 2);
    for policy in [
        Policy::Ours,
        Policy::Script2011,
        Policy::Hpa,
        Policy::Kpa,
        Policy::Oracle,
    ] {
        let run = run(&scenario, policy);
        let mut came: Vec<u16> = of(&run, Move::Asked).iter().map(|it| it.server).collect();
        came.dedup();
        came.truncate(3);
        assert_eq!(came.last(), Some(&1), "{policy:?}: {came:?}");
        assert!(
            came.contains(&2) && came.contains(&3),
            "{policy:?}: {came:?}"
        );
        let serves = of(&run, Move::Serves);
        let last = serves.iter().find(|it| it.server == 1).expect("web2").at_ns;
        let left = of(&run, Move::Leaves);
        let first = left.iter().find(|it| it.at_ns > last);
        if policy != Policy::Script2011 {
            assert_eq!(first.map(|it| it.server), Some(1), "{policy:?}: {left:?}");
        }
    }
}

#[test]
fn each_tier_boots_in_its_own_time() {
    let boots = [
        "--seconds",
        "60",
        "--boot",
        "7s",
        "--boot",
        "2=2m",
        "--tier",
        "2=1",
        "--servers",
        "3",
    ];
    let args = [&["simulate", "--shape", "steady"], &boots[..], NOBODY];
    let text = command(&args.concat()).succeeded();
    assert!(text.contains("a spare in 7s to 2m"), "{text}");

    let folder = tempfile::tempdir().expect("a folder");
    let config = "[backend.shop]\nalways_up = [\"a\"]\nspares = [\"b\", \"c\"]\nresponse_time = \"1s\"\n\
                  [backend.shop.server.b]\ntier = 2\n";
    let config = file(folder.path(), "config.toml", config);
    let args = [&["simulate", "--shape", "steady", "-c", &config], NOBODY];
    let said = |more: &[&str]| command(&[&args.concat()[..], more].concat());
    let text = said(&["--boot", "2=30s", "--seconds", "9"]).succeeded();
    assert!(text.contains("a spare in 5s to 30s"), "{text}");
    let err = said(&["--boot", "3=30s", "--seconds", "9"]).failed(1);
    assert!(
        err.contains("no server is of it; say how many are with --tier 3=N"),
        "{err}"
    );
}

#[test]
fn the_cheapest_settings_are_the_cheapest_of_those_that_were_tried_and_can_be_pasted() {
    let args = [
        "--seconds",
        "200",
        "--peak",
        "90",
        "--servers",
        "3",
        "--tier",
        "2=1",
        "--boot",
        "40s",
        "--boot",
        "2=1s",
        "--price",
        "0.02",
        "--price",
        "2=0.1",
        "--slow-at-most",
        "60%",
        "--policies",
        "ours",
    ];
    let out = simulated(&args);
    let plan = &out["plan"];
    assert_eq!(plan["feasible"], true, "{plan}");
    assert_eq!(plan["today"]["cost"], out["runs"][0]["cost"]);
    let tried = plan["tried"].as_array().expect("settings");
    let is_feasible = |it: &&Value| it["slow_share"].as_f64() <= Some(0.6);
    assert!(tried.iter().all(|it| it["feasible"] == is_feasible(&it)));
    let costs = tried
        .iter()
        .filter(is_feasible)
        .map(|it| number(it, "/cost"));
    let least = costs.fold(f64::INFINITY, f64::min);
    assert_eq!(number(plan, "/best/cost").to_bits(), least.to_bits());
    // The dear spare takes no more time of servers and boots faster.
    let seconds = number(plan, "/best/server_seconds");
    let slow = number(plan, "/best/slow_share");
    let is_dearer = |it: &Value| {
        number(it, "/server_seconds") <= seconds
            && number(it, "/slow_share") < slow
            && number(it, "/cost") > least
    };
    assert!(tried.iter().any(is_dearer), "{plan}");
    // Of equals the one that is most like today.
    assert_eq!(plan["best"]["headroom"], plan["today"]["headroom"]);
    assert!(least < number(plan, "/today/cost"), "{plan}");
    let names = |key: &str| -> usize {
        let mut values: Vec<String> = tried.iter().map(|it| it[key].to_string()).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    let varied = ["headroom", "idle_timeout_s", "min", "tiers"].map(names);
    assert!(varied.iter().all(|it| *it >= 3), "{varied:?}");

    let text = [&["simulate", "--shape", "day"], &args[..]].concat();
    let text = command(&text).succeeded();
    let (_, keys) = text
        .split_once("in [backend.web] of the configuration:\n")
        .unwrap_or_else(|| panic!("{text}"));
    let (keys, _) = keys.split_once("\n\n").expect("an end");
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        format!("[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n{keys}\n");
    let config = file(folder.path(), "config.toml", config);
    let checked = command(&["check", "-c", &config]).succeeded();
    assert!(checked.starts_with("ok: "), "{checked}");
}

#[test]
fn spares_whose_names_are_made_up_are_counted_and_not_named() {
    let args = [
        "--seconds",
        "200",
        "--peak",
        "110",
        "--tier",
        "2=2",
        "--boot",
        "40s",
        "--boot",
        "2=1s",
        "--price",
        "0.02",
        "--price",
        "2=0.1",
        "--slow-at-most",
        "90%",
        "--policies",
        "ours",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let with = |keys: &str, more: &[&str]| {
        let config = format!(
            "[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\nscale_up_cooldown = \"5s\"\n{keys}\n"
        );
        let config = file(folder.path(), "config.toml", config);
        let args = [&["-c", &config], &args[..], more].concat();
        let text = [&["simulate", "--shape", "day"], &args[..]].concat();
        (simulated(&args)["plan"].take(), command(&text).succeeded())
    };
    let made_up = "spares = \"auto\"\ncapacity = \"off\"";
    let (plan, text) = with(made_up, &["--servers", "4"]);
    assert_eq!(plan["best"]["tiers"]["last"], 1, "{plan}");
    assert_eq!(plan["recommended"]["spares"], Value::Null, "{plan}");
    let counts = serde_json::json!({"1": 1});
    assert_eq!(plan["recommended"]["spare_counts"], counts, "{plan}");
    assert!(!text.contains("spares = ["), "{text}");
    let counted = "\n  # with 1 spare of tier 1 and no others: name yours in `spares`\n";
    assert!(text.contains(counted), "{text}");
    // Nothing adds to a demand that nobody knows.
    assert!(!text.contains("headroom = "), "{text}");

    let named = "spares = [\"web2\", \"web3\", \"web4\"]";
    let (plan, text) = with(named, &[]);
    let spares = serde_json::json!(["web2"]);
    assert_eq!(plan["recommended"]["spares"], spares, "{plan}");
    assert!(text.contains("\n  spares = [\"web2\"]\n"), "{text}");
    assert!(text.contains("\n  headroom = "), "{text}");
}

#[test]
fn it_is_said_when_no_settings_are_good_enough() {
    let args = [
        "--seconds",
        "30",
        "--peak",
        "300",
        "--servers",
        "2",
        "--price",
        "1",
        "--slow-at-most",
        "0%",
    ];
    let out = simulated(&[&args[..], NOBODY].concat());
    assert_eq!(out["plan"]["feasible"], false, "{out}");
    let text = [&["simulate", "--shape", "day"], &args[..], NOBODY].concat();
    let text = command(&text).succeeded();
    assert!(text.contains("None of the "), "{text}");
    assert!(text.contains("Nor do all servers, always: "), "{text}");
    assert!(
        text.contains("The fewest slow requests come with:"),
        "{text}"
    );
}

#[test]
fn prices_tiers_and_delays_that_cannot_be_are_refused_with_a_way_out() {
    for (code, args, said) in [
        (2, "--price 0", "leave their tier out"),
        (2, "--price=-1", "above 0"),
        (2, "--price NaN", "above 0"),
        (2, "--price inf", "at most 1000000000"),
        (2, "--price 1e99", "at most 1000000000"),
        (2, "--price 2=x", "such as 0.02 or 2=0.05"),
        (2, "--price x=2", "1 to 100"),
        (2, "--price 0=1", "1 to 100"),
        (2, "--price 1 --price 2", "twice for all tiers"),
        (2, "--price 2=1 --price 2=2", "twice for tier 2"),
        (2, "--boot 2=5", "unit"),
        (2, "--stop-delay 99d", "at most 24h"),
        (2, "--tier 2", "such as 2=3"),
        (2, "--tier 1=2", "of tier 1"),
        (2, "--slow-at-most 1%", "--price"),
        (2, "--price 1 --slow-at-most 1", "such as 1%"),
        (1, "--tier 2=9", "--servers"),
        (1, "--price 3=1", "--tier 3=N"),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        let args = [&["simulate", "--shape", "day"], &args[..]].concat();
        let err = command(&args).failed(code);
        assert!(err.contains(said), "{args:?}: {err}");
    }
}
