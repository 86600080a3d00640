//! Arrivals and requests in flight from counters: resets, restarts, looks that are missing.

use std::time::Duration;

use haproxy_autoscale::measure::demand::{Demand, Reading};
use proptest::prelude::*;

use super::farm::at;

const S6: Duration = Duration::from_secs(6);
const S30: Duration = Duration::from_secs(30);
const S60: Duration = Duration::from_secs(60);

fn reading(arrived: u64, open: u32) -> Reading {
    Reading {
        arrived,
        open,
        queued: 0,
    }
}

fn near(value: Option<f64>, expected: f64) {
    let value = value.expect("known");
    assert!((value - expected).abs() < 1e-6, "{value} for {expected}");
}

#[test]
fn a_rate_is_known_after_half_its_span_and_a_rush_shows_in_the_short_one_first() {
    let mut demand = Demand::default();
    let mut arrived = 1_000_000; // HAProxy has run for a while.
    for second in 0..=60_u64 {
        demand.read(at(second * 1_000), reading(arrived, 4));
        assert_eq!(demand.per_second(S6).is_some(), second >= 3, "{second}");
        assert_eq!(demand.per_second(S30).is_some(), second >= 15, "{second}");
        arrived += if second < 54 { 10 } else { 50 };
    }
    near(demand.per_second(S6), 50.0);
    near(demand.per_second(S30), (24.0 * 10.0 + 6.0 * 50.0) / 30.0);
    near(demand.open(S60), 4.0);
}

#[test]
fn a_counter_that_goes_back_counts_from_nought() {
    let mut demand = Demand::default();
    for (second, arrived) in [(0, 500), (2, 520), (4, 540), (6, 3), (8, 23)] {
        demand.read(at(second * 1_000), reading(arrived, 0));
    }
    // 20 + 20 + 3 + 20 in eight seconds; of the last six 43.
    near(demand.per_second(S6), 43.0 / 6.0);
}

#[test]
fn another_process_that_has_counted_more_already_invents_no_rush() {
    let mut demand = Demand::default();
    demand.read(at(0), reading(100, 0));
    demand.read(at(2_000), reading(110, 0));
    demand.next_process();
    demand.read(at(4_000), reading(12, 0));
    demand.read(at(6_000), reading(22, 0));
    near(demand.per_second(S6), 32.0 / 6.0);
    demand.next_process();
    // As much as before, and all of it new.
    demand.read(at(8_000), reading(30, 0));
    near(demand.per_second(S6), (12.0 + 10.0 + 30.0) / 6.0);
}

#[test]
fn looks_that_are_missing_lose_no_request_and_a_long_gap_begins_anew() {
    let mut demand = Demand::default();
    for second in [0, 2, 4, 6, 26, 28, 30] {
        demand.read(at(second * 1_000), reading(second * 10, 5));
    }
    near(demand.per_second(S6), 10.0);
    near(demand.per_second(S30), 10.0);
    near(demand.open(S30), 5.0);
    demand.read(at(90_000), reading(900_000, 5));
    assert_eq!(demand.per_second(S6), None, "nobody knows when they came");
    demand.read(at(92_000), reading(900_020, 5));
    demand.read(at(94_000), reading(900_040, 5));
    near(demand.per_second(S6), 10.0);
}

#[test]
fn requests_in_flight_are_weighed_by_how_long_they_were_seen() {
    let mut demand = Demand::default();
    // 10 for ten seconds, read once; then 0, read every 100 ms for two seconds.
    demand.read(at(0), reading(0, 10));
    demand.read(at(10_000), reading(0, 10));
    for tenth in 1..=20 {
        demand.read(at(10_000 + tenth * 100), reading(0, 0));
    }
    // The step took a tenth of a second.
    near(demand.open(Duration::from_secs(12)), (100.0 + 0.5) / 12.0);
}

proptest! {
    #[test]
    fn what_arrived_is_neither_lost_nor_invented(
        steps in prop::collection::vec((50_u64..9_000, 0_u64..500, any::<bool>()), 2..80),
    ) {
        let (mut demand, mut now, mut counter) = (Demand::default(), 0, 12_345);
        demand.read(at(now), reading(counter, 0));
        let mut arrivals = Vec::new();
        for (ms, arrived, is_reset) in steps {
            now += ms;
            if is_reset {
                demand.next_process();
                counter = 0;
            }
            counter += arrived;
            demand.read(at(now), reading(counter, 0));
            arrivals.push((now, ms, arrived));
        }
        for span in [S6, S30, S60] {
            let span_ms = u64::try_from(span.as_millis()).unwrap();
            let from = now.saturating_sub(span_ms.min(now)) as f64;
            // Between two looks they came evenly.
            let expected: f64 = arrivals.iter().map(|(until, ms, arrived)| {
                let until = *until as f64;
                let inside = (until - from).clamp(0.0, *ms as f64);
                *arrived as f64 * inside / *ms as f64
            }).sum();
            if let Some(rate) = demand.per_second(span) {
                let seconds = span.as_secs_f64().min(now as f64 / 1e3);
                // Looks that lie close to each other are taken together.
                let slack = 1e-6 + 1_000.0 / seconds;
                prop_assert!((rate - expected / seconds).abs() <= slack, "{rate} {expected}");
            }
        }
    }

    #[test]
    fn whatever_counters_say_rates_are_numbers_and_little_is_held(
        looks in prop::collection::vec(
            (0_u64..40_000, any::<u64>(), any::<u32>(), any::<bool>()), 1..300),
    ) {
        let (mut demand, mut now) = (Demand::default(), 0_u64);
        for (ms, arrived, open, is_reset) in looks {
            now += ms;
            if is_reset {
                demand.next_process();
            }
            demand.read(at(now), Reading { arrived, open, queued: open });
            for span in [S6, S30, S60] {
                let numbers = [demand.per_second(span), demand.open(span), demand.queued(span)];
                for number in numbers.into_iter().flatten() {
                    prop_assert!(number.is_finite() && number >= 0.0, "{number}");
                }
            }
            prop_assert!(demand.held() <= 130, "{}", demand.held());
        }
    }
}
