//! What one server carries within the goal, as a bracket: so much was proved, at so much it broke. How
//! that is learned is in `learning`, what is needed for a demand in `need`.
//!
//! Rates and requests in flight are those of one *unit*: a server as strong as the one that weights are
//! held against (`Strength`). A server of a tenth of its weight is a tenth of a unit.
//!
//! Shares and times are those that were simulated on many shapes of load; none is a law of nature.

use crate::words::time::Timestamp;

/// A load that broke is forgotten by this share of it an hour …
const FORGOTTEN_AN_HOUR: f64 = 0.03;
/// … up to this many times what was proved.
const FORGOTTEN_MAX: f64 = 1.25;
/// Sizing stays this far below what broke …
pub(super) const BELOW_BROKEN: f64 = 0.95;
/// … and trusts this share of it even where less was proved.
const TRUSTED_OF_BROKEN: f64 = 0.7;
/// While nothing broke, so many times what was proved is tried: as much as is forgotten of what broke.
const TRIED_ABOVE_PROVED: f64 = FORGOTTEN_MAX;

/// One thing that was learned, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lesson {
    /// Requests a second or requests in flight, of one unit.
    pub value: f64,
    /// When it was learned.
    pub at: Timestamp,
}

/// What is known of one unit. Plain data: kept over restarts, filled from an old log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bracket {
    /// Requests a second: the most that were carried well for a minute.
    pub proved: Option<Lesson>,
    /// Requests in flight: the most that were held well for a minute.
    pub held: Option<Lesson>,
    /// Requests a second at which the first breach of an episode came.
    pub broken: Option<Lesson>,
}

/// What to reckon with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Carries {
    /// It never broke: enough to take servers away, and no reason to add any. A little more than was
    /// proved, or nobody would ever learn whether that is carried, too.
    Proved(f64),
    /// It broke.
    Bounded(f64),
}

impl Carries {
    /// Requests a second that one unit carries within the goal.
    pub const fn per_second(self) -> f64 {
        match self {
            Self::Proved(per_second) | Self::Bounded(per_second) => per_second,
        }
    }
}

impl Bracket {
    /// An operator says that one unit carries so many requests a second.
    pub const fn given(per_second: f64) -> Self {
        let at = Timestamp::from_ms(0);
        Self {
            proved: Some(Lesson {
                value: per_second,
                at,
            }),
            held: None,
            broken: Some(Lesson {
                value: per_second / BELOW_BROKEN,
                at,
            }),
        }
    }

    /// So many times all of it.
    pub(super) fn times(mut self, factor: f64) -> Self {
        let lessons = [&mut self.proved, &mut self.held, &mut self.broken];
        for lesson in lessons.into_iter().flatten() {
            lesson.value *= factor;
        }
        self
    }

    /// The rate that broke it, forgotten as far as time has gone by.
    pub fn broken_by_now(&self, now: Timestamp) -> Option<f64> {
        let broken = self.broken?;
        let hours = now.since(broken.at).as_secs_f64() / 3_600.0;
        let forgotten = broken.value * (1.0 + FORGOTTEN_AN_HOUR * hours);
        let most = self
            .proved
            .map_or(broken.value, |it| it.value * FORGOTTEN_MAX);
        Some(forgotten.min(most.max(broken.value)))
    }

    /// Requests in flight that one unit holds well: as many as were seen, and C·S₀ at least, for one that
    /// carries `carries` a second holds those (Little's law).
    pub(super) fn holds(&self, carries: Option<f64>, service_s: Option<f64>) -> Option<f64> {
        let held = self.held.filter(|held| held.value > 0.0)?.value;
        let at_least = carries.zip(service_s);
        let at_least = at_least.map_or(0.0, |(carries, service_s)| carries * service_s);
        Some(held.max(at_least))
    }

    /// C = min(0.95·broken, max(proved, 0.7·broken)); 1.25·proved while nothing broke.
    pub fn carries(&self, now: Timestamp) -> Option<Carries> {
        let proved = self.proved.map(|it| it.value);
        match (self.broken_by_now(now), proved) {
            (Some(broken), proved) => {
                let trusted = TRUSTED_OF_BROKEN * broken;
                let carries = proved.map_or(trusted, |proved| proved.max(trusted));
                Some(Carries::Bounded(carries.min(BELOW_BROKEN * broken)))
            }
            (None, proved) => proved.map(|proved| Carries::Proved(TRIED_ABOVE_PROVED * proved)),
        }
    }
}
