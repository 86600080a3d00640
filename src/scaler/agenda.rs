//! Who is due next: each backend's next instant, and the first of all. A tree of minima in one piece
//! of memory: an instant that changes costs a few comparisons, and the first one is at the root.

use crate::words::time::Timestamp;

/// Where there is no backend.
const NEVER: Timestamp = Timestamp::from_ms(u64::MAX);
/// The place of the first of all.
const ROOT: usize = 1;

/// Next instants by the backends' numbers.
#[derive(Debug)]
pub(super) struct Agenda {
    backends: usize,
    /// The place of backend 0, a power of two; the others follow it.
    leaves: usize,
    /// From [`ROOT`] on: the earlier one of the places `2 * place` and `2 * place + 1`.
    tree: Vec<Timestamp>,
}

impl Agenda {
    /// Backend 0 is due at the first instant, 1 at the next one …
    pub(super) fn of(dues: impl ExactSizeIterator<Item = Timestamp>) -> Self {
        let backends = dues.len();
        let leaves = backends.next_power_of_two();
        let mut tree = vec![NEVER; leaves];
        tree.extend(dues);
        tree.resize(2 * leaves, NEVER);
        let mut agenda = Self {
            backends,
            leaves,
            tree,
        };
        for place in (ROOT..leaves).rev() {
            agenda.compare(place);
        }
        agenda
    }

    /// The first instant of all; `None` without a backend.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.tree.get(ROOT).copied().filter(|_| self.backends > 0)
    }

    /// The same, and whose it is: of several the one with the smallest number.
    pub(super) fn next(&self) -> Option<(Timestamp, usize)> {
        let first = self.first()?;
        let mut place = ROOT;
        while place < self.leaves {
            place *= 2;
            if self.at(place) != first {
                place += 1;
            }
        }
        Some((first, place - self.leaves))
    }

    /// When that backend is due.
    pub(super) fn due_of(&self, backend: usize) -> Timestamp {
        self.at(self.leaves + backend)
    }

    /// That backend is due at another instant.
    pub(super) fn set(&mut self, backend: usize, due: Timestamp) {
        let mut place = self.leaves + backend;
        match self.tree.get_mut(place) {
            Some(noted) if *noted != due => *noted = due,
            Some(_) | None => return,
        }
        while place > ROOT {
            place /= 2;
            if !self.compare(place) {
                return;
            }
        }
    }

    /// Instants that are held.
    pub(super) fn held(&self) -> usize {
        self.tree.len()
    }

    fn at(&self, place: usize) -> Timestamp {
        self.tree.get(place).copied().unwrap_or(NEVER)
    }

    /// Notes the earlier one of two; true when that is another instant than before.
    fn compare(&mut self, place: usize) -> bool {
        let earlier = self.at(2 * place).min(self.at(2 * place + 1));
        self.tree
            .get_mut(place)
            .is_some_and(|noted| std::mem::replace(noted, earlier) != earlier)
    }
}
