//! The numbers of each server, found by backend and server without allocating once they exist.
//! What the numbers are does not live here.

use super::ServerStats;

/// Servers that are told apart. A log of stock HAProxy never gets near; a file of random names must
/// not fill the memory. Further ones are counted together as [`OVERFLOW_NAME`].
pub const SERVERS_MAX: usize = 4096;
/// Backend and server that stand for all beyond [`SERVERS_MAX`].
pub const OVERFLOW_NAME: &str = "<other>";

/// Slots for hashes at the beginning; a power of two, as later.
const SLOTS_MIN: usize = 64;
/// An odd number whose bits are well mixed: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Every server of a log. A table of slots leads from a hash to a place in the list; there are at
/// least twice as many slots as servers, so a search ends soon. Names come from HAProxy's
/// configuration, not from clients, so nobody can choose them to collide.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers {
    list: Vec<Entry>,
    /// Places in the list + 1; zero is an empty slot.
    slots: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    backend: String,
    server: String,
    stats: ServerStats,
}

impl Servers {
    /// One server's numbers, made on first sight.
    pub(super) fn of(&mut self, backend: &[u8], server: &[u8]) -> &mut ServerStats {
        let place = match self.find(backend, server) {
            Ok(place) => place,
            Err(_) if self.list.len() >= SERVERS_MAX => {
                match self.find(OVERFLOW_NAME.as_bytes(), OVERFLOW_NAME.as_bytes()) {
                    Ok(place) => place,
                    Err(slot) => {
                        self.insert(slot, OVERFLOW_NAME.as_bytes(), OVERFLOW_NAME.as_bytes())
                    }
                }
            }
            Err(slot) => self.insert(slot, backend, server),
        };
        &mut self.list[place].stats
    }

    /// Backend, server and its numbers, sorted by backend and server.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (&str, &str, &ServerStats)> {
        let mut sorted: Vec<&Entry> = self.list.iter().collect();
        sorted.sort_by_key(|it| (&it.backend, &it.server));
        sorted
            .into_iter()
            .map(|it| (it.backend.as_str(), it.server.as_str(), &it.stats))
    }

    /// The place of a server, or the empty slot where it belongs.
    fn find(&self, backend: &[u8], server: &[u8]) -> Result<usize, usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = hash(backend, server) & mask;
        loop {
            let Some(place) = self.slots.get(slot).and_then(|it| it.checked_sub(1)) else {
                return Err(slot);
            };
            let place = place as usize;
            if let Some(found) = self.list.get(place)
                && found.server.as_bytes() == server
                && found.backend.as_bytes() == backend
            {
                return Ok(place);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn insert(&mut self, slot: usize, backend: &[u8], server: &[u8]) -> usize {
        let place = self.list.len();
        self.list.push(Entry {
            backend: String::from_utf8_lossy(backend).into_owned(),
            server: String::from_utf8_lossy(server).into_owned(),
            stats: ServerStats::default(),
        });
        if self.list.len() * 2 > self.slots.len() {
            self.grow();
        } else if let Some(empty) = self.slots.get_mut(slot) {
            *empty = u32::try_from(place + 1).unwrap_or_default();
        }
        place
    }

    /// Twice as many slots, each server in one.
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots = vec![0; slots];
        for (number, server) in (1..).zip(&self.list) {
            let mut slot = hash(server.backend.as_bytes(), server.server.as_bytes()) & (slots - 1);
            while self.slots.get(slot).is_some_and(|&taken| taken != 0) {
                slot = (slot + 1) & (slots - 1);
            }
            if let Some(empty) = self.slots.get_mut(slot) {
                *empty = number;
            }
        }
    }
}

/// Eight bytes at a time; good enough for names that nobody chose to collide.
fn hash(backend: &[u8], server: &[u8]) -> usize {
    let mut hash = (backend.len() as u64) << 32 | server.len() as u64;
    for name in [backend, server] {
        let mut words = name.chunks_exact(8);
        for word in &mut words {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            hash = (hash ^ word).wrapping_mul(MIX);
            hash ^= hash >> 32;
        }
        let rest = words.remainder();
        let last = rest
            .iter()
            .fold(0, |word, &byte| word << 8 | u64::from(byte));
        hash = (hash ^ last).wrapping_mul(MIX);
        hash ^= hash >> 32;
    }
    usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}
