//! Logs of servers with a known limit: servers of a few workers, servers that share a CPU, servers with a
//! `maxconn`, under rates that are given, with servers that come and go. The first and the last are the
//! simulator's engine; the second is made here.

use std::fmt::Write as _;
use std::sync::Arc;

use haproxy_autoscale::log::line::format_local_ms;
use haproxy_autoscale::simulate::engine::{
    Answer, Arrival, Backend, Balance, Cold, MS_NS, SECOND_NS, ServerSetup,
};
use haproxy_autoscale::simulate::load::service::{Sampler, Service};
use haproxy_autoscale::simulate::load::{Arrivals, Load};
use haproxy_autoscale::words::picture::AdminState;

/// 2026-11-21T00:00:00 by the log's clock.
pub(crate) const START_MS: u64 = 1_795_219_200_000;

/// What limits a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// So many requests at once, the others wait inside it.
    Workers(u32),
    /// All at once, and so many cores do the work of all of them.
    Cores(u32),
    /// Workers, and a `maxconn` as well: the others wait in HAProxy.
    Maxconn(u32),
}

/// A backend under a load.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) kind: Kind,
    /// As in `simulate --service`.
    pub(crate) service: &'static str,
    pub(crate) rates_per_s: Vec<f64>,
    /// How many times as long a request takes that comes in each second; beyond its end 1.
    pub(crate) heaviness: Vec<f64>,
    /// Servers that serve in each second; the last number holds on.
    pub(crate) serving: Vec<usize>,
    pub(crate) seed: u64,
}

impl Kind {
    /// Requests that a server can work on at once.
    pub(crate) fn slots(self) -> f64 {
        match self {
            Self::Workers(slots) | Self::Cores(slots) | Self::Maxconn(slots) => f64::from(slots),
        }
    }
}

impl World {
    /// One server, without a load.
    pub(crate) const fn new(kind: Kind, service: &'static str, seed: u64) -> Self {
        Self {
            kind,
            service,
            rates_per_s: Vec::new(),
            heaviness: Vec::new(),
            serving: Vec::new(),
            seed,
        }
    }

    fn stream(&self) -> Load {
        let service = Service::parse(self.service).expect("a service time");
        Load {
            rates_per_s: self.rates_per_s.clone().into(),
            arrivals: Arrivals::Poisson,
            service: Sampler::of(&service, &Arc::from([])),
            heaviness: self.heaviness.clone().into(),
            seed: self.seed,
        }
    }

    fn serving_at(&self, at_ns: u64) -> usize {
        let second = usize::try_from(at_ns / SECOND_NS).expect("a second");
        let found = self.serving.get(second).or(self.serving.last());
        found.copied().unwrap_or(1)
    }

    /// All requests, as they ended.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        match self.kind {
            Kind::Workers(workers) => self.engine(workers, None),
            Kind::Maxconn(workers) => self.engine(workers, Some(workers)),
            Kind::Cores(cores) => self.shared(f64::from(cores)),
        }
    }

    fn engine(&self, workers: u32, maxconn: Option<u32>) -> Vec<Answer> {
        let most = self.serving.iter().copied().max().unwrap_or(1);
        let mut serving = self.serving_at(0);
        let setup = |index| ServerSetup {
            state: if index < serving {
                AdminState::Ready
            } else {
                AdminState::Maint
            },
            workers,
            maxconn,
            cold: Cold::NONE,
        };
        let balance = if maxconn.is_some() {
            Balance::LeastConn
        } else {
            Balance::RoundRobin
        };
        let mut backend = Backend::new(balance, (0..most).map(setup));
        let mut answers = Vec::new();
        for arrival in self.stream().stream() {
            while backend.next_ns() <= arrival.at_ns {
                answers.extend(backend.step());
            }
            let wanted = self.serving_at(arrival.at_ns);
            while serving != wanted {
                let (index, state) = if serving < wanted {
                    (serving, AdminState::Ready)
                } else {
                    (serving - 1, AdminState::Maint)
                };
                backend.set_state(index, state, arrival.at_ns);
                serving = if serving < wanted { serving + 1 } else { index };
            }
            answers.extend(backend.arrive(arrival));
        }
        while backend.next_ns() != u64::MAX {
            answers.extend(backend.step());
        }
        answers
    }

    /// Processor sharing: each request of a server proceeds at the same speed.
    fn shared(&self, cores: f64) -> Vec<Answer> {
        let most = self.serving.iter().copied().max().unwrap_or(1);
        let mut servers = vec![Shared::default(); most];
        let mut answers = Vec::new();
        let mut turn = 0;
        for arrival in self.stream().stream() {
            for (index, server) in servers.iter_mut().enumerate() {
                server.run(arrival.at_ns, cores, index, &mut answers);
            }
            let serving = self.serving_at(arrival.at_ns);
            turn = (turn + 1) % serving;
            servers[turn]
                .jobs
                .push((arrival, arrival.service_ns as f64));
        }
        for (index, server) in servers.iter_mut().enumerate() {
            server.run(u64::MAX, cores, index, &mut answers);
        }
        answers.sort_by_key(|it| it.ended_ns);
        answers
    }

    /// As httplog, in the order of completion.
    pub(crate) fn log(&self) -> String {
        let mut text = String::new();
        for answer in self.answers() {
            line(&mut text, &answer);
        }
        text
    }
}

