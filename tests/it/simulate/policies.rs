//! What each policy does, by its definition.

use std::time::Duration;

use haproxy_autoscale::measure::settings::{PolicySettings, Signal};
use haproxy_autoscale::scaler::settings::{BackendSettings, Capacity};
use haproxy_autoscale::simulate::compare::compare;
use haproxy_autoscale::simulate::engine::{Database, MS_NS, SECOND_NS};
use haproxy_autoscale::simulate::load::shapes::Shape;
use haproxy_autoscale::simulate::measure::Move;
use haproxy_autoscale::simulate::policy::Policy;
use haproxy_autoscale::simulate::scenario::{Run, Scenario};

use super::queueing::scenario;

/// web1 and three spares of 4 workers, 60 ms each, under these rates.
pub(crate) fn pool(rates_per_s: Vec<f64>) -> Scenario {
    let all = scenario(4, 4, "exp:60ms", rates_per_s);
    Scenario {
        settings: BackendSettings {
            policies: vec![PolicySettings::new(Signal::ResponseTime, 500.0)],
            capacity: Capacity::Learn,
            ..BackendSettings::for_backend("web", vec!["web1".to_owned()])
        },
        min: 1,
        ..all
    }
}

pub(super) fn run(scenario: &Scenario, policy: Policy) -> Run {
    scenario.run(policy, None).expect("Little's law")
}

