//! What one server carries within the goal, out of the slices of a log: what went well for a minute, and
//! at which rate the response time crosses the goal. Looks back on all of the log at once, which a daemon
//! cannot; what a calm minute is, is the daemon's own rule (`measure::learning`).

use super::curve::{Curve, Point};
use super::slices::{Slice, Slices};
use crate::measure::capacity::{Bracket, Lesson};
use crate::measure::learning::{CALM_LASTS, CALM_SHARE};
use crate::measure::served::Goal;
use crate::words::closed::closed;
use crate::words::time::Timestamp;

/// Slices up to so many times the goal make the curve: far beyond it there is only backlog.
const CURVE_UP_TO: f64 = 3.0;
/// How far below and above the goal a slice may be, as ratios, to tell the rate at the goal: the nearest
/// first. Far below it there is only what a request takes alone, far above it all that a server can do.
const NEAR: [(f64, f64); 4] = [(1.25, 1.25), (1.5, 1.5), (1.5, 2.0), (1.5, 4.0)];
/// … nor in a slice that is nearer to this one of all slices than to the goal, the fastest first.
const ALONE_ONE_OF: usize = 10;
/// So many of these are near enough to be sure of it.
const NEAR_SURE: usize = 2;
/// Slices that tell it.
const NEAR_SLICES: usize = 3;
/// A slice that is slow at less than this share of what was carried well is slow for another reason.
const EXPLAINED_SHARE: f64 = 0.5;
/// A minute in which more than one request in so many failed proves nothing.
const FAILED_ONE_OF: u32 = 10;
/// What is carried is not what breaks: as in `measure`, this share of what broke is believed.
const PROVED_OF_BROKEN: f64 = 0.95;
/// A curve that reaches the goal within so many times what was seen is near to it.
const NEAR_CURVE: f64 = 1.5;
/// A rate at the goal this far below what went well contradicts it; chance makes less of it.
const CONTRADICTS: f64 = 0.9;
/// What was seen within the goal is this near to what broke, and the curve this good, to be sure.
const BRACKET_MAX: f64 = 1.5;
const ERROR_MAX: f64 = 0.35;
/// The configuration takes no smaller rate.
const LEAST: f64 = 0.01;
/// Slow slices that make sure.
const SLOW_MIN: usize = 3;

closed! {
    /// How far to trust it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Confidence {
        Good = "good",
        Weak = "weak",
        /// The log cannot tell.
        None = "none",
    }
}

/// What the confidence follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It went well and it broke, not far apart.
    SeenBoth,
    /// No stretch in which the servers stayed the same had requests enough.
    TooLittle,
    /// Response times never came near the goal.
    NeverNear,
    /// They rose, and never reached the goal.
    NearOnly,
    /// It was slow only at loads that are carried well at other times.
    SlowWithoutLoad,
    /// It was too slow whenever there was enough to see.
    AlwaysSlow,
    /// It was too slow for a moment only.
    SlowBriefly,
    /// Nothing was seen between what went well and what was far too much.
    FarApart,
    /// Response times do not follow the requests in flight.
    BadCurve,
}

/// The most that was seen, of one server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Busiest {
    /// Requests a second.
    pub per_second: f64,
    pub in_flight: f64,
    /// Mean of the goal's signal then, milliseconds.
    pub signal_ms: f64,
    pub at_ms: u64,
}

/// What a log tells of one server.
#[derive(Clone, Copy, Debug)]
pub struct Carries {
    pub goal: Goal,
    /// Instants are milliseconds since 1970, by the log's clock.
    pub bracket: Bracket,
    pub curve: Option<Curve>,
    /// Requests in flight at which the response time reaches the goal.
    pub in_flight_at_goal: Option<f64>,
    /// The slice with the highest rate.
    pub busiest: Busiest,
    /// Seconds that were slow at a load that is carried well at other times.
    pub unexplained_s: u64,
    pub confidence: Confidence,
    pub why: Why,
}

