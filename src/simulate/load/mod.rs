//! Who comes, and how much work each request is: the same for every policy of a simulation.

pub mod envelope;
pub mod rates;
pub mod recorded;
pub mod service;
pub mod shapes;

use std::sync::Arc;

use self::service::{Sampler, exponential};
use super::engine::{Arrival, NEVER_NS, SECOND_NS};
use crate::sim::dice::Dice;

/// A load: rates to draw from, or requests as a log has them.
#[derive(Clone, Debug)]
pub struct Load {
    /// Requests a second, for each second. Of a log: what came in it.
    pub rates_per_s: Arc<[f64]>,
    /// Where arrivals come from.
    pub arrivals: Arrivals,
    /// Service times.
    pub service: Sampler,
    /// How many times as long a request takes that comes in each second; beyond its end 1.
    pub heaviness: Arc<[f64]>,
    /// Of all that is drawn.
    pub seed: u64,
}

/// Where arrivals come from.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// Poisson, the rate constant within a second.
    Poisson,
    /// These, in their order. A service time of 0 is drawn.
    Recorded(Arc<[Arrival]>),
}

impl Load {
    /// All of it, from the start.
    pub fn stream(&self) -> Stream<'_> {
        Stream {
            load: self,
            // Two streams, so that another service time leaves the arrivals as they are.
            arrivals: Dice::numbered(self.seed, 1),
            service: Dice::numbered(self.seed, 2),
            at_s: 0.0,
            second: 0,
            next: 0,
        }
    }

    /// Whole seconds that it lasts.
    pub fn seconds(&self) -> usize {
        self.rates_per_s.len()
    }

    /// Its end, nanoseconds.
    pub fn end_ns(&self) -> u64 {
        (self.seconds() as u64).saturating_mul(SECOND_NS)
    }

    /// The largest rate of a second.
    pub fn peak_per_s(&self) -> f64 {
        self.rates_per_s.iter().copied().fold(0.0, f64::max)
    }
}

/// A load as it comes.
#[derive(Clone, Debug)]
pub struct Stream<'a> {
    load: &'a Load,
    arrivals: Dice,
    service: Dice,
    /// Within the second.
    at_s: f64,
    second: usize,
    next: usize,
}

impl Iterator for Stream<'_> {
    type Item = Arrival;

    #[inline]
    fn next(&mut self) -> Option<Arrival> {
        let mut arrival = match &self.load.arrivals {
            Arrivals::Poisson => Arrival {
                at_ns: self.poisson_ns()?,
                service_ns: 0,
            },
            Arrivals::Recorded(recorded) => {
                let arrival = *recorded.get(self.next)?;
                self.next += 1;
                arrival
            }
        };
        if arrival.service_ns == 0 {
            arrival.service_ns = self.load.service.draw(&mut self.service);
        }
        if let Some(factor) = self.heaviness(arrival.at_ns) {
            arrival.service_ns = heavier(arrival.service_ns, factor);
        }
        Some(arrival)
    }
}

impl Stream<'_> {
    #[inline]
    fn heaviness(&self, at_ns: u64) -> Option<f64> {
        let second = usize::try_from(at_ns / SECOND_NS).ok()?;
        self.load.heaviness.get(second).copied()
    }

    /// An exponential gap has no memory: where the rate changes, the rest of it is drawn anew.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn poisson_ns(&mut self) -> Option<u64> {
        loop {
            let rate_per_s = *self.load.rates_per_s.get(self.second)?;
            if rate_per_s > 0.0 {
                self.at_s += exponential(&mut self.arrivals) / rate_per_s;
                if self.at_s < 1.0 {
                    let within_ns = (self.at_s * SECOND_NS as f64) as u64;
                    return Some(self.second as u64 * SECOND_NS + within_ns);
                }
            }
            self.at_s = 0.0;
            self.second += 1;
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn heavier(service_ns: u64, factor: f64) -> u64 {
    (service_ns as f64 * factor.max(0.0)) as u64
}

/// When a request comes that may not come.
pub fn at_ns(arrival: Option<&Arrival>) -> u64 {
    arrival.map_or(NEVER_NS, |it| it.at_ns)
}
