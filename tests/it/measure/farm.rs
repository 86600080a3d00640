//! A small model of servers behind HAProxy, and the plainest thing that could act on what `Sizing`
//! says: enough to see whether its numbers settle. It proves nothing about a real HAProxy.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Of a model's own small numbers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use haproxy_autoscale::measure::demand::Reading;
use haproxy_autoscale::measure::need::{Headroom, Strength, whole};
use haproxy_autoscale::measure::served::Goal;
use haproxy_autoscale::measure::settings::Signal;
use haproxy_autoscale::measure::sizing::{Learned, Look, Outlook, Sizing, SizingSettings};
use haproxy_autoscale::words::mix::{STEP, mix};
use haproxy_autoscale::words::request::Request;
use haproxy_autoscale::words::time::Timestamp;

/// HAProxy is looked at so often.
const POLL_MS: u64 = 2_000;
/// The guard's windows: requests, span, and how many in a row.
const WINDOW: usize = 15;
const WINDOW_MS: u64 = 1_000;
const BREACHES: u32 = 3;
/// Between two servers that the guard adds, and between two changes before one goes.
const COOLDOWN_MS: u64 = 30_000;
const GOES_MS: u64 = 60_000;

pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

/// Numbers that look random.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Above 0, up to 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(STEP);
        ((mix(self.0) >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// With a coefficient of variation of 1.
    fn log_normal(&mut self, mean: f64) -> f64 {
        let sigma_2 = std::f64::consts::LN_2;
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        mean * (sigma_2.sqrt() * normal - sigma_2 / 2.0).exp()
    }
}

/// What is to happen.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    pub(super) hours: f64,
    /// Requests a second at that second.
    pub(super) rate: fn(f64) -> f64,
    /// Mean service time at that second, milliseconds.
    pub(super) service_ms: fn(f64) -> f64,
    pub(super) workers: usize,
    pub(super) servers_max: usize,
    pub(super) boot_ms: u64,
    pub(super) down_after: Duration,
    pub(super) learned: Learned,
    pub(super) seed: u64,
    /// `maxconn` of each server; without one its own workers make the queue.
    pub(super) maxconn: Option<u32>,
    /// Open sessions that wait for nobody.
    pub(super) long_sessions: fn(f64) -> u32,
    /// A place all servers wait for, with so many requests a second at most; 0: none.
    pub(super) shared_per_s: fn(f64) -> f64,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            hours: 1.0,
            rate: |_| 30.0,
            service_ms: |_| 100.0,
            workers: 4,
            servers_max: 6,
            boot_ms: 5_000,
            down_after: Duration::from_secs(120),
            learned: Learned::default(),
            seed: 1,
            maxconn: None,
            long_sessions: |_| 0,
            shared_per_s: |_| 0.0,
        }
    }
}

/// The goal of every scene, milliseconds.
pub(super) const GOAL_MS: f64 = 500.0;

pub(super) fn settings(down_after: Duration) -> SizingSettings {
    SizingSettings {
        goal: Goal {
            signal: Signal::ResponseTime,
            ms: GOAL_MS,
        },
        headroom: Headroom::Normal,
        is_given: false,
        down_after,
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Result {
    pub(super) requests: u64,
    /// Above twice the goal.
    pub(super) slow: u64,
    pub(super) changes: u32,
    pub(super) server_seconds: f64,
    pub(super) seconds: f64,
    /// Serving servers, minute by minute.
    pub(super) by_minute: Vec<usize>,
    pub(super) most: usize,
    pub(super) learned: Learned,
    pub(super) outlook: Option<Outlook>,
    /// Breaches that asked, and those of them that taught.
    pub(super) breaches: u32,
    pub(super) taught: u32,
}

impl Result {
    pub(super) fn slow_percent(&self) -> f64 {
        self.slow as f64 * 100.0 / self.requests.max(1) as f64
    }

    pub(super) fn servers(&self) -> f64 {
        self.server_seconds / self.seconds
    }
}

#[derive(Default)]
struct Server {
    /// When each worker is free again, microseconds.
    free: BinaryHeap<Reverse<u64>>,
    in_flight: u32,
}

/// All in microseconds.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct End {
    at_us: u64,
    server: usize,
    came_us: u64,
    /// It left HAProxy's queue then.
    left_us: u64,
}

struct Loop<'a> {
    scene: &'a Scene,
    dice: Dice,
    sizing: Sizing,
    servers: Vec<Server>,
    serving: usize,
    /// Requests that end.
    ends: BinaryHeap<Reverse<End>>,
    /// HAProxy's queue: when they came, and how long they take; microseconds.
    queue: VecDeque<(u64, u64)>,
    shared_free_us: u64,
    arrived: u64,
    booting: Vec<u64>,
    changed_ms: u64,
    joined_ms: u64,
    window: Vec<f64>,
    window_ms: u64,
    streak: u32,
    mean_ms: f64,
    /// The mean of the window before the newest server joined, while that is on trial.
    trial: Option<(u64, f64, f64)>,
    /// Requests that ended by the last minutes' polls.
    ended: Vec<u64>,
    elsewhere_until: u64,
    result: Result,
}

