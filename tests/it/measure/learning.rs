//! What teaches, and what must not.

use haproxy_autoscale::measure::capacity::{Bracket, Lesson};
use haproxy_autoscale::measure::learning::{Answers, Learner, Seen, Sign, Witnesses};
use haproxy_autoscale::measure::need::whole;
use proptest::prelude::*;

use super::farm::{GOAL_MS, at};

/// S₀: with 60 ms of 500 some things queue.
const SERVICE_MS: f64 = 50.0;
const MINUTE: u64 = 60_000;

fn new() -> Learner {
    Learner::new(at(0), GOAL_MS, Bracket::default(), false)
}

fn knows(proved: f64, broken: f64, held: f64) -> Learner {
    let lesson = |value| Some(Lesson { value, at: at(0) });
    let bracket = Bracket {
        proved: lesson(proved),
        held: lesson(held),
        broken: lesson(broken),
    };
    Learner::new(at(0), GOAL_MS, bracket, false)
}

fn seen(per_second: f64, in_flight: f64) -> Seen {
    Seen {
        per_second,
        in_flight,
        counted: in_flight,
        was_empty: false,
    }
}

/// A minute of two servers that the log and the counters agree on.
fn minute(learner: &mut Learner, now_ms: u64, per_second: f64, mean_ms: f64) {
    let in_flight = per_second * mean_ms / 1e3;
    let lines = whole(per_second * 60.0);
    let witnesses = Witnesses {
        arrived: per_second * 60.0,
        lines: u64::from(lines),
        errors: 0,
    };
    let seen = seen(per_second, in_flight);
    learner.minute(at(now_ms), 2.0, &seen, takes(mean_ms), witnesses);
}

fn takes(mean_ms: f64) -> Answers {
    Answers {
        mean_ms: Some(mean_ms),
        service_ms: Some(SERVICE_MS),
        margin: 0.0,
    }
}

fn carries(learner: &Learner, minute: u64) -> f64 {
    let carries = learner.reckoned().carries(at(minute * MINUTE));
    carries.expect("known").per_second()
}

/// A breach of two servers, confirmed by what is in flight.
fn breach(learner: &mut Learner, now_ms: u64, per_second: f64) -> bool {
    let seen = seen(per_second, per_second * 0.6);
    learner.breach(at(now_ms), 2.0, &seen, Sign::Response)
}

fn values(learner: &Learner) -> (Option<f64>, Option<f64>) {
    let value = |lesson: Option<Lesson>| lesson.map(|it| it.value);
    let bracket = learner.bracket();
    (value(bracket.proved), value(bracket.broken))
}

#[test]
fn a_fast_minute_proves_its_rate_and_what_was_in_flight() {
    let mut learner = new();
    minute(&mut learner, MINUTE - 1, 40.0, 100.0);
    assert_eq!(values(&learner), (None, None), "no whole minute");
    minute(&mut learner, MINUTE, 40.0, 100.0);
    assert_eq!(values(&learner), (Some(20.0), None));
    assert_eq!(learner.bracket().held.map(|it| it.value), Some(2.0));
    minute(&mut learner, 2 * MINUTE, 60.0, 299.0);
    assert_eq!(values(&learner), (Some(30.0), None));
    minute(&mut learner, 3 * MINUTE, 70.0, 301.0);
    minute(&mut learner, 4 * MINUTE, 10.0, 50.0);
    assert_eq!(values(&learner), (Some(30.0), None), "slow, and less");
}

#[test]
fn a_minute_in_which_the_pool_changed_or_a_breach_came_proves_nothing() {
    let mut learner = new();
    learner.pool_changed(at(30_000), false);
    minute(&mut learner, MINUTE, 40.0, 100.0);
    assert_eq!(values(&learner).0, None);
    breach(&mut learner, 80_000, 0.0);
    minute(&mut learner, 100_000, 40.0, 100.0);
    assert_eq!(values(&learner).0, None);
    minute(&mut learner, 140_000, 40.0, 100.0);
    assert_eq!(values(&learner).0, Some(20.0));
}

#[test]
fn fast_errors_and_lines_that_contradict_the_counters_prove_nothing() {
    let mut learner = new();
    let mut tell = |arrived, lines, errors| {
        let witnesses = Witnesses {
            arrived,
            lines,
            errors,
        };
        let seen = seen(40.0, 4.0);
        learner.minute(at(MINUTE), 2.0, &seen, takes(100.0), witnesses);
        learner.bracket().proved.is_some()
    };
    assert!(!tell(2_400.0, 2_400, 300), "a broken deploy answers fast");
    assert!(!tell(2_400.0, 3_000, 0), "somebody writes lines");
    assert!(!tell(2_400.0, 1_800, 0), "lines are lost");
    assert!(tell(2_400.0, 2_200, 20));
}

