//! Which backend has that name: asked for every request, so it costs the same with one backend or a
//! thousand. The hash is a fixed one and nothing is ever listed from here: the same events give the
//! same actions.

use hashbrown::HashTable;

use crate::words::short_name::Name;

/// An odd number whose bits are spread evenly (2⁶⁴ divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Names and their numbers.
#[derive(Debug, Default)]
pub(super) struct Index {
    table: HashTable<(Name, usize)>,
}

impl Index {
    /// The first gets 0, the next 1 …; of two that are the same the latter counts.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut index = Self::default();
        for (number, name) in names.enumerate() {
            let hash = hash(name.as_bytes());
            if let Some(entry) = index.table.find_mut(hash, |(known, _)| known.is(name)) {
                entry.1 = number;
                continue;
            }
            let entry = (Name::of(name), number);
            let rehash = |(known, _): &(Name, usize)| self::hash(known.as_bytes());
            index.table.insert_unique(hash, entry, rehash);
        }
        index
    }

    /// The number of that name.
    pub(super) fn get(&self, name: &str) -> Option<usize> {
        let entry = self
            .table
            .find(hash(name.as_bytes()), |(known, _)| known.is(name))?;
        Some(entry.1)
    }

    /// Names that are held.
    pub(super) fn held(&self) -> usize {
        self.table.len()
    }
}

/// Eight bytes at a time. Only configured names are in the table: whoever writes lines with names of
/// his own makes no chain longer.
fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let length = u64::try_from(bytes.len()).unwrap_or(0);
    let words = words.iter().chain([&last]);
    let mixed = words.fold(length, |hash, word| {
        (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(SPREAD)
    });
    mixed ^ (mixed >> 32)
}