/// A server that works on all its requests at once.
#[derive(Clone, Debug, Default)]
struct Shared {
    now_ns: u64,
    /// With the nanoseconds of work that are left.
    jobs: Vec<(Arrival, f64)>,
}

impl Shared {
    fn run(&mut self, until_ns: u64, cores: f64, index: usize, answers: &mut Vec<Answer>) {
        loop {
            let speed = (cores / self.jobs.len().max(1) as f64).min(1.0);
            let least = self
                .jobs
                .iter()
                .map(|it| it.1)
                .fold(f64::INFINITY, f64::min);
            let left_ns = (until_ns - self.now_ns) as f64;
            if least / speed > left_ns || self.jobs.is_empty() {
                self.jobs.iter_mut().for_each(|it| it.1 -= left_ns * speed);
                self.now_ns = until_ns;
                return;
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let passed_ns = (least / speed).ceil() as u64;
            self.now_ns += passed_ns;
            self.jobs.iter_mut().for_each(|it| it.1 -= least);
            let now_ns = self.now_ns;
            self.jobs.retain(|(arrival, left)| {
                let is_done = *left <= 0.0;
                if is_done {
                    answers.push(Answer {
                        arrived_ns: arrival.at_ns,
                        dispatched_ns: arrival.at_ns,
                        started_ns: arrival.at_ns,
                        ended_ns: now_ns,
                        server: u16::try_from(index).ok(),
                        status: 200,
                    });
                }
                !is_done
            });
        }
    }
}

fn line(text: &mut String, answer: &Answer) {
    // Clocks of whole milliseconds: rounded on both sides.
    let ms = |from_ns: u64, to_ns: u64| to_ns / MS_NS - from_ns / MS_NS;
    let total_ms = ms(answer.arrived_ns, answer.ended_ns);
    let queue_ms = ms(answer.arrived_ns, answer.dispatched_ns);
    let date = date(START_MS + answer.arrived_ns / MS_NS);
    let (server, timers, termination) = match (answer.server, answer.status) {
        (Some(server), 200) => {
            let response_ms = total_ms - queue_ms;
            (
                format!("web{}", server + 1),
                format!("0/{response_ms}"),
                "----",
            )
        }
        (Some(server), _) => (format!("web{}", server + 1), "0/-1".to_owned(), "sH--"),
        (None, _) => ("<NOSRV>".to_owned(), "-1/-1".to_owned(), "sQ--"),
    };
    let _ = writeln!(
        text,
        "127.0.0.1:1000 [{date}] fe web/{server} 0/{queue_ms}/{timers}/{total_ms} {} 90 - - \
         {termination} 1/1/1/1/0 0/0 \"GET / HTTP/1.1\"",
        answer.status
    );
}

/// `21/Nov/2026:23:36:31.172`.
fn date(at_ms: u64) -> String {
    let iso = format_local_ms(at_ms);
    let (day, time) = iso.split_once('T').expect("a date and a time");
    let parts: Vec<&str> = day.split('-').collect();
    assert_eq!(parts[1], "11", "{iso}");
    format!("{}/Nov/{}:{time}", parts[2], parts[0])
}

/// From `low` to `high` requests a second and back.
pub(crate) fn day(seconds: usize, low: f64, high: f64) -> Vec<f64> {
    let rate = |second: usize| {
        let angle = std::f64::consts::TAU * second as f64 / seconds as f64;
        low + (high - low) * (1.0 - angle.cos()) / 2.0
    };
    (0..seconds).map(rate).collect()
}
