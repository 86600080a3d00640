//! A log cut into slices of some seconds: how many servers took requests in each, what arrived, what was
//! in flight, how long it took. What follows from that is in `carries`.

use std::collections::BTreeMap;

use crate::measure::settings::Signal;
use crate::simulate::load::recorded::{Log, Logged};

/// A slice is to hold so many requests, so that its mean says something …
const REQUESTS: f64 = 100.0;
/// … within these bounds.
const LENGTH_S: std::ops::RangeInclusive<u64> = 10..=60;
/// With fewer requests a slice says nothing.
const REQUESTS_MIN: u32 = 20;
/// After servers have come or gone, so long is left out: the backlog of before is not theirs.
const SETTLES_S: u64 = 20;
/// Response times of slices that are alike differ by this factor at most.
const EVEN_RATIO: f64 = 3.0;
/// Of more slices (about a year of a quiet log) the last ones are left out.
const SLICES_MAX: u64 = 1_000_000;

/// Some seconds of a backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice {
    /// Its beginning, milliseconds since 1970 by the log's clock.
    pub at_ms: u64,
    /// Servers that were given a request in it.
    pub servers: u32,
    /// Requests that arrived.
    pub arrived: u32,
    /// Of these, how many got no answer, or an error.
    pub failed: u32,
    /// Requests that were answered in it.
    pub answered: u32,
    /// Requests in flight on the average: they waited for an answer, in HAProxy or in a server.
    pub in_flight: f64,
    /// Mean of what those who arrived waited, Tw + Tc + Tr, milliseconds; one without an answer waited
    /// until its end.
    pub response_ms: f64,
    /// Mean of the goal's signal of them, milliseconds.
    pub signal_ms: f64,
    /// The same servers as just before and just behind it, and enough requests.
    pub is_steady: bool,
    /// Response times about as just before and just behind it: none in which a rush begins or a backlog
    /// ends. Means over these say nothing of either part.
    pub is_even: bool,
}

impl Slice {
    /// Requests in flight of one server.
    pub fn in_flight_each(&self) -> f64 {
        self.in_flight / f64::from(self.servers.max(1))
    }

    /// Requests a second that one server answered.
    pub fn answered_each(&self, length_s: u64) -> f64 {
        f64::from(self.answered) / length_s.max(1) as f64 / f64::from(self.servers.max(1))
    }

    /// Requests a second that one server served, by Little's law.
    pub fn served_each(&self) -> f64 {
        self.in_flight_each() * 1000.0 / self.response_ms.max(1.0)
    }
}

/// A backend's log in slices.
#[derive(Clone, Debug)]
pub struct Slices {
    /// Seconds of each.
    pub length_s: u64,
    /// Without a gap.
    pub all: Vec<Slice>,
}

/// Sums of one slice.
#[derive(Clone, Debug, Default)]
struct Sums {
    given: BTreeMap<u16, u32>,
    arrived: u32,
    failed: u32,
    answered: u32,
    measured: u32,
    response_ms: u64,
    signal_ms: u64,
    /// Request milliseconds of those that did not fill the slice.
    partial_ms: u64,
    /// How many more, or fewer, fill it than the one before.
    whole: i64,
}

impl Slices {
    /// Cuts the log. `signal` is what the goal is about.
    pub fn of(log: &Log, signal: Signal) -> Self {
        let length_s = whole_seconds(log);
        let each_ms = length_s * 1000;
        let first_ms = log.requests.first().map_or(0, |it| it.arrived_ms);
        let start_ms = first_ms - first_ms % 1000;
        let last_ms = log.requests.last().map_or(0, |it| it.arrived_ms);
        // The last one is not whole.
        let count = ((last_ms - start_ms) / each_ms).min(SLICES_MAX);
        let mut sums = vec![Sums::default(); usize::try_from(count).unwrap_or(0)];
        for request in &log.requests {
            take(&mut sums, request, signal, start_ms, each_ms);
        }
        let mut all = Vec::with_capacity(sums.len());
        let mut filling = 0;
        for (at_ms, sum) in (start_ms..)
            .step_by(usize::try_from(each_ms).unwrap_or(1))
            .zip(&sums)
        {
            filling += sum.whole;
            let area_ms = sum.partial_ms as f64 + filling as f64 * each_ms as f64;
            let mean = |sum_ms: u64| sum_ms as f64 / f64::from(sum.measured.max(1));
            all.push(Slice {
                at_ms,
                servers: u32::try_from(sum.given.len()).unwrap_or(u32::MAX),
                arrived: sum.arrived,
                failed: sum.failed,
                answered: sum.answered,
                in_flight: area_ms / each_ms as f64,
                response_ms: mean(sum.response_ms),
                signal_ms: mean(sum.signal_ms),
                is_steady: false,
                is_even: false,
            });
        }
        mark_steady(&mut all, &sums, length_s);
        mark_even(&mut all);
        Self { length_s, all }
    }