#[test]
fn the_first_breach_of_an_episode_teaches_and_later_ones_see_the_backlog() {
    let mut learner = new();
    assert!(
        !breach(&mut learner, 19_000, 80.0),
        "20 s of calm are needed"
    );
    assert!(breach(&mut learner, 60_000, 80.0));
    assert_eq!(values(&learner), (None, Some(40.0)));
    for second in [63, 70, 89, 108] {
        assert!(!breach(&mut learner, second * 1_000, 50.0));
    }
    learner.pool_changed(at(115_000), false);
    assert!(!breach(&mut learner, 130_000, 50.0), "a new pool");
    assert_eq!(values(&learner), (None, Some(40.0)));
    assert!(breach(&mut learner, 160_000, 90.0));
    assert_eq!(values(&learner), (None, Some(45.0)));
}

#[test]
fn a_breach_below_what_was_proved_pulls_it_down() {
    let mut learner = knows(36.0, 40.0, 8.0);
    assert!(breach(&mut learner, MINUTE, 40.0));
    assert_eq!(values(&learner), (Some(19.0), Some(20.0)));
}

#[test]
fn what_is_carried_is_not_what_breaks() {
    let mut learner = knows(36.0, 38.0, 8.0);
    minute(&mut learner, MINUTE, 95.0, 200.0);
    assert_eq!(values(&learner), (Some(47.5), Some(50.0)));
}

#[test]
fn forged_slow_lines_teach_nothing_because_nothing_is_in_flight() {
    let mut learner = knows(36.0, 40.0, 8.0);
    let forged = Seen {
        per_second: 40.0,
        in_flight: 5.0,
        counted: 5.0,
        was_empty: false,
    };
    assert!(!learner.breach(at(MINUTE), 2.0, &forged, Sign::Response));
    let mut knows_nothing = new();
    assert!(!knows_nothing.breach(at(MINUTE), 2.0, &forged, Sign::Response));
    assert_eq!(values(&learner), (Some(36.0), Some(40.0)));
}

#[test]
fn a_pause_at_night_is_no_overload() {
    let mut learner = knows(36.0, 40.0, 8.0);
    // 2/s that take a second each: one server has held eight well.
    let seen = seen(2.0, 2.0);
    assert!(!learner.breach(at(MINUTE), 2.0, &seen, Sign::Response));
    assert_eq!(values(&learner), (Some(36.0), Some(40.0)));
}

#[test]
fn a_queue_before_full_servers_teaches_whatever_they_hold() {
    let mut learner = knows(36.0, 40.0, 8.0);
    let waiting = |counted| Seen {
        per_second: 60.0,
        in_flight: 8.0,
        counted,
        was_empty: false,
    };
    assert!(!learner.breach(at(MINUTE), 2.0, &waiting(0.9), Sign::Queue));
    assert!(learner.breach(at(2 * MINUTE), 2.0, &waiting(3.0), Sign::Queue));
    assert_eq!(values(&learner).1, Some(30.0));
}

#[test]
fn an_episode_in_which_more_servers_did_not_help_taught_nothing() {
    let mut learner = knows(36.0, 40.0, 8.0);
    assert!(breach(&mut learner, MINUTE, 40.0));
    assert_eq!(
        learner.undoubted(at(MINUTE)),
        *knows(36.0, 40.0, 8.0).bracket()
    );
    learner.bottleneck(at(90_000), true);
    assert_eq!(values(&learner), (Some(36.0), Some(40.0)));
    assert!(learner.is_frozen());
    // While it lasts nothing teaches.
    assert!(!breach(&mut learner, 3 * MINUTE, 30.0));
    minute(&mut learner, 6 * MINUTE, 100.0, 50.0);
    assert_eq!(values(&learner), (Some(36.0), Some(40.0)));
    learner.bottleneck(at(7 * MINUTE), false);
    minute(&mut learner, 8 * MINUTE, 100.0, 50.0);
    assert_eq!(values(&learner).0, Some(50.0));
}

