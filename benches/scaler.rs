//! What one request costs the scaler, once its windows are full: the same for 1 backend or 1,000,
//! and for windows of 10 or 10,000 requests.

#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::event::{
    Action, BackendRead, Event, Generation, LogState, Request, ServerRead, Timestamp,
};
use haproxy_autoscale::scaler::settings::{
    Add, BackendSettings, OnOpenSessions, PolicySettings, Signal, Spares, Statistic, WindowSize,
};

/// From one request to the next, milliseconds.
const GAP_MS: u64 = 1;
/// Requests to each backend before the measurement begins, if its window is not larger.
const FILL: u64 = 20;
/// Far beyond the measurement: what is measured is a request, not a look at HAProxy.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The scaler, and what answers it.
struct World {
    scaler: Scaler,
    names: Vec<String>,
    now_ms: u64,
    requests: u64,
}

impl World {
    fn new(backends: usize, window: WindowSize, statistic: Statistic) -> Self {
        let names: Vec<String> = (0..backends)
            .map(|number| format!("backend{number}"))
            .collect();
        let settings = names.iter().map(|name| settings(name, window, statistic));
        let mut world = Self {
            scaler: Scaler::new(Timestamp::default(), settings),
            names,
            now_ms: 0,
            requests: 0,
        };
        world.handle(Event::Log(LogState::Flowing));
        let fill = match window {
            WindowSize::Requests(requests) => backends as u64 * FILL.max(2 * u64::from(requests)),
            // As many as come in twice that time.
            WindowSize::Span(span) => 2 * u64::try_from(span.as_millis()).unwrap_or(0) / GAP_MS,
        };
        (0..fill).for_each(|_| world.request());
        world
    }

    /// One request to the next backend, with a response time below the threshold.
    fn request(&mut self) {
        self.requests += 1;
        self.now_ms += GAP_MS;
        let backends = self.names.len() as u64;
        let at = usize::try_from(self.requests % backends).unwrap_or(0);
        // A number without a pattern that a branch could be guessed by, 10 to 73.
        let response_ms = u32::try_from(self.requests.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        let name = std::mem::take(&mut self.names[at]);
        self.handle(Event::Request(Request {
            backend: &name,
            server: "web1",
            request_ms: Some(0),
            queue_ms: Some(0),
            connect_ms: Some(0),
            response_ms: response_ms.ok().map(|ms| 10 + ms),
            total_ms: Some(80),
            status: Some(200),
            tail: None,
        }));
        self.names[at] = name;
    }

    /// Hands an event in, and the answer to every read that is asked for.
    fn handle(&mut self, event: Event<'_>) {
        let now = Timestamp::from_ms(self.now_ms);
        let mut actions = self.scaler.handle(now, event);
        while let Some(action) = actions.pop() {
            match black_box(action) {
                Action::Read { id, backend } => {
                    let read = Event::ServersRead {
                        id,
                        backend: &backend,
                        outcome: Ok(read()),
                    };
                    actions.extend(self.scaler.handle(now, read));
                }
                Action::WarmUp { .. }
                | Action::SetState { .. }
                | Action::SetMaxconn { .. }
                | Action::Report(_) => {}
            }
        }
    }
}

/// One server that is ready, and one in maint.
fn read() -> BackendRead {
    let server = |name: &str, admin, operational| ServerRead {
        name: name.to_owned(),
        admin,
        operational,
        ..ServerRead::default()
    };
    BackendRead {
        generation: Generation {
            pid: 7,
            start_time_s: 1,
        },
        servers: vec![server("web1", 0, 2), server("web2", 1, 0)],
        ..BackendRead::default()
    }
}

fn settings(name: &str, window: WindowSize, statistic: Statistic) -> BackendSettings {
    BackendSettings {
        name: name.to_owned(),
        always_up: vec!["web1".to_owned()],
        spares: Spares::Named(vec!["web2".to_owned()]),
        min: 1,
        max: None,
        policies: vec![PolicySettings {
            signal: Signal::ResponseTime,
            statistic,
            window,
            every: None,
            min_span: Duration::from_secs(1),
            min_samples: 10,
            above_ms: 500.0,
            breaches: 3,
            add: Add::Servers(1),
        }],
        scale_up_cooldown: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(300),
        scale_down_ratio: 0.6,
        scale_down_cooldown: Duration::from_secs(60),
        drain_timeout: Duration::from_secs(60),
        on_open_sessions: OnOpenSessions::Wait,
        grace: Duration::from_secs(10),
        hold: Duration::from_secs(3600),
        warm_up_deadline: Duration::from_secs(60),
        poll_interval: NEVER,
        action_timeout: Duration::from_secs(6),
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
            let mut world = World::new(backends, window, statistic);
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
criterion_main!(benches);
