//! An oracle that knows every rate to come, and what a server carries: it asks for servers just early
//! enough, and takes them away as soon as it will not need them for as long as a start takes.

use std::sync::Arc;

use super::rule::Start;
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
    /// Of the servers that are needed in each second. They come in the order of their tiers, so the last of
    /// these that it needs says how far it has to look.
    pub(super) fn new(needed: &[usize], start: &Start) -> Self {
        let mut wanted = vec![0; needed.len()];
        let mut spares: Vec<_> = start.servers.iter().skip(start.min).collect();
        spares.sort_by_key(|it| it.tier);
        let mut reached = start.min;
        for alike in spares.chunk_by(|a, b| a.boot_ns == b.boot_ns) {
            let before = reached;
            reached += alike.len();
            let boot_ns = alike.first().map_or(0, |it| it.boot_ns);
            for (wanted, highest) in wanted.iter_mut().zip(highest(needed, boot_ns)) {
                if highest > before {
                    *wanted = highest.min(reached).max(*wanted);
                }
            }
        }
        Self {
            wanted: wanted.into(),
        }
    }

    /// How many it wants now.
    pub(super) fn wanted(&self, now_ns: u64) -> usize {
        let second = usize::try_from(now_ns / SECOND_NS).unwrap_or(usize::MAX);
        self.wanted.get(second).copied().unwrap_or(0)
    }
}

/// The most servers that will be needed, from each second on until one that is asked for then serves.
fn highest(needed: &[usize], boot_ns: u64) -> impl Iterator<Item = usize> {
    let ahead_s = usize::try_from(boot_ns.div_ceil(SECOND_NS)).unwrap_or(usize::MAX);
    let ahead = ahead_s.saturating_add(MARGIN_S);
    (0..needed.len()).map(move |second| {
        let end = second.saturating_add(ahead).saturating_add(1);
        let seen = needed.get(second..end.min(needed.len()));
        seen.and_then(|it| it.iter().max()).copied().unwrap_or(0)
    })
}
