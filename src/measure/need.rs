//! How many servers a demand needs, given what one carries. Whether they are brought in does not belong
//! here, nor what is already on its way.
//!
//! ```text
//! N₁ = (λ + B/30 s + β·√(λ/S₀)) / C      arrivals, backlog and a square-root margin
//! N₂ = requests in flight / n_ok         stays right when requests grow heavier
//! ```
//!
//! N₁ leads, because HAProxy counts arrivals before anything is slow. N₂ is the rule of `AutoScale` (Gandhi,
//! Harchol-Balter, Raghunathan and Kozuch, ACM TOCS 30/4, 2012): where the work of each request doubled,
//! every policy on rates failed and requests in flight did not. The margin is the square-root staffing of Halfin and Whitt (c = ρ + β·√ρ with ρ = λ·S₀), written as
//! requests a second.

use super::capacity::{Bracket, Carries};
use crate::words::time::Timestamp;

/// A backlog is worked off within so many seconds.
pub const BACKLOG_S: f64 = 30.0;
/// Requests in flight that are no backlog: this many times those that are being served …
const SERVED_FACTOR: f64 = 2.0;
/// … and so many for each server.
const PER_SERVER: f64 = 2.0;
/// Where a `maxconn` makes the queue, this share of its slots is filled.
const SLOTS_SHARE: f64 = 0.9;

/// Sums of parts: three servers are not four because of the last bit.
const LAST_BIT: f64 = 1e-9;

/// How much more than the mean is kept ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headroom {
    /// None.
    Low,
    /// About 37 % of the requests would wait if a server did one at a time.
    #[default]
    Normal,
    /// About 10 % would.
    High,
}

impl Headroom {
    /// Every one, with its word in the configuration.
    pub const NAMED: &[(&str, Self)] = &[
        ("low", Self::Low),
        ("normal", Self::Normal),
        ("high", Self::High),
    ];

    /// β of the square-root rule.
    pub const fn beta(self) -> f64 {
        match self {
            Self::Low => 0.0,
            Self::Normal => 0.7,
            Self::High => 1.4,
        }
    }
}

/// What is kept ready beside so many requests a second that take S₀, `service_s` seconds: β·√(λ/S₀).
/// Never more than arrives: a minute of light requests alone makes S₀ next to nothing.
pub fn margin(beta: f64, per_second: f64, service_s: f64) -> f64 {
    let margin = beta * (per_second / service_s).sqrt();
    margin.min(per_second)
}

/// How strong servers are together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Strength {
    /// So many of them.
    pub servers: u32,
    /// Their effective weights together, in weights of the server that is the measure of all.
    pub units: f64,
}

impl Strength {
    /// Of servers of these effective weights; one of weight `measure` is one unit. A measure of 0 makes
    /// every server one unit.
    pub fn of(weights: impl IntoIterator<Item = u32>, measure: u32) -> Self {
        let mut sum = Self::default();
        for weight in weights {
            sum.servers = sum.servers.saturating_add(1);
            sum.units += match measure {
                0 => 1.0,
                measure => f64::from(weight) / f64::from(measure),
            };
        }
        sum
    }
}

/// What is asked of a backend now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// λ: requests a second that cost servers something.
    pub per_second: f64,
    /// Requests in flight now, long sessions left out: what piles up is among them.
    pub piled: f64,
    /// Requests in flight on the average of the last seconds.
    pub in_flight: f64,
    /// Requests that wait in HAProxy's queues before full servers, on the average of the last seconds.
    pub queued: f64,
    /// S₀, milliseconds.
    pub service_ms: Option<f64>,
    /// `maxconn` of one unit.
    pub slots: Option<f64>,
}

/// What a need follows from most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Arrivals and the margin.
    Arrivals,
    /// Arrivals too, and for what has piled up one server more, at least.
    Backlog,
    /// Requests in flight: they have become heavier.
    InFlight,
    /// A queue before servers that are full, while nobody knows what one carries.
    Queue,
}

/// How much strength is needed, with the numbers that it follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// Units.
    pub units: f64,
    /// Which of the counts is the highest.
    pub lead: Lead,
    /// Requests a second.
    pub demand: f64,
    /// Requests a second of the square-root margin.
    pub margin: f64,
    /// Requests that have piled up.
    pub backlog: f64,
    /// Requests in flight.
    pub in_flight: f64,
    /// What one unit carries; `None`: nobody knows.
    pub capacity: Option<Carries>,
    /// S₀, milliseconds.
    pub service_ms: Option<f64>,
    /// N₁ in units, where it is known what one carries.
    pub by_arrivals: Option<f64>,
    /// N₂ in units, where it is known what one holds.
    pub by_in_flight: Option<f64>,
    /// What serves and the slots for those that wait, in units, while nobody knows what breaks.
    pub by_queue: Option<f64>,
}