#[test]
fn all_policies_meet_the_same_requests() {
    let scenario = pool(Shape::Day.rates_per_s(900, 150.0));
    let runs = compare(&scenario, &Policy::ALL).expect("runs");
    assert_eq!(runs.len(), Policy::ALL.len());
    let requests = runs[0].tally.requests;
    assert!(requests > 50_000, "{requests}");
    for (run, policy) in runs.iter().zip(Policy::ALL) {
        assert_eq!(run.policy, policy);
        assert_eq!(run.tally.requests, requests, "{policy:?}");
        let by_second =
            |run: &Run| -> Vec<u32> { run.tally.seconds.iter().map(|it| it.requests).collect() };
        assert_eq!(by_second(run), by_second(&runs[0]), "{policy:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_does_not() {
    let scenario = pool(Shape::Sine.rates_per_s(600, 150.0));
    let mut other = scenario.clone();
    other.load.seed += 1;
    for policy in [Policy::Ours, Policy::Kpa] {
        let print = |scenario: &Scenario| format!("{:?}", run(scenario, policy).tally);
        assert!(print(&scenario) == print(&scenario), "{policy:?}");
        assert!(print(&scenario) != print(&other), "{policy:?}");
    }
}

#[test]
fn static_policies_change_nothing_and_cost_what_they_have() {
    let scenario = pool(vec![60.0; 300]);
    for (policy, servers) in [(Policy::StaticMin, 1.0), (Policy::StaticMax, 4.0)] {
        let run = run(&scenario, policy);
        assert!((run.servers_mean() - servers).abs() < 1e-9, "{policy:?}");
        assert_eq!((run.tally.changes, run.tally.flaps), (0, 0));
    }
}

#[test]
fn ours_brings_spares_in_under_load_and_gives_them_back_when_it_is_quiet() {
    let rates = [vec![100.0; 300], vec![5.0; 1500]].concat();
    let run = run(&pool(rates), Policy::Ours);
    let moves = |what: Move| run.tally.moves.iter().filter(|it| it.what == what).count();
    assert!(moves(Move::Serves) >= 1, "{:?}", run.tally.moves);
    assert_eq!(
        moves(Move::Asked),
        moves(Move::Gone),
        "{:?}",
        run.tally.moves
    );
    assert_eq!(run.tally.moves.last().map(|it| it.serving), Some(1));
    let asked = run.tally.moves.first().expect("a move");
    let serves = run.tally.moves.iter().find(|it| it.what == Move::Serves);
    let took_ns = serves.expect("one that serves").at_ns - asked.at_ns;
    // 5 s of boot, three requests, and HAProxy's checks.
    assert!(
        (5_000_000_000..9_000_000_000).contains(&took_ns),
        "{took_ns}"
    );
    assert!(!run.decisions.is_empty());
}

#[test]
fn guard_is_ours_with_capacity_off() {
    let learning = pool(Shape::Sawtooth.rates_per_s(600, 150.0));
    let mut off = learning.clone();
    off.settings.capacity = Capacity::Off;
    let print = |run: &Run| format!("{:?}", run.tally);
    let runs = |scenario: &Scenario| {
        let runs = compare(scenario, &[Policy::Guard, Policy::Ours]).expect("runs");
        assert_eq!(runs[0].policy, Policy::Guard);
        [print(&runs[0]), print(&runs[1])]
    };
    let ([guard, learned], [guard_again, ours]) = (runs(&learning), runs(&off));
    assert!(
        guard == guard_again && guard == ours,
        "nothing else is left off"
    );
    assert!(learned != ours, "and it makes a difference");
}

#[test]
fn hpa_and_kpa_find_the_servers_that_a_steady_load_needs() {
    // 100/s of 60 ms are 6 in flight and a little more; at 2.8 a server that is 3 servers.
    let scenario = pool(vec![100.0; 1200]);
    for policy in [Policy::Hpa, Policy::Kpa] {
        let run = run(&scenario, policy);
        let late = run
            .tally
            .moves
            .iter()
            .rev()
            .find(|it| it.what == Move::Serves);
        assert!(
            run.servers_mean() > 2.5,
            "{policy:?} {}",
            run.servers_mean()
        );
        assert!(late.is_some(), "{policy:?}");
        assert!(run.slow_share() < 0.05, "{policy:?} {}", run.slow_share());
    }
}

#[test]
fn hpa_waits_five_minutes_before_it_takes_a_server_away_and_kpa_one() {
    let rates = [vec![150.0; 600], vec![5.0; 900]].concat();
    let scenario = pool(rates);
    let first_leaves_s = |policy: Policy| {
        let run = run(&scenario, policy);
        let moves = run.tally.moves.iter();
        let after = moves.filter(|it| it.at_ns > 600_000_000_000);
        let leaves = after.into_iter().find(|it| it.what == Move::Leaves);
        leaves.map_or(0, |it| it.at_ns / 1_000_000_000)
    };
    let (hpa, kpa) = (first_leaves_s(Policy::Hpa), first_leaves_s(Policy::Kpa));
    assert!((885..=930).contains(&hpa), "{hpa}");
    assert!((602..=665).contains(&kpa), "{kpa}");
}

#[test]
fn the_script_never_takes_a_server_away_under_load() {
    let rates = [vec![150.0; 300], vec![3.0; 900], vec![0.0; 700]].concat();
    let run = run(&pool(rates), Policy::Script2011);
    let leaves: Vec<_> = run
        .tally
        .moves
        .iter()
        .filter(|it| it.what == Move::Leaves)
        .collect();
    assert!(!leaves.is_empty());
    assert!(
        leaves.iter().all(|it| it.at_ns > 1_490_000_000_000),
        "{leaves:?}"
    );
}

#[test]
fn the_oracle_has_its_servers_when_they_are_needed() {
    let rates = [vec![30.0; 300], vec![150.0; 300], vec![30.0; 300]].concat();
    let scenario = Scenario {
        boot: Duration::from_secs(60),
        ..pool(rates)
    };
    let needed = scenario.needed();
    let run = run(&scenario, Policy::Oracle);
    let serving = run.tally.serving_by_second(run.at_start);
    for (second, (serving, needed)) in serving.iter().zip(&needed).enumerate() {
        assert!(usize::from(*serving) >= *needed, "second {second}");
    }
    assert_eq!(run.elasticity.under_time_share.to_bits(), 0.0_f64.to_bits());
    assert!(run.slow_share() < 0.01, "{}", run.slow_share());
    assert!(run.servers_mean() < 2.6, "{}", run.servers_mean());
}

#[test]
fn the_best_of_a_sweep_is_no_slower_than_ours_or_the_least_slow() {
    let scenario = pool(Shape::Sawtooth.rates_per_s(900, 150.0));
    let policies = [Policy::Ours, Policy::Hpa, Policy::HpaBest, Policy::KpaBest];
    let runs = compare(&scenario, &policies).expect("runs");
    let slow = |index: usize| runs[index].tally.slow;
    assert!(slow(2) <= slow(0) || slow(2) <= slow(1));
    assert!(slow(3) <= slow(0));
    if slow(1) <= slow(0) {
        let cost = |index: usize| runs[index].tally.server_seconds();
        assert!(
            cost(2) <= cost(1) + 1e-9,
            "the target of hpa is in the sweep"
        );
    }
}

#[test]
fn a_spare_that_needs_longer_than_its_deadline_comes_in_when_it_has_started_and_not_before() {
    let scenario = Scenario {
        boot: Duration::from_secs(300),
        ..pool(vec![100.0; 900])
    };
    let run = run(&scenario, Policy::Ours);
    let moves = run.tally.moves.iter();
    let serves = moves.clone().find(|it| it.what == Move::Serves);
    let asked = moves.clone().filter(|it| it.what == Move::Asked).count();
    assert!(
        serves.is_some_and(|it| it.at_ns > 300_000_000_000),
        "{serves:?}"
    );
    assert!(asked > 1, "its deadline is a minute: {:?}", run.tally.moves);
}

#[test]
fn a_server_is_paid_for_from_the_wish_until_it_is_in_maint() {
    let rates = [vec![30.0; 100], vec![150.0; 100]].concat();
    let short = pool(rates.clone());
    let long = Scenario {
        boot: Duration::from_secs(40),
        ..pool(rates)
    };
    // The same servers serve in the same seconds; the slow ones have to be asked for earlier.
    let cost = |scenario: &Scenario| run(scenario, Policy::Oracle).tally.server_seconds();
    let apart = cost(&long) - cost(&short);
    let spares = f64::from(u32::try_from(short.needed().last().unwrap() - 1).unwrap());
    assert!((apart - 35.0 * spares).abs() < 2.0 * spares, "{apart}");
}

#[test]
fn requests_that_become_heavier_fill_the_servers() {
    let mut scenario = pool(vec![45.0; 900]);
    let factor = |second: u32| {
        if (300..600).contains(&second) {
            1.6
        } else {
            1.0
        }
    };
    scenario.load.heaviness = (0..900).map(factor).collect();
    let run = run(&scenario, Policy::StaticMin);
    let mean_ms = |from: usize| {
        let part = &run.tally.seconds[from..from + 200];
        let requests: u32 = part.iter().map(|it| it.requests).sum();
        let sum_ns: u64 = part.iter().map(|it| it.response_ns).sum();
        sum_ns as f64 / f64::from(requests) / 1e6
    };
    // 45/s of 60 ms are 2.7 busy workers of 4, of 96 ms 4.3.
    assert!(mean_ms(50) < 120.0, "{}", mean_ms(50));
    assert!(mean_ms(350) > 1000.0, "{}", mean_ms(350));
    assert!(mean_ms(690) < 120.0, "{}", mean_ms(690));
}

#[test]
fn more_servers_do_not_make_a_slow_database_faster() {
    let slow_s = 300..600;
    let scenario = Scenario {
        database: Some(Database {
            at_once: 4,
            service_ns: 10 * MS_NS,
            slow_ns: slow_s.start * SECOND_NS..slow_s.end * SECOND_NS,
            factor: 12.0,
        }),
        ..pool(vec![40.0; 900])
    };
    let [few, many] = [Policy::StaticMin, Policy::StaticMax].map(|it| run(&scenario, it));
    let worst_ms = |run: &Run| {
        let part = &run.tally.seconds[500..600];
        let sum_ns: u64 = part.iter().map(|it| it.response_ns).sum();
        sum_ns as f64 / f64::from(part.iter().map(|it| it.requests).sum::<u32>()) / 1e6
    };
    // 40/s of 120 ms are 4.8 of 4 places.
    assert!(worst_ms(&few) > 3000.0, "{}", worst_ms(&few));
    assert!(
        worst_ms(&many) > 0.8 * worst_ms(&few),
        "{}",
        worst_ms(&many)
    );
    let before = |run: &Run| {
        run.tally.seconds[..300]
            .iter()
            .map(|it| it.slow)
            .sum::<u32>()
    };
    assert!(before(&few) < 50, "{}", before(&few));
}

#[test]
fn an_overload_that_one_server_meets_alone_does_not_end_in_servers_taken_out_for_their_failures() {
    let rates = vec![300.0; 400];
    let all = pool(rates.clone());
    let servers = scenario(8, 4, "exp:60ms", rates);
    let scenario = Scenario {
        settings: all.settings,
        min: 1,
        ..servers
    };
    for seed in 1..=3 {
        let mut scenario = scenario.clone();
        scenario.load.seed = seed;
        let run = run(&scenario, Policy::Ours);
        assert!(run.tally.changes <= 10, "{} changes", run.tally.changes);
        assert!(run.slow_share() < 0.25, "{} slow", run.slow_share());
    }
}
