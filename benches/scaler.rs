//! What one request costs the scaler, once its windows are full, with 1 backend or 1,000 and with
//! windows of 10 or 10,000 requests; and at the end, measured by turns, how much dearer 1,000 are
//! than one. Requests come to the backends in no order that a processor could foresee.

#![allow(missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use haproxy_autoscale::measure::settings::{PolicySettings, Signal, Statistic, WindowSize};
use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::event::{Action, Event, LogState};
use haproxy_autoscale::scaler::settings::{BackendSettings, Spares};
use haproxy_autoscale::words::picture::Picture;
use haproxy_autoscale::words::picture::{BackendRead, ServerRead};
use haproxy_autoscale::words::request::Request;
use haproxy_autoscale::words::time::Timestamp;

/// Between two requests, milliseconds; of all backends together or of each.
const GAP_MS: u64 = 1;
/// Bytes of a backend's name.
const NAME: usize = 11;
/// The ratio at the end is that of the medians of so many rounds …
const ROUNDS: usize = 41;
/// … of so many requests each.
const ROUND: u64 = 100_000;
/// Requests to each backend before the measurement begins, if its window is not larger.
const FILL: u64 = 20;
/// Far beyond the measurement: what is measured is a request, not a look at HAProxy.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The scaler, and what answers it.
struct World {
    scaler: Scaler,
    /// All names in one piece, as near at hand as a line that was just read.
    names: String,
    backends: u64,
    /// Requests within [`GAP_MS`].
    at_once: u64,
    now_ms: u64,
    requests: u64,
}

impl World {
    fn new(backends: u64, at_once: u64, window: WindowSize, statistic: Statistic) -> Self {
        let name = |number| format!("backend{number:04}");
        let settings = (0..backends).map(|number| settings(&name(number), window, statistic));
        let mut world = Self {
            scaler: Scaler::new(Timestamp::default(), settings),
            names: (0..backends).map(name).collect(),
            backends,
            at_once,
            now_ms: 0,
            requests: 0,
        };
        world.handle(Event::Log(LogState::Flowing));
        let fill = match window {
            WindowSize::Requests(requests) => backends * FILL.max(2 * u64::from(requests)),
            // As many as come in twice that time.
            WindowSize::Span(span) => {
                2 * u64::try_from(span.as_millis()).unwrap_or(0) / GAP_MS * at_once
            }
        };
        (0..fill).for_each(|_| world.request());
        world
    }

    /// One request to any backend, with a response time below the threshold.
    fn request(&mut self) {
        self.requests += 1;
        if self.requests.is_multiple_of(self.at_once) {
            self.now_ms += GAP_MS;
        }
        // A number without a pattern that a branch could be guessed by.
        let mixed = self.requests.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let at = usize::try_from(((mixed >> 40) * self.backends) >> 24).unwrap_or(0);
        let response_ms = u32::try_from(mixed & 63); // 10 to 73.
        let names = std::mem::take(&mut self.names);
        self.handle(Event::Request(Request {
            backend: &names[at * NAME..][..NAME],
            server: "web1",
            request_ms: Some(0),
            queue_ms: Some(0),
            connect_ms: Some(0),
            response_ms: response_ms.ok().map(|ms| 10 + ms),
            total_ms: Some(80),
            status: Some(200),
            tail: None,
        }));
        self.names = names;
    }

    /// Hands an event in, and the answer to every read that is asked for.
    fn handle(&mut self, event: Event<'_>) {
        let now = Timestamp::from_ms(self.now_ms);
        let mut actions = self.scaler.handle(now, event);
        while let Some(action) = actions.pop() {
            match black_box(action) {
                Action::Read { id, backends } => {
                    let outcome = Ok(picture(&backends));
                    let read = Event::HaproxyRead { id, outcome };
                    actions.extend(self.scaler.handle(now, read));
                }
                Action::WarmUp { .. }
                | Action::Machine { .. }
                | Action::SetState { .. }
                | Action::SetMaxconn { .. }
                | Action::SetWeight { .. }
                | Action::Report(_) => {}
            }
        }
    }
}

/// Each backend has one server that is ready, and one in maint.
fn picture(backends: &[String]) -> Picture {
    let backends = backends.iter().map(|name| (name.clone(), read()));
    Picture {
        backends: backends.collect(),
        ..Picture::default()
    }
}

fn read() -> BackendRead {
    let server = |name: &str, admin, operational| ServerRead {
        name: name.to_owned(),
        admin,
        operational,
        ..ServerRead::default()
    };
    BackendRead {
        servers: vec![server("web1", 0, 2), server("web2", 1, 0)],
        ..BackendRead::default()
    }
}

fn settings(name: &str, window: WindowSize, statistic: Statistic) -> BackendSettings {
    BackendSettings {
        spares: Spares::Named(vec!["web2".to_owned()]),
        policies: vec![PolicySettings {
            statistic,
            window,
            ..PolicySettings::new(Signal::ResponseTime, 500.0)
        }],
        poll_interval: NEVER,
        ..BackendSettings::for_backend(name, vec!["web1".to_owned()])
    }
}

fn scaler(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    let thirty_seconds = WindowSize::Span(Duration::from_secs(30));
    for (backends, window, text) in [
        (1, WindowSize::Requests(10), "10 requests"),
        (1, WindowSize::Requests(10_000), "10000 requests"),
        (1, thirty_seconds, "30 s, 30000 requests"),
        (1000, WindowSize::Requests(10), "10 requests"),
        (1000, thirty_seconds, "30 s, 30 requests"),
    ] {
        for statistic in [Statistic::Mean, Statistic::Percentile(99)] {
            let name = format!("backends {backends}, {} of {text}", statistic.name());
            let mut world = World::new(backends, 1, window, statistic);
            group.bench_function(name, |bencher| bencher.iter(|| world.request()));
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = scaler
}

/// How much dearer a request is with 1,000 backends, whose requests come as fast as the one's.
fn ratio(at_once: u64) -> (f64, f64) {
    let window = WindowSize::Requests(10);
    let mut one = World::new(1, 1, window, Statistic::Mean);
    let mut many = World::new(1000, at_once, window, Statistic::Mean);
    let (mut of_one, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (world, times) in [(&mut one, &mut of_one), (&mut many, &mut of_many)] {
            let begun = Instant::now();
            (0..ROUND).for_each(|_| world.request());
            times.push(begun.elapsed().as_secs_f64() * 1e9 / ROUND as f64);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (median(of_one), median(of_many))
}

#[allow(clippy::print_stdout)] // What a measurement is for.
fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    for (at_once, text) in [
        (1000, "each as busy as the one"),
        (
            1,
            "as busy together as the one, so that more slices and windows end in a request",
        ),
    ] {
        let (one, many) = ratio(at_once);
        println!(
            "1,000 backends, {text}: {many:.1} ns for {one:.1} ns, {:.2} times as much",
            many / one
        );
    }
}
