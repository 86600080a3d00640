//! What each backend's measured value was, for the curve: the daemon's last hour, and what was looked at since.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;

use crate::status::Status;

/// Looks that are kept of each backend: as many columns as a wide terminal has.
const LOOKS_MAX: usize = 240;
/// Spans that a curve may have, minutes; an hour that has only begun is not squeezed into a corner.
const RANGES_MIN: [usize; 4] = [5, 15, 30, 60];

/// One backend's last hour as the daemon keeps it; of its lists only what is judged.
#[derive(Clone, Debug, Deserialize)]
pub struct LastHour {
    backend: String,
    /// Seconds of a point.
    step_s: usize,
    /// The highest value that was judged in each step, oldest first; the last one is not over.
    level: Vec<Option<f64>>,
}

/// The values of all backends that there are.
#[derive(Debug, Default)]
pub(super) struct Levels {
    of: BTreeMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    hour: Option<LastHour>,
    /// Since that hour was told; without one since the beginning.
    looks: VecDeque<Option<f64>>,
}

/// One backend's curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drawn {
    /// A value for each column, oldest first; `None` where nothing was measured.
    pub(super) columns: Vec<Option<f64>>,
    /// How long all of them are; `None`: a column is a look.
    pub(super) minutes: Option<usize>,
}

impl Levels {
    pub(super) fn take(&mut self, status: &Status) {
        self.of
            .retain(|name, _| status.backends.iter().any(|it| it.name == *name));
        for backend in &status.backends {
            let value = backend.measure().and_then(|(measure, _)| measure.value);
            let looks = &mut self.of.entry(backend.name.clone()).or_default().looks;
            if looks.len() == LOOKS_MAX {
                looks.pop_front();
            }
            looks.push_back(value);
        }
    }

    /// The daemon's hour takes the place of what was looked at meanwhile.
    pub(super) fn hear(&mut self, hour: LastHour) {
        if hour.level.is_empty() {
            return;
        }
        if let Some(seen) = self.of.get_mut(&hour.backend) {
            seen.looks.clear();
            seen.hour = Some(hour);
        }
    }

    /// That backend's curve on so many columns: the daemon's hour, or where it keeps none the newest looks.
    pub(super) fn drawn(&self, backend: &str, width: usize) -> Drawn {
        let Some(seen) = self.of.get(backend) else {
            return Drawn::default();
        };
        if let Some(hour) = &seen.hour {
            return hour.drawn(seen.looks.iter().copied().fold(None, highest), width);
        }
        let skip = seen.looks.len().saturating_sub(width);
        Drawn {
            columns: seen.looks.iter().skip(skip).copied().collect(),
            minutes: None,
        }
    }
}

impl LastHour {
    /// `since` is the highest value that was seen after it was told.
    fn drawn(&self, since: Option<f64>, width: usize) -> Drawn {
        let step_s = self.step_s.max(1);
        let long_s = self.level.len().saturating_mul(step_s);
        let is_enough = |minutes: &&usize| **minutes * 60 >= long_s;
        let minutes = RANGES_MIN.iter().find(is_enough).copied().unwrap_or(60);
        let points = (minutes * 60 / step_s).max(1);
        // Points of that time before the first one are empty.
        let ahead = points.saturating_sub(self.level.len());
        let last = self.level.len().saturating_sub(1);
        let point = |at: usize| {
            let at = at.checked_sub(ahead)?;
            let level = self.level.get(at).copied().flatten();
            if at == last {
                highest(level, since)
            } else {
                level
            }
        };
        let column = |column: usize| {
            let from = column * points / width;
            let to = ((column + 1) * points).div_ceil(width);
            (from..to).map(point).fold(None, highest)
        };
        Drawn {
            columns: (0..width).map(column).collect(),
            minutes: Some(minutes),
        }
    }
}

fn highest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}
