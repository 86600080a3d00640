//! The numbers of each server, found by backend and server. What the numbers are does not live here.

use super::ServerStats;
use crate::log::recorded::Names;

/// Servers that are told apart. A log of stock HAProxy never gets near; a file of random names must
/// not fill the memory. Further ones are counted together as [`OVERFLOW_NAME`].
pub const SERVERS_MAX: usize = 4096;
/// Backend and server that stand for all beyond [`SERVERS_MAX`].
pub const OVERFLOW_NAME: &str = "<other>";

/// Every server of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers {
    names: Names,
    /// By the number of the name.
    stats: Vec<ServerStats>,
}

impl Servers {
    /// One server's numbers, made on first sight; `None` never happens.
    #[inline]
    pub(super) fn of(&mut self, backend: &[u8], server: &[u8]) -> Option<&mut ServerStats> {
        let other = OVERFLOW_NAME.as_bytes();
        let number = match self.names.number(backend, server, SERVERS_MAX) {
            Some(number) => number,
            None => self.names.number(other, other, SERVERS_MAX + 1)?,
        };
        if self.stats.len() <= number {
            self.stats.resize_with(number + 1, ServerStats::default);
        }
        self.stats.get_mut(number)
    }

    /// Backend, server and its numbers, sorted by backend and server.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (&str, &str, &ServerStats)> {
        let mut sorted: Vec<_> = self.names.list().iter().zip(&self.stats).collect();
        sorted.sort_by_key(|(names, _)| *names);
        sorted
            .into_iter()
            .map(|((backend, server), stats)| (backend.as_str(), server.as_str(), stats))
    }
}
