//! Requests in flight, on average over the last so many seconds, as a metrics server has them.

use std::collections::VecDeque;

use crate::simulate::engine::{Backend, SECOND_NS};

/// Samples of the integral of the open requests.
#[derive(Debug)]
pub(super) struct InFlight {
    samples: VecDeque<(u64, u128)>,
    keep_ns: u64,
}

impl InFlight {
    /// Remembers the last `keep_s` seconds.
    pub(super) fn new(keep_s: u64) -> Self {
        Self {
            samples: VecDeque::from([(0, 0)]),
            keep_ns: keep_s * SECOND_NS,
        }
    }

    /// Looks.
    pub(super) fn sample(&mut self, now_ns: u64, backend: &mut Backend) {
        let oldest_ns = now_ns.saturating_sub(self.keep_ns);
        while self.samples.len() > 1 && self.samples.get(1).is_some_and(|it| it.0 <= oldest_ns) {
            self.samples.pop_front();
        }
        self.samples
            .push_back((now_ns, backend.open_request_ns(now_ns)));
    }

    /// Over the last `span_s` seconds before the last look, or as long as there are looks.
    pub(super) fn mean(&self, span_s: u64) -> f64 {
        let Some(&(now_ns, area)) = self.samples.back() else {
            return 0.0;
        };
        let from_ns = now_ns.saturating_sub(span_s * SECOND_NS);
        let from = self.samples.iter().rev().find(|it| it.0 <= from_ns);
        let Some(&(from_ns, before)) = from.or_else(|| self.samples.front()) else {
            return 0.0;
        };
        (area - before) as f64 / (now_ns - from_ns).max(1) as f64
    }
}
