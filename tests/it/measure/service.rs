//! S₀: what a request costs a server that it need not share.

use haproxy_autoscale::measure::service_time::ServiceTime;

use super::farm::at;

const HOUR: u64 = 3_600_000;

/// A hundred requests within ten seconds.
fn window(service: &mut ServiceTime, from_ms: u64, ms: u32) {
    for number in 0..100 {
        service.push(at(from_ms + number * 100), ms);
    }
}

fn near(value: Option<f64>, expected: f64) {
    let value = value.expect("known");
    assert!((value - expected).abs() < 1e-9, "{value} for {expected}");
}

#[test]
fn the_lowest_window_of_the_last_hour_counts() {
    let mut service = ServiceTime::new(None);
    window(&mut service, 0, 80);
    window(&mut service, 20_000, 60);
    window(&mut service, 40_000, 200);
    window(&mut service, 600_000, 100);
    near(service.lowest_ms(at(610_000)), 60.0);
    near(service.lowest_ms(at(HOUR - 1)), 60.0);
    near(service.lowest_ms(at(HOUR)), 100.0);
    // An hour without a window: what was known last.
    near(service.lowest_ms(at(9 * HOUR)), 100.0);
}

#[test]
fn a_few_requests_tell_nothing_and_some_a_little() {
    let mut service = ServiceTime::new(None);
    for number in 0..19 {
        service.push(at(number * 1_000), 90);
    }
    assert_eq!(service.lowest_ms(at(20_000)), None);
    service.push(at(20_000), 90);
    near(service.lowest_ms(at(20_000)), 90.0);
    near(ServiceTime::new(Some(70.0)).lowest_ms(at(0)), 70.0);
}

#[test]
fn a_burst_is_no_window_and_a_server_faster_than_a_clock_tick_takes_one() {
    let mut service = ServiceTime::new(Some(70.0));
    for _ in 0..1_000 {
        service.push(at(0), 10);
    }
    near(service.lowest_ms(at(1_000)), 70.0);
    service.push(at(5_000), 10);
    near(service.lowest_ms(at(5_000)), 10.0);
    window(&mut service, 10_000, 0);
    near(service.lowest_ms(at(20_000)), 1.0);
}