#[test]
fn an_episode_in_which_more_servers_helped_is_believed() {
    let mut learner = knows(36.0, 40.0, 8.0);
    assert!(breach(&mut learner, MINUTE, 40.0));
    learner.helped(at(90_000));
    assert!(learner.has_helped(at(2 * MINUTE)));
    assert_eq!(learner.undoubted(at(2 * MINUTE)), *learner.bracket());
    learner.bottleneck(at(5 * MINUTE), true);
    assert_eq!(values(&learner), (Some(19.0), Some(20.0)));
    assert!(!learner.has_helped(at(5 * MINUTE)));
}

#[test]
fn a_breach_above_all_that_was_proved_is_believed_at_once() {
    let mut learner = knows(36.0, 60.0, 8.0);
    assert!(breach(&mut learner, MINUTE, 90.0));
    assert_eq!(learner.undoubted(at(MINUTE)), *learner.bracket());
}

#[test]
fn what_was_pulled_down_comes_back_in_steps_and_ever_later_when_it_breaks_again() {
    let mut learner = knows(36.0, 40.0, 8.0);
    assert!(breach(&mut learner, MINUTE, 40.0));
    learner.helped(at(MINUTE));
    let climb = |learner: &mut Learner, from: u64, minutes: u64| {
        for step in 1..=minutes {
            minute(learner, (from + step) * MINUTE, 38.0, 100.0);
        }
        carries(learner, from + minutes)
    };
    assert!((climb(&mut learner, 1, 4) - 19.0).abs() < 1e-9);
    assert!((climb(&mut learner, 5, 1) - 20.9).abs() < 1e-9);
    assert!((climb(&mut learner, 6, 60) - 36.0).abs() < 1e-6);
    // Heavier again: twice five minutes the second time it breaks.
    let mut heavier = knows(36.0, 40.0, 8.0);
    assert!(breach(&mut heavier, MINUTE, 40.0));
    assert!(breach(&mut heavier, 5 * MINUTE, 40.0));
    assert!((climb(&mut heavier, 5, 9) - 19.0).abs() < 1e-9);
    assert!((climb(&mut heavier, 14, 1) - 20.9).abs() < 1e-9);
}

#[test]
fn a_load_that_stays_heavier_is_doubted_once_a_day_in_the_end() {
    let mut learner = knows(36.0, 40.0, 8.0);
    for hour in 1..20 {
        breach(&mut learner, hour * 60 * MINUTE, 40.0);
    }
    let last = 19 * 60;
    let climb = |learner: &mut Learner, from: u64, to: u64| {
        for step in from..to {
            minute(learner, (last + step) * MINUTE, 30.0, 100.0);
        }
        carries(learner, last + to)
    };
    assert!((climb(&mut learner, 1, 24 * 60) - 19.0).abs() < 1e-9);
    assert!((climb(&mut learner, 24 * 60, 24 * 60 + 1) - 20.9).abs() < 1e-9);
}

/// Minutes of 20/s on two servers, from then to then; what is carried afterwards.
fn minutes(learner: &mut Learner, range: std::ops::Range<u64>, mean_ms: f64) -> f64 {
    let end = range.end;
    for step in range {
        minute(learner, step * MINUTE, 20.0, mean_ms);
    }
    carries(learner, end)
}

#[test]
fn what_one_breach_said_is_doubted_after_hours() {
    let queues = 2.0 * SERVICE_MS;
    let mut learner = new();
    minutes(&mut learner, 1..2, queues);
    assert!(breach(&mut learner, 2 * MINUTE, 40.0));
    // 0.7 of the 20/s that broke one server.
    let near = |value: f64, wanted: f64| (value - wanted).abs() < 0.01 * wanted;
    let before = minutes(&mut learner, 3..361, queues);
    assert!(near(before, 14.0), "{before}");
    let after = minutes(&mut learner, 361..365, queues);
    assert!(near(after, 1.21 * before), "{after}");
    // What was seen is what was seen.
    assert_eq!(values(&learner).0, Some(10.0));
    // It was true: as long again.
    assert!(breach(&mut learner, 370 * MINUTE, 40.0));
    let before = minutes(&mut learner, 371..729, queues);
    assert!(near(before, 14.0), "{before}");
    assert!(minutes(&mut learner, 729..733, queues) > 1.09 * before);
}

