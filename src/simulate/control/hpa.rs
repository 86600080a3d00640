//! The Horizontal Pod Autoscaler of Kubernetes, version 2, on requests in flight per server, told the
//! right target: `pkg/controller/podautoscaler/replica_calculator.go` and `horizontal.go`, defaults of
//! `pkg/apis/autoscaling/v2/defaults.go`.

use std::collections::VecDeque;

use super::in_flight::InFlight;
use crate::simulate::engine::{Backend, SECOND_NS};

/// `--horizontal-pod-autoscaler-sync-period`, and what a metric is averaged over.
pub(super) const SYNC_S: u64 = 15;
/// `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: f64 = 0.1;
/// `behavior.scaleDown.stabilizationWindowSeconds`.
const DOWN_WINDOW_NS: u64 = 300 * SECOND_NS;
/// `behavior.scaleUp.policies`: within a sync period at most so many, or twice as many as there are.
const UP_PODS: usize = 4;

/// Its state.
#[derive(Debug)]
pub(super) struct Hpa {
    /// Requests in flight that one server is to have.
    target: f64,
    in_flight: InFlight,
    /// What it recommended within [`DOWN_WINDOW_NS`].
    recommended: VecDeque<(u64, usize)>,
}

impl Hpa {
    pub(super) fn new(target: f64) -> Self {
        Self {
            target,
            in_flight: InFlight::new(SYNC_S),
            recommended: VecDeque::new(),
        }
    }

    /// How many it wants; `serving` of the servers that are `asked_for` are ready.
    pub(super) fn wanted(
        &mut self,
        now_ns: u64,
        (serving, asked_for): (usize, usize),
        (min, max): (usize, usize),
        backend: &mut Backend,
    ) -> usize {
        self.in_flight.sample(now_ns, backend);
        let total = self.in_flight.mean(SYNC_S);
        let desired = self.desired(total, serving, asked_for).clamp(min, max);
        self.recommended.push_back((now_ns, desired));
        let oldest_ns = now_ns.saturating_sub(DOWN_WINDOW_NS);
        while self.recommended.front().is_some_and(|it| it.0 < oldest_ns) {
            self.recommended.pop_front();
        }
        let highest = self.recommended.iter().map(|it| it.1).max();
        let stable = if desired < asked_for {
            highest.unwrap_or(desired).min(asked_for)
        } else {
            desired
        };
        stable.min((asked_for + UP_PODS).max(asked_for * 2))
    }

    fn desired(&self, total: f64, serving: usize, asked_for: usize) -> usize {
        let ratio = |servers: usize| total / (self.target * servers.max(1) as f64);
        let by_ready = ratio(serving);
        if (by_ready - 1.0).abs() <= TOLERANCE {
            return asked_for;
        }
        if by_ready < 1.0 || asked_for == serving {
            return whole(by_ready * serving as f64);
        }
        // Those that are not ready yet count as if they had no load: if that changes the direction,
        // nothing happens.
        let by_all = ratio(asked_for);
        if by_all < 1.0 + TOLERANCE {
            return asked_for;
        }
        whole(by_all * asked_for as f64).max(asked_for)
    }
}

/// Rounded up.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn whole(servers: f64) -> usize {
    // A hair above a whole number is that number: the sum is not exact.
    (servers - 1e-9).ceil().max(0.0) as usize
}
