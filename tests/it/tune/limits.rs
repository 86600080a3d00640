//! The limit of servers of three kinds is found in logs of different loads and pools; and where a log
//! cannot tell, that is said.

use std::sync::Arc;

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::Parser;
use haproxy_autoscale::log::recorded::{Period, Progress};
use haproxy_autoscale::measure::capacity::Lesson;
use haproxy_autoscale::measure::served::Goal;
use haproxy_autoscale::measure::settings::Signal;
use haproxy_autoscale::simulate::load::recorded::{Log, LogInput, read};
use haproxy_autoscale::simulate::load::service::{Sampler, Service};
use haproxy_autoscale::simulate::staffing::mean_wait;
use haproxy_autoscale::tune::carries::{Carries, Confidence, Why};
use haproxy_autoscale::tune::slices::Slices;

use super::logs::{Kind, World, day};

/// What is found lies this near to the truth.
const TOLERANCE: f64 = 0.15;
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;
/// Seconds of a run at a constant rate that shows the truth where no formula does.
const TRUTH_S: usize = 2_000;

fn all_per_s(kind: Kind, service: &str) -> f64 {
    let service = Service::parse(service).expect("a service time");
    kind.slots() * 1e9 / Sampler::of(&service, &Arc::from([])).mean_ns()
}