impl Carries {
    /// Out of these slices.
    pub fn of(slices: &Slices, goal: Goal) -> Self {
        let steady: Vec<&Slice> = slices.steady().collect();
        let mut bracket = calm(slices, goal);
        let proved = bracket.proved.map_or(0.0, |it| it.value);
        let is_slow = |it: &&Slice| it.signal_ms > goal.ms;
        let is_explained =
            |it: &&Slice| !is_slow(it) || it.served_each() >= EXPLAINED_SHARE * proved;
        let (telling, unexplained): (Vec<&Slice>, Vec<&Slice>) =
            steady.iter().copied().partition(is_explained);
        let curve = curve(&telling, goal);
        let slow = telling.iter().filter(|it| is_slow(it) && it.is_even);
        let slow = slow.count();
        let broken = broken(&telling, goal.ms, slices.length_s);
        let within = telling.iter().filter(|it| !is_slow(it) && it.is_even);
        let within = within.map(|it| it.served_each()).fold(0.0, f64::max);
        let is_far = |(rate, _, is_near): (f64, u64, bool)| {
            rate > BRACKET_MAX * within || !is_near && rate > BRACKET_MAX * proved
        };
        let is_contradiction = broken.is_some_and(|it| it.0 < CONTRADICTS * proved);
        if let Some((rate, at_ms, _)) = broken {
            bracket.broken = Some(Lesson {
                value: if is_contradiction {
                    proved / PROVED_OF_BROKEN
                } else {
                    rate
                },
                at: Timestamp::from_ms(at_ms),
            });
            // The highest of many minutes is as high by chance, too.
            if let Some(lesson) = bracket.proved.as_mut().filter(|_| !is_contradiction) {
                lesson.value = proved.min(PROVED_OF_BROKEN * rate);
            }
        }
        let unexplained = unexplained.len();
        let by_curve = curve.and_then(|it| it.in_flight_at(goal.ms));
        let seen = steady
            .iter()
            .map(|it| it.in_flight_each())
            .fold(0.0, f64::max);
        let near = by_curve.filter(|it| *it <= NEAR_CURVE * seen);
        let in_flight_at_goal = broken.map(|(rate, ..)| rate * goal.ms / 1000.0).or(near);
        let (confidence, why) = if steady.is_empty() {
            (Confidence::None, Why::TooLittle)
        } else if broken.is_none() && unexplained > 0 {
            (Confidence::None, Why::SlowWithoutLoad)
        } else if broken.is_none() && near.is_none() {
            (Confidence::None, Why::NeverNear)
        } else if broken.is_none() && bracket.proved.is_none() {
            (Confidence::None, Why::NearOnly)
        } else if broken.is_none() {
            (Confidence::Weak, Why::NearOnly)
        } else if bracket.proved.is_none() {
            (Confidence::Weak, Why::AlwaysSlow)
        } else if slow < SLOW_MIN {
            (Confidence::Weak, Why::SlowBriefly)
        } else if broken.is_some_and(is_far) {
            (Confidence::Weak, Why::FarApart)
        } else if is_contradiction || curve.is_none_or(|it| it.error > ERROR_MAX) {
            (Confidence::Weak, Why::BadCurve)
        } else {
            (Confidence::Good, Why::SeenBoth)
        };
        Self {
            goal,
            bracket,
            curve,
            in_flight_at_goal,
            busiest: busiest(&steady, slices.length_s),
            unexplained_s: unexplained as u64 * slices.length_s,
            confidence,
            why,
        }
    }

    /// The bracket, for a daemon or a simulation that begins at 0; `None` if the log cannot tell.
    pub fn to_start_from(&self) -> Option<Bracket> {
        let at_start = |lesson: Option<Lesson>| {
            lesson.filter(|it| it.value >= LEAST).map(|it| Lesson {
                value: it.value,
                at: Timestamp::default(),
            })
        };
        let Bracket {
            proved,
            held,
            broken,
        } = self.bracket;
        match self.confidence {
            Confidence::None => None,
            Confidence::Good | Confidence::Weak => Some(Bracket {
                proved: at_start(proved),
                held: at_start(held),
                broken: at_start(broken),
            })
            .filter(|it| it.proved.is_some() || it.broken.is_some()),
        }
    }
}

/// What went well for a minute: the highest rate of one server, and the most that it held.
fn calm(slices: &Slices, goal: Goal) -> Bracket {
    let minute = CALM_LASTS.as_secs().div_ceil(slices.length_s).max(1);
    let minute = usize::try_from(minute).unwrap_or(1);
    let mut bracket = Bracket::default();
    for part in slices.all.windows(minute) {
        let is_good = |it: &Slice| it.is_steady && it.signal_ms <= goal.ms;
        let (Some(first), true) = (part.first(), part.iter().all(is_good)) else {
            continue;
        };
        let sum = |of: fn(&Slice) -> f64| part.iter().map(of).sum::<f64>();
        let arrived = sum(|it| f64::from(it.arrived));
        let signal_ms = sum(|it| f64::from(it.arrived) * it.signal_ms) / arrived.max(1.0);
        let failed: u32 = part.iter().map(|it| it.failed).sum();
        if signal_ms >= CALM_SHARE * goal.ms || f64::from(failed * FAILED_ONE_OF) > arrived {
            continue;
        }
        let seconds = (part.len() as u64 * slices.length_s) as f64;
        let servers = f64::from(first.servers.max(1));
        let at = Timestamp::from_ms(first.at_ms);
        raise(&mut bracket.proved, at, arrived / seconds / servers);
        raise(
            &mut bracket.held,
            at,
            sum(Slice::in_flight_each) / part.len() as f64,
        );
    }
    bracket
}

