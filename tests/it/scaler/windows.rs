//! When a backend is too slow, and when it only looks like it.

use std::time::Duration;

use haproxy_autoscale::measure::settings::{Add, Signal, Statistic, WindowSize};
use haproxy_autoscale::scaler::decision::{Breach, Change, Reason};
use haproxy_autoscale::words::request::{Request, Tail};

use super::scenes::GAP;
use super::world::{BACKEND, World, policy, settings};

fn ready(world: &mut World) {
    world.pass(Duration::from_millis(10));
}

fn with_policy(
    change: impl FnOnce(&mut haproxy_autoscale::measure::settings::PolicySettings),
) -> World {
    let mut settings = settings();
    change(&mut settings.policies[0]);
    let mut world = World::new(settings);
    ready(&mut world);
    world
}

fn breaches(world: &World) -> impl Iterator<Item = &Breach> {
    world.decisions.iter().filter_map(|decision| {
        let Reason::Breach { breach, .. } = &decision.reason else {
            return None;
        };
        Some(breach)
    })
}

fn breach_values(world: &World) -> Vec<(f64, u32)> {
    breaches(world)
        .map(|breach| (breach.value.round(), breach.streak))
        .collect()
}

#[test]
fn three_slow_windows_in_a_row_bring_a_spare_in() {
    let mut world = World::new(settings());
    ready(&mut world);
    world.requests(14, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 0);
    world.requests(1, 900, GAP);
    world.pass(Duration::from_secs(2));
    assert!(world.is_up("web2"));
    assert_eq!(
        world
            .changes()
            .into_iter()
            .filter(|(change, _)| *change != Change::Note)
            .collect::<Vec<_>>(),
        vec![
            (Change::Breach, None),
            (Change::Breach, None),
            (Change::Breach, None),
            (Change::WarmUp, Some("web2")),
            (Change::Enable, Some("web2")),
        ]
    );
}

#[test]
fn a_single_slow_request_does_not_scale() {
    let mut world = World::new(settings());
    ready(&mut world);
    world.requests(20, 20, GAP);
    world.requests(1, 60_000, GAP);
    world.requests(60, 20, GAP);
    assert!(world.count(Change::Breach) <= 1);
    assert_eq!(world.count(Change::WarmUp), 0);
}

#[test]
fn a_fast_window_in_between_starts_the_streak_over() {
    let mut world = World::new(settings());
    ready(&mut world);
    world.requests(10, 900, GAP);
    world.requests(5, 20, GAP);
    world.requests(10, 900, GAP);
    assert_eq!(
        breach_values(&world),
        vec![(900.0, 1), (900.0, 2), (900.0, 1), (900.0, 2)]
    );
    assert_eq!(world.count(Change::WarmUp), 0);
}

#[test]
fn a_pause_ends_neither_the_partial_window_nor_the_streak() {
    let mut world = World::new(settings());
    ready(&mut world);
    world.requests(12, 900, GAP);
    world.pass(Duration::from_secs(3600));
    world.requests(3, 900, GAP);
    assert_eq!(breach_values(&world).last(), Some(&(900.0, 3)));
}

#[test]
fn a_busy_backend_is_judged_on_min_span_and_not_on_its_first_requests() {
    let mut world = with_policy(|policy| policy.min_span = Duration::from_secs(1));
    world.requests(5, 5000, Duration::from_millis(1));
    world.requests(995, 20, Duration::from_millis(1));
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.count(Change::Breach),
        0,
        "995 fast requests outweigh 5 slow ones"
    );
}

#[test]
fn a_window_in_time_waits_for_its_samples() {
    let mut world = with_policy(|policy| {
        policy.window = WindowSize::Span(Duration::from_secs(10));
        policy.min_samples = 4;
    });
    world.requests(3, 900, Duration::from_secs(1));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.count(Change::Breach), 0);
    world.request("web1", 900);
    assert_eq!(world.count(Change::Breach), 1);
}