#[test]
fn servers_with_as_much_as_they_carry_of_which_nothing_queues_carry_a_little_more() {
    let mut learner = new();
    minutes(&mut learner, 1..2, SERVICE_MS);
    // 14/s are reckoned with, and one server has 10: that shows nothing.
    assert!(breach(&mut learner, 2 * MINUTE, 40.0));
    let idle = minutes(&mut learner, 3..60, SERVICE_MS);
    assert!(idle < 14.5, "{idle}");
    let busy = |learner: &mut Learner, at: u64| {
        minute(learner, at * MINUTE, 29.0, SERVICE_MS);
        carries(learner, at)
    };
    // No more than a tenth above what was seen, however often it is.
    let highest = (60..120).map(|at| busy(&mut learner, at));
    let highest = highest.fold(0.0, f64::max);
    assert!((1.05 * 14.5..1.11 * 14.5).contains(&highest), "{highest}");
    // What was tried broke: the first breach was right, and for hours nothing is tried.
    assert!(breach(&mut learner, 121 * MINUTE, 40.0));
    let before = busy(&mut learner, 123);
    let later = (124..400).map(|at| busy(&mut learner, at));
    let later = later.fold(0.0, f64::max);
    assert!(later < 1.15 * before, "{later} after {before}");
}

#[test]
fn what_an_operator_says_stays() {
    let bracket = *knows(36.0, 40.0, 8.0).bracket();
    let mut learner = Learner::new(at(0), GOAL_MS, bracket, true);
    assert!(!breach(&mut learner, MINUTE, 40.0));
    minute(&mut learner, 3 * MINUTE, 200.0, 50.0);
    assert_eq!(learner.bracket(), &bracket);
}

#[derive(Clone, Debug)]
enum Step {
    Minute(f64, f64),
    Breach(f64, f64, bool),
    Pool,
    Elsewhere(bool),
    Helped,
    StartOver,
}

fn any_step() -> impl Strategy<Value = Step> {
    let rate = || prop_oneof![Just(0.0), 0.0..500.0_f64];
    prop_oneof![
        (rate(), 0.0..2_000.0_f64).prop_map(|(rate, ms)| Step::Minute(rate, ms)),
        (rate(), rate(), any::<bool>()).prop_map(|(rate, open, is)| Step::Breach(rate, open, is)),
        Just(Step::Pool),
        any::<bool>().prop_map(Step::Elsewhere),
        Just(Step::Helped),
        Just(Step::StartOver),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_what_is_known_are_numbers_above_nought_in_their_order(
        steps in prop::collection::vec((1_u64..200_000, any_step()), 1..200),
    ) {
        let (mut learner, mut now) = (new(), 0);
        for (ms, step) in steps {
            now += ms;
            match step {
                Step::Minute(rate, mean_ms) => minute(&mut learner, now, rate, mean_ms),
                Step::Breach(rate, open, is_queue) => {
                    let sign = if is_queue { Sign::Queue } else { Sign::Response };
                    learner.breach(at(now), 2.0, &seen(rate, open), sign);
                }
                Step::Pool => learner.pool_changed(at(now), now % 2 == 0),
                Step::Elsewhere(is_elsewhere) => learner.bottleneck(at(now), is_elsewhere),
                Step::Helped => learner.helped(at(now)),
                Step::StartOver => learner.start_over(at(now)),
            }
            let (proved, broken) = values(&learner);
            for value in [proved, broken].into_iter().flatten() {
                prop_assert!(value.is_finite() && value > 0.0, "{value}");
            }
            if let (Some(proved), Some(_)) = (proved, broken) {
                let carries = learner.bracket().carries(at(now)).expect("known").per_second();
                let broken = learner.bracket().broken_by_now(at(now)).expect("it broke");
                prop_assert!(carries <= 0.95 * broken * (1.0 + 1e-9));
                prop_assert!(proved <= broken, "{proved} {broken}");
            }
        }
    }
}

#[test]
fn a_breach_soon_after_a_server_went_teaches_and_one_soon_after_a_server_came_does_not() {
    for has_shrunk in [true, false] {
        let mut learner = new();
        learner.pool_changed(at(60_000), has_shrunk);
        assert_eq!(breach(&mut learner, 66_000, 80.0), has_shrunk);
    }
}

#[test]
fn an_overload_that_is_seen_to_begin_teaches_while_nothing_is_known() {
    for (was_empty, learner, teaches) in [
        (true, new(), true),
        (false, new(), false),
        (true, knows(36.0, 40.0, 8.0), false),
    ] {
        let mut learner = learner;
        let start = Seen {
            was_empty,
            ..seen(80.0, 80.0)
        };
        assert_eq!(
            learner.breach(at(6_000), 2.0, &start, Sign::Response),
            teaches
        );
    }
}
