//! Shapes of load by name: the rate over a run, as a share of its peak. How many requests really come in
//! a second is drawn in `arrivals`.
//!
//! The last five are the shapes that Gandhi et al. tried `AutoScale` on (ACM TOCS 30/4, 2012, table 1:
//! parts of public traces). The traces are not repeated here, only what their names and pictures say.

use std::f64::consts::TAU;

use crate::words::closed::closed;

closed! {
    /// A load that has a name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Shape {
        /// One day: 15 % of the peak at both ends, the peak in the middle, a cosine in between.
        Day = "day",
        /// 20 % of the peak; at 40 % of the time five times as much within 10 s, for a fifth of the
        /// time, and back within 10 s.
        Spike = "spike",
        /// From 10 % of the peak to all of it, in a straight line.
        Ramp = "ramp",
        /// Six teeth, each from 20 % of the peak to all of it in a straight line, and back at once.
        Sawtooth = "sawtooth",
        /// Four waves around 60 % of the peak, 40 % up and down.
        Sine = "sine",
        /// The peak, always.
        Steady = "steady",
        /// Gentle hills between 60 % of the peak and all of it.
        SlowlyVarying = "slowly-varying",
        /// 40 % of the peak, and one spike to the peak and back in the middle, a tenth of the time wide.
        BigSpike = "big-spike",
        /// 35 % of the peak in the first half, the peak in the second, a short slope in between.
        DualPhase = "dual-phase",
        /// Large hills of unequal height and width, down to 20 % of the peak and up to all of it.
        LargeVariations = "large-variations",
        /// Three phases with steep slopes: 30 % of the peak, the peak, 55 %.
        SteepTriPhase = "steep-tri-phase",
    }
}

/// How long the spike takes to rise and to fall, seconds.
const SPIKE_SLOPE_S: f64 = 10.0;

/// Straight lines between points (share of the time, share of the peak).
const SLOWLY_VARYING: &[(f64, f64)] = &[
    (0.0, 0.70),
    (0.20, 0.85),
    (0.40, 0.75),
    (0.65, 1.0),
    (0.85, 0.80),
    (1.0, 0.60),
];
const BIG_SPIKE: &[(f64, f64)] = &[
    (0.0, 0.40),
    (0.45, 0.40),
    (0.50, 1.0),
    (0.55, 0.40),
    (1.0, 0.40),
];
const DUAL_PHASE: &[(f64, f64)] = &[(0.0, 0.35), (0.48, 0.35), (0.52, 1.0), (1.0, 1.0)];
const LARGE_VARIATIONS: &[(f64, f64)] = &[
    (0.0, 0.30),
    (0.10, 0.90),
    (0.20, 0.40),
    (0.30, 1.0),
    (0.45, 0.20),
    (0.60, 0.75),
    (0.68, 0.30),
    (0.80, 0.95),
    (0.90, 0.25),
    (1.0, 0.60),
];
const STEEP_TRI_PHASE: &[(f64, f64)] = &[
    (0.0, 0.30),
    (0.32, 0.30),
    (0.34, 1.0),
    (0.65, 1.0),
    (0.67, 0.55),
    (1.0, 0.55),
];

impl Shape {
    /// The rate of each second, requests a second; `peak_per_s` is the largest.
    pub fn rates_per_s(self, seconds: u32, peak_per_s: f64) -> Vec<f64> {
        let length_s = f64::from(seconds.max(1));
        let rate = |second: u32| self.share_at(f64::from(second) + 0.5, length_s) * peak_per_s;
        (0..seconds).map(rate).collect()
    }

    /// The share of the peak at that second of a run of `length_s`.
    fn share_at(self, at_s: f64, length_s: f64) -> f64 {
        let done = at_s / length_s;
        match self {
            Self::Day => 0.15 + 0.85 * (1.0 - (done * TAU).cos()) / 2.0,
            Self::Spike => {
                let risen = (at_s - 0.4 * length_s) / SPIKE_SLOPE_S;
                let fallen = (at_s - 0.6 * length_s) / SPIKE_SLOPE_S;
                0.2 + 0.8 * (risen.clamp(0.0, 1.0) - fallen.clamp(0.0, 1.0)).max(0.0)
            }
            Self::Ramp => 0.1 + 0.9 * done,
            Self::Sawtooth => 0.2 + 0.8 * (done * 6.0).fract(),
            Self::Sine => 0.6 + 0.4 * (done * 4.0 * TAU).sin(),
            Self::Steady => 1.0,
            Self::SlowlyVarying => between(SLOWLY_VARYING, done),
            Self::BigSpike => between(BIG_SPIKE, done),
            Self::DualPhase => between(DUAL_PHASE, done),
            Self::LargeVariations => between(LARGE_VARIATIONS, done),
            Self::SteepTriPhase => between(STEEP_TRI_PHASE, done),
        }
    }
}

/// On the straight lines between the points.
fn between(points: &[(f64, f64)], at: f64) -> f64 {
    let lines = points.iter().zip(points.iter().skip(1));
    for (&(from, low), &(to, high)) in lines {
        if at <= to {
            return low + (high - low) * (at - from) / (to - from);
        }
    }
    points.last().map_or(0.0, |last| last.1)
}