#[test]
fn every_looks_at_a_sliding_window_as_often_as_it_says() {
    let mut world = with_policy(|policy| {
        policy.window = WindowSize::Span(Duration::from_secs(10));
        policy.every = Some(Duration::from_secs(2));
        policy.breaches = 100;
    });
    world.requests(40, 900, Duration::from_millis(500));
    let breaches = world.count(Change::Breach);
    assert!((8..=10).contains(&breaches), "{breaches} looks in 20 s");
    world.pass(Duration::from_secs(600));
    let later = world.count(Change::Breach) - breaches;
    assert!(
        later <= 1,
        "without a request nothing is looked at again, {later} times here"
    );
}

#[test]
fn a_sliding_window_counted_in_requests_holds_the_newest_and_lasts_min_span() {
    let mut world = with_policy(|policy| {
        policy.every = Some(Duration::from_millis(500));
        policy.min_span = Duration::from_secs(1);
    });
    world.requests(4, 900, GAP);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.count(Change::Breach), 0, "four of five");
    world.requests(20, 20, GAP);
    assert_eq!(world.count(Change::Breach), 0, "the slow ones have left it");
    world.requests(5, 900, Duration::from_millis(10));
    world.pass(Duration::from_millis(600));
    assert_eq!(world.count(Change::Breach), 0, "five within 50 ms");
    world.requests(8, 900, Duration::from_millis(300));
    assert!(world.count(Change::Breach) >= 1, "{:?}", world.changes());
    assert!(breaches(&world).all(|it| it.requests == 5));
}

#[test]
fn a_sliding_window_in_time_forgets_what_is_older() {
    let mut world = with_policy(|policy| {
        policy.window = WindowSize::Span(Duration::from_secs(2));
        policy.every = Some(Duration::from_secs(1));
        policy.min_samples = 3;
        policy.breaches = 100;
    });
    world.requests(10, 5000, Duration::from_millis(200));
    let before = world.count(Change::Breach);
    world.requests(15, 20, Duration::from_millis(200));
    let within = world.count(Change::Breach);
    assert!(before >= 1 && within > before, "{before} {within}");
    world.requests(15, 20, Duration::from_millis(200));
    assert_eq!(world.count(Change::Breach), within);
}

#[test]
fn a_percentile_looks_at_every_request_of_a_full_window() {
    let mut world = with_policy(|policy| {
        policy.window = WindowSize::Span(Duration::from_secs(10));
        policy.statistic = Statistic::Percentile(60);
    });
    world.requests(500, 900, Duration::from_millis(10));
    world.requests(200, 20, Duration::from_millis(10));
    world.pass(Duration::from_secs(4));
    assert_eq!(breach_values(&world), vec![(900.0, 1)], "500 of 700");
}

#[test]
fn each_statistic_is_the_textbooks() {
    let cases = [
        (Statistic::Mean, 780.0),
        (Statistic::Median, 800.0),
        (Statistic::Percentile(90), 1000.0),
        (Statistic::Max, 1000.0),
    ];
    for (statistic, expected) in cases {
        let mut world = with_policy(|policy| policy.statistic = statistic);
        for ms in [1000, 600, 900, 600, 800] {
            world.request("web1", ms);
        }
        let found = breaches(&world).next().map(|breach| breach.value);
        assert_eq!(found, Some(expected), "{statistic:?}");
    }
    let mut world = with_policy(|policy| {
        policy.statistic = Statistic::Median;
        policy.window = WindowSize::Requests(4);
    });
    for ms in [600, 1000, 700, 900] {
        world.request("web1", ms);
    }
    assert_eq!(
        breach_values(&world),
        vec![(800.0, 1)],
        "the mean of the two in the middle"
    );
    let mut world = with_policy(|policy| {
        policy.statistic = Statistic::Percentile(50);
        policy.window = WindowSize::Requests(4);
    });
    for ms in [600, 1000, 700, 900] {
        world.request("web1", ms);
    }
    assert_eq!(breach_values(&world), vec![(700.0, 1)], "the nearest rank");
}

#[test]
fn errors_advance_a_window_and_more_than_half_of_them_mean_broken() {
    let mut world = World::new(settings());
    ready(&mut world);
    for _ in 0..20 {
        for ms in [900, 900] {
            world.line("web1", ms, 200);
        }
        for _ in 0..3 {
            world.line("web1", 1, 502);
        }
    }
    assert_eq!(world.count(Change::Breach), 0);
    assert_eq!(world.view().state.as_str(), "broken");
    for ms in [900, 900, 900] {
        world.line("web1", ms, 200);
    }
    for _ in 0..2 {
        world.line("web1", 1, 502);
    }
    assert_eq!(
        breach_values(&world),
        vec![(900.0, 1)],
        "two errors of five are none of its time"
    );
}

