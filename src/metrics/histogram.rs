//! Durations counted in buckets with fixed upper bounds.

use std::time::Duration;

/// How often something took at most so long. Bounds are microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Histogram {
    /// Each upper bound with how many took no longer, and longer than the bound before.
    buckets: Vec<(u64, u64)>,
    sum_us: u64,
    count: u64,
}

impl Histogram {
    /// Empty, with those upper bounds in any order.
    pub(super) fn new(bounds_us: impl IntoIterator<Item = u64>) -> Self {
        let mut bounds: Vec<u64> = bounds_us.into_iter().collect();
        bounds.sort_unstable();
        bounds.dedup();
        Self {
            buckets: bounds.into_iter().map(|bound| (bound, 0)).collect(),
            sum_us: 0,
            count: 0,
        }
    }

    /// Has the bounds of that one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let bounds = |of: &Self| {
            of.buckets
                .iter()
                .map(|(bound, _)| *bound)
                .collect::<Vec<_>>()
        };
        bounds(self) == bounds(other)
    }

    pub(super) fn add_us(&mut self, took_us: u64) {
        if let Some((_, count)) = self.buckets.iter_mut().find(|(bound, _)| took_us <= *bound) {
            *count += 1;
        }
        self.sum_us = self.sum_us.saturating_add(took_us);
        self.count += 1;
    }

    pub(super) fn add(&mut self, took: Duration) {
        self.add_us(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Upper bounds in seconds, each with how many are in its bucket alone. The last one is infinite:
    /// the encoder of `OpenMetrics` does not add it.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.buckets.iter();
        let within: u64 = bounds.clone().map(|(_, count)| count).sum();
        let bounds = bounds.map(|(bound, count)| (*bound as f64 / 1e6, *count));
        let above = self.count.saturating_sub(within);
        bounds.chain([(f64::INFINITY, above)]).collect()
    }

    /// All of them together, seconds.
    pub(super) const fn sum_s(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_a_bound_is_below_it_and_what_is_above_all_is_counted() {
        let mut histogram = Histogram::new([2_000, 1_000, 2_000]);
        for took_us in [1_000, 1_001, 2_000, 2_001] {
            histogram.add_us(took_us);
        }
        assert_eq!(
            histogram.buckets(),
            [(0.001, 1), (0.002, 2), (f64::INFINITY, 1)]
        );
        assert_eq!(histogram.count(), 4);
        assert!((histogram.sum_s() - 0.006_002).abs() < 1e-12);
    }
}
