//! Loads that change over minutes and hours: what our scaler keeps of them, and what it does not.

use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

use haproxy_autoscale::simulate::engine::{Database, MS_NS, SECOND_NS};
use haproxy_autoscale::simulate::measure::Move;
use haproxy_autoscale::simulate::policy::Policy;
use haproxy_autoscale::simulate::scenario::{Run, Scenario};

use super::policies::{pool, run};

const MINUTE: usize = 60;
const HOUR: usize = 60 * MINUTE;

/// An hour that teaches what one server carries: up to what needs three of them, and back.
fn lesson() -> Vec<f64> {
    let rate = |second: usize| {
        let done = second as f64 / HOUR as f64;
        10.0 + 100.0 * (1.0 - (done * TAU).cos()) / 2.0
    };
    (0..HOUR).map(rate).collect()
}

/// So many seconds at that rate.
fn steady(seconds: usize, rate_per_s: f64) -> Vec<f64> {
    vec![rate_per_s; seconds]
}

/// The same scenario for its first `seconds`.
fn until(scenario: &Scenario, seconds: usize) -> Scenario {
    let mut scenario = scenario.clone();
    let rates = scenario.load.rates_per_s.iter().take(seconds);
    scenario.load.rates_per_s = rates.copied().collect();
    scenario
}

/// Requests a second that one server was seen to carry, and at which it broke.
fn capacity(run: &Run) -> (Option<f64>, Option<f64>) {
    let known = run.capacity.as_ref();
    known.map_or((None, None), |it| (it.proved_per_s, it.broken_per_s))
}

/// Asked for within these seconds.
fn asked(run: &Run, from_s: usize, until_s: usize) -> usize {
    let moves = run.tally.moves.iter();
    moves
        .filter(|it| it.what == Move::Asked)
        .filter(|it| (ns(from_s)..ns(until_s)).contains(&it.at_ns))
        .count()
}

fn ns(second: usize) -> u64 {
    second as u64 * SECOND_NS
}

/// Servers that serve in each second.
fn serving(run: &Run) -> Vec<u16> {
    run.tally.serving_by_second(run.at_start)
}

/// The mean of those that came within these seconds.
fn mean_ms(run: &Run, from_s: usize, until_s: usize) -> f64 {
    let part = &run.tally.seconds[from_s..until_s];
    let requests: u32 = part.iter().map(|it| it.requests).sum();
    let sum_ns: u64 = part.iter().map(|it| it.response_ns).sum();
    sum_ns as f64 / f64::from(requests.max(1)) / 1e6
}

fn all_within(one: Option<f64>, other: Option<f64>, share: f64) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= share * one,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// How long a database is slow.
const SLOW: Range<usize> = HOUR + 30 * MINUTE..HOUR + 50 * MINUTE;

/// After a lesson so many requests a second, which one server carries easily. Then every request takes
/// five times as long, which is more than the goal, however many servers there are and none of them full.
fn slow_database(rate_per_s: f64, seed: u64) -> Scenario {
    let rates = [lesson(), steady(2 * HOUR, rate_per_s)].concat();
    let factor = |second: usize| if SLOW.contains(&second) { 5.0 } else { 1.0 };
    let heaviness = (0..rates.len()).map(factor).collect();
    let mut scenario = with_goal(pool(rates), 250);
    scenario.load.heaviness = heaviness;
    scenario.load.seed = seed;
    scenario
}

/// The same with a database that is full: what waits for it waits inside the servers.
fn full_database(rate_per_s: f64, seed: u64) -> Scenario {
    const AT_ONCE: u32 = 4;
    let service_ns = 10 * MS_NS;
    let carries_per_s = f64::from(AT_ONCE) * SECOND_NS as f64 / service_ns as f64;
    let mut scenario = pool([lesson(), steady(2 * HOUR, rate_per_s)].concat());
    scenario.database = Some(Database {
        at_once: AT_ONCE,
        service_ns,
        slow_ns: ns(SLOW.start)..ns(SLOW.end),
        // A twentieth more comes than it works off.
        factor: 1.05 * carries_per_s / rate_per_s,
    });
    scenario.load.seed = seed;
    scenario
}

