//! What a made-up log asks of its dice.

use haproxy_autoscale::sim::dice::Dice;

/// The generator of all randomness in a log.
pub(super) struct Prng(Dice);

impl Prng {
    pub(super) fn new(seed: u64) -> Self {
        Self(Dice::numbered(0, seed.wrapping_add(1)))
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// From 0 to one less than `limit`, which is small.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.0.unit() < share
    }

    /// A log-normal number: half of them are below `median`, and `sigma` says how far they spread.
    /// Response times and sizes look like this.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float becomes the nearest i32 there is"
    )]
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> i32 {
        // Box and Muller.
        let radius = (-2.0 * (1.0 - self.0.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.0.unit()).cos();
        (median * (sigma * normal).exp()) as i32
    }
}