/// The rate at which the mean response time reaches the goal, between these shares of all that a server
/// could do.
fn crossing(all: f64, goal_ms: f64, mean_ms: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.2 * all, 0.999 * all);
    while high / low > 1.005 {
        let middle = f64::midpoint(low, high);
        if mean_ms(middle) > goal_ms {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}

/// Of one server with exponential service times: Erlang C. Requests that share cores are as many, and
/// take as long on the average, as those that wait for as many workers.
fn by_theory(kind: Kind, service_ms: f64, goal_ms: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let slots = kind.slots() as u32;
    let all = kind.slots() * 1000.0 / service_ms;
    crossing(all, goal_ms, |rate| {
        service_ms * (1.0 + mean_wait(slots, rate * service_ms / 1000.0))
    })
}

/// Of several servers: by trying constant rates.
fn by_trying(kind: Kind, service: &'static str, servers: usize, goal_ms: f64) -> f64 {
    crossing(all_per_s(kind, service), goal_ms, |rate| {
        let world = World {
            rates_per_s: vec![rate * servers as f64; TRUTH_S],
            serving: vec![servers],
            ..World::new(kind, service, 99)
        };
        let answers = world.answers();
        let sum: f64 = answers.iter().map(|it| it.response_ns() as f64).sum();
        sum / answers.len() as f64 / 1e6
    })
}

fn parsed(folder: &tempfile::TempDir, text: &str) -> Log {
    let path = folder.path().join("haproxy.log");
    std::fs::write(&path, text).expect("a log");
    let input = LogInput {
        logs: vec![path.display().to_string()],
        parser: Parser::new(&LogFormat::httplog(), "haproxy"),
        max_line_bytes: 16 * 1024,
        period: Period::default(),
        progress: Progress::default(),
    };
    read(&input, None).expect("a log")
}

/// What the log of that world says of one server.
fn told(world: &World, goal_ms: f64) -> Carries {
    let folder = tempfile::tempdir().expect("a folder");
    let log = parsed(&folder, &world.log());
    let goal = Goal {
        signal: Signal::ResponseTime,
        ms: goal_ms,
    };
    Carries::of(&Slices::of(&log, goal.signal), goal)
}

#[track_caller]
fn finds(carries: &Carries, limit: f64, what: &str) {
    let value = |it: Option<Lesson>| it.map_or(0.0, |it| it.value);
    let (proved, broken) = (value(carries.bracket.proved), value(carries.bracket.broken));
    let shown = format!("{what}: limit {limit:.1}, proved {proved:.1}, broken {broken:.1}");
    assert!((broken / limit - 1.0).abs() < TOLERANCE, "{shown}");
    assert!(proved < (1.0 + TOLERANCE) * limit, "{shown}");
    assert_ne!(carries.confidence, Confidence::None, "{shown}");
}

/// A day in forty minutes that ends far above what one server carries, and one of two hours that hardly
/// reaches it.
fn one_server_is_found(kind: Kind, service: &'static str, service_ms: f64, goals_ms: [f64; 2]) {
    for goal_ms in goals_ms {
        let limit = by_theory(kind, service_ms, goal_ms);
        for seed in SEEDS {
            for (seconds, most) in [(2_400, 1.25), (3_600, 1.03)] {
                let world = World {
                    rates_per_s: day(seconds, 0.1 * limit, most * limit),
                    ..World::new(kind, service, seed)
                };
                let carries = told(&world, goal_ms);
                let what = format!("{kind:?}, {goal_ms} ms, seed {seed}, up to {most}");
                finds(&carries, limit, &what);
                assert_eq!(carries.confidence, Confidence::Good, "{what}: {carries:?}");
                let in_flight = limit * goal_ms / 1000.0;
                let at_goal = carries.in_flight_at_goal.expect("it was reached");
                assert!(
                    (at_goal / in_flight - 1.0).abs() < TOLERANCE,
                    "{what}: {at_goal}"
                );
            }
        }
    }
}

#[test]
fn the_limit_of_a_server_of_four_workers_is_found() {
    one_server_is_found(Kind::Workers(4), "exp:60ms", 60.0, [500.0, 120.0]);
}

#[test]
fn the_limit_of_a_server_whose_requests_share_two_cores_is_found() {
    one_server_is_found(Kind::Cores(2), "exp:40ms", 40.0, [300.0, 100.0]);
}

#[test]
fn the_limit_of_a_server_with_a_maxconn_is_found() {
    one_server_is_found(Kind::Maxconn(4), "exp:60ms", 60.0, [400.0, 150.0]);
}

#[test]
fn servers_that_came_and_went_are_counted_by_the_requests_that_they_got() {
    for (kind, service, goal_ms) in [
        (Kind::Workers(4), "lognormal:200ms,1.2", 1_500.0),
        (Kind::Cores(2), "exp:100ms", 800.0),
        (Kind::Maxconn(4), "exp:200ms", 1_500.0),
    ] {
        let limit = by_trying(kind, service, 2, goal_ms);
        for seed in SEEDS {
            let rates_per_s = day(2_400, 0.2 * limit, 2.6 * limit);
            // Each comes minutes too late, and one of them goes too early.
            let late = |second: usize| match second {
                750..1_100 | 1_500..1_700 => 2,
                1_100..1_500 => 3,
                _ => 1,
            };
            let world = World {
                serving: (0..rates_per_s.len()).map(late).collect(),
                rates_per_s,
                ..World::new(kind, service, seed)
            };
            finds(
                &told(&world, goal_ms),
                limit,
                &format!("{kind:?}, seed {seed}"),
            );
        }
    }
}

#[test]
fn a_log_that_never_came_near_the_limit_says_so() {
    for kind in [Kind::Workers(4), Kind::Cores(2), Kind::Maxconn(4)] {
        for seed in SEEDS {
            let world = World {
                rates_per_s: day(2_400, 3.0, 0.5 * all_per_s(kind, "exp:60ms")),
                ..World::new(kind, "exp:60ms", seed)
            };
            let carries = told(&world, 500.0);
            let known = (carries.confidence, carries.why);
            assert_eq!(
                known,
                (Confidence::None, Why::NeverNear),
                "{kind:?}: {carries:?}"
            );
            assert_eq!(carries.to_start_from(), None);
            assert_eq!(carries.bracket.broken, None);
        }
    }
}

#[test]
fn a_slow_database_is_not_taken_for_the_limit() {
    for seed in SEEDS {
        let rates_per_s = day(2_400, 10.0, 40.0);
        // Slow for five minutes in the quiet beginning, at a third of what was carried later.
        let heavy =
            (0..rates_per_s.len()).map(|it| if (60..360).contains(&it) { 8.0 } else { 1.0 });
        let world = World {
            heaviness: heavy.collect(),
            rates_per_s,
            ..World::new(Kind::Workers(64), "exp:80ms", seed)
        };
        let carries = told(&world, 500.0);
        let known = (carries.confidence, carries.why);
        assert_eq!(
            known,
            (Confidence::None, Why::SlowWithoutLoad),
            "{carries:?}"
        );
        assert!((200..=400).contains(&carries.unexplained_s), "{carries:?}");
    }
}

#[test]
fn a_few_requests_tell_nothing() {
    let world = World {
        rates_per_s: vec![0.2; 300],
        ..World::new(Kind::Workers(1), "exp:60ms", 1)
    };
    let carries = told(&world, 500.0);
    assert_eq!(
        (carries.confidence, carries.why),
        (Confidence::None, Why::TooLittle)
    );
}

#[test]
fn a_rush_that_comes_at_once_is_no_limit_that_is_sure() {
    for (kind, service, service_ms, goal_ms) in [
        (Kind::Workers(16), "exp:300ms", 300.0, 500.0),
        (Kind::Cores(2), "exp:100ms", 100.0, 500.0),
        (Kind::Maxconn(4), "exp:200ms", 200.0, 600.0),
    ] {
        let limit = by_theory(kind, service_ms, goal_ms);
        let rush = [vec![0.5; 900], vec![1.2; 200], vec![0.5; 600]].concat();
        let teeth: Vec<f64> = (0..2_400)
            .map(|it| 0.2 + f64::from(it % 600) / 600.0)
            .collect();
        let loads = [
            ("rush", rush),
            ("teeth", teeth),
            ("near", vec![0.97; 1_200]),
            ("over", vec![1.1; 600]),
        ];
        for (name, shares) in loads {
            for seed in SEEDS {
                let world = World {
                    rates_per_s: shares.iter().map(|share| share * limit).collect(),
                    ..World::new(kind, service, seed)
                };
                let carries = told(&world, goal_ms);
                let broken = carries.bracket.broken.map_or(0.0, |it| it.value) / limit;
                let shown = format!(
                    "{kind:?}, {name}, seed {seed}: {broken:.2} of {limit:.1}, {carries:?}"
                );
                let most = match carries.confidence {
                    Confidence::Good => TOLERANCE,
                    Confidence::Weak | Confidence::None => 2.0 * TOLERANCE,
                };
                assert!((broken - 1.0).abs() < most, "{shown}");
                let expected = if name == "teeth" {
                    Confidence::Good
                } else {
                    carries.confidence
                };
                assert_eq!(carries.confidence, expected, "{shown}");
            }
        }
    }
}
