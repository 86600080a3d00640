//! How warm a pretend application is. A cold one (caches empty, code not compiled, connections not
//! open) answers its first requests slowly, one at a time, whoever sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How long the first answers of a cold server take, milliseconds.
pub const COLD_ANSWERS_MS: [f64; 3] = [900.0, 600.0, 300.0];

/// Counts a server's answers. Clones count together: the load model and the small HTTP server of
/// one pretend machine share it.
#[derive(Clone, Debug)]
pub struct Warmth(Arc<AtomicUsize>);

impl Warmth {
    /// A server that has just been started.
    pub fn cold() -> Self {
        Self(Arc::new(AtomicUsize::new(0)))
    }

    /// A server that has run for long.
    pub fn warm() -> Self {
        Self(Arc::new(AtomicUsize::new(COLD_ANSWERS_MS.len())))
    }

    /// One that starts from the same count and then counts alone.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Arc::new(AtomicUsize::new(self.answered())))
    }

    /// Answers so far, 0 to 3 while it matters.
    pub fn answered(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more answer was given.
    pub fn note_answer(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How long the next answer takes; `None`: warm, as long as the work takes.
    pub fn next_cold_ms(&self) -> Option<f64> {
        COLD_ANSWERS_MS.get(self.answered()).copied()
    }
}
