//! The Knative Pod Autoscaler on requests in flight, told the right target:
//! `pkg/autoscaler/scaling/autoscaler.go`, defaults of `config/core/configmaps/autoscaler.yaml`.

use super::hpa::whole;
use super::in_flight::InFlight;
use crate::simulate::engine::{Backend, SECOND_NS};

/// `tick-interval`.
pub(super) const TICK_S: u64 = 2;
/// `stable-window` and `panic-window-percentage` of it.
const STABLE_S: u64 = 60;
const PANIC_S: u64 = 6;
/// `panic-threshold-percentage`.
const PANIC_AT: f64 = 2.0;
/// `max-scale-up-rate` and `max-scale-down-rate`, within a tick.
const UP_RATE: f64 = 1000.0;
const DOWN_RATE: f64 = 2.0;

/// Its state.
#[derive(Debug)]
pub(super) struct Kpa {
    /// Requests in flight that one server is to have.
    target: f64,
    in_flight: InFlight,
    /// Since when it panics; every further breach sets it anew.
    panics_since_ns: Option<u64>,
    /// The most that it wanted in this panic.
    most: usize,
}

impl Kpa {
    /// With more than one server it begins in a panic, so that it takes none away before it knows the load.
    pub(super) fn new(target: f64, ready: usize) -> Self {
        Self {
            target,
            in_flight: InFlight::new(STABLE_S),
            panics_since_ns: (ready > 1).then_some(0),
            most: ready,
        }
    }

    /// How many it wants; `serving` are ready.
    pub(super) fn wanted(&mut self, now_ns: u64, serving: usize, backend: &mut Backend) -> usize {
        self.in_flight.sample(now_ns, backend);
        let ready = serving.max(1);
        let most = whole(UP_RATE * ready as f64);
        let least = ready / whole(DOWN_RATE);
        let by = |span_s: u64| whole(self.in_flight.mean(span_s) / self.target);
        let (by_panic, by_stable) = (by(PANIC_S), by(STABLE_S));
        let stable = by_stable.clamp(least, most);
        let panic = by_panic.clamp(least, most);
        if by_panic as f64 / ready as f64 >= PANIC_AT {
            self.panics_since_ns = Some(now_ns);
        } else if self
            .panics_since_ns
            .is_some_and(|since| now_ns - since >= STABLE_S * SECOND_NS)
        {
            self.panics_since_ns = None;
            self.most = 0;
        }
        if self.panics_since_ns.is_none() {
            return stable;
        }
        // In a panic it never takes away.
        self.most = self.most.max(stable).max(panic).max(serving);
        self.most
    }
}
