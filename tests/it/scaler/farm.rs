//! Servers with workers and queues, and users who come at random: the closed loop that the scaler
//! lives in. What happens there is measured here; what has to come out of it is said by the tests.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Milliseconds of a day.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::settings::{BackendSettings, Spares, WindowSize};
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
    policy.above_ms = ABOVE_MS;
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
    /// When each worker of each server is free again, in milliseconds.
    workers: BTreeMap<String, [u64; WORKERS]>,
    /// Requests that end at that time: server, response time.
    ending: BinaryHeap<Reverse<(u64, u64, String, u32)>>,
    /// What a request takes on that server in comparison to the others.
    pub(crate) slowness: BTreeMap<String, f64>,
    bits: u64,
    requests: u64,
}

impl Farm {
    /// Two always-up servers and `spares` spares.
    pub(crate) fn new(settings: BackendSettings, spares: usize, seed: u64) -> Self {
        let mut world = World::new(settings);
        world.servers = (1..=2 + spares)
            .map(|number| Server::new(&format!("web{number}"), number > 2, true))
            .collect();
        let names = world.servers.iter().map(|it| it.read.name.clone());
        let workers = names.map(|name| (name, [0; WORKERS])).collect();
        Self {
            world,
            workers,
            ending: BinaryHeap::new(),
            slowness: BTreeMap::new(),
            bits: seed,
            requests: 0,
        }
    }

    /// Between 0 and 1.
    fn random(&mut self) -> f64 {
        self.bits = self.bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.bits;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
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
                noise = 1.0 + 0.8 * (noise - 1.0) + 0.06 * (2.0 * self.random() - 1.0);
                minute += 1;
                if minute % 60 == 0 {
                    held.push(self.world.scaler.held());
                }
            }
            at += -self.random().max(1e-12).ln() * 1000.0 / (rate(hour) * noise).max(1e-3);
            if at as u64 >= end {
                break;
            }
            self.finish_until(at as u64, &mut minutes);
            self.arrive(at as u64);
        }
        self.finish_until(end, &mut minutes);
        let above = |&&(requests, sum_ms): &&(u64, u64)| {
            requests > 0 && sum_ms as f64 / requests as f64 > ABOVE_MS
        };
        let decisions = self.world.decisions[seen..].iter();
        Outcome {
            changes: decisions
                .filter_map(|decision| match decision.change {
                    Change::Enable => Some((decision.at.as_ms(), true)),
                    Change::Disable => Some((decision.at.as_ms(), false)),
                    Change::Breach
                    | Change::BreachOver
                    | Change::WarmUp
                    | Change::EnableFailed
                    | Change::Drain
                    | Change::NoSpare
                    | Change::Hold
                    | Change::Reload
                    | Change::Freeze
                    | Change::Thaw
                    | Change::Unreachable
                    | Change::Reachable
                    | Change::NotHelping
                    | Change::Stay
                    | Change::Note
                    | Change::Operator
                    | Change::Paused
                    | Change::NotServing
                    | Change::ProbationFailed
                    | Change::Warning => None,
                })
                .collect(),
            requests: self.requests,
            minutes_above: minutes.iter().filter(above).count(),
            held,
        }
    }

    /// A user comes: the UP server with the first free worker takes the request.
    fn arrive(&mut self, at: u64) {
        let random = self.random();
        let up = self.world.servers.iter().filter(|it| it.read.is_up());
        let free_at = |name: &str| {
            self.workers[name]
                .iter()
                .copied()
                .min()
                .unwrap_or(0)
                .max(at)
        };
        let Some(name) = up
            .map(|it| it.read.name.clone())
            .min_by_key(|name| (free_at(name), self.workers[name].iter().max().copied()))
        else {
            return;
        };
        let slowness = self.slowness.get(&name).copied().unwrap_or(1.0);
        let service = (SERVICE_MS * slowness * (0.5 + random)) as u64;
        let worker = self
            .workers
            .get_mut(&name)
            .and_then(|workers| workers.iter_mut().min())
            .expect("workers");
        let begin = at.max(*worker);
        let end = begin + service;
        *worker = end;
        self.requests += 1;
        let took = u32::try_from(end - at).unwrap_or(u32::MAX);
        self.ending.push(Reverse((end, self.requests, name, took)));
    }

    /// Requests that end until then are logged and counted.
    fn finish_until(&mut self, until: u64, minutes: &mut Vec<(u64, u64)>) {
        while let Some(Reverse((end, ..))) = self.ending.peek() {
            if *end > until {
                break;
            }
            let Some(Reverse((end, _, server, ms))) = self.ending.pop() else {
                break;
            };
            self.pass_to(end);
            self.world.request(&server, ms);
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
