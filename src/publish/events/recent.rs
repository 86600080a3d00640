//! The last events in memory. What is told every few minutes has a part of its own: it must not push out
//! what happened. Each backend's last ones are kept beside them, however old they are.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{EXPLAINED_MAX, Entry, Move, RECENT_MAX, UncleanEnd};

/// Backends whose last events are kept; with more of them those that were quiet the longest go.
const BACKENDS_MAX: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Recent {
    shown: VecDeque<Arc<Entry>>,
    minor: VecDeque<Arc<Entry>>,
    /// The highest number that is not in them any more, of those that were.
    gone: u64,
    of_backends: BTreeMap<String, VecDeque<Arc<Entry>>>,
    /// Why they are not kept on disk.
    pub(super) problem: Option<String>,
    /// Another place, from the next event on.
    pub(super) moves: Option<Move>,
    /// How the daemon before this one ended, until that is told.
    pub(super) unclean_end: Option<UncleanEnd>,
}

impl Recent {
    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty() && self.minor.is_empty()
    }

    /// What daemons before this one told; between them are none above `gone` missing.
    pub(super) fn begin(&mut self, entries: impl Iterator<Item = Entry>, gone: u64) {
        entries.for_each(|entry| self.push(Arc::new(entry)));
        self.gone = self.gone.max(gone);
    }

    pub(super) fn push(&mut self, entry: Arc<Entry>) {
        let is_minor = entry.event.is_minor();
        if !is_minor && let Some(backend) = &entry.event.backend {
            self.keep_of(backend, &entry);
        }
        let part = if is_minor {
            &mut self.minor
        } else {
            &mut self.shown
        };
        part.push_back(entry);
        if part.len() > RECENT_MAX
            && let Some(oldest) = part.pop_front()
        {
            self.gone = self.gone.max(oldest.event.id);
        }
    }

    fn keep_of(&mut self, backend: &str, entry: &Arc<Entry>) {
        if !self.of_backends.contains_key(backend) {
            if self.of_backends.len() >= BACKENDS_MAX {
                let newest = |(_, last): &(&String, &VecDeque<Arc<Entry>>)| {
                    last.back().map_or(0, |entry| entry.event.id)
                };
                let quiet = self.of_backends.iter().min_by_key(newest);
                if let Some(quiet) = quiet.map(|(name, _)| name.clone()) {
                    self.of_backends.remove(&quiet);
                }
            }
            self.of_backends
                .insert(backend.to_owned(), VecDeque::with_capacity(1));
        }
        if let Some(last) = self.of_backends.get_mut(backend) {
            last.push_back(Arc::clone(entry));
            if last.len() > EXPLAINED_MAX {
                last.pop_front();
            }
        }
    }

    /// Those with a higher number, oldest first, from where on none is missing.
    pub(super) fn after(&self, id: u64) -> Vec<Arc<Entry>> {
        self.remembered(id.max(self.gone))
    }

    /// All with a higher number, oldest first; between the older ones some may be missing.
    pub(super) fn remembered(&self, id: u64) -> Vec<Arc<Entry>> {
        let behind = |part: &VecDeque<Arc<Entry>>| {
            let first = part.partition_point(|it| it.event.id <= id);
            part.range(first..).cloned().collect::<Vec<_>>()
        };
        let mut all = behind(&self.shown);
        let minor = behind(&self.minor);
        if !minor.is_empty() {
            all.extend(minor);
            all.sort_by_key(|it| it.event.id); // Two runs in order: they are merged.
        }
        all
    }

    /// The last ones of that backend that people are shown, oldest first.
    pub(super) fn last_of(&self, backend: &str) -> Vec<Arc<Entry>> {
        let last = self.of_backends.get(backend);
        last.map_or_else(Vec::new, |last| last.iter().cloned().collect())
    }

    /// Those of that number and above have one that is so much higher.
    pub(super) fn raise(&mut self, from: u64, by: u64) {
        let parts = [&mut self.shown, &mut self.minor];
        for part in parts.into_iter().chain(self.of_backends.values_mut()) {
            let newer = part.iter_mut().rev();
            for entry in newer.take_while(|it| it.event.id >= from) {
                *entry = entry.raised(by);
            }
        }
    }
}
