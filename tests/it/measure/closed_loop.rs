//! Sizing in a closed loop: does it settle near the right number of servers, told nothing but the goal?
//! One server of the model carries about 36 requests/s within the goal.

use std::f64::consts::TAU;

use haproxy_autoscale::measure::capacity::{Bracket, Lesson};
use haproxy_autoscale::measure::sizing::Learned;

use super::farm::{Result, Scene, at, run};

/// As yesterday's log would tell.
fn known() -> Learned {
    let lesson = |value| Some(Lesson { value, at: at(0) });
    Learned {
        bracket: Bracket {
            proved: lesson(36.0),
            held: lesson(8.0),
            broken: lesson(40.0),
        },
        service_ms: Some(85.0),
    }
}

fn proved(result: &Result) -> f64 {
    let proved = result.learned.bracket.proved;
    proved.expect("something was proved").value
}

#[test]
fn a_day_of_load_is_carried_by_servers_that_nobody_told_anything() {
    let day = Scene {
        hours: 4.0,
        rate: |second| 10.0 + 75.0 * (1.0 - (second / 14_400.0 * TAU).cos()),
        ..Scene::default()
    };
    let result = run(&day);
    // All six always: 0.07 %. The mean load is 2.4 servers' worth.
    assert!(result.slow_percent() < 0.15, "{} %", result.slow_percent());
    assert!(result.servers() < 3.9, "{} servers", result.servers());
    assert!(result.changes <= 12, "{} changes", result.changes);
    assert!((30.0..40.0).contains(&proved(&result)), "{result:?}");
    assert_eq!(result.by_minute.last(), Some(&1), "it is quiet again");
}

#[test]
fn a_sawtooth_is_carried_and_no_breach_teaches_nonsense() {
    let saw = Scene {
        rate: |second| 10.0 + 140.0 * (second % 1_200.0) / 1_200.0,
        ..Scene::default()
    };
    let result = run(&saw);
    assert!(result.slow_percent() < 0.2, "{} %", result.slow_percent());
    assert!(result.servers() < 4.6, "{} servers", result.servers());
    let broken = result.learned.bracket.broken.expect("it broke").value;
    assert!((34.0..48.0).contains(&broken), "{broken}");
}

#[test]
fn a_steady_load_settles_and_stays() {
    let steady = Scene {
        rate: |_| 100.0,
        learned: known(),
        ..Scene::default()
    };
    let result = run(&steady);
    let (_, settled) = result.by_minute.split_at(30);
    assert!(settled.iter().all(|it| (4..=5).contains(it)), "{settled:?}");
    let changes = settled.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes <= 2, "{settled:?}");
}

#[test]
fn a_daemon_that_starts_into_an_overload_gets_out_of_it_and_does_not_keep_every_server() {
    let steady = Scene {
        rate: |_| 60.0,
        ..Scene::default()
    };
    let result = run(&steady);
    let (_, settled) = result.by_minute.split_at(10);
    assert!(settled.iter().all(|it| (2..=3).contains(it)), "{settled:?}");
    // It was seen to begin, and what was answered tells what one server carries.
    assert_eq!(result.taught, 1);
}

#[test]
fn what_is_known_from_yesterday_saves_the_first_ramp_of_many_slow_spares() {
    let ramp = |learned| Scene {
        hours: 0.5,
        rate: |second| 20.0 + second.min(1_200.0) * 0.4,
        servers_max: 24,
        boot_ms: 60_000,
        learned,
        ..Scene::default()
    };
    let (told, untold) = (run(&ramp(known())), run(&ramp(Learned::default())));
    let (told_slow, untold_slow) = (told.slow_percent(), untold.slow_percent());
    assert!(told_slow < 0.5, "{told_slow} %");
    assert!(told_slow < untold_slow / 3.0, "{untold_slow} %");
    assert!(untold_slow < 4.0, "{untold_slow} %");
    // 500/s are 14 servers' worth.
    assert!((14..=17).contains(&told.most), "{}", told.most);
}

