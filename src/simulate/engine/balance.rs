//! Who gets the next request, by HAProxy's algorithms.

use super::server::Server;
use crate::words::closed::closed;
use crate::words::picture;

closed! {
    /// `balance` in haproxy.cfg.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Balance {
        /// Each in turn.
        #[default]
        RoundRobin = "roundrobin",
        /// Whoever has the fewest open requests; of equals each in turn.
        LeastConn = "leastconn",
        /// The first one that is not full.
        First = "first",
    }
}

impl Balance {
    /// New requests wait behind those that wait already, even if a server has room.
    pub(super) const fn queues_behind(self) -> bool {
        match self {
            Self::RoundRobin | Self::First => true,
            Self::LeastConn => false,
        }
    }

    /// The server for a new request; `None`: none has room. `last`: where the last one went.
    pub(super) fn choose(self, servers: &[Server], last: usize) -> Option<usize> {
        let start = last.wrapping_add(1);
        match self {
            Self::First => servers.iter().position(Server::has_room),
            Self::RoundRobin => in_turn(servers, start)
                .find(|it| it.1.has_room())
                .map(|it| it.0),
            Self::LeastConn => {
                let free = in_turn(servers, start).filter(|it| it.1.has_room());
                free.min_by_key(|it| it.1.open).map(|it| it.0)
            }
        }
    }

    /// What `show stat` says of it, as far as it matters.
    pub(crate) const fn as_shown(self) -> picture::Balance {
        match self {
            Self::RoundRobin => picture::Balance::InTurn,
            Self::LeastConn => picture::Balance::ByLoad,
            Self::First => picture::Balance::First,
        }
    }
}

/// All of them, beginning with `start`.
fn in_turn(servers: &[Server], start: usize) -> impl Iterator<Item = (usize, &Server)> {
    let start = if start < servers.len() { start } else { 0 };
    let (before, after) = servers.split_at(start);
    let after = after
        .iter()
        .enumerate()
        .map(move |(at, it)| (start + at, it));
    after.chain(before.iter().enumerate())
}
