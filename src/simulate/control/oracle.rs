//! An oracle that knows every rate to come, and what a server carries: it asks for servers just early
//! enough, and takes them away as soon as it will not need them for as long as a start takes.

use std::sync::Arc;

use crate::simulate::engine::SECOND_NS;

/// How much earlier than needed a server is there, seconds; a need that comes back within the same time
/// keeps it.
const MARGIN_S: usize = 10;

/// Its knowledge.
#[derive(Debug)]
pub(super) struct Oracle {
    /// The most servers that will be needed from each second on, as far as it looks.
    wanted: Arc<[usize]>,
}

impl Oracle {
    /// Of the servers that are needed in each second.
    pub(super) fn new(needed: &[usize], boot_ns: u64) -> Self {
        let ahead_s = usize::try_from(boot_ns.div_ceil(SECOND_NS)).unwrap_or(usize::MAX);
        let ahead = ahead_s.saturating_add(MARGIN_S);
        let highest = |second: usize| {
            let end = second
                .saturating_add(ahead)
                .saturating_add(1)
                .min(needed.len());
            needed
                .get(second..end)
                .and_then(|it| it.iter().max())
                .copied()
        };
        Self {
            wanted: (0..needed.len())
                .map(|it| highest(it).unwrap_or(0))
                .collect(),
        }
    }

    /// How many it wants now.
    pub(super) fn wanted(&self, now_ns: u64) -> usize {
        let second = usize::try_from(now_ns / SECOND_NS).unwrap_or(usize::MAX);
        self.wanted.get(second).copied().unwrap_or(0)
    }
}
