//! The scaler beside the servers of `sim::queues`, and users who come at random: the closed loop that
//! it lives in. What happens there is measured here; what has to come out of it is said by the tests.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Milliseconds of a day.

use std::time::Duration;

use haproxy_autoscale::measure::settings::WindowSize;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::settings::{BackendSettings, Spares};
use haproxy_autoscale::sim::arrivals::Arrival;
use haproxy_autoscale::sim::dice::Dice;
use haproxy_autoscale::sim::queues::{Balance, Machine, Queues};
use haproxy_autoscale::sim::warmth::Warmth;
use haproxy_autoscale::words::time::Timestamp;

use super::server::Server;
use super::world::{World, settings};

/// Requests that one server works on at a time.
const WORKERS: usize = 2;
/// What a request takes where nothing waits, on average.
const SERVICE_MS: f64 = 800.0;
/// Requests a second that one server can answer.
pub(crate) const CAPACITY: f64 = WORKERS as f64 * 1000.0 / SERVICE_MS;
/// The threshold of the policy.
pub(crate) const ABOVE_MS: f64 = 2000.0;

/// The product's defaults, and a threshold that fits these servers.
pub(crate) fn defaults() -> BackendSettings {
    let mut settings = settings();
    settings.always_up = vec!["web1".to_owned(), "web2".to_owned()];
    settings.spares = Spares::Auto;
    settings.min = 2;
    settings.scale_up_cooldown = Duration::from_secs(30);
    settings.idle_timeout = Duration::from_secs(300);
    settings.scale_down_cooldown = Duration::from_secs(60);
    settings.drain_timeout = Duration::from_secs(60);
    settings.grace = Duration::from_secs(10);
    let policy = &mut settings.policies[0];
    policy.window = WindowSize::Requests(15);
    policy.min_span = Duration::from_secs(1);
    policy.above = ABOVE_MS;
    settings
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// When spares joined (true) or left (false), in milliseconds.
    pub(crate) changes: Vec<(u64, bool)>,
    pub(crate) requests: u64,
    /// Minutes whose mean was above the threshold.
    pub(crate) minutes_above: usize,
    /// Things that the scaler held, at the end of each hour.
    pub(crate) held: Vec<usize>,
}

impl Outcome {
    /// The shortest time between a spare that joins and the next one that leaves.
    pub(crate) fn shortest_stay(&self) -> Duration {
        let pairs = self.changes.windows(2);
        pairs
            .filter(|pair| pair[0].1 && !pair[1].1)
            .map(|pair| Duration::from_millis(pair[1].0 - pair[0].0))
            .min()
            .unwrap_or(Duration::MAX)
    }
}

/// Servers under load, and the scaler beside them.
pub(crate) struct Farm {
    pub(crate) world: World,
    queues: Queues,
    dice: Dice,
    requests: u64,
}

impl Farm {
    /// Two always-up servers and `spares` spares.
    pub(crate) fn new(settings: BackendSettings, spares: usize, seed: u64) -> Self {
        let mut world = World::new(settings);
        world.servers = (1..=2 + spares)
            .map(|number| Server::new(&format!("web{number}"), number > 2, true))
            .collect();
        let machine = |_: &Server| Machine {
            workers: WORKERS,
            service_ms: SERVICE_MS,
            warmth: Warmth::warm(),
        };
        let machines = world.servers.iter().map(machine).collect();
        Self {
            world,
            queues: Queues::new(Balance::ByLoad, machines),
            dice: Dice::new(seed),
            requests: 0,
        }
    }

    /// From now on a request takes so many times as long on `web{number}`.
    pub(crate) fn slow_down(&mut self, number: usize, times: f64) {
        let machine = self.queues.machine(number - 1).expect("a known server");
        machine.service_ms = SERVICE_MS * times;
    }

    /// Users come `rate(hour)` times a second, at random, for `span`.
    pub(crate) fn run(&mut self, span: Duration, rate: impl Fn(f64) -> f64) -> Outcome {
        let begin = self.world.now;
        let end = begin.after(span).as_ms();
        let seen = self.world.decisions.len();
        let (mut noise, mut minute) = (1.0, 0);
        let mut minutes: Vec<(u64, u64)> = Vec::new();
        let mut held = Vec::new();
        let mut at = begin.as_ms() as f64;
        loop {
            let hour = (at - begin.as_ms() as f64) / 3_600_000.0;
            // A load that wanders by some ten percent from minute to minute.
            while minute < (hour * 60.0) as usize + 1 {
                noise = 1.0 + 0.8 * (noise - 1.0) + 0.06 * self.dice.between(-1.0, 1.0);
                minute += 1;
                if minute % 60 == 0 {
                    held.push(self.world.scaler.held());
                }
            }
            at += -self.dice.unit().max(1e-12).ln() * 1000.0 / (rate(hour) * noise).max(1e-3);
            if at as u64 >= end {
                break;
            }
            self.finish_until(at as u64, &mut minutes);
            self.arrive((at * 1000.0) as u64);
        }
        self.finish_until(end, &mut minutes);
        let above = |&&(requests, sum_ms): &&(u64, u64)| {
            requests > 0 && sum_ms as f64 / requests as f64 > ABOVE_MS
        };
        let decisions = self.world.decisions[seen..].iter();
        Outcome {
            changes: decisions
                .filter(|it| matches!(it.change, Change::Enable | Change::Disable))
                .map(|it| (it.at.as_ms(), it.change == Change::Enable))
                .collect(),
            requests: self.requests,
            minutes_above: minutes.iter().filter(above).count(),
            held,
        }
    }

    /// A user comes, and goes to one of the servers that are UP.
    fn arrive(&mut self, at_us: u64) {
        for (index, server) in self.world.servers.iter().enumerate() {
            self.queues.set_takes_traffic(index, server.read.is_up());
        }
        let work = self.dice.between(0.5, 1.5);
        let refused = self.queues.arrive(Arrival { at_us, work });
        self.requests += u64::from(refused.is_none());
    }

    /// Requests that end until then are logged and counted.
    fn finish_until(&mut self, until: u64, minutes: &mut Vec<(u64, u64)>) {
        while let Some(ending) = self.queues.next_ending() {
            let end = ending.at_us / 1000;
            if end > until {
                break;
            }
            let answer = self.queues.finish(ending).expect("it was running");
            let server = answer.server.expect("a server answered");
            let name = self.world.servers[server].read.name.clone();
            let ms = answer.took_ms() as u32;
            self.pass_to(end);
            self.world.request(&name, ms);
            let minute = (end / 60_000) as usize;
            if minutes.len() <= minute {
                minutes.resize(minute + 1, (0, 0));
            }
            minutes[minute].0 += 1;
            minutes[minute].1 += u64::from(ms);
        }
        self.pass_to(until);
    }

    fn pass_to(&mut self, at: u64) {
        let span = Timestamp::from_ms(at).since(self.world.now);
        self.world.pass(span);
    }
}