fn line(server: &str) -> Request<'_> {
    Request {
        backend: BACKEND,
        server,
        ..Request::default()
    }
}

#[test]
fn a_saturated_backend_is_slow_and_never_broken() {
    let queue_timeout = Request {
        request_ms: Some(0),
        queue_ms: Some(2000),
        total_ms: Some(2000),
        status: Some(503),
        ..line("<NOSRV>")
    };
    let trusted = Request {
        tail: Some(Tail {
            termination: *b"sQ--",
            server_connections: 0,
            retries: 0,
            server_queue: 0,
            backend_queue: 1,
        }),
        ..queue_timeout
    };
    let server_queue = Request {
        server: "web1",
        ..trusted
    };
    let server_timeout = Request {
        request_ms: Some(0),
        queue_ms: Some(0),
        connect_ms: Some(0),
        total_ms: Some(2000),
        status: Some(504),
        ..line("web1")
    };
    let given_up = Request {
        status: Some(400),
        ..server_timeout
    };
    for request in [
        queue_timeout,
        trusted,
        server_queue,
        server_timeout,
        given_up,
    ] {
        let mut world = World::new(settings());
        ready(&mut world);
        for _ in 0..5 {
            world.event(request);
        }
        assert_eq!(breach_values(&world), vec![(2000.0, 1)], "{request:?}");
    }
}

#[test]
fn what_proves_nothing_is_no_sample() {
    let statistics_page = Request {
        request_ms: Some(0),
        queue_ms: Some(0),
        connect_ms: Some(0),
        response_ms: Some(0),
        total_ms: Some(0),
        status: Some(200),
        ..line("<STATS>")
    };
    let tarpit = Request {
        queue_ms: Some(5000),
        total_ms: Some(5000),
        status: Some(500),
        ..line("<NOSRV>")
    };
    let no_server = Request {
        request_ms: Some(0),
        total_ms: Some(0),
        status: Some(503),
        ..line("<NOSRV>")
    };
    let hung_for_a_moment = Request {
        request_ms: Some(0),
        queue_ms: Some(0),
        connect_ms: Some(0),
        total_ms: Some(300),
        status: Some(400),
        ..line("web1")
    };
    let slow_client = Request {
        request_ms: Some(9000),
        total_ms: Some(9300),
        ..hung_for_a_moment
    };
    let unknown_server = Request {
        request_ms: Some(0),
        queue_ms: Some(0),
        connect_ms: Some(0),
        response_ms: Some(9000),
        total_ms: Some(9000),
        status: Some(200),
        ..line("web99")
    };
    for request in [
        statistics_page,
        tarpit,
        no_server,
        hung_for_a_moment,
        slow_client,
        unknown_server,
    ] {
        let mut world = World::new(settings());
        ready(&mut world);
        for _ in 0..50 {
            world.event(request);
        }
        assert_eq!(world.count(Change::Breach), 0, "{request:?}");
        assert_eq!(
            world.view().policy.expect("one policy").requests,
            0,
            "{request:?}"
        );
    }
}

#[test]
fn a_request_without_its_whole_head_is_no_sample_and_a_failed_one_no_slow_one() {
    let no_whole_request = Request {
        queue_ms: Some(0),
        connect_ms: Some(0),
        response_ms: Some(9000),
        total_ms: Some(9000),
        status: Some(200),
        ..line("web1")
    };
    let no_connection = Request {
        request_ms: Some(0),
        queue_ms: Some(5000),
        total_ms: Some(5000),
        status: Some(503),
        ..line("web1")
    };
    let broken_off = Request {
        request_ms: Some(0),
        queue_ms: Some(0),
        connect_ms: Some(0),
        total_ms: Some(9000),
        status: Some(502),
        ..line("web1")
    };
    for request in [no_whole_request, no_connection, broken_off] {
        let mut world = World::new(settings());
        ready(&mut world);
        for _ in 0..50 {
            world.event(request);
        }
        assert_eq!(world.count(Change::Breach), 0, "{request:?}");
    }
}

