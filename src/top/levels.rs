//! What each backend's measured value was over the last looks, for the curve.

use std::collections::{BTreeMap, VecDeque};

use crate::status::Status;

/// Looks that are kept of each backend: as many columns as a wide terminal has.
const LOOKS_MAX: usize = 240;

/// The values of all backends that there are.
#[derive(Debug, Default)]
pub(super) struct Levels {
    of: BTreeMap<String, VecDeque<Option<f64>>>,
}

impl Levels {
    pub(super) fn take(&mut self, status: &Status) {
        self.of
            .retain(|name, _| status.backends.iter().any(|it| it.name == *name));
        for backend in &status.backends {
            let value = backend.measure().and_then(|(measure, _)| measure.value);
            let values = self.of.entry(backend.name.clone()).or_default();
            if values.len() == LOOKS_MAX {
                values.pop_front();
            }
            values.push_back(value);
        }
    }

    /// The newest `count` values, oldest first; `None` where nothing was measured.
    pub(super) fn last(&self, backend: &str, count: usize) -> Vec<Option<f64>> {
        let values = self.of.get(backend);
        let skip = values.map_or(0, |values| values.len().saturating_sub(count));
        let kept = values.into_iter().flatten();
        kept.skip(skip).copied().collect()
    }
}
