//! Which settings are tried where servers have a price, and that the recommended ones can be applied.

use std::collections::BTreeSet;

use haproxy_autoscale::simulate::cheapest::Search;
use haproxy_autoscale::simulate::scenario::Scenario;
use haproxy_autoscale::simulate::supply::{Server, Supply};
use haproxy_autoscale::simulate::trial::{Setting, Tiers};
use serde_json::{Value, json};

use super::policies::pool;
use crate::support::program::{objects, run};

const HOUR_S: f64 = 3600.0;
/// Every headroom with each of the times that are tried for `idle_timeout`.
const BESIDE: usize = 9;

fn plan(args: &str) -> Value {
    let args: Vec<&str> = args.split_whitespace().collect();
    let always = ["simulate", "--json", "--policies", "static-min"];
    objects(&run(&[&always[..], &args].concat()).succeeded()).remove(0)["plan"].take()
}

/// Three servers of tier 1 at 0.1 and three of tier 2 at 0.9 that boot for longer than it takes until the
/// spike.
const DEAR_AND_SLOW: &str = "--shape spike --seconds 300 --servers 6 --tier 2=3 --price 1=0.1 \
                             --price 2=0.9 --boot 2s --boot 2=90s --slow-at-most 5%";

#[test]
fn every_min_is_tried_that_could_be_cheaper_with_every_set_of_spares() {
    let plan = plan(DEAR_AND_SLOW);
    assert_eq!(plan["untried"], 0, "{plan}");
    // Neither today's nor all of them: in between.
    assert_eq!(plan["recommended"]["min"], 4, "{plan}");
    assert_eq!(plan["best"]["tiers"], Value::Null, "{plan}");
    let best = plan["best"]["cost"].as_f64().expect("a cost");
    let all = plan["all_always"]["cost"].as_f64().expect("a cost");
    assert!(best < 0.5 * all, "{plan}");
    let tried = plan["tried"].as_array().expect("settings");
    let is_tried = |min: u64, tiers: &Value| {
        let like = |it: &&Value| it["min"] == min && it["tiers"] == *tiers;
        tried.iter().any(|it| like(&it))
    };
    let sets = [
        (Value::Null, 3),
        (json!({"first": 1, "last": 1}), 3),
        (json!({"first": 2, "last": 2}), 1),
    ];
    for (tiers, cheap) in sets {
        for min in 1..=6 {
            let dear = u32::try_from(min).expect("small").saturating_sub(cheap);
            let hourly = 0.1 * (min as f64 - f64::from(dear)) + 0.9 * f64::from(dear);
            let there = if tiers["first"] == 1 {
                3
            } else if tiers["first"] == 2 {
                4
            } else {
                6
            };
            let is_cheaper = min <= there && hourly * 300.0 / HOUR_S < best;
            assert!(!is_cheaper || is_tried(min, &tiers), "min {min} of {tiers}");
        }
    }
    // What must cost more is left out.
    assert!(!is_tried(5, &Value::Null), "{plan}");
}

/// Spares that come at once, for a load that hardly needs them.
fn priced(servers: usize) -> Scenario {
    let mut scenario = pool(vec![40.0; 20]);
    scenario.names = (1..=servers).map(|it| format!("web{it}")).collect();
    let server = Server {
        price_per_hour: 1.0,
        ..Server::default()
    };
    scenario.supply = Supply {
        servers: vec![server; servers],
        is_priced: true,
    };
    scenario
}

#[test]
fn a_search_ends_after_its_last_run_and_says_what_it_left_out() {
    let scenario = priced(40);
    let today = Setting::of(&scenario);
    // Nothing can hold: what might is not known before it is tried.
    let none = Search::within(&scenario, today, -1.0, 100).expect("a search");
    assert!(none.tried.len() <= 100, "{}", none.tried.len());
    assert_eq!(
        none.untried, 0,
        "nothing is called cheap where nothing holds"
    );
    let (best, _) = none.best_and_today().expect("a best");
    assert!(!best.is_feasible);

    // Without a price for what comes, no `min` must cost more than another.
    let mut free = scenario;
    for server in free.supply.servers.iter_mut().skip(1) {
        server.price_per_hour = 0.0;
    }
    let search = Search::within(&free, today, 1.0, 100).expect("a search");
    assert!(
        (91..=100).contains(&search.tried.len()),
        "{}",
        search.tried.len()
    );
    let mins: BTreeSet<u32> = search.tried.iter().map(|it| it.setting.min).collect();
    assert_eq!(search.untried, 40 - mins.len(), "{mins:?}");
    // The first ones lie apart.
    let far: Vec<u32> = mins.iter().copied().filter(|it| *it > 20).collect();
    assert!(far.len() > 2, "{mins:?}");
    // Those around what is best are tried, too.
    let (best, _) = search.best_and_today().expect("a best");
    let min = best.setting.min;
    for near in [min.saturating_sub(1).max(1), min, (min + 1).min(40)] {
        assert!(mins.contains(&near), "{near}: {mins:?}");
    }
    let said = search.lines().join("\n");
    assert!(said.contains("after 100 runs, its limit"), "{said}");
}

#[test]
fn in_a_large_pool_what_costs_more_is_left_out_and_the_search_ends_by_itself() {
    let scenario = priced(40);
    let search = Search::of(&scenario, Setting::of(&scenario), 1.0).expect("a search");
    // With one server the goal holds, so that two must cost more.
    let (best, _) = search.best_and_today().expect("a best");
    assert_eq!((best.setting.min, best.setting.tiers), (1, Tiers::ALL));
    assert_eq!(search.untried, 0);
    assert!(
        search.tried.len() <= 3 * BESIDE + 1,
        "{}",
        search.tried.len()
    );
    assert!(!search.lines().join("\n").contains("its limit"));
}

#[test]
fn what_is_recommended_can_be_applied_where_spares_have_no_names() {
    // The always-up server and the spares of tier 1 are dear and slow.
    let plan = plan(
        "--shape spike --seconds 300 --servers 5 --tier 2=3 --peak 200 --price 1=0.9 --price 2=0.1 \
         --boot 60s --boot 2=2s --slow-at-most 8%",
    );
    let (recommended, best) = (&plan["recommended"], &plan["best"]);
    assert_eq!(best["tiers"], json!({"first": 2, "last": 2}), "{plan}");
    assert_eq!(recommended["tiers"], best["tiers"], "{plan}");
    assert_eq!(recommended["spare_counts"], json!({"2": 3}), "{plan}");
    assert_eq!(recommended["min"], best["min"], "{plan}");
    assert_eq!(recommended["headroom"], best["headroom"], "{plan}");
    assert_eq!(recommended.get("spares"), None, "{plan}");
}