impl Need {
    /// Servers of one unit each.
    pub fn servers(&self) -> u32 {
        whole(self.units)
    }

    /// Units that may be asked for: before it is known where one breaks nothing but a queue asks.
    pub fn addable(&self) -> Option<f64> {
        match self.capacity {
            Some(Carries::Bounded(_)) => Some(self.units),
            Some(Carries::Proved(_)) | None => self.by_queue,
        }
    }

    /// The demand, a second, from which so many units are not enough; for people.
    pub fn enough_until(&self, units: f64) -> Option<f64> {
        let carries = self.capacity?.per_second() * units;
        let beta = if self.demand > 0.0 {
            self.margin / self.demand.sqrt()
        } else {
            0.0
        };
        // x + b·√x = carries, solved for √x.
        let root = (beta.mul_add(beta, 4.0 * carries).sqrt() - beta) / 2.0;
        Some(root * root)
    }
}

/// Whether so many units are as many as are wanted.
pub fn covers(units: f64, wanted: f64) -> bool {
    units >= wanted - LAST_BIT
}

/// A number of servers that is at least `units`.
pub fn whole(units: f64) -> u32 {
    let most = f64::from(u32::MAX);
    let up = (units - LAST_BIT).ceil().clamp(0.0, most);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It was clamped.
    let whole = up as u32;
    whole
}

/// What piles up: requests in flight beyond those that are being served.
pub fn backlog(load: &Load, serving: Strength) -> f64 {
    let served = load.per_second * load.service_ms.unwrap_or(0.0) / 1000.0;
    let normal = SERVED_FACTOR.mul_add(served, PER_SERVER * f64::from(serving.servers));
    (load.piled - normal).max(0.0)
}

/// What is needed for `load`, with what is known of one unit.
pub fn need(
    now: Timestamp,
    load: &Load,
    serving: Strength,
    bracket: &Bracket,
    beta: f64,
) -> Option<Need> {
    let service_s = load.service_ms.map(|ms| ms / 1000.0);
    let per_slot = load.slots.zip(service_s);
    let ceiling = per_slot.map_or(f64::INFINITY, |(slots, service_s)| {
        SLOTS_SHARE * slots / service_s
    });
    let capacity = bracket.carries(now).map(|carries| match carries {
        Carries::Proved(rate) => Carries::Proved(rate.min(ceiling)),
        Carries::Bounded(rate) => Carries::Bounded(rate.min(ceiling)),
    });
    let backlog = backlog(load, serving);
    let margin = match (capacity, service_s) {
        (Some(Carries::Bounded(_)), Some(service_s)) => margin(beta, load.per_second, service_s),
        // Where the edge is not known, there is nothing to stay away from.
        (Some(Carries::Proved(_)) | None, _) | (_, None) => 0.0,
    };
    let of_rate = |rate: f64| {
        let carries = capacity.map(Carries::per_second);
        let carries = carries.filter(|carries| *carries > 0.0);
        carries.map(|carries| rate / carries)
    };
    let by_demand = of_rate(load.per_second + margin);
    let by_arrivals = of_rate(load.per_second + margin + backlog / BACKLOG_S);
    let holds = bracket.holds(capacity.map(Carries::per_second), service_s);
    let by_in_flight = holds.map(|holds| load.in_flight / holds);
    let by_queue = match (capacity, load.slots) {
        (None | Some(Carries::Proved(_)), Some(slots)) if load.queued >= 1.0 && slots > 0.0 => {
            Some(serving.units + load.queued / slots)
        }
        (None | Some(_), _) => None,
    };
    let piles = by_demand.zip(by_arrivals);
    let piles = piles.is_some_and(|(without, with)| whole(with) > whole(without));
    let by_rate = if piles { Lead::Backlog } else { Lead::Arrivals };
    let counts = [
        (by_arrivals, by_rate),
        (by_in_flight, Lead::InFlight),
        (by_queue, Lead::Queue),
    ];
    let known = counts
        .into_iter()
        .filter_map(|(units, lead)| Some((units?, lead)));
    let (units, led_by) = known.reduce(|most, it| if it.0 > most.0 { it } else { most })?;
    Some(Need {
        units,
        lead: led_by,
        demand: load.per_second,
        margin,
        backlog,
        in_flight: load.in_flight,
        capacity,
        service_ms: load.service_ms,
        by_arrivals,
        by_in_flight,
        by_queue,
    })
}
