//! The scaler in virtual time: who drives it keeps here what is under way, and hears in which order
//! things come due. What an action does is the driver's own business.

use std::collections::BTreeMap;

use crate::scaler::Scaler;
use crate::words::time::Timestamp;

/// What is under way, by the time at which it ends; what began first ends first.
#[derive(Debug)]
pub struct Underway<T> {
    ends: BTreeMap<(Timestamp, u64), T>,
    begun: u64,
}

#[derive(Debug)]
pub enum Due<T> {
    /// Something that was under way ends.
    Outcome(T),
    /// The scaler's own deadline.
    Tick,
}

impl<T> Default for Underway<T> {
    fn default() -> Self {
        Self {
            ends: BTreeMap::new(),
            begun: 0,
        }
    }
}

impl<T> Underway<T> {
    /// Something will end at that time.
    pub fn begin(&mut self, ends_at: Timestamp, what: T) {
        self.begun += 1;
        self.ends.insert((ends_at, self.begun), what);
    }

    /// Takes what comes next and when, if it comes until `end`. An outcome comes before a deadline of
    /// the same instant, as the daemon has it.
    pub fn next(&mut self, scaler: &Scaler, end: Timestamp) -> Option<(Timestamp, Due<T>)> {
        let due = scaler.deadline().filter(|due| *due <= end);
        match self.ends.first_entry() {
            Some(entry) if entry.key().0 <= due.unwrap_or(end) => {
                let ((at, _), what) = entry.remove_entry();
                Some((at, Due::Outcome(what)))
            }
            Some(_) | None => due.map(|due| (due, Due::Tick)),
        }
    }

    /// When something comes next.
    pub fn due(&self, scaler: &Scaler) -> Option<Timestamp> {
        let ends_at = self.ends.first_key_value().map(|((at, _), _)| *at);
        ends_at.into_iter().chain(scaler.deadline()).min()
    }

    /// Everything that is under way.
    pub fn all(&mut self) -> impl Iterator<Item = &mut T> {
        self.ends.values_mut()
    }

    /// Forgets what is under way, and gives it.
    pub fn take(&mut self) -> impl Iterator<Item = (Timestamp, T)> + use<T> {
        let ends = std::mem::take(&mut self.ends);
        ends.into_iter().map(|((at, _), what)| (at, what))
    }
}
