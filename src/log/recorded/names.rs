//! Backends and servers as numbers: found by name without allocating once they are known.

/// Slots for hashes at the beginning; a power of two, as later.
const SLOTS_MIN: usize = 64;
/// An odd number whose bits are well mixed: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Every server of a log, numbered from 0 in the order of first sight.
///
/// A table of slots leads from a hash to a number; there are at least twice as many slots as names,
/// so a search ends soon. Names come from HAProxy's configuration, not from clients, so nobody can
/// choose them to collide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    list: Vec<(String, String)>,
    /// Numbers + 1; zero is an empty slot.
    slots: Vec<u32>,
}

impl Names {
    /// The number of a server. A new one is noted; `None` when there are `max` already.
    #[inline]
    pub(crate) fn number(&mut self, backend: &[u8], server: &[u8], max: usize) -> Option<usize> {
        match self.find(backend, server) {
            Ok(number) => Some(number),
            Err(_) if self.list.len() >= max => None,
            Err(slot) => Some(self.insert(slot, backend, server)),
        }
    }

    /// Backend and server of each number.
    pub(crate) fn list(&self) -> &[(String, String)] {
        &self.list
    }

    /// The number of a server, or the empty slot where it belongs.
    #[inline]
    fn find(&self, backend: &[u8], server: &[u8]) -> Result<usize, usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = hash(backend, server) & mask;
        loop {
            let Some(number) = self.slots.get(slot).and_then(|it| it.checked_sub(1)) else {
                return Err(slot);
            };
            let number = number as usize;
            if let Some((known_backend, known_server)) = self.list.get(number)
                && known_server.as_bytes() == server
                && known_backend.as_bytes() == backend
            {
                return Ok(number);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn insert(&mut self, slot: usize, backend: &[u8], server: &[u8]) -> usize {
        let number = self.list.len();
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        self.list.push((text(backend), text(server)));
        if self.list.len() * 2 > self.slots.len() {
            self.grow();
        } else if let Some(empty) = self.slots.get_mut(slot) {
            *empty = u32::try_from(number + 1).unwrap_or_default();
        }
        number
    }

    /// Twice as many slots, each name in one.
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots = vec![0; slots];
        for (number, (backend, server)) in (1..).zip(&self.list) {
            let mut slot = hash(backend.as_bytes(), server.as_bytes()) & (slots - 1);
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
#[inline]
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_keeps_its_number_and_no_two_names_share_one(
            seen in proptest::collection::vec(("[a-c]{0,2}", "[a-e.:]{0,12}"), 0..300),
        ) {
            let mut names = Names::default();
            let mut model: BTreeMap<(String, String), usize> = BTreeMap::new();
            for (backend, server) in seen {
                let number = names.number(backend.as_bytes(), server.as_bytes(), 100);
                let count = model.len();
                let key = (backend, server);
                let known = model.get(&key).copied();
                prop_assert_eq!(number, known.or((count < 100).then_some(count)));
                if let Some(number) = number {
                    prop_assert_eq!(&names.list()[number], &key);
                    model.insert(key, number);
                }
            }
        }
    }
}
