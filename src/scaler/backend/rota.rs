//! Hours in which more servers are to serve than `min` says. The calendar that they come from is none of the
//! scaler's.

use crate::words::shift::{Shift, TimeOfDay};
use crate::words::time::Timestamp;

/// Hours that are held at most.
const SHIFTS_MAX: usize = 10_000;

/// The hours that are known, and those of now.
#[derive(Debug, Default)]
pub(in crate::scaler) struct Rota {
    shifts: Vec<Shift>,
    /// Of those that last, the one that wants most.
    present: Option<Shift>,
    /// When that was looked at last.
    turned_at: Timestamp,
    /// The hours were told since then.
    is_new: bool,
}

impl Rota {
    /// These hours instead of those that were known; what they want is seen at once, in [`Rota::turn`].
    pub(in crate::scaler) fn set(&mut self, shifts: &[Shift]) {
        self.shifts = shifts.iter().copied().take(SHIFTS_MAX).collect();
        self.is_new = true;
    }

    /// Time has passed: what the hours of now want.
    pub(super) fn turn(&mut self, now: Timestamp) {
        (self.is_new, self.turned_at) = (false, now);
        self.shifts.retain(|shift| now < shift.to);
        let lasting = self.shifts.iter().filter(|shift| shift.from <= now);
        // Of those that want as much the one that lasts longest.
        let present = lasting.copied().max_by_key(|shift| (shift.min, shift.to));
        self.present = present;
    }

    /// When the hours of now may want something else.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if self.is_new {
            return Some(self.turned_at);
        }
        let edges = self.shifts.iter().flat_map(|shift| [shift.from, shift.to]);
        edges.filter(|edge| *edge > self.turned_at).min()
    }

    /// Servers that are to serve now, and until when.
    pub(super) fn min(&self) -> Option<(u32, TimeOfDay)> {
        self.present.map(|shift| (shift.min, shift.until))
    }

    /// Hours that are held.
    pub(super) fn held(&self) -> usize {
        self.shifts.len()
    }
}
