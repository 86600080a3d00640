//! The weights that one server was told instead of haproxy.cfg's, and which of them HAProxy may still show
//! because of us. Why it is told them is in `ramp`.

use std::time::Duration;

use crate::words::time::Timestamp;

/// A command whose answer was lost may take effect for so long.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// Weights that are remembered: a state file may bring any of the latest into another HAProxy process.
const TOLD_MAX: usize = 4;

/// Newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Vec<Command>);

#[derive(Clone, Copy, Debug)]
struct Command {
    weight: u32,
    /// Its answer was found to be lost: it may take effect late.
    lost_at: Option<Timestamp>,
    /// A newer one was seen: this process of HAProxy shows it no more.
    is_past: bool,
}

impl Told {
    /// What an earlier daemon told: any of it may be what is shown.
    pub(super) fn restore(&mut self, weights: Vec<u32>) {
        self.0.clear();
        for weight in weights {
            self.push(weight);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// All that are remembered, newest last.
    pub(super) fn weights(&self) -> Vec<u32> {
        self.0.iter().map(|it| it.weight).collect()
    }

    pub(super) fn last(&self) -> Option<u32> {
        self.0.last().map(|it| it.weight)
    }

    /// HAProxy may show it because of us.
    pub(super) fn may_show(&self, shown: u32) -> bool {
        self.0.iter().any(|it| it.weight == shown && !it.is_past)
    }

    pub(super) fn push(&mut self, weight: u32) {
        if self.last() != Some(weight) {
            self.0.push(Command {
                weight,
                lost_at: None,
                is_past: false,
            });
        }
        if self.0.len() > TOLD_MAX {
            self.0.remove(0);
        }
    }

    /// The answer to the last one is lost.
    pub(super) fn lose_last(&mut self, now: Timestamp) {
        if let Some(last) = self.0.last_mut() {
            last.lost_at = Some(now);
        }
    }

    /// That weight is shown: what was told before it is past, unless its answer was lost a moment ago.
    pub(super) fn see(&mut self, now: Timestamp, shown: u32) {
        let is_seen = |it: &Command| it.weight == shown && !it.is_past;
        let Some(at) = self.0.iter().position(is_seen) else {
            return;
        };
        for before in self.0.iter_mut().take(at) {
            let is_over = |at: Timestamp| now.since(at) >= SETTLED_AFTER;
            before.is_past |= before.lost_at.is_none_or(is_over);
        }
    }

    /// A state file may have brought any of them along into another process.
    pub(super) fn begin_generation(&mut self) {
        for told in &mut self.0 {
            told.is_past = false;
        }
    }
}
