//! Numbers that look random and are the same for the same seed (`SplitMix64`: Steele, Lea and Flood
//! 2014). Not for secrets.

use crate::words::mix::{STEP, mix};

/// A generator; copies go on alike.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The n-th of a family of generators that share a seed.
    pub const fn numbered(seed: u64, number: u64) -> Self {
        Self((seed ^ number.wrapping_mul(STEP)).wrapping_sub(STEP))
    }

    /// All 64 bits of the next number.
    pub const fn bits(&mut self) -> u64 {
        let number = mix(self.0);
        self.0 = self.0.wrapping_add(STEP);
        number
    }

    /// From 0 to one less than `limit`, which is small.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.bits() % if limit == 0 { 1 } else { limit }
    }

    /// From 0 to just below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly spread over `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }
}