/// One useless spare at most.
fn assert_asks_for_one(scenario: &Scenario) {
    let run = run(scenario, Policy::Ours);
    let useless = asked(&run, SLOW.start, SLOW.end);
    assert!(useless <= 1, "{useless} spares: {:?}", run.tally.moves);
}

/// What was known stays known, and what came goes.
fn assert_recovers(scenario: &Scenario) {
    let before = run(&until(scenario, SLOW.start), Policy::Ours);
    let after = run(scenario, Policy::Ours);
    let seed = scenario.load.seed;
    let (known, now) = (capacity(&before), capacity(&after));
    assert!(known.1.is_some(), "the lesson taught: {known:?}");
    assert!(
        all_within(known.0, now.0, 0.1) && all_within(known.1, now.1, 0.1),
        "{known:?} before and {now:?} after, seed {seed}"
    );
    assert_eq!(serving(&before).last(), Some(&1), "before, seed {seed}");
    let hour_later = serving(&after).get(SLOW.end + HOUR).copied();
    assert_eq!(hour_later, Some(1), "an hour later, seed {seed}");
}

#[test]
fn a_slow_database_brings_in_one_useless_spare_at_most() {
    for (rate_per_s, seed) in [(3.0, 1), (5.0, 2), (5.0, 3)] {
        assert_asks_for_one(&slow_database(rate_per_s, seed));
    }
}

#[test]
fn a_slow_database_takes_no_capacity_away_and_what_it_brought_in_goes() {
    for (rate_per_s, seed) in [(3.0, 1), (5.0, 1), (5.0, 2), (5.0, 3), (10.0, 1)] {
        assert_recovers(&slow_database(rate_per_s, seed));
    }
}

#[test]
fn a_full_database_brings_in_one_useless_spare_at_most() {
    for seed in [1, 2, 3] {
        assert_asks_for_one(&full_database(20.0, seed));
    }
}

#[test]
fn a_full_database_takes_no_capacity_away_and_what_it_brought_in_goes() {
    for seed in [1, 2, 3] {
        let scenario = full_database(20.0, seed);
        let run = run(&scenario, Policy::Ours);
        assert!(
            mean_ms(&run, SLOW.start + 5 * MINUTE, SLOW.end) > 600.0,
            "slow"
        );
        assert!(
            asked(&run, SLOW.start, SLOW.end) >= 1,
            "it helps nobody, and is tried"
        );
        assert_recovers(&scenario);
    }
}

/// A load that goes above and below what one server carries, for a day.
#[test]
fn a_sine_around_what_one_server_carries_changes_servers_twice_a_period_at_most() {
    const PERIODS: usize = 24;
    for (seed, share) in [(1, 0.1), (2, 0.2), (3, 0.4)] {
        // One server carries about 60/s; ten times slower, so that a day is not too many requests.
        let rate = |second: usize| {
            let waves = (second as f64 / HOUR as f64 * TAU).sin();
            6.0 * (1.0 + share * waves)
        };
        let rates: Vec<f64> = (0..PERIODS * HOUR).map(rate).collect();
        let mut scenario = with_goal(slower(pool(rates)), 5000);
        scenario.load.seed = seed;
        let run = run(&scenario, Policy::Ours);
        let changes = run.tally.changes;
        assert!(
            changes <= 2 * PERIODS as u64,
            "{changes} changes in {PERIODS} periods at a share of {share}"
        );
        assert!(
            run.slow_share() < 0.01,
            "{} slow at {share}",
            run.slow_share()
        );
    }
}