#[test]
fn requests_that_become_heavier_get_their_servers_and_give_them_back() {
    let heavier = Scene {
        hours: 2.5,
        rate: |_| 60.0,
        service_ms: |second| {
            let is_heavy = (1_800.0..5_400.0).contains(&second);
            if is_heavy { 180.0 } else { 100.0 }
        },
        learned: known(),
        ..Scene::default()
    };
    let result = run(&heavier);
    assert!(result.slow_percent() < 2.0, "{} %", result.slow_percent());
    // Light: 60/s are 1.7 servers and the margin; heavy: 3.
    assert!(result.by_minute[35..85].iter().all(|it| *it >= 3));
    let (before, after) = (result.by_minute[25], result.by_minute[149]);
    assert!(after <= before, "{:?}", result.by_minute);
}

#[test]
fn a_slow_database_brings_no_staircase_and_poisons_nothing() {
    let slow = Scene {
        hours: 1.5,
        rate: |_| 60.0,
        shared_per_s: |second| {
            let is_slow = (1_800.0..3_000.0).contains(&second);
            if is_slow { 50.0 } else { 0.0 }
        },
        learned: known(),
        ..Scene::default()
    };
    let result = run(&slow);
    let before = result.by_minute[29];
    let first = &result.by_minute[30..35];
    assert!(first.iter().all(|it| *it <= before + 1), "{first:?}");
    let (known, after) = (36.0, proved(&result));
    assert!((after - known).abs() < 0.1 * known, "{after}");
    assert!(result.by_minute[89] <= before, "{:?}", result.by_minute);
}

#[test]
fn open_websockets_ask_for_no_server_and_hide_no_overload() {
    let scene = |long_sessions| Scene {
        rate: |second| 15.0 + second / 80.0,
        long_sessions,
        learned: known(),
        ..Scene::default()
    };
    let without = run(&scene(|_| 0));
    let with = run(&scene(|second| if second > 300.0 { 300 } else { 0 }));
    assert_eq!(with.by_minute, without.by_minute);
    assert_eq!(with.most, 3);
    assert!(with.slow_percent() < 0.2, "{} %", with.slow_percent());
}

#[test]
fn a_sine_around_what_one_server_carries_costs_two_changes_a_period() {
    let sine = Scene {
        hours: 4.0,
        rate: |second| 36.0 + 18.0 * (second / 3_600.0 * TAU).sin(),
        learned: known(),
        ..Scene::default()
    };
    let result = run(&sine);
    // Of its beginning, one more.
    assert!(result.changes <= 2 * 4 + 1, "{} changes", result.changes);
    assert!(result.slow_percent() < 0.15, "{} %", result.slow_percent());
}

#[test]
fn where_a_maxconn_makes_the_queue_it_speaks_first() {
    let rush = |maxconn| Scene {
        hours: 0.7,
        rate: |second| {
            let is_rush = (600.0..1_800.0).contains(&second);
            if is_rush {
                20.0 + 100.0 * ((second - 600.0) / 10.0).min(1.0)
            } else {
                20.0
            }
        },
        maxconn,
        ..Scene::default()
    };
    let (with, without) = (run(&rush(Some(4))), run(&rush(None)));
    // A queue that comes by chance, as it does at half the capacity, neither asks nor teaches.
    assert_eq!(&with.by_minute[..10], &[1; 10]);
    let broken = with.learned.bracket.broken.expect("it broke");
    assert!(broken.at < at(610_000), "{broken:?}");
    assert!((36.0..50.0).contains(&broken.value), "{broken:?}");
    assert!(with.slow_percent() < 2.0, "{} %", with.slow_percent());
    assert!(
        with.servers() < 1.1 * without.servers(),
        "{} servers",
        with.servers()
    );
    assert!(with.by_minute[20..30].iter().all(|it| (4..=5).contains(it)));
}
