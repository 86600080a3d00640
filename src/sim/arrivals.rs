//! How many users come, and when: a rate curve with the same arrivals for the same seed. What
//! becomes of them is the business of `queues` or of a real HAProxy.

use super::dice::Dice;
use super::whole_us;

/// Microseconds in a second.
const SECOND_US: f64 = 1_000_000.0;

/// A day in short: a calm morning, a rush that begins at a fixed time and lasts until it is told
/// to end, and a quiet evening.
#[derive(Clone, Debug)]
pub struct RateCurve {
    /// Requests per second outside the rush.
    pub calm_per_s: f64,
    /// Requests per second in it.
    pub rush_per_s: f64,
    /// When the rush begins, microseconds.
    pub rises_at_us: u64,
    /// How long it takes to rise, and to fall, microseconds.
    pub ramp_us: u64,
    /// When it begins to fall; `None`: not yet decided.
    pub falls_at_us: Option<u64>,
}

impl RateCurve {
    /// Requests per second at this moment.
    pub fn rate_per_s(&self, at_us: u64) -> f64 {
        let share = |since_us: u64| {
            let gone_us = at_us.saturating_sub(since_us);
            (gone_us as f64 / self.ramp_us.max(1) as f64).min(1.0)
        };
        let risen = share(self.rises_at_us);
        let fallen = self.falls_at_us.map_or(0.0, share);
        self.calm_per_s + (self.rush_per_s - self.calm_per_s) * (risen - fallen).max(0.0)
    }
}

/// One user's request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// When, microseconds since the start.
    pub at_us: u64,
    /// How much work it is, 1.0 on average. Drawn here and not where it is served, so that two
    /// runs over the same arrivals differ only in what was done about them.
    pub work: f64,
}

/// Arrivals that do not wait for one another ("open" load): a slow backend gets no fewer of them.
#[derive(Clone, Debug)]
pub struct Arrivals {
    pub curve: RateCurve,
    dice: Dice,
    last_us: u64,
}

impl Arrivals {
    /// The arrivals of this curve and seed.
    pub const fn new(curve: RateCurve, seed: u64) -> Self {
        Self {
            curve,
            dice: Dice::new(seed),
            last_us: 0,
        }
    }

    pub fn draw(&mut self) -> Arrival {
        let rate = self.curve.rate_per_s(self.last_us).max(0.1);
        // Gaps of 0.5 to 1.5 times the mean: less bunched than independent users would be, so that
        // half a minute is enough to see the trend.
        let gap_us = SECOND_US / rate * self.dice.between(0.5, 1.5);
        self.last_us = self.last_us.saturating_add(whole_us(gap_us));
        Arrival {
            at_us: self.last_us,
            work: self.dice.between(0.8, 1.2),
        }
    }
}