/// More work for each request at the same rate.
#[test]
fn requests_that_become_heavier_are_answered_in_time_again_after_two_minutes() {
    let heavier_s = HOUR + 30 * MINUTE;
    let lighter_s = heavier_s + HOUR;
    let ends_s = lighter_s + 2 * HOUR;
    let rates = [lesson(), steady(ends_s - HOUR, 45.0)].concat();
    for seed in [1, 2, 3] {
        let mut scenario = pool(rates.clone());
        scenario.load.seed = seed;
        let factor = |it: usize| {
            if (heavier_s..lighter_s).contains(&it) {
                1.6
            } else {
                1.0
            }
        };
        scenario.load.heaviness = (0..ends_s).map(factor).collect();
        let run = run(&scenario, Policy::Ours);
        for minute in (heavier_s + 2 * MINUTE..lighter_s).step_by(MINUTE) {
            let mean_ms = mean_ms(&run, minute, minute + MINUTE);
            assert!(
                mean_ms < 500.0,
                "{mean_ms} ms at second {minute}, seed {seed}"
            );
        }
        let serving = serving(&run);
        // 4.3 busy workers: two servers, and a third one if it is careful.
        let most = serving[heavier_s..lighter_s].iter().max();
        assert!(most <= Some(&3), "{most:?} servers, seed {seed}");
        // 2.7 busy workers are enough for one server, and two are careful.
        let hour_later = serving[lighter_s + HOUR];
        assert!(
            hour_later <= serving[heavier_s - 1].max(1),
            "{hour_later} servers, and {} before, seed {seed}",
            serving[heavier_s - 1]
        );
    }
}

/// Two minutes in which every request takes eight times as long, and three hours like the one before:
/// without these minutes, and with them.
fn two_slow_minutes(seed: u64) -> [Run; 2] {
    let begins_s = HOUR + 30 * MINUTE;
    let ends_s = begins_s + 2 * MINUTE;
    let hours = [lesson(), lesson(), lesson()].concat();
    let rates = [lesson(), steady(30 * MINUTE, 40.0), hours].concat();
    let factor = |it: usize| {
        if (begins_s..ends_s).contains(&it) {
            8.0
        } else {
            1.0
        }
    };
    let heaviness = (0..rates.len()).map(factor).collect();
    let mut scenario = pool(rates);
    scenario.load.seed = seed;
    let calm = run(&scenario, Policy::Ours);
    scenario.load.heaviness = heaviness;
    [calm, run(&scenario, Policy::Ours)]
}

#[test]
fn two_slow_minutes_cost_no_servers_three_hours_later() {
    for seed in [1, 2] {
        let [calm, slow] = two_slow_minutes(seed).map(|run| {
            let serving = serving(&run);
            let last = &serving[serving.len() - HOUR..];
            let sum: u32 = last.iter().map(|it| u32::from(*it)).sum();
            f64::from(sum) / HOUR as f64
        });
        assert!(
            slow < 1.1 * calm,
            "{slow} servers, without the slowness {calm}, seed {seed}"
        );
    }
}

#[test]
fn what_two_slow_minutes_have_taught_is_forgotten_within_three_hours() {
    for seed in [1, 2] {
        let [calm, slow] = two_slow_minutes(seed).map(|run| capacity(&run));
        assert!(
            all_within(calm.0, slow.0, 0.15) && all_within(calm.1, slow.1, 0.15),
            "{slow:?}, without the slowness {calm:?}, seed {seed}"
        );
    }
}

fn with_goal(scenario: Scenario, goal_ms: u32) -> Scenario {
    let mut scenario = scenario;
    scenario.goal = Duration::from_millis(goal_ms.into());
    scenario.settings.policies[0].above = f64::from(goal_ms);
    scenario
}

/// The same servers with ten times as much work for each request.
fn slower(scenario: Scenario) -> Scenario {
    let mut scenario = scenario;
    scenario.load.heaviness = vec![10.0; scenario.load.seconds()].into();
    scenario
}
