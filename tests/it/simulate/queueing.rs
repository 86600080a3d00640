//! The engine against queueing theory. `SIMULATE_GRID=long` runs the whole grid with millions of requests
//! a point, within the tolerances that the product promises; without it a part of it with fewer.

use std::sync::Arc;
use std::time::Duration;

use haproxy_autoscale::scaler::settings::BackendSettings;
use haproxy_autoscale::simulate::engine::{Balance, Cold};
use haproxy_autoscale::simulate::load::service::{Sampler, Service};
use haproxy_autoscale::simulate::load::{Arrivals, Load};
use haproxy_autoscale::simulate::policy::Policy;
use haproxy_autoscale::simulate::scenario::{Run, Scenario};
use haproxy_autoscale::simulate::staffing::mean_wait;
use haproxy_autoscale::simulate::supply::Supply;

const SERVICE_MS: f64 = 60.0;

fn is_long() -> bool {
    std::env::var("SIMULATE_GRID").is_ok_and(|it| it == "long")
}

/// A backend whose servers nobody changes.
pub(super) fn scenario(
    servers: usize,
    workers: u32,
    service: &str,
    rates_per_s: Vec<f64>,
) -> Scenario {
    let service = Service::parse(service).expect("a service time");
    let names: Vec<String> = (1..=servers).map(|it| format!("web{it}")).collect();
    Scenario {
        settings: BackendSettings::for_backend("web", names.clone()),
        names,
        min: servers,
        workers,
        made_up: 0,
        maxconn: None,
        cold: Cold::NONE,
        balance: Balance::RoundRobin,
        boot: Duration::from_secs(5),
        supply: Supply::default(),
        warm_up_requests: 3,
        goal: Duration::from_millis(500),
        load: Load {
            rates_per_s: rates_per_s.into(),
            arrivals: Arrivals::Poisson,
            service: Sampler::of(&service, &Arc::from([])),
            heaviness: Arc::from([]),
            seed: 7,
        },
        database: None,
    }
}

fn run(scenario: &Scenario) -> Run {
    // An error is Little's law broken: no run in any of these tests may have it.
    scenario.run(Policy::StaticMax, None).expect("Little's law")
}

/// The steady rate at which `workers` are busy for this share of the time, and how long it lasts.
fn steady(workers: u32, load: f64, requests: f64) -> Vec<f64> {
    let rate_per_s = load * f64::from(workers) * 1000.0 / SERVICE_MS;
    let seconds = (requests / rate_per_s).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = seconds as usize;
    vec![rate_per_s; seconds]
}

struct Point {
    workers: u32,
    load: f64,
}

/// With how many requests a point is run: the nearer to full, the slower the mean settles.
fn requests(load: f64) -> f64 {
    if is_long() {
        match load {
            ..0.8 => 4e6,
            ..0.9 => 12e6,
            _ => 16e6,
        }
    } else if load < 0.9 {
        1.5e5
    } else {
        4e5
    }
}

/// The part of the wait that may be wrong; half a million requests leave more to chance than millions.
fn tolerance(load: f64) -> f64 {
    let long = if load < 0.9 { 0.02 } else { 0.05 };
    if is_long() { long } else { 4.0 * long }
}

fn grid() -> Vec<Point> {
    let (workers, loads): (&[u32], &[f64]) = if is_long() {
        (
            &[1, 2, 3, 4, 6, 8, 12, 16, 24, 32],
            &[0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95],
        )
    } else {
        (&[1, 4, 32], &[0.3, 0.7, 0.9])
    };
    let points = workers.iter().flat_map(|workers| {
        loads.iter().map(|load| Point {
            workers: *workers,
            load: *load,
        })
    });
    points.collect()
}

/// Holds the mean wait of a point against theory; gives what is wrong.
fn off(point: &Point, run: &Run, expected_ms: f64, what: &str) -> Option<String> {
    let Point { workers, load } = *point;
    let got_ms = run.wait_mean_ms();
    let allowed_ms = (expected_ms * tolerance(load)).max(0.05);
    let line = format!(
        "{what} c {workers:>2} load {load:.2}: {got_ms:>9.3} ms, theory {expected_ms:>9.3} ms, {:+.2} %, \
         {} requests",
        100.0 * (got_ms - expected_ms) / expected_ms.max(1e-9),
        run.tally.requests
    );
    #[allow(clippy::print_stdout)] // The table of the long grid.
    {
        println!("{line}");
    }
    ((got_ms - expected_ms).abs() > allowed_ms).then_some(line)
}

#[test]
fn the_mean_wait_inside_a_server_is_that_of_erlang_c() {
    let mut faults = Vec::new();
    for point in grid() {
        let Point { workers, load } = point;
        let rates = steady(workers, load, requests(load));
        let run = run(&scenario(1, workers, "exp:60ms", rates));
        let expected_ms = SERVICE_MS * mean_wait(workers, load * f64::from(workers));
        faults.extend(off(&point, &run, expected_ms, "M/M/c, workers"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// With `maxconn 1` on servers of one worker all wait in HAProxy's queue, and that is M/M/c as well.
#[test]
fn the_mean_wait_in_haproxys_queue_is_that_of_erlang_c() {
    let mut faults = Vec::new();
    // Whoever is chosen, all of them are alike: the long grid needs one of them only.
    let balances = if is_long() {
        &Balance::ALL[..1]
    } else {
        &Balance::ALL
    };
    for &balance in balances {
        for point in grid() {
            let Point { workers, load } = point;
            let rates = steady(workers, load, requests(load));
            let scenario = Scenario {
                maxconn: Some(1),
                balance,
                ..scenario(workers as usize, 1, "exp:60ms", rates)
            };
            let run = run(&scenario);
            let expected_ms = SERVICE_MS * mean_wait(workers, load * f64::from(workers));
            faults.extend(off(&point, &run, expected_ms, balance.as_str()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// M/D/1: half of what M/M/1 waits (Pollaczek and Khinchine). And M/G/1 with a log-normal of cv 1.2.
#[test]
fn one_worker_waits_as_pollaczek_and_khinchine_say() {
    let mut faults = Vec::new();
    for (service, squared_cv) in [("const:60ms", 0.0), ("lognormal:60ms,1.2", 1.44)] {
        for load in [0.3, 0.5, 0.7, 0.9] {
            let rates = steady(1, load, requests(load));
            let run = run(&scenario(1, 1, service, rates));
            let expected_ms = SERVICE_MS * load / (1.0 - load) * (1.0 + squared_cv) / 2.0;
            let point = Point { workers: 1, load };
            faults.extend(off(&point, &run, expected_ms, service));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The formula itself, against values of the tables (Erlang C at 3.6 of 4 and at 27 of 30).
#[test]
fn erlang_c_is_that_of_the_tables() {
    use haproxy_autoscale::simulate::staffing::erlang_c;
    for (workers, offered, expected) in [(1, 0.7, 0.7), (2, 1.0, 1.0 / 3.0), (4, 3.6, 0.7878)] {
        let got = erlang_c(workers, offered);
        assert!((got - expected).abs() < 1e-4, "{workers} {offered}: {got}");
    }
}