fn raise(lesson: &mut Option<Lesson>, at: Timestamp, value: f64) {
    if lesson.is_none_or(|it| value > it.value) {
        *lesson = Some(Lesson { value, at });
    }
}

fn curve(telling: &[&Slice], goal: Goal) -> Option<Curve> {
    let within = telling
        .iter()
        .filter(|it| it.signal_ms <= CURVE_UP_TO * goal.ms);
    let points = within.map(|it| Point {
        in_flight: it.in_flight_each(),
        response_ms: it.signal_ms,
        weight: f64::from(it.arrived),
    });
    Curve::fit(&points.collect::<Vec<_>>())
}

/// The rate that one server serves while response times are at the goal, and when that was first seen.
/// Where the goal is far above what a request takes alone this is all that a server can do; where it is
/// not, it is less. Whether it was seen near to the goal. `None` if nothing was slow.
fn broken(telling: &[&Slice], goal_ms: f64, length_s: u64) -> Option<(f64, u64, bool)> {
    let slow: Vec<&Slice> = telling
        .iter()
        .filter(|it| it.signal_ms > goal_ms)
        .copied()
        .collect();
    let first_ms = slow.first()?.at_ms;
    let mut times: Vec<f64> = telling.iter().map(|it| it.signal_ms).collect();
    times.sort_unstable_by(f64::total_cmp);
    let alone_ms = times
        .get(times.len() / ALONE_ONE_OF)
        .copied()
        .unwrap_or(0.0);
    let least_ms = f64::midpoint(alone_ms, goal_ms).min(goal_ms);
    let tells = |it: &&&Slice| it.is_even && it.signal_ms >= least_ms;
    let even: Vec<&Slice> = telling.iter().filter(tells).copied().collect();
    let mut near = NEAR.iter().enumerate();
    let near =
        near.find_map(|(at, ratios)| Some((rate_near(&even, goal_ms, *ratios)?, at < NEAR_SURE)));
    // All far above it: all that a server can do.
    let full = slow.iter().filter(|it| it.is_even);
    let full: Vec<f64> = full.map(|it| it.answered_each(length_s)).collect();
    let full = (!full.is_empty()).then(|| full.iter().sum::<f64>() / full.len() as f64);
    // Only a moment, of which a part was not slow: the least wrong one.
    let most = || slow.iter().map(|it| it.served_each()).fold(0.0, f64::max);
    let (rate, is_near) = near.unwrap_or_else(|| (full.unwrap_or_else(most), false));
    Some((rate, first_ms, is_near))
}

/// The mean of the slices whose response time is within these ratios of the goal; the nearer ones count
/// more.
fn rate_near(even: &[&Slice], goal_ms: f64, (below, above): (f64, f64)) -> Option<f64> {
    let (mut rates, mut weights, mut slices) = (0.0, 0.0, 0);
    for slice in even {
        let away = (slice.signal_ms.max(1.0) / goal_ms).ln();
        let away = (away / above.ln()).max(-away / below.ln());
        if away < 1.0 {
            let weight = (1.0 - away) * f64::from(slice.arrived);
            rates += weight * slice.served_each();
            weights += weight;
            slices += 1;
        }
    }
    (slices >= NEAR_SLICES && weights > 0.0).then(|| rates / weights)
}

fn busiest(steady: &[&Slice], length_s: u64) -> Busiest {
    let rate = |it: &Slice| f64::from(it.arrived) / length_s as f64 / f64::from(it.servers.max(1));
    let most = steady.iter().max_by(|a, b| rate(a).total_cmp(&rate(b)));
    most.map_or_else(Busiest::default, |it| Busiest {
        per_second: rate(it),
        in_flight: it.in_flight_each(),
        signal_ms: it.signal_ms,
        at_ms: it.at_ms,
    })
}