    /// Those that say something of what one server carries.
    pub fn steady(&self) -> impl Iterator<Item = &Slice> {
        self.all.iter().filter(|it| it.is_steady)
    }
}

/// Seconds of a slice: at the usual rate, nights left out, it holds enough requests.
fn whole_seconds(log: &Log) -> u64 {
    let shortest_ms = LENGTH_S.start() * 1000;
    let mut active = 0_u64;
    let mut last = None;
    for request in &log.requests {
        let slice = Some(request.arrived_ms / shortest_ms);
        active += u64::from(slice != last);
        last = slice;
    }
    let each = log.requests.len() as f64 / active.max(1) as f64;
    (*LENGTH_S.start()..=*LENGTH_S.end())
        .step_by(usize::try_from(*LENGTH_S.start()).unwrap_or(1))
        .find(|length_s| each * (*length_s / LENGTH_S.start()) as f64 >= REQUESTS)
        .unwrap_or(*LENGTH_S.end())
}

/// How long a request was in flight, and what of that is the goal's signal. `None`: a fast error.
fn waited_ms(request: &Logged, signal: Signal) -> Option<(u32, u32)> {
    match request.server_ms {
        Some(server_ms) if request.is_answered => {
            let response_ms = request.queue_ms.saturating_add(server_ms);
            let signal_ms = match signal {
                Signal::ServerTime => request.response_ms.unwrap_or(server_ms),
                Signal::ResponseTime
                | Signal::QueueTime
                | Signal::ConnectTime
                | Signal::QueueLength
                | Signal::Concurrency
                | Signal::RequestRate => response_ms,
            };
            Some((response_ms, signal_ms))
        }
        Some(_) => None,
        None => {
            let open_ms = request.open_ms.max(request.queue_ms);
            Some((open_ms, open_ms))
        }
    }
}

fn take(sums: &mut [Sums], request: &Logged, signal: Signal, start_ms: u64, length_ms: u64) {
    let place = |at_ms: u64| usize::try_from((at_ms - start_ms) / length_ms).unwrap_or(usize::MAX);
    let arrived_ms = request.arrived_ms;
    let dispatched_ms = arrived_ms.saturating_add(request.queue_ms.into());
    let given = request.server.zip(sums.get_mut(place(dispatched_ms)));
    if let Some((server, sum)) = given {
        *sum.given.entry(server).or_default() += 1;
    }
    let first = place(arrived_ms);
    let waited = waited_ms(request, signal);
    if let Some(sum) = sums.get_mut(first) {
        sum.arrived += 1;
        sum.failed += u32::from(!request.is_answered);
        if let Some((response_ms, signal_ms)) = waited {
            sum.measured += 1;
            sum.response_ms += u64::from(response_ms);
            sum.signal_ms += u64::from(signal_ms);
        }
    }
    let flight_ms = waited.map_or(0, |it| u64::from(it.0));
    let ended_ms = arrived_ms.saturating_add(flight_ms);
    let last = place(ended_ms);
    if let Some(sum) = sums.get_mut(last) {
        sum.answered += u32::from(request.is_answered);
    }
    let mut add = |at: usize, ms: u64| {
        if let Some(sum) = sums.get_mut(at) {
            sum.partial_ms += ms;
        }
    };
    if first == last {
        add(first, flight_ms);
        return;
    }
    let begins_ms = |at: usize| start_ms + at as u64 * length_ms;
    add(first, begins_ms(first + 1) - arrived_ms);
    add(last, ended_ms - begins_ms(last));
    for (at, step) in [(first + 1, 1), (last, -1)] {
        if let Some(sum) = sums.get_mut(at) {
            sum.whole += step;
        }
    }
}

fn mark_even(all: &mut [Slice]) {
    let times: Vec<f64> = all.iter().map(|it| it.response_ms.max(1.0)).collect();
    for (index, slice) in all.iter_mut().enumerate() {
        let around = times.get(index.saturating_sub(1)..(index + 2).min(times.len()));
        let own_ms = slice.response_ms.max(1.0);
        let is_near = |ms: &f64| ms / own_ms <= EVEN_RATIO && own_ms / ms <= EVEN_RATIO;
        slice.is_even = around.is_some_and(|it| it.iter().all(is_near));
    }
}

fn mark_steady(all: &mut [Slice], sums: &[Sums], length_s: u64) {
    let before = usize::try_from(SETTLES_S.div_ceil(length_s)).unwrap_or(1);
    for (index, slice) in all.iter_mut().enumerate() {
        let around = sums.get(index.saturating_sub(before)..=(index + 1).min(sums.len() - 1));
        let is_same = |pair: &[Sums]| match pair {
            [a, b] => a.given.keys().eq(b.given.keys()),
            _ => true,
        };
        let is_same = around.is_some_and(|it| it.windows(2).all(is_same));
        slice.is_steady = is_same && slice.arrived >= REQUESTS_MIN && slice.servers > 0;
    }
}
