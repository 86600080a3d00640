//! Backends and servers as numbers: found by name without allocating once they are known.

use hashbrown::HashTable;

/// An odd number whose bits are well mixed: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Every server of a log, numbered from 0 in the order of first sight. Names come from HAProxy's
/// configuration, not from clients, so nobody can choose them to collide.
#[derive(Clone, Debug, Default)]
pub struct Names {
    list: Vec<(String, String)>,
    numbers: HashTable<usize>,
}

impl Names {
    /// The number of a server. A new one is noted; `None` when there are `max` already.
    #[inline]
    pub fn number(&mut self, backend: &[u8], server: &[u8], max: usize) -> Option<usize> {
        let hash = hash(backend, server);
        let found = self.numbers.find(hash, |&number| {
            let known = self.list.get(number);
            known.is_some_and(|it| it.1.as_bytes() == server && it.0.as_bytes() == backend)
        });
        match found {
            Some(&number) => Some(number),
            None if self.list.len() >= max => None,
            None => Some(self.insert(hash, backend, server)),
        }
    }

    /// Backend and server of each number.
    pub fn list(&self) -> &[(String, String)] {
        &self.list
    }

    #[cold]
    fn insert(&mut self, hash: u64, backend: &[u8], server: &[u8]) -> usize {
        let number = self.list.len();
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        self.list.push((text(backend), text(server)));
        let list = &self.list;
        self.numbers.insert_unique(hash, number, |&number| {
            let known = list.get(number);
            known.map_or(0, |it| self::hash(it.0.as_bytes(), it.1.as_bytes()))
        });
        number
    }
}

/// Eight bytes at a time; good enough for names that nobody chose to collide.
#[inline]
fn hash(backend: &[u8], server: &[u8]) -> u64 {
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
    hash
}