/// Runs it.
pub(super) fn run(scene: &Scene) -> Result {
    let sizing = Sizing::new(at(0), settings(scene.down_after), scene.learned);
    let mut servers: Vec<Server> = Vec::new();
    servers.resize_with(scene.servers_max, Server::default);
    for server in &mut servers {
        server.free = (0..scene.workers).map(|_| Reverse(0)).collect();
    }
    let run = Loop {
        scene,
        dice: Dice::new(scene.seed),
        sizing,
        servers,
        serving: 1,
        ends: BinaryHeap::new(),
        queue: VecDeque::new(),
        shared_free_us: 0,
        arrived: 0,
        booting: Vec::new(),
        changed_ms: 0,
        joined_ms: 0,
        window: Vec::new(),
        window_ms: 0,
        streak: 0,
        mean_ms: 0.0,
        trial: None,
        ended: Vec::new(),
        elsewhere_until: 0,
        result: Result::default(),
    };
    run.run()
}

impl Loop<'_> {
    fn run(mut self) -> Result {
        let until_us = (self.scene.hours * 3.6e9) as u64;
        let (mut now_us, mut poll_ms) = (0_u64, 0_u64);
        while now_us < until_us {
            let rate = (self.scene.rate)(now_us as f64 / 1e6).max(0.01);
            let next_us = now_us + self.dice.exponential(1e6 / rate).min(1e6) as u64 + 1;
            // A gap that is cut short brings nobody: the rate may be another one by then.
            let is_arrival = next_us - now_us < 1_000_000;
            while poll_ms * 1_000 <= next_us {
                self.end_until(poll_ms * 1_000);
                self.poll(poll_ms);
                poll_ms += POLL_MS;
            }
            self.end_until(next_us);
            now_us = next_us;
            if is_arrival {
                self.arrive(now_us);
            }
        }
        self.result.seconds = now_us as f64 / 1e6;
        self.result.learned = self.sizing.learned(at(now_us / 1_000));
        self.result
    }

    fn arrive(&mut self, now_us: u64) {
        self.arrived += 1;
        let second = now_us as f64 / 1e6;
        let service_us = self.dice.log_normal((self.scene.service_ms)(second) * 1e3) as u64;
        self.queue.push_back((now_us, service_us));
        self.hand_out(now_us);
    }

    /// To the server with the fewest, as long as one is not full.
    fn hand_out(&mut self, now_us: u64) {
        while !self.queue.is_empty() {
            let serving = self.servers.iter().take(self.serving).enumerate();
            let fewest = serving.min_by_key(|(_, it)| it.in_flight);
            let (index, server) = fewest.expect("one serves");
            if self
                .scene
                .maxconn
                .is_some_and(|most| server.in_flight >= most)
            {
                return;
            }
            let (came_us, service_us) = self.queue.pop_front().expect("not empty");
            self.serve(now_us, index, came_us, service_us);
        }
    }

    fn serve(&mut self, now_us: u64, index: usize, came_us: u64, service_us: u64) {
        let second = now_us as f64 / 1e6;
        let server = &mut self.servers[index];
        server.in_flight += 1;
        let Reverse(free_us) = server.free.pop().expect("workers");
        let mut end_us = free_us.max(now_us) + service_us;
        let shared_per_s = (self.scene.shared_per_s)(second);
        if shared_per_s > 0.0 {
            self.shared_free_us = self.shared_free_us.max(now_us) + (1e6 / shared_per_s) as u64;
            end_us = end_us.max(self.shared_free_us);
        }
        server.free.push(Reverse(end_us));
        self.ends.push(Reverse(End {
            at_us: end_us,
            server: index,
            came_us,
            left_us: now_us,
        }));
    }

    fn end_until(&mut self, until_us: u64) {
        let is_past = |it: &Reverse<End>| it.0.at_us <= until_us;
        while self.ends.peek().is_some_and(is_past) {
            let Reverse(end) = self.ends.pop().expect("peeked");
            let end_us = end.at_us;
            self.servers[end.server].in_flight -= 1;
            self.hand_out(end_us);
            let took_us = end_us - end.came_us;
            self.result.requests += 1;
            self.result.slow += u64::from(took_us as f64 > 2_000.0 * GOAL_MS);
            let ms = |us: u64| Some(u32::try_from(us / 1_000).expect("short"));
            let request = Request {
                backend: "web",
                server: "web1",
                request_ms: Some(0),
                queue_ms: ms(end.left_us - end.came_us),
                connect_ms: Some(0),
                response_ms: ms(end_us - end.left_us),
                total_ms: ms(took_us),
                status: Some(200),
                tail: None,
            };
            self.sizing.request(at(end_us / 1_000), &request);
            self.guard(end_us / 1_000, took_us as f64 / 1e3);
        }
    }

    fn guard(&mut self, now_ms: u64, took_ms: f64) {
        if self.window.is_empty() {
            self.window_ms = now_ms;
        }
        self.window.push(took_ms);
        if self.window.len() < WINDOW || now_ms < self.window_ms + WINDOW_MS {
            return;
        }
        let mean = self.window.iter().sum::<f64>() / self.window.len() as f64;
        self.window.clear();
        self.streak = if mean > GOAL_MS { self.streak + 1 } else { 0 };
        self.mean_ms = mean;
        if mean <= GOAL_MS {
            self.judge(now_ms, mean);
        }
        if self.streak < BREACHES {
            return;
        }
        self.result.breaches += 1;
        self.result.taught += u32::from(self.sizing.breach(at(now_ms)));
        self.judge(now_ms, mean);
        let is_elsewhere = now_ms < self.elsewhere_until;
        let is_idle = self.booting.is_empty() && now_ms >= self.joined_ms + COOLDOWN_MS;
        if is_idle && !is_elsewhere && self.serving < self.scene.servers_max {
            self.begin_trial(now_ms);
        }
    }

    /// One server joins, and shows whether it helps.
    fn begin_trial(&mut self, now_ms: u64) {
        let joins_ms = now_ms + self.scene.boot_ms;
        self.booting.push(joins_ms);
        self.trial = Some((joins_ms, self.mean_ms, self.ended_per_s()));
    }

    /// Ten seconds after a server joined.
    fn judge(&mut self, now_ms: u64, mean_ms: f64) {
        let Some((joined_ms, before_ms, rate)) = self.trial else {
            return;
        };
        if now_ms <= joined_ms + 10_000 {
            return;
        }
        self.trial = None;
        let answers_more = self.ended_per_s() >= rate * (1.0 + 0.5 / self.serving as f64);
        if mean_ms <= 0.9 * before_ms || answers_more {
            self.sizing.helped(at(now_ms));
        } else {
            self.elsewhere_until = now_ms + 300_000;
        }
    }

    /// Over the last ten seconds.
    fn ended_per_s(&self) -> f64 {
        let back = self.ended.len().saturating_sub(6);
        let (Some(then), Some(now)) = (self.ended.get(back), self.ended.last()) else {
            return 0.0;
        };
        (now - then) as f64 / 10.0
    }

    fn poll(&mut self, now_ms: u64) {
        self.ended.push(self.result.requests);
        let joined = self.booting.iter().filter(|at| **at <= now_ms).count();
        self.booting.retain(|at| *at > now_ms);
        if joined > 0 {
            self.serving += joined;
            self.result.changes += u32::try_from(joined).expect("few");
            (self.changed_ms, self.joined_ms) = (now_ms, now_ms);
            self.streak = 0;
            self.window.clear();
            self.hand_out(now_ms * 1_000);
        }
        let queued = u32::try_from(self.queue.len()).expect("few");
        let in_flight: u32 = self.servers.iter().map(|it| it.in_flight).sum();
        let look = Look {
            reading: Reading {
                arrived: self.arrived,
                open: in_flight + queued + (self.scene.long_sessions)(now_ms as f64 / 1e3),
                queued,
            },
            serving: Strength::of((0..self.serving).map(|_| 1), 1),
            coming: self.booting.len() as f64,
            slots: self.scene.maxconn.map(f64::from),
            is_log_trusted: true,
            is_pretended: false,
            is_elsewhere: now_ms < self.elsewhere_until,
        };
        let outlook = self.sizing.look(at(now_ms), look);
        let there = self.serving + self.booting.len();
        let servers = |units: Option<f64>| units.map_or(0, |units| whole(units) as usize);
        let most = self.scene.servers_max;
        for _ in there..servers(outlook.undoubted).min(most) {
            self.booting.push(now_ms + self.scene.boot_ms);
        }
        let there = self.serving + self.booting.len();
        if there < servers(outlook.asked).min(most) && self.trial.is_none() {
            self.begin_trial(now_ms);
        }
        let is_too_many = outlook.may_leave(self.serving as f64 - 1.0);
        let may_go = self.serving > 1 && self.booting.is_empty() && self.streak == 0;
        if is_too_many && may_go && now_ms >= self.changed_ms + GOES_MS {
            self.serving -= 1;
            self.changed_ms = now_ms;
            self.result.changes += 1;
        }
        self.result.server_seconds +=
            (self.serving + self.booting.len()) as f64 * POLL_MS as f64 / 1e3;
        self.result.most = self.result.most.max(self.serving);
        self.result.outlook = Some(outlook);
        if now_ms.is_multiple_of(60_000) {
            self.result.by_minute.push(self.serving);
        }
    }
}