#[test]
fn one_server_is_called_slow_that_clearly_is_and_that_more_than_one_request_shows() {
    // Times of web1 and of `other` in one window, and what the others took if web1 is named.
    let cases: [(&[u32], &[u32], Option<f64>); 4] = [
        (&[4000, 4000], &[20, 20, 20], Some(20.0)),
        (&[9000], &[20, 20, 20, 20], None),
        (&[900, 900, 900], &[480, 480], None),
        (&[900, 900], &[700, 700, 700], None),
    ];
    for (ours, others, expected) in cases {
        let mut world = World::new(settings());
        ready(&mut world);
        for ms in ours {
            world.request("web1", *ms);
        }
        for ms in others {
            world.request("other", *ms);
        }
        let found = world.decisions.iter().find_map(|decision| {
            let Reason::Breach { slow, .. } = &decision.reason else {
                return None;
            };
            Some(slow.as_ref().map(|slow| slow.others_ms))
        });
        assert_eq!(found, Some(expected), "{ours:?} {others:?}");
    }
}

#[test]
fn each_signal_reads_its_own_timers() {
    let request = Request {
        request_ms: Some(7000),
        queue_ms: Some(1000),
        connect_ms: Some(2000),
        response_ms: Some(4000),
        total_ms: Some(20_000),
        status: Some(200),
        ..line("web1")
    };
    let cases = [
        (Signal::ResponseTime, 7000.0),
        (Signal::ServerTime, 4000.0),
        (Signal::QueueTime, 1000.0),
        (Signal::ConnectTime, 2000.0),
    ];
    for (signal, expected) in cases {
        let mut world = with_policy(|policy| policy.signal = signal);
        for _ in 0..5 {
            world.event(request);
        }
        assert_eq!(breach_values(&world), vec![(expected, 1)], "{signal:?}");
    }
}

#[test]
fn the_policy_that_asks_for_most_wins() {
    let mut settings = settings();
    let second = haproxy_autoscale::measure::settings::PolicySettings {
        add: Add::Servers(2),
        breaches: 1,
        ..policy()
    };
    settings.policies.push(second);
    let mut world = World::new(settings);
    ready(&mut world);
    world.requests(5, 900, GAP);
    world.pass(Duration::from_secs(5));
    assert!(
        world.is_up("web2") && world.is_up("web3"),
        "both were asked for at once"
    );
    assert_eq!(world.count(Change::Enable), 2);
}

#[test]
fn a_newcomer_in_its_grace_gives_no_samples() {
    let mut world = World::new(settings());
    ready(&mut world);
    world.requests(15, 900, GAP);
    world.pass(Duration::from_millis(1500));
    assert!(world.is_up("web2"));
    let before = world.count(Change::Breach);
    for _ in 0..50 {
        world.request("web2", 9000);
    }
    assert_eq!(world.count(Change::Breach), before);
    world.pass(Duration::from_secs(3));
    for _ in 0..5 {
        world.request("web2", 9000);
    }
    assert_eq!(world.count(Change::Breach), before + 1);
}

#[test]
fn the_cooldown_keeps_the_next_spare_away_and_no_longer() {
    let mut world = World::new(settings());
    ready(&mut world);
    world.requests(15, 900, GAP);
    world.pass(Duration::from_secs(1));
    assert!(world.is_up("web2"));
    world.requests(30, 900, GAP);
    assert_eq!(
        world.count(Change::WarmUp),
        1,
        "3 s after the enable, with a cooldown of 5 s"
    );
    world.requests(30, 900, GAP);
    assert_eq!(world.count(Change::WarmUp), 2);
}

#[test]
fn a_server_that_counted_gives_no_samples_once_haproxy_lists_it_no_more() {
    let mut world = World::new(settings());
    ready(&mut world);
    for _ in 0..5 {
        world.request("other", 900);
    }
    assert_eq!(world.count(Change::Breach), 1);
    let mut world = world.without("other");
    world.request("web1", 900);
    world.pass(world.settings.poll_interval);
    for _ in 0..50 {
        world.request("other", 9000);
    }
    assert_eq!(world.count(Change::Breach), 1);
    for _ in 0..4 {
        world.request("web1", 900);
    }
    assert_eq!(breach_values(&world), [(900.0, 1), (900.0, 2)]);
}
